/** The one script of a page with comments: <comment-thread src> and <comment-count key>. */

import { Api, button, folder, make, pause, Problem } from "./thread/api.js";
import { startReading } from "./thread/reading.js";
import { View } from "./thread/view.js";
import { startWaiting } from "./thread/waiting.js";

const loadWriting = async () => (await import("./thread/writing.js")).startWriting;
/** What is not needed to read, and comes after what is. @type {(() => Promise<(view: View) => void>)[]} */
const LATER = [
  loadWriting,
  async () => (await import("./thread/live.js")).startLive,
  async () => (await import("./thread/keyboard.js")).startKeyboard,
  async () => (await import("./thread/returning.js")).startReturning,
];

/** What is said while the server cannot be asked for its words. @type {Record<string, [string, string]>} */
const UNREACHABLE = {
  en: ["The comments cannot be loaded.", "Try again"],
  de: ["Die Kommentare lassen sich nicht laden.", "Erneut versuchen"],
  he: ["לא ניתן לטעון את התגובות.", "לנסות שוב"],
  ru: ["Не удалось загрузить комментарии.", "Повторить"],
};

/** What is needed only where something is wrong. */
const loadAdvising = () => import("./thread/advising.js");
/** @param {string} code @param {string} value */
const advise = (code, value) => loadAdvising().then((advising) => advising.advise(code, value), () => {});

const SORTS = ["oldest", "newest", "best"];
/** Where a thread is in the API. */
const THREAD = /\/threads\/[^/]+\/$/;
/** Seconds until the host is asked for another token, and again. */
const ASK_AFTER = [0, 5, 30, 300];

/** How that looks while there is no thread.css. */
const PLAIN = `:host { display: block; font: medium/1.55 system-ui, sans-serif; }
.notice { margin: 1rem 0; padding: .7rem 1rem; border-inline-start: 4px solid; }
button { padding: .3rem .8rem; font: inherit; }`;

/** @type {Promise<CSSStyleSheet> | undefined} */
let sheet;

async function style() {
  const answer = await fetch(new URL("thread.css", import.meta.url), { signal: AbortSignal.timeout(20_000) });
  if (!answer.ok) throw new Problem(answer.status);
  return new CSSStyleSheet().replace(await answer.text());
}

/** Returns the language of a tag, as "de" of "de-AT". @param {string} tag */
const languageIn = (tag) => tag.slice(0, 2).toLowerCase();

/** Returns the language that an element stands in; none where what it says is no tag of one. @param {Element} element @returns {string | undefined} */
function languageOf(element) {
  const found = element.closest("[lang]");
  const root = element.getRootNode();
  if (!found && root instanceof ShadowRoot) return languageOf(root.host);
  const tag = found?.getAttribute("lang") ?? navigator.language;
  try {
    // Some say it as servers do, "en_US", which no browser understands and no other origin may be sent.
    return Intl.getCanonicalLocales(tag.replaceAll("_", "-"))[0];
  } catch {
    return undefined;
  }
}

/** Makes properties of attributes. @param {CustomElementConstructor} kind @param {string[]} names */
function reflect(kind, names) {
  for (const name of names) {
    Object.defineProperty(kind.prototype, name, {
      configurable: true,
      enumerable: true,
      get() {
        return this.getAttribute(name) ?? "";
      },
      set(value) {
        this.setAttribute(name, value);
      },
    });
  }
}

/** Takes over what a script has set before there was the element's class. @param {any} element @param {string[]} names */
function adopt(element, names) {
  for (const name of names) {
    if (!Object.hasOwn(element, name)) continue;
    const value = element[name];
    delete element[name];
    element[name] = value;
  }
}

class CommentThread extends HTMLElement {
  static observedAttributes = ["src", "lang", "sort", "keys", "token"];
  /** @type {AbortController | undefined} */
  #running;
  /** @type {string | undefined} */
  #token;
  /** How often the host was asked for another token since one was taken. */
  #asked = 0;
  /** @type {number | undefined} */
  #asking;
  #wasStarted = false;
  /** @type {View | undefined} */
  view;

  /** The host's token (JWT) for the user who is signed in there; "" where nobody is. */
  get token() {
    return this.#token ?? this.getAttribute("token") ?? "";
  }

