"""A server of its own for a benchmark: a temporary database, granian, and what its CPU has done."""

from __future__ import annotations

import http.client
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent.parent
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; ``environment`` is the one its commands run with."""

    port: int
    pid: int
    environment: dict[str, str]

    def cpu_seconds(self) -> float:
        """Returns the CPU time that the server and its workers have used so far."""
        return sum(_cpu_seconds(pid) for pid in _family(self.pid))

    def connect(self) -> http.client.HTTPConnection:
        """Returns a connection that is kept for many requests."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)


def _family(pid: int) -> list[int]:
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            found += _family(int(child))
    return found


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def manage(environment: dict[str, str], *command: str) -> str:
    """Returns what a ``manage.py`` command printed."""
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


@contextmanager
def database(url: str | None) -> Iterator[str]:
    """Gives the address of a new database: a file of SQLite, or one beside ``url`` on its server."""
    if url is None:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/benchmark.sqlite3"
        return
    name = f"benchmark_{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(
                sql.Identifier(name)
            )
        )
    try:
        yield f"{url.rpartition('/')[0]}/{name}"
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            connection.execute(drop)


@contextmanager
def prepared(url: str | None) -> Iterator[dict[str, str]]:
    """Gives the environment of an installation with an empty, migrated database."""
    with database(url) as address, tempfile.TemporaryDirectory() as static:
        environment = {
            **os.environ,
            "DATABASE_URL": address,
            "SECRET_KEY": secrets.token_urlsafe(50),
            "RATE_LIMITS": "off",
            "LOG_LEVEL": "WARNING",
            "PYTHONWARNINGS": "ignore",
            "TMPDIR": static,
        }
        manage(environment, "migrate", "-v0")
        yield environment


@contextmanager
def served(environment: dict[str, str], *, workers: int = 1) -> Iterator[Server]:
    """Gives a running server on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", str(workers), "--log-level", "warning"]
    command += ["--blocking-threads", "8"]
    with subprocess.Popen(
        [*command, "blog.wsgi:application"], cwd=ROOT, env=environment
    ) as process:
        try:
            _wait(port)
            yield Server(port, process.pid, environment)
        finally:
            process.terminate()
            process.wait(20)


def _wait(port: int) -> None:
    for _ in range(300):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/api/v1/counts/?key=x")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the server did not start")


def heading() -> str:
    """Returns the command line that prints what follows."""
    return f"$ python {Path(sys.argv[0]).name} {' '.join(sys.argv[1:])}".rstrip()
