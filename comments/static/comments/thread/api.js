/** What all modules share: requests to the API, what is kept in the browser, and how nodes are made. */

/**
 * @typedef {object} Asking
 * @property {string} [method]
 * @property {unknown} [body] sent as JSON
 * @property {Record<string, string>} [headers]
 * @property {boolean} [own] says who is calling; as all that changes something does
 * @property {number} [retries] after a lost connection or a 502 to 504; 1 for public reads
 * @property {AbortSignal} [signal]
 * @property {boolean} [keepalive] goes on when the page is left
 * @property {() => Promise<void>} [renewed] called before it is sent with a new token of the page
 * @typedef {{pointer: string, code: string, detail: string}} FieldError
 */

/** What the API refused, or status 0 where no answer came. The message is for people. */
export class Problem extends Error {
  /** @param {number} status @param {any} [body] @param {number} [wait] */
  constructor(status, body, wait = 0) {
    super(body?.detail || body?.title || "");
    this.status = status;
    /** @type {string} */
    this.code = body?.code || "";
    /** @type {FieldError[]} */
    this.errors = body?.errors || [];
    /** Seconds to wait before trying again. */
    this.wait = wait;
  }
}

/** Returns whether who asked is not known by what was sent. @param {any} error @returns {error is Problem} */
const isRefusal = (error) => error.status === 401;

/** @type {{createHTML(html: string): any} | undefined} */
let policy;

/** Returns the nodes of HTML that the API made. @param {string} html */
export function parse(html) {
  const same = { createHTML: (/** @type {string} */ text) => text };
  policy ??= /** @type {any} */ (window).trustedTypes?.createPolicy("comment-thread", same) ?? same;
  const template = document.createElement("template");
  template.innerHTML = policy?.createHTML(html);
  return template.content;
}

/** Resolves after so many milliseconds. @param {number} wait */
export const pause = (wait) => new Promise((resolve) => setTimeout(resolve, wait));

/** Returns an address that others are relative to, however it was typed; of what is none, the base. @param {string} address @param {string} base */
export function folder(address, base) {
  const url = new URL(URL.canParse(address, base) ? address : "", base);
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

/** Returns a new element; texts in it stay texts. @param {string} tag
 * @param {Record<string, string>} attributes @param {...(Node | string)} children @returns {any} */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  element.append(...children);
  return element;
}

/** Puts each of two where the other is. @param {any} one @param {any} other */
export function swap(one, other) {
  const gap = new Text();
  one.replaceWith(gap);
  other.replaceWith(one);
  gap.replaceWith(other);
}

/** Returns a button. @param {string} text @param {(event: Event) => void} press
 * @param {Record<string, string>} attributes */
export function button(text, press, attributes = {}) {
  const made = make("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", press);
  return made;
}

/** Returns what scrolls an element: another of the host's page, or the window. @param {HTMLElement} element */
export function scrollerOf(element) {
  let found = element.parentElement;
  while (found && !/auto|scroll/.test(getComputedStyle(found).overflowY)) found = found.parentElement;
  return found?.matches("body *") ? found : /** @type {HTMLElement} */ (document.scrollingElement);
}

/** Returns seconds as minutes and seconds. @param {number} seconds */
export const clock = (seconds) => `${Math.floor(seconds / 60)}:${`${seconds % 60}`.padStart(2, "0")}`;

/** Calls back with the whole seconds left until a time, now and each second, the last time with 0;
 * returns what stops it. By the clock: timers sleep with the machine.
 * @param {number} end @param {(left: number) => void} tick */
export function countDown(end, tick) {
  const step = () => {
    const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
    if (!left) clearInterval(timer);
    tick(left);
  };
  const timer = setInterval(step, 1000);
  step();
  return () => clearInterval(timer);
}

const PREFIX = "comment-thread:";
const MOST = 200;
/** @typedef {"localStorage" | "sessionStorage"} Area */
const LONG = /** @type {Area} */ ("localStorage");

/** Each value is an item of its own: tabs see each other's late, and would undo each other's in one.
 * @param {string} shelf @param {string} key */
const named = (shelf, key) => `${PREFIX}${shelf}:${key}`;

/** Returns what was kept on a shelf under a key, or undefined. @param {string} shelf @param {string} key */
export function recall(shelf, key, area = LONG) {
  try {
    return JSON.parse(window[area].getItem(named(shelf, key)) || "{}").value;
  } catch {
    return undefined;
  }
}

/**
 * Keeps a value; undefined forgets it. A shelf holds the 200 values that were kept last.
 * @param {string} shelf @param {string} key @param {any} value
 */
export function remember(shelf, key, value, area = LONG) {
  try {
    const store = window[area];
    if (value === undefined) return store.removeItem(named(shelf, key));
    store.setItem(named(shelf, key), JSON.stringify({ at: Date.now(), value }));
    const names = Object.keys(store).filter((name) => name.startsWith(named(shelf, "")));
    if (names.length <= MOST) return;
    /** @type {Fn} */
    const at = (name) => JSON.parse(store.getItem(name) || "{}").at;
    for (const name of names.sort((a, b) => at(a) - at(b)).slice(0, -MOST)) store.removeItem(name);
  } catch {
    // Storage is full or forbidden: nothing is remembered.
  }
}

/** Comment tokens by the host's token that each was given for; of one that was refused, the refusal.
 * @type {Map<string, Promise<string>>} */
const signed = new Map();
/** Returns what a host's token is kept under: no other has the same, and it says nothing of the user.
 * @param {string} jwt */
const signatureOf = (jwt) => jwt.split(".")[2];
/** Tokens that the browser did not take. @type {Map<string, string>} */
const loose = new Map();

/** Milliseconds until what has not been answered whole is given up. */
const READ_WITHIN = 20_000;
const WRITE_WITHIN = 30_000;

