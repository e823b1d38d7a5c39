"""Learns from and scores comments from standard input, one JSON object a line.

For trying out how soon the score knows spam, and for measuring it from outside. It asks no
database: the model is empty at the start, lives in memory and ends with the stream.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO, TextIO

from django.core.management.base import BaseCommand, CommandError

from comments.errors import FieldError, Malformed, Refusal, ValidationFailed
from comments.rules.learning import Learner
from comments.rules.learning_data import LearningUnavailable


class Command(BaseCommand):
    """Answers each line: a score, that it has learned, its size, or what is wrong."""

    help = (
        'Reads JSON lines {"op": "score", "id", "text", "author"?, "parent_text"?}, answered with '
        '{"score": 0 to 1}, where 1 is spam; {"op": "learn", and the same, "label": 0 or 1}, '
        'answered with {"ok": true}; and {"op": "size"}, answered with {"bytes"}. A line that '
        'cannot be read is answered with {"error"}. Starts without having learned anything.'
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Answers line after line until the input ends, each at once."""
        try:
            learner = Learner()
        except LearningUnavailable as missing:
            raise CommandError(str(missing)) from None
        answer_stream(sys.stdin.buffer, sys.stdout, learner=learner)


def answer_stream(lines: BinaryIO, answers: TextIO, *, learner: Learner) -> None:
    """Writes one line to ``answers`` for each of ``lines``, and flushes it."""
    for line in lines:
        try:
            answer = _answer(_read(line), learner)
        except Refusal as refusal:
            answer = {"error": _problem(refusal)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _answer(asked: Mapping[str, Any], learner: Learner) -> dict[str, Any]:
    match asked.get("op"):
        case "score":
            _key(asked)
            return {"score": learner.score(**_comment(asked))}
        case "learn":
            learner.learn(key=_key(asked), label=_label(asked), **_comment(asked))
            return {"ok": True}
        case "size":
            return {"bytes": learner.size_bytes()}
        case _:
            raise _wrong("op", "invalid", "op is score, learn or size.")


def _refuse_constant(name: str) -> None:
    """Refuses ``NaN`` and ``Infinity``, which are no JSON."""
    raise ValueError(name)


def _read(line: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Malformed("The line is not JSON in UTF-8.") from None
    if not isinstance(asked, dict):
        raise Malformed("The line is not a JSON object.")
    return asked


def _comment(asked: Mapping[str, Any]) -> dict[str, str]:
    """Returns the text, and what is known beside it; NUL and lone surrogates are read as well."""
    comment = {
        "text": asked.get("text"),
        "author": _or_empty(asked.get("author")),
        "parent_text": _or_empty(asked.get("parent_text")),
    }
    for name, value in comment.items():
        if not isinstance(value, str):
            raise _missing_or_wrong(name, value, "a string")
    return comment


def _or_empty(value: Any) -> Any:
    return "" if value is None else value


def _key(asked: Mapping[str, Any]) -> str | int:
    value = asked.get("id")
    # A bool is an int in Python, and none here.
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise _missing_or_wrong("id", value, "a string or a whole number")
    return value


def _label(asked: Mapping[str, Any]) -> int:
    value = asked.get("label")
    if not isinstance(value, int) or isinstance(value, bool) or value not in {0, 1}:
        raise _missing_or_wrong("label", value, "0 or 1")
    return value


def _missing_or_wrong(name: str, value: object, expected: str) -> ValidationFailed:
    if value is None:
        return _wrong(name, "required", f"{name} is missing.")
    return _wrong(name, "invalid", f"{name} is {expected}.")


def _wrong(name: str, code: str, detail: str) -> ValidationFailed:
    return ValidationFailed([FieldError(f"#/{name}", code, detail)])


def _problem(refusal: Refusal) -> dict[str, Any]:
    problem: dict[str, Any] = {"code": refusal.code, "detail": refusal.detail}
    if isinstance(refusal, ValidationFailed):
        problem["errors"] = [
            {"pointer": error.pointer, "code": error.code, "detail": error.detail}
            for error in refusal.errors
        ]
    return problem
