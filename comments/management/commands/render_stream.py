"""Renders texts from standard input to standard output, one JSON object a line.

For trying out how a text is shown, and for checks from outside. It asks no database: who takes part
and which comments there are come with each line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO, TextIO

from django.core.management.base import BaseCommand, CommandParser

from comments.errors import FieldError, Malformed, Refusal, ValidationFailed
from comments.rules.names import name_key
from comments.rules.rendering import MentionTarget, Rendered, clean_source, render

LONGEST_TEXT = 10_000


class Command(BaseCommand):
    """Answers each line ``{"id", "source"}`` with ``{"id", "html", "mentions"}``."""

    help = (
        'Reads JSON lines {"id", "source", "participants"?: [names], "numbers"?: [numbers]} and '
        'answers each with {"id", "html", "mentions"}, or {"id", "error"} if it is refused. '
        "Mentions are looked for among the participants, references among the numbers."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Adds what the texts are written in, and how long they may be."""
        parser.add_argument("--format", choices=["plain", "markdown"], default="plain")
        parser.add_argument(
            "--max-chars", type=int, default=LONGEST_TEXT, help="longest text that is taken"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Answers line after line until the input ends, each at once."""
        answer_stream(
            sys.stdin.buffer,
            sys.stdout,
            format=options["format"],
            max_chars=options["max_chars"],
        )


def answer_stream(lines: BinaryIO, answers: TextIO, *, format: str, max_chars: int) -> None:
    """Writes one line to ``answers`` for each of ``lines``, and flushes it."""
    for line in lines:
        answer = answer_line(line, format=format, max_chars=max_chars)
        # ASCII, so that no identifier can hold what an encoding cannot.
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def answer_line(line: bytes, *, format: str, max_chars: int) -> dict[str, Any]:
    """Returns what one line is answered with; a line that is refused gets ``error``."""
    answer: dict[str, Any] = {"id": None}
    try:
        asked = _read(line)
        answer["id"] = asked.get("id")
        source = clean_source(_field(asked, "source", str), max_chars=max_chars)
        called = _by_key(_items(asked, "participants", str))
        rendered = render(
            source=source,
            format=format,
            names={key: MentionTarget(None) for key in called},
            numbers=frozenset(_items(asked, "numbers", int)),
        )
    except Refusal as refusal:
        answer["error"] = _problem(refusal)
    else:
        answer["html"] = rendered.html
        answer["mentions"] = list(_mentions(rendered, called))
    return answer


def _refuse_constant(name: str) -> None:
    """Refuses ``NaN`` and ``Infinity``, which are no JSON and could not be answered as such."""
    raise ValueError(name)


def _read(line: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Malformed("The line is not JSON in UTF-8.") from None
    if not isinstance(asked, dict):
        raise Malformed("The line is not a JSON object.")
    return asked


def _field(asked: Mapping[str, Any], name: str, kind: type) -> Any:
    value = asked.get(name)
    if value is None:
        raise ValidationFailed([FieldError(f"#/{name}", "required", f"{name} is missing.")])
    return _checked(value, f"#/{name}", kind)


def _items(asked: Mapping[str, Any], name: str, kind: type) -> list[Any]:
    """Returns the list of that name, empty if there is none; each item is of this kind."""
    if asked.get(name) is None:
        return []
    values: list[Any] = _field(asked, name, list)
    return [_checked(value, f"#/{name}/{index}", kind) for index, value in enumerate(values)]


def _checked(value: Any, pointer: str, kind: type) -> Any:
    # A bool is an int in Python, and none here.
    if not isinstance(value, kind) or isinstance(value, bool):
        detail = f"{pointer} is of the wrong type."
        raise ValidationFailed([FieldError(pointer, "invalid", detail)])
    return value


def _by_key(participants: list[str]) -> dict[str, list[str]]:
    """Returns the names as written by their keys; several may be alike."""
    called: dict[str, list[str]] = {}
    for name in participants:
        names = called.setdefault(name_key(name), [])
        if name not in names:
            names.append(name)
    return called


def _mentions(rendered: Rendered, called: Mapping[str, list[str]]) -> Any:
    for mention in rendered.mentions:
        if mention.key is None:
            continue
        names = called[mention.key]
        # Of names that differ in case or hyphens only, the one that was written is meant.
        name = mention.text[1:] if mention.text[1:] in names else names[0]
        yield {"text": mention.text, "start": mention.start, "end": mention.end, "name": name}


def _problem(refusal: Refusal) -> dict[str, Any]:
    problem: dict[str, Any] = {"code": refusal.code, "detail": refusal.detail}
    if isinstance(refusal, ValidationFailed):
        problem["errors"] = [
            {"pointer": error.pointer, "code": error.code, "detail": error.detail}
            for error in refusal.errors
        ]
    return problem
