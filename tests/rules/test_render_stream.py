"""The stream of texts of ``manage.py render_stream``: one answer a line, whatever comes."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest
from django.core.management import call_command

from comments.management.commands.render_stream import answer_stream
from tests.corpus.reading import FORMATS, own_payloads


def answers_to(*lines: Any, format: str = "plain", max_chars: int = 10_000) -> list[dict[str, Any]]:
    """Returns the answer to each line; a ``dict`` is sent as JSON, ``bytes`` as they are."""
    sent = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    written = io.StringIO()
    answer_stream(io.BytesIO(b"\n".join(sent)), written, format=format, max_chars=max_chars)
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_line_is_answered_with_html_and_resolved_mentions() -> None:
    (answer,) = answers_to(
        {"id": 7, "source": "Hi @ted-belman and @nobody", "participants": ["Ted Belman"]}
    )
    assert answer == {
        "id": 7,
        "html": "<p>Hi @ted-belman and @nobody</p>",
        "mentions": [{"text": "@ted-belman", "start": 3, "end": 14, "name": "Ted Belman"}],
    }


def test_format_decides_what_markup_is() -> None:
    line = {"id": 1, "source": "*x*"}
    assert answers_to(line)[0]["html"] == "<p>*x*</p>"
    assert answers_to(line, format="markdown")[0]["html"] == "<p><em>x</em></p>"


def test_reference_is_text_unless_its_number_is_given() -> None:
    without, with_it = answers_to(
        {"id": 1, "source": "#3"}, {"id": 2, "source": "#3", "numbers": [3]}
    )
    assert without["html"] == "<p>#3</p>"
    assert with_it["html"] == '<p><a href="#comment-3" data-ref="3">#3</a></p>'


def test_of_two_names_that_are_spelled_alike_the_written_one_is_meant() -> None:
    participants = ["Ted Belman", "ted-belman"]
    line = {"id": 1, "source": "@ted-belman @Ted Belman", "participants": participants}
    names = [mention["name"] for mention in answers_to(line)[0]["mentions"]]
    assert names == ["ted-belman", "Ted Belman"]


def test_participants_may_number_thousands() -> None:
    participants = [f"Person {number}" for number in range(5_000)]
    line = {"id": 1, "source": "@Person 4999, hello", "participants": participants}
    (mention,) = answers_to(line)[0]["mentions"]
    assert mention["name"] == "Person 4999"


@pytest.mark.parametrize(
    ("line", "id_answered", "code"),
    [
        (b"", None, "malformed"),
        (b"{", None, "malformed"),
        (b"[1]", None, "malformed"),
        (b"\xff\xfe", None, "malformed"),
        (b"[" * 100_000, None, "malformed"),
        ({"id": 1}, 1, "required"),
        ({"id": 1, "source": None}, 1, "required"),
        ({"id": "a", "source": 5}, "a", "invalid"),
        ({"id": 1, "source": " "}, 1, "required"),
        ({"id": 1, "source": "a\0"}, 1, "invalid_character"),
        (b'{"id": 1, "source": "\\ud800"}', 1, "invalid_character"),
        ({"id": [2], "source": "a" * 101}, [2], "too_long"),
        ({"id": 1, "source": "a", "participants": "Adam"}, 1, "invalid"),
        ({"id": 1, "source": "a", "participants": [1]}, 1, "invalid"),
        ({"id": 1, "source": "a", "numbers": [True]}, 1, "invalid"),
    ],
)
def test_refused_line_is_answered_and_the_stream_goes_on(
    line: Any, id_answered: Any, code: str
) -> None:
    refused, following = answers_to(line, {"id": 2, "source": "next"}, max_chars=100)
    assert refused["id"] == id_answered
    error = refused["error"]
    assert code in {error["code"], *(field["code"] for field in error.get("errors", ()))}
    assert "html" not in refused
    assert following["html"] == "<p>next</p>"


@pytest.mark.parametrize("format", FORMATS)
def test_each_hostile_input_gets_one_answer(format: str) -> None:
    payloads = own_payloads()
    lines = [{"id": index, "source": payload} for index, payload in enumerate(payloads)]
    answers = answers_to(*lines, format=format)
    assert [answer["id"] for answer in answers] == list(range(len(payloads)))
    assert sum("html" in answer for answer in answers) > 300


def test_command_reads_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = io.TextIOWrapper(io.BytesIO(b'{"id": 1, "source": "**x**"}\n'))
    monkeypatch.setattr(sys, "stdin", lines)
    call_command("render_stream", "--format", "markdown")
    assert json.loads(capsys.readouterr().out)["html"] == "<p><strong>x</strong></p>"
