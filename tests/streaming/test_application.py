"""The application as an ASGI server calls it, with readers that a socket cannot play."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from comments.queries.events import Change
from comments.queries.threads import ThreadHead
from comments.streaming import application as module
from comments.streaming import hub as hub_module
from comments.streaming.application import StreamApplication
from comments.streaming.reading import Place
from tests.making import NOW

HEAD = ThreadHead(
    id=7,
    key="a-thread",
    url="/a/",
    title="A thread",
    state="open",
    premoderation=False,
    version=0,
    visible_count=0,
    visible_roots=0,
    last_number=0,
    opened_at=NOW,
    changed_at=NOW,
    votes_changed=False,
)


class Store:
    """What ``DatabaseReader`` reads, of one thread."""

    version = 0

    async def place(self, *, host: str, key: str | None, origin: str) -> Place:
        return Place(may_listen=True, head=HEAD)

    async def versions(self, thread_ids: Sequence[int]) -> dict[int, int]:
        return dict.fromkeys(thread_ids, self.version)

    async def changes(self, thread_id: int, *, since: int) -> list[Change]:
        numbers = range(since + 1, self.version + 1)
        return [Change(version, "published", version) for version in numbers]

    def close(self) -> None:
        pass


class Reader:
    """The other end of a connection."""

    def __init__(self, *, reads: bool) -> None:
        self.sent: list[dict[str, Any]] = []
        self.has_left = asyncio.Event()
        self._asked = False
        self._reads = reads

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.has_left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.body" and self.sent[1:] and not self._reads:
            await asyncio.Event().wait()
        self.sent.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


SCOPE = {
    "type": "http",
    "method": "GET",
    "path": "/api/v1/threads/a-thread/stream/",
    "query_string": b"",
    "headers": [(b"host", b"127.0.0.1")],
    "client": ("127.0.0.1", 1),
}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(hub_module, "LOOK_SECONDS", 0.005)
    monkeypatch.setattr(module, "can_listen", lambda: False)
    found = Store()
    monkeypatch.setattr(module, "DatabaseReader", lambda: found)
    return found


async def until(condition: Any) -> None:
    """Returns when the condition holds."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


def test_a_reader_who_does_not_read_is_cut_off_while_others_go_on(store: Store) -> None:
    async def play() -> None:
        application = StreamApplication()
        slow, quick = Reader(reads=False), Reader(reads=True)
        tasks = [
            asyncio.create_task(application(dict(SCOPE), one.receive, one.send))
            for one in (slow, quick)
        ]
        await until(lambda: slow.sent and quick.sent)
        while not tasks[0].done():
            store.version += 400
            told = b"id: %d\n" % store.version
            await until(lambda told=told: told in quick.body)
            assert store.version <= 2_000
        tasks[0].result()  # it ended, and nothing was raised
        assert len(slow.sent) == 2
        assert not tasks[1].done()
        assert quick.body.count(b"event: change") == store.version
        await application.end()
        await tasks[1]
        assert quick.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}

    asyncio.run(play())


def test_a_reader_who_leaves_leaves_nothing_behind(store: Store) -> None:
    async def play() -> None:
        application = StreamApplication()
        reader = Reader(reads=True)
        task = asyncio.create_task(application(dict(SCOPE), reader.receive, reader.send))
        await until(lambda: reader.sent[1:])
        reader.has_left.set()
        await asyncio.wait_for(task, 20)
        assert application._hub._channels == {}
        assert application._hub._count == 0
        assert application._hub._of_address == {}
        await application.end()

    asyncio.run(play())


def test_a_server_that_tells_of_beginning_and_end_is_answered(store: Store) -> None:
    async def play() -> list[str]:
        application = StreamApplication()
        told = asyncio.Queue[dict[str, Any]]()
        said: list[str] = []

        async def say(message: Any) -> None:
            said.append(message["type"])

        for kind in ("startup", "shutdown"):
            told.put_nowait({"type": f"lifespan.{kind}"})
        await asyncio.wait_for(application({"type": "lifespan"}, told.get, say), 20)
        return said

    assert asyncio.run(play()) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_who_comes_while_it_ends_is_told_to_come_again(store: Store) -> None:
    async def play() -> Reader:
        application = StreamApplication()
        application.begin()
        await application.end()
        reader = Reader(reads=True)
        await asyncio.wait_for(application(dict(SCOPE), reader.receive, reader.send), 20)
        return reader

    reader = asyncio.run(play())
    assert reader.sent[0]["status"] == 503
    assert b"retry-after" in dict(reader.sent[0]["headers"])
