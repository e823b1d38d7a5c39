"""A real primary and a real replica under load: nobody ever sees a thread go backwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from secrets import token_hex
from threading import Event, Lock, Thread
from time import sleep
from typing import Any, Self

import pytest

from tests.clusters import STANDBY, Cluster, primary_and_standby, programs
from tests.conftest import CANNOT_RUN_HERE
from tests.production import THREAD, Answer, Site, ask, two_servers, wait_for

pytestmark = pytest.mark.concurrency

POSTING, READING = 2, 4
PAUSE_SECONDS = 0.03
TOKEN = "a-token-for-the-figures"
NEWEST = f"{THREAD}comments/?sort=newest&shape=tree&depth=1&limit="
DIVERGED = "of a world that nobody lives in"


@dataclass
class Seen:
    """What somebody has been shown: whoever asks afterwards must be shown as much."""

    version: int = 0
    count: int = 0
    comments: dict[int, int] = field(default_factory=dict)
    """Versions of comments by their numbers."""


class Watch:
    """What was shown to all together, and what of it went backwards."""

    def __init__(self) -> None:
        self.backwards: list[str] = []
        self._seen = Seen()
        self._lock = Lock()

    def now(self) -> Seen:
        """Returns what has been shown until now."""
        with self._lock:
            return Seen(self._seen.version, self._seen.count, dict(self._seen.comments))

    def compare(self, before: Seen, answer: Any) -> None:
        """Notes what of a list is older than what was shown ``before`` it was asked for."""
        thread, items = answer["thread"], answer["items"]
        versions = {item["number"]: item["version"] for item in items}
        if DIVERGED in str(items):
            self.backwards.append("what only one that is no replica any more has")
        if thread["version"] < before.version or thread["count"] < before.count:
            self.backwards.append(f"{thread} after {before.version}, {before.count}")
        if max(versions) < thread["next_number"] - 1:
            self.backwards.append(f"{max(versions)} is the last of {thread}")
        for number, version in before.comments.items():
            if number >= min(versions) and versions.get(number, 0) < version:
                self.backwards.append(f"{number}: {versions.get(number)} after {version}")
        with self._lock:
            self._seen.version = max(self._seen.version, thread["version"])
            self._seen.count = max(self._seen.count, thread["count"])
            for number, version in versions.items():
                known = self._seen.comments.get(number, 0)
                self._seen.comments[number] = max(known, version)


@dataclass
class Load:
    """Clients who write, edit and read at two servers until they are told to stop."""

    ports: list[int]
    watch: Watch = field(default_factory=Watch)
    posted: int = 0
    reads: int = 0
    failures: list[str] = field(default_factory=list)
    stop: Event = field(default_factory=Event)

    @contextmanager
    def on(self) -> Iterator[Self]:
        """Lets the clients do that for a while."""
        clients = [Thread(target=self._client, args=[self._post, me]) for me in range(POSTING)]
        clients += [Thread(target=self._client, args=[self._read, me]) for me in range(READING)]
        for client in clients:
            client.start()
        try:
            yield self
        finally:
            self.stop.set()
            for client in clients:
                client.join()

    def _client(self, act: Any, me: int) -> None:
        for turn in count(me):
            if self.stop.wait(PAUSE_SECONDS):
                return
            try:
                act(me, turn)
            except Exception as error:  # the test tells
                self.failures.append(repr(error))
                return

    def _ask(self, port: int, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as http:
            answer = ask(http, method, path, body, **headers)
        assert answer.status in {200, 201, 202}, (method, path, answer.status, answer.body)
        return answer

    def _list(self, port: int, *, limit: int = 100) -> dict[int, Any]:
        before = self.watch.now()
        document = self._ask(port, "GET", f"{NEWEST}{limit}").document
        self.watch.compare(before, document)
        self.reads += 1
        return {item["number"]: item for item in document["items"]}

    def _read(self, me: int, turn: int) -> None:
        port = self.ports[turn % 2]
        known = self.watch.now().version
        self._list(port, limit=90 + me)
        # What a page does that has a version: it asks for all that came after.
        changes = self._ask(port, "GET", f"{THREAD}changes/?since={known}").document
        versions = [change["version"] for change in changes["changes"]]
        last = max(changes["version"], *versions, known)
        if versions != list(range(known + 1, last + 1)) or changes["version"] < known:
            self.watch.backwards.append(f"changes since {known}: {versions}, {changes['version']}")

    def _post(self, me: int, turn: int) -> None:
        """Posts and edits, and looks for it at both servers each time."""
        port = self.ports[turn % 2]
        body = {
            "source": f"words {token_hex(8)}",
            "parent": None,
            "author": {"name": f"Poster {me}"},
        }
        answer = self._ask(port, "POST", f"{THREAD}comments/", body)
        if answer.status != 201:
            return
        made = answer.document
        self._look_for(made["number"], body["source"])
        edited = f"other words {token_hex(8)}"
        headers = {
            "Authorization": f"Comment {made['token']}",
            "If_Match": f'"{made["version"]}"',
        }
        self._ask(port, "PATCH", f"/api/v1/comments/{made['id']}/", {"source": edited}, **headers)
        self._look_for(made["number"], edited)
        self.posted += 1

    def _look_for(self, number: int, words: object) -> None:
        for port in self.ports:
            item = self._list(port).get(number)
            if item is None or str(words) not in item["html"]:
                self.watch.backwards.append(f"own comment {number} is not there: {item}")

    def until(self, condition: Callable[[], bool]) -> None:
        """Returns when something has come true, and nothing went backwards until then."""
        wait_for(lambda: self.failures or self.watch.backwards or condition())
        assert self.watch.backwards == []
        assert self.failures == []

    def goes_on(self) -> None:
        """Returns when everybody has written and read some more."""
        posted, reads = self.posted, self.reads
        self.until(lambda: self.posted > posted + 8 and self.reads > reads + 40)

    def grows(self, servers: list[Site], name: str, *, by: int) -> None:
        """Returns when so many more reads have come to that."""
        before = outcome(servers, name)
        self.until(lambda: outcome(servers, name) >= before + by)


@contextmanager
def replicated(
    migrated: Path, tmp_path: Path, *, is_synchronous: bool
) -> Iterator[tuple[Cluster, Cluster, list[Site]]]:
    """Gives a primary, its replica, and two web servers that read on it."""
    found = programs()
    if found is None:
        pytest.skip(f"{CANNOT_RUN_HERE}no PostgreSQL programs (initdb, pg_basebackup)")
    with primary_and_standby(found, is_synchronous=is_synchronous) as (primary, replica):
        primary.ask("CREATE DATABASE blog")
        primary_url, replica_url = (
            f"postgres://postgres@127.0.0.1:{one.port}/blog" for one in (primary, replica)
        )
        told = {"DATABASE_REPLICA_URLS": replica_url, "METRICS_TOKEN": TOKEN}
        with two_servers(migrated, tmp_path, primary_url, **told) as servers:
            yield primary, replica, servers


def outcome(servers: list[Site], name: str) -> float:
    """Returns how many reads came to that, at both servers."""
    figure = f"rejoinder_thread_reads_total{{outcome={name}}}"
    return sum(one.figures().get(figure, 0.0) for one in servers)


def read_by_replica(server: Site) -> None:
    """Returns when a replica has answered a read of this server."""
    for limit in range(20, 100):
        assert server.ask("GET", f"{NEWEST}{limit}").status == 200
        if outcome([server], "replica"):
            return
        sleep(PAUSE_SECONDS)
    raise AssertionError("no replica has answered")


def test_nobody_sees_a_thread_go_backwards_whatever_becomes_of_the_replica(
    migrated: Path, tmp_path: Path
) -> None:
    with replicated(migrated, tmp_path, is_synchronous=False) as (_, replica, servers):
        with Load([one.port for one in servers]).on() as load:
            # As it should be, and with a replica that is always a little late.
            load.grows(servers, "replica", by=50)
            replica.set("recovery_min_apply_delay", "200ms")
            load.grows(servers, "behind", by=50)
            load.goes_on()
            replica.set("recovery_min_apply_delay", "0")

            replica.ask("SELECT pg_wal_replay_pause()")
            load.grows(servers, "behind", by=50)
            load.goes_on()
            replica.ask("SELECT pg_wal_replay_resume()")
            load.grows(servers, "replica", by=50)
            load.goes_on()

            replica.kill()
            load.grows(servers, "failed", by=2)
            load.grows(servers, "resting", by=20)
            load.goes_on()
            replica.start()
            load.grows(servers, "replica", by=50)
            load.goes_on()

            # By mistake: it goes its own way from now on, and is asked whether it does.
            replica.promote()
            replica.ask(f"UPDATE comments_comment SET html = '{DIVERGED}'", database="blog")
            load.grows(servers, "failed", by=2)
            answered = outcome(servers, "replica")
            load.goes_on()
            load.grows(servers, "failed", by=2)
            assert outcome(servers, "replica") == answered
        assert load.failures == []
        assert load.watch.backwards == []
        for one in servers:
            assert "replica_1 is read again" in one.log()
            assert "replica_1 is not read for now: NotAReplica" in one.log()
        assert "in order" in servers[0].manage("check_threads")


def test_a_replica_that_has_a_comment_before_the_primary_shows_it_is_not_believed(
    migrated: Path, tmp_path: Path
) -> None:
    with replicated(migrated, tmp_path, is_synchronous=True) as (primary, replica, servers):
        one, other = servers
        asked = "SELECT version FROM comments_thread"
        version = one.ask("GET", THREAD).document["version"]
        wait_for(lambda: replica.ask(asked, database="blog") == [(version,)])
        for server in servers:
            read_by_replica(server)
        # Commits wait for a second standby that is not there, and nobody at the primary sees them.
        primary.set("synchronous_standby_names", f"FIRST 2 ({STANDBY}, nobody)")
        body = {"source": "Early", "parent": None, "author": {"name": "Ana"}}
        answers: list[Answer] = []
        posting = Thread(target=lambda: answers.append(one.ask("POST", f"{THREAD}comments/", body)))
        posting.start()
        try:
            wait_for(lambda: replica.ask(asked, database="blog") != [(version,)])
            for limit, server in ((11, other), (12, one)):
                shown = server.ask("GET", f"{NEWEST}{limit}").document
                assert shown["thread"]["version"] == version
                assert "Early" not in str(shown)
            assert outcome([other], "behind") >= 1
        finally:
            primary.set("synchronous_standby_names", STANDBY)
            posting.join()
        assert [answer.status for answer in answers] == [201]
        assert "Early" in str(other.ask("GET", f"{NEWEST}11").document)
