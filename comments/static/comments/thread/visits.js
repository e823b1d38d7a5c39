/** What is new since the last visit, known to this browser alone. */

import { make, recall, remember } from "./api.js";

/** @param {View} view */
export async function startVisits(view) {
  const { section, signal } = view;
  const thread = view.api.base.href;
  let last = Number(section.dataset.lastNumber);
  /** Number up to which this browser had shown the thread before. @type {number} */
  const seen = recall("seen", thread) ?? last;

  // What was loaded behind another tab has not been seen.
  const see = () => {
    if (!document.hidden) remember("seen", thread, Math.max(last, recall("seen", thread) ?? 0));
  };

  const own = new Set((await view.viewer()).comments.map((comment) => comment.number));
  if (signal.aborted) return;

  view.each((rows) => {
    for (const row of rows) {
      const number = Number(row.dataset.number);
      last = Math.max(last, number);
      const heading = row.querySelector("h3");
      if (number <= seen || own.has(number) || view.own.has(number) || !heading) continue;
      row.classList.add("is-new");
      if (!row.querySelector(".new")) heading.append(" ", make("span", { class: "badge new" }, view.t("new")));
    }
    view.tell("marked");
    see();
  });
  document.addEventListener("visibilitychange", see, { signal });

  const fresh = view.all("li.is-new");
  const isWhole = !view.one("a.more, a[rel=prev], .hole, a.all");
  const n = isWhole ? fresh.length : last - seen;
  if (n > 0) {
    const number = fresh[0]?.dataset.number ?? `${seen + 1}`;
    const how = { class: "since", href: `#comment-${number}`, "data-ref": number };
    view.tools.prepend(make("a", how, view.t("new_since", { n })));
  }
}

/** Goes to the next new comment after the one in focus. @param {View} view */
export function nextNew(view) {
  const fresh = view.all("li.is-new");
  const here = view.focused?.closest("li[data-number]");
  const after = fresh.find((row) => here && here.compareDocumentPosition(row) & Node.DOCUMENT_POSITION_FOLLOWING);
  const row = after ?? fresh[0];
  if (row) view.go(Number(row.dataset.number));
}