  set token(token) {
    this.#token = token;
    clearTimeout(this.#asking);
    if (this.view) {
      this.view.api.jwt = token;
      this.view.refreshViewer();
    }
  }

  connectedCallback() {
    adopt(this, CommentThread.observedAttributes);
    if (!this.#running) this.#start();
  }

  async disconnectedCallback() {
    // An element that is moved stays as it is.
    await pause(0);
    if (!this.isConnected) this.#stop();
  }

  /** @param {string} name @param {string | null} old @param {string | null} value */
  attributeChangedCallback(name, old, value) {
    if (!this.#running || old === value) return;
    if (name === "token") this.token = value ?? "";
    else this.#start();
  }

  #stop() {
    this.#running?.abort();
    this.#running = this.view = undefined;
    clearTimeout(this.#asking);
  }

  /** Asks the host for another token, later and later while none is taken. @param {string} reason */
  #askForToken(reason) {
    clearTimeout(this.#asking);
    this.#asking = setTimeout(() => {
      this.#asked++;
      this.#askForToken(reason);
      this.view?.emit("token-needed", { reason });
    }, 1000 * (ASK_AFTER[Math.min(this.#asked, 3)]));
  }

  async #start() {
    this.#stop();
    const { signal } = (this.#running = new AbortController());
    if (document.readyState === "loading") {
      await new Promise((resolve) => addEventListener("DOMContentLoaded", resolve, { once: true }));
    }
    let section = /** @type {HTMLElement | null} */ (this.querySelector("section.thread"));
    const isEmbedded = !section;
    const address = section?.dataset.api ?? this.getAttribute("src") ?? "";
    // A script may set it right after it has made the element.
    if (!address) await pause(0);
    if (signal.aborted) return;
    const isFetched = isEmbedded || this.#wasStarted;
    const lang = (isFetched ? languageOf(this) : section?.lang) ?? "";
    const field = document.querySelector("input[name=csrfmiddlewaretoken]");
    const csrf = isEmbedded ? "" : /** @type {HTMLInputElement} */ (field)?.value;
    const api = new Api(address, { isEmbedded, lang, csrf });
    for (const load of LATER) load().catch(() => {});
    const root = isEmbedded ? (this.shadowRoot ?? this.attachShadow({ mode: "open" })) : this;
    if (isFetched) {
      try {
        if (!THREAD.test(api.base.pathname)) throw new Problem(0, { code: "src_invalid" });
        section = await this.#load(api, root, section, signal);
      } catch (error) {
        if (!signal.aborted) this.#fail(api, root, error, signal);
        return;
      }
    }
    if (!section || signal.aborted) return;
    this.#wasStarted = true;
    const view = (this.view = new View(this, root, section, api, signal));
    api.jwt = isEmbedded ? this.token : "";
    api.onSigned = (reason) => {
      if (reason !== undefined) return this.#askForToken(reason);
      this.#asked = 0;
      clearTimeout(this.#asking);
    };
    this.#follow(view);
    // The form of a whole page is sent without scripts as well; a fetched one leads away from the host's.
    const waiting = isFetched ? startWaiting(view) : undefined;
    startReading(view);
    view.emit("ready", { count: Number(section.dataset.count) });
    this.#attach(view, waiting);
  }

  /** Keeps every <comment-count> of this thread on the page at what the thread shows. @param {View} view */
  #follow({ api, section, signal }) {
    const { href } = new URL("../../", api.base);
    const show = () => {
      const counts = /** @type {NodeListOf<CommentCount>} */ (document.querySelectorAll("comment-count"));
      for (const each of counts) {
        if (each.getAttribute("key") === section.dataset.key && each.address === href) each.show(Number(section.dataset.count));
      }
    };
    const changes = new MutationObserver(show);
    changes.observe(section, { attributeFilter: ["data-count"] });
    signal.addEventListener("abort", () => changes.disconnect());
    show();
  }

  /** Starts each of what comes later when it is there. @param {View} view @param {Waiting | undefined} waiting */
  #attach(view, waiting) {
    const missing = new Set(LATER);
    const attach = () =>
      missing.forEach(async (load) => {
        const start = await load().catch(() => undefined);
        if (view.signal.aborted || !missing.has(load)) return;
        const isAwaited = load === loadWriting ? waiting : undefined;
        if (!start) return isAwaited?.failed(attach);
        missing.delete(load);
        try {
          isAwaited?.before();
          start(view);
          isAwaited?.after();
        } catch (error) {
          reportError(error);
          isAwaited?.failed(() => this.#start());
        }
      });
    attach();
  }

  /**
   * Returns the section that the API made, in place of the old one.
   * @param {Api} api @param {HTMLElement | ShadowRoot} root @param {HTMLElement | null} old
   * @param {AbortSignal} signal
   */
  async #load(api, root, old, signal) {
    const sort = this.getAttribute("sort") ?? "";
    const isKnown = SORTS.includes(sort);
    if (sort && !isKnown) advise("sort_unknown", sort);
    const query = isKnown ? `?sort=${sort}` : "";
    const nodes = await api.html(`comments/${query}`, { signal });
    if (root instanceof ShadowRoot) root.adoptedStyleSheets = [await (sheet ??= style())];
    const section = /** @type {HTMLElement} */ (nodes.querySelector("section.thread"));
    if (signal.aborted) return null;
    // Whatever answered, it was not the API.
    if (!section) throw new Problem(200);
    const lang = this.getAttribute("lang");
    if (lang && languageIn(lang) !== languageIn(section.lang)) advise("lang_unknown", lang);
    if (old) old.replaceWith(section);
    else root.replaceChildren(section);
    return section;
  }

  /** @param {Api} api @param {HTMLElement | ShadowRoot} root @param {unknown} error @param {AbortSignal} signal */
  async #fail(api, root, error, signal) {
    sheet = undefined;
    const problem = error instanceof Problem ? error : new Problem(0);
    const lang = languageIn(api.lang);
    const known = lang in UNREACHABLE ? lang : "en";
    const [sentence, again] = UNREACHABLE[known];
    const how = { role: "alert", class: "notice is-error", lang: known, dir: "auto" };
    root.replaceChildren(make("p", how, sentence, " ", button(again, () => this.#start())));
    if (root instanceof ShadowRoot) {
      // The host's own link to the comments.
      root.append(make("slot"));
      if (!root.adoptedStyleSheets.length) {
        const plain = new CSSStyleSheet();
        plain.replaceSync(PLAIN);
        root.adoptedStyleSheets = [plain];
      }
    }
    const { code, message } = await loadAdvising().then(({ explained }) => explained(api.base, problem), () => problem);
    if (signal.aborted) return;
    const detail = { status: problem.status, code, message: message || sentence };
    this.dispatchEvent(new CustomEvent("comment-thread-error", { detail, bubbles: true, composed: true }));
  }
}

/** Elements whose counts are asked for together, by the API's address. @type {Map<string, Set<CommentCount>>} */
const asking = new Map();
const MOST_KEYS = 100;

/** @param {string} address @param {CommentCount[]} elements */
async function fetchCounts(address, elements) {
  const keys = [...new Set(elements.map((element) => element.getAttribute("key") ?? ""))];
  for (let first = 0; first < keys.length; first += MOST_KEYS) {
    const query = new URLSearchParams(keys.slice(first, first + MOST_KEYS).map((key) => ["key", key]));
    const api = new Api(address, { isEmbedded: true });
    // Without an answer, the text that the page gave stays.
    const { counts } = (await api.json(`counts/?${query}`).catch(() => ({ data: {} }))).data;
    if (!counts) return advise("count_src", address);
    for (const element of elements) {
      const count = counts[element.getAttribute("key") ?? ""];
      if (count !== undefined) element.show(count);
    }
  }
}

class CommentCount extends HTMLElement {
  static observedAttributes = ["key", "src"];

  /** Where the API is. */
  get address() {
    const src = this.getAttribute("src");
    return folder(src ?? "/api/v1/", src === null ? import.meta.url : document.baseURI).href;
  }

  /** @param {number} count */
  show(count) {
    this.textContent = count.toLocaleString(languageOf(this));
  }

  connectedCallback() {
    adopt(this, CommentCount.observedAttributes);
    this.attributeChangedCallback();
  }

  async attributeChangedCallback() {
    if (!this.isConnected) return;
    const { address } = this;
    const waiting = asking.get(address);
    if (waiting) return waiting.add(this);
    asking.set(address, new Set([this]));
    await pause(0);
    const elements = [...(asking.get(address) ?? [])];
    asking.delete(address);
    fetchCounts(address, elements.filter((element) => element.getAttribute("key") || void advise("count_key", address)));
  }
}

reflect(CommentThread, ["src", "sort", "keys"]);
reflect(CommentCount, CommentCount.observedAttributes);
// A page may load the script twice, from two addresses.
if (!customElements.get("comment-thread")) {
  // For thread.css; a style sheet of a shadow root cannot do that.
  CSS.registerProperty?.({ name: "--comments-unit", syntax: "<length>", inherits: true, initialValue: "16px" });
  customElements.define("comment-thread", CommentThread);
  customElements.define("comment-count", CommentCount);
}
