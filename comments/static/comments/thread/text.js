// Beside the text: how long it is, how it will look, quoting what somebody has selected, the names
// that may follow an "@", and what is wrong with a comment or a field.
import { button, make, parse, pause } from "./api.js";

const UNSTORED =
  /[\0-\x08\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\p{NChar}]/gu;

/** Returns the code points of a text as the server counts them once it has cleaned it.
 * @param {string} text */
export function lengthOf(text) {
  const lines = text.replace(/\r\n|[\r\v\f\x85\u2028\u2029]/g, "\n").replace(UNSTORED, "");
  return [...lines.normalize().replace(/^([^\S\n]*\n)+/, "").trimEnd()].length;
}

/** Returns what is wrong with a comment before it is sent, as the API would say it.
 * @param {View} view @param {string} source @param {any} author none where no name is asked for
 * @param {boolean} lacksAddress */
export function faultsOf(view, source, author, lacksAddress) {
  const over = lengthOf(source) - Number(view.section.dataset.maxChars);
  const wrong = [];
  if (author && !author.name.trim()) wrong.push({ pointer: "name", detail: view.t("name_needed") });
  if (!source.trim()) wrong.push({ pointer: "source", detail: view.t("text_needed") });
  if (over > 0) wrong.push({ pointer: "source", detail: view.t("too_long", { n: over }) });
  if (lacksAddress) wrong.push({ pointer: "email", detail: view.t("address_needed") });
  return wrong;
}

/** Takes away the errors beside the fields in an element. @param {any} place */
export function pardon(place) {
  for (const error of place.querySelectorAll(".errors, .error")) error.remove();
  for (const input of place.querySelectorAll("[aria-invalid]")) {
    input.closest(".field").classList.remove("has-error");
    input.ariaInvalid = null;
    input.setAttribute("aria-describedby", input.getAttribute("aria-describedby").replace(/\S+_error\s*/, ""));
  }
}

/** Puts an error beside its field; returns whether there is one. @param {any} fields @param {any} error */
export function blame(fields, { pointer, detail }) {
  const input = fields[pointer.replace("author", "name").match(/\w+$/)[0]];
  if (!input?.id) return false;
  const id = `${input.id}_error`;
  input.after(make("p", { class: "error", id }, detail));
  input.closest(".field").classList.add("has-error");
  input.ariaInvalid = "true";
  input.setAttribute("aria-describedby", `${id} ${input.getAttribute("aria-describedby") ?? ""}`);
  return true;
}

/** @param {WriteForm} write */
export function startText(write) {
  const { view, form, source } = write;
  const counter = make("p", { class: "help counter", hidden: "" });
  const shown = make("div", { class: "text", dir: "auto" });
  const panel = make(
    "div", { id: "reply-preview", class: "preview", role: "region", tabindex: "0", "aria-label": view.t("preview"), hidden: "" },
    make("p", { class: "label" }, view.t("preview")), shown,
  );
  const toggle = form.querySelector("[value=preview]");
  toggle.setAttribute("aria-controls", panel.id);
  // The field stays where it is: whoever types in it meanwhile would lose the focus.
  source.closest(".field").after(panel);
  source.after(counter);

  const count = () => {
    const most = Number(view.section.dataset.maxChars);
    const n = lengthOf(source.value);
    const level = n > most ? "over" : n >= most * 0.8 ? "near" : "";
    counter.hidden = !level;
    counter.textContent = view.t("counter", { n, most });
    if (level && level !== counter.dataset.level) {
      view.say(level === "over" ? view.t("too_long", { n: n - most }) : counter.textContent);
    }
    counter.dataset.level = level;
  };

  /** @type {AbortController | undefined} */
  let asking;
  const look = async (after = 400) => {
    asking?.abort();
    if (panel.hidden) return;
    const { signal } = (asking = new AbortController());
    await pause(after);
    if (signal.aborted) return;
    const { source, format } = write.body;
    if (!source.trim()) return shown.replaceChildren();
    try {
      const body = { source, format, thread: view.section.dataset.key };
      const { data } = await view.api.json("../../preview/", { method: "POST", body, signal });
      shown.replaceChildren(parse(data.html));
    } catch (error) {
      const problem = /** @type {any} */ (error);
      if (signal.aborted) return;
      if (problem.wait) return look(problem.wait * 1000);
      shown.replaceChildren(problem.message || view.t("lost"));
    }
  };
  const show = (/** @type {boolean} */ isShown) => {
    panel.hidden = !isShown;
    toggle.ariaExpanded = `${isShown}`;
    look(0);
  };
  toggle.addEventListener("click", (/** @type {Event} */ event) => {
    event.preventDefault();
    show(panel.hidden);
  });
  show(false);
  form.addEventListener("input", () => {
    count();
    look();
  });
}

