"""How many requests of a kind are allowed in a time, and whose they are."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

_LIMIT = re.compile(r"^(\d+)/(\d*)([smhd])$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Limit:
    """``count`` requests in any ``window_seconds``."""

    count: int
    window_seconds: int


def read_limit(text: str) -> Limit | None:
    """Returns the limit written as ``20/10m``; ``None`` for an empty text: no limit.

    Raises:
        ValueError: the text is not of that form, or names no time.
    """
    if not text:
        return None
    found = _LIMIT.match(text)
    if found is None or int(found[2] or 1) == 0:
        raise ValueError(f"a rate limit is written like 20/10m, not {text!r}")
    return Limit(int(found[1]), int(found[2] or 1) * _SECONDS[found[3]])


def window_of(now_seconds: float, *, limit: Limit) -> int:
    """Returns the number of the fixed window that ``now`` falls into."""
    return int(now_seconds // limit.window_seconds)


def wait_seconds(*, now_seconds: float, limit: Limit, current: int, previous: int) -> int:
    """Returns how many whole seconds to wait before one more request passes; 0 if it passes now.

    A sliding window over two fixed ones: the previous window counts with the share of it that
    the last ``window_seconds`` still cover. ``current`` includes the request in question.
    """
    elapsed = now_seconds % limit.window_seconds
    left = limit.window_seconds - elapsed
    if current > limit.count:
        # This window alone is full: in the next one it counts with a share that falls until one
        # more fits.
        share = (limit.count - 1) / max(1, current - 1)
        return max(1, ceil(left + limit.window_seconds * (1 - share)))
    used = current + previous * left / limit.window_seconds
    if used <= limit.count:
        return 0
    enough = limit.window_seconds * (1 - (limit.count - current) / previous)
    return max(1, ceil(enough - elapsed))


def client_address(
    *, remote_address: str, forwarded_for: Sequence[str], trusted_proxies: int
) -> str:
    """Returns the address that the request came from, as seen by the outermost trusted proxy.

    Args:
        remote_address: of the socket.
        forwarded_for: the entries of ``X-Forwarded-For``, left to right.
        trusted_proxies: how many proxies of ours stand in front; each appended one entry, so
            entries further left may be invented by the client and are not believed.
    """
    if trusted_proxies <= 0 or not forwarded_for:
        return remote_address
    return forwarded_for[-min(trusted_proxies, len(forwarded_for))].strip() or remote_address


def address_group(address: str) -> str:
    """Returns what a limit counts for an address: IPv4 whole, IPv6 by /64 (RFC 6177 sites).

    An IPv4 address written in IPv6 counts as IPv4. What is no address counts as one group.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
