"""All streams of a process: whatever happens in whatever order, each has each version once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from random import Random

import pytest
from django.db import OperationalError
from hypothesis import given
from hypothesis import strategies as st

from comments.errors import RateLimited, Unavailable
from comments.queries.events import CHANGES_SHOWN, Change
from comments.streaming import hub as hub_module
from comments.streaming.frames import change_frame, hello_frame, reset_frame
from comments.streaming.hub import Hub
from comments.streaming.streams import Stream

THREAD = 7


class Store:
    """Threads of which nothing but versions is known; reading takes a while, or fails."""

    def __init__(self, *, seed: int = 0) -> None:
        self.stored = {THREAD: 0}
        self.failures = 0
        """So many reads fail from now on."""
        self.reads: Counter[str] = Counter()
        self._random = Random(seed)

    async def _pause(self, kind: str) -> None:
        self.reads[kind] += 1
        for _ in range(self._random.randrange(4)):
            await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise OperationalError("the database is away")

    async def versions(self, thread_ids: Sequence[int]) -> dict[int, int]:
        await self._pause("versions")
        return {one: self.stored[one] for one in thread_ids if one in self.stored}

    async def changes(self, thread_id: int, *, since: int) -> list[Change]:
        await self._pause("changes")
        last = min(self.stored.get(thread_id, 0), since + CHANGES_SHOWN + 1)
        found = [Change(version, "published", version) for version in range(since + 1, last + 1)]
        # The answer is on its way for a while.
        for _ in range(self._random.randrange(4)):
            await asyncio.sleep(0)
        return found


def new_hub(store: Store, *, is_called: bool = False, most: int = 0, of_address: int = 0) -> Hub:
    return Hub(store, is_called=is_called, most=most, most_of_address=of_address)


def frames(*versions: int) -> bytes:
    return b"".join(change_frame(Change(version, "published", version)) for version in versions)


async def sent_until(stream: Stream, end: bytes) -> bytes:
    """Returns what a stream sends, up to something that it must send."""
    found = b""
    async with asyncio.timeout(20):
        while not found.endswith(end):
            some = await stream.next_bytes()
            assert some, found
            found += some
    return found


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(hub_module, "AGAIN_SECONDS", 0.01)


@given(seed=st.integers(0, 10**6), steps=st.integers(1, 60), calls=st.floats(0, 1))
def test_each_reader_has_each_version_once_in_whatever_order_things_happen(
    seed: int, steps: int, calls: float
) -> None:
    async def play() -> None:
        random, store = Random(seed), Store(seed=seed)
        hub = new_hub(store)
        readers: list[tuple[int, Stream]] = []
        with ExitStack() as stack:
            for _ in range(steps):
                if random.random() < 0.6:
                    store.stored[THREAD] += random.randrange(1, 4)
                    if random.random() < calls:
                        hub.call(THREAD, store.stored[THREAD])
                else:
                    # What is known of the thread when a reader comes may be old by then.
                    known = store.stored[THREAD]
                    since = random.randrange(known + 1)
                    for _ in range(random.randrange(3)):
                        await asyncio.sleep(0)
                    opened = hub.opened(THREAD, version=known, since=since)
                    stream = stack.enter_context(opened)
                    await hub.bring_past(THREAD, stream)
                    readers.append((since, stream))
                await asyncio.sleep(0)
            hub.start()  # from now on it looks for what nobody called
            last = store.stored[THREAD]
            for since, stream in readers:
                if since < last:
                    expected = frames(*range(since + 1, last + 1))
                    assert await sent_until(stream, frames(last)) == expected
            await hub.end()

    asyncio.run(play())


def test_one_read_serves_all_streams_of_a_thread() -> None:
    async def play() -> None:
        store = Store()
        hub = new_hub(store)
        with ExitStack() as stack:
            streams = [
                stack.enter_context(hub.opened(THREAD, version=0, since=0)) for _ in range(50)
            ]
            for _ in range(20):
                await asyncio.sleep(0)
            store.reads.clear()
            store.stored[THREAD] = 1
            for _ in range(10):
                hub.call(THREAD, 1)
            for stream in streams:
                assert await sent_until(stream, frames(1)) == frames(1)
            assert store.reads["changes"] <= 2

    asyncio.run(play())


def test_a_stream_without_a_past_begins_with_the_present() -> None:
    async def play() -> None:
        store = Store()
        store.stored[THREAD] = 5
        hub = new_hub(store)
        with hub.opened(THREAD, version=5, since=None) as stream:
            assert stream.take() == hello_frame(5)
            store.stored[THREAD] = 6
            hub.call(THREAD, 6)
            assert await sent_until(stream, frames(6)) == frames(6)

    asyncio.run(play())


def test_an_import_of_many_comments_is_one_reset_for_everybody() -> None:
    async def play() -> None:
        store = Store()
        hub = new_hub(store)
        with hub.opened(THREAD, version=0, since=0) as stream:
            store.stored[THREAD] = 10 * CHANGES_SHOWN
            hub.call(THREAD, store.stored[THREAD])
            end = reset_frame(10 * CHANGES_SHOWN)
            assert await sent_until(stream, end) == end
            store.stored[THREAD] += 1
            hub.call(THREAD, store.stored[THREAD])
            more = frames(store.stored[THREAD])
            assert await sent_until(stream, more) == more

    asyncio.run(play())


def test_a_database_that_was_away_is_read_again() -> None:
    async def play() -> None:
        store = Store()
        hub = new_hub(store)
        hub.start()
        with hub.opened(THREAD, version=0, since=0) as stream:
            store.failures = 7
            store.stored[THREAD] = 2
            hub.call(THREAD, 2)
            assert await sent_until(stream, frames(2)) == frames(1, 2)
        await hub.end()

    asyncio.run(play())


def test_where_the_database_calls_it_does_not_look_all_the_time() -> None:
    async def play() -> None:
        store = Store()
        hub = new_hub(store, is_called=True)
        hub.start()
        with hub.opened(THREAD, version=0, since=0):
            async with asyncio.timeout(20):
                while store.reads["versions"] < 5:  # nobody hears calls yet
                    await asyncio.sleep(0.01)
            hub.set_hearing(True)
            await asyncio.sleep(0.05)
            store.reads.clear()
            await asyncio.sleep(0.2)
            assert store.reads["versions"] == 0
            hub.set_hearing(False)
            async with asyncio.timeout(20):
                while store.reads["versions"] < 5:
                    await asyncio.sleep(0.01)
        await hub.end()

    asyncio.run(play())


@pytest.mark.parametrize("now", [None, 3])
def test_readers_of_a_thread_that_is_gone_or_was_restored_come_again(now: int | None) -> None:
    async def play() -> None:
        store = Store()
        store.stored[THREAD] = 9
        hub = new_hub(store)
        hub.start()
        with hub.opened(THREAD, version=9, since=9) as stream:
            if now is None:
                del store.stored[THREAD]
            else:
                store.stored[THREAD] = now
            async with asyncio.timeout(20):
                assert await stream.next_bytes() == b""
        if now is not None:
            with hub.opened(THREAD, version=now, since=9) as stream:
                assert stream.take() == reset_frame(now)
        await hub.end()

    asyncio.run(play())


def test_there_is_room_for_so_many_and_who_leaves_makes_room() -> None:
    hub = new_hub(Store(), most=3)
    with hub.admitted("a"), hub.admitted("b"):
        with hub.admitted("a"), pytest.raises(Unavailable):
            hub.admitted("c").__enter__()
        with hub.admitted("c"):
            pass


def test_an_address_has_only_so_many_streams() -> None:
    hub = new_hub(Store(), of_address=2)
    with hub.admitted("a"):
        with hub.admitted("a"), hub.admitted("b"), pytest.raises(RateLimited):
            hub.admitted("a").__enter__()
        with hub.admitted("a"):
            pass
