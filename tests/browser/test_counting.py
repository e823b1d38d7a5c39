"""What a page counts, and calls new: what is there and not yet seen, and nothing of one's own."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.sites.models import Site
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from comments.models import Comment, Thread
from tests.browser.asking import asked_in_a_thread, meanwhile
from tests.browser.pen import press, write
from tests.browser.places import both_places, make_talk, visitor
from tests.making import decide, later, post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WORDS = "Some words to read slowly. " * 30
SEEN = "Object.keys(localStorage).find((name) => name.startsWith('comment-thread:seen:'))"
HOLE = re.compile(r"^\d+ more repl(y|ies) to comment 1$")


@pytest.fixture
def tall_talk(site: Site) -> Thread:
    """Returns a thread of eight comments, which is longer than the window."""
    thread = make_talk(site)
    for number in range(1, 9):
        post(thread, f"Root {number}. {WORDS}", name="Ana")
    return thread


@pytest.fixture
def wide_talk(site: Site) -> Thread:
    """Returns a thread of a root with 35 replies, some of them in a hole, and 16 roots."""
    thread = make_talk(site)
    post(thread, "Wide.", name="Ana")
    for number in range(2, 37):
        post(thread, f"Below 1: {number}. {WORDS}", name="Bo", to=1)
    for number in range(37, 53):
        post(thread, f"Root {number}. {WORDS}", name="Cy")
    return thread


def remove(thread: Thread, *numbers: int) -> None:
    """Takes comments away, as a moderator does."""
    for number in numbers:
        comment = Comment.objects.get(thread=thread, number=number)
        decide(comment_id=comment.pk, action="reject", now=later(number))


def pill_of(page: Page) -> Any:
    """Returns the button that tells of new comments."""
    return page.locator("button.pill")


# --- the button that tells of new comments -----------------------------------------------------


@both_places
def test_what_is_gone_is_told_of_no_more(
    tall_talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        pill = pill_of(page)
        meanwhile(page, lambda: post(tall_talk, "Late.", name="Late"))
        expect(pill).to_have_text("1 new comment")
        meanwhile(page, lambda: remove(tall_talk, 9))
        expect(page.locator("#comment-9")).to_have_count(0)
        expect(pill).to_be_hidden()
        meanwhile(page, lambda: post(tall_talk, "Later.", name="Late"))
        expect(pill).to_have_text("1 new comment")
        pill.click()
        expect(page.locator("#comment-10")).to_be_focused()
        expect(pill).to_be_hidden()


@both_places
def test_what_cannot_be_found_is_told_of_no_more_but_what_cannot_be_loaded_is(
    wide_talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        pill = pill_of(page)
        meanwhile(page, lambda: post(wide_talk, "Late.", name="Late", to=1))
        expect(pill).to_have_text("1 new reply")
        # It goes, and the page does not hear of it.
        page.route("**/changes/?*", lambda route: route.abort())
        page.route("**/comments/53/**", lambda route: route.abort())
        # Once that has been said, it looks whether the comment is there at all.
        with page.expect_event("requestfailed", lambda one: "/comments/53/?" in one.url):
            pill.click()
        expect(page.get_by_role("alert")).to_contain_text("could not be loaded")
        expect(pill).to_have_text("1 new reply")
        page.unroute("**/comments/53/**")
        meanwhile(page, lambda: remove(wide_talk, 53))
        pill.click()
        expect(page.get_by_role("alert")).to_have_text("This comment is not here (any more).")
        expect(pill).to_be_hidden()


@both_places
def test_what_is_seen_once_it_has_been_loaded_is_told_of_no_more(
    wide_talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        pill = pill_of(page)
        meanwhile(page, lambda: post(wide_talk, f"Late. {WORDS}", name="Late", to=1))
        expect(pill).to_have_text("1 new reply")
        page.get_by_role("link", name=HOLE).click()
        late = page.locator("#comment-53")
        expect(late).to_be_attached()
        expect(late).not_to_be_in_viewport()
        expect(pill).to_have_text("1 new reply")
        late.scroll_into_view_if_needed()
        expect(pill).to_be_hidden()


@both_places
def test_a_gap_and_a_fold_count_what_comes_and_what_goes_again(
    wide_talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        hole = page.get_by_role("link", name=HOLE)
        fold = page.locator("#comment-1 button.fold")
        expect(fold).to_have_text("Collapse 35 replies")
        before = hole.inner_text()
        meanwhile(page, lambda: [post(wide_talk, "Late.", to=1) for _ in range(3)])
        expect(fold).to_have_text("Collapse 38 replies")
        expect(hole).not_to_have_text(before)
        meanwhile(page, lambda: remove(wide_talk, 53, 54, 55))
        expect(fold).to_have_text("Collapse 35 replies")
        expect(hole).to_have_text(before)


# --- new since the last visit ------------------------------------------------------------------


def visit_again(page: Page, wide_talk: Thread, *gone: int) -> None:
    """Loads a page again once it has been seen, and six comments have come, of which some went."""

    def come_and_go() -> None:
        for number in range(53, 58):
            post(wide_talk, f"Late {number}.", name="Late", to=1)
        post(wide_talk, "An answer.", name="Late", to=57)
        remove(wide_talk, *gone)

    while not page.evaluate(SEEN):
        page.wait_for_timeout(20)
    asked_in_a_thread(come_and_go)
    page.reload()


@both_places
def test_what_is_new_since_the_last_visit_is_counted_without_what_is_gone(
    wide_talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        expect(page.get_by_role("link", name=HOLE)).to_be_attached()
        expect(page.locator(".since")).to_have_count(0)
        # Of 57 a trace stays, since it is answered.
        visit_again(page, wide_talk, 53, 55, 57)
        since = page.locator(".since")
        expect(since).to_have_text("3 new since your last visit")
        since.click()
        expect(page.locator("#comment-54")).to_be_focused()


@both_places
def test_where_all_that_came_since_the_last_visit_is_gone_nothing_is_new(
    wide_talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        with page.expect_response("**/comments/?since_number=52&*") as answer:
            visit_again(page, wide_talk, 58, 57, 56, 55, 54, 53)
        assert answer.value.json()["items"] == []
        expect(page.locator("#reply .cancel")).to_be_attached()
        page.wait_for_timeout(200)
        expect(page.locator(".since")).to_have_count(0)


# --- one's own ---------------------------------------------------------------------------------


@both_places
def test_ones_own_comment_is_nothing_new_when_it_is_published_after_a_while(
    site: Site, live_server: LiveServer, chromium: str, place: str
) -> None:
    thread = make_talk(site, premoderation=True)
    for number in range(1, 9):
        first = post(thread, f"Root {number}. {WORDS}", name="Ana").comment
        decide(comment_id=first.pk, action="approve", now=later(number))

    def approve() -> None:
        for waiting in Comment.objects.filter(number=None).order_by("pk"):
            decide(comment_id=waiting.pk, action="approve", now=timezone.now())

    def another() -> None:
        post(thread, "Somebody else's.", name="Bo")
        approve()

    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "I wait.")
        press(page, "Post")
        expect(page.locator(".unseen article")).to_be_focused()
        page.evaluate("scrollTo(0, 0)")
        meanwhile(page, approve)
        own = page.locator("#comment-9")
        expect(own).to_contain_text("I wait.")
        expect(own.locator(".is-own")).to_be_attached()
        meanwhile(page, another)
        expect(page.locator("#comment-10 .new")).to_be_attached()
        expect(own.locator(".new")).to_have_count(0)
        expect(pill_of(page)).to_have_text("1 new comment")
