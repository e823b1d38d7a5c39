"""What waits for a moderator, most urgent first, with all that it takes to decide.

The number of queries does not depend on how much waits, nor on how much is shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from comments.models import (
    Comment,
    Flag,
    LogKind,
    LogRow,
    Participant,
    QueueItem,
    Revision,
    Screening,
    Thread,
)
from comments.queries.cursors import read_cursor, write_cursor
from comments.queries.logbook import log_items, names_of_users
from comments.queries.statements import any_of, fetch, objects, objects_by_id

PAGE = 20
MOST_SHOWN = 100
SIBLINGS = 2
"""Neighbours of a comment that are shown on each side."""
MOST_URGENT = "ORDER BY urgency DESC, entered_at, comment_id"
MOST_COUNTED = 1_000
"""Beyond this many the desk says "more than"; counting a long queue costs more than it tells."""


About = TypeVar("About", Flag, LogRow, Revision, Screening)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which of what waits; empty fields ask for all."""

    why: str = ""
    reason: str = ""
    thread_key: str = ""

    def key(self) -> str:
        """Returns a text that differs wherever the list could differ."""
        return "|".join((self.why, self.reason, self.thread_key))


@dataclass(slots=True)
class Waiting:
    """A comment that waits, with what stands around it."""

    item: QueueItem
    comment: Comment
    parent: Comment | None = None
    siblings: list[Comment] = field(default_factory=list)
    author_decisions: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    """About this comment, newest first."""
    flags: list[Flag] = field(default_factory=list)
    screening: Screening | None = None
    earlier: Revision | None = None
    """The text that the last edit replaced."""
    leased_to: str = ""


@dataclass(slots=True)
class QueuePage:
    """Some of what waits, and where the rest goes on."""

    waiting: list[Waiting]
    next: str | None


def queue_page(
    *,
    site_id: int,
    filters: Filters,
    now: datetime,
    cursor: str | None = None,
    limit: int = PAGE,
) -> QueuePage:
    """Returns what waits, most urgent first, the oldest first among equals.

    Raises:
        CursorInvalid: the cursor is forged, or belongs to another list.
    """
    binding = f"queue:{site_id}:{filters.key()}"
    condition, parameters = waiting_rows(site_id=site_id, filters=filters)
    if cursor:
        urgency, entered, comment_id = read_cursor(cursor, binding=binding)
        at = datetime.fromisoformat(entered)
        condition += (
            " AND (urgency < %s OR urgency = %s AND (entered_at > %s"
            " OR entered_at = %s AND comment_id > %s))"
        )
        parameters += [urgency, urgency, at, at, comment_id]
    found = objects(QueueItem, f"{condition} {MOST_URGENT} LIMIT %s", [*parameters, limit + 1])
    following = None
    if len(found) > limit:
        found = found[:limit]
        last = found[-1]
        following = write_cursor(
            [last.urgency, last.entered_at.isoformat(), last.pk], binding=binding
        )
    return QueuePage(_with_surroundings(found, now=now), following)


def waiting_for(comment_ids: Sequence[int], *, site_id: int, now: datetime) -> list[Waiting]:
    """Returns the named comments of those that wait, most urgent first."""
    condition = f"site_id = %s AND {any_of('comment_id')} {MOST_URGENT}"
    return _with_surroundings(objects(QueueItem, condition, [site_id, list(comment_ids)]), now=now)


def waiting_rows(*, site_id: int, filters: Filters) -> tuple[str, list[Any]]:
    """Returns the condition of the rows that the filters ask for, and its parameters."""
    condition = "site_id = %s"
    parameters: list[Any] = [site_id]
    for column, value in (("why", filters.why), ("reason", filters.reason)):
        if value:
            condition, parameters = f"{condition} AND {column} = %s", [*parameters, value]
    if filters.thread_key:
        condition += (
            " AND thread_id IN (SELECT id FROM comments_thread WHERE site_id = %s AND key = %s)"
        )
        parameters += [site_id, filters.thread_key]
    return condition, parameters


def count_waiting(*, site_id: int, filters: Filters) -> int:
    """Returns how much waits, at most ``MOST_COUNTED`` + 1."""
    condition, parameters = waiting_rows(site_id=site_id, filters=filters)
    rows = f"SELECT 1 FROM comments_queueitem WHERE {condition} LIMIT %s"  # noqa: S608
    [(count,)] = fetch(f"SELECT count(*) FROM ({rows}) waiting", [*parameters, MOST_COUNTED + 1])  # noqa: S608
    return int(count)


