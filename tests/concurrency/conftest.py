"""Real databases and real processes, of which each test gets its own."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from threading import Timer
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from tests.conftest import CANNOT_RUN_HERE, ROOT
from tests.migrated import create_postgres, drop_postgres
from tests.migrated import postgres_template as shared_template

ACTOR = Path(__file__).with_name("actor.py")
POSTGRES = os.environ.get("TEST_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
PATIENCE_SECONDS = 240
"""Longer than anything here takes: past it a process hangs."""
KEY = "busy"


def environment(database_url: str) -> dict[str, str]:
    """Returns the environment of an installation that has this database."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "blog.settings",
        "DATABASE_URL": database_url,
        "CACHE_URL": "locmemcache://concurrency",
        "SECRET_KEY": "for-tests-only-" + "y" * 40,
        "ALLOWED_HOSTS": "127.0.0.1",
        "SITE_ID": "1",
        "RATE_LIMITS": "off",
        "LOG_LEVEL": "WARNING",
        "DEBUG": "",
    }


class Actor:
    """A process that acts; see ``actor.py``. One that hangs is killed after a while."""

    def __init__(self, nursery: Nursery, **spec: Any) -> None:
        self._nursery = nursery
        self._connection = nursery.connect()
        self._lines = self._connection.makefile("r", encoding="utf-8")
        self._connection.sendall(json.dumps({"key": KEY, **spec}).encode() + b"\n")
        self._pid = 0
        self._pid = self.line()["pid"]
        self._has_ended = False
        self._patience = Timer(PATIENCE_SECONDS, self._kill)
        self._patience.start()

    def line(self) -> dict[str, Any]:
        """Returns the next thing the process says."""
        line = self._lines.readline()
        assert line, self._nursery.complaints()
        said: dict[str, Any] = json.loads(line)
        return said

    def tell(self) -> None:
        """Sends the process a line: it begins, or ends."""
        self._connection.sendall(b"\n")

    def ask(self, **told: Any) -> dict[str, Any]:
        """Returns what the process says of one thing that it was told to do."""
        self._connection.sendall(json.dumps(told).encode() + b"\n")
        return self.line()

    def rest(self) -> list[dict[str, Any]]:
        """Returns everything else that the process says until it ends well."""
        said: list[dict[str, Any]] = []
        while "ended" not in (one := self.line()):
            said.append(one)
        self._has_ended = True
        return said

    def last_words(self) -> list[dict[str, Any]]:
        """Returns everything else that the process says, however it ends."""
        said = [json.loads(line) for line in self._lines if line.endswith("\n")]
        self._has_ended = True
        return said

    def kill(self) -> list[dict[str, Any]]:
        """Ends the process with SIGKILL; returns what it had said in whole lines."""
        self._kill()
        return [json.loads(line) for line in self._lines if line.endswith("\n")]

    def _kill(self) -> None:
        # Its id is another's once it has ended, so one that has said so is left alone.
        if not self._has_ended:
            self._has_ended = True
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def end(self) -> None:
        """Ends the process, whatever state a test left it in."""
        self._patience.cancel()
        self._kill()
        self._lines.close()
        self._connection.close()


class Nursery:
    """The process of an installation that its actors come from; it has set up Django for them."""

    def __init__(self, database_url: str) -> None:
        self._directory = TemporaryDirectory(prefix="actors")  # a socket's path must be short
        self._path = Path(self._directory.name) / "socket"
        self._complaints = TemporaryFile(mode="w+")  # noqa: SIM115 (closed in `end`)
        self._process = subprocess.Popen(
            [sys.executable, str(ACTOR), str(self._path)],
            env=environment(database_url),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._complaints,
        )
        wait_until(self._path.exists, self._process)

    def connect(self) -> socket.socket:
        """Returns a connection to a new process."""
        connection = socket.socket(socket.AF_UNIX)
        wait_until(lambda: connection.connect_ex(str(self._path)) == 0, self._process)
        return connection

    def complaints(self) -> str:
        """Returns what the processes wrote to their standard error."""
        self._complaints.seek(0)
        return self._complaints.read()

    def end(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()
        self._complaints.close()
        self._directory.cleanup()


class Installation:
    """A migrated database, and processes that work on it."""

    def __init__(self, database_url: str) -> None:
        self.database_url = database_url
        self._nursery = Nursery(database_url)
        self._actors: list[Actor] = []

    def actor(self, **spec: Any) -> Actor:
        """Returns a new process."""
        actor = Actor(self._nursery, **spec)
        self._actors.append(actor)
        return actor

    def do(self, **spec: Any) -> list[dict[str, Any]]:
        """Returns what a process says that does one thing and ends."""
        return self.actor(**spec).rest()

    def at_once(self, specs: list[dict[str, Any]]) -> list[Actor]:
        """Returns a process for each, all begun at the same moment."""
        actors = [self.actor(**spec) for spec in specs]
        for actor in actors:
            assert actor.line() == {"ready": True}
        for actor in actors:
            actor.tell()
        return actors

    def inspected(self) -> dict[str, Any]:
        """Returns what is stored."""
        [stored] = self.do(do="inspect")
        return stored

    @contextmanager
    def served(self) -> Iterator[int]:
        """Gives the port of a production server on this database."""
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        command = [sys.executable, "-m", "granian", "--interface", "wsgi"]
        command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "2"]
        command += ["--blocking-threads", "4", "--log-level", "warning"]
        server = subprocess.Popen(
            [*command, "blog.wsgi:application"], env=environment(self.database_url), cwd=ROOT
        )
        try:
            wait_until(lambda: listens(port), server)
            yield port
        finally:
            server.terminate()
            server.wait(timeout=PATIENCE_SECONDS)

    def end(self) -> None:
        """Ends what a failed test left running."""
        for actor in self._actors:
            actor.end()
        self._nursery.end()


def listens(port: int) -> bool:
    """Returns whether somebody takes connections at a port."""
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], bool], server: subprocess.Popen[bytes]) -> None:
    """Returns when the condition holds; fails if the server ends first."""
    began = monotonic()
    while not condition():
        assert server.poll() is None, "the server has ended"
        assert monotonic() - began < PATIENCE_SECONDS, "the server does not answer"
        sleep(0.05)


@pytest.fixture(scope="session")
def postgres_template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Returns the name of a migrated PostgreSQL database to copy."""
    try:
        psycopg.connect(POSTGRES, connect_timeout=5).close()
    except psycopg.Error as error:
        pytest.skip(f"{CANNOT_RUN_HERE}no PostgreSQL (TEST_DATABASE_URL): {type(error).__name__}")
    with shared_template(tmp_path_factory, POSTGRES) as name:
        yield name


def address_of(name: str) -> str:
    """Returns the URL of a database of the PostgreSQL server that tests may use."""
    return urlunsplit(urlsplit(POSTGRES)._replace(path=f"/{name}"))


@contextmanager
def postgres_database(name: str, *, template: str) -> Iterator[None]:
    """Lets a database be there for a while."""
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        create_postgres(connection, name, template=template)
        try:
            yield
        finally:
            drop_postgres(connection, name)


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """Returns an installation of its own for each test, once on each kind of database."""
    if request.param == "sqlite":
        copy = tmp_path / "busy.sqlite3"
        shutil.copy(request.getfixturevalue("migrated"), copy)
        made = Installation(f"sqlite:///{copy}")
        try:
            yield made
        finally:
            made.end()
        return
    name = f"rejoinder_busy_{secrets.token_hex(6)}"
    with postgres_database(name, template=request.getfixturevalue("postgres_template")):
        made = Installation(address_of(name))
        try:
            yield made
        finally:
            made.end()
