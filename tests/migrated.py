"""Migrated databases, made once in a run of the tests and copied by whoever needs one.

All migrations take five seconds of a processor, and each process of a run and each installation
that a test makes would need them. The processes of one run find each other by the directory that
pytest gives it; the first to ask makes a database, and those that ask meanwhile wait.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent


def migrate(database_url: str) -> None:
    """Makes the tables of a new database, by the migrations."""
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DATABASE_URL": database_url,
        },
        cwd=ROOT,
        check=True,
    )


@contextmanager
def _in_turn(factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Gives the directory of the whole run to one of its processes at a time."""
    directory = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # of which each has a directory inside
        directory = directory.parent
    with (directory / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield directory


def sqlite_template(factory: pytest.TempPathFactory) -> Path:
    """Returns a migrated SQLite database to copy."""
    with _in_turn(factory) as directory:
        made = directory / "migrated.sqlite3"
        if not made.exists():
            unfinished = made.with_suffix(".unfinished")
            migrate(f"sqlite:///{unfinished}")
            unfinished.rename(made)
    return made


@contextmanager
def filled_from(template: Path, in_memory: str) -> Iterator[None]:
    """Lets a database in memory be a copy of one in a file, until somebody empties it.

    Args:
        in_memory: its address, by which others of this process find it.
    """
    with (
        closing(sqlite3.connect(in_memory, uri=True)) as copy,
        closing(sqlite3.connect(template)) as original,
    ):
        original.backup(copy)
        yield


@contextmanager
def postgres_template(factory: pytest.TempPathFactory, server: str) -> Iterator[str]:
    """Gives the name of a migrated PostgreSQL database to copy; whoever leaves last drops it.

    Args:
        server: the URL of a database of a server, which need not be there.
    """
    parts = urlsplit(server)
    server = urlunsplit(parts._replace(path="/postgres"))
    with _in_turn(factory) as directory:
        users = directory / f"migrated-{parts.hostname}-{parts.port}"
        name, count = users.read_text().split() if users.exists() else ("", "0")
        if not name:
            name = f"rejoinder_template_{secrets.token_hex(6)}"
            with psycopg.connect(server, autocommit=True) as connection:
                create_postgres(connection, name, template="template0")
            migrate(urlunsplit(parts._replace(path=f"/{name}")))
        users.write_text(f"{name} {int(count) + 1}")
    try:
        yield name
    finally:
        with _in_turn(factory):
            left = int(users.read_text().split()[1]) - 1
            users.write_text(f"{name} {left}")
            if not left:
                users.unlink()
                with psycopg.connect(server, autocommit=True) as connection:
                    drop_postgres(connection, name)


def create_postgres(connection: psycopg.Connection, name: str, *, template: str) -> None:
    """Makes a database that is a copy of another one."""
    connection.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'").format(
            sql.Identifier(name), sql.Identifier(template)
        )
    )


def drop_postgres(connection: psycopg.Connection, name: str) -> None:
    """Drops a database, whoever is connected to it."""
    connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
