"""The database is killed and another takes its place: what was acknowledged is there, once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from secrets import token_hex
from subprocess import CalledProcessError
from threading import Event, Thread
from typing import Self

import pytest

from tests.clusters import Cluster, primary_and_standby, programs
from tests.conftest import CANNOT_RUN_HERE
from tests.production import KEY, THREAD, ask, two_servers, wait_for
from tests.streaming.sse import Listener

pytestmark = pytest.mark.concurrency

POSTING, READING = 4, 4
PAUSE_SECONDS = 0.05


@dataclass
class Load:
    """Clients who write and read at two servers until they are told to stop."""

    ports: list[int]
    acknowledged: list[int] = field(default_factory=list)
    """Ids of comments; some wait for a moderator, and have no number yet."""
    reads: int = 0
    backwards: list[str] = field(default_factory=list)
    refusals: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    stop: Event = field(default_factory=Event)

    @contextmanager
    def on(self) -> Iterator[Self]:
        """Lets the clients do that for a while."""
        clients = [Thread(target=self._post, args=[me], daemon=True) for me in range(POSTING)]
        clients += [Thread(target=self._read, args=[me], daemon=True) for me in range(READING)]
        for client in clients:
            client.start()
        try:
            yield self
        finally:
            self.stop.set()
            for client in clients:
                client.join(60)

    def _post(self, me: int) -> None:
        count = 0
        while not self.stop.wait(PAUSE_SECONDS):
            count += 1
            words = f"words of {me}, the {count}th"
            body = {"source": words, "parent": None, "author": {"name": f"Reader {me}"}}
            key = token_hex(16)
            # As a form does: the same request until there is an answer, at whichever server.
            for attempt in range(10_000):
                posted = self._posted(self.ports[attempt % len(self.ports)], body, key)
                if posted or self.stop.wait(PAUSE_SECONDS):
                    break
            if posted:
                self.acknowledged.append(posted)

    def _posted(self, port: int, body: object, key: str) -> int:
        try:
            with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as http:
                answer = ask(http, "POST", f"{THREAD}comments/", body, Idempotency_Key=key)
        except (OSError, HTTPException) as error:
            self.refusals[type(error).__name__] += 1
            return 0
        if answer.status == 201:
            return int(answer.document["id"])
        self.refusals[str(answer.status)] += 1
        return 0

    def _read(self, me: int) -> None:
        """Each reader asks now this server and now that one; what he sees only ever grows."""
        seen, turn = 0, me
        while not self.stop.wait(PAUSE_SECONDS):
            turn += 1
            try:
                with closing(HTTPConnection("127.0.0.1", self.ports[turn % 2], timeout=60)) as http:
                    answer = ask(http, "GET", f"{THREAD}comments/?limit=5&order=newest")
            except (OSError, HTTPException) as error:
                self.refusals[type(error).__name__] += 1
                continue
            if answer.status != 200:
                self.refusals[str(answer.status)] += 1
                continue
            version = int(answer.document["thread"]["version"])
            if version < seen:
                self.backwards.append(f"reader {me}: {version} after {seen}")
            seen = max(seen, version)
            self.reads += 1


@pytest.fixture
def clusters() -> Iterator[tuple[Cluster, Cluster]]:
    """Returns a primary and its synchronous standby."""
    found = programs()
    if found is None:
        pytest.skip(f"{CANNOT_RUN_HERE}no PostgreSQL programs (initdb, pg_basebackup)")
    with primary_and_standby(found) as both:
        yield both


def test_a_standby_takes_the_place_of_a_primary_that_is_killed_under_load(
    clusters: tuple[Cluster, Cluster], migrated: Path, tmp_path: Path
) -> None:
    primary, standby = clusters
    hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
    primary.ask("CREATE DATABASE blog")
    url = f"postgres://postgres@{hosts}/blog?target_session_attrs=read-write&connect_timeout=3"
    with two_servers(migrated, tmp_path, url) as servers, ExitStack() as open_:
        load = Load([one.port for one in servers])
        listeners = [
            open_.enter_context(closing(Listener(one.stream_port, KEY))) for one in servers
        ]
        begun = [one.wait_for(1).id for one in listeners]
        with load.on():
            wait_for(lambda: len(load.acknowledged) > 5 * POSTING and load.reads > 5 * READING)
            primary.kill()
            before = len(load.acknowledged)
            standby.promote()
            wait_for(lambda: len(load.acknowledged) > before + 5 * POSTING)
        assert load.backwards == []
        assert set(load.refusals) <= {"503", "RemoteDisconnected", "ConnectionResetError"}

        version = servers[0].ask("GET", THREAD).document["version"]
        for one in listeners:
            one.wait_for(version)
        # Nobody's stream ended: it has each version once, from the old database and the new one.
        for one, first in zip(listeners, begun, strict=True):
            assert one.versions == list(range(first + 1, version + 1))
        numbers = _column(standby, "SELECT number FROM comments_comment WHERE number > 0")
        assert set(load.acknowledged) <= set(_column(standby, "SELECT id FROM comments_comment"))
        assert len(load.acknowledged) == len(set(load.acknowledged))
        assert numbers == list(range(1, len(numbers) + 1))
        versions = _column(standby, "SELECT version FROM comments_event")
        assert versions == list(range(1, version + 1))
        # Whoever promoted it knows whether the old one still sends; nobody else does.
        with pytest.raises(CalledProcessError):
            servers[1].manage("send_digests")
        assert "may send" in servers[1].manage("send_digests", "--confirm-place")
        assert "in order" in servers[1].manage("check_threads")
        assert "every one as written" in servers[1].manage("verify_log")


def _column(cluster: Cluster, statement: str) -> list[int]:
    """Returns the numbers in a column, in order."""
    return sorted(int(str(value)) for (value,) in cluster.ask(statement, database="blog"))
