"""Which listed words stand in a text: whole ones, in disguise, and in time that grows evenly."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comments.rules.screening import AuthorFacts, Facts, Rule, evaluate_all
from comments.rules.screening_text import fold, signature
from comments.rules.screening_words import PhraseIndex, words_of

LISTED = PhraseIndex(
    ["viagra", "sex shop", "mail order", "lol", "play", "赌场", "казино", "usa", "ร้าน", "e-mail"]
)


def said(text: str) -> str | None:
    """Returns the first listed words as they stand in the text."""
    span = LISTED.find(text).span
    return None if span is None else text[slice(*span)]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Buy viagra now", "viagra"),
        ("VIAGRA!", "VIAGRA"),
        ("V\u0456\u0430gra", "V\u0456\u0430gra"),
        ("x via\u200bgra y", "via\u200bgra"),
        ("víagra", "víagra"),
        ("v.i.a.g.r.a", "v.i.a.g.r.a"),
        ("now v i a g r a o k", "v i a g r a"),
        ("buy v  i -a. g\nr*a", "v  i -a. g\nr*a"),
        ("via-gra", "via-gra"),
        ("via_gra", "via_gra"),
        ("v1agra", "v1agra"),
        ("VlAGRA", "VlAGRA"),
        ("pIay with us", "pIay"),
        ("ｖｉａｇｒａ", "ｖｉａｇｒａ"),
        ("Sex -- shop", "Sex -- shop"),
        ("sex\nshop", "sex\nshop"),
        ("s-e-x s-h-o-p", "s-e-x s-h-o-p"),
        ("l0l", "l0l"),
        ("U.S.A. today", "U.S.A"),
        ("КАЗИНО", "КАЗИНО"),
        ("кaзино", "кaзино"),
        ("去赌场玩", "赌场"),
        ("去赌 * 场玩", "赌 * 场"),
        ("ไปร้านนี้", "ร้าน"),
        ("my e-mail", "e-mail"),
        ("🅥🅘🅐🅖🅡🅐", "🅥🅘🅐🅖🅡🅐"),
    ],
)
def test_listed_words_are_found_however_they_are_spelled(text: str, part: str) -> None:
    assert said(text) == part


@pytest.mark.parametrize(
    "text",
    [
        "viagrax",
        "xviagra",
        "viag",
        "mall order",  # "mail order", with a small l where a capital I looks the same
        "101",  # "lol" in digits
        "ptay",
        "a sexshop",
        "shop sex",
        "via graceful",
        "trivia grants",
        "via gra",  # two words, each of them possible
        "us a little",
        "",
        " .,;",
    ],
)
def test_other_words_are_not_taken_for_listed_ones(text: str) -> None:
    assert said(text) is None


def test_words_that_meet_by_chance_are_not_put_together() -> None:
    assert PhraseIndex(["anal"]).find("an al-Qaeda cell").span is None
    assert PhraseIndex(["eg"]).find("e.g. this").span is None


def test_each_place_counts_once() -> None:
    assert LISTED.find("viagra viagra, sex shop").count == 3
    assert PhraseIndex(["a b", "a b c", "b"]).find("a b c").count == 1
    assert LISTED.find("nothing").count == 0


def test_longest_of_several_phrases_is_found() -> None:
    text = "one two three four"
    span = PhraseIndex(["one", "one two three", "one two"]).find(text).span
    assert span == (0, 13)


def test_words_with_like_letters_can_both_be_listed() -> None:
    both = PhraseIndex(["fall", "fail"])
    assert both.find("fall").count == both.find("fail").count == 1
    assert PhraseIndex(["fall"]).find("fail").count == 0


def test_phrases_without_a_letter_find_nothing() -> None:
    assert PhraseIndex(["", " ", "...", "\u200b"]).find("... \u200b .").count == 0


@given(st.text(st.characters(), max_size=200))
def test_span_lies_in_the_text_and_folds_to_what_is_listed(text: str) -> None:
    disguised = f"{text} v.\u0456\u200b.agra {text}"
    span = LISTED.find(disguised).span
    assert span is not None
    start, end = span
    assert 0 <= start < end <= len(disguised)
    assert LISTED.find(disguised[start:end]).count >= 1


@given(st.text(st.characters(), min_size=1, max_size=60))
def test_whatever_is_listed_is_found_as_it_was_listed(phrase: str) -> None:
    found = PhraseIndex([phrase]).find(phrase)
    assert (found.count > 0) == bool(words_of(phrase).strict)


# How the time grows: bytecode instructions are counted, which no other load on the machine changes.


def steps(work: Callable[[], object]) -> int:
    """Returns how many instructions of Python a call runs, C functions counted as one each."""
    count = 0

    def tracer(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        count += event == "opcode"
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


MANY = [
    *(f"{word} {place}" for place in range(1000) for word in ("buy", "sell", "win", "get", "try")),
    "a " * 8,
    "a" * 20,
    "a" * 19 + "b",
]
HOSTILE = [
    "a ",
    "a.",
    "buy ",
    "a",
    "l0l ",
    "\u0430-",
    "赌",
    "\ufdfa",
    "a\u200b",
    "v i a-",
    "\U0001f600",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_time_grows_with_the_length_of_the_text(unit: str) -> None:
    index = PhraseIndex(MANY)

    def of(length: int) -> int:
        text = (unit * length)[:length]
        fold.cache_clear()
        words_of.cache_clear()
        return steps(lambda: index.find(text))

    of(10)
    assert of(1600) <= 2.2 * of(800) + 200


@pytest.mark.parametrize("unit", HOSTILE)
def test_time_of_all_rules_and_of_a_signature_grows_with_the_length_of_the_text(unit: str) -> None:
    rules = [
        Rule(kind, kind, 1, "live", "hold", "hold", params)
        for kind, params in (
            ("words", {"phrases": ["viagra", "sex shop"]}),
            ("link_domains", {"domains": ["evil.com"]}),
            ("mail_domains", {"domains": ["evil.com"]}),
            ("duplicates", {}),
        )
    ]

    def of(length: int) -> int:
        text = (unit * length)[:length]
        fold.cache_clear()
        words_of.cache_clear()
        author = AuthorFacts(url=text, email_domain=text)
        facts = Facts(text, ("http://" + text, "mailto:" + text, text), author)
        return steps(lambda: (evaluate_all(rules, facts, clock=lambda: 0.0), signature(text)))

    of(10)
    assert of(1600) <= 2.2 * of(800) + 200


def test_time_does_not_grow_with_the_number_of_phrases() -> None:
    text = "buy 17 and sell 18, said everybody who would buy 5000 " * 10
    few, many = PhraseIndex(MANY[:50]), PhraseIndex(MANY[:5000])
    words_of(text)
    assert steps(lambda: many.find(text)) <= 1.1 * steps(lambda: few.find(text)) + 200
