"""Reads of a thread on streaming replicas, where one has the very version that is asked for.

Which version a thread has is always asked of the primary: ETags, 304s and stored answers stand on
that alone. What is then made anew for that version may be read elsewhere. In one snapshot a replica
is asked for its version of the thread and for the rest. If the version is another one, or anything
about the replica is odd, the primary is read as if there were no replica.

Another version may also be a newer one: a replica shows what is on its way to the primary's disk
before the primary itself does. Whoever saw that would be shown less by the next read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from threading import Lock
from time import monotonic
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, DatabaseError, Error, connections, models, transaction

from comments.conf import options
from comments.metrics import count_thread_read
from comments.models import Comment, Event, Mention, Participation, Reference, Thread
from comments.queries.statements import fetch, reading_from
from comments.queries.threads import ThreadHead

logger = logging.getLogger(__name__)

Made = TypeVar("Made")

PATIENCE_SECONDS = 3.0
"""For one read on a replica, all its statements together; connecting has a limit of its own."""
REST_SECONDS = 5.0
"""A replica that failed is left alone for so long; then one read tries it, and the others wait."""
READ_ONLY = "25006"
"""What PostgreSQL calls a refusal to write (SQLSTATE ``read_only_sql_transaction``)."""
OF_A_THREAD: frozenset[type[models.Model]] = frozenset(
    {Comment, Event, Mention, Participation, Reference, Thread}
)
"""What a version stands for; other tables are read on the primary at any time."""

_IN_RECOVERY = "pg_is_in_recovery()"
_STATE = f'version, changed_at FROM "{Thread._meta.db_table}" WHERE id = %s'


class WriteWhileReading(RuntimeError):
    """Something that only reads a thread tried to write: a mistake in the program."""


class NotAReplica(DatabaseError):
    """A server that takes writes by now, so that nobody knows whose version of a thread it has."""


class ReplicaRouter:
    """Sends reads of threads to the replica that ``read_version`` has chosen, writes never.

    For ``DATABASE_ROUTERS``; it says nothing of the tables of other apps.
    """

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str | None:
        """Returns where to read: what is no part of a thread is on the primary."""
        if model._meta.app_label != Thread._meta.app_label:
            return None
        return reading_from.get() if model in OF_A_THREAD else DEFAULT_DB_ALIAS

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str | None:
        """Returns where to write.

        Raises:
            WriteWhileReading: a thread is being read on a replica.
        """
        if reading_from.get() != DEFAULT_DB_ALIAS:
            raise WriteWhileReading(model._meta.label)
        return DEFAULT_DB_ALIAS if model._meta.app_label == Thread._meta.app_label else None

    def allow_relation(self, one: models.Model, other: models.Model, **hints: Any) -> bool | None:
        """Returns whether two rows may belong together: a replica's are the primary's."""
        ours = {DEFAULT_DB_ALIAS, *options().replicas}
        return True if {one._state.db, other._state.db} <= ours else None

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        """Returns ``False`` for a replica, which gets its tables from the primary."""
        return False if db in options().replicas else None


def read_version(*, head: ThreadHead, make: Callable[[], Made]) -> Made:
    """Returns what ``make`` reads, on a replica that shows the thread as it is in ``head``, or on
    the primary.

    Args:
        make: only reads, and only this thread. It may be called again after it failed.

    Raises:
        WriteWhileReading: ``make`` writes.
        Exception: whatever else ``make`` raises, but not that a replica did not answer.
    """
    replica = _whose_turn() if options().replicas else None
    if replica is None or reading_from.get() != DEFAULT_DB_ALIAS:
        return make()
    try:
        made = replica.read(head=head, make=make)
    except _AnotherVersion:
        count_thread_read("behind")
    except Error as error:
        replica.leave_alone(error)
        count_thread_read("failed")
    else:
        count_thread_read("replica")
        return made
    return make()


class _AnotherVersion(Exception):
    """The replica does not have what is asked for."""


class _Replica:
    """One replica, and whether it is left alone; for several threads."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._rests_until: float | None = None
        self._lock = Lock()

    def may_be_asked(self) -> bool:
        """Returns whether to ask it; after a rest, ``True`` for one thread that tries it."""
        with self._lock:
            if self._rests_until is not None:
                if monotonic() < self._rests_until:
                    return False
                self._rests_until = monotonic() + PATIENCE_SECONDS + REST_SECONDS
            return True

    def leave_alone(self, error: Error) -> None:
        """Lets it rest after a failure."""
        with self._lock:
            is_news = self._rests_until is None
            self._rests_until = monotonic() + REST_SECONDS
        if is_news:
            logger.warning("%s is not read for now: %s", self._alias, type(error).__name__)

    def read(self, *, head: ThreadHead, make: Callable[[], Made]) -> Made:
        """Returns what ``make`` reads here.

        A connection that was kept from an earlier read may have been ended since: a failure on one
        is tried once more on a new one.

        Raises:
            _AnotherVersion: it does not have this one.
            Error: it does not answer, not within ``PATIENCE_SECONDS``, or is no replica.
            WriteWhileReading: ``make`` writes.
        """
        database = connections[self._alias]
        until = monotonic() + PATIENCE_SECONDS
        is_kept = database.connection is not None
        try:
            return self._read(database, head=head, make=make, until=until)
        except Error as error:
            if getattr(error.__cause__, "sqlstate", None) == READ_ONLY:
                raise WriteWhileReading from error
            database.close()
            if not is_kept or monotonic() >= until:
                raise
        return self._read(database, head=head, make=make, until=until)

    def _read(
        self, database: Any, *, head: ThreadHead, make: Callable[[], Made], until: float
    ) -> Made:
        database.ensure_connection()
        with (
            database.wrap_database_errors,
            _limited(database.connection, until=until),
            transaction.atomic(using=self._alias),
            _reading(self._alias),
        ):
            found = fetch(f"SELECT {_IN_RECOVERY}, {_STATE}", [head.id])
            if found and not found[0][0]:
                raise NotAReplica(self._alias)
            if self._rests_until is not None:
                self._rests_until = None
                logger.warning("%s is read again", self._alias)
            if [row[1:] for row in found] != [(head.version, head.changed_at)]:
                raise _AnotherVersion
            return make()


@contextmanager
def _reading(alias: str) -> Iterator[None]:
    token = reading_from.set(alias)
    try:
        yield
    finally:
        reading_from.reset(token)


@contextmanager
def _limited(connection: Any, *, until: float) -> Iterator[None]:
    """Lets a connection of psycopg wait no longer than ``until``, of ``monotonic()``.

    Its transactions only read, in one snapshot.
    """
    from psycopg import IsolationLevel

    if not connection.read_only:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
    wait = type(connection).wait

    def limited(gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        left = max(until - monotonic(), 0.0)
        return wait(connection, gen, interval, left if timeout is None else min(timeout, left))

    connection.wait = limited
    try:
        yield
    finally:
        del connection.wait


@cache
def _replica(alias: str) -> _Replica:
    return _Replica(alias)


_turn = count()


def _whose_turn() -> _Replica | None:
    """Returns the next replica that is not left alone, ``None`` if all are."""
    names = options().replicas
    first = next(_turn)
    for at in range(len(names)):
        replica = _replica(names[(first + at) % len(names)])
        if replica.may_be_asked():
            return replica
    count_thread_read("resting")
    return None


def forget_replicas() -> None:
    """Forgets which replicas have failed."""
    _replica.cache_clear()
