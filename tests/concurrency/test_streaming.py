"""The live stream from a real server: within a second, in order, and nothing twice or never."""

from __future__ import annotations

import json
import signal
import socket
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from time import monotonic
from typing import Any

import psycopg
import pytest

from comments.queries.events import CHANGES_SHOWN
from comments.queries.streams import NOTIFICATIONS
from comments.streaming.hub import LOOK_ANYWAY_SECONDS
from tests.concurrency.conftest import (
    KEY,
    PATIENCE_SECONDS,
    Installation,
    environment,
    listens,
    wait_until,
)
from tests.conftest import ROOT
from tests.streaming.sse import Heard, Listener

pytestmark = pytest.mark.concurrency

on_sqlite = pytest.mark.parametrize("installation", ["sqlite"], indirect=True)
"""For what has nothing to do with the database."""
on_postgresql = pytest.mark.parametrize("installation", ["postgresql"], indirect=True)

PATH = f"/api/v1/threads/{KEY}/stream/"


class StreamServer:
    """``manage.py stream`` at a port of its own, which it keeps when it is begun again."""

    def __init__(self, installation: Installation, **variables: str) -> None:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._environment = {**environment(installation.database_url), **variables}
        self.begin()

    def begin(self) -> None:
        """Begins the process; returns when it takes connections."""
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "stream", f"--port={self.port}"],
            env=self._environment,
            cwd=ROOT,
        )
        wait_until(lambda: listens(self.port), self.process)

    def kill(self) -> None:
        """Ends the process as nothing else does."""
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """Tells the process to end; returns its exit code."""
        self.process.terminate()
        return self.process.wait(timeout=PATIENCE_SECONDS)

    def listener(self, *, key: str = KEY, **more: Any) -> Listener:
        """Returns a reader."""
        return Listener(self.port, key, **more)

    def ask(self, path: str = PATH, *, method: str = "GET", **headers: str) -> tuple[int, Any, Any]:
        """Returns status, headers and document of an answer that is no stream."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)) as http:
            http.request(method, path, headers={n.replace("_", "-"): v for n, v in headers.items()})
            answer = http.getresponse()
            body = answer.read()
            return answer.status, answer.headers, json.loads(body) if body else None


@contextmanager
def streaming(installation: Installation, **variables: str) -> Iterator[StreamServer]:
    """Gives a server of streams on an installation with one thread that has one comment."""
    installation.do(do="begin", generated=0)
    server = StreamServer(installation, **variables)
    try:
        yield server
    finally:
        server.kill()


def delay(listener: Listener, deed: Callable[[], dict[str, Any]]) -> tuple[float, Heard]:
    """Returns how long after a change a reader was told of it, and what he was told."""
    version = deed()["version"]
    done = monotonic()
    heard = listener.wait_for(version)
    return heard.at - done, heard


def test_whatever_happens_is_told_within_a_second_and_in_order(installation: Installation) -> None:
    with streaming(installation) as server, server.listener() as reader:
        teller = installation.actor(do="tell")
        hello = reader.wait_for(1)
        assert (hello.kind, hello.data) == ("hello", {"version": hello.id})
        assert 1_000 <= reader.retry <= 4_000
        one = teller.ask(do="write", source="Something to be seen.")
        reader.wait_for(one["version"])
        told = [
            delay(reader, lambda: teller.ask(do="edit", id=one["id"], source="Something else.")),
            delay(reader, lambda: teller.ask(do="decide", id=one["id"], action="remove")),
            delay(reader, lambda: teller.ask(do="decide", id=one["id"], action="restore")),
            delay(reader, lambda: teller.ask(do="write", source="Another thing.")),
            delay(reader, lambda: teller.ask(do="premoderate", on=True)),
        ]
        kinds = [(heard.data["kind"], heard.data["number"]) for _, heard in told]
        assert kinds == [
            ("edited", one["number"]),
            ("removed", one["number"]),
            ("restored", one["number"]),
            ("published", one["number"] + 1),
            ("state", None),
        ]
        assert reader.versions == list(range(hello.id + 1, told[-1][1].id + 1))
        assert statistics.median(seconds for seconds, _ in told) < 1


def test_nothing_of_held_comments_is_in_a_stream(installation: Installation) -> None:
    with streaming(installation) as server, server.listener() as reader:
        teller = installation.actor(do="tell")
        published = teller.ask(do="write", source="Everybody sees this.")
        on = teller.ask(do="premoderate", on=True)
        first, second = [teller.ask(do="write", source=f"Held, text {n}.") for n in range(2)]
        assert first["number"] is second["number"] is None
        assert second["version"] == on["version"]
        edited = teller.ask(do="edit", id=first["id"], source="Held, and changed.")
        rejected = teller.ask(do="decide", id=second["id"], action="reject")
        assert edited["version"] == rejected["version"] == on["version"]
        # What was public and waits again goes away for readers, and that is all they are told.
        waiting = teller.ask(do="edit", id=published["id"], source="Nobody has looked at this.")
        approved = teller.ask(do="decide", id=first["id"], action="approve")
        reader.wait_for(approved["version"])
        said = [(event.data["kind"], event.data["number"]) for event in reader.events[1:]]
        assert said == [
            ("published", published["number"]),
            ("state", None),
            ("removed", published["number"]),
            ("published", approved["number"]),
        ]
        assert waiting["version"] == approved["version"] - 1
        for event in reader.events[1:]:
            assert set(event.data) == {"version", "kind", "number"}


def test_who_resumes_after_the_server_was_killed_has_each_version_once(
    installation: Installation,
) -> None:
    with streaming(installation) as server:
        people = {"people": 1, "shared_turn": -1, "me": 0}
        poster = installation.actor(do="post_until_killed", turns=0, **people)
        assert poster.line() == {"ready": True}
        with server.listener() as first:
            begun = first.wait_for(1).id
            poster.tell()
            first.wait_for(begun + 5)
            server.kill()
            first.wait_for_end()
        for _ in range(5):
            poster.line()
        server.begin()
        with server.listener(since=first.last) as second:
            second.wait_for(first.last + 10)
            server.kill()
            second.wait_for_end()
        poster.kill()
        server.begin()
        version = installation.inspected()["version"]
        with server.listener(query=f"?since={second.last}") as third:
            if second.last < version:
                third.wait_for(version)
            heard = first.versions + second.versions + third.versions
            assert heard == list(range(begun + 1, version + 1))
            assert not any(event.kind == "reset" for event in second.events + third.events)


def test_many_readers_from_many_versions_each_have_every_version_once(
    installation: Installation,
) -> None:
    with streaming(installation) as server:
        people = {"people": 1, "shared_turn": -1, "me": 0}
        poster = installation.actor(do="post_until_killed", turns=0, **people)
        poster.line()
        poster.tell()
        readers: list[tuple[int, Listener]] = []
        try:
            # They come while comments are written, so that past and news meet in each of them.
            for since in range(20):
                poster.line()
                readers.append((since, server.listener(since=since)))
            poster.kill()
            version = installation.inspected()["version"]
            for since, reader in readers:
                reader.wait_for(version)
                assert reader.versions == list(range(since + 1, version + 1))
        finally:
            for _, reader in readers:
                reader.close()


def test_who_has_missed_too_much_or_comes_from_elsewhere_is_told_to_begin_anew(
    installation: Installation,
) -> None:
    with streaming(installation) as server:
        installation.do(do="begin", generated=CHANGES_SHOWN + 100, key="long")
        with server.listener(key="long") as reader:
            version = reader.wait_for(0).id
        assert version > CHANGES_SHOWN
        for since in (0, version + 1, "none", "-1", "9" * 18):
            with server.listener(key="long", since=since) as reader:
                heard = reader.wait_for(0)
                assert (heard.kind, heard.data) == ("reset", {"version": version})
                assert heard.id == version
        with server.listener(key="long", since=version - CHANGES_SHOWN) as reader:
            reader.wait_for(version)
            assert len(reader.versions) == CHANGES_SHOWN


def test_two_threads_do_not_hear_of_each_other(installation: Installation) -> None:
    with streaming(installation) as server:
        installation.do(do="begin", generated=0, key="other")
        with server.listener() as here, server.listener(key="other") as there:
            here.wait_for(1)
            there.wait_for(1)
            teller = installation.actor(do="tell")
            elsewhere = installation.actor(do="tell", key="other")
            teller.ask(do="write", source="Here.")
            there.wait_for(elsewhere.ask(do="write", source="There.")["version"])
            here.wait_for(teller.ask(do="write", source="Here again.")["version"])
            assert [len(reader.versions) for reader in (here, there)] == [2, 1]


@on_sqlite
def test_who_may_listen_and_who_may_not(installation: Installation) -> None:
    variables = {"SITE_URL": "https://blog.example", "STREAM_URL": "https://live.example"}
    with streaming(installation, **variables) as server:
        installation.actor(do="tell").ask(do="allow", origin="https://host.example")
        for origin in ("https://blog.example", "https://host.example"):
            with server.listener(Origin=origin) as reader:
                assert reader.status == 200
                assert reader.headers["access-control-allow-origin"] == origin
                reader.wait_for(1)
            status, headers, _ = server.ask(
                method="OPTIONS", Origin=origin, Access_Control_Request_Headers="last-event-id"
            )
            assert (status, headers["Access-Control-Allow-Origin"]) == (204, origin)
            assert "last-event-id" in headers["Access-Control-Allow-Headers"]
        for origin in (
            "https://evil.example",
            "https://blog.example.evil.example",
            "http://127.0.0.1:8000",  # a host that is answered, but no page of the site
            "null",
            "*",
        ):
            status, headers, document = server.ask(Origin=origin)
            assert (status, document["code"]) == (403, "forbidden")
            assert headers["Access-Control-Allow-Origin"] is None
            assert server.ask(method="OPTIONS", Origin=origin)[0] == 403


@on_sqlite
def test_a_stream_is_neither_stored_nor_kept_back_by_what_is_in_between(
    installation: Installation,
) -> None:
    with streaming(installation) as server, server.listener() as reader:
        assert reader.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert reader.headers["cache-control"] == "no-store"
        assert reader.headers["x-accel-buffering"] == "no"
        assert reader.headers["vary"] == "Origin"
        assert "set-cookie" not in reader.headers


@on_sqlite
def test_what_cannot_be_streamed_is_refused_as_the_api_refuses(installation: Installation) -> None:
    with streaming(installation) as server:
        for path, expected in [
            ("/api/v1/threads/none/stream/", (404, "thread_unknown")),
            (f"/api/v1/threads/{'x' * 201}/stream/", (404, "not_found")),
            ("/api/v1/threads/a%00b/stream/", (404, "not_found")),
            ("/api/v1/threads/a%2Fb/stream/", (404, "not_found")),
            (f"/api/v1/threads/{KEY}/", (404, "not_found")),
            ("/", (404, "not_found")),
            (f"{PATH}?since=now", (422, "validation_failed")),
            (f"{PATH}?since=%D9%A1", (422, "validation_failed")),
        ]:
            status, headers, document = server.ask(path)
            assert (status, document["code"]) == expected, path
            assert document["status"] == status
            assert headers["Content-Type"] == "application/problem+json"
        status, headers, document = server.ask(method="POST")
        assert (status, document["code"]) == (405, "method_not_allowed")
        assert headers["Allow"] == "GET, OPTIONS"


@on_sqlite
def test_there_are_only_so_many_streams_and_so_many_of_one_address(
    installation: Installation,
) -> None:
    limits = {"STREAMS_MOST": "3", "STREAMS_PER_ADDRESS": "2", "TRUSTED_PROXIES": "1"}
    with streaming(installation, **limits) as server:
        readers = [server.listener(X_Forwarded_For="10.0.0.1") for _ in range(2)]
        try:
            status, headers, document = server.ask(X_Forwarded_For="10.0.0.1")
            assert (status, document["code"]) == (429, "rate_limited")
            assert int(headers["Retry-After"]) > 0
            readers.append(server.listener(X_Forwarded_For="10.0.0.2"))
            status, headers, document = server.ask(X_Forwarded_For="10.0.0.3")
            assert (status, document["code"]) == (503, "unavailable")
            assert int(headers["Retry-After"]) > 0
            readers.pop(0).close()
            wait_until(
                lambda: server.ask(X_Forwarded_For="::1", method="OPTIONS")[0] == 204,
                server.process,
            )
        finally:
            for reader in readers:
                reader.close()


def test_told_to_stop_it_ends_its_streams_at_once_and_cleanly(installation: Installation) -> None:
    with streaming(installation) as server:
        readers = [server.listener() for _ in range(20)]
        try:
            for reader in readers:
                reader.wait_for(1)
            began = monotonic()
            assert server.end() == 0
            assert monotonic() - began < 3
            for reader in readers:
                reader.wait_for_end()
                assert reader.has_ended
        finally:
            for reader in readers:
                reader.close()


@on_sqlite
def test_ctrl_c_ends_it_as_well(installation: Installation) -> None:
    with streaming(installation) as server, server.listener() as reader:
        reader.wait_for(1)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(timeout=PATIENCE_SECONDS) == 0
        reader.wait_for_end()


@on_postgresql
def test_nothing_is_missed_while_the_database_cuts_its_connections(
    installation: Installation,
) -> None:
    named = {"DATABASE_URL": f"{installation.database_url}?application_name=streams"}
    with (
        streaming(installation, **named) as server,
        server.listener() as reader,
        psycopg.connect(installation.database_url, autocommit=True) as database,
    ):
        begun = reader.wait_for(1).id
        teller = installation.actor(do="tell")
        cut: list[str] = []
        for turn in range(30):
            # One after another: a condition that ends whom it looks at ends anybody.
            for pid, query in database.execute(
                "SELECT pid, query FROM pg_stat_activity "
                "WHERE application_name = 'streams' AND datname = current_database()"
            ).fetchall():
                database.execute("SELECT pg_terminate_backend(%s)", [pid])
                cut.append(query)
            said = teller.ask(do="write", source=f"Written in turn {turn}.")
        reader.wait_for(said["version"])
        assert reader.versions == list(range(begun + 1, said["version"] + 1))
        assert any(query.startswith("LISTEN") for query in cut)
        assert len(cut) > 1
        # And it is called again afterwards.
        listening = (
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE query LIKE 'LISTEN %' AND datname = current_database()"
        )
        wait_until(lambda: database.execute(listening).fetchone() == (1,), server.process)
        seconds, _ = delay(reader, lambda: teller.ask(do="write", source="The last one."))
        assert seconds < LOOK_ANYWAY_SECONDS


@on_postgresql
def test_a_transaction_that_fails_calls_nobody(installation: Installation) -> None:
    installation.do(do="begin", generated=0)
    with psycopg.connect(installation.database_url, autocommit=True) as database:
        database.execute(f"LISTEN {NOTIFICATIONS}")
        teller = installation.actor(do="tell")
        done = teller.ask(do="write", source="Stored.")
        teller.ask(do="fail")
        again = teller.ask(do="write", source="Stored as well.")
        calls = [said.payload for said in database.notifies(timeout=5, stop_after=2)]
        assert [call.split()[1] for call in calls] == [str(done["version"]), str(again["version"])]
        assert again["version"] == done["version"] + 1
