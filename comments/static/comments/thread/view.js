/** A thread as it is shown: its rows, what is said about it, and who looks at it. */

import { make, scrollerOf, swap } from "./api.js";

/** What of a section belongs to the page that is shown; the rest, such as the form, stays. */
const PASSING = ".thread-header, .pages, .comments, .empty, .closed, .write-root, .notice";
const REACHABLE = "a[href], button, summary, time[tabindex], input, textarea";

/** @param {Element} row */
const depthOf = (row) =>
  row.matches(".folded") ? Infinity : Number(/** @type {HTMLElement} */ (row).dataset.depth);

/** @param {Element} row */
const numberOf = (row) => Number(/** @type {HTMLElement} */ (row).dataset.number);

/** Returns what a row's text says and leads to, however addresses are written; of what cannot be read
 * in it the version tells. @param {Element} row */
const saying = (row) => {
  const text = /** @type {any} */ (row.querySelector(".text"));
  return text && [text.parentElement.dataset.version, text.textContent, ...[...text.querySelectorAll("a")].map(({ hash }) => hash)].join();
};

/** @param {Element} section @param {number | string} number @returns {HTMLElement | null} */
const rowIn = (section, number) => section.querySelector(`li[data-number="${number}"]`);

/**
 * Events (all CustomEvents): "rows" with detail.rows, li's that are new or were replaced; "gone" with
 * detail.number; "shown" with the section that was shown before; "leave" and "arrive" around what the
 * address tells; "form" with a new detail.form; "own" after its writer put something in; "held" with
 * what waits; "unseen" after that was put in; "viewer" with an Answer.
 */
export class View extends EventTarget {
  /**
   * @param {HTMLElement} host
   * @param {HTMLElement | ShadowRoot} root
   * @param {HTMLElement} section it stays the same element, whatever is shown in it
   * @param {Api} api
   * @param {AbortSignal} signal ends with the view: for listeners and requests
   */
  constructor(host, root, section, api, signal) {
    super();
    this.host = host;
    this.root = root;
    this.section = section;
    this.api = api;
    this.signal = signal;
    this.isEmbedded = api.isEmbedded;
    this.lang = section.lang || "en";
    /** @type {Record<string, any>} */
    this.strings = JSON.parse(section.dataset.strings || "{}");
    this.plurals = new Intl.PluralRules(this.lang);
    /** Ids of the viewer's own comments, also of those that wait for a moderator. */
    this.own = new Set();
    /** Numbers whose rows wait until their form is closed. */
    this.stale = new Set();
    /** Switches in the header, kept over all pages. */
    this.tools = make("p", { class: "tools" });
    this.one(".thread-header").append(this.tools);
    /** The address in the API of what is shown, without what was loaded in its gaps; set by reading. */
    this.first = "";
    /** Ends with the last of what is loaded one after the other. @type {Promise<unknown>} */
    this.turn = Promise.resolve();
    /** Shows a comment, wherever it is; set by reading. @type {(number: number, from?: number, isNew?: boolean) => Promise<boolean>} */
    this.go = async () => false;
    /** Does that as a link does: with the address, and a way back. @type {(number: number, from?: number) => Promise<void>} */
    this.visit = async () => {};
    /** Shows what was left where the history is now, if anything was; set by returning. */
    this.comeBack = async () => false;
    /** @type {Promise<Answer> | undefined} */
    this.asked = undefined;
    this.regions = ["polite", "assertive"].map((live) => make("div", { class: "hidden says", "aria-live": live }));
    root.append(...this.regions);
    signal.addEventListener("abort", () => {
      for (const element of [...this.regions, this.tools]) element.remove();
    });
  }

  /**
   * Returns a text of the server's in the language of the thread. A plural is chosen by n.
   * @param {string} key @param {Record<string, string | number>} [values]
   */
  t(key, values = {}) {
    const text = this.strings[key];
    const chosen = text?.other ? text[this.plurals.select(Number(values.n))] || text.other : text;
    return String(chosen || key).replace(/\{(\w+)\}/g, (whole, name) => {
      const value = values[name];
      return typeof value === "number" ? value.toLocaleString(this.lang) : (value ?? whole);
    });
  }

  /** Says something to who cannot see it. @param {string} text */
  say(text, { alert = false } = {}) {
    const region = this.regions[alert ? 1 : 0];
    // The same words again are said again only after a change.
    region.textContent = region.textContent === text ? `${text}\u00a0` : text;
  }

