"""Whether what is stored of a thread agrees with itself: every counter from the states alone.

A check reads each thread as it was at one moment and changes nothing. It keeps one comment for
each level of replies in memory, however many comments there are. Repairing writes what can be
computed from the states: visibility, counters, positions and votes. Numbers, paths and versions
are facts, known outside; where they do not agree, somebody has to look.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import groupby, islice
from math import isclose
from operator import itemgetter
from tempfile import TemporaryFile
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, Max, Min, OuterRef, Q, QuerySet

from comments.actions.linking import take_part
from comments.actions.recording import lock_thread, record, save_thread
from comments.models import (
    Comment,
    Event,
    EventKind,
    Participation,
    RepliesPolicy,
    Thread,
    Vote,
)
from comments.queries.moments import one_moment
from comments.rules.moderation import READABLE, is_readable
from comments.rules.series import gaps, span
from comments.rules.threading import (
    BYTES_PER_LEVEL,
    HIGHEST_NUMBER,
    Standing,
    Tally,
    depth_of,
    end_of_subtree,
    numbers_in,
    path_below,
    tally,
)
from comments.rules.voting import wilson_lower_bound

AT_ONCE = 2_000
"""Rows that are fetched, or repaired, in one go."""
Told = Callable[[int, int], None]
"""Called now and then with how many numbered comments have been looked at, and the root up to
which every branch has been."""
RANGES_NAMED = 20
"""Of numbers or versions that are missing, so many ranges are named one by one."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A stored value that is not what it must be. ``number`` is ``None`` for the thread itself."""

    thread: str
    number: int | None
    field: str
    stored: Any
    expected: Any
    comment_id: int | None = None
    repairable: bool = False


def check_thread(
    thread_id: int, *, after: int = 0, progress: Told = lambda *_: None
) -> Iterator[Difference]:
    """Yields everything in a thread that does not agree with the states of its comments.

    Args:
        after: number of the root through whose branch an earlier run has come: the comments up to
            there are counted, and not looked at one by one.
    """
    with one_moment():
        yield from _differences(Thread.objects.get(pk=thread_id), after, progress)


@transaction.atomic(durable=True)
def repair_thread(thread_id: int, *, after: int = 0, now: datetime) -> int:
    """Writes what must be where it is not and can be computed; returns how many values changed.

    ``after`` as for ``check_thread``. Nothing is written to a thread whose versions are not in
    order: a further one would be no better.
    """
    thread = lock_thread(thread_id)
    # SQLite must not change what it is reading, so what is found goes to a file first.
    with TemporaryFile() as found:
        for difference in _differences(thread, after):
            if difference.field == "version":
                return 0
            if difference.repairable:
                pickle.dump(difference, found)
        found.seek(0)
        return _repair(thread, _pickled(found), now=now)


def _pickled(file: Any) -> Iterator[Difference]:
    while True:
        try:
            yield pickle.load(file)  # noqa: S301 (our own, a moment ago)
        except EOFError:
            return


def _differences(
    thread: Thread, after: int, progress: Told = lambda *_: None
) -> Iterator[Difference]:
    yield from _of_series(thread)
    yield from _of_numbered_comments(thread, after, progress)
    yield from _of_waiting_comments(thread)
    yield from _of_votes(thread)
    yield from _of_participations(thread)


# --- counters and places ------------------------------------------------------------------------


@dataclass(slots=True)
class _Level:
    """A comment on the way down from its root to where reading has come."""

    row: dict[str, Any]
    children: int = 0


