"""What a process does that changes a thread as a test says, one thing after another.

An act of ``actor.py``: each line it reads is one thing to do, and it answers with one line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

Spec = dict[str, Any]


def tell(spec: Spec) -> None:
    """Does what it is told until there is nothing more, and says what the thread is like then."""
    from __main__ import say

    for line in sys.stdin:
        told: Spec = json.loads(line)
        comment = DEEDS[told.pop("do")](spec["key"], **told)
        say(
            **_now(spec["key"]), **({"id": comment.pk, "number": comment.number} if comment else {})
        )


def _now(key: str) -> dict[str, Any]:
    from comments.models import Thread

    return {"version": Thread.objects.get(key=key).version}


def write(key: str, *, source: str) -> Any:
    """Returns a new comment of somebody."""
    from django.utils import timezone

    from comments.actions.people import GuestName, Writer
    from comments.actions.posting import submit_comment
    from comments.models import Thread

    return submit_comment(
        thread_id=Thread.objects.get(key=key).pk,
        writer=Writer(guest=GuestName("Ana")),
        source=source,
        format="plain",
        reply_to_number=None,
        now=timezone.now(),
    ).comment


def edit(key: str, *, id: int, source: str) -> Any:  # noqa: A002 (as the test says it)
    """Returns a comment that its author has changed."""
    from django.utils import timezone

    from comments.actions.changing import Editor, edit_comment
    from comments.models import Comment

    comment = Comment.objects.select_related("author").get(pk=id)
    return edit_comment(
        comment_id=id,
        editor=Editor(participant=comment.author),
        source=source,
        format=None,
        version=comment.version,
        now=timezone.now(),
    ).comment


def decide(key: str, *, id: int, action: Any) -> Any:  # noqa: A002
    """Returns a comment about which a moderator has decided."""
    from django.utils import timezone

    from comments.actions.logbook import Actor
    from comments.actions.moderating import decide as decide_about
    from comments.models import ActorKind

    actor = Actor(ActorKind.MODERATOR)
    return decide_about(comment_id=id, action=action, actor=actor, now=timezone.now())[0]


def premoderate(key: str, *, on: bool) -> None:
    """Lets moderators look at comments before readers do, or no more; readers are told of that."""
    from django.utils import timezone

    from comments.actions.threads import change_thread
    from comments.models import Thread

    change_thread(thread_id=Thread.objects.get(key=key).pk, premoderation=on, now=timezone.now())


def allow(key: str, *, origin: str) -> None:
    """Lets pages of an origin read."""
    from comments.models import SiteSettings

    SiteSettings.objects.update_or_create(site_id=1, defaults={"allowed_origins": [origin]})


def fail(key: str) -> None:
    """Raises the version of the thread in a transaction that does not commit."""
    from django.db import transaction
    from django.utils import timezone

    from comments.actions.recording import lock_thread, record, save_thread
    from comments.models import EventKind, Thread

    with transaction.atomic():
        thread = lock_thread(Thread.objects.get(key=key).pk)
        record(thread, EventKind.STATE, number=None, now=timezone.now())
        save_thread(thread)
        transaction.set_rollback(True)


DEEDS: dict[str, Callable[..., Any]] = {
    "allow": allow,
    "fail": fail,
    "write": write,
    "edit": edit,
    "decide": decide,
    "premoderate": premoderate,
}
