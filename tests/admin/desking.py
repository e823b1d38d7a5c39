"""What the tests of the desk share: a moderator at it, what waits there, and its forms."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from comments.actions.logbook import Actor
from comments.actions.moderating import decide
from comments.models import ActorKind, Comment, ScreeningRule
from tests.making import NOW, make_thread, post

QUEUE = "/admin/moderation/"
FRAGMENT = {"X-Desk-Fragment": "1"}
PAGES = ["", "decisions/", "dashboard/"]


def actor(user: User) -> Actor:
    return Actor(ActorKind.MODERATOR, user.pk)


def held(count: int = 1, *, key: str = "held") -> list[Comment]:
    thread = make_thread(key, premoderation=True)
    return [post(thread, name=f"Guest {n}").comment for n in range(count)]


def text_of(answer: Any) -> str:
    """Returns what a page says, without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.content.decode())).split())


def send(client: Client, about: Comment, doing: str, **more: Any) -> Any:
    headers = more.pop("headers", {})
    given = {"comment": about.pk, "version": about.version, "action": doing} | more
    return client.post(f"{QUEUE}decide/", given, headers=headers)


def make_rule(**fields: Any) -> ScreeningRule:
    given = {
        "key": "pills",
        "title": "Pills",
        "kind": "words",
        "mode": "live",
        "effect": "hold",
        "params": {"phrases": ["cheap pills"]},
        "changed_at": NOW,
        **fields,
    }
    return ScreeningRule.objects.create(site_id=1, **given)


def approve(comment: Comment) -> None:
    decide(comment_id=comment.pk, action="approve", actor=Actor(ActorKind.MODERATOR), now=NOW)
