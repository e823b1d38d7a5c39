"""Decisions about single comments: approve, reject, mark as spam, hold, erase."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from comments.actions.changing import check_version
from comments.actions.linking import link_older_texts, take_part
from comments.actions.posting import publish
from comments.actions.recording import lock_thread, record, save_thread, set_policy, settle
from comments.errors import NotFound
from comments.models import (
    Comment,
    EventKind,
    IdempotentAnswer,
    Mention,
    Reference,
    RepliesPolicy,
    Thread,
)
from comments.rules.moderation import READABLE, Action, status_after
from comments.rules.threading import numbers_in


def decide(
    *,
    comment_id: int,
    action: Action,
    now: datetime,
    version: int | None = None,
    replies_policy: RepliesPolicy | None = None,
) -> Comment:
    """Changes a comment's status; a comment approved for the first time gets its number.

    Args:
        version: of the comment, as the moderator saw it; ``None`` decides whatever it is now.
        replies_policy: what becomes of its replies; ``None`` leaves what is stored.

    Raises:
        NotFound: there is no such comment, or its author took it back.
        StaleVersion: it has changed since ``version``.
    """
    comment = _decide(
        comment_id=comment_id,
        action=action,
        now=now,
        version=version,
        replies_policy=replies_policy,
    )
    if comment.visible:
        # Tombstones above it stand again, so references to them lead somewhere again too.
        for number in numbers_in(bytes(comment.path or b"")):
            link_older_texts(thread_id=comment.thread_id, number=number, now=now)
    return comment


@transaction.atomic(durable=True)
def _decide(
    *,
    comment_id: int,
    action: Action,
    now: datetime,
    version: int | None,
    replies_policy: RepliesPolicy | None,
) -> Comment:
    thread, comment = locked_comment(comment_id)
    if comment.deleted_at is not None or comment.erased_at is not None:
        raise NotFound("Its author has taken this comment back.")
    if version is not None:
        check_version(comment, version)
    status = status_after(action)
    policy = replies_policy or comment.replies_policy
    if (status, policy) == (comment.status, comment.replies_policy):
        return comment
    if status in READABLE and comment.number is None:
        comment.status, comment.held_reason = status, ""
        comment.replies_policy = policy
        comment.version += 1
        publish(thread, comment, now=now)
        return comment
    was_visible, was_count = comment.visible, thread.visible_count
    set_policy(thread, comment, policy)
    comment.status = status
    comment.held_reason = ""
    comment.version += 1
    comment.save(update_fields=["status", "held_reason", "version"])
    settle(thread, comment)
    if comment.visible:
        take_part(comment)
    if comment.visible != was_visible or thread.visible_count != was_count:
        kind = EventKind.RESTORED if comment.visible else EventKind.REMOVED
        record(thread, kind, number=comment.number, now=now)
        save_thread(thread)
    return comment


def locked_comment(comment_id: int) -> tuple[Thread, Comment]:
    """Returns a comment with its thread locked until the transaction ends.

    Raises:
        NotFound: there is no such comment.
    """
    thread_id = Comment.objects.filter(pk=comment_id).values_list("thread_id", flat=True).first()
    if thread_id is None:
        raise NotFound("There is no such comment.")
    thread = lock_thread(thread_id)
    return thread, Comment.objects.select_related("author", "parent").get(pk=comment_id)


@transaction.atomic(durable=True)
def erase_comment(*, comment_id: int, now: datetime) -> Comment:
    """Erases what a comment says and who wrote it, for good; its number and replies stay.

    Raises:
        NotFound: there is no such comment.
    """
    thread, comment = locked_comment(comment_id)
    was_visible = comment.visible
    comment.erased_at = comment.erased_at or now
    comment.source = comment.html = comment.author_name = comment.author_url = ""
    comment.author = None
    comment.badges = []
    comment.version += 1
    comment.save()
    comment.revisions.all().delete()
    Mention.objects.filter(comment=comment).delete()
    Reference.objects.filter(comment=comment).delete()
    IdempotentAnswer.objects.filter(comment_id=comment.pk).delete()
    settle(thread, comment)
    if was_visible:
        record(thread, EventKind.REMOVED, number=comment.number, now=now)
        save_thread(thread)
    return comment
