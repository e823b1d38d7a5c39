"""What an edit changed, word by word, for somebody who has to judge the new text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Change = Literal["same", "removed", "added"]

MOST_PAIRS = 1_000_000
"""Beyond this many pairs of pieces to compare, larger pieces are compared.

``SequenceMatcher`` is quadratic and, at its worst, cubic; so the number of pairs is the bound.
"""

# Space belongs to what follows it, so that a row of replaced words is one piece.
_WORDS = re.compile(r"\s*(?:\w+|[^\w\s])|\s+")
_SENTENCES = re.compile(r"[.!?]*[^.!?]+|[.!?]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text that both versions have, or only the earlier one, or only the later one."""

    change: Change
    text: str

    @property
    def space(self) -> str:
        """Returns the space before the first word, which nobody changed who changed the word.

        ``""`` for a piece of nothing but space: there it is the change.
        """
        words = self.text.lstrip()
        return self.text[: len(self.text) - len(words)] if words else ""

    @property
    def words(self) -> str:
        """Returns the text after ``space``: what is to be marked."""
        return self.text[len(self.space) :]


def word_differences(before: str, after: str) -> list[Piece]:
    """Returns both texts as one row of pieces; no two neighbours have the same ``change``.

    All ``same`` and ``removed`` pieces together are ``before``, all ``same`` and ``added`` ones
    ``after``. Texts with too many differing words are compared by sentences, then as a whole.
    """
    for pattern in (_WORDS, _SENTENCES):
        old, new = pattern.findall(before), pattern.findall(after)
        head = _common(old, new)
        tail = _common(old[head:][::-1], new[head:][::-1])
        old_middle, new_middle = old[head : len(old) - tail], new[head : len(new) - tail]
        if len(old_middle) * len(new_middle) <= MOST_PAIRS:
            return _joined(
                [
                    ("same", "".join(old[:head])),
                    *_compared(old_middle, new_middle),
                    ("same", "".join(old[len(old) - tail :])),
                ]
            )
    return _joined([("removed", before), ("added", after)])


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    """Returns how many pieces are the same from the beginning."""
    count = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        count += 1
    return count


def _compared(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[Change, str]]:
    # Without "autojunk" a word of a long text would not be found again for being frequent; with
    # it the worst texts (a few words, over and over) take a tenth of the time.
    matcher = SequenceMatcher(None, old, new, autojunk=True)
    for kind, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if kind == "equal":
            yield "same", "".join(old[old_start:old_end])
        else:
            yield "removed", "".join(old[old_start:old_end])
            yield "added", "".join(new[new_start:new_end])


def _joined(changes: Sequence[tuple[Change, str]]) -> list[Piece]:
    """Returns the changes as pieces, without empty ones, neighbours of a kind put together."""
    pieces: list[Piece] = []
    for change, text in changes:
        if pieces and pieces[-1].change == change:
            pieces[-1] = Piece(change, pieces[-1].text + text)
        elif text:
            pieces.append(Piece(change, text))
    return pieces
