"""Replies in branches that collapse, in Chromium: nobody loses sight of what he writes or wrote."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from comments.models import Comment, RepliesPolicy, Thread
from tests.browser.asking import asked_in_a_thread
from tests.browser.pen import press, reply_to, text_of, write
from tests.browser.places import both_places, visitor
from tests.making import decide, later, post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RESTORED = "What you had begun to write here is back."


def load_again(page: Page) -> None:
    """Loads a page again, and waits until one can write there."""
    page.reload()
    page.locator("#reply .cancel").wait_for(state="attached")


# --- collapsed branches ----------------------------------------------------------------------


@both_places
def test_a_reply_to_what_is_collapsed_is_shown_to_its_writer(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        page.locator("#comment-1 button.fold").click()
        expect(page.locator("#comment-2")).to_be_hidden()
        reply_to(page, 1)
        write(page, "Where am I?")
        press(page, "Post")
        expect(page.locator("#comment-3")).to_be_visible()
        expect(page.locator("#comment-3")).to_be_focused()
        expect(page.locator("#comment-1 button.fold")).to_have_text("Collapse 2 replies")


@both_places
def test_a_branch_that_collapses_leaves_what_is_being_written_in_it(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    post(talk, "Third thoughts.", name="Cy", to=2)
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        reply_to(page, 2)
        page.keyboard.type("Begun")
        fold = page.locator("#comment-1 button.fold")
        fold.click()
        expect(fold).to_have_text("Show 2 replies")
        expect(page.locator("#comment-3")).to_be_hidden()
        expect(page.locator("#comment-2")).to_be_visible()
        expect(text_of(page)).to_be_visible()
        text_of(page).press_sequentially(" and ended.")
        # What is left goes the way of its branch, and the focus to what brings it back.
        page.keyboard.press("Escape")
        expect(page.locator("section.thread > #reply")).to_be_visible()
        expect(page.locator("#comment-2")).to_be_hidden()
        expect(fold).to_be_focused()
        page.keyboard.press("Enter")
        reply_to(page, 2)
        expect(text_of(page)).to_have_value("Begun and ended.")
        fold.click()
        page.locator("#reply input[name=name]").fill("Cy")
        press(page, "Post")
        expect(page.locator("#comment-4")).to_be_focused()
        expect(page.locator("#comment-3")).to_be_visible()


@both_places
def test_a_fold_stays_open_while_somebody_writes_in_it(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    first = Comment.objects.get(thread=talk, number=1)
    decide(
        comment_id=first.pk, action="reject", now=later(9), replies_policy=RepliesPolicy.COLLAPSE
    )
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        summary = page.locator("summary", has_text="1 folded reply")
        summary.click()
        reply_to(page, 2)
        page.keyboard.type("Begun")
        summary.click()
        expect(text_of(page)).to_be_visible()
        text_of(page).focus()
        page.keyboard.press("Escape")
        summary.click()
        expect(page.locator("#comment-2")).to_be_hidden()


# --- after the page was loaded again ---------------------------------------------------------


@both_places
def test_an_unfinished_reply_is_open_again_after_a_reload(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        in_place = page.locator("li[data-number='1'] > #reply textarea")
        below = page.locator("section.thread > #reply textarea")
        write(page, "A root.")
        reply_to(page, 1)
        page.keyboard.type("Unfinished")
        page.evaluate("scrollTo(0, 0)")
        load_again(page)
        expect(in_place).to_have_value("Unfinished")
        expect(page.locator("#reply h3")).to_contain_text("Reply to #1")
        expect(page.locator("#reply .help", has_text=RESTORED)).to_be_visible()
        expect(in_place).not_to_be_focused()
        assert page.evaluate("[scrollY, document.activeElement.tagName]") == [0, "BODY"]
        in_place.press_sequentially(" business")
        load_again(page)
        expect(in_place).to_have_value("Unfinished business")

        # What was put away waits where it was written.
        in_place.press("Escape")
        expect(below).to_have_value("A root.")
        load_again(page)
        expect(below).to_have_value("A root.")
        reply_to(page, 1)
        expect(in_place).to_have_value("Unfinished business")

        # Whatever was typed in last is what one finds.
        in_place.press("End")
        page.keyboard.type(".")
        press(page, "Cancel")
        below.press_sequentially(" Another.")
        load_again(page)
        expect(below).to_have_value("A root. Another.")

        reply_to(page, 1)
        page.keyboard.type("!")
        press(page, "Post")
        expect(page.locator("#comment-3")).to_be_focused()
        load_again(page)
        expect(below).to_have_value("A root. Another.")


@both_places
def test_an_unfinished_reply_to_what_is_gone_is_not_open_after_a_reload(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    second = Comment.objects.get(thread=talk, number=2)
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        reply_to(page, 2)
        page.keyboard.type("Unfinished")
        asked_in_a_thread(lambda: decide(comment_id=second.pk, action="reject", now=later(9)))
        load_again(page)
        expect(page.locator("section.thread > #reply h3")).to_have_text("Leave a comment")
        expect(text_of(page)).to_have_value("")
