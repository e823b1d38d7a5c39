"""Quoted-printable with marks: nothing is lost, no line too long, no value torn."""

from __future__ import annotations

import quopri

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from comments.mail.quoted import LONGEST_VALUE, MARKS, SUBSCRIBER, SUBSCRIPTION, quoted_printable

ANY_TEXT = st.text(st.characters(exclude_characters="\r\ufdd0\ufdd1", exclude_categories=["Cs"]))
PIECES = st.lists(
    st.one_of(ANY_TEXT, st.sampled_from([SUBSCRIBER, SUBSCRIPTION, "x" * 76, "é" * 40, " ", ".\n"]))
)


def decoded(encoded: bytes) -> str:
    return quopri.decodestring(encoded.replace(b"\r\n", b"\n")).decode()


@given(PIECES, st.integers(1, LONGEST_VALUE))
@example(["x" * 75, SUBSCRIBER], 75)
@example(["x" * 76, SUBSCRIBER], 75)
@example(["x" * 74 + "é", SUBSCRIBER, "y"], 1)
@example(["x" * 73 + "=", SUBSCRIBER, SUBSCRIBER], 75)
@example([" \t", SUBSCRIBER, " ", "\n"], 75)
@example([".", SUBSCRIBER, "."], 3)
def test_a_text_comes_back_whole_with_values_in_it(pieces: list[str], length: int) -> None:
    text = "".join(pieces)
    encoded = quoted_printable(text)
    values = {SUBSCRIBER: "T" * length, SUBSCRIPTION: "7" * length}
    wanted = text
    for mark, value in values.items():
        encoded = encoded.replace(MARKS[mark], value.encode())
        wanted = wanted.replace(mark, value)
    assert encoded.isascii()
    assert decoded(encoded) == wanted + "\n"
    lines = encoded.split(b"\r\n")
    assert max(map(len, lines)) <= 76
    assert all(b"\n" not in line and b"\r" not in line for line in lines)
    # A mail server may cut white space at the end of a line.
    assert not any(line.endswith((b" ", b"\t")) for line in lines)


@given(PIECES)
def test_each_mark_is_one_byte_that_nothing_else_is(pieces: list[str]) -> None:
    text = "".join(pieces)
    encoded = quoted_printable(text)
    for mark, byte in MARKS.items():
        assert encoded.count(byte) == text.count(mark)
    assert sum(byte > 0x7F for byte in encoded) == sum(map(text.count, MARKS))


@pytest.mark.parametrize("mark", MARKS)
def test_a_value_stands_on_a_line_of_its_own(mark: str) -> None:
    lines = quoted_printable(f"before {mark} after").split(b"\r\n")
    assert MARKS[mark] + b"=" in lines
