"""What concerns one viewer alone, and so is in no public answer."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F

from comments.conf import options
from comments.models import Vote
from comments.queries.comments import Item, Rows, with_names
from comments.queries.threads import ThreadHead

OWN_SHOWN = 100


def own_comments(*, head: ThreadHead, participant_id: int) -> list[Item]:
    """Returns the viewer's latest comments in a thread, held ones too, newest first."""
    own = written_by(participant_id, head=head)
    return with_names(own.by("comment.id DESC").read(OWN_SHOWN), head=head)


def written_by(participant_id: int, *, head: ThreadHead) -> Rows:
    """Returns what somebody wrote in a thread and did not take back, as he sees it himself."""
    condition = """comment.thread_id = %s AND comment.author_id = %s
        AND comment.deleted_at IS NULL AND comment.erased_at IS NULL"""
    return Rows(head, condition, (head.id, participant_id), own=True)


def own_votes(*, thread_id: int, participant_id: int) -> dict[int, int]:
    """Returns the viewer's votes in a thread: comment number to 1 or -1. One query."""
    # By an expression of the thread: shown the column itself, a planner may walk all comments of
    # the thread and look for a vote on each, instead of the votes of one person.
    votes = Vote.objects.alias(of=F("comment__thread_id") + 0).filter(
        participant_id=participant_id, of=thread_id
    )
    rows = votes.order_by("comment__number").values_list("comment__number", "value")
    return {number: value for number, value in rows if number is not None}


def editable_until(item: Item) -> datetime | None:
    """Returns until when its author may change a comment; ``None`` if a reply stands below it."""
    if item.total_count > 0:
        return None
    return item.created_at + timedelta(seconds=options().edit_window_seconds)
