"""Writing many rows at once, past the ORM: COPY on PostgreSQL, prepared statements on SQLite."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections, models


class Table:
    """Rows of one model in bulk; what ``names`` leaves out gets its field's default."""

    def __init__(self, model: type[models.Model], names: str) -> None:
        fields = {field.name: field for field in model._meta.concrete_fields}
        given = [fields.pop(name) for name in names.split()]
        rest = [field for field in fields.values() if not field.primary_key]
        quote = connection.ops.quote_name
        columns = [quote(str(field.column)) for field in (*given, *rest)]
        self._database = connections[DEFAULT_DB_ALIAS]
        self._into = f"{quote(model._meta.db_table)} ({', '.join(columns)})"
        self._places = ", ".join(["%s"] * len(columns))
        self._defaults = tuple(
            field.get_db_prep_save(field.get_default(), connection) for field in rest
        )

    def write(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Adds the rows; a datetime in them is one that ``moments_after`` gave."""
        if not rows:
            return
        whole = [row + self._defaults for row in rows]
        with self._database.cursor() as cursor:
            if self._database.vendor == "postgresql":
                with cursor.copy(f"COPY {self._into} FROM STDIN") as copy:
                    for row in whole:
                        copy.write_row(row)
            else:
                sql = f"INSERT INTO {self._into} VALUES ({self._places})"  # noqa: S608
                cursor.executemany(sql, whole)


class Behind:
    """Writes rows in a thread of its own while the next are made, in the same transaction.

    The database works on the other processor meanwhile. Nothing else may use the connection until
    ``wait`` has returned.
    """

    def __enter__(self) -> Behind:
        self._database = connections[DEFAULT_DB_ALIAS]
        self._database.inc_thread_sharing()
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._pending: Future[None] | None = None
        return self

    def __exit__(self, *raised: object) -> None:
        self._thread.shutdown()
        self._database.dec_thread_sharing()

    def write(self, *written: tuple[Table, Sequence[tuple[Any, ...]]]) -> None:
        """Writes rows to their tables, one after the other, when what came before is written."""
        self.wait()
        self._pending = self._thread.submit(_write_all, written)

    def wait(self) -> None:
        """Returns when all is written.

        Raises:
            DatabaseError: the database refuses it.
        """
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()


def _write_all(written: Sequence[tuple[Table, Sequence[tuple[Any, ...]]]]) -> None:
    for table, rows in written:
        table.write(rows)


def moments_after(begin: datetime) -> Callable[[int], Any]:
    """Returns a function from seconds since ``begin`` to what the database stores for that time."""
    adapt = connection.ops.adapt_datetimefield_value
    # The rows of one comment name the same time again and again.
    return lru_cache(maxsize=64)(lambda seconds: adapt(begin + timedelta(seconds=seconds)))


def new_ids(model: type[models.Model], count: int) -> Sequence[int]:
    """Returns ids that nobody else will get, rising."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
                [table, count],
            )
            return array("q", (row[0] for row in cursor))
        # This transaction is the only one that writes, and SQLite notes the ids that it stores.
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        row = cursor.fetchone()
    last: int = row[0] if row else 0
    return range(last + 1, last + 1 + count)


def analyse(*tables: type[models.Model]) -> None:
    """Tells the planner what these tables hold, and tidies up after so large a change."""
    names = ", ".join(connection.ops.quote_name(model._meta.db_table) for model in tables)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            whole = "VACUUM (ANALYZE)" if not connection.in_atomic_block else "ANALYZE"
            cursor.execute(f"{whole} {names}")
            return
        cursor.execute("ANALYZE")
        if not connection.in_atomic_block:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
