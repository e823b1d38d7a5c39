"""Runs every check and every test, one after the other, and says at the end what each came to.

This is ``make test``. A part that fails does not stop the others. A part that cannot run here (no
PostgreSQL, no Chromium) is named in the last lines; with ``CI=true`` that is a failure, since there
nobody reads why a line is missing.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
LINT_IMPORTS = str(Path(PYTHON).with_name("lint-imports"))
IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
POSTGRES = os.environ.get("TEST_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
WORKERS = ("-n", os.environ.get("TEST_WORKERS", "3"), "--dist", "worksteal")
# Pages that wait for each other are given a processor each.
BROWSER_WORKERS = ("-n", os.environ.get("TEST_WORKERS", "2"), "--dist", "worksteal")

# What says nothing about a database need not be asked of two; what writes at once from many
# processes makes databases of both kinds itself.
WITHOUT_DATABASE = tuple(
    f"--ignore=tests/{folder}"
    for folder in (
        "blog/seed",
        "blog/test_serving.py",
        "browser",
        "commands/test_screen_stream.py",
        "concurrency",
        "house",
        "mail",
        "rules",
        "views",
    )
)

PYTEST_CLOSING = re.compile(r"^=+ (?P<counts>.*\d.*?) in [\d.]+s.*=+$")
PYTEST_NOT_RUN = re.compile(r"^NOT RUN: (?P<what>.+)$")


@dataclass(frozen=True, slots=True)
class Result:
    """What one part came to: ``outcome`` is ``ok``, ``FAILED`` or ``NOT RUN``."""

    part: str
    outcome: str
    seconds: float = 0.0
    note: str = ""


def run(part: str, *command: str, **environment: str) -> Iterator[Result]:
    """Runs one command, printing what it prints; yields its result and those it says of itself."""
    print(f"\n--- {part}", flush=True)
    began = time.monotonic()
    counts, not_run = "", []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            if closing := PYTEST_CLOSING.match(line.rstrip()):
                counts = closing["counts"]
            if missing := PYTEST_NOT_RUN.match(line.rstrip()):
                not_run.append(missing["what"])
    outcome = "ok" if process.returncode == 0 else "FAILED"
    yield Result(part, outcome, time.monotonic() - began, counts)
    for what in not_run:
        yield Result(part, "NOT RUN", note=what)


def parts() -> Iterator[Result]:
    """Runs the parts in order and yields the result of each."""
    yield from run("ruff format", PYTHON, "-m", "ruff", "format", "--check", ".")
    yield from run("ruff check", PYTHON, "-m", "ruff", "check", ".")
    yield from run("mypy", PYTHON, "-m", "mypy")
    yield from run("import-linter", LINT_IMPORTS, "--no-logo", "--cache-dir", ".cache/imports")
    yield from run(
        "migrations",
        *(PYTHON, "manage.py", "makemigrations", "--check", "--dry-run"),
        DJANGO_SETTINGS_MODULE="tests.settings",
        DATABASE_URL="sqlite://:memory:",
    )
    alone = (PYTHON, "-m", "pytest", "--durations=10", "--durations-min=3")
    pytest = (*alone, *WORKERS)
    on_sqlite: Mapping[str, str] = {"DATABASE_URL": "sqlite://:memory:"}
    yield from run("pytest on SQLite", *pytest, "-m", "not browser", **on_sqlite)
    yield from run("pytest in Chromium", *alone, *BROWSER_WORKERS, "-m", "browser", **on_sqlite)
    part = "pytest on PostgreSQL"
    with postgres_database() as (url, why_not):
        if why_not:
            print(f"\n--- {part}: {why_not}", flush=True)
            yield Result(part, "NOT RUN", note=why_not)
        else:
            yield from run(part, *pytest, "-m", "not browser", *WITHOUT_DATABASE, DATABASE_URL=url)


@contextmanager
def postgres_database() -> Iterator[tuple[str, str]]:
    """Gives ``(DATABASE_URL, "")`` for this run alone, or ``("", why there is none)``.

    The name is new for each run, so that two runs at once do not meet; Django makes the test
    databases from it, and those that an interrupted run leaves are dropped at the end.
    """
    parsed = urlsplit(POSTGRES)
    name = f"rejoinder_{secrets.token_hex(6)}"
    try:
        with psycopg.connect(POSTGRES, connect_timeout=5) as connection:
            row = connection.execute(
                "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
    except psycopg.Error as error:
        where = f"{parsed.hostname or 'localhost'}:{parsed.port or 5432}"
        reason = " ".join(str(error).split())
        yield "", f"no PostgreSQL at {where} (TEST_DATABASE_URL): {reason}"
        return
    if not (row and row[0]):
        yield "", "the role of TEST_DATABASE_URL may not create databases"
        return
    try:
        yield urlunsplit(parsed._replace(path=f"/{name}")), ""
    finally:
        with psycopg.connect(POSTGRES, autocommit=True) as connection:
            left = connection.execute(
                "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [f"test_{name}"]
            ).fetchall()
            for (database,) in left:
                drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database))
                connection.execute(drop)


def main() -> int:
    """Runs everything and returns the exit code: 0 when all that has to be right is right."""
    try:
        results = list(parts())
    except KeyboardInterrupt:
        print("\nInterrupted.")
        return 130
    print("\n--- summary")
    for result in results:
        seconds = f"{result.seconds:6.1f} s" if result.seconds else " " * 8
        print(f"{result.outcome:8} {result.part:21} {seconds}  {result.note}".rstrip())
    failed = any(result.outcome == "FAILED" for result in results)
    incomplete = any(result.outcome == "NOT RUN" for result in results)
    if failed:
        print("Not everything is right.")
    elif incomplete:
        print(
            "What ran is right, but not everything could run" + (", as CI asks." if IN_CI else ".")
        )
    else:
        print("Everything is right.")
    return int(failed or (incomplete and IN_CI))


if __name__ == "__main__":
    sys.exit(main())
