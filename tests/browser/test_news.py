"""The button that says how many new comments there are, where a page has a part of a thread."""

from __future__ import annotations

import re

import pytest
from django.contrib.sites.models import Site
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from comments.models import Thread
from tests.browser.asking import asked_in_a_thread
from tests.browser.places import ELSEWHERE, OWN, both_places, make_talk, visitor
from tests.making import post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LAST = 61


@pytest.fixture
def long_talk(site: Site) -> Thread:
    """Returns a thread whose end is on a page of its own."""
    thread = make_talk(site)
    for number in range(1, LAST):
        post(thread, f"Root {number}.", name="Ana")
    return thread


def hear_of_a_new_one(page: Page, thread: Thread) -> None:
    """Writes the last comment, and goes where the button leads to."""
    asked_in_a_thread(lambda: post(thread, "Far below.", name="Late"))
    page.evaluate("dispatchEvent(new Event('online'))")
    page.get_by_role("button", name="1 new comment").click()
    expect(page.locator(f"#comment-{LAST}")).to_be_focused()
    expect(page.locator("article.comment")).to_have_count(1)


def test_the_button_for_news_leads_to_an_address_and_back_from_it(
    long_talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        before = page.locator("article.comment").count()
        assert before > 10
        hear_of_a_new_one(page, long_talk)
        assert page.url.endswith(f"/posts/talk/?comment={LAST}#comment-{LAST}")
        expect(page.get_by_role("link", name="All comments")).to_be_visible()
        expect(page.locator(".pill")).to_be_hidden()
        page.go_back()
        expect(page.locator("article.comment")).to_have_count(before)
        assert page.url.endswith("/posts/talk/")
        page.go_forward()
        expect(page.locator(f"#comment-{LAST}")).to_be_visible()
        page.reload()
        expect(page.locator(f"#comment-{LAST}")).to_contain_text("Far below.")


def test_elsewhere_it_puts_the_comment_into_the_address_and_leaves_the_rest(
    long_talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, ELSEWHERE) as visit:
        page = visit()
        home = page.url
        hear_of_a_new_one(page, long_talk)
        assert page.url == f"{home}#comment-{LAST}"
        page.get_by_role("link", name="All comments").click()
        expect(page.locator("#comment-1")).to_be_visible()


@both_places
def test_of_what_is_on_the_page_it_tells_the_address_alone(
    place: str, talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit(viewport={"width": 360, "height": 300})
        asked_in_a_thread(lambda: post(talk, "Near.", name="Late"))
        page.evaluate("scrollTo(0, 0)")
        page.evaluate("dispatchEvent(new Event('online'))")
        page.get_by_role("button", name="1 new comment").click()
        expect(page.locator("#comment-3")).to_be_focused()
        expect(page).to_have_url(re.compile("/[^?]*#comment-3$"))
        expect(page.locator("article.comment")).to_have_count(3)