def _with_surroundings(items: list[QueueItem], *, now: datetime) -> list[Waiting]:
    ids = [item.pk for item in items]
    if not ids:
        return []
    comments = objects_by_id(Comment, ids)
    threads = objects_by_id(Thread, (comment.thread_id for comment in comments.values()))
    parents = objects_by_id(Comment, (comment.reply_to_id for comment in comments.values()))
    flags: dict[int, list[Flag]] = defaultdict(list)
    for flag in _about(Flag, ids, "withdrawn_at IS NULL ORDER BY id"):
        flags[flag.comment_id].append(flag)
    people = objects_by_id(
        Participant,
        [
            *(comment.author_id for comment in (*comments.values(), *parents.values())),
            *(flag.participant_id for flags_ in flags.values() for flag in flags_),
        ],
    )
    for comment in (*comments.values(), *parents.values()):
        comment.author = people.get(comment.author_id or 0)
    for comment in comments.values():
        comment.thread = threads[comment.thread_id]
    for flags_ in flags.values():
        for flag in flags_:
            flag.participant = people.get(flag.participant_id or 0)
    siblings = _siblings(comments.values())
    by_author = _decisions_by_author(comments.values())
    by_comment = _decisions_by_comment(comments)
    screenings = {
        screening.comment_id: screening
        for screening in _about(Screening, ids, "TRUE")
        if screening.revision == comments[screening.comment_id].edits
    }
    edited = [comment.pk for comment in comments.values() if comment.edits]
    earlier: dict[int, Revision] = {}
    for revision in _about(Revision, edited, "TRUE ORDER BY id") if edited else []:
        earlier[revision.comment_id] = revision
    holders = {item.leased_by_id for item in items if item.leased_by_id is not None}
    names = names_of_users(holders)
    waiting = []
    for item in items:
        comment = comments[item.pk]
        leased = item.leased_until is not None and item.leased_until > now
        waiting.append(
            Waiting(
                item=item,
                comment=comment,
                parent=parents.get(comment.reply_to_id or 0),
                siblings=siblings.get(comment.pk, []),
                author_decisions=by_author.get(comment.author_id or 0, []),
                decisions=by_comment.get(comment.pk, []),
                flags=flags.get(comment.pk, []),
                screening=screenings.get(comment.pk),
                earlier=earlier.get(comment.pk),
                leased_to=names.get(item.leased_by_id or 0, "") if leased else "",
            )
        )
    return waiting


def _about(model: type[About], ids: Sequence[int], condition: str) -> list[About]:
    """Returns the rows about these comments that meet a condition."""
    return objects(model, f"{any_of('comment_id')} AND {condition}", [list(ids)])


def _siblings(comments: Iterable[Comment]) -> dict[int, list[Comment]]:
    """Returns the visible neighbours of each comment by time, one query for all.

    Of a comment with a number those beside it; of a root that waits the latest roots.
    """
    conditions: list[str] = []
    parameters: list[int] = []
    spans: dict[int, tuple[int, int | None, int, int]] = {}
    for comment in comments:
        if comment.position is not None:
            low, high = comment.position - SIBLINGS, comment.position + SIBLINGS
        elif comment.parent_id is not None:
            continue
        else:
            end = comment.thread.last_position
            low, high = end - SIBLINGS, end
        spans[comment.pk] = (comment.thread_id, comment.parent_id, low, high)
        below = "parent_id IS NULL" if comment.parent_id is None else "parent_id = %s"
        conditions.append(f"(thread_id = %s AND {below} AND position BETWEEN %s AND %s)")
        parents = [] if comment.parent_id is None else [comment.parent_id]
        parameters += [comment.thread_id, *parents, max(0, low), high]
    if not spans:
        return {}
    condition = f"visible AND ({' OR '.join(conditions)}) ORDER BY position"
    found = objects(Comment, condition, parameters)
    return {
        pk: [
            one
            for one in found
            if (one.thread_id, one.parent_id) == (thread_id, parent_id)
            and one.pk != pk
            and one.position is not None
            and low <= one.position <= high
        ]
        for pk, (thread_id, parent_id, low, high) in spans.items()
    }


def _decisions_by_author(comments: Iterable[Comment]) -> dict[int, list[dict[str, Any]]]:
    """Returns the last decisions about comments of each author, newest first; three queries."""
    authors = {comment.author_id: comment.author for comment in comments if comment.author}
    wanted = [row for author in authors.values() for row in author.last_decisions]
    rows = objects_by_id(LogRow, wanted)
    items = {item["id"]: item for item in log_items(list(rows.values()))} if rows else {}
    return {
        author.pk: [items[row] for row in author.last_decisions if row in items]
        for author in authors.values()
    }


def _decisions_by_comment(comments: Mapping[int, Comment]) -> dict[int, list[dict[str, Any]]]:
    grouped: dict[int, list[LogRow]] = defaultdict(list)
    for row in _about(LogRow, list(comments), _DECIDED):
        comment = comments[row.comment_id or 0]
        # Of the chain of its own thread, as in ``in_own_thread``.
        if (row.site_id, row.thread_id) == (comment.thread.site_id, comment.thread_id):
            grouped[comment.pk].append(row)
    return _as_items(grouped)


_KINDS = ", ".join(f"'{kind.value}'" for kind in (LogKind.DECISION, LogKind.UNDO, LogKind.FLAGS))
_DECIDED = f"kind IN ({_KINDS}) ORDER BY id DESC"


def _as_items(grouped: Mapping[int, list[LogRow]]) -> dict[int, list[dict[str, Any]]]:
    rows = [row for mine in grouped.values() for row in mine]
    items = {item["id"]: item for item in log_items(rows)} if rows else {}
    return {owner: [items[row.pk] for row in mine] for owner, mine in grouped.items()}
