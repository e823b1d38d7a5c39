"""A title's place in a series, and the slug that follows from it.

Titles and the list of other parts name a part in the same way. The slug is made of series and
part, so that correcting the rest of a title later does not move the page.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from blog.seed.document import SeriesPart
from blog.seed.lines import plain

SLUG_LIMIT = 100  # characters, the part's number included

_ONES = ("", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix")
_NUMBERS = {
    **{str(number): number for number in range(1, 1000)},
    **{f"{'x' * tens}{_ONES[ones]}": 10 * tens + ones for tens in range(4) for ones in range(10)},
    **dict(zip(("one", "two", "three", "four", "five", "six"), range(1, 7), strict=True)),
}
# A number, then a separator or the end: "The Part I Like" is no part. "Part 1-3" is none either.
_PART = re.compile(
    r"\(?\b(?P<label>part\s(?P<number>[0-9]{1,3}|[a-z]{1,8}))\b\)?\s*(?:[:.–—-](?![0-9])|$)",
    re.IGNORECASE,
)

# Latin letters that no decomposition takes apart.
_TO_ASCII = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ı": "i"})
_BETWEEN_WORDS = re.compile("[^a-z0-9]+")


def split_part(line: str) -> tuple[str, SeriesPart | None]:
    """Returns series and part of "SERIES -Part IV: Title"; the line and None where it has no part.

    The series is empty where the line begins with its part.
    """
    for found in _PART.finditer(line):
        if number := _NUMBERS.get(found["number"].lower()):
            title, label = line[found.end() :].strip(), plain(found["label"])
            part = SeriesPart(part=number, title=title, label=label)
            return line[: found.start()].strip(" \u00a0-–—:,|"), part
    return line, None


def slug_of(title: str) -> str:
    """Returns the slug of a title: series and part where there is one, else the whole title.

    Lower-case ASCII letters, digits and single hyphens, at most SLUG_LIMIT characters, never
    empty. A title with letters that ASCII cannot write gets 8 hexadecimal digits of its SHA-256 at
    the end, so that two of them stay apart.
    """
    series, part = split_part(title)
    named, tail = (series, part.label.lower().replace(" ", "-")) if part and series else (title, "")
    folded = unicodedata.normalize("NFKD", re.sub("['’]", "", named.casefold()))
    letters = "".join(c for c in folded.translate(_TO_ASCII) if not unicodedata.combining(c))
    if any(letter.isalpha() and not letter.isascii() for letter in letters):
        tail = f"{hashlib.sha256(named.encode()).hexdigest()[:8]}-{tail}".strip("-")
    words = _BETWEEN_WORDS.sub("-", letters).strip("-")
    room = SLUG_LIMIT - len(tail) - 1
    if len(words) > room:
        words = words[:room].rpartition("-")[0] or words[:room]
    return f"{words}-{tail}".strip("-") or "post"
