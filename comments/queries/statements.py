"""Statements that are written out, for the reads that are asked for most.

Putting a statement together in the ORM, and its parameters into the text of it, takes several times
as long as its rows take; and rows come faster in PostgreSQL's binary format, which Django's own
cursors do not ask for. What is executed here is seen by ``connection.execute_wrapper`` and in
``connection.queries`` like everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError, connection


def fetch(
    statement: str, parameters: Sequence[Any], *, try_connection: bool = True
) -> list[tuple[Any, ...]]:
    """Returns all rows of a statement with ``%s`` for each parameter; times in them are aware.

    Args:
        parameters: plain values, or lists of whole numbers for ``any_of``.
        try_connection: as Django does first in each request, if ``CONN_HEALTH_CHECKS`` says so.

    Raises:
        DatabaseError: the database refuses, or does not answer.
    """
    given = [_as_text(one) if isinstance(one, list) else one for one in parameters]
    if connection.vendor != "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(statement, given)
            return [_with_aware_times(row) for row in cursor.fetchall()]
    from psycopg import Cursor
    from psycopg.pq import Format

    if try_connection:
        connection.close_if_health_check_failed()
    connection.ensure_connection()
    with connection.wrap_database_errors:
        raw = Cursor(connection.connection)
        raw.format = Format.BINARY
        with connection._prepare_cursor(raw) as cursor:  # type: ignore[attr-defined]
            cursor.execute(statement, given)
            return list(cursor.fetchall())


def _as_text(numbers: list[int]) -> str:
    """Returns a list as each database reads it: quicker than by the type of every number."""
    inside = ",".join(map(str, numbers))
    return f"{{{inside}}}" if connection.vendor == "postgresql" else f"[{inside}]"


def _with_aware_times(row: Sequence[Any]) -> tuple[Any, ...]:
    """Returns a row of SQLite, which stores times without a zone."""
    zone = connection.timezone
    return tuple(
        value.replace(tzinfo=zone) if isinstance(value, datetime) else value for value in row
    )


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
    places = [f"${at}" for at in range(1, len(parameters) + 1)]
    given = [str(one).encode() for one in parameters]
    with connection.wrap_database_errors:
        result = connection.connection.pgconn.exec_params(
            (statement % tuple(places)).encode(), given
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
