"""Two tabs with the same thread, in Chromium: what is being written in each stays its own."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from comments.models import Thread
from tests.browser.asking import asked_in_a_thread
from tests.browser.pen import press, reply_to, text_of, write
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
