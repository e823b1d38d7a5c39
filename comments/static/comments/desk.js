// The queue by one press of a key. Every key has a button or a field on the page that does the
// same; forms are sent as they are, and the answer, one comment's markup, is put in its place.

const RENEW_MILLISECONDS = 60_000;
const KEYS_SETTING = "rejoinder.desk.keys";

/** @type {HTMLElement | null} */
const desk = document.querySelector("#desk");
/** @type {HTMLElement | null} */
const statusLine = document.querySelector("#status");
/** @type {HTMLInputElement | null} */
const keysOn = document.querySelector("#keys-on");

/**
 * Says something in the line that screen readers speak.
 * @param {string} text
 */
function say(text) {
  if (statusLine) statusLine.textContent = text;
}

/** @returns {HTMLElement[]} all comments of the page, in order */
const allCards = () => [...document.querySelectorAll("#cards article.card")];

/** @returns {HTMLElement | null} the comment that keys act on */
const currentCard = () => document.querySelector("#cards article[aria-current]");

/**
 * Makes a comment the one that keys act on.
 * @param {HTMLElement} card
 * @param {{focus?: boolean}} [options] `focus` false leaves the focus where it is.
 */
function makeCurrent(card, { focus = true } = {}) {
  const before = currentCard();
  if (before !== card) before?.removeAttribute("aria-current");
  card.setAttribute("aria-current", "true");
  if (focus) {
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest" });
  }
}

/**
 * Goes to the next or previous comment.
 * @param {1 | -1} step
 */
function go(step) {
  const cards = allCards();
  if (cards.length === 0) return;
  const at = cards.findIndex((card) => card.hasAttribute("aria-current"));
  const card = cards[Math.min(cards.length - 1, Math.max(0, at + step))];
  makeCurrent(card);
}

/**
 * Goes on to what waits next after a comment that was decided, or before it.
 * @param {HTMLElement} from
 */
function goOn(from) {
  const cards = allCards();
  const at = cards.indexOf(from);
  const waits = (/** @type {HTMLElement} */ card) =>
    "waiting" in card.dataset && !("handled" in card.dataset);
  const next = cards.slice(at + 1).find(waits) ?? cards.slice(0, at).find(waits);
  if (next) {
    makeCurrent(next);
    return;
  }
  say(`${statusLine?.textContent ?? ""} Nothing else waits on this page.`.trim());
  const onward = document.querySelector("#next-ten button");
  if (onward instanceof HTMLElement) onward.focus();
}

/**
 * Sends a form of the desk and puts the answer in place.
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} submitter the button that was pressed
 */
async function send(form, submitter) {
  const own = form.closest("article");
  const card = own instanceof HTMLElement ? own : null;
  if (form.getAttribute("aria-busy") || card?.getAttribute("aria-busy")) return;
  const body = new FormData(form, submitter);
  (card ?? form).setAttribute("aria-busy", "true");
  /** @type {XMLHttpRequest} */
  let answer;
  try {
    // Not form.action: that is the button of this name.
    answer = await answerTo(form.getAttribute("action") ?? "", body);
  } catch {
    say("The server cannot be reached. Nothing was changed that you have not been told of; try again.");
    return;
  } finally {
    (card ?? form).removeAttribute("aria-busy");
  }
  if (answer.responseURL !== new URL(form.getAttribute("action") ?? "", location.href).href) {
    say("You are signed out. Load the page again and sign in.");
    return;
  }
  if (answer.responseType === "json") {
    const told = answer.response;
    if (told.go) location.assign(told.go);
    else say(told.said);
    return;
  }
  const refused = answer.getResponseHeader("x-desk-refused");
  if ((answer.status < 200 || answer.status > 299) && !refused) {
    say(
      answer.status === 404
        ? "This comment is not there any more."
        : `That did not work (${answer.status}). Load the page again.`,
    );
    return;
  }
  putInPlace(answer.response, { decided: form.dataset.desk === "decide", refused: !!refused });
}

/**
 * Resolves to the server's answer: HTML as a document, whose `response` runs no script; JSON read.
 *
 * Not by fetch(): making a document of its text is what Trusted Types keep from scripts, while a
 * document that the browser itself makes of an answer needs no policy.
 * @param {string} address
 * @param {FormData} body
 * @returns {Promise<XMLHttpRequest>}
 */
