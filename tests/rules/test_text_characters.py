"""Cleaning: what a source may hold before anything reads it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given

from comments.errors import ValidationFailed
from comments.rules.rendering import clean_source
from tests.rules.rendered import UNWANTED, anything


def refusal_of(source: str, *, max_chars: int = 100) -> str:
    with pytest.raises(ValidationFailed) as refused:
        clean_source(source, max_chars=max_chars)
    (error,) = refused.value.errors
    assert error.pointer == "#/source"
    return error.code


@pytest.mark.parametrize(
    "source", ["", " ", "\n\t\r\n", "\u200b", "\u202e", "\ufeff", "\u3164\u2800", "\u0301"]
)
def test_source_with_nothing_to_see_is_required(source: str) -> None:
    assert refusal_of(source) == "required"


@pytest.mark.parametrize("source", ["a\0b", "\ud800", "x\udfff", "\0"])
def test_source_that_cannot_be_stored_is_refused(source: str) -> None:
    assert refusal_of(source) == "invalid_character"


def test_length_is_counted_in_code_points_of_the_cleaned_source() -> None:
    assert refusal_of("a" * 101) == "too_long"
    assert refusal_of("a" * 1_000_000) == "too_long"
    assert clean_source("👍" * 100 + "\n\n", max_chars=100) == "👍" * 100
    assert clean_source("a\u0301" * 100, max_chars=100) == "á" * 100
    assert len(clean_source("a\r\n" * 50, max_chars=100)) == 99


def test_line_ends_and_controls_are_cleaned() -> None:
    source = "\r\n \n  a\r\nb\rc\u2028d\x0be\x1b[31m\u202ef\u200f \t\n\n"
    assert clean_source(source, max_chars=100) == "  a\nb\nc\nd\ne[31mf"


def test_joiners_and_emoji_stay() -> None:
    source = "می\u200cخواهم 👩\u200d💻 ❤\ufe0f"
    assert clean_source(source, max_chars=100) == source


@given(anything)
@example("\n \n x \r\n\r y\u2028z\x1b\u202e \n")
@example("a\u0301\u202a\u0323")
def test_cleaning_a_source_again_changes_nothing(source: str) -> None:
    try:
        once = clean_source(source, max_chars=500)
    except ValidationFailed:
        return
    assert clean_source(once, max_chars=500) == once
    assert unicodedata.is_normalized("NFC", once)
    assert not UNWANTED.search(once)
    assert "\r" not in once
