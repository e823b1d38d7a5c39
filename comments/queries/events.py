"""What changed in a thread since a version."""

from __future__ import annotations

from dataclasses import dataclass

from comments.models import Event
from comments.queries.threads import ThreadHead

CHANGES_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Change:
    """One version of a thread."""

    version: int
    kind: str
    number: int | None


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes in order; ``next`` is the version to ask from again if there are more."""

    version: int
    changes: list[Change]
    next: int | None


def changes_since(*, head: ThreadHead, since: int) -> Changes:
    """Returns what a client that has version ``since`` must fetch again: one query."""
    found = changes_after(thread_id=head.id, since=since, most=CHANGES_SHOWN + 1)
    changes = found[:CHANGES_SHOWN]
    more = len(found) > CHANGES_SHOWN
    return Changes(head.version, changes, changes[-1].version if more else None)


def changes_after(*, thread_id: int, since: int, most: int) -> list[Change]:
    """Returns at most so many versions of a thread after ``since``, in order: one query."""
    rows = (
        Event.objects.filter(thread_id=thread_id, version__gt=since)
        .order_by("version")
        .values_list("version", "kind", "number")[:most]
    )
    return [Change(*row) for row in rows]
