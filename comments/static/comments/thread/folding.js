/** Collapsing branches, and remembering which. */

import { make, recall, remember } from "./api.js";

const MOST = 100;

/** @param {View} view */
export function startFolding(view) {
  const thread = view.api.base.href;
  /** @type {Set<number>} */
  const folded = new Set(recall("folded", thread));

  function refresh() {
    /** @type {{row: any, depth: number, n: number, fresh: number}[]} */
    const above = [];
    const all = [];
    let limit = Infinity;
    for (const row of /** @type {any[]} */ ([...view.list.children])) {
      const depth = row.matches(".folded") ? Infinity : Number(row.dataset.depth);
      while (above.length && above[above.length - 1].depth >= depth) above.pop();
      if (depth <= limit) limit = Infinity;
      row.hidden = depth > limit;
      const n = row.dataset.number ? 1 : Number(row.dataset.count ?? 0);
      for (const each of above) {
        each.n += n;
        if (row.matches(".is-new")) each.fresh++;
      }
      if (!row.dataset.number) continue;
      const entry = { row, depth, n: 0, fresh: 0 };
      above.push(entry);
      all.push(entry);
      if (folded.has(Number(row.dataset.number))) limit = Math.min(limit, depth);
    }
    for (const { row, n, fresh } of all) {
      let button = row.querySelector("button.fold");
      if (!n) {
        button?.remove();
        continue;
      }
      if (!button) {
        button = make("button", { type: "button", class: "fold quiet" });
        row.querySelector(".choices, .tombstone p").append(button);
      }
      const isFolded = folded.has(Number(row.dataset.number));
      const text = view.t(isFolded ? "expand" : "collapse", { n });
      const words = isFolded && fresh ? `${text} · ${view.t("new_replies", { n: fresh })}` : text;
      if (button.textContent !== words) button.textContent = words;
      button.setAttribute("aria-expanded", `${!isFolded}`);
    }
  }

  /** @param {Iterable<number>} numbers @param {boolean} isFolded */
  function set(numbers, isFolded) {
    for (const number of numbers) isFolded ? folded.add(number) : folded.delete(number);
    remember("folded", thread, folded.size ? [...folded].slice(-MOST) : undefined);
    refresh();
  }

  view.when("click", "button.fold", (button) => {
    const number = Number(/** @type {any} */ (button.closest("li[data-number]")).dataset.number);
    view.keep(() => set([number], !folded.has(number)));
  });
  view.on("reveal", ({ row }) => {
    const hiding = view.all("li[data-number]").filter((each) => view.branch(each).includes(row));
    set(hiding.map((each) => Number(each.dataset.number)), false);
  });
  for (const name of ["rows", "gone", "shown", "marked"]) view.on(name, refresh);
  refresh();
}
