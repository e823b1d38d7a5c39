"""The top of a page: title, series and byline.

A byline is needed. Without one there is nobody to store the post under, and whatever stood in its
place would be taken for text of the body.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from blog.seed.dates import BYLINE_DATE
from blog.seed.document import Head, SeedError, SeriesPart
from blog.seed.lines import plain, shown
from blog.seed.series import slug_of, split_part

TITLE_LIMIT = 300  # characters of a title, of the post and of a part
NAME_WORD_LIMIT = 6

_BYLINE = re.compile(r"by:?\s+(?P<rest>.{1,480})", re.IGNORECASE)
_BETWEEN_NAMES = re.compile(
    r" ?[,;](?! (?:jr|sr|i{2,3}|ph\.?d|m\.?[ad]|esq)\b) ?(?:(?:and|&) )?| (?:and|&)(?: |$)",
    re.IGNORECASE,
)
# No figures: a date that is not understood must not become part of a name. No long word before a
# full stop: that is the end of a sentence, not "Jr." or "Ana L."
_NAME = re.compile(r"(?!.*\w{4}\.$)[^\W\d_][^\d!?:…|]{0,59}")


def read_head(lines: Sequence[str]) -> tuple[Head, int]:
    """Returns title, series and byline, and the index of the first line after them.

    Raises:
        SeedError: no title or one that is too long, parts that contradict the title or each
            other, no byline or one without readable names.
    """
    filled = [(number, line.strip()) for number, line in enumerate(lines, start=1) if line]
    title_line, title = filled[0] if filled else (1, "")
    series, own = split_part(title[: TITLE_LIMIT + 1])
    if not series or len(title) > TITLE_LIMIT:
        detail = f"is missing or longer than {TITLE_LIMIT} characters: {shown(title)}"
        raise SeedError(line=title_line, field="title", detail=detail)
    parts: list[SeriesPart] = []
    for number, line in filled[1:]:
        if found := _BYLINE.fullmatch(line):
            authors, byline_date = _read_byline(plain(found["rest"]), number)
            head = Head(
                title=title,
                series_title=series if own else None,
                part=own.part if own else None,
                part_label=own.label if own else None,
                part_title=own.title if own else None,
                other_parts=tuple(part for part in parts if own and part.part != own.part),
                byline=line,
                authors=authors,
                byline_date=byline_date,
            )
            return head, number
        listed_in, part = split_part(line[:TITLE_LIMIT])
        if part is None or listed_in.lower() not in ("", series.lower()):
            # What is missing can be the title: then the byline has been taken for it.
            field, at = ("title", title_line) if _BYLINE.match(title) else ("byline", number)
            raise SeedError(line=at, field=field, detail=f"is missing above {shown(line)}")
        if own is None:
            problem = "is listed, but the title names no series and part"
        elif not part.title or len(line) > TITLE_LIMIT:
            problem = f"has no title, or one of more than {TITLE_LIMIT} characters"
        elif parts and part.part <= parts[-1].part:
            problem = f"comes after {parts[-1].label}"
        elif part.part == own.part and part.title != own.title:
            problem = "is the number of this post itself, under another title"
        else:
            parts.append(part)
            continue
        raise SeedError(line=number, field="other_parts", detail=f"{part.label} {problem}")
    raise SeedError(line=len(lines), field="byline", detail="is missing")


def _read_byline(rest: str, number: int) -> tuple[tuple[str, ...], str | None]:
    """Returns the names and the date of "Ana Lima and Bo Ek April 18/21"; SeedError for others."""
    dated = BYLINE_DATE.search(rest)
    names: dict[str, str] = {}  # by slug, which is what tells authors apart in the tables
    for name in _BETWEEN_NAMES.split(rest[: dated.start()] if dated else rest):
        slug = slug_of(name)
        if slug in names or not _NAME.fullmatch(name) or len(name.split()) > NAME_WORD_LIMIT:
            detail = f"{shown(name)} stands twice or does not read like a name"
            raise SeedError(line=number, field="byline", detail=detail)
        names[slug] = name
    return tuple(names.values()), dated["date"] if dated else None
