"""Whole pages: other encodings, cut, shuffled and long documents, and the way there and back."""

from __future__ import annotations

import dataclasses
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blog.seed import Document, SeedError, decode_document, parse_document, to_markup
from tests.blog.seed.pages import (
    CORPUS,
    CUSTOMER,
    LINES,
    NBSP,
    TEXT,
    changed,
    outcome,
    page,
    refused,
)


def test_error_is_a_value_error_that_reads_line_field_detail() -> None:
    text = changed(dict.fromkeys(range(137, 143)))
    message = "line 137: replies: number 4 is missing: 5 stands in its place"
    with pytest.raises(ValueError, match=f"^{message}$"):
        parse_document(text)


@pytest.mark.parametrize(
    ("data", "line", "detail"),
    [
        (b"Title\n\nBy Bo\xff Ek\n", 3, "byte 0xff is not UTF-8"),
        (b"Title\r\n\r\nBy \xe9\r\n", 3, "byte 0xe9 is not UTF-8"),
        (b"\xef\xbb\xbf\n\xa0", 2, "byte 0xa0 is not UTF-8"),
        ("Title".encode("utf-16"), 1, "byte 0xff is not UTF-8"),
        (TEXT.encode("cp1252", "replace"), 3, "byte 0xa0 is not UTF-8"),
    ],
)
def test_other_encodings_are_refused_with_the_line_of_the_first_bad_byte(
    data: bytes, line: int, detail: str
) -> None:
    with pytest.raises(SeedError, match=detail) as caught:
        decode_document(data)
    assert (caught.value.line, caught.value.field) == (line, "encoding")


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1b", "\x85", "\ud800", "\uffff"])
def test_control_characters_are_refused_with_their_line(character: str) -> None:
    assert refused(changed({108: LINES[107][:20] + character + LINES[107][20:]})) == (108, "text")


def test_document_cut_off_anywhere_is_refused() -> None:
    """Only the end of a reply that has some text can be missing unseen: the ninth, from 176 on."""
    for cut in range(1, 176):
        refused("\n".join(LINES[:cut]))
    for cut in range(176, len(LINES)):
        assert parse_document("\n".join(LINES[:cut])).declared_count == 9


@st.composite
def _shuffled(draw: st.DrawFn) -> str:
    """Returns a document of ours with some lines moved, cut, indented, doubled or added."""
    name = draw(st.sampled_from([CUSTOMER, *sorted(CORPUS.iterdir())]))
    lines = name.read_bytes().decode().split("\n")
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["move", "cut", "indent", "insert"])):
            case "move":
                lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(place))
            case "cut":
                lines[place] = lines[place][: draw(st.integers(0, 40))]
            case "indent":
                lines[place] = draw(st.text(f" \t{NBSP}", max_size=6)) + lines[place].lstrip()
            case "insert":
                lines.insert(place, draw(st.sampled_from(lines) | st.text(max_size=30)))
    return "\n".join(lines)


@settings(max_examples=120)
@given(_shuffled())
def test_shuffled_document_is_parsed_or_refused_and_nothing_else(text: str) -> None:
    read = outcome(text)
    if isinstance(read, SeedError):
        assert 1 <= read.line <= len(re.findall("\r\n|\r|\n", text)) + 1
        assert read.field in {"text", *(field.name for field in dataclasses.fields(Document))}
        return
    assert all([read.title, read.authors, to_markup(read.body)])
    assert [reply.number for reply in read.replies] == list(range(1, read.declared_count + 1))
    assert all(r.source.strip() and "\n\n\n" not in r.source for r in read.replies)


_WORDS = st.sampled_from(["slug", f"copper{NBSP}tape", "Öl", "“dew”", "3.5", "@Adam", "2.", "•"])
_SENTENCES = st.lists(_WORDS, max_size=6).map(lambda words: f"It is {' '.join(words)} & so.")
_TEXTS = st.lists(_SENTENCES | st.just("1. typed"), min_size=1, max_size=3).map("\n".join)


@settings(max_examples=60)
@given(
    paragraphs=st.lists(_TEXTS, min_size=1, max_size=4),
    sources=st.lists(st.lists(_TEXTS, min_size=1, max_size=2).map("\n\n".join), max_size=12),
    align=st.sampled_from([">3", ">4", "<1"]),
)
def test_page_that_is_written_out_is_read_back_the_same(
    paragraphs: list[str], sources: list[str], align: str
) -> None:
    line_break = "\n" + " " * (len(format(1, align)) + 1)
    replies = [
        f"{number:{align}}. " + re.sub(r"\n(?=.)", line_break, source)
        for number, source in enumerate(sources, start=1)
    ]
    dateline = f"April 27, 2023 | {len(sources):,} Comments »"
    written = page(body="\n\n".join(paragraphs), dateline=dateline, tail="\n\n".join(replies))
    read = parse_document(written)
    assert [block.text for block in read.body] == paragraphs
    assert [reply.source for reply in read.replies] == sources
    lines = written.split("\n")
    assert all(lines[r.line - 1].startswith(f"{r.number:{align}}. ") for r in read.replies)


_LENGTH = 150_000  # characters
_LONG = {
    "headings": page(body="Word word\n\nIt is so.\n\n" * (_LENGTH // 22)),
    "notes": page(body="Once.\n\n" + "Bo Ek is.\n\nHe is.\n\n" * (_LENGTH // 19)),
    "lists": page(body="  * a\n  1. b\n" * (_LENGTH // 13)),
    "nesting": page(body="\n".join(" " * indent + "* a" for indent in range(550))),
    "bullet": page(body="  • " + " " * _LENGTH + "!\n  1. " + NBSP * _LENGTH),
    "title": page(title="part i " * (_LENGTH // 7)),
    "digest": page(dateline="", body="Subscribe to " + "daily digest " * (_LENGTH // 13)),
    "replies": page(tail="".join(f"{i:>3}. a\n" for i in range(1, _LENGTH // 10))),
    "reply": page(
        dateline="2023-04-27 | 1 Comment", tail="  1. a\n" + "    b\n\n" * (_LENGTH // 7)
    ),
    "blank": "\n" * _LENGTH,
}


@pytest.mark.parametrize("kind", _LONG)
def test_time_grows_with_the_length_of_a_page_and_not_faster(kind: str) -> None:
    """A step that is quadratic takes minutes here; measured is half a second of CPU time."""
    began = time.process_time()
    read = outcome(_LONG[kind])
    if isinstance(read, Document):
        to_markup(read.body)
    assert time.process_time() - began < 5
