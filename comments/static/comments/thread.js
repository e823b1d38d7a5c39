// Finds a comment that an address names but that stands on another page of its thread, and chooses
// the browser's time zone in the form to subscribe. The page is complete without either.
//
// Links inside the page need no script; the first is for addresses from elsewhere that end in
// #comment-7, whose number the server never sees.
(() => {
  "use strict";

  function find() {
    const wanted = /^#comment-(\d{1,18})$/.exec(location.hash);
    if (!wanted) return;
    const comment = document.getElementById(`comment-${wanted[1]}`);
    if (comment) {
      let folded = comment.closest("details:not([open])");
      if (folded) {
        for (; folded; folded = comment.closest("details:not([open])")) folded.open = true;
        comment.scrollIntoView();
      }
      return;
    }
    const address = new URL(location.href);
    if (address.searchParams.get("comment") === wanted[1]) return; // asked for, and not there
    for (const name of ["cursor", "sort", "reply_to", "edit", "delete", "done"]) {
      address.searchParams.delete(name);
    }
    address.searchParams.set("comment", wanted[1]);
    location.replace(address);
  }

  function chooseZone() {
    const zones = document.querySelector("select[data-guess]");
    const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (zones && [...zones.options].some((option) => option.value === here)) zones.value = here;
  }

  addEventListener("hashchange", find);
  chooseZone();
  find();
})();
