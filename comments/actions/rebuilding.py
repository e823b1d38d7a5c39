"""Deriving every comment's status from the record alone, and comparing it with the tables.

Comments are compared in batches of rising ids, each with what the record says of these ids: memory
does not grow with the thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db.models import QuerySet

from comments.models import Comment, LogKind, LogRow, Thread
from comments.queries.logbook import STATE_KINDS
from comments.queries.moments import one_moment

AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A status that is not the one the record gives; ``None`` where it gives none."""

    thread: str
    comment_id: int
    stored: str | None
    derived: str | None


def mismatches(
    thread_id: int, *, after: int = 0, progress: Callable[[int, int], None] = lambda *_: None
) -> Iterator[Mismatch]:
    """Yields the comments of a thread whose status is not the one that its record gives.

    Args:
        after: id of the comment that an earlier run has come to.
        progress: called after each batch with how many comments have been compared, and the id of
            the last one.
    """
    with one_moment():
        thread = Thread.objects.get(pk=thread_id)
        adopted = _Adopted(thread)
        comments = Comment.objects.filter(thread=thread).order_by("pk").values_list("pk", "status")
        done = comments.filter(pk__lte=after).count() if after else 0
        while True:
            batch = list(comments.filter(pk__gt=after)[:AT_ONCE])
            is_last = len(batch) < AT_ONCE
            derived = _derived(thread, after=after, up_to=None if is_last else batch[-1][0])
            for comment_id, status in batch:
                given = derived.pop(comment_id, None) or adopted.status_of(comment_id)
                if given != status:
                    yield Mismatch(thread.key, comment_id, status, given)
            for comment_id, given in sorted(derived.items()):
                yield Mismatch(thread.key, comment_id, None, given)
            done += len(batch)
            after = batch[-1][0] if batch else after
            progress(done, after)
            if is_last:
                return


def _derived(thread: Thread, *, after: int, up_to: int | None) -> dict[int, str]:
    """Returns the statuses that the record gave single comments last, by their ids."""
    rows = _rows(thread).filter(kind__in=STATE_KINDS, comment_id__gt=after)
    if up_to is not None:
        rows = rows.filter(comment_id__lte=up_to)
    found = rows.values_list("comment_id", "to_status").iterator(AT_ONCE)
    return {comment_id: status for comment_id, status in found if comment_id is not None}


class _Adopted:
    """The statuses that comments were taken into the record with, in runs of ids that rise."""

    def __init__(self, thread: Thread) -> None:
        # A row has up to two thousand runs: few rows at once.
        rows = _rows(thread).filter(kind=LogKind.ADOPTED).values_list("evidence", flat=True)
        self._runs = (run for evidence in rows.iterator(2) for run in evidence["runs"])
        self._run: tuple[str, int, int] | None = next(self._runs, None)

    def status_of(self, comment_id: int) -> str | None:
        """Returns the status of a comment; to be asked in rising order of ids."""
        while self._run is not None and self._run[2] < comment_id:
            self._run = next(self._runs, None)
        if self._run is not None and self._run[1] <= comment_id:
            return self._run[0]
        return None


def _rows(thread: Thread) -> QuerySet[LogRow]:
    rows = LogRow.objects.filter(site_id=thread.site_id, thread_id=thread.pk)
    return rows.order_by("position")
