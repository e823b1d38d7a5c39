"""A reader of a live stream, as a browser is one, over a plain socket."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Condition, Thread
from time import monotonic
from types import TracebackType
from typing import Any, Self

PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Heard:
    """One event; ``at`` is when it arrived, by ``time.monotonic``."""

    id: int
    kind: str
    data: dict[str, Any]
    at: float


class Listener:
    """Reads a stream in a thread of its own until the server ends it, or ``close``."""

    def __init__(
        self, port: int, key: str, *, since: int | None = None, query: str = "", **headers: str
    ) -> None:
        if since is not None:
            headers["Last-Event-ID"] = str(since)
        lines = [f"GET /api/v1/threads/{key}/stream/{query} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._file = self._socket.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        self.headers: dict[str, str] = {}
        while line := self._file.readline().strip().decode():
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()
        self.events: list[Heard] = []
        self.retry = 0
        self.has_ended = False
        """The server said that there is no more."""
        self.is_over = False
        """Nothing more comes, whether the server said so or not."""
        self._news = Condition()
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        fields: dict[str, str] = {}
        rest = b""
        with suppress(OSError, ValueError):
            while size := int(self._file.readline() or b"-1", 16):
                if size < 0:
                    break
                rest += self._file.read(size)
                self._file.readline()
                *lines, rest = rest.split(b"\n")
                for line in lines:
                    self._take(line.decode(), fields)
            else:
                self.has_ended = True
        with self._news:
            self.is_over = True
            self._news.notify_all()

    def _take(self, line: str, fields: dict[str, str]) -> None:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
            return
        self.retry = int(fields.get("retry", self.retry))
        if "event" in fields:
            data = json.loads(fields["data"])
            heard = Heard(int(fields["id"]), fields["event"], data, monotonic())
            with self._news:
                self.events.append(heard)
                self._news.notify_all()
        fields.clear()

    @property
    def versions(self) -> list[int]:
        """Returns the versions of the changes that were heard, in the order of their coming."""
        return [event.id for event in self.events if event.kind == "change"]

    @property
    def last(self) -> int:
        """Returns what a browser would send as ``Last-Event-ID``."""
        return self.events[-1].id

    def wait(self, condition: Callable[[], bool]) -> None:
        """Returns when the condition holds."""
        with self._news:
            assert self._news.wait_for(condition, PATIENCE_SECONDS), self.events[-5:]

    def wait_for(self, version: int) -> Heard:
        """Returns the event of a version as soon as it is there."""
        self.wait(lambda: any(event.id >= version for event in self.events))
        return next(event for event in self.events if event.id >= version)

    def wait_for_end(self) -> None:
        """Returns when nothing more comes."""
        self.wait(lambda: self.is_over)

    def close(self) -> None:
        """Hangs up."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE_SECONDS)
        self._file.close()
        self._socket.close()

    def __enter__(self) -> Self:
        """Returns itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hangs up."""
        self.close()
