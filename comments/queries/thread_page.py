"""What the page of a thread shows beside its list of comments."""

from __future__ import annotations

from dataclasses import dataclass

from comments.models import Comment, Thread
from comments.queries.comments import ROW, Item, items_from
from comments.queries.threads import ThreadHead
from comments.rules.moderation import told

UNPUBLISHED_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Unpublished:
    """A comment that its author alone sees, and why it waits if it is held."""

    item: Item
    told: str


def head_from(thread: Thread) -> ThreadHead:
    """Returns the head of a thread that is loaded already: no query."""
    return ThreadHead(**{name: getattr(thread, name) for name in ThreadHead.__dataclass_fields__})


def own_unpublished(*, head: ThreadHead, participant_id: int) -> list[Unpublished]:
    """Returns the viewer's comments that others do not see, the latest, in order of writing.

    What he took back himself is not among them. At most four queries, one if there are none.
    """
    rows = list(
        Comment.objects.filter(
            thread_id=head.id,
            author_id=participant_id,
            visible=False,
            deleted_at=None,
            erased_at=None,
        )
        .order_by("-id")
        .values(*ROW, "held_reason", "held_told")[:UNPUBLISHED_SHOWN]
    )
    rows.reverse()
    items = items_from(rows, head=head, own=True)
    return [
        Unpublished(item, told(reason=row["held_reason"], sentence=row["held_told"]))
        for item, row in zip(items, rows, strict=True)
    ]
