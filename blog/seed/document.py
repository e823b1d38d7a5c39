"""What a page says, as values, and the one way in which reading it fails.

The modules that read the parts of a page share nothing but this vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

BlockKind = Literal["paragraph", "heading", "list", "quote"]


class SeedError(ValueError):
    """The document cannot be read for certain; says on which line, in which field, and why.

    `line` counts from 1; for something that is missing it is where that was expected. `field` is
    "encoding", "text" or the name of a field of `Document`.
    """

    def __init__(self, *, line: int, field: str, detail: str) -> None:
        """Keeps the three parts; `str()` reads "line 12: replies: number 4 is missing"."""
        super().__init__(f"line {line}: {field}: {detail}")
        self.line = line
        self.field = field
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPart:
    """One part of a series, as a title or the list of the other parts names it."""

    part: int
    title: str
    label: str
    """The number as written: "Part I", "Part 2"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of a list, and the lists below it; line breaks are "\\n"."""

    text: str
    nested: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block of the body; a list has items, every other kind has text, line breaks "\\n"."""

    kind: BlockKind
    text: str = ""
    items: tuple[Item, ...] = ()
    start: int | None = None
    """The first number of a numbered list; None for bullets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One numbered reply: its number, what it says, and the line its number stands on."""

    number: int
    source: str
    """Paragraphs separated by one empty line, line breaks inside a paragraph kept."""
    line: int


@dataclass(frozen=True, kw_only=True)
class Head:
    """What the top of a page says; `title` and `byline` are the whole lines as written."""

    title: str
    series_title: str | None
    part: int | None
    part_label: str | None
    """This post's number as written: "Part IV"."""
    part_title: str | None
    """What follows the number in the title; empty where nothing does."""
    other_parts: tuple[SeriesPart, ...]
    """The parts listed below the title, this post left out, ascending."""
    byline: str
    authors: tuple[str, ...]
    byline_date: str | None
    """The date in the byline, never interpreted: "April 18/21"."""


@dataclass(frozen=True, kw_only=True)
class Tail:
    """What a page says from its date line on."""

    published_on: date
    declared_count: int
    digest_name: str | None
    open_for_replies: bool
    replies: tuple[Reply, ...]


@dataclass(frozen=True, kw_only=True)
class Document(Head, Tail):
    """All that a page says."""

    body: tuple[Block, ...]
    author_notes: tuple[str, ...]
