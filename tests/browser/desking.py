"""What the tests of the desk in Chromium share: a browser signed in, and what waits there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from comments.actions.changing import edit_comment
from comments.actions.flagging import Reader, flag_comment
from comments.actions.logbook import Actor
from comments.actions.moderating import Reasons
from comments.actions.moderating import decide as decide_as
from comments.actions.ruling import create_rule
from comments.models import (
    ActorKind,
    Comment,
    FlagReason,
)
from tests.browser.browsers import DESK, browser_of, new_page
from tests.making import SOMEBODY, author_of, make_thread, post

QUEUE = "/admin/moderation/"
PHONE = {"width": 390, "height": 844}

Opener = Callable[..., Page]


@contextmanager
def opener(path: str, server: LiveServer, sessions: dict[str, str]) -> Iterator[Opener]:
    """Gives a function that opens an address as a moderator, in a profile of its own.

    What a page complains about in its console or violates of its policy fails the test when it
    ends. That a decision is refused is an answer of 409, which Chromium logs too: no complaint.
    """
    complaints: list[str] = []

    with browser_of(path) as browser:

        def open_(address: str = QUEUE, *, as_: str = "ida", **options: Any) -> Page:
            context: BrowserContext = browser.new_context(**{"viewport": DESK, **options})
            name = settings.SESSION_COOKIE_NAME
            context.add_cookies([{"name": name, "value": sessions[as_], "url": server.url}])
            page = new_page(context, complaints)
            page.goto(f"{server.url}{address}")
            return page

        yield open_
    assert complaints == []


def held(count: int) -> list[Comment]:
    thread = make_thread("held", premoderation=True, title="On bread")
    return [
        post(thread, f"Waiting text {n}.", name=f"Guest {n}", now=timezone.now()).comment
        for n in range(1, count + 1)
    ]


def reported() -> Comment:
    """Returns a comment that can be read, was answered, and waits because a reader reported it."""
    thread = make_thread("open", title="On soup")
    loud = post(thread, "Loud words about soup.", name="Eve").comment
    reader = post(thread, "A calm answer.", name="Rea", to=1).participant
    flag_comment(
        comment_id=loud.pk,
        reader=Reader(reader, "10.0.0.1"),
        reason=FlagReason.ABUSE,
        note="",
        now=timezone.now(),
    )
    return loud


def card(page: Page, comment: Comment) -> Any:
    return page.locator(f"#comment-{comment.pk}")


def states(comments: list[Comment]) -> list[str]:
    """Returns the statuses as they are stored; asked for after the browser has gone."""
    found = dict(Comment.objects.values_list("pk", "status"))
    return [found[comment.pk] for comment in comments]


def full_desk() -> list[Comment]:
    """Returns comments that wait for many reasons: reported, edited, caught by rules, long."""
    now = timezone.now()
    for key, title, kind, params, mode in (
        ("pills", "Pills", "words", {"phrases": ["cheap pills"]}, "live"),
        ("many-links", "Many links", "links", {"most": 1}, "shadow"),
    ):
        fields = {"title": title, "kind": kind, "params": params, "mode": mode, "effect": "hold"}
        create_rule(
            site_id=1, key=key, fields={**fields, "on_error": "pass"}, actor=SOMEBODY, now=now
        )
    loud = reported()
    thread = make_thread("more", title="Why bread should rise twice, and what the miller said")
    post(thread, "Bread rises once, and that is enough for anybody.", name="Bo Baker", now=now)
    post(thread, "I had mine rise three times.", name="Cid", to=1, now=now)
    pills = post(
        thread,
        "Cheap pills for better bread: https://one.example/ and https://two.example/"
        "a-very-long-address-that-does-not-break-anywhere-at-all-and-goes-on-and-on-and-on",
        name="Pia",
        to=1,
        now=now,
    )
    edited = post(thread, "The miller is a fool, and cheap pills help.", name="Ed", to=1, now=now)
    edit_comment(
        comment_id=edited.comment.pk,
        editor=author_of(edited),
        source="The miller is mistaken, and no cheap pills help.",
        format=None,
        version=edited.comment.version,
        now=now,
    )
    earlier = post(thread, "Nonsense, all of it.", by=edited.participant, now=now).comment
    bo = Actor(ActorKind.MODERATOR, User.objects.get(username="bo").pk)
    decide_as(
        comment_id=earlier.pk,
        action="reject",
        actor=bo,
        now=now,
        reasons=Reasons("insult", "Please say what is wrong with it.", "second time"),
    )
    shut = make_thread("shut", premoderation=True, title="On salt")
    calm = post(shut, "A pinch is enough.", name="Sal", now=now).comment
    decided = [post(thread, f"Cheap pills, {n}.", name=f"P{n}", now=now) for n in range(4)]
    for made in decided[:3]:
        decide_as(comment_id=made.comment.pk, action="spam", actor=bo, now=now)
    return [loud, pills.comment, edited.comment, calm, decided[3].comment]
