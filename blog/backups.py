"""Backups of the database: one file each, made while the site runs, and put back whole.

SQLite's online backup reads page by page while others write and begins again when they did;
``pg_dump`` reads one moment of PostgreSQL. Either file holds the database alone: keep the
environment, with its ``SECRET_KEY``, elsewhere.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from django.contrib.sites.models import Site
from django.db import connection, connections

from comments.models import PostOffice

SQLITE = b"SQLite format 3\0"
POSTGRES = b"PGDMP"
OWN_TABLE = "comments_thread"
OWN_TABLES = frozenset({OWN_TABLE, "comments_comment", "blog_post"})
"""By which a database is known for one of ours: every version has them."""
PAGES_AT_ONCE = 4_096
LEAVE_SECONDS = 3.0
"""How long PostgreSQL may take to notice that whoever was connected has gone."""


class BackupError(Exception):
    """A backup cannot be made or put back; the message says why, without a password."""


def back_up(path: Path, *, replace: bool = False) -> int:
    """Writes a backup of the database, readable by its owner alone; returns its size in bytes.

    Until all of it is on the disk it has another name, so that a backup is whole or is not there.

    Args:
        replace: whether a file that is there may go.

    Raises:
        BackupError: there is a file of the name, or the database could not be read.
    """
    if path.exists() and not replace:
        raise BackupError(f"{path} is there already; --replace writes over it.")
    if _is_database(path):
        raise BackupError(f"{path} is the database itself.")
    if not path.parent.is_dir():
        raise BackupError(f"There is no folder {path.parent}.")
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(4)}.unfinished")
    try:
        unfinished.touch(mode=0o600, exist_ok=False)
        if connection.vendor == "sqlite":
            _back_up_sqlite(unfinished)
        else:
            _run("pg_dump", "--format=custom", f"--file={unfinished}", *_database())
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise BackupError(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        unfinished.unlink(missing_ok=True)
    return path.stat().st_size


def restore(path: Path, *, replace: bool = False) -> None:
    """Puts a backup in the place of the database; mail of it waits for an operator.

    Tables are as they were at the backup: an older one wants ``manage.py migrate`` afterwards.

    Args:
        replace: whether tables of ours that are there may go.

    Raises:
        BackupError: it is no backup of this kind of database, there are tables already, those
            of something else even with ``replace``, or somebody else has the database open. It
            is as it was.
    """
    if _is_database(path):
        raise BackupError(f"{path} is the database itself.")
    _check(path)
    _refuse_tables(replace=replace)
    if connection.vendor == "sqlite":
        _restore_sqlite(path)
    else:
        _refuse_others()
        _restore_postgres(path, replace=replace)


def _refuse_tables(*, replace: bool) -> None:
    """Returns if the database is empty, or is ours and may be written over."""
    tables = set(connection.introspection.table_names())
    if tables and not tables >= OWN_TABLES:
        some = ", ".join(sorted(tables)[:3])
        raise BackupError(
            f"The database has tables, and is none of Rejoinder ({some}): nothing writes over it. "
            "Make an empty one."
        )
    if tables and not replace:
        raise BackupError("The database has tables already; --replace writes over all of them.")


def _is_database(path: Path) -> bool:
    """Returns whether a file is the one that SQLite has the database in."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor != "sqlite" or not path.exists():
        return False
    return Path(name).exists() and path.samefile(name)


def hold_mail_back() -> None:
    """Lets no mail leave until an operator has said that no other copy of the database sends."""
    elsewhere = {"place": f"restored {secrets.token_hex(8)}"}
    for site_id in Site.objects.values_list("pk", flat=True):
        PostOffice.objects.update_or_create(site_id=site_id, defaults=elsewhere)


