"""Back, in Chromium: it leads to the comment that one was reading, and all that was loaded."""

from __future__ import annotations

import re

import pytest
from django.contrib.sites.models import Site
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from comments.models import Comment, Thread
from tests.browser.asking import asked_in_a_thread, meanwhile, until
from tests.browser.browsers import DESK, WINDOWS
from tests.browser.pen import reply_to, text_of
from tests.browser.places import both_places, make_talk, visitor
from tests.making import decide, later, post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WORDS = "Some words to read slowly. " * 12
TEXTS = "list => [...list.querySelectorAll('.comment .text')].map(({ textContent }) => textContent)"
FAR = 28
"""A comment that is far from the beginning, and names 2."""


@pytest.fixture
def long_talk(site: Site) -> Thread:
    """Returns a thread of roots for two pages, of which some lead elsewhere."""
    thread = make_talk(site)
    for number in range(1, 61):
        post(thread, f"About #2. {WORDS}" if number == FAR else f"Root {number}. {WORDS}")
    return thread


@pytest.fixture
def deep_talk(site: Site) -> Thread:
    """Returns a thread of three pages, with a conversation on the last that goes on elsewhere."""
    thread = make_talk(site)
    for number in range(1, 111):
        post(thread, f"Root {number}.")
    for number in range(111, 131):
        post(thread, f"Deeper: {number}.", to=number - 1)
    return thread


def top_of(page: Page, number: int) -> float:
    """Returns where a comment is in the window; nowhere if it is not on the page."""
    tops = page.locator(f"#comment-{number}").evaluate_all(
        "all => all.map(it => it.getBoundingClientRect().top)"
    )
    return float(tops[0]) if tops else -1e6


def read(page: Page, number: int) -> float:
    """Scrolls to a comment; returns where it is then."""
    page.locator(f"#comment-{number}").evaluate(
        "it => scrollBy({ top: it.getBoundingClientRect().top - 150, behavior: 'instant' })"
    )
    return top_of(page, number)


def is_read_again(page: Page, number: int, before: float) -> None:
    """Waits until a comment is where it was, and asserts that it stays there."""
    until(page, lambda: abs(top_of(page, number) - before) <= 1)
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))")
    assert abs(top_of(page, number) - before) <= 1


def numbers(page: Page) -> list[str]:
    """Returns the numbers of the comments that are there, in their order."""
    found = page.locator("li[data-number]").evaluate_all("all => all.map(it => it.dataset.number)")
    return list(found)


def go_for_news(page: Page, thread: Thread, text: str = "Far below.") -> int:
    """Goes to a new comment on another page; returns its number."""
    meanwhile(page, lambda: post(thread, text, name="Late"))
    # Not by the mouse, for which the window would be moved where something covers it.
    page.get_by_role("button", name="1 new comment").press("Enter")
    number = asked_in_a_thread(lambda: Comment.objects.filter(thread=thread).count())
    expect(page.locator(f"#comment-{number}")).to_be_focused()
    return number


