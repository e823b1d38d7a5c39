"""Bodies: JSON in UTF-8, of a limited size and depth, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import orjson
from rest_framework.parsers import BaseParser

from comments.conf import options
from comments.errors import Malformed, TooLarge
from comments.words import gettext_noop, ngettext_lazy

DEEPEST = 16
"""How many levels of objects and arrays a body may have; ours have two."""


class StrictJSONParser(BaseParser):
    """Reads ``application/json``; what is larger than the limit is not read at all."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Returns the value that the body holds.

        Raises:
            TooLarge: the body is larger than ``max_body_bytes``, whatever it declares.
            Malformed: it is not JSON (RFC 8259) in UTF-8, or is nested too deeply.
        """
        largest = options().max_body_bytes
        body = stream.read(largest + 1)
        if len(body) > largest:
            raise TooLarge(
                ngettext_lazy(
                    "A body has at most {number} byte.",
                    "A body has at most {number} bytes.",
                    largest,
                )
            )
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise Malformed(gettext_noop("The body is not JSON in UTF-8.")) from None
        if _depth_exceeds(value, DEEPEST):
            raise Malformed(gettext_noop("The body is nested too deeply."))
        return value


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below += item.values()
            elif isinstance(item, list):
                below += item
        if not below:
            return False
        level = [item for item in below if isinstance(item, dict | list)]
        if not level:
            return False
    return True
