"""Addresses that name a delivery, so that whatever comes back says by itself what it is about.

A mail leaves with an envelope sender of its own (VERP, variable envelope return path), and offers
an address of its own to unsubscribe by mail. Both are a tag behind a plus (RFC 5233) of one
mailbox: ``bounces+d17.0123456789ab@example.org``. The digits at the end are the beginning of the
delivery's key, which only the subscriber's secret gives: nobody else can make up a bounce.

Whatever a report says in its text is not believed; this alone says who it is about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["d", "u"]
"""``d``: what comes is about the delivery. ``u``: whoever writes wants to unsubscribe."""

KEY_DIGITS = 12
"""Of the key, in an address: 48 bits. Each guess is a mail to us."""
LONGEST_LOCAL = 30
"""Characters of the mailbox itself: with the tag, 64 are allowed (RFC 5321, 4.5.3.1.1)."""
LONGEST_READ = 4_000
"""Characters of a header in which an address is looked for."""

# Some mail servers turn letters to lower or upper case, and some put the local part in quotes.
_TAG = re.compile(
    r"\+ ([du]) ([0-9]{1,18}) \. ([0-9a-f]{12}) \"? @", re.VERBOSE | re.IGNORECASE | re.ASCII
)


@dataclass(frozen=True, slots=True)
class Verp:
    """What an address says; whether the key is right, only the subscriber's secret can tell."""

    kind: Kind
    delivery_id: int
    key: str
    """The first digits of the delivery's key, in lower case."""


def verp_address(*, bounces: str, kind: Kind, delivery_id: int, key: str) -> str:
    """Returns the address that names a delivery.

    Args:
        bounces: the mailbox, as ``bounces@example.org``.
        key: of the delivery; the address carries its first 12 digits.
    """
    local, _, domain = bounces.rpartition("@")
    return f"{local}+{kind}{delivery_id}.{key[:KEY_DIGITS]}@{domain}"


def read_verp(address: str) -> Verp | None:
    """Returns what an address names, also in angle brackets or within a header; else ``None``."""
    return next(verps_in(address), None)


def verps_in(text: str) -> Iterator[Verp]:
    """Yields what each address in a header names that names a delivery."""
    for found in _TAG.finditer(text[:LONGEST_READ]):
        kind: Kind = "d" if found[1] in "dD" else "u"
        yield Verp(kind, int(found[2]), found[3].lower())