function answerTo(address, body) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.setRequestHeader("X-Desk-Fragment", "1");
    request.addEventListener("readystatechange", () => {
      if (request.readyState !== XMLHttpRequest.HEADERS_RECEIVED) return;
      const type = request.getResponseHeader("content-type") ?? "";
      request.responseType = type.startsWith("application/json") ? "json" : "document";
    });
    request.addEventListener("load", () => resolve(request));
    for (const failed of ["error", "abort", "timeout"]) request.addEventListener(failed, reject);
    request.send(body);
  });
}

/**
 * Puts an answer in the place of the comment that it is about.
 * @param {Document | null} answer with the comment, the button that undoes the last decision, and
 *   how many comments wait
 * @param {{decided: boolean, refused: boolean}} what
 */
function putInPlace(answer, { decided, refused }) {
  for (const part of ["#undo-last", "#desk-heading"]) {
    const fresh = answer?.querySelector(part);
    if (fresh) document.querySelector(part)?.replaceWith(document.adoptNode(fresh));
  }
  const found = answer?.querySelector("article.card");
  if (!(found instanceof HTMLElement)) return;
  const card = document.adoptNode(found);
  reveal(card);
  const old = document.getElementById(card.id);
  if (old) {
    old.replaceWith(card);
  } else {
    const item = document.createElement("li");
    item.append(card);
    document.querySelector("#cards")?.prepend(item);
  }
  countChosen();
  if (refused) {
    // The alert in it says why; the keys stay with it until the moderator goes on.
    say("");
    makeCurrent(card);
    return;
  }
  say(card.dataset.said ?? "");
  if (decided) {
    card.dataset.handled = "";
    goOn(card);
  } else {
    makeCurrent(card);
  }
}

/**
 * Presses a button of the current comment, as a pointer would.
 * @param {string} action
 */
function decide(action) {
  const card = currentCard();
  const button = card?.querySelector(`.decide button[value="${action}"]`);
  if (button instanceof HTMLElement) button.click();
  else if (card) say("This comment does not wait.");
}

/** Opens the reasons of the current comment. */
function openReasons() {
  const panel = currentCard()?.querySelector("details[data-reject]");
  if (!(panel instanceof HTMLDetailsElement)) return;
  panel.open = true;
  const first = panel.querySelector("input[name=reason]:checked");
  if (first instanceof HTMLElement) first.focus({ preventScroll: true });
  panel.scrollIntoView({ block: "nearest" });
  say("Why? Press 1 to 9.");
}

/** Goes from keeping the replies to folding them, to taking them along, and back. */
function turnReplies() {
  const card = currentCard();
  /** @type {HTMLInputElement[]} */
  const choices = [...(card?.querySelectorAll("input[name=replies]") ?? [])];
  if (choices.length === 0) {
    say("Nobody can have answered this comment.");
    return;
  }
  const at = choices.findIndex((choice) => choice.checked);
  const next = choices[(at + 1) % choices.length];
  next.checked = true;
  say(`If it goes away, its replies ${next.parentElement?.textContent?.trim() ?? next.value}.`);
}

/**
 * Fills in the sentence of a reason, unless the moderator has written one.
 * @param {HTMLInputElement} choice
 */
function fillSentence(choice) {
  const field = choice.closest("details, form")?.querySelector("textarea[name=public_reason]");
  if (!(field instanceof HTMLTextAreaElement)) return;
  if (field.value === "" || field.value === field.dataset.filled) {
    field.value = field.dataset.filled = choice.dataset.sentence ?? "";
  }
}

/**
 * Chooses a reason by its digit, and rejects unless the sentence is to be changed first.
 * @param {HTMLDetailsElement} panel
 * @param {string} digit
 * @param {boolean} changeFirst
 */
function chooseReason(panel, digit, changeFirst) {
  const choice = panel.querySelector(`input[data-digit="${digit}"]`);
  if (!(choice instanceof HTMLInputElement)) return;
  choice.checked = true;
  fillSentence(choice);
  const field = panel.querySelector("textarea[name=public_reason]");
  if (changeFirst && field instanceof HTMLTextAreaElement) {
    field.focus();
    field.select();
  } else {
    decide("reject");
  }
}

/** Says how many comments are chosen. */
function countChosen() {
  const count = document.querySelectorAll("input[name=items]:checked").length;
  const line = document.querySelector("#chosen");
  if (line) {
    line.textContent =
      count === 0
        ? "Choose comments by the box beside each."
        : `${count} ${count === 1 ? "comment is" : "comments are"} chosen.`;
  }
}

