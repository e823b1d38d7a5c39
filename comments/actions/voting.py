"""Votes: one of each participant for each comment."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from comments.actions.moderating import locked_comment
from comments.actions.posting import check_open
from comments.actions.recording import lock_thread, record, save_thread
from comments.errors import NotFound, VoteOnOwn
from comments.models import Comment, EventKind, Thread, Vote
from comments.queries.threads import ThreadHead, thread_by_key
from comments.rules.voting import SHOW_VOTES_EVERY_SECONDS, wilson_lower_bound
from comments.words import gettext_noop

WRITE_FIRST = gettext_noop("Write a comment first: only those who have written here may vote.")
"""What somebody is told whom nobody can tell from others, so that he would vote twice."""


@transaction.atomic(durable=True)
def cast_vote(*, comment_id: int, participant_id: int, value: int | None, now: datetime) -> Comment:
    """Sets or withdraws (``None``) a participant's vote; the same vote again changes nothing.

    Args:
        value: 1, -1, or ``None``.

    Raises:
        NotFound: the comment cannot be read.
        VoteOnOwn: the participant wrote it.
        ThreadClosed: the thread takes no votes.
    """
    thread, comment = locked_comment(comment_id)
    if not comment.visible:
        raise NotFound(gettext_noop("There is no such comment."))
    check_open(thread)
    if comment.author_id == participant_id:
        raise VoteOnOwn()
    old = Vote.objects.filter(comment=comment, participant_id=participant_id).first()
    if (old.value if old else None) == value:
        return comment
    if old is not None:
        _count(comment, old.value, -1)
        old.delete()
    if value is not None:
        Vote.objects.create(
            comment=comment, participant_id=participant_id, value=value, cast_at=now
        )
        _count(comment, value, 1)
    comment.score = wilson_lower_bound(up=comment.votes_up, down=comment.votes_down)
    comment.save(update_fields=["votes_up", "votes_down", "score"])
    if votes_may_show(changed_at=thread.changed_at, now=now):
        record(thread, EventKind.VOTED, number=comment.number, now=now)
    else:
        thread.votes_changed = True
    save_thread(thread)
    return comment


def _count(comment: Comment, value: int, by: int) -> None:
    if value > 0:
        comment.votes_up += by
    else:
        comment.votes_down += by


def votes_may_show(*, changed_at: datetime, now: datetime) -> bool:
    """Returns whether votes alone may raise the version of a thread last raised at that time."""
    return now >= votes_show_at(changed_at=changed_at)


def votes_show_at(*, changed_at: datetime) -> datetime:
    """Returns from when on votes alone may raise the version of a thread last raised then."""
    return changed_at + timedelta(seconds=SHOW_VOTES_EVERY_SECONDS)


@transaction.atomic(durable=True)
def show_votes(*, thread_id: int, now: datetime) -> Thread:
    """Raises the version of a thread with votes that no version shows yet, if it is time."""
    thread = lock_thread(thread_id)
    if thread.votes_changed and votes_may_show(changed_at=thread.changed_at, now=now):
        record(thread, EventKind.VOTED, number=None, now=now)
        save_thread(thread)
    return thread


def with_votes_shown(head: ThreadHead, *, site_id: int, now: datetime) -> ThreadHead:
    """Returns the head of a thread after votes whose time has come are shown."""
    if not (head.votes_changed and votes_may_show(changed_at=head.changed_at, now=now)):
        return head
    show_votes(thread_id=head.id, now=now)
    return thread_by_key(site_id=site_id, key=head.key)
