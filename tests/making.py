"""Setting up through actions, so that every state a test starts from can be reached."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.contrib.auth.models import Permission, User
from django.contrib.sites.models import Site

from comments.actions import moderating
from comments.actions.changing import Editor
from comments.actions.logbook import Actor
from comments.actions.people import GuestName, Writer, token_of
from comments.actions.posting import Submitted, submit_comment
from comments.actions.threads import open_thread
from comments.models import ActorKind, Comment, Participant, RepliesPolicy, Thread, ThreadState
from comments.rules.moderation import Action

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
_numbers = count(1)


def later(seconds: float) -> datetime:
    """Returns a time that many seconds after ``NOW``."""
    return NOW + timedelta(seconds=seconds)


def make_thread(key: str = "a-thread", *, now: datetime = NOW, **fields: Any) -> Thread:
    """Returns a new thread on site 1."""
    site = Site.objects.get(pk=1)
    return open_thread(
        site_id=site.pk,
        key=key,
        url=fields.pop("url", f"/posts/{key}/"),
        title=fields.pop("title", "A thread"),
        opened_at=now,
        state=fields.pop("state", ThreadState.OPEN),
        **fields,
    )


def post(
    thread: Thread,
    source: str | None = None,
    *,
    name: str = "Ana",
    to: int | None = None,
    by: Participant | None = None,
    user: User | None = None,
    is_moderator: bool = False,
    format: str = "plain",
    now: datetime = NOW,
) -> Submitted:
    """Returns a new comment: by a participant, a user, or a new guest called ``name``."""
    if user is not None:
        writer = Writer(user=user, is_moderator=is_moderator)
    elif by is not None:
        writer = Writer(participant=by)
    else:
        writer = Writer(guest=GuestName(name))
    return submit_comment(
        thread_id=thread.pk,
        writer=writer,
        source=source if source is not None else f"Text number {next(_numbers)}.",
        format=format,
        reply_to_number=to,
        now=now,
    )


def stored(submitted: Submitted | Comment) -> Comment:
    """Returns a comment as it is stored now."""
    pk = submitted.pk if isinstance(submitted, Comment) else submitted.comment.pk
    return Comment.objects.select_related("thread").get(pk=pk)


def fresh(thread: Thread) -> Thread:
    """Returns a thread as it is stored now."""
    return Thread.objects.get(pk=thread.pk)


def author_of(submitted: Submitted) -> Editor:
    """Returns the author of a comment as somebody who changes it."""
    return Editor(participant=submitted.participant)


def decide(
    *,
    comment_id: int,
    action: Action,
    now: datetime,
    version: int | None = None,
    replies_policy: RepliesPolicy | None = None,
) -> Comment:
    """Decides as a moderator nobody has heard of; returns the comment."""
    comment, _ = moderating.decide(
        comment_id=comment_id,
        action=action,
        actor=SOMEBODY,
        now=now,
        version=version,
        replies_policy=replies_policy,
    )
    return comment


SOMEBODY = Actor(ActorKind.MODERATOR)
MODERATOR = Editor(participant=None, is_moderator=True)


def make_moderator(username: str = "moderator") -> User:
    """Returns a member of staff who may decide about comments."""
    user = User.objects.create_user(username, password="a-password-for-tests", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="change_comment"))
    return user


def comment_token(submitted: Submitted) -> dict[str, str]:
    """Returns the header by which a guest is recognised."""
    return {"authorization": f"Comment {token_of(submitted.participant)}"}
