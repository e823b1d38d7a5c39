"""The tokens that html5lib, and so bleach, hands from filter to filter."""

from __future__ import annotations

from typing import Any

Token = dict[str, Any]
"""``type`` is ``Characters``, ``Entity``, ``StartTag``, ``EndTag`` or ``EmptyTag``; ``data`` is the
text, or the attributes by ``(namespace, name)``."""


def characters(text: str) -> Token:
    """Returns a piece of text."""
    return {"type": "Characters", "data": text}


def start_tag(name: str) -> Token:
    """Returns the beginning of an element without attributes."""
    return {"type": "StartTag", "name": name, "data": {}}


def end_tag(name: str) -> Token:
    """Returns the end of an element."""
    return {"type": "EndTag", "name": name, "data": {}}


def empty_tag(name: str) -> Token:
    """Returns an element that has no content."""
    return {"type": "EmptyTag", "name": name, "data": {}}