class _Walk:
    """The numbered comments of a thread in order of path; keeps those that are not finished."""

    def __init__(self, thread: Thread, after: int, progress: Told) -> None:
        self.thread = thread
        self.progress = progress
        self.seen = self.roots = self.visible = self.visible_roots = 0
        self._after = after
        """The root up to which each branch is done."""
        self._rows = Comment.objects.filter(thread=thread, path__isnull=False)
        self._found: list[Difference] = []
        self._open: dict[bytes, _Level] = {}
        if after:
            begin = end_of_subtree(path_below(b"", number=min(after, HIGHEST_NUMBER)))
            self._count(self._rows.filter(path__lt=begin))
            self._rows = self._rows.filter(path__gte=begin)

    def _count(self, earlier: QuerySet[Comment]) -> None:
        """Counts whole branches as walking through them would: from the states alone."""
        readable = Q(status__in=READABLE, deleted_at=None, erased_at=None)
        found = earlier.aggregate(
            seen=Count("id"),
            roots=Count("id", filter=Q(depth=0)),
            visible=Count("id", filter=readable),
            visible_roots=Count("id", filter=readable & Q(depth=0)),
        )
        self.seen, self.roots = found["seen"], found["roots"]
        self.visible, self.visible_roots = found["visible"], found["visible_roots"]
        taking = earlier.filter(~readable, replies_policy=RepliesPolicy.REMOVE).order_by("path")
        end = b""
        for stored in taking.values_list("path", flat=True).iterator(AT_ONCE):
            path = bytes(stored or b"")
            if path < end:  # it went away itself with what stands above it
                continue
            end = end_of_subtree(path)
            # Root and depth are what an index has of paths that nobody can reach.
            self.visible -= earlier.filter(
                readable,
                root_number=numbers_in(path)[0],
                depth__gt=0,
                path__gt=path,
                path__lt=end,
            ).count()

    def differences(self) -> Iterator[Difference]:
        """Yields what is wrong with the place and the counters of each comment."""
        for result in tally(self._standings()):
            level = self._open.pop(result.path)
            self._compare(level, result)
            yield from self._found
            self._found.clear()
            if depth_of(result.path) == 0:
                self._after = numbers_in(result.path)[0]
        yield from self._found
        self.progress(self.seen, self._after)

    def _standings(self) -> Iterator[Standing]:
        rows = self._rows.order_by("path", "number").values(*_COUNTED)
        for at, row in enumerate(rows.iterator(chunk_size=AT_ONCE)):
            if at % AT_ONCE == 0:
                self.progress(self.seen, self._after)
            self.seen += 1
            path = bytes(row["path"])
            if path in self._open or not path or len(path) % BYTES_PER_LEVEL:
                self._note(row, "path", numbers_in(path), "one of its own")
                continue
            self._check_place(row, path)
            self._open[path] = _Level(row)
            yield Standing(
                path=path,
                readable=_readable(row),
                takes_replies_along=row["replies_policy"] == RepliesPolicy.REMOVE,
            )

    def _check_place(self, row: dict[str, Any], path: bytes) -> None:
        """Compares what follows from the path with what is stored beside it."""
        numbers = numbers_in(path)
        self._expect(row, "number", numbers[-1])
        self._expect(row, "root_number", numbers[0])
        self._expect(row, "depth", depth_of(path))
        above = path[:-BYTES_PER_LEVEL]
        parent = self._open.get(above)
        if above and parent is None:
            self._note(row, "path", numbers, "one below a comment that is there")
            return
        self._expect(row, "parent_id", parent.row["id"] if parent else None)
        if parent is None:
            self._expect(row, "position", self.roots, repairable=True)
            self.roots += 1
        else:
            self._expect(row, "position", parent.children, repairable=True)
            parent.children += 1

    def _compare(self, level: _Level, result: Tally) -> None:
        self.visible += result.visible
        self.visible_roots += result.visible and depth_of(result.path) == 0
        for field, expected in (
            ("hidden_above", result.hidden_above),
            ("visible", result.visible),
            ("reachable", result.reachable),
            ("direct_count", result.direct_count),
            ("total_count", result.total_count),
            ("last_position", level.children),
        ):
            self._expect(level.row, field, expected, repairable=True)

    def _expect(
        self, row: dict[str, Any], field: str, expected: Any, *, repairable: bool = False
    ) -> None:
        if row[field] != expected:
            self._note(row, field, row[field], expected, repairable=repairable)

    def _note(
        self,
        row: dict[str, Any],
        field: str,
        stored: Any,
        expected: Any,
        *,
        repairable: bool = False,
    ) -> None:
        self._found.append(
            Difference(
                self.thread.key, row["number"], field, stored, expected, row["id"], repairable
            )
        )


_COUNTED = (
    *("id", "number", "parent_id", "path", "root_number", "depth", "position", "last_position"),
    *("status", "deleted_at", "erased_at", "replies_policy", "hidden_above"),
    *("visible", "reachable", "direct_count", "total_count"),
)


def _readable(row: dict[str, Any]) -> bool:
    return is_readable(
        status=row["status"],
        deleted=row["deleted_at"] is not None,
        erased=row["erased_at"] is not None,
    )


def _of_numbered_comments(thread: Thread, after: int, progress: Told) -> Iterator[Difference]:
    walk = _Walk(thread, after, progress)
    yield from walk.differences()
    for field, expected in (
        ("visible_count", walk.visible),
        ("visible_roots", walk.visible_roots),
        ("last_position", walk.roots),
    ):
        stored = getattr(thread, field)
        if stored != expected:
            yield Difference(thread.key, None, field, stored, expected, repairable=True)


