/** Back to where one was reading: the page of the thread as it was left, and what was in the window. */

import { scrollerOf } from "./api.js";

/** How many places are kept, with their rows. */
const MOST = 9;

/** Returns what an entry of the history is known by; what a host keeps in it is the host's. @returns {string} */
const entryNow = () => /** @type {any} */ (window).navigation?.currentEntry?.key ?? location.href;

/** @param {View} view */
export function startReturning(view) {
  /** The page that is shown; it has its rows only while another is. @type {any} */
  let page = { first: view.first };
  /** The entry that is shown. */
  let entry = entryNow();
  /** The place that is being left. @type {any} */
  let was;
  /** Places by their entries. @type {Map<string, any>} */
  const left = new Map();

  /** @param {any} place */
  function keep(place) {
    left.set(place.entry, place);
    if (left.size > MOST) left.delete([...left.keys()][0]);
  }

  /** Returns what is read, by comments and not by pixels, what is sought, and what has the focus. @param {string} at */
  const place = (at) => ({
    entry: at,
    page,
    focused: view.focused,
    sought: view.one(".is-sought")?.id,
    tops: view.all(".comment[id]").filter(view.isSeen).map((each) => [each.id, each.getBoundingClientRect().top]),
  });

  view.comeBack = async () => {
    const now = entryNow();
    if (now === entry) return true;
    const to = left.get(now);
    if (!to) return false;
    left.delete(now);
    keep(place(entry));
    entry = now;
    if (to.page !== page) {
      view.first = to.page.first;
      view.show(to.page.rows);
      page = to.page;
    }
    view.all(".is-sought").forEach((other) => other.classList.remove("is-sought"));
    if (to.sought) view.one(`#${to.sought}`)?.classList.add("is-sought");
    if (to.focused?.isConnected) view.focus(to.focused, true);
    // After the browser, which goes by pixels.
    requestAnimationFrame(() => {
      for (const [id, top] of to.tops) {
        const found = view.one(`#${id}`);
        if (found) return scrollerOf(view.host).scrollBy({ top: found.getBoundingClientRect().top - top, behavior: "instant" });
      }
    });
    return true;
  };

  view.on("leave", () => (was = place(entryNow())));
  view.on("arrive", () => {
    entry = entryNow();
    if (was && was.entry !== entry) keep(was);
    was = undefined;
  });
  view.on("shown", (rows) => {
    // Fetched anew it is the same page.
    if (view.first === page.first) return;
    page.rows = rows;
    page = { first: view.first };
  });
}
