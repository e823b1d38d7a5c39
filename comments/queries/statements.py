"""Statements that are written out, for the reads that are asked for most.

Putting a statement together in the ORM, and its parameters into the text of it, takes several times
as long as its rows take; and rows come faster in PostgreSQL's binary format, which Django's own
cursors do not ask for. What is executed here is seen by ``connection.execute_wrapper`` and in
``connection.queries`` like everything else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any, Literal, TypeVar

from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    OperationalError,
    connection,
    connections,
    models,
)
from django.db.models.base import ModelState

Row = TypeVar("Row", bound=models.Model)

reading_from: ContextVar[str] = ContextVar("reading_from", default=DEFAULT_DB_ALIAS)
"""The database that statements go to: the primary, but where ``replicas`` has chosen another."""


def fetch(
    statement: str, parameters: Sequence[Any], *, try_connection: bool = True
) -> list[tuple[Any, ...]]:
    """Returns all rows of a statement with ``%s`` for each parameter; times in them are aware.

    A statement that gives no rows has none.

    Args:
        parameters: plain values, or lists of whole numbers for ``any_of``.
        try_connection: whether a connection that turns out to be dead is replaced and asked again,
            where Django would try it first in each request (``CONN_HEALTH_CHECKS``).

    Raises:
        DatabaseError: the database refuses, or does not answer.
    """
    database = connections[reading_from.get()]  # once: the usual name for it looks it up each time
    if database.vendor != "postgresql":
        adapt = database.ops.adapt_datetimefield_value
        given = [adapt(one) if isinstance(one, datetime) else one for one in _plain(parameters)]
        with database.cursor() as cursor:
            cursor.execute(statement, given)
            zone = database.timezone
            return [_with_aware_times(row, zone) for row in cursor.fetchall()]
    if try_connection and _is_untried(database):
        try:
            rows = _fetch_from(database, statement, parameters)
        except OperationalError:
            if not database.connection.closed:
                raise
            database.close()
            rows = _fetch_from(database, statement, parameters)
        database.health_check_done = True  # type: ignore[attr-defined]
        return rows
    return _fetch_from(database, statement, parameters)


def _is_untried(database: Any) -> bool:
    """Returns whether a connection is left from an earlier request and not known to be alive."""
    return (
        database.connection is not None
        and database.health_check_enabled
        and not database.health_check_done
        and not database.in_atomic_block
    )


def _fetch_from(database: Any, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    database.ensure_connection()
    written = _numbered(statement, len(parameters))
    with database.wrap_database_errors:
        raw = _cursor_of(database.connection)
        if database.execute_wrappers or database.queries_logged:
            database._prepare_cursor(raw).execute(written, _plain(parameters))
        else:
            database.validate_no_broken_transaction()
            raw.execute(written, _plain(parameters))
        return raw.fetchall() if raw.pgresult.nfields else []


def _cursor_of(connection: Any) -> Any:
    """Returns the cursor of a connection of psycopg that gives rows in binary format.

    One for all statements, each read to its end: a new one is a third of what a small read costs.
    """
    from psycopg import RawCursor
    from psycopg.pq import Format

    cursor = getattr(connection, _CURSOR, None)
    if cursor is None:
        cursor = RawCursor(connection)
        cursor.format = Format.BINARY
        setattr(connection, _CURSOR, cursor)
    return cursor


_CURSOR = "cursor_of_statements"


@lru_cache(maxsize=1024)
def _numbered(statement: str, places: int) -> str:
    """Returns a statement with its places as PostgreSQL writes them."""
    return statement % tuple(f"${at}" for at in range(1, places + 1))


def _plain(parameters: Sequence[Any]) -> list[Any]:
    return [_as_text(one) if isinstance(one, list) else one for one in parameters]


def _as_text(numbers: list[int]) -> str:
    """Returns a list as each database reads it: quicker than by the type of every number."""
    inside = ",".join(map(str, numbers))
    return f"{{{inside}}}" if connection.vendor == "postgresql" else f"[{inside}]"


def _with_aware_times(row: Sequence[Any], zone: tzinfo | None) -> tuple[Any, ...]:
    """Returns a row of SQLite, which stores times without a zone."""
    return tuple(
        value.replace(tzinfo=zone) if isinstance(value, datetime) else value for value in row
    )


def objects(
    model: type[Row],
    condition: str,
    parameters: Sequence[Any],
    *,
    locked: Literal["", "wait", "skip"] = "",
    also: Sequence[str] = (),
) -> list[Row]:
    """Returns the objects of the rows that meet a condition, as a queryset of ``model`` would.

    Their fields are set as they are, past ``Model.__init__``, which takes as long as the row does;
    so signals of its beginning and end are not sent.

    Args:
        condition: what follows ``WHERE``, with ``%s`` for each parameter; an order may stand there.
        locked: nobody else may change the rows until the transaction ends; those that somebody
            else has locked are waited for or left out. SQLite has no such locks: there a
            transaction that writes is alone from its beginning.
        also: expressions whose values come with each object, as its ``also``; they are asked for
            when the row is locked.
    """
    read = _reader(model, connection.vendor)
    statement = f"SELECT {read.columns} FROM {read.table} WHERE {condition}"  # noqa: S608
    if locked and connection.vendor == "postgresql":
        statement += _LOCKED[locked]
    if also:
        statement = f"WITH found AS ({statement}) SELECT found.*, {', '.join(also)} FROM found"  # noqa: S608
    database = reading_from.get()
    found: list[Row] = []
    for row in fetch(statement, parameters):
        one = model.__new__(model)
        one._state = ModelState()
        one._state.adding, one._state.db = False, database
        values = one.__dict__
        values.update(zip(read.names, row, strict=False))
        for name, made in read.made:
            values[name] = made(values[name])
        if also:
            one.also = row[len(read.names) :]  # type: ignore[attr-defined]
        found.append(one)
    return found


def objects_by_id(model: type[Row], ids: Iterable[int | None]) -> dict[int, Row]:
    """Returns the objects of these ids; no query if there is none."""
    wanted = sorted({one for one in ids if one is not None})
    key = f'"{model._meta.pk.column}"'
    return {row.pk: row for row in objects(model, any_of(key), [wanted])} if wanted else {}


_LOCKED = {"wait": " FOR UPDATE", "skip": " FOR UPDATE SKIP LOCKED"}


@dataclass(frozen=True, slots=True)
class _Reader:
    """How the rows of a model are selected, and what its values are made from."""

    columns: str
    table: str
    names: list[str]
    made: list[tuple[str, Callable[[Any], Any]]]
    """Of which fields the value is not what the database gives."""


@lru_cache
def _reader(model: type[models.Model], vendor: str) -> _Reader:
    fields = model._meta.concrete_fields
    columns: list[str] = []
    made: list[tuple[str, Callable[[Any], Any]]] = []
    for field in fields:
        column = f'"{field.column}"'
        if isinstance(field, models.JSONField):
            columns.append(f"CAST({column} AS text)")
            made.append((field.attname, _json_of(field)))
            continue
        columns.append(column)
        if vendor == "sqlite" and isinstance(field, models.BooleanField):
            made.append((field.attname, _truth))
    table = f'"{model._meta.db_table}"'
    return _Reader(", ".join(columns), table, [field.attname for field in fields], made)


def _json_of(field: models.JSONField) -> Callable[[Any], Any]:
    return lambda stored: None if stored is None else json.loads(stored, cls=field.decoder)


def _truth(stored: int | None) -> bool | None:
    return None if stored is None else bool(stored)


def any_of(column: str) -> str:
    """Returns the condition that a column is one of the whole numbers of a list."""
    if connection.vendor == "postgresql":
        return f"{column} = ANY(%s::bigint[])"
    return f"{column} IN (SELECT value FROM json_each(%s))"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Question:
    """A statement with the rows that it was answered with: whole numbers, truth, times, text."""

    statement: str
    parameters: tuple[int | str, ...]
    rows: list[tuple[Any, ...]]

    def is_answered_alike(self) -> bool:
        """Asks again; returns whether the rows are the same, ``False`` if there is no answer.

        The connection is not tried first: a look-up that fails is told by its failing.
        """
        watched = connection.execute_wrappers or connection.queries_logged
        try:
            if connection.vendor == "postgresql" and not watched:
                return _plain_rows(self.statement, self.parameters) == self.rows
            return fetch(self.statement, self.parameters, try_connection=False) == self.rows
        except (DatabaseError, ValueError):  # a time in another style than ISO, say
            return False


def _plain_rows(statement: str, parameters: Sequence[int | str]) -> list[tuple[Any, ...]] | None:
    """Returns all rows, ``None`` if PostgreSQL refuses: libpq alone, without cursor or types.

    For the one look-up that most requests consist of: in a cursor it takes three times as long.

    Raises:
        DatabaseError: there is no connection.
        ValueError: a value is not written as expected.
    """
    from psycopg.pq import ExecStatus

    connection.ensure_connection()
    given = [str(one).encode() for one in parameters]
    with connection.wrap_database_errors:
        result = connection.connection.pgconn.exec_params(
            _numbered(statement, len(parameters)).encode(), given
        )
    if result.status != ExecStatus.TUPLES_OK:
        return None
    read = [_READ.get(result.ftype(at), bytes.decode) for at in range(result.nfields)]
    return [
        tuple(_value(result.get_value(row, at), one) for at, one in enumerate(read))
        for row in range(result.ntuples)
    ]


def _value(stored: bytes | None, read: Callable[[bytes], Any]) -> Any:
    return None if stored is None else read(stored)


_READ: dict[int, Callable[[bytes], Any]] = {
    16: lambda stored: stored == b"t",
    20: int,
    23: int,
    1184: lambda stored: datetime.fromisoformat(stored.decode()),
}
"""How PostgreSQL writes boolean, bigint, integer and timestamptz as text, by their OIDs."""


def asked(statement: str, parameters: tuple[int | str, ...]) -> Question:
    """Returns a question that is asked now, with its answer."""
    return Question(statement, parameters, fetch(statement, parameters))
