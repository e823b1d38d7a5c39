"""Rate limits: counted in the cache, so that all processes that share one count together."""

from __future__ import annotations

from contextlib import suppress
from time import time

from django.core.cache import cache
from django.http import HttpRequest

from comments.conf import options
from comments.errors import RateLimited
from comments.rules.limits import (
    Limit,
    address_group,
    client_address,
    read_limit,
    wait_seconds,
    window_of,
)


def spend(name: str, *, who: str, now_seconds: float | None = None) -> None:
    """Counts one request of ``who`` against the limit ``name``; a refused one is not counted.

    Args:
        name: of the setting, such as ``RATE_LIMIT_VOTE``; one that is not set limits nothing.
        who: an address group or a participant; goes into the key as it is.

    Raises:
        RateLimited: with the seconds to wait.
    """
    limit = read_limit(options().rate_limits.get(name, ""))
    if limit is None:
        return
    now = time() if now_seconds is None else now_seconds
    window = window_of(now, limit=limit)
    current_key, previous_key = (_key(name, who, at, limit) for at in (window, window - 1))
    cache.add(current_key, 0, timeout=2 * limit.window_seconds)
    try:
        current = cache.incr(current_key)
    except ValueError:  # the entry went between the two calls
        cache.set(current_key, 1, timeout=2 * limit.window_seconds)
        current = 1
    wait = wait_seconds(
        now_seconds=now, limit=limit, current=current, previous=cache.get(previous_key, 0)
    )
    if wait:
        with suppress(ValueError):  # as above
            cache.decr(current_key)
        raise RateLimited(retry_after_seconds=wait)


def _key(name: str, who: str, window: int, limit: Limit) -> str:
    return f"limit:{name}:{limit.window_seconds}:{who}:{window}"


def address_of(request: HttpRequest) -> str:
    """Returns the group of addresses that a request counts for."""
    return address_group(whole_address_of(request))


def whole_address_of(request: HttpRequest) -> str:
    """Returns the address that a request came from, for rules about ranges; kept nowhere."""
    forwarded = request.headers.get("X-Forwarded-For", "")
    return client_address(
        remote_address=request.META.get("REMOTE_ADDR", ""),
        forwarded_for=[part for part in forwarded.split(",") if part.strip()],
        trusted_proxies=options().trusted_proxies,
    )