  /** Tells the host's page. @param {string} name @param {unknown} [detail] */
  emit(name, detail) {
    const how = { detail, bubbles: true, composed: true };
    this.host.dispatchEvent(new CustomEvent(`comment-thread-${name}`, how));
  }

  /** Tells the other parts. @param {string} name @param {any} [detail] */
  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** Listens until the view ends. @param {string} name @param {(detail: any) => void} listener */
  on(name, listener) {
    const heard = (/** @type {any} */ event) => listener(event.detail);
    this.addEventListener(name, heard, { signal: this.signal });
  }

  /**
   * Listens in the root until the view ends, to what happens in an element of this kind.
   * @param {string} name @param {string} selector
   * @param {(element: any, event: any) => void} listener
   */
  when(name, selector, listener) {
    const heard = (/** @type {Event} */ event) => {
      const found = /** @type {Element} */ (event.target)?.closest?.(selector);
      if (found && this.section.contains(found)) listener(/** @type {any} */ (found), event);
    };
    this.root.addEventListener(name, heard, { signal: this.signal });
  }

  /** @param {string} selector @returns {any} */
  one(selector) {
    return this.section.querySelector(selector);
  }

  /** @param {string} selector @returns {any[]} */
  all(selector) {
    return [...this.section.querySelectorAll(selector)];
  }

  /** Calls for all rows that are here, and for those that come. @param {(rows: HTMLElement[]) => void} listener */
  each(listener) {
    listener(this.all("li[data-number]"));
    this.on("rows", ({ rows }) => listener(rows));
  }

  /** @param {number | string} number @returns {HTMLElement | null} */
  article(number) {
    return this.one(`#comment-${number}`);
  }

  /** @param {number | string} number @returns {HTMLElement | null} */
  row(number) {
    return rowIn(this.section, number);
  }

  /** Returns all rows below a row, holes and folds with them. @param {Element} row */
  branch(row) {
    const found = [];
    let next = row.nextElementSibling;
    for (; next && depthOf(next) > depthOf(row); next = next.nextElementSibling) found.push(next);
    return /** @type {HTMLElement[]} */ (found);
  }

  /** The list itself, made where nobody has written yet. @returns {HTMLElement} */
  get list() {
    let list = this.one(":scope > ol.comments");
    if (!list) {
      list = make("ol", { class: "comments" });
      const empty = this.one(":scope > .empty");
      (empty ?? this.one(".thread-header")).after(list);
      empty?.remove();
    }
    return list;
  }

  /** Returns whether a row is of the viewer's own comment: nobody announces those. @param {Element} row */
  isOwn(row) {
    return this.own.has(row.querySelector("article")?.dataset.id);
  }

  /** Returns whether somebody writes in a row just now. @param {Element} row */
  isHeld(row) {
    return !!row.querySelector("textarea");
  }

  /** @returns {any} */
  get focused() {
    const root = /** @type {ShadowRoot | Document} */ (this.section.getRootNode());
    const found = root.activeElement;
    return this.section.contains(found) ? found : null;
  }

  /** What a reader has selected, be it in a shadow root. @returns {any} */
  get selection() {
    return /** @type {any} */ (this.root).getSelection?.() ?? getSelection();
  }

  /** Returns whether something is in the window. @param {Element} element */
  isSeen(element) {
    const { top, bottom } = element.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  }

  /**
   * Changes rows without moving what is being read, and without losing the focus or what is selected.
   * @template T @param {() => T} change @returns {T}
   */
  keep(change) {
    const { focused, selection } = this;
    const scroller = scrollerOf(this.host);
    const { anchorNode, anchorOffset, focusNode, focusOffset } = selection;
    const selected = `${selection}`;
    const text = anchorNode?.parentElement?.closest(".text");
    const article = focused?.closest(".comment");
    const nth = article && [...article.querySelectorAll(REACHABLE)].indexOf(focused);
    const all = this.all(".comment");
    const at = all.indexOf(article);
    /** What takes the focus: the comment that has it, what follows, what precedes. */
    const near = article ? [...all.slice(at), ...all.slice(0, at).reverse()] : [];
    /** Returns what an element is now, if it is seen. */
    const now = (/** @type {any} */ element) => {
      const found = element.isConnected ? element : this.one(`[id="${element.id}"]`);
      return found?.checkVisibility() && found;
    };
    const top = (/** @type {any} */ element) => element.getBoundingClientRect().top;
    const read = all.filter(this.isSeen);
    if (focused !== this.section && focused && this.isSeen(focused)) read.unshift(article ?? focused);
    /** Of what is read, and of what stands there should it go. */
    const tops = read.map(top);
    // Where the thread is above or below the window, only its end can move something.
    const end = () => Math.min(this.section.getBoundingClientRect().bottom, 0);
    const before = end();
    // The browser's own anchoring would move it a second time.
    scroller.style.overflowAnchor = "none";
    const made = change();
    if (focused && focused !== this.focused) {
      const found = near.map(now);
      // In a comment that has stayed it is what is gone that had the focus: what now stands there is another.
      const same = found[0] !== article && found[0]?.querySelectorAll(REACHABLE)[nth];
      this.focus(now(focused) || same || found.find(Boolean) || this.section, true);
    }
    if (text?.isConnected && `${selection}` !== selected) {
      selection.collapse(anchorNode, anchorOffset);
      // Three clicks select up to the beginning of what follows the text, which may be new.
      if (focusNode.isConnected) selection.extend(focusNode, focusOffset);
      else selection.extend(text, text.childNodes.length);
    }
    const stays = read.findIndex(now);
    const moved = stays < 0 ? end() - before : top(now(read[stays])) - tops[stays];
    if (moved) scroller.scrollBy({ top: moved, behavior: "instant" });
    requestAnimationFrame(() => requestAnimationFrame(() => (scroller.style.overflowAnchor = "")));
    return made;
  }

