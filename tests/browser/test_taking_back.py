"""Deleting what one has written while there is little time for it, in Chromium."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from comments.models import Thread
from tests.browser.asking import asked_in_a_thread, meanwhile
from tests.browser.pen import press, said, stored_visible, text_of, warned, write
from tests.browser.places import both_places, visitor
from tests.making import post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ANSWERED = "Somebody has replied, so this comment stays as it is."
LATE = "This comment can no longer be changed by its author."


def given(settings: Any, seconds: int) -> None:
    """Sets for how long one's comments can be changed."""
    settings.REJOINDER = {**settings.REJOINDER, "EDIT_WINDOW_SECONDS": seconds}


@both_places
def test_a_delete_is_done_before_the_time_for_it_is_over(
    talk: Thread, live_server: LiveServer, chromium: str, settings: Any, place: str
) -> None:
    given(settings, 9)
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "Regretted.")
        press(page, "Post")
        own = page.locator("#comment-3")
        expect(own).to_be_focused()
        own.locator("[data-do=delete]").click()
        expect(own.get_by_role("button", name="Undo")).to_have_text(re.compile(r"Undo \([1-7]\)"))
        expect(said(page)).to_have_text(re.compile(r"You can undo it for [1-7] second"))
        expect(own).to_have_count(0, timeout=15_000)
        expect(page.locator(".error")).to_have_count(0)
    assert stored_visible() == 2


@both_places
def test_a_delete_that_is_refused_says_why_until_one_does_something_else(
    talk: Thread, live_server: LiveServer, chromium: str, settings: Any, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "Regretted.")
        press(page, "Post")
        own = page.locator("#comment-3")
        expect(own).to_be_focused()
        page.clock.install()
        note = own.locator(".error")
        given(settings, 0)
        for go in ("Escape", "click"):
            own.locator("[data-do=delete]").click()
            page.clock.fast_forward(11_000)
            expect(note).to_have_text(LATE)
            expect(warned(page)).to_contain_text(LATE)
            note.click()
            expect(note).to_have_text(LATE)
            if go == "Escape":
                page.keyboard.press(go)
            else:
                text_of(page).click()
            expect(note).to_have_count(0)
        given(settings, 900)
        own.locator("[data-do=delete]").click()
        asked_in_a_thread(lambda: post(talk, "Quick.", name="Bo", to=3))
        page.clock.fast_forward(11_000)
        expect(note).to_have_text(ANSWERED)
        page.keyboard.press("k")
        expect(page.locator("#comment-2")).to_be_focused()
        expect(note).to_have_count(0)


@both_places
def test_what_others_write_gives_nobody_more_time(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "Mine.")
        press(page, "Post")
        left = page.locator("#comment-3 .left")
        expect(left).to_contain_text("15 minutes")
        page.clock.install()
        page.clock.fast_forward(600_000)
        expect(left).to_contain_text("5 minutes")
        meanwhile(page, lambda: post(talk, "Meanwhile.", name="Bo"))
        page.clock.run_for(1000)
        expect(page.locator("#comment-4")).to_be_visible()
        expect(left).to_contain_text(re.compile(r"\b[45] minutes"))


def test_what_is_said_when_the_time_for_a_change_is_over_goes_with_it(
    talk: Thread, live_server: LiveServer, chromium: str, settings: Any
) -> None:
    given(settings, 6)
    with visitor(chromium, live_server, "own") as visit:
        page = visit()
        write(page, "Mine.")
        press(page, "Post")
        page.locator("#comment-3 [data-do=edit]").click()
        expect(text_of(page)).to_have_value("Mine.")
        page.keyboard.type(" And more.")
        expect(page.locator("#reply .notice")).to_contain_text("cannot be changed", timeout=15_000)
        expect(page.locator("#comment-3 [data-do=edit]")).to_have_count(0)
        page.keyboard.press("Escape")
        expect(page.locator("section.thread > #reply")).to_be_visible()
        expect(page.locator("#reply .notice:visible")).to_have_count(0)
        expect(page.locator("#comment-3 .error")).to_have_count(0)
