// What a host's developer is told where an element cannot do what its attributes say: on the console,
// and by the event of an error. Loaded only then. Readers see their own sentence on the page.

/** @type {Record<string, string>} */
const ADVICE = {
  src_invalid: "src must be the absolute address of a thread in the API, such as https://blog.example/api/v1/threads/KEY/",
  origin_not_allowed: "the server answers, but no page of this origin: add it to the allowed origins in the site's settings",
  sort_unknown: "sort is oldest, newest or best; the oldest come first",
  lang_unknown: "there are no words in this language; another one is shown",
  count_src: "src must be the absolute address of the API, such as https://blog.example/api/v1/",
  count_key: "key must be that of a thread",
};
const PROBE_MILLISECONDS = 5000;

/** @param {string} code @param {string} value what is wrong */
export const advise = (code, value) =>
  console.warn(`<comment-${code.startsWith("count") ? "count" : "thread"}> ${value}: ${ADVICE[code]}`);

/**
 * Returns code and message of what went wrong; where a developer can mend it, the console has it too.
 * @param {URL} address of the thread @param {{status: number, code: string, message: string}} problem
 */
export async function explained(address, { status, code, message }) {
  if (!status && !code && (await isAnswering(address))) code = "origin_not_allowed";
  // Who answers so is not the API, which gives its reasons.
  if (!code && [200, 404].includes(status)) code = "src_invalid";
  if (code in ADVICE) {
    advise(code, address.href);
    message = ADVICE[code];
  }
  return { code, message };
}

/** Returns whether a server of another origin answers at all: that a page may find out which may not
 * read what it answers. @param {URL} address */
async function isAnswering({ href, origin }) {
  if (origin === location.origin) return false;
  try {
    await fetch(href, { mode: "no-cors", credentials: "omit", signal: AbortSignal.timeout(PROBE_MILLISECONDS) });
    return true;
  } catch {
    return false;
  }
}