  /** Moves the focus, also to what is not reached by Tab. @param {any} element @param {boolean} [stay] */
  focus(element, stay = false) {
    if (!element.matches(REACHABLE)) element.tabIndex = -1;
    element.focus({ preventScroll: stay });
  }

  /**
   * Fetches a comment and puts it in place or replaces it. Returns its row; null where it is gone,
   * or, of others' comments (isLive), where its place is not on this page.
   * @param {number} number
   */
  async insert(number, { isLive = false } = {}) {
    const row = await this.fetchRow(number);
    const put = this.keep(() => this.put(number, row, isLive));
    if (!isLive) this.tell("own");
    return put;
  }

  /** Returns the row of a comment, not yet in place; null where nobody can reach it. @param {number} number @param {string | number} [version] */
  async fetchRow(number, version = "") {
    try {
      const { signal } = this;
      const nodes = await this.api.html(`comments/${number}/`, { signal, v: version });
      return /** @type {HTMLElement | null} */ (nodes.querySelector("li[data-number]"));
    } catch (error) {
      if ([404, 410].includes(/** @type {any} */ (error).status)) return null;
      throw error;
    }
  }

  /** Puts a fetched row in place. @param {number} number @param {HTMLElement | null} row @param {boolean} [isLive] */
  put(number, row, isLive = false) {
    const old = this.row(number);
    if (old && isLive && this.isHeld(old)) return this.#hold(old);
    this.stale.delete(number);
    if (!row) return this.remove(number);
    if (old) {
      this.#mark(old, row);
      old.replaceWith(row);
    } else if (!this.#place(row, isLive)) return null;
    this.tell("rows", { rows: [row] });
    return row;
  }

  /** @param {HTMLElement} row */
  #hold(row) {
    this.stale.add(numberOf(row));
    return row;
  }

