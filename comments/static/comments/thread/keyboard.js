/** Keys: j and k from comment to comment, r to reply, q to quote what is selected, n to the next new one, ? for help. */

import { button, make, recall, remember } from "./api.js";
import { nextNew } from "./reading.js";


/** Threads on this page: a key is for one of them. @type {Set<View>} */
const views = new Set();

/** The thread with the focus; where nothing has it, the first in the window. @param {any} target */
function active(target) {
  const all = [...views];
  return all.find((view) => view.focused) ?? (target === document.body && all.find((view) => view.isSeen(view.section)));
}

/** @param {View} view */
export function startKeyboard(view) {
  const { signal } = view;
  if (view.host.getAttribute("keys") === "off") return;
  views.add(view);
  const box = make("input", { type: "checkbox" });
  const keys = ["j", "k", "r", "q", "n", "?"].flatMap((key) => [
    make("dt", {}, make("kbd", {}, key)),
    make("dd", {}, view.t(`key_${key === "?" ? "help" : key}`)),
  ]);
  const close = make("button", {}, view.t("close"));
  const dialog = /** @type {HTMLDialogElement} */ (
    make("dialog", { class: "keys", "aria-label": view.t("keys") },
      make("dl", {}, ...keys),
      make("p", {}, make("label", {}, box, " ", view.t("keys_on"))),
      make("form", { method: "dialog" }, close))
  );
  view.root.append(dialog);
  signal.addEventListener("abort", () => {
    views.delete(view);
    dialog.remove();
  });
  const help = () => {
    /** @type {any} */ (box).checked = !recall("settings", "no_keys");
    dialog.showModal();
  };
  box.addEventListener("change", () => {
    remember("settings", "no_keys", /** @type {any} */ (box).checked ? undefined : true);
  });
  view.tools.append(button(view.t("keys"), help, { class: "quiet for-keys" }));

  /** @param {number} step */
  function move(step) {
    const all = view.all(".comment");
    let to = view.focused?.closest(".comment");
    // Of a long list only those are looked at that may be meant; what is hidden has no place.
    if (to) for (let at = all.indexOf(to) + step; (to = all[at]) && !to.checkVisibility(); ) at += step;
    else to = all.find((each) => each.getBoundingClientRect().bottom > 0) ?? all[0];
    if (!to) return;
    view.focus(to, true);
    to.scrollIntoView({ block: "nearest" });
  }

  function reply() {
    const link = view.focused?.closest(".comment")?.querySelector("[data-do=reply]");
    if (link) link.click();
    else view.one("#reply textarea")?.focus();
  }

  /** @type {Record<string, () => void>} */
  const actions = { j: () => move(1), k: () => move(-1), r: reply, q: () => view.tell("quote"), n: () => nextNew(view), "?": help };
  const heard = (/** @type {KeyboardEvent} */ event) => {
    const target = view.focused ?? event.composedPath()[0];
    // By what is typed; where that is no Latin letter, by where the key is ("KeyJ").
    const typed = event.key?.toLowerCase() ?? "";
    const key = /[\p{Script=Latin}?]/u.test(typed) ? typed : event.code?.slice(3).toLowerCase();
    const action = Object.hasOwn(actions, key) && actions[key];
    if (!action || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (target.closest?.("input, textarea, select")) return;
    if (recall("settings", "no_keys") || active(target) !== view) return;
    event.preventDefault();
    action();
  };
  document.addEventListener("keydown", heard, { signal });
}
