"""What a webhook posts, how that is signed, and where it may be posted to.

The signature follows the scheme that Stripe's webhooks made known: a receiver computes the HMAC
over the time and the body as they came, compares, and refuses a time that is long past.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Literal
from urllib.parse import urlsplit

SIGNATURE_HEADER = "Rejoinder-Signature"
DELIVERY_HEADER = "Rejoinder-Delivery"
PORTS = {"http": 80, "https": 443}
GONE = 410

_NAT64 = IPv6Network("64:ff9b::/96")
"""Addresses that a gateway turns into IPv4 ones (RFC 6052)."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook posts to, taken apart."""

    scheme: str
    host: str
    port: int
    authority: str
    """For the header ``Host``."""
    path: str
    """With the query."""


def target_of(url: str) -> Target:
    """Returns an address taken apart; ``url`` is ASCII.

    Raises:
        ValueError: it is no http or https address, or it carries a user's name.
    """
    parts = urlsplit(url)
    port = parts.port
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("no http or https address")
    if "@" in parts.netloc:
        raise ValueError("the address carries a user's name")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(
        parts.scheme, parts.hostname, port or PORTS[parts.scheme], authority=parts.netloc, path=path
    )


def is_public(address: str) -> bool:
    """Returns whether an IP address is of the public internet, itself and what is inside it.

    False for private, loopback, link-local, shared, multicast and reserved ones (the registries of
    RFC 6890), also when an IPv6 address only wraps such an IPv4 one.
    """
    found = ip_address(address.partition("%")[0])
    return all(
        one.is_global
        and not one.is_multicast
        and not one.is_reserved
        and not (isinstance(one, IPv6Address) and one.is_site_local)
        for one in (_wrapped(found) or [found])
    )


def _wrapped(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """Returns the IPv4 addresses that an IPv6 address leads to."""
    if isinstance(address, IPv4Address):
        return []
    if address in _NAT64:
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    return [one for one in found if one is not None]


def body_of(values: Mapping[str, Any]) -> bytes:
    """Returns the JSON that is posted and signed."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()


def signature(*, secret: str, body: bytes, at: int) -> str:
    """Returns the value of ``Rejoinder-Signature``; ``at`` in seconds since 1970."""
    signed = b"%d.%s" % (at, body)
    return f"t={at},v1={hmac.new(secret.encode(), signed, sha256).hexdigest()}"


def outcome_of(status: int) -> Literal["sent", "failed", "again"]:
    """Returns what an HTTP status makes of a message: 410 says that nobody wants any, ever."""
    if 200 <= status < 300:  # noqa: PLR2004
        return "sent"
    return "failed" if status == GONE else "again"
