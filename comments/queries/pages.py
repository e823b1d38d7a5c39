"""Finished answers, kept in the memory of the process under the version of their thread.

Since a version names one state of a thread, an entry never goes stale; it only gets old. The
store is bounded in bytes, not in entries: a page of long comments costs what it weighs. When many
ask for the same page at once, one makes it and the others wait for that one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from threading import Condition, Lock
from typing import Any, Generic, TypeVar

from comments.conf import options

Kept = TypeVar("Kept")

OVERHEAD_BYTES = 200
"""What an entry costs beside its content: key, list node, object headers."""
SHARE_OF_ANSWERS = 16
"""One part in so many of the memory for pages is for what stands around them."""


class Recent(Generic[Kept]):
    """What was used last, of at most ``limit_bytes``; for several threads."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.size_bytes = 0
        self._entries: OrderedDict[str, tuple[Kept, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> Kept | None:
        """Returns an entry, or ``None``."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                return None
            self._entries.move_to_end(key)
            return found[0]

    def keep(self, key: str, value: Kept, *, size_bytes: int) -> None:
        """Keeps an entry, unless it is larger than the whole; those used longest ago make room."""
        weight = size_bytes + len(key) + OVERHEAD_BYTES
        if weight > self.limit_bytes:
            return
        with self._lock:
            _, old = self._entries.pop(key, (None, 0))
            self._entries[key] = (value, weight)
            self.size_bytes += weight - old
            while self.size_bytes > self.limit_bytes:
                _, (_, old) = self._entries.popitem(last=False)
                self.size_bytes -= old

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._entries.clear()
            self.size_bytes = 0


class PageStore:
    """A least-recently-used store of at most ``limit_bytes`` of finished answers.

    Beside it stand ``answers``: how whole requests were answered with them.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.answers: Recent[Any] = Recent(limit_bytes // SHARE_OF_ANSWERS)
        self._pages: Recent[bytes] = Recent(limit_bytes)
        self._making: set[str] = set()
        self._changed = Condition()

    @property
    def size_bytes(self) -> int:
        """Returns what the pages take."""
        return self._pages.size_bytes

    def find(self, key: str) -> bytes | None:
        """Returns the entry, if there is one."""
        return self._pages.get(key)

    def get_or_make(self, key: str, make: Callable[[], bytes]) -> bytes:
        """Returns the entry, from ``make`` if there is none; one caller at a time makes a key.

        When the one who makes it fails, the next caller tries: a failure is never kept.
        """
        with self._changed:
            while True:
                found = self._pages.get(key)
                if found is not None:
                    return found
                if key not in self._making:
                    self._making.add(key)
                    break
                self._changed.wait()
        try:
            made = make()
        except BaseException:
            with self._changed:
                self._making.discard(key)
                self._changed.notify_all()
            raise
        with self._changed:
            self._making.discard(key)
            self._pages.keep(key, made, size_bytes=len(made))
            self._changed.notify_all()
        return made

    def clear(self) -> None:
        """Empties the store."""
        self._pages.clear()
        self.answers.clear()


@cache
def page_store() -> PageStore:
    """Returns the store of this process."""
    return PageStore(options().page_cache_bytes)
