"""Taking comments into the record that no rule has screened: imported ones, and generated ones."""

from __future__ import annotations

from datetime import datetime

from comments.actions.logbook import log_adopted
from comments.models import Comment, QueueItem, Status, Thread
from comments.rules.urgency import urgency_of

AT_ONCE = 2_000


def adopt_comments(thread: Thread, *, now: datetime) -> None:
    """Records the status of every comment of a thread, and puts those that are held on the queue.

    Inside the transaction that adds the comments to a thread which had none, under its lock.
    """
    comments = Comment.objects.filter(thread=thread).order_by("pk")
    log_adopted(thread, comments.values_list("pk", "status").iterator(AT_ONCE), now=now)
    held = comments.filter(status=Status.HELD, deleted_at=None, erased_at=None)
    urgency = urgency_of(why=QueueItem.Why.HELD)
    waiting = [
        QueueItem(
            comment_id=comment_id,
            site_id=thread.site_id,
            thread_id=thread.pk,
            why=QueueItem.Why.HELD,
            reason=reason,
            urgency=urgency,
            entered_at=at,
        )
        for comment_id, reason, at in held.values_list("pk", "held_reason", "created_at")
    ]
    QueueItem.objects.bulk_create(waiting, batch_size=AT_ONCE)
