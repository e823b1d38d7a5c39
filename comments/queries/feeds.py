"""The latest comments, as the feeds show them: plain values, and never an address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, QuerySet, Sum

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
    html: str
    written_at: datetime | None
    published_at: datetime | None
    edited_at: datetime | None
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
    "html",
    "written_at",
    "published_at",
    "edited_at",
    "thread__title",
    "thread__url",
    "thread__opened_at",
    "thread__last_number",
)


def _entries(comments: QuerySet[Comment]) -> list[Entry]:
    return [Entry(*row) for row in comments.values_list(*_COLUMNS)[:ENTRIES_SHOWN]]


def latest_in_thread(head: ThreadHead) -> list[Entry]:
    """Returns the visible comments of a thread with the highest numbers, downwards: one query."""
    return _entries(Comment.objects.filter(thread_id=head.id, visible=True).order_by("-number"))


def latest_on_site(site_id: int) -> list[Entry]:
    """Returns the visible comments of a site that appeared last, the latest first: two queries.

    Those without a date are asked for apart: databases disagree on where a missing date sorts.
    """
    visible = Comment.objects.filter(thread__site_id=site_id, visible=True)
    dated = _entries(visible.filter(published_at__isnull=False).order_by("-published_at", "-id"))
    undated = _entries(visible.filter(published_at=None).order_by("-id"))
    found = sorted(dated + undated, key=lambda entry: (entry.appeared_at, entry.id), reverse=True)
    return found[:ENTRIES_SHOWN]


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
