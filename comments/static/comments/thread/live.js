/**
 * Shows what others write, as it happens: by the stream, or by asking every 20 seconds.
 *
 * Browsers have six connections to a server for all tabs together where it speaks HTTP/1.1, and a
 * stream takes one as long as it lasts. So a tab has streams only while it is seen, and two at most.
 */

import { button, pause, Problem, recall } from "./api.js";
import { into, MORE, rowsIn } from "./reading.js";

const POLL = 20_000;
/** A stream that says nothing may be a dead one: each fourth time it is asked for all that. */
const BESIDE = 4;
const LEFT_AFTER = 10_000;
const MOST_STREAMS = 2;
const OPEN = 1;
const AT_ONCE = 6;
const MANY = 30;
const FRESH = ["published", "imported", "restored"];
/** What changes the text of a comment, and so which others it names. */
const NAMING = ["edited", "linked"];

/** Of all threads of the page. @type {Set<EventSource | undefined>} */
const streams = new Set();

/** Returns milliseconds until trying again. @param {number} failures in a row */
const backOff = (failures) => Math.min(60_000, 1000 * 2 ** failures) * (0.5 + Math.random());

/** @param {View} view */
export function startLive(view) {
  const { api, section, signal } = view;
  const { stream } = section.dataset;
  let version = Number(section.dataset.version);
  /** @type {EventSource | undefined} */
  let source;
  let failures = 0;
  /** Whether a stream has not told what it should have, nor anything since. */
  let isMute = false;
  /** The newest version that the stream told of. */
  let heard = version;
  /** The version of a page that is shown once more, as one left it. */
  let old = Infinity;
  /** How often asking has failed in a row. */
  let tries = 0;
  /** @type {number | undefined} */
  let again;
  let retry = 0;
  /** @type {number | undefined} */
  let sleep;
  let isBusy = false;
  let isBehind = false;

  /** Numbers that arrived and were not in the window yet. @type {Set<number>} */
  const waiting = new Set();
  /** Of those that arrived the ones that answer another. @type {Set<number>} */
  const replies = new Set();
  /** All that arrived. @type {Set<number>} */
  const told = new Set();
  const pill = button("", async () => {
    const [number] = waiting;
    await view.visit(number);
    // What is gone is waited for no more; what could not be loaded still is.
    if (view.article(number) || !(await view.fetchRow(number).catch(() => true))) left(number);
  }, { class: "pill", hidden: "" });
  view.root.append(pill);
  const eyes = new IntersectionObserver((seen) =>
    seen.forEach(({ isIntersecting, target }) => {
      if (!isIntersecting || document.hidden) return;
      eyes.unobserve(target);
      left(Number(/** @type {any} */ (target).parentElement.dataset.number));
    }));

  /** @param {number} number of a comment that has been seen, or is gone */
  function left(number) {
    waiting.delete(number);
    count();
  }

  /** Looks out for what waits, as soon as it is on the page. */
  function watch() {
    for (const number of waiting) {
      const article = view.article(number);
      if (article) eyes.observe(article);
    }
  }

  /** Says how many there are. @param {Set<number>} numbers */
  function words(numbers) {
    const isReplies = [...numbers].every((number) => replies.has(number));
    return view.t(isReplies ? "new_replies" : "new_comments", { n: numbers.size });
  }

  /** @param {number} now */
  function arriveAt(now) {
    version = now;
    section.dataset.version = `${now}`;
  }

  function count() {
    pill.hidden = !waiting.size;
    pill.textContent = words(waiting);
  }

  /**
   * Returns numbers of comments here whose "Mentioned in" is another now: those that said so of one
   * that has changed, and those that its text names.
   * @param {number} number @param {HTMLElement | null} [row] as it is now
   */
  function named(number, row) {
    const said = view.all(`.backlinks a[data-ref="${number}"]`).map((link) => link.closest("[data-number]").dataset.number);
    const links = /** @type {any[]} */ ([...(row?.querySelectorAll(".text a[data-ref]") ?? [])]);
    return [...said, ...links.map((link) => link.dataset.ref)].map(Number).filter((each) => view.row(each));
  }

  /**
   * Fetches rows, a few at a time. @param {Set<number>} numbers
   * @param {number} now @param {Map<number, HTMLElement | null>} rows
   */
  async function fetchRows(numbers, now, rows) {
    const all = [...numbers].filter((number) => !rows.has(number)).sort((a, b) => a - b);
    while (all.length) {
      const some = all.splice(0, AT_ONCE);
      const got = await Promise.all(some.map((number) => view.fetchRow(number, now)));
      some.forEach((number, index) => rows.set(number, got[index]));
    }
  }

  /** Fetches again what is shown, with what was loaded in its gaps. @param {number} now */
  const reload = (now) => view.inTurn(async () => {
    const how = { signal, v: now };
    const fresh = /** @type {any} */ ((await api.html(view.first, how)).querySelector(".thread"));
    /** What its writer may have seen in a gap. */
    const own = view.all("li[data-number]").filter((row) => view.isOwn(row));
    /** Returns whether something is shown that comes after a gap. @param {any} gap */
    const isShort = ({ dataset: { parent = "" } }) => {
      const sort = parent || fresh.dataset.sort;
      const [last, got] = [section, fresh].map((each) => {
        const rows = [...each.querySelectorAll(`li[data-number][data-parent="${parent}"]`)]
          .filter((row) => view.isHeld(row) || !view.isOwn(row));
        return sort === "best" ? rows.length : rows.at(-1)?.dataset.number * (sort === "newest" ? -1 : 1);
      });
      return last > (got || -Infinity);
    };
    for (let gap; (gap = [...fresh.querySelectorAll(`.hole, ${MORE}`)].find(isShort)); ) {
      // Where the conversation goes on elsewhere it does so here.
      const nodes = await api.html(gap.querySelector("a").dataset.fetch.replace(/context.$/, "replies/"), how);
      into(gap, nodes)(...rowsIn(nodes));
    }
    view.keep(() => {
      view.show(fresh);
      for (const row of own) {
        const number = Number(row.dataset.number);
        // As it was; as it is it is fetched once that is shown.
        if (!view.row(number)) view.put(number, row) && view.stale.add(number);
      }
    });
  });

  /** Says how many are in the holes below a root. @param {string} root @param {number} now */
  async function recount(root, now) {
    const nodes = await api.html(`comments/${root}/context/`, { signal, v: now });
    for (const { dataset, childNodes, parentElement } of /** @type {any} */ (nodes.querySelectorAll(".hole-link"))) {
      // With or without the site's name.
      const link = view.one(`[data-fetch$="${dataset.fetch.replace(/.*comments/, "")}"]`);
      link?.replaceChildren(...childNodes);
      link?.parentElement.setAttribute("data-count", parentElement.dataset.count);
    }
    view.tell("marked");
  }

  /**
   * Shows changes. The version moves on only when all of them are shown.
   * @param {{version: number, kind: string, number: number | null}[]} changes
   * @param {number} now
   */
  async function apply(changes, now) {
    const fresh = new Set();
    const numbers = new Set();
    /** What is gone without a trace need not be fetched. */
    const gone = new Set();
    /** What changed elsewhere, and may name what is here. */
    const elsewhere = new Set();
    /** Numbers of all that may name others, or no longer do. */
    const naming = new Set();
    let isOther = false;
    for (const { kind, number } of changes) {
      const row = number ? view.row(number) : null;
      if (kind === "state") isOther = true;
      if (!number) continue;
      if (kind !== "voted") naming.add(number);
      if (kind === "published" && row && view.isOwn(row)) continue;
      if (FRESH.includes(kind) && !row) fresh.add(number);
      const below = row ? view.branch(row).length : 0;
      if (kind === "removed") left(number);
      if (kind === "removed" && !below) {
        gone.add(number);
        for (const each of [numbers, fresh, elsewhere]) each.delete(number);
        // It may have been counted in a hole, and nobody knows in which.
        if (!row && view.one(".hole")) isOther = true;
        // What went along with it is not told of.
        for (const link of row ? [] : view.all(".backlinks a[data-ref]")) {
          if (!view.row(link.dataset.ref)) naming.add(Number(link.dataset.ref));
        }
        continue;
      }
      if (FRESH.includes(kind)) gone.delete(number);
      if (gone.has(number)) continue;
      // Whether its replies fold depends on more than this row.
      if (below && ["removed", "restored"].includes(kind)) isOther = true;
      if (row || FRESH.includes(kind)) numbers.add(number);
      else if (NAMING.includes(kind)) elsewhere.add(number);
    }
    const sent = recall("sent", api.base.href);
    // What this browser has sent may be among it, from another tab, or with an answer that was lost.
    if (fresh.size && sent && !view.own.has(`${sent}`)) await view.refreshViewer();
    /** @type {Map<number, any>} */
    const rows = new Map();
    let isMany = isOther || numbers.size + elsewhere.size > MANY;
    if (!isMany) {
      for (const number of gone) {
        // What arrives may answer it, so that its place stays.
        if (fresh.size && view.row(number)) numbers.add(number);
        else rows.set(number, null);
      }
      await fetchRows(new Set([...numbers, ...elsewhere]), now, rows);
      const touched = new Set([...naming].flatMap((number) => named(number, rows.get(number) ?? view.row(number))));
      elsewhere.forEach((number) => numbers.has(number) || rows.delete(number));
      isMany = touched.size > MANY;
      if (!isMany) await fetchRows(touched, now, rows);
    }
    if (isMany) await reload(now);
    else {
      /** Of what is in a hole the roots. */
      const holed = new Set();
      view.keep(() => rows.forEach((row, number) => view.put(number, row, true) || holed.add(row?.dataset.root)));
      for (const root of holed) if (view.row(root)) await recount(root, now);
      const { data } = await api.json(`./?v=${now}`, { signal });
      section.dataset.count = data.count;
      view.one("h2").textContent = view.t("comments", { n: data.count });
    }
    arriveAt(now);
    for (const number of fresh) {
      const row = rows.get(number) ?? view.row(number);
      // What was asked for and is not there is gone; one's own is nothing new, even if it had to wait.
      if (rows.get(number) === null || told.has(number) || (row && view.isOwn(row))) fresh.delete(number);
      else {
        told.add(number);
        waiting.add(number);
        if (row?.dataset.parent) replies.add(number);
      }
    }
    if (!fresh.size) return;
    watch();
    count();
    view.say(words(fresh));
    view.emit("changed", { numbers: [...fresh], version });
  }

  /** Shows all anew, of a server that was set back to an earlier day. @param {number} now */
  async function restart(now) {
    view.own.clear();
    await reload(now);
    arriveAt((heard = now));
  }

  /** Asks what has changed until there is nothing more; after a failure again, later and later. */
  async function catchUp() {
    isBehind = true;
    clearTimeout(again);
    if (isBusy) return;
    isBusy = true;
    try {
      while (isBehind && !signal.aborted) {
        isBehind = false;
        version = Math.min(version, old);
        old = Infinity;
        // What was told of is in the address, so that no proxy answers with what it stored before.
        const { data } = await api.json(`changes/?since=${version}&v=${heard}`, { signal });
        if (data.version > version) await apply(data.changes, data.next ?? data.version);
        else if (data.version < version) await restart(data.version);
        isBehind ||= !!data.next;
        await view.settle();
      }
      if (version >= heard) tries = 0;
      else later();
    } catch (error) {
      if (signal.aborted) return;
      later();
      // What is no lost connection must be heard of.
      if (!(error instanceof Problem)) reportError(error);
    } finally {
      isBusy = false;
    }
  }

  /** Asks again from the same version, whatever the stream says meanwhile. */
  function later() {
    clearTimeout(again);
    again = setTimeout(catchUp, backOff(tries++));
  }

  function close() {
    source?.close();
    streams.delete(source);
    source = undefined;
    clearTimeout(retry);
    retry = 0;
  }

  function fail() {
    close();
    retry = setTimeout(open, backOff(failures++));
  }

  function open() {
    close();
    if (!stream || signal.aborted || document.hidden || streams.size >= MOST_STREAMS) return;
    heard = Math.max(heard, version);
    const url = new URL(stream, document.baseURI);
    url.searchParams.set("since", `${version}`);
    streams.add((source = new EventSource(url)));
    const hear = (/** @type {any} */ event) => {
      failures = 0;
      isMute = false;
      const told = JSON.parse(event.data).version;
      // Only a change may be one that we have already asked for ourselves.
      const isBack = event.type !== "change" && told < version;
      heard = isBack ? told : Math.max(heard, told);
      if (event.type === "reset" || isBack || told > version) catchUp();
    };
    for (const name of ["hello", "change", "reset"]) source.addEventListener(name, hear);
    source.addEventListener("error", fail);
  }

  function wake() {
    clearTimeout(sleep);
    if (!source) open();
    catchUp();
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) sleep = setTimeout(close, LEFT_AFTER);
    else wake();
  }, { signal });
  // Of another network: what was open is dead, and would not say so.
  addEventListener("online", () => {
    close();
    wake();
  }, { signal });
  addEventListener("pagehide", close, { signal });
  addEventListener("pageshow", (event) => event.persisted && wake(), { signal });
  signal.addEventListener("abort", () => {
    close();
    clearTimeout(sleep);
    clearTimeout(again);
    eyes.disconnect();
    pill.remove();
  });
  view.on("rows", watch);
  view.on("shown", () => {
    old = Number(section.dataset.version);
    if (old < version) catchUp();
  });
  // Whose they are may be known only now.
  view.on("viewer", ({ comments }) => comments.forEach((/** @type {any} */ { number }) => left(number)));
  view.on("own", catchUp);
  view.on("gone", () => isBusy || catchUp());
  open();
  (async () => {
    for (let nth = 1; !signal.aborted; nth++) {
      await pause(POLL * (0.9 + Math.random() / 5));
      if (document.hidden) continue;
      const isOpen = source?.readyState === OPEN;
      isMute ||= isOpen && version > heard;
      if (source && !isOpen) fail();
      else if (isOpen ? version > heard : !retry) open();
      if (!isOpen || isMute || nth % BESIDE === 0) await catchUp();
    }
  })();
}
