"""What stays right while a reader moves about, answers, or becomes another: deletions under way,
the focus, votes and names."""

from __future__ import annotations

import json

import pytest
from django.contrib.sites.models import Site
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from comments.models import Thread
from tests.browser.asking import meanwhile
from tests.browser.hosting import SECRET, token
from tests.browser.pen import events_of, press, said, stored_visible, text_of, write
from tests.browser.places import ELSEWHERE, both_places, make_talk, visitor
from tests.making import post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

GO = "number => { location.hash = `comment-${number}`; }"
KEPT = "Object.entries(localStorage).concat(Object.entries(sessionStorage))"


@pytest.fixture
def wide_talk(site: Site) -> Thread:
    """Returns a thread of a root with 55 replies, most of them in a hole, and another root."""
    thread = make_talk(site)
    post(thread, "Wide.", name="Ana")
    for number in range(2, 57):
        post(thread, f"Below 1: {number}.", name="Bo", to=1)
    post(thread, "Elsewhere.", name="Cy")
    return thread


# --- a deletion under way ----------------------------------------------------------------------


def delete_and_go(page: Page) -> None:
    """Writes a comment, deletes it, and goes to where it is not shown before that is done."""
    events_of(page)
    write(page, "Regretted.")
    press(page, "Post")
    own = page.locator("#comment-58")
    expect(own).to_be_focused()
    page.clock.install()
    own.locator("[data-do=delete]").click()
    page.evaluate(GO, 55)
    expect(page.locator("#comment-55")).to_be_focused()
    expect(own).to_have_count(0)


@both_places
def test_a_deletion_goes_on_where_its_comment_is_not_shown(
    wide_talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        delete_and_go(page)
        with page.expect_response("**/viewer/?*"):
            page.clock.fast_forward(11_000)
        expect(page.get_by_role("button", name="Undo")).to_have_count(0)
        page.wait_for_timeout(200)
        assert page.evaluate("window.told") == [["posted", 58], ["deleted", 58]]
    assert stored_visible() == 57


@both_places
def test_a_deletion_can_be_undone_from_where_its_comment_is_not_shown(
    wide_talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        delete_and_go(page)
        undo = page.get_by_role("button", name="Undo")
        expect(undo).to_be_visible()
        undo.click()
        expect(said(page)).to_have_text("Your comment is back.")
        expect(undo).to_have_count(0)
        expect(page.locator("section.thread")).to_be_focused()
        page.clock.fast_forward(11_000)
        page.evaluate(GO, 58)
        expect(page.locator("#comment-58 .text")).to_be_visible()
    assert stored_visible() == 58


# --- the focus ---------------------------------------------------------------------------------


@both_places
@pytest.mark.parametrize("choice", ["edit", "delete"])
def test_the_focus_stays_at_ones_comment_when_an_answer_ends_the_time_to_change_it(
    talk: Thread, live_server: LiveServer, chromium: str, place: str, choice: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "Mine.")
        press(page, "Post")
        own = page.locator("#comment-3")
        button = own.locator(f"[data-do={choice}]")
        expect(button).to_be_visible()
        button.focus()
        meanwhile(page, lambda: post(talk, "An answer.", name="Bo", to=3))
        expect(page.locator("#comment-4")).to_be_visible()
        expect(button).to_have_count(0)
        expect(own).to_be_focused()


# --- who one is --------------------------------------------------------------------------------


def test_who_is_forgotten_has_not_voted(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, ELSEWHERE) as visit:
        page = visit()
        write(page, "I may vote now.")
        press(page, "Post")
        up = page.get_by_role("button", name="Vote comment 1 up")
        with page.expect_response("**/vote/"):
            up.click()
        expect(up).to_have_attribute("aria-pressed", "true")
        press(page, "Forget me here")
        expect(said(page)).to_have_text("This browser no longer knows you.")
        expect(page.locator(".votes [aria-pressed=true]")).to_have_count(0)
        expect(page.locator("#comment-1 .votes")).to_contain_text("▲ 1")


def test_the_name_of_a_hosts_user_is_not_that_of_the_next_guest(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    how = {"jwt_algorithm": "HS256", "jwt_key": SECRET}
    with visitor(chromium, live_server, ELSEWHERE, **how) as visit:
        page = visit()
        sign_in = "token => { document.querySelector('comment-thread').token = token; }"
        page.evaluate(sign_in, token())
        expect(page.locator("#reply .writing-as")).to_contain_text("Hana")
        text_of(page).fill("Begun by Hana.")
        assert "Hana." in json.dumps(page.evaluate(KEPT))
        assert '"name":"Hana"' not in "".join(value for _, value in page.evaluate(KEPT))
        page.evaluate(sign_in, "")
        expect(page.locator("#reply .writing-as")).to_have_count(0)
        name = page.locator("#reply input[name=name]")
        expect(name).to_be_visible()
        expect(name).to_have_value("")
        page.reload()
        expect(name).to_have_value("")
