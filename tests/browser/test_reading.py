"""Reading a thread in Chromium: orders, pages, branches, permalinks, what is new, the keys."""

from __future__ import annotations

import re

import pytest
from django.contrib.sites.models import Site
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from comments.models import Thread
from tests.browser.asking import asked_in_a_thread, until
from tests.browser.browsers import WINDOWS, opener, overflow
from tests.browser.places import TALK, make_post
from tests.making import post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SEEN = "Object.keys(localStorage).find((name) => name.startsWith('comment-thread:seen:'))"
"""What keeps how far one has read, if anything does."""


@pytest.fixture
def talk(site: Site) -> Thread:
    """Returns a thread: 1 with two levels of replies, then 4 and 5."""
    thread = make_post(site, "talk")
    post(thread, "First.", name="Ana")
    post(thread, "Below 1.", name="Bo", to=1)
    post(thread, "Below 2, and about #1.", name="Cy", to=2)
    post(thread, "Second.", name="Dan")
    post(thread, "Third.", name="Eve")
    return thread


@pytest.fixture
def long_talk(site: Site) -> Thread:
    """Returns a thread with a wide branch, a deep one, and more roots than one page holds."""
    thread = make_post(site, "talk")
    post(thread, "Wide.", name="Ana")
    for number in range(2, 14):
        post(thread, f"Below 1: {number}.", name="Bo", to=1)
    for number in range(14, 30):
        post(thread, f"Deeper: {number}.", name="Cy", to=number - 1)
    for number in range(30, 91):
        post(thread, f"Root {number}.", name="Dan")
    return thread


def numbers(page: Page) -> list[int]:
    """Returns the numbers of the comments that are shown, in their order."""
    rows = page.locator("li[data-number]:visible")
    return [int(row.get_attribute("data-number") or 0) for row in rows.all()]


def said(page: Page) -> Locator:
    """Returns what a screen reader was told last."""
    return page.locator(".says[aria-live=polite]")


def focused(page: Page) -> str:
    """Returns the id of what has the focus."""
    return str(page.evaluate("document.activeElement.id"))


@WINDOWS
def test_sorting_happens_in_place_and_stays_in_the_address(
    talk: Thread, live_server: LiveServer, chromium: str, window: dict[str, int]
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK, viewport=window)
        page.evaluate("window.mark = 1")
        newest = page.get_by_role("link", name="Newest first")
        newest.click()
        expect(newest).to_have_attribute("aria-current", "true")
        expect(newest).to_be_focused()
        expect(page).to_have_url(re.compile(r"\?sort=newest"))
        assert numbers(page) == [5, 4, 1, 2, 3]
        page.go_back()
        oldest = page.get_by_role("link", name="Oldest first")
        expect(oldest).to_have_attribute("aria-current", "true")
        assert numbers(page) == [1, 2, 3, 4, 5]
        assert page.evaluate("window.mark") == 1
        page.go_forward()
        expect(newest).to_have_attribute("aria-current", "true")
        page.reload()
        assert numbers(page) == [5, 4, 1, 2, 3]


def test_sorting_works_without_javascript(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK, java_script_enabled=False)
        page.get_by_role("link", name="Newest first").click()
        assert numbers(page) == [5, 4, 1, 2, 3]


@WINDOWS
def test_more_comments_load_below_and_the_first_of_them_has_the_focus(
    long_talk: Thread, live_server: LiveServer, chromium: str, window: dict[str, int]
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK, viewport=window)
        before = numbers(page)
        page.get_by_role("link", name="Load more comments").click()
        expect(page.locator("#comment-90")).to_be_attached()
        after = numbers(page)
        assert after[: len(before)] == before
        assert len(set(after)) == len(after)
        assert focused(page) == f"comment-{after[len(before)]}"
        expect(said(page)).to_have_text(f"{len(after) - len(before)} more comments")
        expect(page.get_by_role("link", name="Load more comments")).to_have_count(0)
        assert overflow(page) == 0


def test_all_of_a_long_thread_is_reached_without_javascript(
    long_talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK, java_script_enabled=False)
        page.get_by_role("link", name="Load more comments").click()
        expect(page.locator("#comment-90")).to_be_attached()
        page.goto(f"{live_server.url}{TALK}")
        page.get_by_role("link", name=re.compile("more replies to comment 1$")).click()
        expect(page.get_by_role("link", name="All comments")).to_be_visible()
        expect(page.locator("#comment-13")).to_be_attached()


@WINDOWS
def test_a_hole_is_filled_in_place(
    long_talk: Thread, live_server: LiveServer, chromium: str, window: dict[str, int]
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK, viewport=window)
        before = numbers(page)
        hole = page.get_by_role("link", name=re.compile("^[0-9]+ more replies to comment 1$"))
        hole.click()
        expect(page.locator("#comment-13")).to_be_attached()
        after = numbers(page)
        assert len(set(after)) == len(after)
        assert [number for number in after if number in before] == before
        assert focused(page) == f"comment-{next(n for n in after if n not in before)}"
        assert overflow(page) == 0


