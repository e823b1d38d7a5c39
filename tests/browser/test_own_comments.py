"""What one has written, in Chromium: changed, deleted and taken back, voted on, and by whom."""

from __future__ import annotations

import re
from datetime import datetime
from threading import Event
from time import time
from typing import Any

import jwt
import pytest
from django.conf import settings as site_settings
from django.contrib.sites.models import Site
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from comments.actions.changing import delete_comment
from comments.language import moment_writer, speaking
from comments.models import Comment, Thread, Vote
from tests.browser.asking import asked_in_a_thread
from tests.browser.pen import (
    events_of,
    press,
    said,
    stored,
    stored_visible,
    text_of,
    write,
)
from tests.browser.places import ELSEWHERE, OWN, both_places, make_talk, visitor
from tests.making import NOW, decide, make_moderator, post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MAY_VOTE = "Once you have written here, you may vote, too."


@both_places
def test_what_one_writes_is_mentioned_where_it_leads(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "I agree with #2.")
        press(page, "Post")
        expect(page.locator("#comment-2 .backlinks")).to_have_text("Mentioned in #3")
        page.locator("#comment-3 [data-do=edit]").click()
        expect(text_of(page)).to_have_value("I agree with #2.")
        text_of(page).fill("I agree with #1.")
        press(page, "Save")
        expect(page.locator("#comment-1 .backlinks")).to_have_text("Mentioned in #3")
        expect(page.locator("#comment-2 .backlinks")).to_have_count(0)


