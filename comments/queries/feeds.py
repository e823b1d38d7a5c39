"""The latest comments, as the feeds show them: plain values, and never an address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Max, OuterRef, QuerySet, Subquery, Sum

from comments.models import Comment, Thread
from comments.queries.sites import absolute
from comments.queries.threads import ThreadHead

ENTRIES_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """One comment of a feed. Times that are not known are ``None``."""

    id: int
    number: int
    author_name: str
    author_url: str
    html: str
    written_at: datetime | None
    published_at: datetime | None
    edited_at: datetime | None
    thread_id: int
    parent_id: int | None
    """Of the comment that it answers."""
    parent_number: int | None
    thread_title: str
    thread_url: str
    thread_opened_at: datetime
    thread_last_number: int

    @property
    def page(self) -> str:
        """Returns the absolute address of the page that the comment stands on."""
        return absolute(self.thread_url)

    @property
    def appeared_at(self) -> datetime:
        """Returns when it appeared; for a comment without a date, when its thread was opened."""
        return self.published_at or self.written_at or self.thread_opened_at

    @property
    def updated_at(self) -> datetime:
        """Returns when it last changed, which Atom must be told of every entry."""
        return self.edited_at or self.appeared_at


_COLUMNS = (
    "id",
    "number",
    "author_name",
    "author_url",
    "html",
    "written_at",
    "published_at",
    "edited_at",
    "thread_id",
    "reply_to_id",
)
_THREAD_COLUMNS = ("title", "url", "opened_at", "last_number")
# Looked up for each entry that is given, where a join would be the planner's to begin with.
_ANSWERED = Subquery(Comment.objects.filter(pk=OuterRef("reply_to_id")).values("number"))


def latest_in_thread(head: ThreadHead) -> list[Entry]:
    """Returns the visible comments of a thread with the highest numbers, downwards: one query."""
    # Said of the number too: PostgreSQL puts those that wait, and have none, before all others.
    latest = Comment.objects.filter(thread_id=head.id, visible=True, number__isnull=False)
    of_thread: dict[str, Any] = {
        "thread_title": head.title,
        "thread_url": head.url,
        "thread_opened_at": head.opened_at,
        "thread_last_number": head.last_number,
    }
    rows: Any = latest.order_by("-number").values_list(*_COLUMNS, _ANSWERED)[:ENTRIES_SHOWN]
    return [Entry(*row, **of_thread) for row in rows]


def latest_on_site(site_id: int) -> list[Entry]:
    """Returns the visible comments of a site that appeared last, the latest first: two queries.

    Those without a date are asked for apart: databases disagree on where a missing date sorts.
    """
    # By an expression of the thread: a planner that is shown the column itself takes an index of
    # it, reads all comments of the site and sorts them. So it follows the index of the latest
    # comments, and stops when it has enough.
    of_site = Thread.objects.filter(site_id=site_id).values("pk")
    visible = Comment.objects.alias(of=F("thread_id") + 0).filter(of__in=of_site, visible=True)
    dated = _entries(visible.filter(published_at__isnull=False))
    undated = _entries(visible.filter(published_at=None))
    found = sorted(dated + undated, key=lambda entry: (entry.appeared_at, entry.id), reverse=True)
    return found[:ENTRIES_SHOWN]


def _entries(comments: QuerySet[Comment]) -> list[Entry]:
    # The threads are not joined, since a planner might begin with them.
    thread = Thread.objects.filter(pk=OuterRef("thread_id"))
    of_thread = [Subquery(thread.values(name)) for name in _THREAD_COLUMNS]
    latest = comments.order_by("-published_at", "-id")
    rows: Any = latest.values_list(*_COLUMNS, _ANSWERED, *of_thread)[:ENTRIES_SHOWN]
    return [Entry(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class SiteState:
    """What tells two states of a site's threads apart."""

    threads: int
    versions: int
    changed_at: datetime | None


def state_of_site(site_id: int) -> SiteState:
    """Returns how many threads there are, the sum of their versions, and the latest change.

    One query over the threads, which are few beside the comments. Versions only rise, so equal
    sums of as many threads mean that nothing has changed.
    """
    found = Thread.objects.filter(site_id=site_id).aggregate(
        threads=Count("pk"), versions=Sum("version"), changed_at=Max("changed_at")
    )
    return SiteState(found["threads"], found["versions"] or 0, found["changed_at"])
