"""Messages that decisions cause: they wait a little, so that an undo can still stop them."""

from __future__ import annotations

from datetime import datetime, timedelta

from comments.models import Comment, LogRow, Outgoing, Thread
from comments.rules.moderation import READABLE

WAIT_SECONDS = 30
"""How long a message waits before it may leave."""


def plan_outgoing(thread: Thread, comment: Comment, row: LogRow, *, now: datetime) -> None:
    """Plans the mail to an author whose comment a decision shows or takes away.

    Only to an address that was verified, and not about what its author cannot see a change of.
    """
    was, is_ = row.from_status in READABLE, row.to_status in READABLE
    author = comment.author
    if author is None or not author.email or author.email_verified_at is None:
        return
    if was == is_ and row.from_status != "held":
        return
    Outgoing.objects.create(
        site_id=thread.site_id,
        kind="mail",
        row_id=row.pk,
        comment=comment,
        due_at=now + timedelta(seconds=WAIT_SECONDS),
    )


def cancel_outgoing(row: LogRow) -> None:
    """Cancels what a decision has caused and what has not left yet."""
    Outgoing.objects.filter(row_id=row.pk, state=Outgoing.State.WAITING).update(
        state=Outgoing.State.CANCELLED
    )