/** Keeps what is on the moderator's desk there, and says what is on the desks of others. */
async function renew() {
  const address = desk?.dataset.renew;
  const token = document.querySelector("input[name=csrfmiddlewaretoken]");
  if (!address || !(token instanceof HTMLInputElement)) return;
  const waiting = allCards().filter((card) => "waiting" in card.dataset);
  if (waiting.length === 0) return;
  const body = new FormData();
  body.append("csrfmiddlewaretoken", token.value);
  for (const card of waiting) {
    body.append("shown", card.dataset.id ?? "");
    if ("mine" in card.dataset) body.append("mine", card.dataset.id ?? "");
  }
  try {
    const answer = await fetch(address, { method: "POST", body });
    if (!answer.ok || answer.redirected) return;
    /** @type {{mine: number[], shown: Record<string, string>}} */
    const told = await answer.json();
    for (const card of waiting) {
      const id = card.dataset.id ?? "";
      const line = card.querySelector("[data-lease]");
      if (line) line.textContent = told.shown[id] ?? "";
      if ("mine" in card.dataset && !told.mine.includes(Number(id))) {
        delete card.dataset.mine;
        say("A comment is no longer on your desk.");
      }
    }
  } catch {
    say("The server cannot be reached; what is on your desk will go back to the others.");
  }
}

/**
 * Shows what is of use with a script only.
 * @param {ParentNode} root
 */
function reveal(root) {
  for (const part of root.querySelectorAll(".scripted[hidden]")) part.removeAttribute("hidden");
}

/**
 * Returns whether somebody is writing, so that a letter is a letter.
 * @param {EventTarget | null} target
 */
function isWriting(target) {
  if (target instanceof HTMLInputElement) return !["radio", "checkbox"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

/** @type {Record<string, () => void>} */
const KEYS = {
  j: () => go(1),
  k: () => go(-1),
  a: () => decide("approve"),
  r: openReasons,
  s: () => decide("spam"),
  h: () => decide("hold"),
  c: turnReplies,
  u: () => press("#undo-last button"),
  n: () => press("#next-ten button"),
  x: () => {
    const box = currentCard()?.querySelector("input[name=items]");
    if (box instanceof HTMLElement) box.click();
  },
  "?": () => document.getElementById("keys")?.togglePopover(),
};

/**
 * Presses a button of the page.
 * @param {string} selector
 */
function press(selector) {
  const button = document.querySelector(selector);
  if (!(button instanceof HTMLButtonElement)) return;
  if (button.disabled) say("There is nothing to undo.");
  else button.click();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const panel = currentCard()?.querySelector("details[data-reject][open]");
  if (event.key === "Escape" && panel instanceof HTMLDetailsElement) {
    panel.open = false;
    say("Not rejected.");
    currentCard()?.focus();
    return;
  }
  if (isWriting(event.target) || (keysOn && !keysOn.checked)) return;
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
  if (panel instanceof HTMLDetailsElement && digit) {
    event.preventDefault();
    if (!event.repeat) chooseReason(panel, digit, event.shiftKey);
    return;
  }
  const does = KEYS[event.key];
  if (!does) return;
  event.preventDefault();
  // A key that is held down goes on through the list, but decides once.
  if (!event.repeat || event.key === "j" || event.key === "k") does();
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.dataset.desk) return;
  event.preventDefault();
  const button = event.submitter;
  if (button instanceof HTMLButtonElement && button.value === "nothing") {
    say("Enter alone decides nothing; press a button.");
  } else {
    send(form, button);
  }
});

document.addEventListener("change", (event) => {
  const field = event.target;
  if (!(field instanceof HTMLInputElement)) return;
  if (field.name === "reason") fillSentence(field);
  if (field.id === "choose-all") {
    for (const box of document.querySelectorAll("input[name=items]")) {
      if (box instanceof HTMLInputElement) box.checked = field.checked;
    }
  }
  if (field.name === "items" || field.id === "choose-all") countChosen();
  if (field === keysOn) localStorage.setItem(KEYS_SETTING, field.checked ? "on" : "off");
});

document.addEventListener("focusin", (event) => {
  const card = event.target instanceof Element ? event.target.closest("#cards article") : null;
  if (card instanceof HTMLElement) makeCurrent(card, { focus: false });
});

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") renew();
});

reveal(document);
if (keysOn) keysOn.checked = localStorage.getItem(KEYS_SETTING) !== "off";
document.querySelector("#go-next")?.addEventListener("click", () => go(1));
document.querySelector("#go-previous")?.addEventListener("click", () => go(-1));
desk?.classList.add("is-live");
countChosen();
const first = allCards()[0];
if (first) makeCurrent(first, { focus: false });
setInterval(renew, RENEW_MILLISECONDS);
