"""Which database this is, so that a copy of it can be told from the one that it was made from."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from django.db import DatabaseError, connection

POSTGRES = """
    SELECT (SELECT system_identifier FROM pg_control_system()),
           left(pg_walfile_name(pg_current_wal_lsn()), 8),
           (SELECT oid FROM pg_database WHERE datname = current_database())
"""
"""The cluster, its timeline (another one after a recovery or a promotion), and the database in it:
a restored dump is a database of another number."""

POSTGRES_LEAST = "SELECT oid FROM pg_database WHERE datname = current_database()"


def this_place() -> str:
    """Returns what differs between a database and any copy of it that was restored elsewhere.

    Not to be asked inside a transaction: a server that does not tell everything answers the first
    question with an error.
    """
    return sha256(_marks().encode()).hexdigest()[:32]


def _marks() -> str:
    if connection.vendor == "sqlite":
        name = str(connection.settings_dict["NAME"])
        if "memory" in name and not Path(name).exists():
            return "memory"
        place = Path(name).resolve()
        return f"sqlite {place} {place.stat().st_ino}"
    with connection.cursor() as cursor:
        try:
            cursor.execute(POSTGRES)
        except DatabaseError:
            cursor.execute(POSTGRES_LEAST)
        return f"{connection.vendor} {cursor.fetchone()}"
