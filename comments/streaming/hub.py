"""All open streams of a process, and how news reaches them.

A channel stands for a thread that somebody listens to. Whoever hears that a thread moved wakes its
channel; the channel reads what happened since the version it has, once, and offers it to all its
streams. So a missed call does no harm: the next one, or the next look, brings everything.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Event, Task
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.db import Error

from comments.errors import RateLimited, Unavailable
from comments.metrics import show_streams
from comments.queries.events import CHANGES_SHOWN
from comments.streaming.frames import change_frame, hello_frame, reset_frame
from comments.streaming.reading import Reader
from comments.streaming.streams import Stream

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
"""How often it looks which threads moved, where nobody calls."""
LOOK_ANYWAY_SECONDS = 15.0
"""The same where the database calls: a call may be lost with a connection."""
AGAIN_SECONDS = 1.0
"""After the database could not be read."""
BEAT_SECONDS = 15.0
PATIENCE_SECONDS = 20.0
"""How long a reader may take to read before it is cut off."""
END_SECONDS = 1.0
"""How long streams have to say goodbye."""
COME_AGAIN_SECONDS = 30
"""What somebody is told who has too many streams."""


class Channel:
    """A thread that somebody listens to; ``version`` is what its streams were told of."""

    __slots__ = ("is_asked", "is_reading", "streams", "thread_id", "version")

    def __init__(self, thread_id: int, *, version: int) -> None:
        self.thread_id = thread_id
        self.version = version
        self.streams: set[Stream] = set()
        self.is_asked = False
        """Something happened that has not been read."""
        self.is_reading = False


class Hub:
    """The streams of this process.

    Args:
        is_called: whether the database calls (``listening.py``) when a thread has moved.
        most, most_of_address: how many streams there may be at once; 0 is no limit.
    """

    def __init__(self, reader: Reader, *, is_called: bool, most: int, most_of_address: int) -> None:
        self._reader = reader
        self._is_called = is_called
        self.can_hear = False
        """Whether calls of the database arrive."""
        self._most = most
        self._most_of_address = most_of_address
        self._channels: dict[int, Channel] = {}
        self._count = 0
        self._of_address: Counter[str] = Counter()
        self._look_soon = Event()
        self._tasks: set[Task[Any]] = set()
        self.is_ending = False

    def start(self) -> None:
        """Begins to look and to beat; call it on the event loop."""
        self._keep(self._look_again_and_again())
        self._keep(self._beat())

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- who comes and goes ---------------------------------------------------------------------

    @contextmanager
    def admitted(self, address: str) -> Iterator[None]:
        """Counts somebody who has come, until he leaves.

        Raises:
            Unavailable: the process has as many streams as it may have, or ends.
            RateLimited: the address has.
        """
        if self.is_ending or (self._most and self._count >= self._most):
            raise Unavailable(retry_after=COME_AGAIN_SECONDS)
        if self._most_of_address and self._of_address[address] >= self._most_of_address:
            raise RateLimited(retry_after_seconds=COME_AGAIN_SECONDS)
        self._count += 1
        show_streams(self._count)
        self._of_address[address] += 1
        try:
            yield
        finally:
            self._count -= 1
            show_streams(self._count)
            self._of_address[address] -= 1
            if not self._of_address[address]:
                del self._of_address[address]

    @contextmanager
    def opened(self, thread_id: int, *, version: int, since: int | None) -> Iterator[Stream]:
        """Gives a stream that is told of everything from now on.

        Args:
            version: of the thread, as it was just read.
            since: the version that the reader has; ``None`` begins with the present one, and one
                that never was with a reset. Call ``bring_past`` as well.
        """
        channel = self._channels.get(thread_id)
        if channel is None:
            channel = self._channels[thread_id] = Channel(thread_id, version=version)
            # It may have moved since it was read, and who called then was not heard.
            self._wake(channel)
        now = asyncio.get_running_loop().time()
        present = max(version, channel.version)
        stream = Stream(version=present if since is None else since, now=now)
        if since is None:
            stream.put(hello_frame(present))
        elif not present - CHANGES_SHOWN <= since <= present:
            stream.version = present
            stream.put(reset_frame(present))
        elif since < present:
            stream.await_past()
        channel.streams.add(stream)
        try:
            yield stream
        finally:
            stream.end()
            channel.streams.discard(stream)
            if not channel.streams and self._channels.get(thread_id) is channel:
                del self._channels[thread_id]

    async def bring_past(self, thread_id: int, stream: Stream) -> None:
        """Brings what happened since the version that a reader came with, if something did."""
        if stream.awaits_past:
            stream.bring_past(await self._frames_after(thread_id, since=stream.version))

    async def end(self) -> None:
        """Ends all streams; returns when they have ended, and so has everything else here."""
        self.is_ending = True
        for task in list(self._tasks):
            task.cancel()
        for stream in self._streams():
            stream.end()
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                while self._count:
                    await asyncio.sleep(0.01)
        for stream in self._streams():
            stream.cut()

    def _streams(self) -> list[Stream]:
        return [stream for channel in self._channels.values() for stream in channel.streams]

    # --- news -----------------------------------------------------------------------------------

    def call(self, thread_id: int, version: int) -> None:
        """Tells that a thread has a new version."""
        channel = self._channels.get(thread_id)
        if channel is not None and version > channel.version:
            self._wake(channel)

    def set_hearing(self, can_hear: bool) -> None:
        """Tells whether calls of the database arrive; it looks at once, and more often if not."""
        self.can_hear = can_hear
        self._look_soon.set()

    def _wake(self, channel: Channel) -> None:
        channel.is_asked = True
        if not channel.is_reading:
            channel.is_reading = True
            self._keep(self._read(channel))

    async def _read(self, channel: Channel) -> None:
        """Tells the streams of a channel what happened, until nothing more has."""
        try:
            while channel.is_asked and channel.streams:
                channel.is_asked = False
                await self._tell(channel)
        except Error as error:
            logger.warning("thread %d cannot be read: %s", channel.thread_id, _first_line(error))
            loop = asyncio.get_running_loop()
            loop.call_later(AGAIN_SECONDS, self._wake, channel)
        finally:
            channel.is_reading = False

    async def _tell(self, channel: Channel) -> None:
        frames = await self._frames_after(channel.thread_id, since=channel.version)
        # Offered in one go: nobody can come or go meanwhile.
        for version, frame in frames:
            channel.version = version
            for stream in channel.streams:
                stream.offer(version, frame)

    async def _frames_after(self, thread_id: int, *, since: int) -> list[tuple[int, bytes]]:
        """Returns what to send to who has version ``since``: each change, or one reset."""
        changes = await self._reader.changes(thread_id, since=since)
        if len(changes) <= CHANGES_SHOWN:
            return [(change.version, change_frame(change)) for change in changes]
        version = (await self._reader.versions([thread_id])).get(thread_id, 0)
        return [(version, reset_frame(version))]

    # --- again and again ------------------------------------------------------------------------

    async def _look_again_and_again(self) -> None:
        """Looks which threads moved: all the time, or only in case that a call was lost."""
        was_well = True
        while True:
            self._look_soon.clear()
            try:
                await self._look()
                is_well = True
            except Error as error:
                is_well = False
                if was_well:
                    logger.warning("the database cannot be read: %s", _first_line(error))
            if is_well and not was_well:
                logger.warning("the database can be read again")
            was_well = is_well
            calls = self._is_called and self.can_hear
            pause = LOOK_ANYWAY_SECONDS if calls else LOOK_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(pause if is_well else AGAIN_SECONDS):
                    await self._look_soon.wait()

    async def _look(self) -> None:
        watched = [(channel, channel.version) for channel in self._channels.values()]
        if not watched:
            return
        versions = await self._reader.versions([channel.thread_id for channel, _ in watched])
        for channel, had in watched:
            version = versions.get(channel.thread_id, -1)
            if version < had:
                # The thread is gone, or the database was restored from a copy of yesterday. Who
                # comes again is told so.
                self._channels.pop(channel.thread_id, None)
                for stream in channel.streams:
                    stream.end()
            elif version > channel.version:
                self._wake(channel)

    async def _beat(self) -> None:
        clock: Callable[[], float] = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(1)
            for stream in self._streams():
                stream.beat(now=clock(), every=BEAT_SECONDS, patience=PATIENCE_SECONDS)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
