"""From bytes to lines that the other modules can rely on, and what they all do with a line.

Lines are numbered as an editor numbers them. No-break spaces are white space wherever the
structure of a page is concerned, and are kept in its texts.
"""

from __future__ import annotations

import re

from blog.seed.document import SeedError

SHOWN_LIMIT = 60  # characters of the document that an error quotes

# Control characters but tab and line feed; lone surrogates, which no database stores;
# noncharacters, which no feed may hold.
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_VISIBLE = re.compile(r"[^\s\u200b-\u200f\u2060\ufeff]")


def decode_document(data: bytes) -> str:
    """Returns the text of a UTF-8 document, without its byte order mark.

    Raises:
        SeedError: for anything else (field "encoding"), with the line of the first bad byte.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = len(re.split(b"\r\n|\r|\n", data[: error.start]))
        detail = f"byte 0x{data[error.start]:02x} is not UTF-8 ({error.reason})"
        raise SeedError(line=line, field="encoding", detail=detail) from error


def lines_of(text: str) -> list[str]:
    """Returns the lines without tabs and spaces at their ends; lines that show nothing are empty.

    `str.splitlines` would also split at U+2028 and others, which no editor counts.

    Raises:
        SeedError: a control character or the like (field "text").
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if found := _UNWANTED.search(text):
        line = text.count("\n", 0, found.start()) + 1
        detail = f"holds the character U+{ord(found.group()):04X}, which no text needs"
        raise SeedError(line=line, field="text", detail=detail)
    lines = text.expandtabs().split("\n")
    return [line.rstrip(" ") if _VISIBLE.search(line) else "" for line in lines]


def indent_of(line: str) -> int:
    """Returns the column, from 0, at which the text of a line begins."""
    return len(line) - len(line.lstrip())


def plain(line: str) -> str:
    """Returns a line with each run of white space as one space, and none at its ends."""
    return " ".join(line.split())


def shown(text: str) -> str:
    """Returns a text as an error quotes it: in one line, at most SHOWN_LIMIT characters."""
    text = plain(text[: 4 * SHOWN_LIMIT])
    return f"“{text[: SHOWN_LIMIT - 1]}…”" if len(text) > SHOWN_LIMIT else f"“{text}”"
