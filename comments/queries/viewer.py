"""What concerns one viewer alone, and so is in no public answer."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F

from comments.conf import options
from comments.models import Comment, Vote
from comments.queries.comments import Item, items_from, rows_of
from comments.queries.threads import ThreadHead

OWN_SHOWN = 100


def own_comments(*, head: ThreadHead, participant_id: int) -> list[Item]:
    """Returns the viewer's latest comments in a thread, held ones too, newest first."""
    own = Comment.objects.filter(
        thread_id=head.id, author_id=participant_id, deleted_at=None, erased_at=None
    )
    return items_from(rows_of(own.order_by("-id")[:OWN_SHOWN]), head=head, own=True)


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
