"""What an edit changed: both texts can be read off it, word by word, in bounded time."""

from __future__ import annotations

from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comments.rules.differences import Piece, word_differences

TEXT = st.lists(st.sampled_from(["one", "two", " ", "\n", ".", "é", "😀", "three "])).map("".join)


def said(before: str, after: str) -> str:
    marks = {"same": "{}", "removed": "[-{}-]", "added": "[+{}+]"}
    return "".join(marks[one.change].format(one.text) for one in word_differences(before, after))


@given(TEXT, TEXT)
def test_both_texts_can_be_read_off_the_difference(before: str, after: str) -> None:
    pieces = word_differences(before, after)
    assert "".join(one.text for one in pieces if one.change != "added") == before
    assert "".join(one.text for one in pieces if one.change != "removed") == after
    assert all(one.text for one in pieces)
    assert all(one.change != two.change for one, two in pairwise(pieces))


def test_equal_texts_have_no_difference() -> None:
    assert word_differences("The same.", "The same.") == [Piece("same", "The same.")]
    assert word_differences("", "") == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("I like the old book.", "I like the new book.", "I like the[- old-][+ new+] book."),
        ("One two.", "One, two.", "One[+,+] two."),
        ("Buy it now", "Buy it", "Buy it[- now-]"),
        ("", "New.", "[+New.+]"),
        ("café", "cafe", "[-café-][+cafe+]"),
    ],
)
def test_words_are_told_apart(before: str, after: str, expected: str) -> None:
    assert said(before, after) == expected


def test_a_long_text_is_compared_by_sentences_and_keeps_what_is_the_same() -> None:
    kept = "This sentence stays as it was. "
    before = kept + " ".join(f"old{n}" for n in range(1200)) + ". " + kept
    after = kept + " ".join(f"new{n}" for n in range(1200)) + ". " + kept
    assert [one.change for one in word_differences(before, after)] == [
        "same",
        "removed",
        "added",
        "same",
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a " * 20_000, "b " * 20_000),
        ("a b " * 10_000, "b a a " * 6_600),
        (". " * 20_000, " ." * 20_000),
        ("x." * 20_000, "y." * 20_000),
        (" ".join(str(n % 100) for n in range(990)), " ".join(str(n % 97) for n in range(990))),
        (" ".join(str(n % 7) for n in range(198)), " ".join(str(n % 5) for n in range(198))),
    ],
)
def test_the_worst_texts_take_no_long_time(before: str, after: str) -> None:
    began = process_time()
    word_differences(before, after)
    assert process_time() - began < 1
