"""The body of a page: paragraphs, subheadings, lists, quotations, and the notes about the authors.

A text rendering says nothing about its blocks, so appearance decides. Where it does not decide, a
block stays a paragraph of the body: no text is lost, and an editor can change the post later.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from blog.seed.document import Block, BlockKind, Item
from blog.seed.lines import indent_of

NESTING_LIMIT = 8  # levels of lists; deeper items join the deepest level
HEADING_LIMIT = 70  # characters of a subheading
NOTES_LIMIT = 12  # paragraphs about the authors
OPENING_WORDS = 8  # the words of a note in which its author's name may stand

# Stars, hyphens and numbers begin an item only where they are indented: "- No." and "1. Soil" open
# paragraphs, and "* * *" divides sections.
_ITEM = re.compile(
    r"(?=.*\w)[ \u00a0]*(?:[•◦▪●‣·]|(?<=[ \u00a0])(?:[*-]|(?P<number>[0-9]{1,9})\.))\s+(?=\S)"
)
_QUOTED = re.compile(r" *> ?| {2,}")
_QUOTES_AND_BRACKETS = "“”‘’\"'()[]«» \u00a0"
_TITLES = ("dr", "prof", "mr", "mrs", "ms", "rabbi", "rev", "sir")
_ABOUT = re.compile(r"about the authors?\b", re.IGNORECASE)
_GOES_ON = re.compile(
    r"(?:he|she|they|his|her|their|both|(?:first|originally) (?:published|printed))\b",
    re.IGNORECASE,
)


@dataclass(slots=True, kw_only=True)
class _Piece:
    """A paragraph, a quotation or one item of a list, while it is being read."""

    kind: BlockKind
    texts: list[str]
    indent: int
    number: int | None = None


def read_body(lines: Iterable[str]) -> list[Block]:
    """Returns the blocks of the body in order, subheadings still among the paragraphs."""
    blocks: list[Block] = []
    for kind, pieces in groupby(_pieces(lines), key=lambda piece: piece.kind):
        if kind == "list":
            blocks += _lists(list(pieces))
        else:
            blocks += [Block(kind=kind, text="\n".join(piece.texts)) for piece in pieces]
    return blocks


def _pieces(lines: Iterable[str]) -> list[_Piece]:
    """Returns the pieces of the body: an empty line, or another appearance, begins the next one."""
    pieces: list[_Piece] = []
    after_blank = True
    for line in lines:
        item, quoted = _ITEM.match(line), _QUOTED.match(line)
        mark = item or quoted
        text = line[mark.end() :] if mark else line
        kind: BlockKind = "list" if item else "quote" if quoted else "paragraph"
        last = pieces[-1] if pieces else None
        if not text.strip():
            after_blank = True
            continue
        if last and last.kind == "list" and not item and line.startswith("  "):
            last.texts += [""] * after_blank + [text]
        elif last and last.kind == kind and not item and not after_blank:
            last.texts.append(text.strip(" "))
        else:
            number = int(item["number"]) if item and item["number"] else None
            texts = [text.strip(" ")]
            pieces.append(_Piece(kind=kind, texts=texts, indent=indent_of(line), number=number))
        after_blank = False
    return pieces


def _lists(items: Sequence[_Piece], depth: int = 1) -> list[Block]:
    """Returns the lists of a run of items.

    An item at least two columns right of the first one is nested below the item before it. A
    change between bullets and numbers, or a number that does not follow, begins another list.
    """
    reach = items[0].indent + (2 if depth < NESTING_LIMIT else math.inf)
    here = [index for index, item in enumerate(items) if item.indent < reach]
    lists: list[tuple[int | None, list[Item]]] = []
    following: int | None = None
    for index, after in pairwise([*here, len(items)]):
        item, below = items[index], items[index + 1 : after]
        if not lists or item.number != following:
            lists.append((item.number, []))
        nested = tuple(_lists(below, depth + 1)) if below else ()
        lists[-1][1].append(Item(text="\n".join(item.texts), nested=nested))
        following = None if item.number is None else item.number + 1
    return [Block(kind="list", items=tuple(of_one), start=start) for start, of_one in lists]


def with_headings(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Returns the blocks of the body with its subheadings recognised.

    A subheading introduces something: a line that looks like one stays a paragraph where it is
    the last block, or where the next one looks like a subheading as well (lines of a poem).
    """
    looks = [_looks_like_heading(block) for block in blocks]
    return tuple(
        Block(kind="heading", text=block.text) if here and not following else block
        for block, here, following in zip(blocks, looks, [*looks[1:], True], strict=True)
    )


def _looks_like_heading(block: Block) -> bool:
    """Says whether a block is one short line that neither begins nor ends within a sentence.

    That is: no small letter first, no punctuation last (quotation marks and brackets aside), and
    no quotation that is opened and not closed.
    """
    text = block.text
    inner = text.strip(_QUOTES_AND_BRACKETS) if len(text) <= HEADING_LIMIT else ""
    return (
        block.kind == "paragraph"
        and "\n" not in text
        and inner != ""
        and not inner[0].islower()
        and inner[-1].isalnum()
        and text.count("“") == text.count("”")
    )


def split_notes(
    blocks: Sequence[Block], authors: Sequence[str]
) -> tuple[Sequence[Block], tuple[str, ...]]:
    """Returns the blocks of the body, and the notes about the authors that stand at its end.

    Notes are a run of paragraphs up to the date line. It begins with an author's name or "About
    the author"; the others may also begin with a family name, with a pronoun ("He has been
    published in ...") or with "First published". Of all beginnings that satisfy this the earliest
    is taken, but the body keeps a block.
    """
    names = [words for name in authors if (words := _opening(name.split(",")[0]))]
    start = len(blocks)
    for index in range(len(blocks) - 1, max(0, len(blocks) - 1 - NOTES_LIMIT), -1):
        block = blocks[index]
        words = _opening(block.text)
        if block.kind != "paragraph":
            break
        if _ABOUT.match(block.text) or any(_is_named(words, name) for name in names):
            start = index
        elif not _GOES_ON.match(block.text) and words[:1] not in [name[-1:] for name in names]:
            break
    return blocks[:start], tuple(block.text for block in blocks[start:])


def _opening(text: str) -> list[str]:
    """Returns the first words of a text, bare, and without "Dr." or the like before a name."""
    bare = (word.strip("“”\"'().,").casefold() for word in text[:200].split()[:OPENING_WORDS])
    words = [word for word in bare if word]
    return words[1:] if words and words[0] in _TITLES else words


def _is_named(words: Sequence[str], name: Sequence[str]) -> bool:
    """Says whether the first words of a paragraph are a name, in full or not.

    The family name must be the same; the first may be longer or shorter: "Alexander Maistrovoy"
    and "A. Maistrovoy" are Alex Maistrovoy. A speaker in an interview ("Bo Ek:") is not named.
    """
    if not words or name[-1] not in words[len(name) > 1 :]:
        return False
    return words[0].startswith(name[0]) or name[0].startswith(words[0])
