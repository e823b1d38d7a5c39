/** Moving about in a thread without leaving the page: sorts, further pages, permalinks, branches that
 * collapse, "5 minutes ago", and what is new since the last visit. */

import { button, make, recall, remember as store } from "./api.js";

/** Says something where everybody sees it. @param {View} view @param {string} text */
function notice(view, text) {
  view.one(":scope > .notice")?.remove();
  const shown = make("p", { class: "notice is-error", role: "alert", tabindex: "-1" }, text);
  view.one(".thread-header").after(shown);
  shown.focus();
}

/** Returns the number of the comment that a link leads to, or 0. @param {HTMLAnchorElement} link */
const numberIn = ({ dataset, hash }) => Number(dataset.ref ?? named(hash));

/** Returns the number in #comment-N, or 0. @param {string} hash */
const named = (hash) => Number(/^#comment-(\d{1,15})$/.exec(hash)?.[1] ?? 0);

/** What leads to a further page. */
export const MORE = ".pages:has(.more)";

/** Returns the rows of an answer. @param {any} nodes @returns {Element[]} */
export const rowsIn = (nodes) => nodes.querySelector("ol")?.children ?? [];

/** Returns what puts rows where a gap was: a hole, or what led to a further page. @param {Element} gap @param {any} nodes of the answer */
export const into = (gap, nodes) => (/** @type {Element[]} */ ...rows) => {
  if (gap.matches(".hole")) return gap.replaceWith(...rows);
  gap.previousElementSibling?.append(...rows);
  gap.replaceWith(...nodes.querySelectorAll(MORE));
};

/** @param {View} view */
export function startReading(view) {
  const { api, section, signal } = view;
  const isOwnPage = !view.isEmbedded;
  view.first = isOwnPage ? asked() : `comments/?sort=${section.dataset.sort}`;
  /** What this page's address asked for when that came. */
  let shown = view.first;

  /** Returns the address in the API of what the address of this page asks for. */
  function asked() {
    const query = new URLSearchParams(location.search);
    const number = query.get("comment");
    const kept = ["sort", "cursor"].filter((name) => query.has(name));
    return `comments/${number ? `${number}/context/` : ""}?${new URLSearchParams(kept.map((name) => [name, query.get(name) ?? ""]))}`;
  }

  /** Returns whether #comment-N of the page means this thread's comment. @param {number} number */
  function isMeant(number) {
    const all = /** @type {any[]} */ ([...document.querySelectorAll("comment-thread")]);
    const first = all.find((each) => each.view?.article(number));
    const isOfHost = document.getElementById(`comment-${number}`);
    return isOwnPage || (!isOfHost && (all.length < 2 || first === view.host));
  }

  /** Puts an address of the page into the browser's. @param {string} address @param {boolean} [isNew] */
  function remember(address, isNew = true) {
    const { search, hash } = new URL(address, location.href);
    const number = named(hash);
    // Of a host's page, all but which comment is its own affair.
    if (!isOwnPage && !(number && isMeant(number))) return;
    const here = location.pathname + (isOwnPage ? search : location.search) + hash;
    history[isNew ? "pushState" : "replaceState"](isOwnPage ? null : history.state, "", here);
    shown = asked();
    view.tell("arrive");
  }

  /**
   * Fetches and uses nodes, in turn; says what did not work.
   * @param {() => string | undefined | false} find says then what to fetch, if anything
   * @param {(nodes: any, address: string) => void} use
   */
  const load = (find, use) => view.inTurn(async () => {
    const address = find();
    if (!address) return false;
    section.ariaBusy = "true";
    try {
      use(await api.html(address, { signal }), address);
      return true;
    } catch (error) {
      if (!signal.aborted) {
        const isGone = /** @type {any} */ (error).status === 404;
        notice(view, view.t(isGone ? "not_here" : "not_loaded"));
      }
      return false;
    } finally {
      section.ariaBusy = null;
    }
  });

  /**
   * Shows another page of the thread. @param {() => string | false} find
   * @param {string} [to] what the page's address becomes @param {boolean} [isNew]
   */
  const navigate = (find, to, isNew) =>
    load(find, (nodes, address) => {
      view.tell("leave");
      shown = view.first = address;
      view.show(nodes.querySelector(".thread"));
      if (to) remember(to, isNew);
    });

  /** Puts the focus on the first of new rows, and says how many there are. @param {any[]} rows */
  function arrive(rows) {
    const n = rows.filter((row) => row.matches(".row")).length;
    view.focus(rows[0]?.querySelector(".comment, a") ?? section);
    view.say(view.t("more_comments", { n }));
  }

  /** Fills a hole, or adds a page. @param {HTMLAnchorElement} link */
  const fill = (link) =>
    load(() => link.isConnected && link.dataset.fetch, (nodes) => {
      const gap = /** @type {HTMLElement} */ (link.closest(".hole, .pages"));
      arrive(view.add(rowsIn(nodes), into(gap, nodes)));
    });

  view.go = async (number, from = 0, isNew = true) => {
    const to = `?comment=${number}#comment-${number}`;
    if (!view.article(number) && !(await navigate(() => `comments/${number}/context/`, to, isNew))) return false;
    const article = view.article(number);
    if (!article) {
      notice(view, view.t("not_here"));
      return false;
    }
    view.tell("reveal", { row: article.closest("li") });
    view.all(".is-sought").forEach((other) => other.classList.remove("is-sought"));
    article.classList.add("is-sought");
    article.scrollIntoView();
    view.focus(article, true);
    view.all("a.back").forEach((link) => link.remove());
    if (from && from !== number) {
      const how = { class: "back", href: `#comment-${from}`, "data-ref": `${from}` };
      article.querySelector("p")?.append(" ", make("a", how, view.t("back_to", { number: from })));
    }
    return true;
  };

  view.visit = async (number, from) => {
    view.tell("leave");
    if (view.article(number)) remember(`${location.search}#comment-${number}`);
    await view.go(number, from);
  };

  const PAGE = "a[data-sort], a.all, a.more, a.hole-link, a[data-ref], a.mention, a.number";
  view.when("click", PAGE, async (/** @type {any} */ link, event) => {
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const number = numberIn(link);
    const { fetch, sort } = link.dataset;
    if (!number && !fetch && !sort && !link.matches(".all")) return;
    event.preventDefault();
    if (link.matches(".more, .hole:not(.is-deep) > *")) await fill(link);
    else if (number && !fetch) await view.visit(number, Number(link.closest("li[data-number]")?.dataset.number));
    else if (await navigate(() => fetch ?? `comments/?sort=${sort ?? section.dataset.sort}`, link.href)) {
      if (number) await view.go(number);
      else view.focus(view.one(sort ? `a[data-sort=${sort}]` : "h2"));
    }
  });

  /** Goes to the comment that the address names. */
  async function find() {
    await view.turn;
    const number = named(location.hash);
    if (number && isMeant(number)) await view.go(number, 0, false);
    view.tell("arrive");
  }

  /** Shows what the address asks for. */
  async function follow() {
    if (isOwnPage && (await navigate(() => asked() !== shown && asked()))) await find();
  }

  addEventListener("popstate", async () => {
    if (await view.inTurn(view.comeBack)) shown = asked();
    else await follow();
  }, { signal });
  addEventListener("online", follow, { signal });
  addEventListener("hashchange", async () => {
    await view.turn;
    if (!(await view.comeBack())) await find();
  }, { signal });

  /** Marks mentions of the viewer. @param {HTMLElement[]} rows */
  async function mark(rows) {
    const own = (await view.viewer()).comments.map((comment) => comment.number);
    for (const link of /** @type {any[]} */ (rows.flatMap((row) => [...row.querySelectorAll("a.mention")]))) {
      link.classList.toggle("is-me", own.includes(numberIn(link)));
    }
  }
  view.each(mark);
  view.on("viewer", () => mark(view.all("li[data-number]")));

  startFolding(view);
  startTimes(view);
  startVisits(view);
  find();
}

// --- folding -----------------------------------------------------------------------------------

/** Collapses branches, and remembers which. @param {View} view */
function startFolding(view) {
  const thread = view.api.base.href;
  /** @type {Set<number>} */
  const folded = new Set(recall("folded", thread));

  function refresh() {
    /** @type {Set<Element>} */
    const hidden = new Set();
    for (const row of view.all(":scope > .comments > li")) {
      const { number } = row.dataset;
      // What is being written stays in sight.
      row.hidden = hidden.has(row) && !view.isHeld(row);
      if (!number) continue;
      const below = view.branch(row);
      const isFolded = folded.has(Number(number));
      if (isFolded) below.forEach((each) => hidden.add(each));
      // A hole says how many are in it.
      const n = below.reduce((sum, { dataset }) => sum + Number(dataset.count ?? !!dataset.number), 0);
      let button = row.querySelector("button.fold");
      if (!n) {
        button?.remove();
        continue;
      }
      if (!button) {
        button = make("button", { type: "button", class: "fold quiet" });
        row.querySelector(".choices, .tombstone p").append(button);
      }
      const fresh = below.filter((each) => each.matches(".is-new")).length;
      const text = view.t(isFolded ? "expand" : "collapse", { n });
      const words = isFolded && fresh ? `${text} · ${view.t("new_replies", { n: fresh })}` : text;
      if (button.textContent !== words) button.textContent = words;
      button.ariaExpanded = `${!isFolded}`;
    }
  }

  /** @param {Iterable<number>} numbers @param {boolean} isFolded */
  function set(numbers, isFolded) {
    for (const number of numbers) isFolded ? folded.add(number) : folded.delete(number);
    store("folded", thread, folded.size ? [...folded].slice(-100) : undefined);
    refresh();
  }

  view.when("click", "button.fold", (button) => {
    const number = Number(/** @type {any} */ (button.closest("li[data-number]")).dataset.number);
    view.keep(() => set([number], !folded.has(number)));
  });
  view.when("click", ".folded summary", ({ parentElement: fold }, event) => fold.open && view.isHeld(fold) && event.preventDefault());
  view.on("reveal", ({ row }) => {
    const hiding = view.all("li[data-number]").filter((each) => view.branch(each).includes(row));
    set(hiding.map((each) => Number(each.dataset.number)), false);
    view.all("details:not([open])").forEach((fold) => (fold.open ||= fold.contains(row)));
  });
  for (const name of ["rows", "gone", "shown", "marked"]) view.on(name, refresh);
  refresh();
}

// --- times --------------------------------------------------------------------------------------

/** @type {[Intl.RelativeTimeFormatUnit, number][]} milliseconds of each unit, and where the next begins */
const UNITS = [["year", 365 * 864e5], ["month", 2629746e3], ["day", 864e5], ["hour", 36e5], ["minute", 6e4]];

/** Returns when the reader's day began. @param {number} time */
const midnight = (time) => new Date(time).setHours(0, 0, 0, 0);

const TIMED = "li[data-number], .unseen li";

/** Says "5 minutes ago", and the exact time on demand. @param {View} view */
function startTimes(view) {
  const words = new Intl.RelativeTimeFormat(view.lang, { numeric: "auto" });
  // "last month" may be in this one's words the month before the last.
  const figures = new Intl.RelativeTimeFormat(view.lang);
  const toggle = button(view.t("exact_times"), () => {
    isExact = !isExact;
    store("settings", "exact", isExact || undefined);
    view.keep(refresh);
  }, { class: "quiet" });
  let isExact = !!recall("settings", "exact");

  /** @param {HTMLTimeElement} time */
  function write(time) {
    time.title ||= time.textContent ?? "";
    const then = Date.parse(time.dateTime);
    const now = Date.now();
    const [unit, size] = UNITS.find(([, least]) => now - then >= least) ?? ["second", Infinity];
    const isDay = unit === "day";
    const count = isDay ? Math.round((midnight(then) - midnight(now)) / size) : Math.trunc((then - now) / size);
    time.textContent = isExact ? time.title : (/^[ym]/.test(unit) ? figures : words).format(count || 0, unit);
  }
  /** @param {HTMLElement[]} rows */
  function refresh(rows = view.all(TIMED)) {
    toggle.ariaPressed = `${isExact}`;
    toggle.hidden = !view.one(TIMED);
    if (document.hidden) return;
    for (const row of rows) row.querySelectorAll(".facts time").forEach((/** @type {any} */ time) => write(time));
  }
  // The form to subscribe asks for a time zone.
  const zones = /** @type {HTMLSelectElement | null} */ (document.querySelector("select[data-guess]"));
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  if (zones && [...zones.options].some(({ value }) => value === timeZone)) zones.value = timeZone;

  view.tools.append(toggle);
  view.each(refresh);
  for (const name of ["gone", "unseen"]) view.on(name, () => refresh());
  const timer = setInterval(refresh, 60_000);
  document.addEventListener("visibilitychange", () => refresh(), { signal: view.signal });
  view.signal.addEventListener("abort", () => clearInterval(timer));
}

// --- what is new -------------------------------------------------------------------------------

/** Says what is new since the last visit, known to this browser alone. @param {View} view */
async function startVisits(view) {
  const { api, section, signal } = view;
  const thread = api.base.href;
  let last = Number(section.dataset.lastNumber);
  /** Number up to which this browser had shown the thread before. @type {number} */
  const seen = recall("seen", thread) ?? last;

  // What was loaded behind another tab has not been seen.
  const see = () => {
    if (!document.hidden) store("seen", thread, Math.max(last, recall("seen", thread) ?? 0));
  };

  await view.viewer();
  if (signal.aborted) return;

  view.each((rows) => {
    for (const row of rows) {
      const number = Number(row.dataset.number);
      last = Math.max(last, number);
      const heading = row.querySelector("h3");
      if (number <= seen || view.isOwn(row) || !heading) continue;
      row.classList.add("is-new");
      if (!row.querySelector(".new")) heading.append(" ", make("span", { class: "badge new" }, view.t("new")));
    }
    view.tell("marked");
    see();
  });
  document.addEventListener("visibilitychange", see, { signal });

  /** @type {any[]} */
  let fresh = view.all("li.is-new").map((row) => row.dataset);
  let more = "";
  if (last > seen && view.one("a.more, a[rel=prev], .hole, a.all")) {
    // Of the numbers that are not on this page some may be gone.
    const { data } = await api.json(`comments/?since_number=${seen}&limit=100`, { signal }).catch(() => ({ data: { items: [] } }));
    fresh = data.items.filter((/** @type {any} */ { id, tombstone }) => !tombstone && !view.own.has(`${id}`));
    more = data.page?.next ? "+" : "";
  }
  if (!fresh[0] || signal.aborted) return;
  const { number } = fresh[0];
  const how = { class: "since", href: `#comment-${number}`, "data-ref": number };
  view.tools.prepend(make("a", how, view.t("new_since", { n: more ? `${fresh.length}+` : fresh.length })));
}

/** Goes to the next new comment after the one in focus. @param {View} view */
export function nextNew(view) {
  const fresh = view.all("li.is-new");
  const here = view.focused?.closest("li[data-number]");
  const after = fresh.find((row) => here && here.compareDocumentPosition(row) & Node.DOCUMENT_POSITION_FOLLOWING);
  const row = after ?? fresh[0];
  if (row) view.go(Number(row.dataset.number));
}
