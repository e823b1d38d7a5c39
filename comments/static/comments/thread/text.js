// Beside the text: how long it is, how it will look, and quoting what somebody has selected.
import { parse, pause } from "./api.js";
import { make } from "./tools.js";

const UNSTORED =
  /[\0-\x08\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\p{NChar}]/gu;

/** Returns the code points of a text as the server counts them once it has cleaned it.
 * @param {string} text */
export function lengthOf(text) {
  const lines = text.replace(/\r\n|[\r\v\f\x85\u2028\u2029]/g, "\n").replace(UNSTORED, "");
  return [...lines.normalize().replace(/^([^\S\n]*\n)+/, "").trimEnd()].length;
}

/** @param {WriteForm} write */
export function startText(write) {
  const { view, form, source } = write;
  const counter = make("p", { class: "help counter", hidden: "" });
  const shown = make("div", { class: "text", dir: "auto" });
  const panel = make(
    "div", { id: "reply-preview", class: "preview", role: "region", "aria-label": view.t("preview"), hidden: "" },
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
    toggle.setAttribute("aria-expanded", `${isShown}`);
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

/** Offers to quote what is selected in a comment.
 * @param {View} view @param {(found: {number: number, text: string}) => void} quote */
export function startQuoting(view, quote) {
  /** @returns {any} number and text of what is selected, and where */
  const selected = () => {
    const selection = /** @type {any} */ (view.root).getSelection?.() ?? getSelection();
    const text = `${selection}`.trim();
    if (!text) return;
    const range = selection.getRangeAt(0);
    /** @type {Fn} */
    const within = (node, kind) => (node.closest ? node : node.parentElement).closest(kind);
    const body = within(range.startContainer, ".text");
    const row = body && view.section.contains(body) && body.closest("[data-number]");
    // Three clicks select up to the beginning of what follows the paragraph.
    const isWhole = body?.contains(range.endContainer) || (!range.endOffset && row?.contains(range.endContainer));
    return row && isWhole && { number: Number(row.dataset.number), text, range };
  };
  const take = () => {
    const found = selected();
    offer.hidden = true;
    if (found) quote(found);
  };
  const offer = make("button", { type: "button", class: "quote", hidden: "" }, view.t("quote"));
  view.section.append(offer);
  offer.addEventListener("pointerdown", (/** @type {Event} */ event) => event.preventDefault());
  offer.addEventListener("click", take);
  document.addEventListener("selectionchange", () => {
    const found = selected();
    offer.hidden = !found;
    if (!found) return;
    const end = found.range.getBoundingClientRect();
    const frame = view.section.getBoundingClientRect();
    offer.style.top = `${end.bottom - frame.top + 6}px`;
    offer.style.left = `${Math.max(0, Math.min(end.left - frame.left, frame.width - offer.offsetWidth))}px`;
  }, view);
  view.on("quote", take);
  return selected;
}
