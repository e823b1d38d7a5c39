/** Moving about in a thread without leaving the page: sorts, further pages, branches, permalinks. */

import { make, Problem } from "./api.js";
import { startFolding } from "./folding.js";
import { startTimes } from "./times.js";
import { startVisits } from "./visits.js";


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

/** @param {View} view */
export function startReading(view) {
  const { api, section, signal } = view;
  const isOwnPage = !view.isEmbedded;
  /** Addresses of what is shown: one, and those that were loaded below it. */
  let pages = [isOwnPage ? asked() : `comments/?sort=${section.dataset.sort}`];
  let shown = pages[0];
  let isBusy = false;

  /** Returns the address in the API of what the address of this page asks for. */
  function asked() {
    const query = new URLSearchParams(location.search);
    const number = query.get("branch") || query.get("comment");
    if (number) return `comments/${number}/context/`;
    const kept = ["sort", "cursor"].filter((name) => query.has(name));
    return `comments/?${new URLSearchParams(kept.map((name) => [name, query.get(name) ?? ""]))}`;
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
  }

  /** Fetches and uses nodes, once at a time; says what did not work. @param {string} address @param {(nodes: any) => void} use */
  async function load(address, use) {
    if (isBusy) return false;
    isBusy = true;
    section.setAttribute("aria-busy", "true");
    try {
      use(await api.html(address, { signal }));
      return true;
    } catch (error) {
      if (!signal.aborted) {
        const isGone = error instanceof Problem && error.status === 404;
        notice(view, view.t(isGone ? "not_here" : "not_loaded"));
      }
      return false;
    } finally {
      isBusy = false;
      section.removeAttribute("aria-busy");
    }
  }

  /** Shows another page of the thread. @param {string} address */
  const navigate = (address) =>
    load(address, (nodes) => {
      pages = [address];
      view.show(nodes.querySelector(".thread"));
    });

  /** Fetches again what is shown. @param {string | number} version */
  view.reload = async (version) => {
    /** @type {any} */
    let all;
    for (const page of pages) {
      const join = page.includes("?") ? "&" : "?";
      const nodes = await api.html(`${page}${join}v=${version}`, { signal });
      const fresh = /** @type {any} */ (nodes.querySelector(".thread"));
      if (all) {
        all.querySelector(":scope > ol").append(...fresh.querySelectorAll(":scope > ol > li"));
        all.querySelector(".pages:has(.more)").replaceWith(...fresh.querySelectorAll(".pages:has(.more)"));
      }
      all ??= fresh;
    }
    view.show(all);
  };

  /** Puts the focus on the first of new rows, and says how many there are. @param {any[]} rows */
  function arrive(rows) {
    const n = rows.filter((row) => row.matches(".row")).length;
    view.focus(rows[0]?.querySelector(".comment, a") ?? section);
    view.say(view.t("more_comments", { n }));
  }

  /** @param {HTMLAnchorElement} link */
  const more = (link) =>
    load(link.dataset.fetch ?? "", (nodes) => {
      pages.push(link.dataset.fetch ?? "");
      const { list } = view;
      const rows = view.add(nodes.querySelectorAll(".thread > .comments > li"), (...all) => list.append(...all));
      link.closest(".pages")?.replaceWith(...nodes.querySelectorAll(".pages:has(.more)"));
      arrive(rows);
    });

  /** @param {HTMLAnchorElement} link */
  const fill = (link) =>
    load(link.dataset.fetch ?? "", (nodes) => {
      const hole = /** @type {HTMLElement} */ (link.closest(".hole"));
      arrive(view.add(nodes.querySelector("ol").children, (...all) => hole.replaceWith(...all)));
    });

  view.go = async (number, from = 0) => {
    if (!view.article(number)) {
      if (!(await navigate(`comments/${number}/context/`))) return false;
    }
    const article = view.article(number);
    if (!article) {
      notice(view, view.t("not_here"));
      return false;
    }
    view.tell("reveal", { row: article.closest("li") });
    view.all("details:not([open])").forEach((fold) => (fold.open ||= fold.contains(article)));
    view.all(".is-sought").forEach((other) => other.classList.remove("is-sought"));
    article.classList.add("is-sought");
    article.scrollIntoView();
    view.focus(article, true);
    view.all("a.back").forEach((link) => link.remove());
    if (from && from !== number) {
      const how = { class: "back", href: `#comment-${from}`, "data-ref": `${from}` };
      article.querySelector(".facts")?.append(make("a", how, view.t("back_to", { number: from })));
    }
    return true;
  };

  view.visit = async (number, from) => {
    const isHere = !!view.article(number);
    if (!(await view.go(number, from))) return;
    remember(isHere ? `${location.search}#comment-${number}` : `?comment=${number}#comment-${number}`);
  };

  const PAGE = "a[data-sort], a.all, a.more, a.hole-link, a[data-ref], a.mention, a.number, a[rel=prev][data-fetch]";
  view.when("click", PAGE, async (/** @type {any} */ link, event) => {
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const row = link.closest("li[data-number]");
    const number = numberIn(link);
    const { fetch, sort } = link.dataset;
    if (!number && !fetch && !sort && !link.matches(".all")) return;
    event.preventDefault();
    if (link.matches(".more")) await more(link);
    else if (link.matches(".hole:not(.is-deep) > *")) await fill(link);
    else if (number && !fetch) await view.visit(number, Number(row?.dataset.number));
    else if (await navigate(fetch ?? `comments/?sort=${sort ?? section.dataset.sort}`)) {
      remember(link.href);
      if (number) await view.go(number);
      else view.focus(view.one(sort ? `a[data-sort=${sort}]` : "h2"));
    }
  });

  /** Goes to the comment that the address names. */
  async function find() {
    const number = named(location.hash);
    if (!number || !isMeant(number)) return;
    const isElsewhere = !view.article(number);
    if ((await view.go(number)) && isElsewhere) remember(`?comment=${number}${location.hash}`, false);
  }

  if (isOwnPage) {
    const heard = async () => {
      if (asked() !== shown) await navigate((shown = asked()));
      await find();
    };
    addEventListener("popstate", heard, { signal });
  }
  addEventListener("hashchange", find, { signal });

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