/** What may be the beginning of a name, up to the caret. */
const BEGUN = /(?<![\p{L}\p{N}_])@([\p{L}\p{N}][^\n<>@#`]{0,79})$/u;
/** A name that can be mentioned as it is, by the rules of the renderer. */
const WHOLE = /^[\p{L}\p{N}][^\n<>@#`]*$/u;

/** Lists who takes part in the thread, below the text, while a name is typed. @param {WriteForm} write */
export function startMentions(write) {
  const { view, source, form } = write;
  const list = make("ul", { id: "reply-names", role: "listbox", class: "names", "aria-label": view.t("names"), hidden: "" });
  source.after(list);
  source.ariaAutoComplete = "list";
  source.ariaHasPopup = "listbox";
  /** No name begins with it; or it was taken from the list just now. */
  let done = "\n";
  let at = 0;
  /** @type {AbortController | undefined} */
  let asking;

  const choose = (/** @type {number} */ index) => {
    const options = [...list.children];
    at = (index + options.length) % options.length;
    options.forEach((option, nth) => (option.ariaSelected = `${nth === at}`));
    options[at].scrollIntoView({ block: "nearest" });
    source.setAttribute("aria-activedescendant", options[at].id);
  };
  const close = () => {
    asking?.abort();
    list.hidden = true;
    list.replaceChildren();
    source.removeAttribute("aria-activedescendant");
    source.removeAttribute("aria-controls");
  };
  /** @type {Fn} */
  const begun = () => {
    const { selectionStart, selectionEnd, value } = source;
    return selectionStart === selectionEnd && BEGUN.exec(value.slice(0, selectionEnd))?.[1];
  };
  const take = (/** @type {string} */ name) => {
    const end = source.selectionEnd;
    done = name;
    write.insert(`${name} `, end - begun().length, end);
    close();
    source.focus();
  };
  const look = async () => {
    const start = begun();
    asking?.abort();
    if (!start || start.startsWith(done) || view.focused !== source) return close();
    const { signal } = (asking = new AbortController());
    try {
      const { data } = await view.api.json(`participants/?q=${encodeURIComponent(start)}`, { signal });
      const names = data.participants.filter((/** @type {any} */ { name }) => WHOLE.test(name));
      if (signal.aborted) return;
      if (!names.length) {
        done = start;
        return close();
      }
      // An answer that comes late leaves the choice that was made meanwhile.
      const chosen = at && list.children[at]?.querySelector("bdi")?.textContent;
      list.replaceChildren(...names.map(/** @type {Fn} */ ({ name, number }, nth) => {
        const option = make("li", { role: "option", id: `reply-name-${nth}` }, make("bdi", {}, name), ` #${number}`);
        option.addEventListener("click", () => take(name));
        return option;
      }));
      if (list.hidden) view.say(view.t("names_found", { n: names.length }));
      list.hidden = false;
      source.setAttribute("aria-controls", list.id);
      choose(Math.max(0, names.findIndex((/** @type {any} */ { name }) => name === chosen)));
    } catch {
      if (!signal.aborted) close();
    }
  };
  list.addEventListener("pointerdown", (/** @type {Event} */ event) => event.preventDefault());
  source.addEventListener("blur", close);
  form.addEventListener("input", look);
  source.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (list.hidden || event.isComposing) return;
    const { key } = event;
    if (key === "ArrowDown") choose(at + 1);
    else if (key === "ArrowUp") choose(at - 1);
    else if (key === "Enter" || key === "Tab") list.children[at].click();
    else if (key === "Escape") close();
    else return;
    event.preventDefault();
  });
}

/** Offers to quote what is selected in a comment.
 * @param {View} view @param {(found: {number: number, text: string}) => void} quote */
export function startQuoting(view, quote) {
  /** @returns {any} number and text of what is selected */
  const selected = () => {
    const { selection } = view;
    const text = `${selection}`.trim();
    if (!text) return;
    const range = selection.getRangeAt(0);
    /** @type {Fn} */
    const within = (node, kind) => (node.closest ? node : node.parentElement).closest(kind);
    const body = within(range.startContainer, ".text");
    const row = body && view.section.contains(body) && body.closest("[data-number]");
    // Three clicks select up to the beginning of what follows the paragraph.
    const isWhole = body?.contains(range.endContainer) || (!range.endOffset && row?.contains(range.endContainer));
    return row && isWhole && { number: Number(row.dataset.number), text };
  };
  const take = () => {
    const found = selected();
    offer.remove();
    if (found) quote(found);
  };
  // It stands among what else can be done with the comment: beside the text it would cover some.
  const offer = button(view.t("quote"), take, { "data-do": "quote" });
  offer.addEventListener("pointerdown", (/** @type {Event} */ event) => event.preventDefault());
  document.addEventListener("selectionchange", () => {
    const found = selected();
    const choices = found && view.article(found.number)?.querySelector(".choices");
    if (!choices) offer.remove();
    else if (offer.parentElement !== choices) choices.append(offer);
  }, view);
  view.on("quote", take);
  return selected;
}
