"""What goes wrong with sending, in Chromium, and what its writer does meanwhile: it is said, and
neither the focus nor the page is taken away from him."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from comments.models import Comment, Thread
from tests.browser.asking import asked_in_a_thread
from tests.browser.holding import first_of, hold
from tests.browser.pen import press, stored, text_of, warned, write
from tests.browser.places import OWN, both_places, visitor
from tests.making import make_moderator

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

POSTS = "**/api/v1/threads/talk/comments/"
LOST = "The connection was lost. Nothing you wrote is lost."
LOW = {"width": 800, "height": 400}


def type_on(page: Page, text: str) -> None:
    """Goes back to the text, and types at its end."""
    text_of(page).focus()
    page.keyboard.press("End")
    page.keyboard.type(text)


# --- the focus, and where the page stands ----------------------------------------------------


@both_places
@pytest.mark.parametrize("end", ["abort", "refuse"])
def test_who_types_on_goes_on_typing_when_sending_fails(
    talk: Thread, live_server: LiveServer, chromium: str, place: str, end: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        held = hold(page, POSTS, "POST")
        write(page, "I do not")
        press(page, "Post")
        type_on(page, " agree ")
        route = first_of(page, held)
        if end == "abort":
            route.abort()
        else:
            route.fulfill(status=503)
        expect(warned(page)).to_have_text(LOST)
        expect(page.locator("#reply .notice")).to_contain_text(LOST)
        expect(text_of(page)).to_be_focused()
        page.keyboard.type("with Ana")
        expect(text_of(page)).to_have_value("I do not agree with Ana")
        assert held == []
        page.unroute(POSTS)
        press(page, "Try again")
        expect(page.locator("#comment-3")).to_contain_text("I do not agree with Ana")
        expect(page.locator("#comment-3")).to_be_focused()
    assert stored()[2:] == ["I do not agree with Ana"]


@both_places
def test_who_types_on_goes_on_typing_when_a_field_is_refused(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        held = hold(page, POSTS, "POST")
        write(page, "I do not")
        email = page.locator("#reply input[name=email]")
        email.fill("nobody")
        press(page, "Post")
        type_on(page, " agree ")
        first_of(page, held).continue_()
        expect(email).to_have_attribute("aria-invalid", "true")
        expect(text_of(page)).to_be_focused()
        page.keyboard.type("with Ana")
        expect(text_of(page)).to_have_value("I do not agree with Ana")
        # It is said to who sees neither field.
        expect(warned(page)).to_have_text(re.compile("address"))


@both_places
@pytest.mark.parametrize("end", ["fails", "succeeds"])
def test_who_reads_elsewhere_stays_there_when_sending_ends(
    talk: Thread, live_server: LiveServer, chromium: str, place: str, end: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit(viewport=LOW)
        held = hold(page, POSTS, "POST")
        write(page, "Sent.")
        press(page, "Post")
        page.keyboard.press("j")
        page.keyboard.press("k")
        expect(page.locator("#comment-1")).to_be_focused()
        before = page.locator("#comment-1").bounding_box()
        notice = page.locator("#reply .notice:visible")
        route = first_of(page, held)
        if end == "fails":
            route.abort()
            expect(notice).to_contain_text(LOST)
        else:
            route.continue_()
            expect(notice).to_have_text("Your comment is here, as number 3.")
        expect(page.locator("#comment-1")).to_be_focused()
        assert page.locator("#comment-1").bounding_box() == before


# --- who signs in meanwhile ------------------------------------------------------------------


def sign_in(profile: BrowserContext, live_server: LiveServer) -> None:
    """Signs in as a moderator, in another tab."""
    tab = profile.new_page()
    tab.goto(f"{live_server.url}/admin/login/?next=/admin/")
    tab.locator("input[name=username]").fill("ida")
    tab.locator("input[name=password]").fill("a-password-for-tests")
    tab.locator("input[name=password]").press("Enter")
    expect(tab.locator("#logout-form")).to_be_attached()
    tab.close()


def sign_out(profile: BrowserContext, live_server: LiveServer) -> None:
    """Signs out, in another tab."""
    tab = profile.new_page()
    tab.goto(f"{live_server.url}/admin/")
    tab.locator("#logout-form button").click()
    expect(tab.locator("#logout-form")).to_have_count(0)
    tab.close()


def test_who_signs_in_while_writing_reads_under_which_name_he_writes_and_posts(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    asked_in_a_thread(lambda: make_moderator("ida"))
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        write(page, "Begun as a guest.")
        sign_in(page.context, live_server)
        press(page, "Post")
        # Nobody is named publicly by a name that he has not seen.
        expect(page.locator("#reply .notice")).to_have_text("You write as \u2068ida\u2069.")
        expect(page.locator("#reply input[name=name]")).to_be_hidden()
        expect(text_of(page)).to_have_value("Begun as a guest.")
        assert len(stored()) == 2
        press(page, "Post")
        expect(page.locator("#comment-3 h3")).to_contain_text("ida")
        expect(page.locator("#comment-3")).to_be_focused()
    assert stored()[2:] == ["Begun as a guest."]


def test_who_signs_out_and_in_again_votes_and_posts_without_a_word(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    asked_in_a_thread(lambda: make_moderator("ida"))
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        sign_in(page.context, live_server)
        page.reload()
        expect(page.locator("#reply .writing-as")).to_contain_text("ida")
        text_of(page).fill("Still ida.")
        sign_out(page.context, live_server)
        sign_in(page.context, live_server)
        up = page.get_by_role("button", name="Vote comment 1 up")
        with page.expect_response(lambda it: it.url.endswith("/vote/") and it.ok):
            up.click()
        sign_out(page.context, live_server)
        sign_in(page.context, live_server)
        press(page, "Post")
        expect(page.locator("#comment-3")).to_be_focused()
        expect(page.locator("#comment-3 h3")).to_contain_text("ida")
        expect(warned(page)).to_be_empty()
        expect(page.locator(".comment .error")).to_have_count(0)
    made = asked_in_a_thread(lambda: Comment.objects.get(number=3).source)
    assert made == "Still ida."
