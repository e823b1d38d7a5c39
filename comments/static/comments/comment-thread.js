/** The one script of a page with comments: <comment-thread src> and <comment-count key>. */

import { Api, pause, Problem } from "./thread/api.js";
import { startReading } from "./thread/reading.js";
import { make } from "./thread/tools.js";
import { View } from "./thread/view.js";
import { startWaiting } from "./thread/waiting.js";

const loadWriting = async () => (await import("./thread/writing.js")).startWriting;
/** What is not needed to read, and comes after what is. @type {(() => Promise<(view: View) => void>)[]} */
const LATER = [
  loadWriting,
  async () => (await import("./thread/live.js")).startLive,
  async () => (await import("./thread/keyboard.js")).startKeyboard,
];

/** What is said while the server cannot be asked for its words. @type {Record<string, [string, string]>} */
const UNREACHABLE = {
  en: ["The comments cannot be loaded.", "Try again"],
  de: ["Die Kommentare lassen sich nicht laden.", "Erneut versuchen"],
  he: ["לא ניתן לטעון את התגובות.", "לנסות שוב"],
  ru: ["Не удалось загрузить комментарии.", "Повторить"],
};

/** How that looks while there is no thread.css. */
const PLAIN = `:host { display: block; font: 1rem/1.55 system-ui, sans-serif; }
.notice { margin: 1rem 0; padding: .7rem 1rem; border-inline-start: 4px solid; }
button { padding: .3rem .8rem; font: inherit; }`;

/** @type {Promise<CSSStyleSheet> | undefined} */
let sheet;

async function style() {
  const answer = await fetch(new URL("thread.css", import.meta.url));
  if (!answer.ok) throw new Problem(answer.status);
  return new CSSStyleSheet().replace(await answer.text());
}

/** Returns the language that an element stands in. @param {Element} element @returns {string} */
function languageOf(element) {
  const found = element.closest("[lang]");
  if (found) return found.getAttribute("lang") ?? "";
  const root = element.getRootNode();
  return root instanceof ShadowRoot ? languageOf(root.host) : navigator.language;
}

class CommentThread extends HTMLElement {
  static observedAttributes = ["src", "lang", "sort", "token"];
  /** @type {AbortController | undefined} */
  #running;
  #token = "";
  #wasStarted = false;
  /** @type {View | undefined} */
  view;

  /** The host's token (JWT) for the user who is signed in there. */
  get token() {
    return this.#token || this.getAttribute("token") || "";
  }

  set token(token) {
    this.#token = token;
    if (this.view) {
      this.view.api.jwt = token;
      this.view.refreshViewer();
    }
  }

  connectedCallback() {
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
  }

  async #start() {
    this.#stop();
    const { signal } = (this.#running = new AbortController());
    if (document.readyState === "loading") {
      await new Promise((resolve) => addEventListener("DOMContentLoaded", resolve, { once: true }));
    }
    let section = /** @type {HTMLElement | null} */ (this.querySelector("section.thread"));
    const isEmbedded = !section;
    const address = section?.dataset.api ?? this.getAttribute("src");
    if (signal.aborted || !address) return;
    const lang = (isEmbedded || this.#wasStarted ? languageOf(this) : section?.lang) ?? "";
    const field = document.querySelector("input[name=csrfmiddlewaretoken]");
    const csrf = isEmbedded ? "" : /** @type {HTMLInputElement} */ (field)?.value;
    const api = new Api(address, { isEmbedded, lang, csrf });
    for (const load of LATER) load().catch(() => {});
    const root = isEmbedded ? (this.shadowRoot ?? this.attachShadow({ mode: "open" })) : this;
    const isFetched = isEmbedded || this.#wasStarted;
    if (isFetched) {
      try {
        section = await this.#load(api, root, section, signal);
      } catch (error) {
        if (!signal.aborted) this.#fail(root, lang, error);
        return;
      }
    }
    if (!section || signal.aborted) return;
    this.#wasStarted = true;
    const view = (this.view = new View(this, root, section, api, signal));
    api.jwt = isEmbedded ? this.token : "";
    api.onTokenNeeded = () => view.emit("token-needed");
    // The form of a whole page is sent without scripts as well; a fetched one leads away from the host's.
    const waiting = isFetched ? startWaiting(view) : undefined;
    startReading(view);
    view.emit("ready", { count: Number(section.dataset.count) });
    this.#attach(view, waiting);
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
    const sort = this.getAttribute("sort");
    const query = sort ? `?${new URLSearchParams({ sort })}` : "";
    const nodes = await api.html(`comments/${query}`, { signal });
    if (root instanceof ShadowRoot) root.adoptedStyleSheets = [await (sheet ??= style())];
    const section = /** @type {HTMLElement} */ (nodes.querySelector("section.thread"));
    if (signal.aborted) return null;
    if (old) old.replaceWith(section);
    else root.replaceChildren(section);
    return section;
  }

  /** @param {HTMLElement | ShadowRoot} root @param {string} lang @param {unknown} error */
  #fail(root, lang, error) {
    sheet = undefined;
    const problem = error instanceof Problem ? error : new Problem(0);
    const known = lang.slice(0, 2) in UNREACHABLE ? lang.slice(0, 2) : "en";
    const [sentence, again] = UNREACHABLE[known];
    const button = make("button", { type: "button" }, again);
    button.addEventListener("click", () => this.#start());
    const how = { role: "alert", class: "notice is-error", lang: known, dir: known === "he" ? "rtl" : "ltr" };
    root.replaceChildren(make("p", how, sentence, " ", button));
    if (root instanceof ShadowRoot) {
      // The host's own link to the comments.
      root.append(make("slot"));
      if (!root.adoptedStyleSheets.length) {
        const plain = new CSSStyleSheet();
        plain.replaceSync(PLAIN);
        root.adoptedStyleSheets = [plain];
      }
    }
    const { status, code, message } = problem;
    const event = { detail: { status, code, message: message || sentence }, bubbles: true, composed: true };
    this.dispatchEvent(new CustomEvent("comment-thread-error", event));
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
    const { counts } = (await api.json(`counts/?${query}`).catch(() => ({ data: { counts: {} } }))).data;
    for (const element of elements) {
      const count = counts[element.getAttribute("key") ?? ""];
      if (count !== undefined) element.textContent = count.toLocaleString(languageOf(element));
    }
  }
}

class CommentCount extends HTMLElement {
  static observedAttributes = ["key", "src"];

  connectedCallback() {
    this.attributeChangedCallback();
  }

  async attributeChangedCallback() {
    if (!this.isConnected || !this.getAttribute("key")) return;
    const address = new URL(this.getAttribute("src") ?? "/api/v1/", this.hasAttribute("src") ? document.baseURI : import.meta.url);
    const waiting = asking.get(address.href);
    if (waiting) return waiting.add(this);
    asking.set(address.href, new Set([this]));
    await pause(0);
    const elements = [...(asking.get(address.href) ?? [])];
    asking.delete(address.href);
    fetchCounts(address.href, elements);
  }
}

// A page may load the script twice, from two addresses.
if (!customElements.get("comment-thread")) {
  customElements.define("comment-thread", CommentThread);
  customElements.define("comment-count", CommentCount);
}
