"""The page from its date line on: when it was published, its frame, and the numbered replies.

A wrong reading would do most damage here, since the numbers printed become the numbers of
comments. So every line must be one that is known, and every count must agree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

from blog.seed.dates import read_date
from blog.seed.document import Reply, SeedError, Tail
from blog.seed.lines import indent_of, plain, shown

LONGEST_REPLY = 40_000  # characters; what the comment system takes from an import
FRAME_LIMIT = 400  # characters of a line of the page's frame; longer lines are text

_COUNT = r"(no|one|[0-9][0-9,]{0,10}) comments?"
_DATELINE = re.compile(r"\S[^|]{0,60}\|[^|]*comment[^|]*", re.IGNORECASE)
_DECLARED = re.compile(rf"{_COUNT}(?: ?»)?|comments off(?: on .*)?", re.IGNORECASE)
_FRAME = {
    "digest_name": r"subscribe to (.{1,100})",
    "open_for_replies": r"(leave a (?:reply|comment)(?: cancel reply)?)|comments are closed\.?",
    "declared_count": rf"{_COUNT}(?: / {_COUNT})?",
}
_REPLY_NUMBER = re.compile(r"\s*([0-9]{1,9})\.(?:\s+|$)")


def find_dateline(lines: Sequence[str], start: int) -> int:
    """Returns the index of "April 27, 2023 | 9 Comments »", which ends the body.

    SeedError where there is none: it is expected above the first other line of the frame.
    """
    for index in range(start, len(lines)):
        if len(lines[index]) <= FRAME_LIMIT and _DATELINE.fullmatch(lines[index]):
            return index
    frame = (number for number in range(start + 1, len(lines)) if _frame_line(lines[number - 1]))
    detail = "the line of date and count, such as “April 27, 2023 | 9 Comments »”, is missing"
    raise SeedError(line=next(frame, len(lines)), field="published_on", detail=detail)


def read_tail(lines: Sequence[str], start: int) -> Tail:
    """Returns what the lines say from the date line on, whose index is `start`.

    A line that begins right of the full stop after the first number belongs to a reply, so that
    numbers in its text, typed or from a list, are text whatever they are: " 10." reaches further
    left than "  9.", never further right.

    Raises:
        SeedError: a date or a count that cannot be read, an unknown line, one that stands twice, a
            reply without text or with another number than the next, counts that differ.
    """
    published_on, declared = _read_dateline(lines[start], start + 1)
    counts = [(start + 1, declared)]
    frame: dict[str, tuple[int, str | None]] = {}  # line and what it says, by field
    replies: list[tuple[int, list[str]]] = []  # line of the number, lines of the text
    text_column = 0  # as the first reply says
    for number, line in enumerate(lines[start + 1 :], start=start + 2):
        found = _REPLY_NUMBER.match(line)
        if replies and (not line or indent_of(line) >= text_column):
            replies[-1][1].append(line)
        elif found:
            expected = len(replies) + 1
            if int(found[1]) != expected:
                detail = f"number {expected} is missing: {found[1]} stands in its place"
                raise SeedError(line=number, field="replies", detail=detail)
            text_column = text_column or found.end(1) + 1
            replies.append((number, [line[found.end() :]]))
        elif line:
            name, values = _frame_line(line) or ("", ())
            if not name:
                detail = f"{shown(line)} belongs to no reply and is no known line of the page"
                raise SeedError(line=number, field="replies", detail=detail)
            if name in frame:
                detail = f"{shown(line)} repeats or contradicts line {frame[name][0]}"
                raise SeedError(line=number, field=name, detail=detail)
            frame[name] = (number, values[0])
            if name == "declared_count":
                counts += [(number, _count_of(value)) for value in values if value]
    for number, count in counts:
        if count != len(replies):
            detail = f"{count} declared, but {len(replies)} found"
            raise SeedError(line=number, field="declared_count", detail=detail)
    return Tail(
        published_on=published_on,
        declared_count=len(replies),
        digest_name=frame.get("digest_name", (0, None))[1],
        open_for_replies=frame.get("open_for_replies", (0, None))[1] is not None,
        replies=_cleaned(replies),
    )


def _read_dateline(line: str, number: int) -> tuple[date, int]:
    """Returns what "April 27, 2023 | 9 Comments »" says; SeedError for a bad date or count."""
    written_date, written_count = (part.strip() for part in plain(line).split("|"))
    published_on, count = read_date(written_date), _DECLARED.fullmatch(written_count)
    if published_on is None or count is None:
        field = "published_on" if published_on is None else "declared_count"
        detail = f"{shown(line)} is not like “April 27, 2023 | 9 Comments »”"
        raise SeedError(line=number, field=field, detail=detail)
    return published_on, _count_of(count[1] or "no")


def _count_of(written: str) -> int:
    """Returns the number in "No", "One", "9" or "1,024"."""
    return int({"no": "0", "one": "1"}.get(written.lower(), written.replace(",", "")))


def _frame_line(line: str) -> tuple[str, tuple[str | None, ...]] | None:
    """Returns the field that a line of the frame is about and what it says; None for others."""
    if len(line) <= FRAME_LIMIT:
        for name, form in _FRAME.items():
            if found := re.fullmatch(form, plain(line), re.IGNORECASE):
                return name, found.groups()
    return None


def _cleaned(replies: Sequence[tuple[int, list[str]]]) -> tuple[Reply, ...]:
    """Returns the replies without their indentation; SeedError for one without text."""
    column = min((indent_of(line) for _, texts in replies for line in texts[1:] if line), default=0)
    cleaned: list[Reply] = []
    for number, (line, (first, *further)) in enumerate(replies, start=1):
        text = "\n".join([first, *(one[column:] for one in further)])
        source = re.sub(r"\n{3,}", "\n\n", text).strip("\n")
        if not source:
            raise SeedError(line=line, field="replies", detail=f"number {number} has no text")
        if len(source) > LONGEST_REPLY:
            detail = f"number {number} has more than {LONGEST_REPLY:,} characters"
            raise SeedError(line=line, field="replies", detail=detail)
        cleaned.append(Reply(number=number, source=source, line=line))
    return tuple(cleaned)
