"""How the thread stands on its page: sides, sizes, and what lies above what."""

from __future__ import annotations

import pytest
from django.contrib.sites.models import Site
from playwright.sync_api import Locator, expect
from pytest_django.live_server_helper import LiveServer

from comments.models import Thread
from tests.browser.browsers import overflow
from tests.browser.embedding import Elsewhere
from tests.browser.hosting import opener, talk_elsewhere
from tests.browser.pen import write
from tests.browser.places import both_places, make_post, visitor
from tests.making import post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SIDES = """(it, words) => {
  const walk = document.createTreeWalker(it, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (walk.nextNode()) {
    const at = walk.currentNode.data.indexOf(words);
    if (at < 0) continue;
    range.setStart(walk.currentNode, at);
    range.setEnd(walk.currentNode, at + words.length);
  }
  const block = it.getBoundingClientRect();
  const found = range.getBoundingClientRect();
  return [found.left - block.left, block.right - found.right];
}"""


def sides(text: Locator, words: str) -> tuple[float, float]:
    """Returns how far words are from the left and the right of the text that they are in."""
    left, right = text.evaluate(SIDES, words)
    return left, right


@both_places
def test_each_paragraph_begins_on_the_side_of_its_own_language(
    site: Site, live_server: LiveServer, chromium: str, place: str
) -> None:
    thread = make_post(site, "talk")
    post(thread, "Rivers run.", name="Ana")
    post(thread, "@Ana שלום לכולם", name="Bo")
    post(thread, "שלום לכולם\n\nIn English, too.", name="Cy")
    post(thread, "> In English.\n\nתשובה קצרה\n\n- שלום\n- Hello", name="Dan", format="markdown")
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        second, third, fourth = (page.locator(f"#comment-{n} .text") for n in (2, 3, 4))
        expect(second.locator("a.mention")).to_have_text("@Ana")
        assert sides(second, "Ana")[1] < 2
        assert sides(second, "שלום")[0] > 100
        assert sides(second, "שלום")[1] > sides(second, "Ana")[1]
        assert sides(third, "שלום")[1] < 2
        assert sides(third, "In English")[0] < 2
        assert sides(fourth, "In English")[0] < 30
        assert sides(fourth, "תשובה")[1] < 2
        assert sides(fourth, "שלום")[1] < 30
        assert sides(fourth, "Hello")[0] < 60
        write(page, "Hello.\n\nשלום לכולם")
        shown = page.locator("#reply .preview .text")
        page.get_by_role("button", name="Preview").click()
        expect(shown).to_contain_text("שלום")
        assert sides(shown, "Hello")[0] < 2
        assert sides(shown, "שלום")[1] < 2


@pytest.mark.parametrize("width", [320, 390])
@both_places
def test_text_twice_as_large_stays_on_a_phone(
    talk: Thread, live_server: LiveServer, chromium: str, place: str, width: int
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit(viewport={"width": width, "height": 740}, bypass_csp=True)
        page.add_style_tag(
            content="""html { font-size: 200% } comment-thread { --comments-size: 1rem }
              h1 { font-size: 1rem }"""
        )
        size = page.locator("#comment-1 .text").evaluate("it => getComputedStyle(it).fontSize")
        assert size == "34px"
        assert overflow(page) == 0
        for field in page.locator("#reply :is(input, select, textarea):visible").all():
            box = field.bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= width


def test_what_stands_above_in_the_thread_does_not_cover_what_the_host_has_above(
    site: Site, elsewhere: Elsewhere, chromium: str
) -> None:
    talk_elsewhere(site, elsewhere)
    with opener(chromium, elsewhere, usual=("violates",)) as open_:
        page = open_(bypass_csp=True)
        page.locator("#reply .cancel").wait_for(state="attached")
        page.add_style_tag(
            content="h1 { position: sticky; top: 0; z-index: 1; margin: 0; height: 200px }"
        )
        page.locator("#reply button.main").scroll_into_view_if_needed()
        page.evaluate(
            """() => {
              const { shadowRoot } = document.querySelector("comment-thread");
              scrollBy(0, shadowRoot.querySelector("#reply").getBoundingClientRect().top - 50);
            }"""
        )
        on_top = page.evaluate("document.elementFromPoint(100, 150).tagName")
        assert on_top == "H1"