def test_a_deep_branch_is_shown_by_itself_and_left_again(
    long_talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(f"{TALK}?comment=16#comment-16")
        page.evaluate("window.mark = 1")
        page.get_by_role("link", name=re.compile("Continue this thread")).click()
        deep = page.locator("#comment-28")
        while not deep.count():
            page.get_by_role("link", name=re.compile("Continue this thread")).first.click()
            expect(page.locator("section.thread[aria-busy]")).to_have_count(0)
        page.get_by_role("link", name="All comments").click()
        expect(page.locator("#comment-30")).to_be_attached()
        expect(page.get_by_role("heading", name="90 comments")).to_be_focused()
        assert page.evaluate("window.mark") == 1
        page.go_back()
        expect(page.locator("section.thread")).to_have_attribute("data-view", "branch")


def test_going_back_to_further_replies_shows_those(
    long_talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        hole = page.get_by_role("link", name=re.compile("^[0-9]+ more replies to comment 1$"))
        page.goto(f"{live_server.url}{TALK}{hole.get_attribute('href')}")
        expect(page.locator(".tools button").first).to_be_visible()
        further = numbers(page)
        assert further[0] == 1
        assert 13 in further
        assert 2 not in further
        page.get_by_role("link", name="All comments").click()
        expect(page.locator("#comment-2")).to_be_attached()
        page.go_back()
        expect(page.locator("#comment-2")).to_have_count(0)
        expect(page.locator("#comment-13")).to_be_attached()
        assert numbers(page) == further
        assert "cursor=" in page.url


@WINDOWS
def test_a_branch_collapses_and_stays_collapsed_after_a_reload(
    talk: Thread, live_server: LiveServer, chromium: str, window: dict[str, int]
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK, viewport=window)
        fold = page.locator("#comment-1").get_by_role("button", name="Collapse 2 replies")
        expect(fold).to_have_attribute("aria-expanded", "true")
        fold.click()
        assert numbers(page) == [1, 4, 5]
        page.reload()
        fold = page.locator("#comment-1").get_by_role("button", name="Show 2 replies")
        expect(fold).to_have_attribute("aria-expanded", "false")
        assert numbers(page) == [1, 4, 5]

        asked_in_a_thread(lambda: post(talk, "Hidden.", name="Fay", to=3))
        page.evaluate("dispatchEvent(new Event('online'))")
        fold = page.locator("#comment-1").get_by_role("button", name="Show 3 replies · 1 new reply")
        fold.click()
        assert numbers(page) == [1, 2, 3, 6, 4, 5]


def test_a_link_into_a_collapsed_branch_opens_it(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        page.locator("#comment-1 button.fold").click()
        page.evaluate("location.hash = '#comment-3'")
        expect(page.locator("#comment-3")).to_be_focused()
        assert numbers(page) == [1, 2, 3, 4, 5]


def test_one_jumps_to_the_parent_and_back(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        page.locator("#comment-3").get_by_role("link", name="in reply to #2").click()
        parent = page.locator("#comment-2")
        expect(parent).to_be_focused()
        expect(parent).to_have_class(re.compile("is-sought"))
        expect(page).to_have_url(re.compile("#comment-2$"))
        parent.get_by_role("link", name="back to #3").click()
        expect(page.locator("#comment-3")).to_be_focused()
        page.locator("#comment-3 .text a").click()
        expect(page.locator("#comment-1")).to_be_focused()
        page.locator("#comment-1 .backlinks a").click()
        expect(page.locator("#comment-3")).to_be_focused()


def test_a_reference_to_a_comment_on_another_page_is_followed_in_place(
    long_talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    post(long_talk, "See #88.", name="Gil", to=1)
    post(long_talk, "At the top: #89.", name="Gil", to=2)
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        page.evaluate("window.mark = 1")
        page.locator("#comment-2 ~ *, .comments").get_by_role("link", name="#89").first.click()
        expect(page.locator("#comment-89")).to_be_focused()
        expect(page).to_have_url(re.compile(r"\?comment=89#comment-89$"))
        assert page.evaluate("window.mark") == 1
        page.reload()
        expect(page.locator("#comment-89")).to_be_in_viewport()


def test_what_is_new_since_the_last_visit_is_marked_counted_and_found(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        expect(page.locator(".tools button").first).to_be_visible()
        until(page, lambda: page.evaluate(SEEN))
        expect(page.locator(".is-new")).to_have_count(0)
        asked_in_a_thread(lambda: [post(talk, "New.", name="Fay", to=1), post(talk, "Too.")])
        page.reload()
        expect(page.locator(".is-new")).to_have_count(2)
        expect(page.locator("#comment-6 h3")).to_contain_text("new")
        page.get_by_role("link", name="2 new since your last visit").click()
        expect(page.locator("#comment-6")).to_be_focused()
        page.keyboard.press("n")
        expect(page.locator("#comment-7")).to_be_focused()
        page.keyboard.press("n")
        expect(page.locator("#comment-6")).to_be_focused()
        page.reload()
        expect(page.locator(".tools button").first).to_be_visible()
        expect(page.locator(".is-new")).to_have_count(0)


def test_a_page_behind_another_tab_has_not_been_seen(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_("/")
        page.add_init_script(
            "Object.defineProperty(document, 'hidden', {get: () => !window.shown});"
        )
        page.goto(f"{live_server.url}{TALK}")
        expect(page.locator(".tools button").first).to_be_visible()
        expect(page.locator("#comment-4 h3 .is-own")).to_have_count(0)
        assert not page.evaluate(SEEN)
        page.evaluate("shown = true; document.dispatchEvent(new Event('visibilitychange'))")
        until(page, lambda: page.evaluate(SEEN))


def test_mentions_of_oneself_stand_out(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        page.locator("#reply .cancel").wait_for(state="attached")
        page.get_by_role("textbox", name="Name").fill("Hana")
        page.get_by_role("textbox", name="Comment").fill("Mine.")
        page.get_by_role("button", name="Post", exact=True).click()
        expect(page.locator("#comment-6")).to_contain_text("Mine.")
        asked_in_a_thread(lambda: post(talk, "@Hana and @Ana, hello.", name="Ivo"))
        page.evaluate("dispatchEvent(new Event('online'))")
        expect(page.locator("#comment-7 a.is-me")).to_have_text("@Hana")
        page.reload()
        expect(page.locator("#comment-7 a.is-me")).to_have_text("@Hana")


def test_times_are_relative_and_exact_on_demand(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        plain = open_(TALK, java_script_enabled=False)
        exact = plain.locator("#comment-1 time").inner_text()
        assert "2026" in exact
        page = open_(TALK)
        time = page.locator("#comment-1 time")
        expect(time).to_have_text(re.compile(r"ago$|yesterday|now"))
        expect(time).to_have_attribute("title", exact)
        switch = page.get_by_role("button", name="Exact times")
        switch.focus()
        page.keyboard.press("Enter")
        expect(switch).to_have_attribute("aria-pressed", "true")
        expect(time).to_have_text(exact)
        page.reload()
        expect(time).to_have_text(exact)


def test_the_keys_go_from_comment_to_comment_reply_and_explain_themselves(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        expect(page.get_by_role("button", name="Keyboard shortcuts")).to_be_visible()
        # Until what writes is there, "r" leads to the page of the reply.
        page.locator("#reply .cancel").wait_for(state="attached")
        for expected in ("comment-1", "comment-2", "comment-3"):
            page.keyboard.press("j")
            assert focused(page) == expected
        page.keyboard.press("k")
        assert focused(page) == "comment-2"
        page.keyboard.press("r")
        expect(page.get_by_role("heading", name="Reply to #2")).to_be_visible()
        box = page.get_by_role("textbox", name="Comment")
        expect(box).to_be_focused()
        page.keyboard.type("jkrn?")
        expect(box).to_have_value("jkrn?")

        page.locator("#comment-1").focus()
        page.keyboard.press("Control+j")
        assert focused(page) == "comment-1"
        page.keyboard.press("?")
        help_ = page.get_by_role("dialog", name="Keyboard shortcuts")
        expect(help_).to_be_visible()
        help_.get_by_role("checkbox").uncheck()
        page.keyboard.press("Escape")
        expect(help_).to_be_hidden()
        page.locator("#comment-1").focus()
        page.keyboard.press("j")
        assert focused(page) == "comment-1"
        page.reload()
        page.get_by_role("button", name="Keyboard shortcuts").click()
        expect(help_.get_by_role("checkbox")).not_to_be_checked()
        help_.get_by_role("checkbox").check()
        help_.get_by_role("button", name="Close").click()
        page.keyboard.press("j")
        assert focused(page) == "comment-1"


def test_exact_times_are_offered_only_where_there_are_times(
    site: Site, live_server: LiveServer, chromium: str
) -> None:
    thread = make_post(site, "talk")
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        expect(page.get_by_role("button", name="Keyboard shortcuts")).to_be_visible()
        exact = page.get_by_role("button", name="Exact times")
        expect(exact).to_have_count(0)
        asked_in_a_thread(lambda: post(thread, "First.", name="Ana"))
        page.evaluate("dispatchEvent(new Event('online'))")
        expect(page.locator("#comment-1")).to_be_visible()
        expect(exact).to_be_visible()
