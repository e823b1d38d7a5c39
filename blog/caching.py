"""The cache that processes share: Redis, and while that cannot be asked, each one's own memory.

What is kept there is counts and notes of the last minutes, nothing that anybody would miss: limits
are then counted by each process for itself, and every request goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 1
"""How long Redis may take, to be connected to and to answer; it takes a thousandth of that."""
REST_SECONDS = 5
"""How long it is left alone after it has failed."""
MOST_KEPT = 20_000
"""Entries in memory, while it is away."""


@dataclass(slots=True)
class _Standing:
    """Whether Redis can be asked: known to all threads of the process, which have a client each."""

    is_away: bool = False
    again_at: float = 0.0

    def may_be_asked(self) -> bool:
        """Returns whether it is there; of those that come after a rest, one tries it for all."""
        if not self.is_away:
            return True
        if monotonic() < self.again_at:
            return False
        self.again_at = monotonic() + REST_SECONDS
        return True

    def answered(self) -> None:
        """Notes that it has answered."""
        if self.is_away:
            self.is_away = False
            logger.warning("cache: Redis answers again")

    def failed(self, error: RedisError) -> None:
        """Notes that it has not."""
        self.again_at = monotonic() + REST_SECONDS
        if not self.is_away:
            self.is_away = True
            logger.warning("cache: each process counts for itself, Redis is away: %s", error)


STANDING = _Standing()
"""Of the one Redis that ``CACHE_URL`` names."""


def _or_from_memory(name: str) -> Callable[..., Any]:
    """Returns the method of this name: Redis's, or while that is away the memory's."""
    of_redis, of_memory = getattr(RedisCacheClient, name), getattr(LocMemCache, name)

    def ask(client: _Client, *given: Any) -> Any:
        if STANDING.may_be_asked():
            try:
                found = of_redis(client, *given)
            except RedisError as error:
                STANDING.failed(error)
            else:
                STANDING.answered()
                return found
        return of_memory(client.memory, *given)

    return ask


def _as_it_is(key: str, prefix: str, version: int) -> str:
    return key


class _Client(RedisCacheClient):
    """Django's client, which is given keys as Redis has them."""

    def __init__(self, servers: list[str], **options: Any) -> None:
        for name in ("socket_connect_timeout", "socket_timeout"):
            options.setdefault(name, ANSWER_SECONDS)
        super().__init__(servers, **options)
        # One for all threads: what it keeps is found by its name.
        self.memory = LocMemCache(
            "while Redis is away",
            {"KEY_FUNCTION": _as_it_is, "OPTIONS": {"MAX_ENTRIES": MOST_KEPT}},
        )

    add = _or_from_memory("add")
    get = _or_from_memory("get")
    set = _or_from_memory("set")
    touch = _or_from_memory("touch")
    delete = _or_from_memory("delete")
    get_many = _or_from_memory("get_many")
    has_key = _or_from_memory("has_key")
    incr = _or_from_memory("incr")
    set_many = _or_from_memory("set_many")
    delete_many = _or_from_memory("delete_many")
    clear = _or_from_memory("clear")


class SharedCache(RedisCache):
    """Django's cache in Redis, of which no request fails."""

    def __init__(self, server: str | list[str], params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _Client

    @property
    def is_away(self) -> bool:
        """Returns whether Redis could not be asked the last time."""
        return STANDING.is_away
