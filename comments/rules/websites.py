"""Addresses of commenters' websites, as people type them."""

from __future__ import annotations

import re

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:(?![0-9])", re.ASCII | re.IGNORECASE)
"""What comes before a number is a host, and the number its port: ``example.org:8080``."""


def website_named(text: str) -> str:
    """Returns an address with a scheme: with ``https`` if it was typed without.

    Which schemes are taken, and what an address looks like, is for others to say.
    """
    text = text.strip()
    return text if not text or _SCHEME.match(text) else f"https://{text.removeprefix('//')}"
