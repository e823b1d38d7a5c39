"""One open stream: what it has yet to send, and up to which version it has been told.

Frames are offered to it in order of their versions, some maybe twice: once as part of the past that
it asked for, once as news. It takes each version once. All of it runs on the event loop's thread.
"""

from __future__ import annotations

from asyncio import Event, Task
from collections import deque
from collections.abc import Iterable
from typing import Any

from comments.streaming.frames import HEARTBEAT

MOST_WAITING = 1_000
"""Frames that a stream has not sent; a reader with more is cut off, and resumes when it can."""


class Stream:
    """A reader of one thread.

    Args:
        version: it has been told of everything up to this one.
        now: by the clock of the event loop, in seconds.
    """

    __slots__ = (
        "_frames",
        "_news",
        "_wake",
        "has_ended",
        "is_cut",
        "sending_since",
        "sent_at",
        "version",
        "writer",
    )

    def __init__(self, *, version: int, now: float) -> None:
        self.version = version
        self.has_ended = False
        self.is_cut = False
        self.writer: Task[Any] | None = None
        """The task that sends; it is cancelled when the stream is cut off."""
        self.sent_at = now
        self.sending_since: float | None = None
        """When the sending began that has not ended."""
        self._frames: deque[bytes] = deque()
        self._news: list[tuple[int, bytes]] | None = None
        self._wake = Event()

    def offer(self, version: int, frame: bytes) -> None:
        """Takes news of the thread: each version once, after what the past has still to bring."""
        if self._news is not None:
            self._news.append((version, frame))
            self._limit(len(self._news))
        elif version > self.version:
            self.version = version
            self.put(frame)

    def put(self, frame: bytes) -> None:
        """Takes what has no version."""
        if not self.has_ended:
            self._frames.append(frame)
            self._limit(len(self._frames))
            self._wake.set()

    def await_past(self) -> None:
        """Keeps news back until ``bring_past``."""
        self._news = []

    @property
    def awaits_past(self) -> bool:
        """Returns whether news is kept back."""
        return self._news is not None

    def bring_past(self, past: Iterable[tuple[int, bytes]]) -> None:
        """Takes what happened since the version that the reader has, and then the news."""
        news, self._news = self._news or [], None
        for version, frame in (*past, *news):
            self.offer(version, frame)

    def beat(self, *, now: float, every: float, patience: float) -> None:
        """Sends a sign of life if nothing else was sent; cuts off a reader that does not read."""
        if self.sending_since is not None:
            if now - self.sending_since >= patience:
                self.cut()
        elif now - self.sent_at >= every and not self._frames:
            self.put(HEARTBEAT)

    def _limit(self, waiting: int) -> None:
        if waiting > MOST_WAITING:
            self.cut()

    def end(self) -> None:
        """Ends the stream when what waits has been sent."""
        self.has_ended = True
        self._wake.set()

    def cut(self) -> None:
        """Ends the stream at once, whatever is being sent."""
        if self.is_cut:
            return
        self.is_cut = self.has_ended = True
        self._frames.clear()
        self._news = None
        self._wake.set()
        if self.sending_since is not None and self.writer is not None:
            self.writer.cancel()

    async def next_bytes(self) -> bytes:
        """Returns all that waits to be sent as soon as there is something; ``b""`` at the end."""
        while not self._frames and not self.has_ended:
            self._wake.clear()
            await self._wake.wait()
        return self.take()

    def take(self) -> bytes:
        """Returns all that waits to be sent."""
        found = b"".join(self._frames)
        self._frames.clear()
        return found
