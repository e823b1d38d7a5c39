"""Deriving every comment's status from the record alone, and comparing it with the tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from comments.actions.checking import one_moment
from comments.models import Comment, LogKind, LogRow, Thread
from comments.queries.logbook import STATE_KINDS

AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A status that is not the one the record gives; ``None`` where it gives none."""

    thread: str
    comment_id: int
    stored: str | None
    derived: str | None


def mismatches(thread_id: int) -> Iterator[Mismatch]:
    """Yields the comments of a thread whose status is not the one that its record gives."""
    with one_moment():
        thread = Thread.objects.get(pk=thread_id)
        derived = _replay(thread)
        comments = Comment.objects.filter(thread=thread).order_by("pk")
        for comment_id, status in comments.values_list("pk", "status").iterator(AT_ONCE):
            given = derived.status_of(comment_id)
            if given != status:
                yield Mismatch(thread.key, comment_id, status, given)
            derived.single.pop(comment_id, None)
        for comment_id, given in sorted(derived.single.items()):
            yield Mismatch(thread.key, comment_id, None, given)


class _Derived:
    """What the record says: runs of adopted comments, and single ones after them."""

    def __init__(self) -> None:
        self.adopted: list[tuple[str, int, int]] = []
        self.single: dict[int, str] = {}
        self._at = 0

    def status_of(self, comment_id: int) -> str | None:
        """Returns the status of a comment; to be asked in rising order of ids."""
        if comment_id in self.single:
            return self.single[comment_id]
        while self._at < len(self.adopted) and self.adopted[self._at][2] < comment_id:
            self._at += 1
        if self._at < len(self.adopted) and self.adopted[self._at][1] <= comment_id:
            return self.adopted[self._at][0]
        return None


def _replay(thread: Thread) -> _Derived:
    derived = _Derived()
    rows = LogRow.objects.filter(
        site_id=thread.site_id, thread_id=thread.pk, kind__in=[LogKind.ADOPTED, *STATE_KINDS]
    ).order_by("position")
    fields = ("kind", "comment_id", "to_status", "evidence")
    for kind, comment_id, to_status, evidence in rows.values_list(*fields).iterator(AT_ONCE):
        if kind == LogKind.ADOPTED:
            derived.adopted += [tuple(run) for run in evidence["runs"]]
        else:
            derived.single[comment_id] = to_status
    derived.adopted.sort(key=lambda run: run[1])
    return derived
