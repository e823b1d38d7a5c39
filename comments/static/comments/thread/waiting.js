/** The form until the scripts are there that it needs: what is typed stays, what is pressed is done then.
 * And where drafts are kept, before and after that. */

import { button, make, recall, remember } from "./api.js";

/** Drafts that the browser did not take. @type {Map<string, any>} */
export const loose = new Map();

/** Returns what was typed in this tab. @param {string} draft @returns {any} */
export const keptHere = (draft) => recall("drafts", draft, "sessionStorage");

/** Returns what this tab has kept last; in a new tab, what any other has. @param {string} draft @returns {any} */
export const keptAt = (draft) =>
  loose.get(draft) ?? keptHere(draft) ?? recall("drafts", draft);

/** Keeps a draft; none forgets it, but not what another tab has written there.
 * @param {string} draft @param {any} [kept] @param {boolean} [isTyped] in this tab */
export function store(draft, kept, isTyped) {
  const was = keptAt(draft);
  const isHere = isTyped || keptHere(draft);
  if (isHere) remember("drafts", draft, kept, "sessionStorage");
  if (kept || recall("drafts", draft)?.source === was?.source) remember("drafts", draft, kept);
  loose.delete(draft);
  if (kept && keptAt(draft)?.source !== kept.source) loose.set(draft, kept);
}

/** Returns a kept draft with what was typed before it was found. @param {string | undefined} kept @param {string} typed */
export const joined = (kept = "", typed) =>
  !typed || kept.endsWith(`\n\n${typed}`) ? kept : typed.includes(kept) ? typed : `${kept}\n\n${typed}`;

/**
 * Holds what would lead away from the host's page. Returns what to call before writing starts, what
 * after, and what if it cannot be loaded.
 * @param {View} view
 */
export function startWaiting(view) {
  const { api, root, section } = view;
  const over = new AbortController();
  const { signal } = over;
  /** What was pressed last, to be pressed again. @type {any} */
  let pressed;
  /** The button that says that it was pressed. @type {any} */
  let main;
  let label = "";
  /** The text when it was pressed. */
  let text = "";
  let isAsked = false;
  /** @type {(() => void) | undefined} */
  let again;
  const said = make("p", { class: "notice is-error" });

  function release() {
    if (!main) return;
    main.textContent = label;
    main.ariaDisabled = null;
    main = undefined;
  }

  function clear() {
    release();
    said.remove();
  }

  function retry() {
    isAsked = true;
    if (!again) return;
    if (said.contains(view.focused)) view.one(".write-form .main")?.focus();
    said.remove();
    again();
    again = undefined;
  }

  /** @param {any} event */
  function hold(event) {
    const { target, type, ctrlKey, metaKey, shiftKey } = event;
    const found = type === "submit" ? event.submitter : target.closest("[data-do]");
    if (!section.contains(target) || (type === "click" && !found) || ctrlKey || metaKey || shiftKey) return;
    event.preventDefault();
    release();
    pressed = found;
    if (found?.matches(".main")) {
      main = found;
      label = main.textContent;
      text = main.form.elements.source.value;
      main.textContent = view.t("sending");
      main.ariaDisabled = "true";
      view.say(main.textContent);
    }
    retry();
  }

  /** Keeps what is typed as the form does: the page is left, or the element is made anew. */
  function keep() {
    const { source, format, name, email, url } = view.one(".write-form")?.elements ?? {};
    if (!source?.value.trim()) return;
    const draft = `${api.base}`;
    const kept = keptAt(draft);
    store(draft, { ...kept, source: joined(kept?.source, source.value), format: format.value }, true);
    if (name) remember("who", api.base.origin, { name: name.value, email: email.value, url: url.value });
  }

  for (const name of ["submit", "click"]) root.addEventListener(name, hold, { signal });
  // Who goes on typing has not finished.
  root.addEventListener("input", ({ isTrusted }) => {
    if (!isTrusted) return;
    pressed = undefined;
    release();
  }, { signal });
  addEventListener("pagehide", keep, { signal });
  view.signal.addEventListener("abort", () => {
    keep();
    over.abort();
  }, { signal });

  return {
    before: clear,
    after() {
      over.abort();
      // A draft has come back to it: nobody has seen that together.
      const isOther = pressed?.matches(".main") && pressed.form.elements.source.value !== text;
      if (pressed?.isConnected && !isOther) pressed.click();
    },
    /** @param {() => void} retrying */
    failed(retrying) {
      clear();
      again = retrying;
      said.replaceChildren(view.t("not_loaded"), " ", button(view.t("try_again"), retry));
      view.one(".write-form .buttons")?.before(said);
      if (isAsked) view.say(view.t("not_loaded"), { alert: true });
    },
  };
}
