"""What a change stores, written out: at once, or together at its end.

PostgreSQL takes any number of INSERTs and UPDATEs as one statement, so a comment with all that
belongs to it is on its way once, planned once for each connection, while its thread is locked. The
statements are made from the models; what rows may hold stays said there.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from functools import lru_cache
from typing import Any

from django.db import connection, models

from comments.queries.statements import fetch

Statement = tuple[str, Sequence[Any]]


class Store:
    """Stores each row as it is given."""

    def insert(self, row: models.Model, *, on_conflict: str = "") -> None:
        """Stores a new row; what is stored at once has its primary key afterwards."""
        text, parameters = _insert(row, on_conflict)
        key = row._meta.pk
        found = fetch(f'{text} RETURNING "{key.column}"', parameters, try_connection=False)
        if found:
            setattr(row, key.attname, found[0][0])

    def update(self, row: models.Model, *names: str) -> None:
        """Stores these fields of a row that is there."""
        _execute(_update(row, names))

    def execute(self, statement: str, *parameters: Any) -> None:
        """Executes an INSERT, UPDATE or DELETE with ``%s`` for each parameter."""
        _execute((statement, parameters))

    def call(self, channel: str, said: str) -> None:
        """Calls whoever listens, when the transaction has ended well; on SQLite nobody does."""
        if connection.vendor == "postgresql":
            fetch("SELECT pg_notify(%s, %s)", [channel, said], try_connection=False)


AT_ONCE = Store()


class Together(Store):
    """Stores what it was given when ``write`` is called, at the end of a transaction.

    No part sees what another one stores, and but for several updates of one object no two may
    change the same row: to PostgreSQL they are one statement. Foreign keys are looked at when the
    transaction ends, so the order is free.
    """

    def __init__(self) -> None:
        self._rows: list[tuple[models.Model, str]] = []
        self._updates: dict[int, tuple[models.Model, dict[str, None]]] = {}
        self._statements: list[Statement] = []
        self._calls: list[tuple[str, str]] = []

    def insert(self, row: models.Model, *, on_conflict: str = "") -> None:
        """Keeps a new row, to be stored with what it holds in the end."""
        self._rows.append((row, on_conflict))

    def update(self, row: models.Model, *names: str) -> None:
        """Keeps fields of a row that is there; those of several calls are stored once."""
        _, kept = self._updates.setdefault(id(row), (row, {}))
        kept.update(dict.fromkeys(names))

    def execute(self, statement: str, *parameters: Any) -> None:
        """Keeps a statement."""
        self._statements.append((statement, parameters))

    def call(self, channel: str, said: str) -> None:
        """Keeps a call."""
        self._calls.append((channel, said))

    def write(self, *, asking: Statement | None = None) -> bool:
        """Stores all that was kept; returns whether ``asking``, a query, found rows before that.

        Raises:
            DatabaseError: the database refuses a part; the transaction cannot go on then.
        """
        parts = [_insert(row, on_conflict) for row, on_conflict in self._rows]
        parts += [_update(row, tuple(names)) for row, names in self._updates.values()]
        parts += self._statements
        if connection.vendor != "postgresql":
            found = bool(asking and fetch(*asking, try_connection=False))
            for part in parts:
                _execute(part)
            return found
        named = ", ".join(f"part{at} AS ({text})" for at, (text, _) in enumerate(parts))
        asked = f"EXISTS ({asking[0]})" if asking else "FALSE"
        calls = "".join([", pg_notify(%s, %s)"] * len(self._calls))
        given = [one for _, parameters in parts for one in parameters]
        given += [*(asking[1] if asking else ()), *(one for call in self._calls for one in call)]
        rows = fetch(f"WITH {named} SELECT {asked}{calls}", given, try_connection=False)
        return bool(rows[0][0])


def next_id(model: type[models.Model]) -> str:
    """Returns an expression for a primary key that no row has and none will be given.

    On SQLite that holds until the transaction ends, in which nobody else can write.
    """
    table = model._meta.db_table
    if connection.vendor == "postgresql":
        return f"nextval(pg_get_serial_sequence('{table}', 'id'))"
    return f"(SELECT 1 + coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = '{table}')"  # noqa: S608


def _execute(statement: Statement) -> None:
    text, parameters = statement
    fetch(text, parameters, try_connection=False)


def _insert(row: models.Model, on_conflict: str) -> Statement:
    text, fields = insert_sql(type(row), has_id=row.pk is not None)
    parameters = [_value(field, row) for field in fields]
    row._state.adding = False
    return f"{text} {on_conflict}", parameters


@lru_cache
def insert_sql(model: type[models.Model], *, has_id: bool) -> tuple[str, list[Any]]:
    """Returns the INSERT of one row of a model, and the fields whose values it takes."""
    fields = [field for field in model._meta.concrete_fields if has_id or not field.primary_key]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    places = ", ".join(["%s"] * len(fields))
    return f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES ({places})', fields  # noqa: S608


def _update(row: models.Model, names: tuple[str, ...]) -> Statement:
    text, fields = _update_text(type(row), names)
    return text, [*(_value(field, row) for field in fields), row.pk]


@lru_cache
def _update_text(model: type[models.Model], names: tuple[str, ...]) -> tuple[str, list[Any]]:
    fields = [model._meta.get_field(name) for name in names]
    columns = ", ".join(f'"{field.column}" = %s' for field in fields)  # type: ignore[union-attr]
    table, key = model._meta.db_table, model._meta.pk.column
    return f'UPDATE "{table}" SET {columns} WHERE "{key}" = %s', fields  # noqa: S608


def _value(field: Any, row: models.Model) -> Any:
    value = getattr(row, field.attname)
    if isinstance(field, models.JSONField):
        return field.get_db_prep_save(value, connection)
    # PostgreSQL's adapter would take a choice by its name.
    return value.value if isinstance(value, Enum) else value
