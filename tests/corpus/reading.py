"""Reads the hostile inputs and the cases of this folder, and the real inputs kept outside.

Each line of ``hostile_html.jsonl`` is ``{"class", "payload"}`` and of ``mentions.jsonl``
``{"format", "text", "participants", "mentions"}``, with ``mentions`` as written in the text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).resolve().parent
FORMATS = ("plain", "markdown")


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Returns the objects of a file of JSON lines."""
    # Not splitlines(): it would also split at U+2028 inside a string.
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def own_payloads() -> list[str]:
    """Returns the project's own hostile inputs."""
    return [row["payload"] for row in rows_of(CORPUS / "hostile_html.jsonl")]


def in_both_formats(payloads: list[str]) -> Iterator[tuple[str, str]]:
    """Yields each payload with each format."""
    for payload in payloads:
        for format in FORMATS:
            yield format, payload
