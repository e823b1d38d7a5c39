"""A restart under load: nobody is refused or cut off, and what was acknowledged is there."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event, Thread
from typing import Self

import pytest

from tests.production import PATIENCE_SECONDS, THREAD, Site, ask, site, wait_for

pytestmark = [
    pytest.mark.concurrency,
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="workers are replaced on Linux"),
]

CLIENTS = 12
POSTING = 4
"""Of them."""
PAUSE_SECONDS = 0.05
"""Between two requests of a client: so at any moment most of them wait with an open connection."""


@pytest.fixture
def running(migrated: Path, tmp_path: Path) -> Iterator[Site]:
    with site(migrated, tmp_path, "--workers=2", RATE_LIMITS="off") as made:
        yield made


@dataclass
class Load:
    """Clients who read and write until they are told to stop; each keeps its connection."""

    port: int
    answered: int = 0
    asked_to_come_anew: int = 0
    failures: list[str] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    """Numbers of comments."""
    stop: Event = field(default_factory=Event)

    @contextmanager
    def on(self) -> Iterator[Self]:
        """Lets the clients do that for a while."""
        threads = [Thread(target=self._run, args=[me], daemon=True) for me in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()

    def _run(self, me: int) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        requests = 0
        with closing(connection):
            while not self.stop.wait(PAUSE_SECONDS):
                requests += 1
                try:
                    self._ask(connection, me, requests)
                except (OSError, HTTPException) as error:
                    self.failures.append(f"client {me}: {error!r}")
                    connection.close()
                if me % 3 == 0:  # some connect anew for each request
                    connection.close()

    def _ask(self, connection: HTTPConnection, me: int, request: int) -> None:
        if me >= POSTING:
            answer = ask(connection, "GET", f"{THREAD}comments/?limit=5")
        else:
            author = {"name": f"Reader {me}"}
            body = {"source": f"words of {me}, the {request}th", "parent": None, "author": author}
            answer = ask(connection, "POST", f"{THREAD}comments/", body)
            if answer.status == 201:
                self.acknowledged.append(answer.document["number"])
        if answer.status not in {200, 201}:
            self.failures.append(f"client {me} was answered {answer.status}: {answer.body[:200]!r}")
        self.asked_to_come_anew += answer.headers.get("connection") == "close"
        self.answered += 1


def workers_of(made: Site) -> set[int]:
    """Returns the ids of the server's workers."""
    found = set()
    for process in children_of(made.process.pid):
        with suppress(OSError):  # it has ended
            if b"blog.serving" in Path(f"/proc/{process}/cmdline").read_bytes():
                found.add(process)
    return found


def children_of(process: int) -> list[int]:
    """Returns the ids of what any thread of a process has begun."""
    found: list[int] = []
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):  # the thread has ended
            found += [int(child) for child in children.read_text(encoding="ascii").split()]
    return found


def test_no_request_fails_by_a_restart_and_nothing_acknowledged_is_lost(running: Site) -> None:
    running.ask("GET", THREAD)
    old = workers_of(running)
    beside = set(children_of(running.process.pid)) - old
    assert (len(old), len(beside)) == (2, 2)
    load = Load(running.port)
    with load.on():
        wait_for(lambda: load.answered > 5 * CLIENTS)

        # A program that cannot begin: its workers end, and all stays as it was.
        running.process.send_signal(signal.SIGHUP)
        for worker in wait_for(lambda: workers_of(running) - old):
            os.kill(worker, signal.SIGKILL)
        wait_for(lambda: "did not begin: all goes on as it was" in running.log())
        wait_for(lambda: workers_of(running) == old)

        running.process.send_signal(signal.SIGHUP)
        wait_for(lambda: not old & workers_of(running))
        wait_for(lambda: not beside & set(children_of(running.process.pid)))
        after = load.answered
        wait_for(lambda: load.answered > after + 5 * CLIENTS)
        assert load.failures == []
        assert load.asked_to_come_anew >= CLIENTS // 2
        wait_for(lambda: len(children_of(running.process.pid)) == 4)
        assert len(workers_of(running)) == 2

        # The end of all: who is not answered any more has not been told that it was stored.
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(PATIENCE_SECONDS) == 0
    assert [failure for failure in load.failures if "answered" in failure] == []
    stored = numbers_of(running)
    assert stored == list(range(1, len(stored) + 1))
    assert set(load.acknowledged) <= set(stored)
    assert len(set(load.acknowledged)) == len(load.acknowledged) > POSTING
    said = [line.partition("blog.serving: ")[2] for line in running.log().splitlines()]
    assert said == [
        "restarting: new workers begin",
        "the new workers did not begin: all goes on as it was",
        "restarting: new workers begin",
        "restarted: all workers are new; streams and background work follow",
    ]


def numbers_of(made: Site) -> list[int]:
    """Returns the numbers of all comments that are stored."""
    with closing(sqlite3.connect(made.directory / "blog.sqlite3")) as database:
        rows = database.execute(
            "SELECT number FROM comments_comment WHERE number IS NOT NULL ORDER BY number"
        )
        return [number for (number,) in rows]
