"""What the page of a thread shows beside its list of comments."""

from __future__ import annotations

from dataclasses import dataclass

from comments.models import Comment, Thread
from comments.queries.comments import Item, with_names
from comments.queries.statements import objects_by_id
from comments.queries.threads import ThreadHead
from comments.queries.viewer import written_by
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

    What he took back himself is not among them. At most three queries, one if there are none.
    """
    hidden = written_by(participant_id, head=head).where("NOT comment.visible")
    items = hidden.by("comment.id DESC").read(UNPUBLISHED_SHOWN)[::-1]
    held = objects_by_id(Comment, [item.id for item in items])
    return [
        Unpublished(item, told(reason=held[item.id].held_reason, sentence=held[item.id].held_told))
        for item in with_names(items, head=head)
    ]
