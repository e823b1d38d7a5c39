"""What a host's page says of its own text does not reach the thread; what the reader says does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from comments.models import Thread
from tests.browser.places import ELSEWHERE, visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LOUD = """
html { font-size: 62.5%; }
body {
  font: italic small-caps bold 3rem/3 cursive; text-transform: uppercase; letter-spacing: .3em;
  word-spacing: 1em; white-space: pre; text-indent: 3em; text-align: center; text-align-last: right;
  text-shadow: 1px 1px red; list-style: square inside; cursor: wait; hyphens: auto; orphans: 9;
  line-break: anywhere; word-break: break-all; tab-size: 40; border-spacing: 9px; quotes: "a" "b";
  -webkit-text-stroke: 2px red; -webkit-text-fill-color: red; font-feature-settings: "smcp";
  font-variant-numeric: oldstyle-nums; font-stretch: condensed; caret-color: red;
  accent-color: red; color: red;
}
"""
LOOKS = """() => {
  const root = document.querySelector("comment-thread").shadowRoot;
  const found = {};
  const all = root.querySelectorAll("section.thread, section.thread *");
  for (const [nth, element] of [...all].entries()) {
    const style = getComputedStyle(element);
    const what = `${nth} ${element.localName}.${element.className}`;
    for (const name of style) found[`${what} ${name}`] = style.getPropertyValue(name);
  }
  return found;
}"""
SIZES = """() => {
  const root = document.querySelector("comment-thread").shadowRoot;
  const size = (selector) => parseFloat(getComputedStyle(root.querySelector(selector)).fontSize);
  const {height} = root.querySelector("#reply button.main").getBoundingClientRect();
  return {text: size(".text"), facts: size(".facts"), button: size("button.main"), height};
}"""


@contextmanager
def open_page(live_server: LiveServer, chromium: str, **options: Any) -> Iterator[Page]:
    """Gives the thread on a page of another origin, whose style a test may change."""
    with visitor(chromium, live_server, ELSEWHERE) as visit:
        page = visit(bypass_csp=True, reduced_motion="reduce", **options)
        page.locator("#comment-1 time").wait_for()
        yield page


def styled(page: Page, css: str) -> None:
    """Adds to the host's page."""
    page.evaluate(
        """css => {
          const sheet = new CSSStyleSheet();
          sheet.replaceSync(css);
          document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
        }""",
        css,
    )


def test_a_host_that_styles_its_own_text_does_not_change_the_thread(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with open_page(live_server, chromium) as page:
        # Not even the width depends on it.
        styled(page, "comment-thread { width: 600px }")
        before = page.evaluate(LOOKS)
        styled(page, LOUD)
        after = page.evaluate(LOOKS)
    assert len(before) > 10_000
    assert {
        name: (before[name], after[name]) for name in before if before[name] != after[name]
    } == {}


def test_a_host_still_hides_the_thread_and_says_which_scheme_and_direction_it_has(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    shown = """name => {
      const root = document.querySelector("comment-thread").shadowRoot;
      return getComputedStyle(root.querySelector("section.thread"))[name];
    }"""
    with open_page(live_server, chromium) as page:
        styled(page, "html { color-scheme: dark } body { visibility: hidden }")
        assert page.evaluate(shown, "visibility") == "hidden"
        assert page.evaluate(shown, "colorScheme") == "dark"
        assert page.evaluate(shown, "color") == "rgb(228, 227, 223)"
        page.evaluate("document.querySelector('comment-thread').hidden = true")
        assert not page.locator("comment-thread").is_visible()


def test_sizes_do_not_follow_the_root_of_the_host_but_what_the_host_asks_for(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    usual = {"text": 17.0, "facts": 14.0, "button": 16.0}
    with open_page(live_server, chromium) as page:
        for root in ("62.5%", "10px", "200%"):
            styled(page, f"html {{ font-size: {root} }}")
            found = page.evaluate(SIZES)
            assert found.pop("height") >= 40
            assert found == usual
        for asked, times in (("20px", 1.25), ("2rem", 4), ("12pt", 1)):
            styled(page, f"html {{ font-size: 200% }} body {{ --comments-size: {asked} }}")
            found = page.evaluate(SIZES)
            assert found.pop("height") >= 40 * times
            assert found == {name: size * times for name, size in usual.items()}


def test_sizes_follow_what_the_reader_has_chosen_in_his_browser(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with open_page(live_server, chromium, viewport={"width": 640, "height": 900}) as page:
        styled(page, "html { font-size: 62.5% }")
        before = page.evaluate(SIZES)
        asking = page.context.new_cdp_session(page)
        asking.send("Page.setFontSizes", {"fontSizes": {"standard": 32}})
        after = page.evaluate(SIZES)
        assert after["text"] == 2 * before["text"]
        assert after["height"] > 1.8 * before["height"]
        assert page.evaluate("document.documentElement.scrollWidth") <= 640


@pytest.mark.parametrize("attributes", ["", 'lang="he"'])
def test_the_thread_has_the_direction_of_its_own_language(
    attributes: str, talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, ELSEWHERE, attributes=attributes) as visit:
        page = visit(bypass_csp=True)
        styled(page, "body { text-align: center }")
        section = page.locator("section.thread")
        side = "it => [getComputedStyle(it).direction, getComputedStyle(it).textAlign]"
        assert section.evaluate(side) == ["rtl" if attributes else "ltr", "start"]
