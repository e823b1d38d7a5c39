"""Finished answers, kept in the memory of the process under the version of their thread.

Since a version names one state of a thread, an entry never goes stale; it only gets old. The
store is bounded in bytes, not in entries: a page of long comments costs what it weighs. When many
ask for the same page at once, one makes it and the others wait for that one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from threading import Condition

from comments.conf import options

OVERHEAD_BYTES = 200
"""What an entry costs beside its content: key, list node, object headers."""


@dataclass(slots=True)
class PageStore:
    """A least-recently-used store of at most ``limit_bytes`` of finished answers."""

    limit_bytes: int
    size_bytes: int = 0
    _entries: OrderedDict[str, bytes] = field(default_factory=OrderedDict)
    _making: set[str] = field(default_factory=set)
    _changed: Condition = field(default_factory=Condition)

    def get_or_make(self, key: str, make: Callable[[], bytes]) -> bytes:
        """Returns the entry, from ``make`` if there is none; one caller at a time makes a key.

        When the one who makes it fails, the next caller tries: a failure is never kept.
        """
        with self._changed:
            while True:
                found = self._entries.get(key)
                if found is not None:
                    self._entries.move_to_end(key)
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
            self._keep(key, made)
            self._changed.notify_all()
        return made

    def _keep(self, key: str, made: bytes) -> None:
        weight = len(made) + len(key) + OVERHEAD_BYTES
        if weight > self.limit_bytes:
            return
        self._entries[key] = made
        self.size_bytes += weight
        while self.size_bytes > self.limit_bytes:
            old_key, old = self._entries.popitem(last=False)
            self.size_bytes -= len(old) + len(old_key) + OVERHEAD_BYTES

    def clear(self) -> None:
        """Empties the store."""
        with self._changed:
            self._entries.clear()
            self.size_bytes = 0


@cache
def page_store() -> PageStore:
    """Returns the store of this process."""
    return PageStore(options().page_cache_bytes)
