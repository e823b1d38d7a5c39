"""What waits for a moderator: put on the queue, and off it, inside the change that causes it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from comments.actions.storing import AT_ONCE, Store
from comments.models import Comment, QueueItem, Thread
from comments.rules.urgency import urgency_of


def enqueue(
    thread: Thread,
    comment: Comment,
    *,
    why: QueueItem.Why,
    reason: str,
    now: datetime,
    weight: float = 0.0,
    blind: bool = False,
    store: Store = AT_ONCE,
) -> None:
    """Puts a comment on the queue, or changes why it is there; its place by age stays.

    Args:
        weight: of what speaks against it, such as the flags of readers; more is sooner.
        store: what the comment is stored with.
    """
    fields = {
        "site_id": thread.site_id,
        "thread_id": thread.pk,
        "why": why,
        "reason": reason,
        "urgency": urgency_of(why=why.value, weight=weight, visible=comment.visible),
        "blind": blind,
    }
    row = QueueItem(comment_id=comment.pk, entered_at=now, **fields)
    changed = ", ".join(f"{name} = EXCLUDED.{name}" for name in fields)
    store.insert(row, on_conflict=f"ON CONFLICT (comment_id) DO UPDATE SET {changed}")


def take_off(comment: Comment) -> None:
    """Takes a comment off the queue."""
    QueueItem.objects.filter(pk=comment.pk).delete()


def place_of(comment: Comment) -> dict[str, Any] | None:
    """Returns what ``put_back`` needs to restore a comment's place, ``None`` if it has none."""
    item = QueueItem.objects.filter(pk=comment.pk).first()
    if item is None:
        return None
    return {
        "why": item.why,
        "reason": item.reason,
        "urgency": item.urgency,
        "entered_at": item.entered_at.isoformat(),
        "blind": item.blind,
    }


def put_back(thread: Thread, comment: Comment, place: dict[str, Any] | None) -> None:
    """Restores the place on the queue that ``place_of`` told of."""
    take_off(comment)
    if place is None:
        return
    QueueItem.objects.create(
        comment=comment,
        site_id=thread.site_id,
        thread_id=thread.pk,
        **{**place, "entered_at": parse_datetime(place["entered_at"])},
    )
