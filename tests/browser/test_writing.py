"""Writing in Chromium, with scripts: on the blog's own page, and by the component elsewhere.

The browser is started after the database is filled; while it runs, questions to the database go
through a thread of their own.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.sites.models import Site
from playwright.sync_api import Route, expect
from pytest_django.live_server_helper import LiveServer

from comments.models import Thread
from tests.browser.asking import asked_in_a_thread
from tests.browser.holding import hold
from tests.browser.pen import (
    events_of,
    press,
    reply_to,
    said,
    stored,
    text_of,
    warned,
    write,
)
from tests.browser.places import OWN, both_places, make_talk, visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

POSTS = "**/api/v1/threads/talk/comments/"


@both_places
def test_a_reply_is_written_in_place_and_posted_without_leaving_the_page(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        events_of(page)
        reply_to(page, 2)
        expect(text_of(page)).to_be_focused()
        expect(page.locator("li[data-number='2'] > #reply h3")).to_have_text(
            "Reply to #2 by \u2068Bo\u2069"
        )
        write(page, "In between.")
        press(page, "Post")
        made = page.locator("#comment-3")
        expect(made).to_contain_text("In between.")
        expect(made).to_be_focused()
        expect(page.locator("li[data-number='3']")).to_have_attribute("data-parent", "2")
        expect(said(page)).to_have_text("Your comment is here, as number 3.")
        expect(page.locator("#reply h3")).to_have_text("Leave a comment")
        expect(text_of(page)).to_have_value("")
        expect(made.locator(".is-own")).to_have_text("you")
        assert page.evaluate("window.told") == [["posted", 3]]
        page.reload()
        expect(page.locator("#comment-3 [data-do=edit]")).to_be_visible()
    assert stored()[2:] == ["In between."]


@both_places
def test_cancel_and_escape_bring_the_form_and_the_focus_back(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "A root.")
        for leave in ("Cancel", "Escape"):
            reply_to(page, 1)
            expect(text_of(page)).to_have_value("")
            if leave == "Escape":
                page.keyboard.press(leave)
            else:
                press(page, leave)
            expect(page.locator("#comment-1 [data-do=reply]")).to_be_focused()
            expect(page.locator("section.thread > #reply h3")).to_have_text("Leave a comment")
            expect(text_of(page)).to_have_value("A root.")


@both_places
def test_a_double_click_posts_once_and_the_button_says_that_it_is_busy(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        held = hold(page, POSTS, "POST")
        write(page, "Only once.")
        main = page.locator("#reply button.main")
        with page.expect_request(lambda it: it.method == "POST"):
            main.click(click_count=2, force=True)
        expect(main).to_have_text("Sending…")
        expect(main).to_have_attribute("aria-disabled", "true")
        main.click(force=True)
        assert len(held) == 1
        held[0].continue_()
        expect(page.locator("#comment-3")).to_be_focused()
        expect(main).to_have_text("Post")
        assert len(held) == 1
    assert stored()[2:] == ["Only once."]


@both_places
@pytest.mark.parametrize("way", ["again", "reload"])
def test_an_answer_that_is_lost_and_a_retry_make_one_comment(
    talk: Thread, live_server: LiveServer, chromium: str, place: str, way: str
) -> None:
    lost: list[int] = []

    def lose_the_answer(route: Route) -> None:
        if route.request.method != "POST" or lost:
            route.continue_()
            return
        lost.append(route.fetch().status)
        route.abort("connectionreset")

    with visitor(chromium, live_server, place) as visit:
        page = visit()
        page.route(POSTS, lose_the_answer)
        reply_to(page, 2)
        write(page, "Sent, answer lost.")
        press(page, "Post")
        notice = page.locator("#reply .notice")
        expect(notice).to_contain_text("The connection was lost.")
        expect(warned(page)).to_contain_text("The connection was lost.")
        assert lost == [201]
        expect(text_of(page)).to_have_value("Sent, answer lost.")
        again = notice.get_by_role("button", name="Try again")
        expect(again).to_be_focused()
        if way == "reload":
            page.reload()
            reply_to(page, 2)
            expect(text_of(page)).to_have_value("Sent, answer lost.")
            press(page, "Post")
        else:
            again.click()
        expect(page.locator("#comment-3")).to_be_focused()
        expect(text_of(page)).to_have_value("")
        expect(page.locator("article.comment")).to_have_count(3)
    assert stored()[2:] == ["Sent, answer lost."]


@both_places
def test_a_request_that_never_arrived_is_sent_again(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "From a tunnel.")
        page.context.set_offline(True)
        press(page, "Post")
        expect(page.locator("#reply .notice")).to_contain_text("The connection was lost.")
        page.context.set_offline(False)
        press(page, "Try again")
        expect(page.locator("#comment-3")).to_contain_text("From a tunnel.")
    assert stored()[2:] == ["From a tunnel."]


def test_another_text_after_a_lost_answer_is_asked_about_and_then_posted_too(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort("connectionreset")

    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        page.route(POSTS, lose_the_answer, times=1)
        write(page, "One.")
        press(page, "Post")
        expect(page.locator("#reply .notice")).to_contain_text("The connection was lost.")
        text_of(page).fill("Two.")
        press(page, "Post")
        expect(page.locator("#reply .notice")).to_contain_text("Another text was sent from here")
        press(page, "Post")
        expect(page.locator("#comment-4")).to_contain_text("Two.")
    assert stored()[2:] == ["One.", "Two."]


@both_places
def test_a_comment_that_waits_is_shown_to_its_author_alone_with_the_reason(
    site: Site, live_server: LiveServer, chromium: str, place: str
) -> None:
    make_talk(site, premoderation=True)
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        events_of(page)
        write(page, "I *wait*.")
        page.get_by_role("radio", name="Markdown").check()
        press(page, "Post")
        waiting = page.locator(".unseen article")
        expect(waiting).to_be_focused()
        expect(waiting.locator(".why")).to_contain_text("moderator")
        expect(waiting.locator("em")).to_have_text("wait")
        expect(said(page)).to_have_text("Your comment waits for a moderator. Only you see it.")
        expect(text_of(page)).to_have_value("")
        assert page.evaluate("window.told") == [["held", None]]
        page.reload()
        expect(page.locator(".unseen article")).to_have_count(1)
        expect(page.locator(".unseen article .why")).to_contain_text("moderator")

        page.locator(".unseen [data-do=edit]").click()
        expect(page.locator("#reply h3")).to_have_text("Change your comment")
        expect(page.get_by_role("radio", name="Markdown")).to_be_checked()
        text_of(page).fill("I still wait.")
        press(page, "Save")
        expect(page.locator(".unseen article")).to_contain_text("I still wait.")
        page.locator(".unseen [data-do=delete]").click()
        page.get_by_role("button", name="Undo").click()
        expect(page.locator(".unseen [data-do=delete]")).to_be_focused()
        other = visit()
        expect(other.locator("#reply")).to_be_visible()
        expect(other.locator(".unseen")).to_have_count(0)


@both_places
def test_errors_stand_beside_their_fields_and_the_focus_goes_to_the_first(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        press(page, "Post")
        name, text = page.locator("#reply input[name=name]"), text_of(page)
        expect(name).to_be_focused()
        expect(name).to_have_attribute("aria-invalid", "true")
        expect(name).to_have_accessible_description(
            "A name is needed. Once you have written here, you may vote, too."
        )
        expect(text).to_have_accessible_description(re.compile("^Write something first. Up to"))

        write(page, "Hello.")
        email = page.locator("#reply input[name=email]")
        email.fill("nobody")
        press(page, "Post")
        expect(email).to_be_focused()
        expect(email).to_have_attribute("aria-invalid", "true")
        expect(page.locator("#reply .error")).to_have_count(1)
        expect(name).not_to_have_attribute("aria-invalid", "true")
        expect(text).to_have_accessible_description(re.compile("^Up to"))
        email.fill("")
        press(page, "Post")
        expect(page.locator("#comment-3")).to_be_focused()


@both_places
def test_a_limit_is_counted_down_at_the_form_and_the_text_stays(
    talk: Thread, live_server: LiveServer, chromium: str, settings: Any, place: str
) -> None:
    limits = {**settings.REJOINDER["RATE_LIMITS"], "RATE_LIMIT_POST_ADDRESS": "1/10m"}
    settings.REJOINDER = {**settings.REJOINDER, "RATE_LIMITS": limits}
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "One.")
        press(page, "Post")
        expect(page.locator("#comment-3")).to_be_focused()
        page.clock.install()
        write(page, "Two.")
        press(page, "Post")
        notice, main = page.locator("#reply .notice"), page.locator("#reply button.main")
        expect(notice).to_contain_text(re.compile(r"You can post again in 1?\d:\d\d"))
        expect(main).to_have_attribute("aria-disabled", "true")
        before = notice.inner_text()
        page.clock.run_for(2000)
        expect(notice).not_to_have_text(before)
        expect(text_of(page)).to_have_value("Two.")
        page.clock.fast_forward(1_300_000)
        expect(main).to_have_attribute("aria-disabled", "false")
        expect(notice).to_be_hidden()


def test_a_thread_that_closes_meanwhile_keeps_the_text(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    def close() -> None:
        Thread.objects.filter(pk=talk.pk).update(state="closed")

    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        write(page, "Too late.")
        asked_in_a_thread(close)
        press(page, "Post")
        expect(page.locator("#reply .notice")).to_contain_text("This thread is closed now.")
        expect(text_of(page)).to_have_value("Too late.")


def test_what_scripts_fail_at_is_posted_by_the_page(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        page.evaluate(
            """() => {
              window.reportError = () => {};
              crypto.getRandomValues = () => { throw new Error("nothing is sent"); };
            }"""
        )
        reply_to(page, 2)
        write(page, "By the form.")
        with page.expect_navigation():
            press(page, "Post")
        expect(page.locator("li[data-number='3']")).to_have_attribute("data-parent", "2")
        expect(page.locator("#comment-3")).to_contain_text("By the form.")
        expect(text_of(page)).to_have_value("")


def test_what_was_answered_by_no_api_is_sent_again_by_hand_and_not_by_the_page(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        left: list[str] = []
        page.on("framenavigated", lambda frame: left.append(frame.url))

        def stored_and_garbled(route: Route) -> None:
            if route.request.method == "POST":
                route.fetch()
                route.fulfill(status=201, body="<no json", content_type="text/html")
            else:
                route.continue_()

        page.route(POSTS, stored_and_garbled)
        write(page, "Only once.")
        press(page, "Post")
        expect(warned(page)).to_have_text("The connection was lost. Nothing you wrote is lost.")
        page.unroute(POSTS)
        page.locator("#reply").get_by_role("button", name="Try again").click()
        expect(page.locator("#comment-3")).to_contain_text("Only once.")
        assert left == []
    assert stored()[2:] == ["Only once."]


@both_places
def test_the_keyboard_alone_writes_answers_and_leaves(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        page.locator("#comment-2 .number").focus()
        page.keyboard.press("r")
        expect(text_of(page)).to_be_focused()
        page.keyboard.type("Typed.")
        page.keyboard.press("Escape")
        expect(page.locator("#comment-2 [data-do=reply]")).to_be_focused()
        page.keyboard.press("Enter")
        expect(text_of(page)).to_have_value("Typed.")
        page.locator("#reply input[name=name]").fill("Cy")
        page.locator("#reply button.main").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#comment-3")).to_be_focused()
        for name in ("edit", "delete"):
            box = page.locator(f"#comment-3 [data-do={name}]").bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= 24


@both_places
def test_who_wants_to_hear_of_replies_gives_an_address_and_reads_what_became_of_it(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "Tell me.")
        page.get_by_role("radio", name="at once").check()
        press(page, "Post")
        email = page.locator("#reply input[name=email]")
        expect(email).to_be_focused()
        expect(email).to_have_accessible_description(
            re.compile("^To tell you, we need an address.")
        )
        assert len(stored()) == 2
        email.fill("cy@example.org")
        press(page, "Post")
        expect(page.locator("#comment-3")).to_be_focused()
        expect(page.locator("#reply .notice:visible")).to_contain_text("a mail is on its way")
        expect(said(page)).to_have_text(
            re.compile("^Your comment is here, as number 3. .*a mail is on its way")
        )
        reply_to(page, 1)
        expect(page.locator("#reply .notice:visible")).to_have_count(0)


@both_places
def test_a_known_guest_without_an_address_reads_that_one_is_needed(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "Hello.")
        press(page, "Post")
        expect(page.get_by_text("This browser knows you as")).to_be_visible()
        text_of(page).fill("Tell me.")
        page.get_by_role("radio", name="at once").check()
        press(page, "Post")
        expect(page.locator("#comment-4")).to_be_focused()
        expect(page.locator("#reply .notice:visible")).to_have_text(
            "Your comment is here, as number 4. To tell you, we need an address."
        )


@both_places
def test_a_frame_stands_around_a_comment_only_for_who_uses_the_keyboard(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    look = """it => {
      const { outlineStyle, outlineOffset, animationName } = getComputedStyle(it);
      return [outlineStyle, outlineOffset, animationName];
    }"""
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "By mouse.")
        press(page, "Post")
        own = page.locator("#comment-3")
        expect(own).to_be_focused()
        outline, _, animation = own.evaluate(look)
        assert (outline, animation) == ("none", "comment-shown")
        page.keyboard.press("k")
        before = page.locator("#comment-2")
        expect(before).to_be_focused()
        assert before.evaluate(look) == ["solid", "-2px", "none"]