@both_places
def test_who_has_written_is_told_no_more_that_writers_may_vote(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        name = page.locator("#reply").get_by_role("textbox", name="Name")
        expect(name).to_have_accessible_description(MAY_VOTE)
        write(page, "Now I may.")
        press(page, "Post")
        expect(page.locator("#comment-2 .votes button")).to_have_count(2)
        expect(page.get_by_text(MAY_VOTE)).to_have_count(0)
        expect(name).to_have_accessible_description("")
        page.get_by_role("button", name="Forget me here").click()
        expect(page.get_by_text(MAY_VOTE)).to_be_visible()


@pytest.mark.parametrize("lang", ["en", "de", "he", "ru"])
def test_the_time_of_what_waits_is_written_as_every_other(
    site: Site, live_server: LiveServer, chromium: str, lang: str
) -> None:
    thread = make_talk(site, premoderation=True)
    decide(comment_id=post(thread, "First.").comment.pk, action="approve", now=NOW)

    def words_of(at: datetime) -> str:
        with speaking(lang):
            return moment_writer()(at)

    with visitor(chromium, live_server, ELSEWHERE, lang=lang) as visit:
        page = visit()
        page.locator("#reply input[name=name]").fill("Dan")
        text_of(page).fill("Waits.")
        page.locator("#reply button.main").click()
        held = page.locator(".unseen time")
        expect(held).to_be_visible()
        relative, title, at = held.evaluate("it => [it.textContent, it.title, it.dateTime]")
        exact = words_of(datetime.fromisoformat(at))
        assert title == exact
        assert relative != exact
        page.locator(".tools button").first.click()
        expect(held).to_have_text(exact)
        expect(page.locator("#comment-1 time")).to_have_text(words_of(NOW))


@both_places
def test_a_comment_is_changed_in_place_within_its_time(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "First *words*.")
        page.get_by_role("radio", name="Markdown").check()
        press(page, "Post")
        own = page.locator("#comment-3")
        edit = own.locator("[data-do=edit]")
        expect(edit).to_have_text("Edit · 15 minutes")
        expect(edit).to_have_accessible_name("Edit")
        page.reload()
        events_of(page)
        text_of(page).fill("A draft of mine.")
        edit.click()
        expect(page.locator("#reply h3")).to_have_text("Change your comment")
        expect(text_of(page)).to_be_focused()
        expect(text_of(page)).to_have_value("First *words*.")
        expect(page.locator("#reply .who")).to_be_hidden()
        expect(page.get_by_role("radio", name="Markdown")).to_be_checked()
        text_of(page).fill("Second **words**.")
        press(page, "Save")
        expect(own.locator("strong")).to_have_text("words")
        expect(own).to_be_focused()
        expect(own).to_contain_text("edited")
        expect(said(page)).to_have_text("Your comment has been changed.")
        expect(text_of(page)).to_have_value("A draft of mine.")
        assert page.evaluate("window.told") == [["edited", 3]]


def test_a_change_of_what_has_changed_meanwhile_shows_what_stands_and_keeps_the_text(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        write(page, "First.")
        press(page, "Post")
        expect(page.locator("#comment-3")).to_be_focused()
        other = visit(by=page.context)
        for tab in (page, other):
            tab.locator("#comment-3 [data-do=edit]").click()
            expect(text_of(tab)).to_have_value("First.")
        text_of(other).fill("Of the other tab.")
        press(other, "Save")
        expect(other.locator("#comment-3")).to_contain_text("Of the other tab.")
        text_of(page).fill("Of this tab.")
        press(page, "Save")
        notice = page.locator("#reply .notice")
        expect(notice).to_contain_text("This comment has changed meanwhile.")
        expect(notice.locator(".text")).to_have_text("Of the other tab.")
        expect(text_of(page)).to_have_value("Of this tab.")
        press(page, "Save")
        expect(page.locator("#comment-3")).to_contain_text("Of this tab.")
    assert stored()[2:] == ["Of this tab."]


@both_places
def test_when_the_time_is_over_the_buttons_go_and_the_text_can_be_copied(
    talk: Thread, live_server: LiveServer, chromium: str, settings: Any, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "First.")
        press(page, "Post")
        edit = page.locator("#comment-3 [data-do=edit]")
        expect(edit).to_be_visible()
        page.clock.install()
        page.reload()
        edit.click()
        expect(page.locator("#reply h3")).to_have_text("Change your comment")
        text_of(page).fill("Nearly done.")
        page.clock.fast_forward(14 * 60_000 + 20_000)
        expect(edit).to_have_text(re.compile(r"0:[0-4]\d$"))
        settings.REJOINDER = {**settings.REJOINDER, "EDIT_WINDOW_SECONDS": 0}
        page.clock.fast_forward(60_000)
        expect(page.locator("#reply .notice")).to_contain_text("cannot be changed any more")
        expect(page.locator("#reply button.main")).to_be_hidden()
        expect(text_of(page)).to_have_value("Nearly done.")
        assert text_of(page).get_attribute("readonly") is not None
        expect(edit).to_have_count(0)
        expect(page.locator("#comment-3 [data-do=delete]")).to_have_count(0)
        press(page, "Cancel")
        expect(page.locator("#reply button.main")).to_be_visible()


@both_places
def test_a_delete_can_be_undone_for_ten_seconds(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        events_of(page)
        write(page, "Regretted.")
        press(page, "Post")
        own = page.locator("#comment-3")
        expect(own).to_be_focused()
        page.clock.install()
        delete = own.locator("[data-do=delete]")
        delete.click()
        undo = own.get_by_role("button", name="Undo")
        expect(undo).to_be_focused()
        expect(undo).to_have_accessible_name("Undo")
        expect(undo).to_have_text("Undo (10)")
        expect(own.locator(".text")).to_be_hidden()
        expect(said(page)).to_have_text("Deleted. You can undo it for 10 seconds.")
        page.clock.fast_forward(3000)
        expect(undo).to_have_text(re.compile(r"Undo \([67]\)"))
        undo.click()
        expect(delete).to_be_focused()
        expect(own.locator(".text")).to_be_visible()
        page.clock.fast_forward(20_000)
        assert stored_visible() == 3

        answers: list[int] = []
        page.on("response", lambda answer: answers.append(answer.status))
        delete.click()
        page.clock.fast_forward(11_000)
        expect(own).to_have_count(0)
        expect(page.locator("#comment-2")).to_be_focused()
        expect(page.get_by_role("heading", name="2 comments")).to_be_visible()
        page.wait_for_function("window.told.length === 2")
        assert page.evaluate("window.told") == [["posted", 3], ["deleted", 3]]
        assert 404 not in answers
    assert stored_visible() == 2


@both_places
def test_leaving_the_page_deletes_at_once(
    talk: Thread,
    live_server: LiveServer,
    chromium: str,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deleted = Event()

    def delete(**values: Any) -> Comment:
        comment = delete_comment(**values)
        deleted.set()
        return comment

    monkeypatch.setattr("comments.api.writing.delete_comment", delete)
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "Regretted.")
        press(page, "Post")
        expect(page.locator("#comment-3")).to_be_focused()
        page.locator("#comment-3 [data-do=delete]").click()
        assert not deleted.is_set()
        page.goto("about:blank")
        assert deleted.wait(20)
    assert stored_visible() == 2


def test_a_delete_that_fails_brings_the_comment_back_with_a_sentence(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        write(page, "Answered meanwhile.")
        press(page, "Post")
        own = page.locator("#comment-3")
        expect(own).to_be_focused()
        page.clock.install()
        own.locator("[data-do=delete]").click()
        asked_in_a_thread(lambda: post(talk, "Quick.", name="Bo", to=3))
        page.clock.fast_forward(11_000)
        expect(own.locator(".error")).to_contain_text("Somebody has replied")
        expect(own.locator(".text")).to_be_visible()
        expect(own.locator("[data-do=delete]")).to_be_focused()


@both_places
def test_votes_count_in_place_and_only_for_those_who_may(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        expect(page.locator(".votes button")).to_have_count(0)
        write(page, "I may vote now.")
        press(page, "Post")
        up = page.get_by_role("button", name="Vote comment 1 up")
        down = page.get_by_role("button", name="Vote comment 1 down")
        up.click()
        expect(up).to_have_attribute("aria-pressed", "true")
        expect(up).to_contain_text("▲ 1")
        with page.expect_response(
            lambda it: it.url.endswith("/vote/") and '"value":-1' in (it.request.post_data or "")
        ):
            down.click()
        expect(up).to_contain_text("▲ 0")
        expect(down).to_contain_text("▼ 1")
        expect(down).to_have_attribute("aria-pressed", "true")
        page.reload()
        expect(down).to_have_attribute("aria-pressed", "true")
        down.click()
        expect(down).to_have_attribute("aria-pressed", "false")
        expect(page.locator("#comment-3 .votes button")).to_have_count(0)

        page.route("**/vote/", lambda route: route.abort())
        up.click()
        expect(page.locator("#comment-1 .error")).to_contain_text("The connection was lost.")
        expect(up).to_have_attribute("aria-pressed", "false")
        expect(up).to_contain_text("▲ 0")
    assert asked_in_a_thread(Vote.objects.count) == 0


@both_places
def test_a_guest_is_known_again_and_can_be_forgotten(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "Hello.")
        press(page, "Post")
        known = page.get_by_text("This browser knows you as")
        expect(known).to_contain_text("Cy")
        page.reload()
        expect(known).to_contain_text("Cy")
        expect(page.locator("#reply input[name=name]")).to_have_value("Cy")
        press(page, "Forget me here")
        expect(known).to_have_count(0)
        expect(page.locator("#comment-3 [data-do=edit]")).to_have_count(0)
        page.reload()
        expect(page.locator("#comment-3")).to_be_visible()
        expect(known).to_have_count(0)
        if place == ELSEWHERE:
            expect(page.locator("#reply input[name=name]")).to_have_value("")


def test_who_is_signed_in_by_the_host_is_said_and_asked_for_no_name(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    secret = "a-secret-of-the-host-that-is-long-enough"
    now = int(time())
    claims = {"sub": "7", "name": "Dora of the host", "exp": now + 600, "jti": "one", "iat": now}
    token = jwt.encode(claims, secret, algorithm="HS256")
    with visitor(
        chromium,
        live_server,
        ELSEWHERE,
        attributes=f'token="{token}"',
        jwt_algorithm="HS256",
        jwt_key=secret,
    ) as visit:
        page = visit()
        expect(page.locator("#reply .writing-as")).to_have_text(
            "You write as \u2068Dora of the host\u2069."
        )
        expect(page.locator("#reply input[name=name]")).to_be_hidden()
        text_of(page).fill("From the host.")
        press(page, "Post")
        expect(page.locator("#comment-3 h3")).to_contain_text("Dora of the host")


def test_a_reader_who_is_signed_in_here_writes_under_his_name(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    client = Client()
    client.force_login(make_moderator("ida"))
    cookie = {
        "name": site_settings.SESSION_COOKIE_NAME,
        "value": client.cookies[site_settings.SESSION_COOKIE_NAME].value,
        "url": live_server.url,
    }
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        page.context.add_cookies([cookie])  # type: ignore[list-item]
        page.reload()
        expect(page.locator("#reply .writing-as")).to_contain_text("ida")
        text_of(page).fill("Signed in.")
        press(page, "Post")
        own = page.locator("#comment-3")
        expect(own).to_be_focused()
        expect(own.locator("[data-do=edit]")).to_have_text(re.compile("^Edit"))
        expect(own.locator(".left")).to_have_count(0)


@both_places
def test_what_happens_to_ones_comments_meanwhile_is_taken_over(
    site: Site, live_server: LiveServer, chromium: str, place: str
) -> None:
    thread = make_talk(site, premoderation=True)

    def approve() -> None:
        waiting = Comment.objects.get(number=None)
        decide(comment_id=waiting.pk, action="approve", now=timezone.now())

    def answer() -> None:
        answered = post(thread, "An answer.", name="Bo", to=1)
        decide(comment_id=answered.comment.pk, action="approve", now=timezone.now())

    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "I wait.")
        press(page, "Post")
        expect(page.locator(".unseen article")).to_be_focused()
        asked_in_a_thread(approve)
        news = "(number) => document.querySelector('comment-thread').view.insert(number)"
        page.evaluate(f"({news})(1)")
        own = page.locator("#comment-1")
        expect(own.locator("[data-do=edit]")).to_be_visible()
        expect(page.locator(".unseen")).to_have_count(0)
        asked_in_a_thread(answer)
        page.evaluate(f"({news})(2)")
        expect(own.locator("[data-do=edit]")).to_have_count(0)
        expect(own.locator("[data-do=delete]")).to_have_count(0)
        expect(page.locator("#comment-2")).to_contain_text("An answer.")
