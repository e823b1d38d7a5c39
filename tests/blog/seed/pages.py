"""What the tests of the parser share: the customer's document, pages of our own, damaged ones."""

from __future__ import annotations

from functools import cache

from blog.seed import Block, Document, Item, SeedError, decode_document, parse_document
from tests.conftest import ROOT

CUSTOMER = ROOT / "fixtures" / "israpundit.txt"
CORPUS = ROOT / "tests" / "corpus" / "documents"
TEXT = CUSTOMER.read_bytes().decode()
LINES = TEXT.split("\n")
NBSP = "\u00a0"


@cache
def customer() -> Document:
    return parse_document(decode_document(CUSTOMER.read_bytes()))


@cache
def corpus(name: str) -> Document:
    return parse_document(decode_document((CORPUS / name).read_bytes()))


def page(
    *,
    title: str = "Slugs: a reckoning",
    parts: str = "",
    byline: str = "By Bo Ek",
    body: str = "They came in the night.",
    dateline: str = "April 27, 2023 | No Comments »",
    tail: str = "",
) -> str:
    return "\n\n".join(part for part in (title, parts, byline, body, dateline, tail) if part)


def changed(changes: dict[int, str | None]) -> str:
    """Returns the customer's document with lines (from 1) replaced, or taken out with None."""
    lines = [changes.get(number, line) for number, line in enumerate(LINES, start=1)]
    return "\n".join(line for line in lines if line is not None)


def outcome(text: str) -> Document | SeedError:
    """Returns the document or the refusal; anything else that is raised fails the test."""
    try:
        return parse_document(text)
    except SeedError as error:
        return error


def refused(text: str) -> tuple[int, str]:
    """Returns line and field of the refusal, whose message names them."""
    error = outcome(text)
    assert isinstance(error, SeedError)
    assert str(error) == f"line {error.line}: {error.field}: {error.detail}"
    assert len(error.detail) < 300
    return error.line, error.field


def paragraph(text: str) -> Block:
    return Block(kind="paragraph", text=text)


def bullets(*texts: str) -> Block:
    return Block(kind="list", items=tuple(Item(text=text) for text in texts))