def _check(path: Path) -> None:
    try:
        with path.open("rb") as file:
            begins = file.read(len(SQLITE))
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror}.") from None
    wanted = SQLITE if connection.vendor == "sqlite" else POSTGRES
    if not begins.startswith(wanted):
        raise BackupError(f"{path} is no backup of a {connection.vendor} database.")
    if connection.vendor == "sqlite":
        with closing(_read_only(path)) as source, _said_as_ours(path):
            [fault] = source.execute("PRAGMA quick_check(1)").fetchone()
            if fault != "ok":
                raise BackupError(f"{path} is damaged: {fault}.")
            found = source.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [OWN_TABLE])
            if found.fetchone() is None:
                raise BackupError(f"{path} holds no comments.")
    elif OWN_TABLE not in _run("pg_restore", "--list", str(path)):
        raise BackupError(f"{path} holds no comments.")


@contextmanager
def _said_as_ours(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise BackupError(f"{path}: {error}.") from None


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def _back_up_sqlite(path: Path) -> None:
    connection.ensure_connection()
    source: Any = connection.connection
    with closing(sqlite3.connect(path)) as target, _said_as_ours(path):
        source.backup(target, pages=PAGES_AT_ONCE, sleep=0.01)
        target.execute("PRAGMA journal_mode=DELETE")  # one file, readable where nobody may write


def _restore_sqlite(path: Path) -> None:
    connection.ensure_connection()
    target: Any = connection.connection
    try:
        # Leaving WAL needs the file for oneself: whoever has it open, at work or not, forbids it.
        # Kept that way, nobody gets at it until all is there.
        target.execute("PRAGMA locking_mode=EXCLUSIVE")
        try:
            target.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError:
            raise BackupError(
                f"{connection.settings_dict['NAME']} is in use: stop the servers, and all else "
                "that has it open, before it is written over."
            ) from None
        with closing(_read_only(path)) as source, _said_as_ours(path):
            source.backup(target, pages=-1)
    finally:
        connection.close()


def _refuse_others() -> None:
    """Returns if nobody else is connected to PostgreSQL's database."""
    until = monotonic() + LEAVE_SECONDS
    while others := _others():
        if monotonic() > until:
            raise BackupError(
                f"The database is in use, by {', '.join(others)}: stop the servers, and all else "
                "that is connected to it, before it is written over."
            )
        sleep(0.1)


def _others() -> list[str]:
    """Returns who is connected to the database beside this process: program, role, how often."""
    connections.close_all()
    opened: Any = connection
    opened.close_pool()
    # One of its own: a pool opens as many as it likes.
    with (
        opened.wrap_database_errors,
        closing(opened.Database.connect(**opened.get_connection_params())) as alone,
    ):
        # Who may not see what others do is not told of what kind they are; only processes of the
        # server itself have no role.
        found = alone.execute(
            "SELECT coalesce(nullif(application_name, ''), 'a program without a name'), "
            "usename, count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND usename IS NOT NULL "
            "AND coalesce(backend_type, 'client backend') = 'client backend' "
            "GROUP BY 1, 2 ORDER BY 1, 2"
        )
        return [f"{program} of {role} ({times})" for program, role, times in found.fetchall()]


def _restore_postgres(path: Path, *, replace: bool) -> None:
    """Makes again what the backup holds, in one transaction; drops nothing unless it may."""
    _run(
        "pg_restore",
        *("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"),
        *(("--clean", "--if-exists") if replace else ()),
        *_database(),
        str(path),
    )


def _database() -> Sequence[str]:
    return "--no-password", f"--dbname={connection.settings_dict['NAME']}"


def _run(program: str, *arguments: str) -> str:
    """Returns what a program of PostgreSQL prints; it is told of the server by the environment,
    since others could read its arguments."""
    found = shutil.which(program)
    if found is None:
        raise BackupError(f"{program} is not here; on Debian: apt-get install postgresql-client")
    given = connection.get_connection_params()
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
    names |= {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "service": "PGSERVICE"}
    told = {names[key]: str(value) for key, value in given.items() if key in names and value}
    done = subprocess.run(  # noqa: S603
        [found, *arguments],
        env={**os.environ, **told},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise BackupError(f"{program}: {said}")
    return done.stdout
