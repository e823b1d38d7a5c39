// Lets Django's admin write HTML, and nothing that does anything.
//
// The site's Content-Security-Policy asks of every script that writes HTML to say through which
// policy of Trusted Types. The admin's libraries, jQuery and Select2, do not: what they write comes
// here, to the policy that the browser takes by default. It is loaded before them.
//
// A text is let through only if, read from its beginning to its end, it is plain text and tags of
// the names below with the attributes below, each value in quotes. So it does not matter into which
// element it is put: no script, no address of a resource, no handler of an event, no style is in it.
// What these libraries make fits; what else arrives is blocked, and the browser reports it.
(() => {
  "use strict";
  if (!("trustedTypes" in globalThis)) return; // a browser without them asks for none

  const ELEMENTS = new Set(
    "a b div em form h3 i input li option p select span strong table tbody td textarea tr ul".split(" "),
  );
  const ATTRIBUTES = new Set(
    (
      "autocapitalize autocomplete autocorrect class colspan disabled href id role selected " +
      "spellcheck tabindex title type"
    ).split(" "),
  );
  const PLACE = /^$|^#|^\/(?![\/\\])/; // of this page, or of this site

  // Sticky, each for what may stand where the last one ended; no step goes back. White space is what
  // HTML takes for it, which is less than \s.
  const TEXT = /[^<]+/y;
  const TAG = /<\/?([a-z][a-z0-9]*)/iy;
  const ATTRIBUTE = /[ \t\n\f\r]*([a-z][a-z0-9-]*)(?:="([^"<>]*)"|='([^'<>]*)')?/iy;
  const END = /[ \t\n\f\r]*\/?>/y;

  /**
   * Returns whether HTML can do nothing.
   * @param {string} html
   */
  function isHarmless(html) {
    let at = 0;
    /** @param {RegExp} part @returns {RegExpExecArray | null} */
    const read = (part) => {
      part.lastIndex = at;
      const found = part.exec(html);
      if (found) at = part.lastIndex;
      return found;
    };
    while (at < html.length) {
      if (read(TEXT)) continue;
      const tag = read(TAG);
      if (!tag || !ELEMENTS.has(tag[1].toLowerCase())) return false;
      for (let found = read(ATTRIBUTE); found; found = read(ATTRIBUTE)) {
        const name = found[1].toLowerCase();
        if (!ATTRIBUTES.has(name) && !name.startsWith("aria-")) return false;
        if (name === "href" && !PLACE.test(found[2] ?? found[3] ?? "")) return false;
      }
      if (!read(END)) return false;
    }
    return true;
  }

  globalThis.trustedTypes.createPolicy("default", {
    createHTML: (html) => (isHarmless(html) ? html : null),
  });
})();