def _of_waiting_comments(thread: Thread) -> Iterator[Difference]:
    """Yields what a comment without a number has and must not have."""
    waiting = Comment.objects.filter(thread=thread, number=None)
    for comment_id, status in waiting.filter(status__in=READABLE).values_list("id", "status"):
        yield Difference(thread.key, None, "number", None, f"one, as it is {status}", comment_id)
    nothing: dict[str, int] = {
        "visible": False,
        "reachable": False,
        "direct_count": 0,
        "total_count": 0,
    }
    with_something = ~Q(**nothing)
    for row in waiting.filter(with_something).values("id", *nothing).iterator():
        for field, expected in nothing.items():
            if row[field] != expected:
                yield Difference(
                    thread.key, None, field, row[field], expected, row["id"], repairable=True
                )


# --- numbers and versions -----------------------------------------------------------------------


def _of_series(thread: Thread) -> Iterator[Difference]:
    numbered = Comment.objects.filter(thread=thread, number__isnull=False)
    yield from _of_one_series(thread, numbered, "number", last_field="last_number")
    events = Event.objects.filter(thread=thread)
    yield from _of_one_series(thread, events, "version", last_field="version")


def _of_one_series(
    thread: Thread, rows: QuerySet[Any], field: str, *, last_field: str
) -> Iterator[Difference]:
    """Yields what keeps a series from being 1, 2, 3… up to the last one that the thread names."""
    found = rows.aggregate(count=Count(field), first=Min(field), last=Max(field))
    last: int = found["last"] or 0
    if getattr(thread, last_field) != last:
        yield Difference(thread.key, None, last_field, getattr(thread, last_field), last)
    if found["count"] == last and (found["first"] or 1) == 1:
        return
    values = rows.order_by(field).values_list(field, flat=True).iterator(chunk_size=AT_ONCE)
    for first_missing, last_missing in islice(gaps(values), RANGES_NAMED):
        missing = span(first_missing, last_missing)
        yield Difference(thread.key, None, field, "missing", missing)


# --- votes and people ---------------------------------------------------------------------------


def _of_votes(thread: Thread) -> Iterator[Difference]:
    """Yields where a comment's votes are not those that were cast: two sorted lists, merged."""
    cast = (
        Vote.objects.filter(comment__thread=thread)
        .values("comment_id")
        .annotate(up=Count("id", filter=Q(value=1)), down=Count("id", filter=Q(value=-1)))
        .order_by("comment_id")
        .values_list("comment_id", "comment__number", "up", "down")
    )
    counted = (
        Comment.objects.filter(Q(votes_up__gt=0) | Q(votes_down__gt=0) | ~Q(score=0), thread=thread)
        .order_by("id")
        .values_list("id", "number", "votes_up", "votes_down", "score")
    )
    rows: Iterator[tuple[Any, ...]] = merge(
        cast.iterator(chunk_size=AT_ONCE), counted.iterator(chunk_size=AT_ONCE), key=itemgetter(0)
    )
    for comment_id, same in groupby(rows, key=itemgetter(0)):
        found = {len(row): row for row in same}
        _, number, up, down = found.get(4, (comment_id, None, 0, 0))
        _, number, *stored = found.get(5, (comment_id, number, 0, 0, 0.0))
        expected = (up, down, wilson_lower_bound(up=up, down=down))
        for field, is_, must in zip(
            ("votes_up", "votes_down", "score"), stored, expected, strict=True
        ):
            if not isclose(is_, must, abs_tol=1e-12):
                yield Difference(thread.key, number, field, is_, must, comment_id, repairable=True)


def _of_participations(thread: Thread) -> Iterator[Difference]:
    """Yields authors of numbered comments who are not noted as taking part."""
    noted = Participation.objects.filter(thread=thread, participant_id=OuterRef("author_id"))
    authors = (
        Comment.objects.filter(thread=thread, number__isnull=False, author__isnull=False)
        .values("author_id")
        .annotate(last=Max("number"))
        .filter(~Exists(noted))
        .order_by("last")
    )
    for author in authors.values_list("last", flat=True):
        comment = Comment.objects.get(thread=thread, number=author)
        yield Difference(
            thread.key,
            comment.number,
            "participation",
            None,
            comment.author_name,
            comment.pk,
            repairable=True,
        )


# --- repairing ----------------------------------------------------------------------------------


def _repair(thread: Thread, differences: Iterable[Difference], *, now: datetime) -> int:
    """Writes what is expected; if that was anything, the thread has a new version."""
    written = 0
    for comment_id, found in groupby(differences, key=lambda difference: difference.comment_id):
        values = {difference.field: difference.expected for difference in found}
        written += len(values)
        if comment_id is None:
            for field, expected in values.items():
                setattr(thread, field, expected)
            continue
        if values.pop("participation", None) is not None:
            take_part(Comment.objects.get(pk=comment_id))
        if values:
            Comment.objects.filter(pk=comment_id).update(**values)
    if written:
        # What readers have stored under the old version may be wrong now.
        record(thread, EventKind.STATE, number=None, now=now)
        save_thread(thread)
    return written