export class Api {
  /**
   * @param {string} address of the thread
   * @param {{isEmbedded: boolean, lang?: string, csrf?: string}} how
   */
  constructor(address, { isEmbedded, lang = "", csrf = "" }) {
    /** Every path below is relative to it: "comments/7/", "../../preview/". */
    this.base = folder(address, document.baseURI);
    this.isEmbedded = isEmbedded;
    this.lang = lang;
    this.csrf = csrf;
    /** The host's token for its own user (JWT). */
    this.jwt = "";
    /** Called when the host's token was taken, or was refused, for a reason. @type {(reason?: string) => void} */
    this.onSigned = () => {};
  }

  /** Returns the comment token of a guest, or of the host's user. @returns {Promise<string | undefined>} */
  async token() {
    const { jwt } = this;
    if (!jwt) return loose.get(this.base.origin) ?? recall("tokens", this.base.origin);
    // A host's token is taken once, but a page may be loaded again with it.
    let kept = signed.get(jwt);
    if (!kept) {
      const token = recall("signed", signatureOf(jwt), "sessionStorage");
      kept = token ? Promise.resolve(token) : this.#signIn(jwt);
      signed.set(jwt, kept);
    }
    try {
      const token = await kept;
      this.onSigned();
      return token;
    } catch (error) {
      if (isRefusal(error) && this.jwt === jwt) {
        this.jwt = "";
        this.onSigned(error.message);
      }
      throw error;
    }
  }

  /** Keeps the token of a guest's first comment; undefined forgets it. @param {string} [token] */
  keepToken(token) {
    if (!this.isEmbedded || this.jwt) return;
    const { origin } = this.base;
    remember("tokens", origin, token);
    if (token && recall("tokens", origin) !== token) loose.set(origin, token);
    else loose.delete(origin);
  }

  /** @param {string} jwt */
  async #signIn(jwt) {
    try {
      const headers = { Authorization: `Bearer ${jwt}` };
      const { token } = (await this.json("../../viewer/", { method: "POST", headers })).data;
      remember("signed", signatureOf(jwt), token, "sessionStorage");
      return token;
    } catch (error) {
      // What was refused once is not sent again.
      if (!isRefusal(error)) signed.delete(jwt);
      throw error;
    }
  }

  /** @returns {Promise<Record<string, string>>} */
  async #identity() {
    if (!this.isEmbedded) return { "X-CSRFToken": this.csrf };
    const token = await this.token().catch(() => "");
    return token ? { Authorization: `Comment ${token}` } : {};
  }

  /** Takes the token that this page has now. */
  async #renew() {
    const page = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(READ_WITHIN) });
    /** @type {Fn} */
    const fields = (within) => [...within.querySelectorAll("input[name=csrfmiddlewaretoken]")];
    this.csrf = fields(parse(await page.text()))[0]?.value ?? "";
    for (const field of fields(document)) field.value = this.csrf;
  }

  /**
   * Returns what was answered, with its status and headers. Throws Problem.
   * @param {string} path @param {Asking & {isHtml?: boolean}} [asking]
   * @returns {Promise<{status: number, data: any, headers: Headers}>}
   */
  async json(path, asking = {}) {
    const { method = "GET", body, signal, keepalive, isHtml, renewed } = asking;
    const { own = method !== "GET", retries = own ? 0 : 1, headers = {} } = asking;
    // Always of the same origin, by whichever name the site calls itself.
    const { pathname, search } = new URL(path, this.base);
    const url = new URL(pathname + search, this.base);
    /** @type {Record<string, string>} */
    const sent = { Accept: isHtml ? "text/html" : "application/json", ...headers };
    if (this.lang) sent["Accept-Language"] = this.lang;
    if (body !== undefined) sent["Content-Type"] = "application/json";
    if (own && !sent.Authorization) Object.assign(sent, await this.#identity());
    for (let tried = 0; ; tried++) {
      try {
        const late = AbortSignal.timeout(method === "GET" ? READ_WITHIN : WRITE_WITHIN);
        const answer = await fetch(url, {
          method,
          signal: signal ? AbortSignal.any([signal, late]) : late,
          keepalive,
          headers: sent,
          body: body === undefined ? undefined : JSON.stringify(body),
          // Public reads may be answered by a stored copy, but never by one that is out of date.
          cache: "no-cache",
          credentials: own && !this.isEmbedded ? "same-origin" : "omit",
        });
        const { ok, status, headers } = answer;
        if (ok) {
          const text = await answer.text();
          return { status, headers, data: isHtml ? text : text && JSON.parse(text) };
        }
        if (status < 502 || tried >= retries) {
          const wait = Number(headers.get("Retry-After")) || 0;
          const told = await answer.json().catch(() => null);
          if (!told?.csrf || tried) throw new Problem(status, told, wait);
          // Whoever has signed in since has another token.
          await this.#renew();
          await renewed?.();
          sent["X-CSRFToken"] = this.csrf;
          continue;
        }
      } catch (error) {
        if (error instanceof Problem || signal?.aborted) throw error;
        if (tried >= retries) throw new Problem(0);
      }
      await pause(400 * 2 ** tried * (1 + Math.random()));
    }
  }

  /** Returns the nodes of an address in the thread's language. Throws Problem. @param {string} path @param {Asking & {v?: string | number}} [asking] v: the version, so that nothing older answers */
  async html(path, { v, ...asking } = {}) {
    const url = new URL(path, this.base);
    if (v) url.searchParams.set("v", `${v}`);
    if (this.lang) url.searchParams.set("lang", this.lang);
    url.searchParams.set("with", "form");
    return parse((await this.json(url.href, { ...asking, isHtml: true })).data);
  }
}
