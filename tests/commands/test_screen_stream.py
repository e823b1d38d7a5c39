"""The stream of decisions of ``manage.py screen_stream``: one answer a line, whatever comes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from comments.management.commands import screen_stream
from comments.management.commands.screen_stream import answer_stream
from comments.rules.learning import Learner
from comments.rules.learning_data import LearningUnavailable

ROOT = Path(__file__).resolve().parents[2]
SPAM = {"op": "learn", "id": "1", "text": "cheap pills http://x.example", "label": 1}
FINE = {"op": "learn", "id": "2", "text": "I disagree with the author", "label": 0}


def answers_to(*lines: Any) -> list[dict[str, Any]]:
    """Returns the answer to each line; a ``dict`` is sent as JSON, ``bytes`` as they are."""
    sent = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    written = io.StringIO()
    answer_stream(io.BytesIO(b"\n".join(sent)), written, learner=Learner())
    return [json.loads(line) for line in written.getvalue().splitlines()]


@pytest.fixture
def stream() -> Iterator[subprocess.Popen[str]]:
    """Returns the command as a process of its own, with nothing learned."""
    command = [sys.executable, "manage.py", "screen_stream"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        if process.stdin is not None:
            process.stdin.close()
        assert process.wait() == 0


def ask(process: subprocess.Popen[str], line: str | dict[str, Any]) -> dict[str, Any]:
    """Sends one line and returns its answer, which has to come before the next line is sent."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write((line if isinstance(line, str) else json.dumps(line)) + "\n")
    process.stdin.flush()
    answer: dict[str, Any] = json.loads(process.stdout.readline())
    return answer


def test_process_answers_each_line_before_the_next_is_sent(stream: subprocess.Popen[str]) -> None:
    pills = {"op": "score", "id": "3", "text": "pills", "author": "A", "parent_text": None}
    before = ask(stream, pills)
    assert set(before) == {"score"}
    assert ask(stream, SPAM) == {"ok": True}
    assert ask(stream, "{broken")["error"]["code"] == "malformed"
    assert ask(stream, FINE) == {"ok": True}
    assert 1 >= ask(stream, pills)["score"] > before["score"] >= 0
    assert ask(stream, {"op": "size"})["bytes"] > 0


def test_scoring_teaches_nothing() -> None:
    score = {"op": "score", "id": "3", "text": "cheap pills"}
    first, *_, last = answers_to(SPAM, FINE, *[score] * 5)[2:]
    assert first == last


def test_learning_an_id_again_replaces_its_label() -> None:
    score = {"op": "score", "id": "3", "text": SPAM["text"]}
    replaced = answers_to(SPAM, FINE, SPAM | {"label": 0}, FINE | {"label": 1}, score)[-1]
    assert replaced["score"] < answers_to(SPAM, FINE, score)[-1]["score"]


def test_number_and_string_are_two_ids() -> None:
    one, two = (
        answers_to(SPAM, FINE | {"id": key}, {"op": "score", "id": 3, "text": "pills"})[-1]
        for key in (1, "1")
    )
    assert one != two


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"", "malformed"),
        (b"{", "malformed"),
        (b"[1]", "malformed"),
        (b"\xff\xfe", "malformed"),
        (b"\0", "malformed"),
        (b'{"op": "size"}\0', "malformed"),
        (b"[" * 100_000, "malformed"),
        (b'{"op": "learn", "id": NaN, "text": "a", "label": 1}', "malformed"),
        (b"1" * 10_000, "malformed"),
        ({}, "invalid"),
        ({"op": "sing"}, "invalid"),
        ({"op": ["score"]}, "invalid"),
        ({"op": "score", "id": 1}, "required"),
        ({"op": "score", "text": "a"}, "required"),
        ({"op": "score", "id": 1, "text": None}, "required"),
        ({"op": "score", "id": 1, "text": 5}, "invalid"),
        ({"op": "score", "id": [1], "text": "a"}, "invalid"),
        ({"op": "score", "id": True, "text": "a"}, "invalid"),
        ({"op": "score", "id": 1, "text": "a", "author": 5}, "invalid"),
        ({"op": "score", "id": 1, "text": "a", "parent_text": ["a"]}, "invalid"),
        ({"op": "learn", "id": 1, "text": "a"}, "required"),
        ({"op": "learn", "id": 1, "text": "a", "label": None}, "required"),
        ({"op": "learn", "id": 1, "text": "a", "label": 2}, "invalid"),
        ({"op": "learn", "id": 1, "text": "a", "label": True}, "invalid"),
        ({"op": "learn", "id": 1, "text": "a", "label": "1"}, "invalid"),
        ({"op": "learn", "id": 1, "text": "a", "label": 1.0}, "invalid"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_refused_line_changes_nothing_and_the_stream_goes_on(line: Any, code: str) -> None:
    score = {"op": "score", "id": 3, "text": "pills"}
    refused, following = answers_to(SPAM, FINE, line, score)[2:]
    error = refused.pop("error")
    assert refused == {}
    assert code in {error["code"], *(field["code"] for field in error.get("errors", ()))}
    assert following == answers_to(SPAM, FINE, score)[-1]


@pytest.mark.parametrize(
    "text",
    ["", "a\0b", "\ud800", "x" * 1_000_000, "댓글", "\U0001f600" * 1_000],
    ids=lambda text: ascii(text[:4]),
)
def test_any_string_is_scored_and_learned(text: str) -> None:
    asked = {"id": 5, "text": text, "author": text, "parent_text": text}
    learned, scored = answers_to(
        SPAM, FINE, {"op": "learn", "label": 1} | asked, {"op": "score"} | asked
    )[2:]
    assert learned == {"ok": True}
    assert 0 <= scored["score"] <= 1


def test_without_scikit_learn_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> None:
        raise LearningUnavailable(LearningUnavailable.__doc__)

    monkeypatch.setattr(screen_stream, "Learner", refuse)
    with pytest.raises(CommandError, match="install the extra"):
        call_command("screen_stream")
