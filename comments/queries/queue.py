"""What waits for a moderator, most urgent first, with all that it takes to decide.

The number of queries does not depend on how much waits, nor on how much is shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet

from comments.models import Comment, Flag, LogKind, LogRow, QueueItem, Revision, Screening
from comments.queries.cursors import read_cursor, write_cursor
from comments.queries.logbook import log_items, names_of_users

PAGE = 20
MOST_SHOWN = 100
SIBLINGS = 2
"""Neighbours of a comment that are shown on each side."""
MOST_COUNTED = 1_000
"""Beyond this many the desk says "more than"; counting a long queue costs more than it tells."""


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
    items = filtered(site_id=site_id, filters=filters)
    if cursor:
        urgency, entered, comment_id = read_cursor(cursor, binding=binding)
        at = datetime.fromisoformat(entered)
        items = items.filter(
            Q(urgency__lt=urgency)
            | Q(urgency=urgency, entered_at__gt=at)
            | Q(urgency=urgency, entered_at=at, comment__gt=comment_id)
        )
    found = list(items.order_by("-urgency", "entered_at", "comment")[: limit + 1])
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
    items = QueueItem.objects.filter(site_id=site_id, pk__in=list(comment_ids))
    return _with_surroundings(list(items.order_by("-urgency", "entered_at", "comment")), now=now)


def filtered(*, site_id: int, filters: Filters) -> QuerySet[QueueItem]:
    """Returns the rows of the queue that the filters ask for."""
    items = QueueItem.objects.filter(site_id=site_id)
    if filters.why:
        items = items.filter(why=filters.why)
    if filters.reason:
        items = items.filter(reason=filters.reason)
    if filters.thread_key:
        items = items.filter(thread__key=filters.thread_key)
    return items


def count_waiting(*, site_id: int, filters: Filters) -> int:
    """Returns how much waits, at most ``MOST_COUNTED`` + 1."""
    found = filtered(site_id=site_id, filters=filters).values_list("pk", flat=True)
    return found[: MOST_COUNTED + 1].count()


def _with_surroundings(items: list[QueueItem], *, now: datetime) -> list[Waiting]:
    ids = [item.pk for item in items]
    comments = {
        comment.pk: comment
        for comment in Comment.objects.filter(pk__in=ids).select_related("thread", "author")
    }
    parents = _by_id(comment.reply_to_id for comment in comments.values())
    siblings = _siblings(comments.values())
    by_author = _decisions_by_author(comments.values())
    by_comment = _decisions_by_comment(ids)
    flags: dict[int, list[Flag]] = defaultdict(list)
    for flag in (
        Flag.objects.filter(comment__in=ids, withdrawn_at=None)
        .select_related("participant")
        .order_by("pk")
    ):
        flags[flag.comment_id].append(flag)
    screenings = {
        screening.comment_id: screening
        for screening in Screening.objects.filter(comment__in=ids, revision=F("comment__edits"))
    }
    earlier: dict[int, Revision] = {}
    for revision in Revision.objects.filter(comment__in=ids).order_by("pk"):
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


def _by_id(ids: Iterable[int | None]) -> dict[int, Comment]:
    return Comment.objects.select_related("author").in_bulk({one for one in ids if one})


def _siblings(comments: Iterable[Comment]) -> dict[int, list[Comment]]:
    """Returns the visible neighbours of each comment by time, one query for all.

    Of a comment with a number those beside it; of a root that waits the latest roots.
    """
    wanted = Q()
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
        wanted |= Q(
            thread_id=comment.thread_id,
            parent_id=comment.parent_id,
            position__gte=max(0, low),
            position__lte=high,
        )
    if not spans:
        return {}
    found = list(Comment.objects.filter(wanted, visible=True).order_by("position"))
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
    items = {item["id"]: item for item in log_items(list(LogRow.objects.filter(pk__in=wanted)))}
    return {
        author.pk: [items[row] for row in author.last_decisions if row in items]
        for author in authors.values()
    }


def _decisions_by_comment(ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    grouped: dict[int, list[LogRow]] = defaultdict(list)
    kinds = (LogKind.DECISION, LogKind.UNDO, LogKind.FLAGS)
    for row in LogRow.objects.filter(comment_id__in=ids, kind__in=kinds).order_by("-pk"):
        grouped[row.comment_id or 0].append(row)
    return _as_items(grouped)


def _as_items(grouped: Mapping[int, list[LogRow]]) -> dict[int, list[dict[str, Any]]]:
    rows = [row for mine in grouped.values() for row in mine]
    items = {item["id"]: item for item in log_items(rows)} if rows else {}
    return {owner: [items[row.pk] for row in mine] for owner, mine in grouped.items()}
