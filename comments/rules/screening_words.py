"""Which words and phrases of a list stand in a text, however they are spelled.

Whole words are compared, folded (``screening_text.fold``). Separators are seen through where
nobody writes them for their meaning: between the parts of ``via-gra`` and between single letters,
``v i a g r a``; but "an al-Qaeda cell" holds no word that begins with "an al". Letters that ASCII
has look-alikes for (``0 O``, ``1 I l``) count as one only in a word that is odd otherwise: digits
among letters, capitals inside, foreign letters. Else "mall" would be "mail" and 101 "lol".

The time is linear in the length of the text: each word starts one walk, which ends with the longest
phrase (``MOST_LETTERS``), however many phrases there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate

from comments.rules.screening_text import Folded, fold

MOST_LETTERS = 100
"""Code points of the longest phrase."""

SHORTEST_JOINED = 3
"""Letters below which parts are not put together: "e.g." says nothing about "eg"."""

WIDEST_GAP = 3
"""Separators between parts of one word."""

_ODD = re.compile(r"[A-Za-z][0-9]|[0-9][A-Za-z]|[a-z]I|l[A-Z]|[A-Z]{2}l")
_ALIKE = str.maketrans({"i": "l", "1": "l", "0": "o"})

_TOUCHING = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007"
    "\u3040-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
    "\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
"""Scripts that do not part words (Thai, Lao, Burmese, Khmer, those of East Asia); and Korean, whose
words carry endings. Each letter counts as a word, so a phrase is found wherever it stands."""

_WORD = re.compile(f"[{_TOUCHING}]|[^ .{_TOUCHING}]+")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a text: where each stands among the folded letters, and which are odd."""

    folded: Folded
    places: tuple[tuple[int, int], ...]
    strict: tuple[str, ...]
    loose: tuple[str, ...]
    odd: frozenset[int]

    def source_span(self, first: int, last: int) -> tuple[int, int]:
        """Returns the offsets in the text of the words ``first`` to ``last``, both included."""
        origins = self.folded.origins
        return origins[self.places[first][0]], origins[self.places[last][1] - 1] + 1


@dataclass(frozen=True, slots=True)
class Found:
    """How often something listed stands in a text, overlaps counted once, and where first."""

    count: int
    span: tuple[int, int] | None


@dataclass(slots=True)
class _Node:
    """What may follow some words, and the spellings of the phrases that end with them."""

    after: dict[str, _Node] = field(default_factory=dict)
    spellings: set[tuple[str, ...]] = field(default_factory=set)


@lru_cache(maxsize=8)
def words_of(text: str) -> Words:
    """Returns the words of a text. The last few texts are remembered for the next rule's list."""
    folded = fold(text)
    places = tuple(found.span() for found in _WORD.finditer(folded.letters))
    alike = folded.letters.translate(_ALIKE)
    words = Words(
        folded,
        places,
        tuple([folded.letters[start:end] for start, end in places]),
        tuple([alike[start:end] for start, end in places]),
        frozenset(),
    )
    if text.isascii() and _ODD.search(text) is None:
        return words
    odd = frozenset(place for place in range(len(places)) if _is_odd(text, words, place))
    return Words(words.folded, words.places, words.strict, words.loose, odd)


def _is_odd(text: str, words: Words, place: int) -> bool:
    start, end = words.source_span(place, place)
    written = text[start:end]
    return not written.isascii() or _ODD.search(written) is not None


class PhraseIndex:
    """A list of words and phrases, prepared for texts. Phrases without a letter are left out."""

    __slots__ = ("_joined", "_longest", "_root")

    def __init__(self, phrases: Iterable[str]) -> None:
        self._root = _Node()
        self._joined: dict[str, set[str]] = {}
        self._longest: dict[str, int] = {}
        """The letters of the longest phrase that begins with these three."""
        for phrase in phrases:
            self._add(words_of.__wrapped__(phrase[:MOST_LETTERS]))

    def _add(self, words: Words) -> None:
        if not words.strict:
            return
        node = self._root
        for word in words.loose:
            node = node.after.setdefault(word, _Node())
        node.spellings.add(words.strict)
        joined = "".join(words.loose)
        if len(joined) >= SHORTEST_JOINED:
            self._joined.setdefault(joined, set()).add("".join(words.strict))
            begin = joined[:SHORTEST_JOINED]
            self._longest[begin] = max(len(joined), self._longest.get(begin, 0))

    def find(self, text: str) -> Found:
        """Returns how many listed words and phrases stand in the text, and where the first."""
        words = words_of(text)
        spans = sorted({*self._plain(words), *self._in_parts(words)})
        count, reached = 0, -1
        for first, last in spans:
            if first > reached:
                count += 1
            reached = max(reached, last)
        return Found(count, words.source_span(*spans[0]) if spans else None)

    def _plain(self, words: Words) -> Iterator[tuple[int, int]]:
        """The first and last word of each phrase whose words follow each other; the longest."""
        loose, first = words.loose, 0
        while first < len(loose):
            node = self._root.after.get(loose[first])
            last, found = first, -1
            while node is not None:
                if node.spellings and _is_spelled(words, first, last, node.spellings):
                    found = last
                last += 1
                node = node.after.get(loose[last]) if last < len(loose) else None
            if found >= 0:
                yield first, found
            first = max(first, found) + 1

    def _in_parts(self, words: Words) -> Iterator[tuple[int, int]]:
        """The first and last part of each listed word that is written in parts; the longest."""
        for begin, end in _chains(words):
            parts = words.loose[begin:end]
            joined = "".join(parts)
            ends = [0, *accumulate(map(len, parts))]
            first = 0
            while first < len(parts) - 1:
                start = ends[first]
                longest = self._longest.get(joined[start : start + SHORTEST_JOINED], 0)
                last, found = first + 1, -1
                while last < len(parts) and ends[last + 1] - start <= longest:
                    spellings = self._joined.get(joined[start : ends[last + 1]])
                    if spellings and _is_joined(words, begin + first, begin + last, spellings):
                        found = last
                    last += 1
                if found >= 0:
                    yield begin + first, begin + found
                first = max(first, found) + 1


def _is_spelled(words: Words, first: int, last: int, spellings: set[tuple[str, ...]]) -> bool:
    """Returns whether words like those of a phrase are its words, odd ones apart."""
    if words.strict[first : last + 1] in spellings:
        return True
    return bool(words.odd) and any(
        all(
            words.strict[place] == word or place in words.odd
            for place, word in enumerate(spelling, first)
        )
        for spelling in spellings
    )


def _is_joined(words: Words, first: int, last: int, spellings: set[str]) -> bool:
    if "".join(words.strict[first : last + 1]) in spellings:
        return True
    return any(place in words.odd for place in range(first, last + 1))


def _chains(words: Words) -> Iterator[tuple[int, int]]:
    """The longest runs of words that may be parts of one: the first, and the one after the last."""
    letters, places = words.folded.letters, words.places
    begin = 0
    for place in range(1, len(places) + 1):
        if place < len(places):
            (start, end), (next_start, next_end) = places[place - 1], places[place]
            gap = letters[end:next_start]
            if 0 < len(gap) <= WIDEST_GAP and (
                " " not in gap or (end - start == 1 and next_end - next_start == 1)
            ):
                continue
        if place - begin > 1:
            yield begin, place
        begin = place
