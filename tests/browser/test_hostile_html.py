"""What is rendered does nothing in a real browser, however hostile the source.

All hostile inputs, rendered in both formats, stand as comments in pages of Chromium: once parsed as
a document, once set through ``innerHTML``, which parses by other rules. Each comment stands in a
container of its own with a mark behind it; whatever runs, loads, opens, navigates, leaves a name
behind or leaves its container is a finding.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from comments.rules.rendering import MentionTarget, render
from tests.browser.browsers import browser_of
from tests.corpus.reading import in_both_formats, own_payloads, rows_of

pytestmark = pytest.mark.browser

ORIGIN = "https://blog.example"
AT_ONCE = 1_000
"""Comments in one page; about 12 pages hold all."""

MARK = "<span>.</span>"
"""Stands behind each comment: what a comment leaves open would wrap it."""


WATCH = """
(() => {
  const ran = window.__ran = [];
  const says = (name) => (...values) => { ran.push(name + " " + values.map(String).join(" ")); };
  for (const name of ["alert", "confirm", "prompt", "print", "open", "fetch"])
    window[name] = says(name);
  for (const name of ["log", "info", "warn", "error", "debug", "dir", "table", "trace"])
    console[name] = says("console." + name);
  document.write = document.writeln = says("document.write");
  navigator.sendBeacon = says("sendBeacon");
  XMLHttpRequest.prototype.open = says("XMLHttpRequest");
  window.addEventListener("message", (event) => says("message")(event.data));
  window.addEventListener("error", (event) => {
    if (event.message) says("error")(event.message);
  }, true);
  window.addEventListener("securitypolicyviolation", says("violation"), true);
})();
"""

NAMES_OF_WINDOW = "Object.getOwnPropertyNames(window).sort()"

FILL = """
(pieces) => {
  for (const piece of pieces) {
    const container = document.createElement("div");
    container.className = "comment";
    document.body.append(container);
    container.innerHTML = piece;
    const mark = document.createElement("span");
    mark.textContent = ".";
    document.body.append(mark);
  }
}
"""

LOOK = """
async ([count, names]) => {
  const found = [];
  const report = (index, what) => found.push([index, what]);
  const allowed = new Set(
    "A ABBR B BLOCKQUOTE BR CODE DEL EM I LI OL P PRE Q S STRONG SUB SUP UL".split(" "));
  const events = ("click mouseover mouseenter mousemove pointerenter focus focusin blur error load "
    + "toggle beforetoggle animationstart animationend transitionend wheel scroll copy cut paste "
    + "keydown input change submit select start").split(" ");
  const children = [...document.body.children];
  if (children.length !== 2 * count) report(-1, `body has ${children.length} children`);
  for (let index = 0; index < count; index++) {
    const container = children[2 * index], mark = children[2 * index + 1];
    if (container?.className !== "comment" || container.attributes.length !== 1)
      { report(index, "container is not where it was"); continue; }
    if (mark?.outerHTML !== "<span>.</span>")
      report(index, "left its container: " + mark?.outerHTML);
    const walker = document.createTreeWalker(container, NodeFilter.SHOW_ALL);
    while (walker.nextNode()) {
      const node = walker.currentNode;
      if (node.nodeType === Node.TEXT_NODE) continue;
      if (node.nodeType !== Node.ELEMENT_NODE) { report(index, "node " + node.nodeName); continue; }
      if (!allowed.has(node.tagName) || node.namespaceURI !== "http://www.w3.org/1999/xhtml")
        report(index, "element " + node.nodeName);
      if (node.shadowRoot) report(index, "shadow root");
      for (const attribute of node.attributes) {
        const name = attribute.name;
        if (!["href", "title", "rel", "class", "data-ref"].includes(name))
          report(index, "attribute " + name);
      }
      if (node.tagName === "A") {
        const typed = node.getAttribute("href");
        const ours = /^#comment-[0-9]+$/.test(typed) && !node.rel;
        const theirs = ["http:", "https:", "mailto:"].includes(node.protocol)
          && /^(https?:[/][/]|mailto:)/i.test(typed) && node.rel === "nofollow ugc noopener"
          && !node.hasAttribute("class") && !node.hasAttribute("data-ref");
        if (!ours && !theirs) report(index, "link " + node.outerHTML);
      }
      for (const name of events)
        node.dispatchEvent(new Event(name, {bubbles: false, cancelable: true}));
    }
    const again = document.createElement("div");
    again.innerHTML = container.innerHTML;
    again.className = "comment";
    if (!again.isEqualNode(container)) report(index, "becomes something else when parsed again");
  }
  // Autofocus, animations and the errors of loading come with or after a frame.
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  await new Promise((done) => setTimeout(done, 0));
  for (const what of window.__ran) report(-1, "ran: " + what);
  if (window.__xss !== undefined) report(-1, "set a variable");
  const known = new Set(names);
  for (const name of Object.getOwnPropertyNames(window))
    if (!known.has(name)) report(-1, "left window." + name);
  for (const name of ["forms", "images", "scripts", "embeds", "plugins", "anchors"])
    if (document[name].length) report(-1, "document." + name);
  if (document.querySelector("[id], [name]")) report(-1, "has an id or a name");
  if (window.length) report(-1, "has frames");
  if (document.activeElement !== document.body) report(-1, "took the focus");
  if (document.cookie) report(-1, "set a cookie");
  if (document.title !== "comments") report(-1, "changed the title");
  if (document.head.innerHTML !== '<meta charset="utf-8"><title>comments</title>')
    report(-1, "changed the head: " + document.head.innerHTML);
  if (document.styleSheets.length) report(-1, "has styles");
  if (document.baseURI !== location.href) report(-1, "moved the base address");
  return found;
}
"""


def document_of(pieces: Sequence[str]) -> str:
    body = "".join(f'<div class="comment">{piece}</div>{MARK}' for piece in pieces)
    head = '<!doctype html><html><head><meta charset="utf-8"><title>comments</title></head>'
    return f"{head}<body>{body}</body></html>"


class Watched:
    """A browser page that asks nobody for anything and remembers what it was asked to do."""

    def __init__(self, browser: Browser) -> None:
        self._context = browser.new_context(service_workers="block", accept_downloads=False)
        self._context.add_init_script(WATCH)
        self._context.route("**/*", self._answer)
        self.page: Page = self._context.new_page()
        self._document = ""
        self._seen: list[str] = []
        self.page.on("dialog", self._dialog)
        self.page.on("console", lambda message: self._seen.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self._seen.append(f"error: {error}"))
        self.page.on("popup", lambda popup: self._seen.append(f"popup: {popup.url}"))
        self.page.on("download", lambda download: self._seen.append(f"download: {download.url}"))
        self.page.on("websocket", lambda socket: self._seen.append(f"socket: {socket.url}"))
        self.page.on("framenavigated", lambda frame: self._navigated(frame.url))
        self._names: list[str] = []

    def close(self) -> None:
        self._context.close()

    def _answer(self, route: Route) -> None:
        if route.request.url == f"{ORIGIN}/" and route.request.is_navigation_request():
            route.fulfill(body=self._document, content_type="text/html; charset=utf-8")
        else:
            self._seen.append(f"request: {route.request.url[:200]}")
            route.abort()

    def _dialog(self, dialog: Any) -> None:
        self._seen.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _navigated(self, url: str) -> None:
        if url != f"{ORIGIN}/":
            self._seen.append(f"navigation: {url[:200]}")

    def findings(self, pieces: Sequence[str], *, way: str) -> list[tuple[int, str]]:
        """Returns what the pieces did, each with its index, or -1 where it cannot be told whose.

        Args:
            way: ``"document"``, parsed with the page, or ``"innerHTML"``.
        """
        if not self._names:
            self._open("")
            self._names = self.page.evaluate(NAMES_OF_WINDOW)
        self._seen.clear()
        if way == "document":
            self._open(document_of(pieces))
        else:
            self._open(document_of([]))
            self.page.evaluate(FILL, list(pieces))
        found = self.page.evaluate(LOOK, [len(pieces), self._names])
        return [(index, what) for index, what in found] + [(-1, what) for what in self._seen]

    def _open(self, document: str) -> None:
        self._document = document
        self.page.goto(f"{ORIGIN}/", wait_until="load")


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with browser_of(chromium) as launched:
        yield launched


@pytest.fixture(scope="module")
def watched(browser: Browser) -> Iterator[Watched]:
    page = Watched(browser)
    yield page
    page.close()


@cache
def rendered(*, path: Path | None) -> list[tuple[str, str]]:
    """Returns source and HTML of the inputs in a file, or of our own, in both formats."""
    payloads = own_payloads() if path is None else [row["payload"] for row in rows_of(path)]
    names = {"adam": MentionTarget(12)}
    return [
        (source, render(source=source, format=format, names=names, numbers={7}).html)
        for format, source in in_both_formats(payloads)
    ]


def all_findings(
    watched: Watched, inputs: Sequence[tuple[str, str]], *, way: str
) -> list[tuple[str, str]]:
    findings = []
    for start in range(0, len(inputs), AT_ONCE):
        batch = inputs[start : start + AT_ONCE]
        for index, what in watched.findings([html for _, html in batch], way=way):
            source = batch[index][0] if index >= 0 else f"one of {start}…{start + len(batch)}"
            findings.append((what, source[:300]))
    return findings


@pytest.mark.parametrize("way", ["document", "innerHTML"])
def test_own_hostile_inputs_do_nothing(watched: Watched, way: str) -> None:
    inputs = rendered(path=None)
    assert len(inputs) > 600
    assert all_findings(watched, inputs, way=way) == []


@pytest.mark.parametrize("way", ["document", "innerHTML"])
def test_hostile_inputs_of_others_do_nothing(
    watched: Watched, shared_data: Callable[[str], Path], way: str
) -> None:
    inputs = rendered(path=shared_data("xss.jsonl"))
    assert len(inputs) > 10_000
    assert all_findings(watched, inputs, way=way) == []


HARMFUL = {
    "runs on an error": ("<img src=x onerror=alert(1)>", "ran: alert 1"),
    "runs on an event": ('<b onmouseover="window.__xss=1">x</b>', "set a variable"),
    "runs from a style": (
        "<style>@keyframes k{}</style><b style='animation:k 1ms' onanimationstart=console.log(1)>x",
        "ran: console.log 1",
    ),
    "throws": ('<svg onload="nobody.knows()"></svg>', "ran: error"),
    "loads a picture": ('<img src="https://evil.example/a">', "request: https://evil.example/a"),
    "loads a style": (
        '<link rel=stylesheet href="https://evil.example/b">',
        "request: https://evil.example/b",
    ),
    "leaves a frame": ("<iframe></iframe>", "has frames"),
    "leaves a name": ("<form name=secret></form>", "document.forms"),
    "leaves an id": ("<b id=x>x</b>", "has an id or a name"),
    "leaves its container": ("</div><i>outside</i>", "children"),
    "links to a script": ('<a href="javascript:1">x</a>', "link <a"),
    "links by our class": ('<a class="mention" href="https://a.example">x</a>', "link <a"),
    "is unknown": ("<marquee>x</marquee>", "element MARQUEE"),
    "is foreign": ("<svg></svg>", "element svg"),
    "is a comment": ("<!-- x -->", "node #comment"),
    "takes the focus": ("<input autofocus>", "element INPUT"),
    "has an attribute": ("<p style='color:red'>x</p>", "attribute style"),
    "changes when parsed again": (
        "<math><mtext><p></p></mtext><annotation-xml encoding=text/html><b>x</b>",
        "element math",
    ),
}


@pytest.mark.parametrize("way", ["document", "innerHTML"])
@pytest.mark.parametrize("harm", HARMFUL)
def test_watch_sees_what_is_harmful(watched: Watched, harm: str, way: str) -> None:
    piece, expected = HARMFUL[harm]
    if way == "innerHTML" and harm == "leaves its container":
        piece = "<b>x</b><script>document.currentScript</script>"
        expected = "element SCRIPT"
    found = watched.findings(["<p>harmless</p>", piece, "<p>harmless</p>"], way=way)
    assert any(expected in what for _, what in found), found
    assert not any(index == 0 for index, _ in found)


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        ("<script>window.__xss = 1</script>", "set a variable"),
        ("<script>var leftover = 1</script>", "left window.leftover"),
        ("<script>document.title = 'x'</script>", "changed the title"),
        ("<base href='https://evil.example/'>", "moved the base address"),
        ("<meta http-equiv=refresh content='99;url=https://evil.example/c'>", "element META"),
        ("<b>never closed", "left its container"),
        ("<plaintext>", "body has"),
        ("<script>open('https://evil.example/')</script>", "ran: open"),
    ],
)
def test_watch_sees_what_only_a_document_does(watched: Watched, piece: str, expected: str) -> None:
    found = watched.findings(["<p>harmless</p>", piece, "<p>harmless</p>"], way="document")
    assert any(expected in what for _, what in found), found


def test_watch_is_silent_about_what_is_harmless(watched: Watched) -> None:
    pieces = [
        "",
        "<p>text</p>",
        '<p><a href="#comment-1" data-ref="1">#1</a></p>',
        '<p><a href="https://a.example/" rel="nofollow ugc noopener">x</a></p>',
    ]
    for way in ("document", "innerHTML"):
        assert watched.findings(pieces, way=way) == [], json.dumps(way)
