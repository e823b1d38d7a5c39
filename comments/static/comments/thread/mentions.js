// Names after an "@": who takes part in the thread, listed below the text while one is typed.
import { make } from "./tools.js";

/** What may be the beginning of a name, up to the caret. */
const BEGUN = /(?<![\p{L}\p{N}_])@([\p{L}\p{N}][^\n<>@#`]{0,79})$/u;
/** A name that can be mentioned as it is, by the rules of the renderer. */
const WHOLE = /^[\p{L}\p{N}][^\n<>@#`]*$/u;

/** @param {WriteForm} write */
export function startMentions(write) {
  const { view, source, form } = write;
  const list = make("ul", { id: "reply-names", role: "listbox", class: "names", "aria-label": view.t("names"), hidden: "" });
  source.after(list);
  source.setAttribute("aria-autocomplete", "list");
  source.setAttribute("aria-haspopup", "listbox");
  /** No name begins with it; or it was taken from the list just now. */
  let done = "\n";
  let at = 0;
  /** @type {AbortController | undefined} */
  let asking;

  const choose = (/** @type {number} */ index) => {
    const options = [...list.children];
    at = (index + options.length) % options.length;
    options.forEach((option, nth) => option.setAttribute("aria-selected", `${nth === at}`));
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