@both_places
@WINDOWS
def test_from_a_comment_on_the_same_page_one_comes_back_to_where_one_was(
    long_talk: Thread,
    live_server: LiveServer,
    chromium: str,
    place: str,
    window: dict[str, int],
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit(viewport=window)
        page.evaluate("history.replaceState({ host: 1 }, '')")
        before = read(page, FAR)
        link = page.locator(f"#comment-{FAR} .text a")
        link.click()
        expect(page.locator("#comment-2")).to_be_focused()
        there = top_of(page, 2)
        page.go_back()
        is_read_again(page, FAR, before)
        expect(link).to_be_focused()
        assert page.evaluate("history.state") == {"host": 1}
        page.go_forward()
        is_read_again(page, 2, there)
        # Where the address names a comment, one has read on as well.
        before = read(page, FAR)
        page.locator(f"#comment-{FAR} a.number").click()
        expect(page).to_have_url(re.compile(f"#comment-{FAR}$"))
        page.go_back()
        expect(page).to_have_url(re.compile("#comment-2$"))
        is_read_again(page, FAR, before)


def test_a_link_of_the_page_itself_still_leads_to_its_comment(
    long_talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, "own") as visit:
        page = visit()
        read(page, FAR)
        page.locator(f"#comment-{FAR} .text a").click()
        expect(page.locator("#comment-2")).to_be_focused()
        page.go_back()
        page.evaluate("location.hash = '#comment-40'")
        expect(page.locator("#comment-40")).to_be_focused()
        expect(page.locator("#comment-40")).to_be_in_viewport()
        page.evaluate("location.hash = '#comment-2'")
        expect(page.locator("#comment-2")).to_be_focused()
        expect(page.locator("#comment-2")).to_be_in_viewport()


@both_places
@WINDOWS
def test_from_news_on_another_page_one_comes_back_to_where_one_was(
    long_talk: Thread,
    live_server: LiveServer,
    chromium: str,
    place: str,
    window: dict[str, int],
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit(viewport=window)
        there = numbers(page)
        before = read(page, FAR)
        number = go_for_news(page, long_talk)
        assert numbers(page) == [f"{number}"]
        page.go_back()
        is_read_again(page, FAR, before)
        assert numbers(page) == there
        expect(page.get_by_role("heading", name="61 comments")).to_be_attached()
        expect(page.locator("#reply textarea[name=source]")).to_be_visible()
        # What was seen there is not new once more.
        expect(page.locator(".pill")).to_be_hidden()
        page.go_forward()
        expect(page.locator(f"#comment-{number}")).to_be_in_viewport()
        assert numbers(page) == [f"{number}"]


@both_places
def test_what_changed_while_one_was_elsewhere_has_changed_when_one_comes_back(
    long_talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    gone = Comment.objects.get(thread=long_talk, number=FAR - 10)
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        before = read(page, FAR)
        go_for_news(page, long_talk)
        meanwhile(page, lambda: decide(comment_id=gone.pk, action="reject", now=later(1)))
        expect(page.get_by_role("heading", name="60 comments")).to_be_attached()
        page.go_back()
        expect(page.locator(f"#comment-{FAR}")).to_be_in_viewport()
        expect(page.locator(f"#comment-{FAR - 10}")).to_have_count(0)
        expect(page.get_by_role("heading", name="60 comments")).to_be_attached()
        is_read_again(page, FAR, before)
        expect(page.locator(".pill")).to_be_hidden()


@both_places
def test_what_was_loaded_in_place_is_there_when_one_comes_back(
    deep_talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit(viewport=DESK)
        for _ in range(2):
            with page.expect_response("**/comments/?*"):
                page.get_by_role("link", name="Load more comments").click()
            expect(page.locator("section.thread[aria-busy]")).to_have_count(0)
        there = numbers(page)
        assert len(there) > 110
        link = page.get_by_role("link", name=re.compile("Continue this thread"))
        before = read(page, 112)
        link.click()
        expect(page.locator("section.thread")).to_have_attribute("data-view", "branch")
        assert numbers(page) != there
        page.go_back()
        is_read_again(page, 112, before)
        assert numbers(page) == there
        expect(page.locator("section.thread")).to_have_attribute("data-view", "list")
        link.click()
        expect(page.locator("section.thread")).to_have_attribute("data-view", "branch")
        page.go_back()
        is_read_again(page, 112, before)
        assert numbers(page) == there


@both_places
def test_what_one_writes_goes_along_and_comes_back(
    long_talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        there = numbers(page)
        reply_to(page, FAR)
        text_of(page).fill("In the middle of")
        before = read(page, FAR)
        go_for_news(page, long_talk, f"See #{FAR}.")
        expect(text_of(page)).to_have_value("In the middle of")
        page.go_back()
        expect(page.locator(f"li[data-number='{FAR}'] #reply")).to_be_visible()
        expect(text_of(page)).to_have_value("In the middle of")
        is_read_again(page, FAR, before)
        assert numbers(page) == there


def test_rows_of_two_pages_are_whole_in_both(
    long_talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, "own") as visit:
        page = visit()
        texts = page.locator(".comments").first.evaluate(TEXTS)
        reply_to(page, FAR)
        text_of(page).fill("In the middle of")
        before = read(page, FAR)
        page.get_by_role("link", name="Newest first").evaluate("it => it.click()")
        expect(page.locator("section.thread")).to_have_attribute("data-sort", "newest")
        expect(page.locator(f"li[data-number='{FAR}'] #reply")).to_be_visible()
        assert len(page.locator(".comments").first.evaluate(TEXTS)) == len(texts)
        page.go_back()
        expect(page.locator(f"li[data-number='{FAR}'] #reply")).to_be_visible()
        expect(text_of(page)).to_have_value("In the middle of")
        is_read_again(page, FAR, before)
        assert page.locator(".comments").first.evaluate(TEXTS) == texts
