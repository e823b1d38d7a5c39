"""What happens while an answer of the server is awaited, in Chromium: nobody waits with typing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sites.models import Site
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from comments.models import Comment, Thread
from tests.browser.asking import asked_in_a_thread
from tests.browser.holding import first_of, hold, let_go
from tests.browser.pen import press, reply_to, said, stored, text_of, warned, write
from tests.browser.places import ELSEWHERE, OWN, both_places, make_talk, visitor
from tests.making import decide

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

POSTS = "**/api/v1/threads/talk/comments/"
ONE = re.compile(r"/api/v1/comments/\d+/$")
VIEWER = "**/api/v1/viewer/**"
HERE = "Your comment is here, as number 3."
DRAFTS = """() => Object.entries(localStorage)
  .filter(([name]) => name.startsWith("comment-thread:drafts:"))
  .map(([, kept]) => JSON.parse(kept).value.source)"""


def main(page: Page) -> Any:
    """Returns the button that sends."""
    return page.locator("#reply button.main")


# --- while a comment is sent -----------------------------------------------------------------


@both_places
def test_what_is_written_elsewhere_while_a_comment_is_sent_stays(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        held = hold(page, POSTS, "POST")
        write(page, "The first.")
        press(page, "Post")
        expect(main(page)).to_have_text("Sending…")
        reply_to(page, 2)
        page.keyboard.type("The second")
        expect(main(page)).to_have_text("Sending…")
        first_of(page, held).continue_()
        expect(page.locator("#comment-3")).to_contain_text("The first.")
        expect(said(page)).to_have_text(HERE)
        expect(page.locator("#reply .notice:visible")).to_have_text(HERE)
        expect(main(page)).to_have_text("Post")
        expect(text_of(page)).to_be_focused()
        page.keyboard.type(", too.")
        expect(page.locator("li[data-number='2'] > #reply textarea")).to_have_value(
            "The second, too."
        )
        assert page.evaluate(DRAFTS) == ["The second, too."]
        page.unroute(POSTS)
        press(page, "Post")
        expect(page.locator("#comment-4")).to_be_focused()
        expect(page.locator("li[data-number='4']")).to_have_attribute("data-parent", "2")
        expect(text_of(page)).to_have_value("")
        assert page.evaluate(DRAFTS) == []
    assert stored()[2:] == ["The first.", "The second, too."]


@both_places
def test_what_is_typed_on_while_a_comment_is_sent_is_the_next_one(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        held = hold(page, POSTS, "POST")
        reply_to(page, 2)
        write(page, "The first.")
        text_of(page).press("Tab")
        press(page, "Post")
        expect(main(page)).to_have_text("Sending…")
        text_of(page).focus()
        page.keyboard.press("End")
        page.keyboard.type("The next")
        first_of(page, held).continue_()
        expect(page.locator("#comment-3")).to_contain_text("The first.")
        expect(page.locator("#reply .notice:visible")).to_have_text(HERE)
        expect(text_of(page)).to_be_focused()
        expect(text_of(page)).to_have_value("The next")
        page.keyboard.type(" one.")
        assert page.evaluate(DRAFTS) == ["The next one."]
        page.unroute(POSTS)
        press(page, "Post")
        expect(page.locator("#comment-4")).to_contain_text("The next one.")
        expect(page.locator("li[data-number='4']")).to_have_attribute("data-parent", "2")
    assert stored()[2:] == ["The first.", "The next one."]


def test_of_what_is_typed_on_and_then_left_the_rest_comes_back(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        held = hold(page, POSTS, "POST")
        write(page, "The first.")
        press(page, "Post")
        text_of(page).press_sequentially(" The next.")
        reply_to(page, 2)
        first_of(page, held).continue_()
        expect(said(page)).to_have_text(HERE)
        expect(text_of(page)).to_have_value("")
        expect(text_of(page)).to_be_focused()
        page.unroute(POSTS)
        page.keyboard.press("Escape")
        expect(text_of(page)).to_have_value("The next.")
        press(page, "Post")
        expect(page.locator("#comment-4")).to_contain_text("The next.")
    assert stored()[2:] == ["The first.", "The next."]


def test_a_change_that_is_typed_on_while_it_is_sent_can_be_saved_again(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        write(page, "First.")
        press(page, "Post")
        own = page.locator("#comment-3")
        own.locator("[data-do=edit]").click()
        expect(text_of(page)).to_have_value("First.")
        text_of(page).fill("Second.")
        held = hold(page, ONE, "PATCH")
        press(page, "Save")
        text_of(page).press_sequentially(" Third.")
        first_of(page, held).continue_()
        expect(said(page)).to_have_text("Your comment has been changed.")
        expect(own.locator(".text")).to_have_text("Second.")
        expect(text_of(page)).to_be_focused()
        page.keyboard.type(" Fourth.")
        expect(text_of(page)).to_have_value("Second. Third. Fourth.")
        page.unroute(ONE)
        press(page, "Save")
        expect(own.locator(".text")).to_have_text("Second. Third. Fourth.")
        expect(own).to_be_focused()
    assert stored()[2:] == ["Second. Third. Fourth."]


@both_places
def test_what_could_not_be_sent_waits_where_it_was_written(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        held = hold(page, POSTS, "POST")
        reply_to(page, 1)
        write(page, "The first.")
        press(page, "Post")
        reply_to(page, 2)
        page.keyboard.type("The second.")
        first_of(page, held).abort()
        notice = page.locator("#reply .notice:visible")
        expect(notice).to_contain_text("That did not work. Nothing you wrote is lost.")
        expect(warned(page)).to_have_text("That did not work. Nothing you wrote is lost.")
        expect(text_of(page)).to_be_focused()
        expect(text_of(page)).to_have_value("The second.")
        page.unroute(POSTS)
        notice.get_by_role("button", name="Reply to #1").click()
        expect(page.locator("li[data-number='1'] > #reply textarea")).to_have_value("The first.")
        press(page, "Post")
        expect(page.locator("#comment-3")).to_contain_text("The first.")
        reply_to(page, 2)
        expect(text_of(page)).to_have_value("The second.")
    assert stored()[2:] == ["The first."]


@both_places
def test_what_is_pressed_is_said_at_once_however_late_it_is_known_who_writes(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "Known.")
        press(page, "Post")
        expect(page.locator("#comment-3")).to_be_focused()
        held = hold(page, VIEWER, "GET")
        page.reload()
        expect(page.locator("#reply .cancel")).to_be_attached()
        text_of(page).fill("Quick.")
        press(page, "Post")
        expect(main(page)).to_have_text("Sending…")
        expect(main(page)).to_have_attribute("aria-disabled", "true")
        expect(said(page)).to_have_text("Sending…")
        reply_to(page, 2)
        page.keyboard.type("Meanwhile.")
        let_go(page, held)
        expect(page.locator("#comment-4")).to_contain_text("Quick.")
        expect(page.locator("li[data-number='4']")).to_have_attribute("data-parent", "")
        expect(text_of(page)).to_have_value("Meanwhile.")
        expect(text_of(page)).to_be_focused()
    assert stored()[2:] == ["Known.", "Quick."]


# --- other answers that come late ------------------------------------------------------------


@both_places
def test_a_text_that_comes_late_to_be_changed_does_not_take_the_form(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "Mine.")
        press(page, "Post")
        edit = page.locator("#comment-3 [data-do=edit]")
        for begin in ("reply", "type"):
            held = hold(page, ONE, "GET")
            edit.click()
            if begin == "reply":
                reply_to(page, 2)
            else:
                text_of(page).press("End")
            page.keyboard.type("Mean")
            with page.expect_response(ONE):
                first_of(page, held).continue_()
            page.unroute(ONE)
            page.keyboard.type("while.")
            expect(text_of(page)).to_have_value("Meanwhile.")
            press(page, "Cancel") if begin == "reply" else text_of(page).fill("")
        edit.click()
        expect(text_of(page)).to_have_value("Mine.")


@both_places
def test_the_focus_goes_along_when_what_waits_is_published(
    site: Site, live_server: LiveServer, chromium: str, place: str
) -> None:
    make_talk(site, premoderation=True)

    def approve() -> None:
        waiting = Comment.objects.filter(number=None).earliest("pk")
        decide(comment_id=waiting.pk, action="approve", now=timezone.now())

    with visitor(chromium, live_server, place) as visit:
        page = visit()
        for text in ("I wait.", "I wait, too."):
            write(page, text)
            press(page, "Post")
            expect(page.locator(".unseen article:focus")).to_contain_text(text)
        waiting = page.locator(".unseen article").first
        waiting.focus()
        asked_in_a_thread(approve)
        show = "(number) => document.querySelector('comment-thread').view.insert(number)"
        page.evaluate(show, 1)
        expect(page.locator(".unseen article")).to_have_count(1)
        expect(page.locator("#comment-1")).to_be_focused()

        # What was published is not on this page yet.
        page.locator(".unseen article").focus()
        asked_in_a_thread(approve)
        page.evaluate("document.querySelector('comment-thread').view.refreshViewer()")
        expect(page.locator(".unseen")).to_have_count(0)
        expect(page.locator("#comment-1")).to_be_focused()


def test_of_a_reply_to_what_is_gone_and_of_what_was_begun_before_nothing_is_lost(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    second = Comment.objects.get(thread=talk, number=2)
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        write(page, "Begun before.")
        reply_to(page, 2)
        page.keyboard.type("The reply.")
        asked_in_a_thread(lambda: decide(comment_id=second.pk, action="reject", now=timezone.now()))
        press(page, "Post")
        expect(warned(page)).to_contain_text("The comment that you answer is not here any more.")
        expect(text_of(page)).to_have_value("Begun before.\n\nThe reply.")
        assert page.evaluate(DRAFTS) == ["Begun before.\n\nThe reply."]
        press(page, "Post")
        expect(page.locator("#comment-3")).to_contain_text("The reply.")
        assert page.evaluate(DRAFTS) == []


# --- refusals --------------------------------------------------------------------------------


def test_whose_session_has_ended_is_asked_for_a_name(
    talk: Thread, live_server: LiveServer, chromium: str, sessions: dict[str, str]
) -> None:
    cookie = {
        "name": settings.SESSION_COOKIE_NAME,
        "value": sessions["ida"],
        "url": live_server.url,
    }
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        for loaded in ("as a guest", "signed in"):
            page.context.add_cookies([cookie])  # type: ignore[list-item]
            page.reload()
            if loaded == "as a guest":
                page.evaluate("document.querySelector('comment-thread').view.refreshViewer()")
            expect(page.locator("#reply .writing-as")).to_contain_text("ida")
            page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
            text_of(page).fill(f"Loaded {loaded}.")
            press(page, "Post")
            name = page.locator("#reply input[name=name]")
            expect(name).to_be_focused()
            expect(name).to_have_accessible_description(re.compile("^A guest gives a name."))
            expect(page.locator("#reply .writing-as")).to_have_count(0)
            expect(text_of(page)).to_have_value(f"Loaded {loaded}.")
            name.fill("Cy")
            press(page, "Post")
            expect(page.get_by_text(f"Loaded {loaded}.")).to_be_visible()
            expect(text_of(page)).to_have_value("")
            page.context.clear_cookies()


def test_whose_token_is_refused_is_asked_who_he_is_and_posts_as_a_guest(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, ELSEWHERE) as visit:
        page = visit()
        write(page, "Known.")
        press(page, "Post")
        expect(page.get_by_text("This browser knows you as")).to_be_visible()
        page.evaluate(
            """() => {
              const [name] = Object.keys(localStorage).filter((each) => each.includes(":tokens:"));
              localStorage.setItem(name, JSON.stringify({ at: 1, value: "refused" }));
            }"""
        )
        text_of(page).fill("Not known.")
        press(page, "Post")
        name = page.locator("#reply input[name=name]")
        expect(name).to_be_focused()
        expect(name).to_have_accessible_description(re.compile("^You are not known here any more"))
        expect(page.get_by_text("This browser knows you as")).to_have_count(0)
        press(page, "Post")
        expect(page.locator("#comment-4")).to_contain_text("Not known.")
    assert stored()[2:] == ["Known.", "Not known."]


@both_places
def test_an_error_beside_a_field_goes_when_the_field_is_changed(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        press(page, "Post")
        name, text = page.locator("#reply input[name=name]"), text_of(page)
        expect(name).to_have_accessible_description(re.compile("^A name is needed."))
        expect(text).to_have_accessible_description(re.compile("^Write something first."))
        text.press_sequentially("H")
        expect(text).not_to_have_attribute("aria-invalid", "true")
        expect(text).to_have_accessible_description(re.compile("^Up to"))
        expect(page.locator("#reply .field-source.has-error")).to_have_count(0)
        expect(name).to_have_attribute("aria-invalid", "true")
        expect(page.locator("#reply .error")).to_have_count(1)
        name.press_sequentially("C")
        expect(page.locator("#reply :is(.error, .has-error, [aria-invalid])")).to_have_count(0)


def test_what_became_of_a_wish_goes_with_the_next_comment(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        write(page, "Hello.")
        press(page, "Post")
        expect(page.get_by_text("This browser knows you as")).to_be_visible()
        text_of(page).fill("Tell me.")
        page.get_by_role("radio", name="at once").check()
        press(page, "Post")
        notice = page.locator("#reply .notice:visible")
        expect(notice).to_have_text(
            "Your comment is here, as number 4. To tell you, we need an address."
        )
        asked_in_a_thread(lambda: Thread.objects.filter(pk=talk.pk).update(state="closed"))
        text_of(page).fill("And this.")
        press(page, "Post")
        expect(notice).to_have_count(1)
        expect(notice).to_contain_text("This thread is closed now.")