  /** Gives a row what the one had that it replaces: being sought, a way back, and the very text if that
   * is the same, since something in it may be selected. @param {Element} old @param {any} row */
  #mark(old, row) {
    if (old.querySelector(".is-sought")) row.querySelector("article").classList.add("is-sought");
    row.querySelector("p").append(" ", ...old.querySelectorAll(".back"));
    if (saying(old) && saying(old) === saying(row)) swap(row.querySelector(".text"), old.querySelector(".text"));
  }

  /** Refreshes rows whose forms have been closed. */
  async settle() {
    for (const number of this.stale) {
      const row = this.row(number);
      if (!row) this.stale.delete(number);
      else if (!this.isHeld(row)) await this.insert(number, { isLive: true });
    }
  }

  /** Takes a comment away, with what nobody can reach without it. @param {number} number */
  remove(number) {
    const row = this.row(number);
    if (!row) return;
    this.keep(() => [...this.branch(row), row].forEach((each) => each.remove()));
    this.tell("gone", { number });
  }

  /** @param {HTMLElement} row @param {boolean} isLive */
  #place(row, isLive) {
    const { parent } = row.dataset;
    const number = numberOf(row);
    const { sort, view } = this.section.dataset;
    const above = parent && this.row(parent);
    if (above) {
      const below = this.branch(above);
      const siblings = below.filter((each) => each.dataset.parent === parent);
      const later = siblings.find((each) => numberOf(each) > number);
      const hole = siblings.find((each) => each.matches(".hole"));
      const fold = above.nextElementSibling?.matches(".folded") && below[0].querySelector("ol");
      if (later) later.before(row);
      else if (hole && isLive) return false;
      else if (hole) hole.before(row);
      else if (fold) fold.append(row);
      else (below.at(-1) ?? above).after(row);
      return true;
    }
    const { list } = this;
    const roots = /** @type {HTMLElement[]} */ ([...list.children]).filter((each) => each.dataset.depth === "0");
    const isNewest = sort === "newest";
    const next = roots.find((each) => (isNewest ? numberOf(each) < number : numberOf(each) > number));
    // Of other pages it is known only that they are before the first and after the last.
    const isElsewhere =
      parent || view === "branch" || sort === "best" ||
      this.one(next ? "a[rel=prev]" : "a.more") && (!next || next === roots[0]);
    if (isElsewhere && isLive) return false;
    if (next && !isElsewhere) next.before(row);
    else if (isNewest && isElsewhere) list.prepend(row);
    else list.append(row);
    return true;
  }

  /**
   * Adds fetched rows; one that is here already gives way. Returns those that are new.
   * @param {Iterable<Element>} nodes li's
   * @param {(...nodes: Element[]) => void} add such as hole.replaceWith, list.append
   */
  add(nodes, add) {
    const placed = /** @type {HTMLElement[]} */ ([...nodes]).map((node) => {
      const old = this.row(node.dataset.number ?? "");
      if (old && this.isHeld(old)) return this.#hold(old);
      old?.remove();
      return node;
    });
    add(...placed);
    const rows = placed.flatMap((node) => [node, ...node.querySelectorAll("li[data-number]")]);
    this.tell("rows", { rows: rows.filter((node) => node.matches(".row")) });
    return placed;
  }

  /** Does something after all that is under way. @template T @param {() => Promise<T>} job @returns {Promise<T>} */
  inTurn(job) {
    const done = this.turn.then(job);
    this.turn = done.catch(() => {});
    return done;
  }

  /** Shows another section of this thread in this one's place; what is being written stays. @param {HTMLElement} fresh */
  show(fresh) {
    const { section } = this;
    const was = /** @type {HTMLElement} */ (section.cloneNode());
    this.keep(() => {
      const write = this.one("#reply");
      for (const old of this.all("li[data-number]")) {
        const row = rowIn(fresh, numberOf(old));
        if (row && this.isHeld(old)) swap(row, this.#hold(old));
        else if (row) this.#mark(old, row);
      }
      for (const { dataset } of this.all("details[open] li[data-number]")) {
        rowIn(fresh, dataset.number)?.closest("details")?.setAttribute("open", "");
      }
      for (const { name, value } of fresh.attributes) {
        if (name.startsWith("data-") && name !== "data-api") section.setAttribute(name, value);
      }
      const form = fresh.querySelector("#reply");
      this.one(":scope > .notice")?.remove();
      was.append(...[...section.children].filter((child) => child.matches(PASSING)));
      section.prepend(...[...fresh.children].filter((child) => child.matches(PASSING)));
      if (write && !section.contains(write)) section.append(write);
      if (form && !write) {
        section.append(form);
        this.tell("form", { form });
      }
      // What somebody has begun to write is not taken away by a thread that closes.
      if (write) write.hidden = section.dataset.state !== "open" && !write.querySelector("textarea")?.value;
      this.one(".thread-header").append(this.tools);
      this.tell("rows", { rows: this.all("li[data-number]") });
      this.tell("shown", was);
    });
  }

  /** Returns what concerns this viewer alone; asked once. @returns {Promise<Answer>} */
  viewer() {
    return (this.asked ??= this.#ask());
  }

  /** Asks anew, and tells "viewer". */
  async refreshViewer() {
    const answer = await (this.asked = this.#ask());
    this.tell("viewer", answer);
    return answer;
  }

  /** @returns {Promise<Answer>} */
  async #ask() {
    const { api, section, signal } = this;
    const isOpen = section.dataset.state === "open";
    const nobody = { viewer: null, may: { post: isOpen }, votes: {}, comments: [] };
    if (this.isEmbedded && !(await api.token().catch(() => ""))) return nobody;
    const key = encodeURIComponent(section.dataset.key ?? "");
    try {
      const { data } = await api.json(`../../viewer/?thread=${key}`, { own: true, signal });
      for (const { id } of data.comments) this.own.add(`${id}`);
      return data;
    } catch (error) {
      this.asked = undefined;
      if (/** @type {any} */ (error).status === 401) api.keepToken();
      return nobody;
    }
  }
}
