"""What an edit changed: both texts can be read off it, word by word, in bounded time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comments.rules import differences
from comments.rules.differences import Piece, word_differences

MOST_STEPS = 200_000
TEXT = st.lists(st.sampled_from(["one", "two", " ", "\n", ".", "é", "😀", "three "])).map("".join)


def said(before: str, after: str) -> str:
    """Returns the difference as the desk shows it: what is marked stands in brackets."""
    marks = {"same": "{}{}", "removed": "{}[-{}-]", "added": "{}[+{}+]"}
    return "".join(
        marks[one.change].format(one.space, one.words) for one in word_differences(before, after)
    )


@given(TEXT, TEXT)
def test_both_texts_can_be_read_off_the_difference(before: str, after: str) -> None:
    pieces = word_differences(before, after)
    assert "".join(one.text for one in pieces if one.change != "added") == before
    assert "".join(one.text for one in pieces if one.change != "removed") == after
    assert all(one.text == one.space + one.words and one.words for one in pieces)
    assert all(one.change != two.change for one, two in pairwise(pieces))


def test_equal_texts_have_no_difference() -> None:
    assert word_differences("The same.", "The same.") == [Piece("same", "The same.")]
    assert word_differences("", "") == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("I like the old book.", "I like the new book.", "I like the [-old-] [+new+] book."),
        ("One two.", "One, two.", "One[+,+] two."),
        ("Buy it now", "Buy it", "Buy it [-now-]"),
        ("", "New.", "[+New.+]"),
        ("café", "cafe", "[-café-][+cafe+]"),
        ("One\n\ntwo three", "One\n\nfour three", "One\n\n[-two-]\n\n[+four+] three"),
        ("One\n\n", "One", "One[-\n\n-]"),
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


class Counting(list[int]):
    """Places of a piece in the later text, which counts how many of them are looked at."""

    looked_at = 0

    def __iter__(self) -> Iterator[int]:
        Counting.looked_at += len(self)
        return super().__iter__()


class Counted(SequenceMatcher[str]):
    """A matcher whose inner loop is counted, and the pairs that it is given."""

    pairs = 0
    b2j: dict[str, list[int]]

    def __init__(self, junk: Any, old: Sequence[str], new: Sequence[str], autojunk: bool) -> None:
        super().__init__(junk, old, new, autojunk=autojunk)
        Counted.pairs += len(old) * len(new)
        self.b2j = {piece: Counting(places) for piece, places in self.b2j.items()}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a " * 20_000, "b " * 20_000),
        ("a b " * 10_000, "b a a " * 6_600),
        (". " * 20_000, " ." * 20_000),
        ("x." * 20_000, "y." * 20_000),
        (" ".join(str(n % 100) for n in range(990)), " ".join(str(n % 97) for n in range(990))),
        (" ".join(str(n % 7) for n in range(990)), " ".join(str(n % 5) for n in range(990))),
        (" ".join(str(n % 7) for n in range(198)), " ".join(str(n % 5) for n in range(198))),
    ],
)
def test_the_worst_texts_take_a_bounded_number_of_steps(
    monkeypatch: pytest.MonkeyPatch, before: str, after: str
) -> None:
    """What it takes in seconds is measured by ``tests/benchmarks/differences.py``."""
    monkeypatch.setattr(differences, "SequenceMatcher", Counted)
    Counting.looked_at = Counted.pairs = 0
    word_differences(before, after)
    assert Counted.pairs <= 1_000_000
    assert Counting.looked_at <= MOST_STEPS
