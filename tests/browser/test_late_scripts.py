"""A thread before the scripts have come that are needed to write: read, pressed on, written in."""

from __future__ import annotations

import re

import pytest
from django.contrib.sites.models import Site
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from comments.models import Thread
from tests.browser.embedding import Elsewhere
from tests.browser.holding import hold, let_go
from tests.browser.hosting import (
    REFUSED,
    heard_of,
    opener,
    talk_elsewhere,
    wait_to_hear,
)
from tests.browser.pen import press, reply_to, stored, text_of, warned, write
from tests.browser.places import OWN, visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LATER = re.compile(r"/thread/(writing|live|keyboard)\.js$")
"""The modules that nobody needs to read."""


@pytest.fixture
def talk(site: Site, elsewhere: Elsewhere) -> Thread:
    """Returns the thread that the page elsewhere shows."""
    return talk_elsewhere(site, elsewhere)


class HeldBack:
    """The modules of writing, asked for by a page that is loaded again, and not answered."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.routes = hold(page, LATER)
        page.reload()
        expect(page.locator("#comment-3")).to_be_visible()

    def release(self) -> None:
        """Lets them come, and waits until they are at work."""
        let_go(self.page, self.routes)
        expect(self.page.locator("#reply .cancel")).to_be_attached()


def test_a_thread_is_read_and_written_in_before_what_writes_is_there(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    with opener(chromium, elsewhere) as open_:
        page = open_()
        held = HeldBack(page)
        assert heard_of(page, "ready") == [{"count": 3}]
        colour = "it => getComputedStyle(it).backgroundColor"
        assert page.locator("button.main").evaluate(colour) == "rgb(23, 84, 155)"
        page.locator("a[data-sort=newest]").click()
        expect(page.locator("li[data-number]").first).to_have_attribute("data-number", "3")
        page.get_by_role("button", name="Collapse 1 reply").click()
        expect(page.locator("#comment-2")).to_be_hidden()

        write(page, "early.", name="Dan")
        page.keyboard.press("Home")
        page.keyboard.type("Written ")
        held.release()
        expect(text_of(page)).to_be_focused()
        page.keyboard.type("very ")
        expect(text_of(page)).to_have_value("Written very early.")
        press(page, "Post")
        expect(page.locator("#comment-4")).to_contain_text("Written very early.")
        expect(page.locator("#comment-4 .author")).to_have_text("Dan")
        wait_to_hear(page, "posted")
        expect(page).to_have_url(f"{elsewhere.origin}/")


def test_what_is_pressed_before_what_writes_is_there_is_done_once_it_is(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    with opener(chromium, elsewhere) as open_:
        page = open_()
        held = HeldBack(page)
        write(page, "Posted early.", name="Dan")
        press(page, "Post")
        page.get_by_role("textbox", name="Name").press("Enter")
        expect(page.locator("#reply button.main")).to_have_text("Sending…")
        held.release()
        expect(page.locator("#comment-4")).to_contain_text("Posted early.")
        expect(page.locator("#reply button.main")).to_have_text("Post")

        held = HeldBack(page)
        reply_to(page, 1)
        held.release()
        expect(page.get_by_role("heading", name="Reply to #1 by")).to_be_visible()
        expect(text_of(page)).to_be_focused()

        held = HeldBack(page)
        write(page, "Not", name="Dan")
        press(page, "Post")
        text_of(page).press_sequentially(" finished")
        expect(page.locator("#reply button.main")).to_have_text("Post")
        held.release()
        expect(text_of(page)).to_have_value("Not finished")

        held = HeldBack(page)
        write(page, "And more.", name="Dan")
        press(page, "Post")
        held.release()
        expect(text_of(page)).to_have_value("Not finished\n\nAnd more.")
        expect(page.locator("#reply")).to_contain_text("What you had begun to write here is back.")
        assert stored()[3:] == ["Posted early."]
        expect(page).to_have_url(f"{elsewhere.origin}/")


def test_a_thread_is_read_where_what_writes_cannot_be_loaded_and_no_text_is_lost(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    elsewhere.lang = "de"
    with opener(chromium, elsewhere) as open_:
        page = open_()
        page.route(LATER, lambda route: route.abort())
        page.reload()
        notice = page.locator("#reply .notice")
        expect(notice).to_contain_text("Prüfen Sie Ihre Verbindung")
        page.locator("#comment-2 .text a").click()
        expect(page.locator("#comment-1")).to_be_focused()
        write(page, "Trotzdem.", name="Dan")
        press(page, "Absenden")
        expect(warned(page)).to_contain_text("Prüfen Sie Ihre Verbindung")
        expect(page.locator("#reply button.main")).to_have_text("Absenden")
        # Made anew, or loaded again: what was typed is there.
        page.evaluate("document.querySelector('comment-thread').lang = 'en'")
        expect(page.get_by_role("heading", name="3 comments")).to_be_visible()
        page.unroute(LATER)
        page.reload()
        expect(text_of(page)).to_have_value("Trotzdem.")
        text_of(page).fill("")

        page.route(LATER, lambda route: route.abort())
        page.reload()
        write(page, "Noch einmal.", name="Dan")
        press(page, "Absenden")
        expect(warned(page)).to_contain_text("Prüfen Sie Ihre Verbindung")
        page.unroute(LATER)
        notice.get_by_role("button").click()
        expect(page.locator("#comment-4")).to_contain_text("Noch einmal.")
        assert stored()[3:] == ["Noch einmal."]
        expect(page).to_have_url(f"{elsewhere.origin}/#comment-1")


def test_a_thread_is_read_where_what_writes_throws_and_no_text_is_lost(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    broken = """export const lengthOf = () => 0, startText = () => {}, startMentions = () => {};
      export function startQuoting() { throw new Error("broken") }"""
    with opener(chromium, elsewhere, usual=(*REFUSED, "Error: broken")) as open_:
        page = open_()
        page.route(
            "**/thread/text*.js",
            lambda route: route.fulfill(body=broken, content_type="text/javascript"),
        )
        page.reload()
        expect(page.locator("#reply p.notice")).to_contain_text("This could not be loaded.")
        page.get_by_role("button", name="Collapse 1 reply").click()
        expect(page.locator("#comment-2")).to_be_hidden()
        write(page, "All the same.", name="Dan")
        page.unroute("**/thread/text*.js")
        page.reload()
        expect(text_of(page)).to_have_value("All the same.")
        press(page, "Post")
        expect(page.locator("#comment-4")).to_contain_text("All the same.")


def test_the_posts_page_is_read_and_posts_where_what_writes_cannot_be_loaded(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        page.route(LATER, lambda route: route.abort())
        page.reload()
        page.get_by_role("button", name="Collapse 1 reply").click()
        expect(page.locator("#comment-2")).to_be_hidden()
        write(page, "By the page.", name="Dan")
        press(page, "Post")
        expect(page.locator("#comment-4")).to_contain_text("By the page.")
        expect(page.locator("#reply .notice")).to_have_count(0)
        page.unroute(LATER)
        page.reload()
        expect(page.locator("#reply .cancel")).to_be_attached()
        expect(text_of(page)).to_have_value("")
