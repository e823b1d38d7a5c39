"""What a comment is to the learner: positions in one long vector, and how often each occurs.

Hashed, so that the vector has a fixed length in every script and no text is kept: words (1-2) and
sequences of characters (2-5) of the text, the same of the author's name and of the text that is
answered, each kind in a region of its own, and a few plain facts. Needs numpy.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

READ_CHARS = 20_000
HEAD_CHARS = 1_500
"""How much is read of a long text, besides the last ``TAIL_CHARS``."""
TAIL_CHARS = 500
NAME_CHARS = 100

# The vector: one region for each kind of feature, and what the region counts for beside the others.
WORDS, CHARS, AUTHOR, PARENT, FACTS = range(5)
SIZES = (1 << 16, 1 << 17, 1 << 13, 1 << 16, 1 << 8)
STARTS = tuple(sum(SIZES[:region]) for region in range(len(SIZES) + 1))
DIMENSIONS = STARTS[-1]
REGION_WEIGHTS = (1.0, 0.8, 0.25, 0.3, 0.5)

WORD = re.compile(r"\w+")
_LINK = re.compile(r"https?://|www\.|<a\s", re.IGNORECASE)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


@dataclass(slots=True)
class Features:
    """Which features a comment has: positions in the vector, ascending, and how often (to 255)."""

    positions: NDArray[np.int32]
    times: NDArray[np.uint8]


def features_of(*, text: str, author: str = "", parent_text: str = "") -> Features:
    """Returns the features of a comment; only the first and last characters of a long text count.

    Takes any string: NUL, lone surrogates and a megabyte are read like everything else.
    """
    shown, name, parent = (
        normal_text(text),
        normal_text(author[:NAME_CHARS]),
        normal_text(parent_text),
    )
    hashes = (
        np.concatenate(word_hashes(shown)),
        np.concatenate(character_hashes(shown, 5)),
        np.concatenate([*word_hashes(name), *character_hashes(name, 4)]),
        np.concatenate([*word_hashes(parent), *character_hashes(parent, 5)]),
        _facts(text[:READ_CHARS], author[:NAME_CHARS]),
    )
    every = [placed(each, region) for region, each in enumerate(hashes)]
    positions, times = np.unique(np.concatenate(every), return_counts=True)
    return Features(positions, np.minimum(times, 255).astype(np.uint8))


def normal_text(text: str) -> str:
    """Returns what is read of a text: letters alike (NFKC, small), one space between words."""
    plain = " ".join(unicodedata.normalize("NFKC", text[:READ_CHARS]).lower().split())
    if len(plain) <= HEAD_CHARS + TAIL_CHARS:
        return plain
    return f"{plain[:HEAD_CHARS]} {plain[-TAIL_CHARS:]}"


def placed(hashes: NDArray[np.uint64], region: int) -> NDArray[np.int32]:
    """Returns where these hashes stand in the vector, in their order."""
    return (hashes % np.uint64(SIZES[region])).astype(np.int32) + np.int32(STARTS[region])


def _mixed(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    hashes = (hashes ^ (hashes >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    return hashes ^ (hashes >> np.uint64(32))


def word_hashes(text: str) -> list[NDArray[np.uint64]]:
    """Returns the hashes of single words, and of two in a row, in their order."""
    words = (zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in WORD.findall(text))
    single = np.fromiter(words, np.uint64)
    return [_mixed(single * _FACTOR), _mixed((single[:-1] * _FACTOR + single[1:]) * _FACTOR)]


def character_hashes(text: str, longest: int) -> list[NDArray[np.uint64]]:
    """Returns the hashes of 2, 3, … characters in a row, each array in the order of the text."""
    points = np.frombuffer(f" {text} ".encode("utf-32-le", "surrogatepass"), np.uint32)
    letters = points.astype(np.uint64) + np.uint64(1)
    running, found = letters, []
    for length in range(2, longest + 1):
        size = max(len(letters) - length + 1, 0)
        running = running[:size] * _FACTOR + letters[len(letters) - size :]
        found.append(_mixed(running + np.uint64(length)))
    return found


def _facts(text: str, author: str) -> NDArray[np.uint64]:
    """Returns one of 16 classes for each fact that hashing does not show: links, length, case…"""
    size = max(len(text), 1)
    letters = max(sum(map(str.isalpha, text)), 1)
    classes = (
        len(_LINK.findall(text)),
        len(text).bit_length(),
        10 * sum(map(str.isupper, text)) // letters,
        10 * sum(map(str.isdigit, text)) // size,
        10 * sum(character > "\x7f" for character in text) // size,
        min(text.count("\n"), 6),
        min(text.count("!"), 4),
        min(text.count("?"), 3),
        text[:1].isupper() + 2 * text.rstrip().endswith((".", "!", "?")),
        min(len(author.split()), 4),
        author[:1].isupper() + 2 * author.isupper() + 4 * any(map(str.isdigit, author)),
    )
    pairs = (16 * fact + min(value, 15) for fact, value in enumerate(classes))
    return np.fromiter(pairs, np.uint64)


def values_in_regions(
    positions: NDArray[np.int32],
    times: NDArray[np.uint8],
    rows: NDArray[np.int64] | int,
    idf: NDArray[np.float32],
) -> NDArray[np.float64]:
    """Returns tf-idf values: in each row, each region that it has is as long as its weight."""
    facts = positions >= STARTS[FACTS]
    raw = np.where(facts, 1.0, (1.0 + np.log(times)) * idf[positions])
    regions = np.searchsorted(STARTS, positions, side="right") - 1
    groups = rows * len(SIZES) + regions
    lengths = np.sqrt(np.bincount(groups, raw * raw))
    values: NDArray[np.float64] = raw / lengths[groups] * np.asarray(REGION_WEIGHTS)[regions]
    return values
