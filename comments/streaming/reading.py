"""What the streams ask the database, on a few threads of their own, away from the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Protocol, TypeVar

from django.core.exceptions import DisallowedHost
from django.db import close_old_connections
from django.http import HttpRequest
from django.utils import timezone

from comments.actions.voting import show_votes, votes_may_show
from comments.errors import NotFound, ThreadUnknown
from comments.models import Thread
from comments.queries.events import CHANGES_SHOWN, Change, changes_after
from comments.queries.sites import profile_of, site_of
from comments.queries.streams import may_listen
from comments.queries.threads import ThreadHead, thread_by_key

T = TypeVar("T")

THREADS = 4
AT_ONCE = 500
"""Threads that one query asks for."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a request is about."""

    may_listen: bool
    """Whether pages of the origin that asks may."""
    head: ThreadHead | None = None
    """The thread, if there is one, and the origin may know."""


class Reader(Protocol):
    """What the hub of the streams has to know of the store."""

    async def versions(self, thread_ids: Sequence[int]) -> dict[int, int]:
        """Returns the version of each thread; one that is no more is left out."""

    async def changes(self, thread_id: int, *, since: int) -> list[Change]:
        """Returns the versions after ``since``, in order, and one more than are shown at most."""


class DatabaseReader:
    """Asks Django's database. Each method is a short piece of work on one of a few threads."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="streams")

    async def place(self, *, host: str, key: str | None, origin: str) -> Place:
        """Returns what a request is about; see ``find_place``."""
        return await self._do(lambda: find_place(host=host, key=key, origin=origin))

    async def versions(self, thread_ids: Sequence[int]) -> dict[int, int]:
        """Returns the version of each thread, with votes shown whose time has come."""
        return await self._do(lambda: read_versions(thread_ids))

    async def changes(self, thread_id: int, *, since: int) -> list[Change]:
        """Returns the versions after ``since``, in order, and one more than are shown at most."""
        return await self._do(lambda: read_changes(thread_id, since=since))

    async def _do(self, work: Callable[[], T]) -> T:
        # In a context of its own: which site it is about is a context variable.
        context = copy_context()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, context.run, _with_connection, work)

    def close(self) -> None:
        """Ends the threads; what they are at is of no use any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _with_connection(work: Callable[[], T]) -> T:
    """Returns what ``work`` returns, done with a connection that works."""
    close_old_connections()
    try:
        return work()
    finally:
        close_old_connections()


def find_place(*, host: str, key: str | None, origin: str) -> Place:
    """Returns which thread a request is about, and whether the page that asks may listen to it.

    Args:
        host: the ``Host`` header.
        key: of the thread; ``None`` if the question is of the origin alone.
        origin: the ``Origin`` header; ``""`` from a page of the same origin, or from no page.

    Raises:
        NotFound: no site has this host name.
    """
    request = HttpRequest()
    request.META = {"HTTP_HOST": host, "SERVER_NAME": host, "SERVER_PORT": "80"}
    try:
        site = site_of(request)
    except DisallowedHost:
        raise NotFound() from None
    if origin and not may_listen(origin, profile=profile_of(site)):
        return Place(may_listen=False)
    if key is None:
        return Place(may_listen=True)
    try:
        return Place(may_listen=True, head=thread_by_key(site_id=site.pk, key=key))
    except ThreadUnknown:
        return Place(may_listen=True)


def read_versions(thread_ids: Sequence[int]) -> dict[int, int]:
    """Returns the version of each thread; one that is no more is left out.

    Votes raise a version when somebody reads, and at most once in ten seconds: who has a stream
    open reads all the time, so it is done here as for a request.
    """
    now = timezone.now()
    found: dict[int, int] = {}
    for start in range(0, len(thread_ids), AT_ONCE):
        rows = Thread.objects.filter(pk__in=thread_ids[start : start + AT_ONCE]).values_list(
            "pk", "version", "votes_changed", "changed_at"
        )
        for pk, version, votes_changed, changed_at in rows:
            found[pk] = version
            if votes_changed and votes_may_show(changed_at=changed_at, now=now):
                found[pk] = show_votes(thread_id=pk, now=now).version
    return found


def read_changes(thread_id: int, *, since: int) -> list[Change]:
    """Returns the versions of a thread after ``since``, in order; one more than are shown at most,
    which says that there are too many.
    """
    return changes_after(thread_id=thread_id, since=since, most=CHANGES_SHOWN + 1)
