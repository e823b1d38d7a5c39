"""A whole installation as an operator runs it: ``manage.py serve`` with all that is beside it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from secrets import token_hex
from time import monotonic, sleep
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import ROOT

PATIENCE_SECONDS = 120
"""Longer than anything here takes: past it a process hangs."""
KEY = "russia-and-the-new-me-part-iv"
"""Of the thread that a first run brings."""
THREAD = f"/api/v1/threads/{KEY}/"
REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379")


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered; names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """Returns the body, read as JSON."""
        return json.loads(self.body)


def ask(
    connection: HTTPConnection, method: str, path: str, body: Any = None, **headers: str
) -> Answer:
    """Returns an answer; ``_`` in the name of a header stands for ``-``."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    content = None
    if body is not None:
        content = body if isinstance(body, bytes) else json.dumps(body)
        given.setdefault("Content-Type", "application/json")
    connection.request(method, path, content, given)
    answer = connection.getresponse()
    got = {name.lower(): value for name, value in answer.getheaders()}
    return Answer(answer.status, got, answer.read())


@dataclass(frozen=True, slots=True)
class Site:
    """A running installation."""

    port: int
    stream_port: int
    process: subprocess.Popen[bytes]
    directory: Path
    environment: dict[str, str]

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Returns the answer to a request over a connection of its own."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            return ask(connection, method, path, body, **headers)

    def figures(self) -> dict[str, float]:
        """Returns each figure under its name with its labels, as ``name{label=value}``."""
        bearer = f"Bearer {self.environment['METRICS_TOKEN']}"
        answer = self.ask("GET", "/metrics", Authorization=bearer)
        assert answer.status == 200
        found = {}
        for family in text_string_to_metric_families(answer.body.decode()):
            for sample in family.samples:
                labels = ",".join(
                    f"{name}={value}" for name, value in sorted(sample.labels.items())
                )
                found[f"{sample.name}{{{labels}}}"] = sample.value
        return found

    def manage(self, *command: str) -> str:
        """Returns what a command of the operator writes to its standard output."""
        return subprocess.run(
            [sys.executable, "manage.py", *command],
            env=self.environment,
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def out(self) -> str:
        """Returns what the processes wrote to their standard output."""
        return (self.directory / "out").read_text(encoding="utf-8")

    def log(self) -> str:
        """Returns what the processes wrote to their standard error."""
        return (self.directory / "err").read_text(encoding="utf-8")

    def mails(self) -> list[bytes]:
        """Returns the mails that left."""
        return [path.read_bytes() for path in sorted((self.directory / "outbox").glob("*"))]

    def stop(self) -> int:
        """Tells the server to stop; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)


def wait_for(condition: Callable[[], Any]) -> Any:
    """Returns what a condition comes to as soon as it is true."""
    until = monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert monotonic() < until, "it never came to that"
        sleep(0.05)
    return found


def free_port() -> int:
    """Returns a port that nobody listens at."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def site(migrated: Path, tmp_path: Path, *options: str, **environment: str) -> Iterator[Site]:
    """Gives an installation after its first run, at work.

    Args:
        migrated: an SQLite database with its tables, of which it gets a copy.
    """
    shutil.copy(migrated, tmp_path / "blog.sqlite3")
    port, stream_port = free_port(), free_port()
    whole = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'blog.sqlite3'}",
        "DJANGO_SETTINGS_MODULE": "blog.settings",
        "OUTBOX_DIR": str(tmp_path / "outbox"),
        "SITE_URL": f"http://127.0.0.1:{port}",
        "STREAM_PORT": str(stream_port),
        "SECRET_KEY": "for-tests-only-" + "z" * 40,
        "AUDIT_SHARE": "0",
        "CACHE_URL": "locmemcache://production",
        "DEBUG": "",
        **environment,
    }
    command = [sys.executable, "manage.py", "serve", "--first-run", f"--port={port}", *options]
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        process = subprocess.Popen(
            command, cwd=ROOT, env=whole, stdout=out, stderr=err, start_new_session=True
        )
        made = Site(port, stream_port, process, tmp_path, whole)
        try:
            wait_for(lambda: process.poll() is not None or _listens(port))
            assert process.poll() is None, made.log()
            yield made
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextmanager
def two_servers(
    migrated: Path, tmp_path: Path, database_url: str, **environment: str
) -> Iterator[list[Site]]:
    """Gives two web servers, each with its streams, on one database and one Redis."""
    whole = {
        "DATABASE_URL": database_url,
        "CACHE_URL": f"{REDIS.replace('redis://', 'rediscache://')}/0?key_prefix={token_hex(6)}",
        "RATE_LIMITS": "off",
        **environment,
    }
    with ExitStack() as both:
        made = []
        for name in ("one", "two"):
            directory = tmp_path / name
            directory.mkdir()
            own = {**whole, "METRICS_DIR": str(directory / "metrics")}
            made.append(both.enter_context(site(migrated, directory, "--workers=1", **own)))
        yield made


def _listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
