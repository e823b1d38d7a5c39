"""Two tabs with the same thread, in Chromium: what is being written in each stays its own, and what
was written in one is one's own in the other."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from comments.models import Thread
from tests.browser.asking import asked_in_a_thread, let_it_ask
from tests.browser.pen import press, reply_to, stored, text_of, warned, write
from tests.browser.places import both_places, visitor
from tests.making import post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RESTORED = "What you had begun to write here is back."


def load_again(page: Page) -> None:
    """Loads a page again, and waits until one can write there."""
    page.reload()
    page.locator("#reply .cancel").wait_for(state="attached")


def value_of(page: Page) -> Any:
    """Returns what is asserted of the text, soon."""
    return expect(text_of(page))


@both_places
def test_what_is_written_in_each_tab_comes_back_there(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        one = visit()
        other = visit(by=one.context)
        for number in (None, 1):
            for page, words in ((one, "Of one tab."), (other, "Of the other.")):
                page.bring_to_front()
                if number:
                    reply_to(page, number)
                write(page, f"{words} {number}")
            for page, words in ((one, "Of one tab."), (other, "Of the other.")):
                page.bring_to_front()
                load_again(page)
                if number:
                    reply_to(page, number)
                value_of(page).to_have_value(f"{words} {number}")
        # A tab that is opened finds what was written last; what it writes is its own.
        third = visit(by=one.context)
        value_of(third).to_have_value("Of the other. None")
        text_of(third).press_sequentially(" And more.")
        load_again(other)
        value_of(other).to_have_value("Of the other. 1")
        press(other, "Cancel")
        value_of(other).to_have_value("Of the other. None")


@both_places
def test_what_is_sent_in_one_tab_does_not_take_away_what_is_written_in_the_other(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        one = visit()
        other = visit(by=one.context)
        write(other, "Of the other.")
        load_again(other)
        write(one, "Of one tab.")
        press(one, "Post")
        expect(one.locator("#comment-3")).to_contain_text("Of one tab.")
        load_again(one)
        value_of(one).to_have_value("")
        load_again(other)
        value_of(other).to_have_value("Of the other.")
        press(other, "Throw it away")
        load_again(other)
        value_of(other).to_have_value("")


def test_what_a_tab_has_not_written_itself_is_gone_once_it_was_sent(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, "own") as visit:
        one = visit()
        write(one, "Begun in one tab.")
        other = visit(by=one.context)
        expect(other.locator("#reply .help", has_text=RESTORED)).to_be_visible()
        asked_in_a_thread(lambda: post(talk, "Meanwhile.", name="Bo"))
        press(one, "Post")
        expect(one.get_by_text("Begun in one tab.")).to_be_visible()
        load_again(other)
        value_of(other).to_have_value("")


# --- whose a comment is ------------------------------------------------------------------------


def is_ones_own(page: Page, number: int) -> None:
    """Asserts that a comment is shown, soon, as what its reader has written."""
    shown = page.locator(f"#comment-{number}")
    expect(shown.locator("h3 .is-own")).to_have_text("you")
    for choice in ("edit", "delete"):
        expect(shown.locator(f"[data-do={choice}]")).to_be_visible()
    expect(shown.locator(".votes button")).to_have_count(0)
    expect(shown.locator(".new")).to_have_count(0)
    expect(page.locator(".pill")).to_be_hidden()


@both_places
def test_what_one_writes_in_one_tab_is_ones_own_in_the_other(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        one = visit()
        other = visit(by=one.context)
        for number in (3, 4):
            write(one, f"Mine: {number}.")
            press(one, "Post")
            expect(one.locator(f"#comment-{number}")).to_be_focused()
            let_it_ask(other)
            is_ones_own(other, number)
        # Who is known there may vote on what others have written, as here.
        expect(other.locator("#comment-2 .votes button")).to_have_count(2)
        asked_in_a_thread(lambda: post(talk, "Somebody else's.", name="Bo"))
        expect(other.locator("#comment-5 .new")).to_be_visible()
        expect(other.locator("#comment-5 .is-own")).to_have_count(0)


@both_places
def test_what_another_tab_hears_of_before_its_answer_comes_is_ones_own_after_that(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        one = visit()
        other = visit(by=one.context)
        # Where the button stays until one has come to it.
        other.set_viewport_size({"width": 360, "height": 300})
        other.evaluate("scrollTo(0, 0)")
        answers: list[tuple[Route, Any]] = []

        def answer_late(route: Route) -> None:
            if route.request.method == "POST":
                answers.append((route, route.fetch()))
            else:
                route.fallback()

        one.route("**/threads/talk/comments/", answer_late)
        write(one, "Mine.")
        press(one, "Post")
        let_it_ask(other)
        expect(other.locator("#comment-3")).to_be_attached()
        route, answer = answers.pop()
        route.fulfill(response=answer)
        expect(one.locator("#comment-3 .is-own")).to_be_visible()
        is_ones_own(other, 3)


@both_places
def test_what_was_stored_though_its_answer_was_lost_is_ones_own(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        one = visit()
        other = visit(by=one.context)
        write(one, "First of mine.")
        press(one, "Post")
        expect(one.locator("#comment-3")).to_be_focused()

        def lose(route: Route) -> None:
            if route.request.method == "POST":
                route.fetch()
                route.abort("connectionreset")
            else:
                route.fallback()

        one.route("**/threads/talk/comments/", lose)
        text_of(one).fill("Second of mine.")
        press(one, "Post")
        expect(one.get_by_role("button", name="Try again")).to_be_visible()
        one.unroute_all()
        text_of(one).fill("Second of mine, in other words.")
        press(one, "Post")
        expect(warned(one)).to_contain_text("Another text was sent from here before.")
        for page in (one, other):
            let_it_ask(page)
            is_ones_own(page, 4)
        assert stored()[2:] == ["First of mine.", "Second of mine."]
