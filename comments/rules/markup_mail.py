"""The text of a comment as a mail shows it: without links, cut where it is long, and as plain text.

A reader trusts what arrives under the site's name, so no commenter gets a link into a mail: of a
link its words stay, with the host it leads to in brackets. Mail programs make links of whatever
looks like an address, too; a zero-width space after each dot, ``@`` and scheme keeps them from it,
and nobody sees it.
"""

from __future__ import annotations

import html
import re
import textwrap
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import nh3

from comments.rules.rendering import POLICY
from comments.rules.text_characters import (
    JOINERS,
    NOT_IN_TEXTS,
    SURROGATES,
    table_without,
)

BREAK = "\u200b"
"""Zero-width space: text goes on for the eye, and an address ends for a program."""

MAIL_TAGS = POLICY.tags - {"a"}
"""What a commenter may write, without links; no element has an attribute."""


TAG_CHARACTERS = 12
"""What a tag counts for where a text is cut: a thousand empty lines are long, too."""
WORD_CHARACTERS = 60
"""So far back a cut looks for the end of a word."""

_WITHOUT_CONTROLS = table_without(NOT_IN_TEXTS)
_PIECE = re.compile(r'<(/?)([a-z0-9]+)((?:[^<>"]|"[^"]*")*)>|[^<]+')
_HREF = re.compile(r'\shref="([^"]*)"')
_ADDRESS_LIKE = re.compile(
    r"""
    (?<=[^\s.]) [.．｡。] (?!(?<=\d\.)\d) (?=[^\s.\u200b)\]}"'»”’,;!?…])
    | (?<=\S) [@＠] (?=\S)
    | (?<=[A-Za-z]) : (?=\S)
    | : (?=//)
    | \\ (?=\\)
    """,
    re.VERBOSE,
)
_NUMBERS = re.compile(r"(?<!\d)(?<!\d\.)\d{1,3}(?:\.\d{1,3}){3}(?!\d|\.\d)")

_READABLE = nh3.Cleaner(
    tags=set(POLICY.tags),
    clean_content_tags=set(),
    attributes={"*": set(), "a": {"href"}},
    strip_comments=True,
    link_rel=None,
    url_schemes=set(POLICY.schemes),
    url_relative="deny",
)
_GATE = nh3.Cleaner(
    tags=set(MAIL_TAGS),
    clean_content_tags=set(),
    attributes={"*": set()},
    strip_comments=True,
    link_rel=None,
    url_schemes=set(),
    url_relative="deny",
)


@dataclass(frozen=True, slots=True)
class Excerpted:
    """HTML of a comment for a mail; ``is_cut`` if it is the beginning only."""

    html: str
    is_cut: bool


def without_addresses(text: str) -> str:
    """Returns a text that reads the same, and in which no program finds an address."""
    text = _NUMBERS.sub(lambda found: found[0].replace(".", "." + BREAK), text)
    return _ADDRESS_LIKE.sub(lambda found: found[0] + BREAK, text)


def mail_html(stored: str, *, most_characters: int) -> Excerpted:
    """Returns the HTML of a comment as a mail shows it. What goes in need not be clean.

    Args:
        most_characters: of its text; tags count for some.
    """
    stored = SURROGATES.sub("\ufffd", stored)
    maker = _Cutter(most_characters)
    markup = "".join(maker.pieces(_READABLE.clean(stored).translate(_WITHOUT_CONTROLS)))
    return Excerpted(_GATE.clean(markup).translate(_WITHOUT_CONTROLS), maker.is_cut)


@dataclass(slots=True)
class _Cutter:
    """Takes the links out of HTML as nh3 writes it, and cuts it: balanced, quoted and escaped."""

    left: int
    is_cut: bool = False
    _open: list[str] = field(default_factory=list)
    _last: str = " "
    """The two characters before, also across the tags of inline elements."""
    _links: list[tuple[str, list[str]]] = field(default_factory=list)
    """Of the link that is open: its address, and its words so far."""

    def pieces(self, clean: str) -> Iterator[str]:
        for piece in _PIECE.finditer(clean):
            closes, tag = bool(piece[1]), piece[2]
            if tag == "a":
                yield self._link(piece[3], closes=closes)
                continue
            if tag:
                if tag in POLICY.block:
                    self._last = " "
                if closes and tag in self._open[-1:]:
                    self._open.pop()
                    yield piece[0]
                    continue
                self.left -= TAG_CHARACTERS
            if self.left <= 0:
                self.is_cut = True
                break
            if not tag:
                yield self._text(html.unescape(piece[0]))
                if self.is_cut:
                    break
                continue
            if tag != "br":
                self._open.append(tag)
            yield f"<{tag}>"
        # nh3 closes what is open still. A list holds nothing but its items.
        if self.is_cut and self._open[-1:] not in (["ol"], ["ul"]):
            yield "…"

    def _text(self, text: str) -> str:
        if self._links:
            self._links[-1][1].append(text)
        if len(text) > self.left:
            self.is_cut = True
            text = cut_at_word(text, most_characters=self.left)
        self.left -= len(text)
        # As if no tag stood between: a bold half of an address is still one to a program.
        shown = without_addresses(self._last + text)[len(self._last) :]
        self._last = (self._last + text)[-2:]
        return html.escape(shown, quote=False)

    def _link(self, attributes: str, *, closes: bool) -> str:
        if not closes:
            found = _HREF.search(attributes)
            self._links.append((html.unescape(found[1]) if found else "", []))
            return ""
        address, words = self._links.pop() if self._links else ("", [])
        host = _host_of(address)
        if not host or host in "".join(words).lower():
            return ""
        self.left -= len(host)
        return f" [{html.escape(without_addresses(host), quote=False)}]"


def _host_of(address: str) -> str:
    """Returns where a link leads to: a host, or a mailbox."""
    if address.lower().startswith("mailto:"):
        return address[7:].partition("?")[0].lower()
    try:
        return (urlsplit(address).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def cut_at_word(text: str, *, most_characters: int) -> str:
    """Returns the beginning of a text, ending with a word, and with no half of a character."""
    if len(text) <= most_characters:
        return text
    end = max(0, most_characters)
    space = max(text.rfind(" ", 0, end + 1), text.rfind("\n", 0, end + 1))
    if space > end - WORD_CHARACTERS and space > 0:
        return text[:space].rstrip()
    while 0 < end < len(text) and _belongs_together(text[end - 1], text[end]):
        end -= 1
    return text[:end]


def _belongs_together(before: str, after: str) -> bool:
    """Returns whether two characters are shown as one."""
    joined = before in JOINERS or after in JOINERS
    modifies = unicodedata.category(after)[0] == "M" or unicodedata.category(after) == "Sk"
    flags = all("\U0001f1e6" <= one <= "\U0001f1ff" for one in (before, after))
    return joined or modifies or flags


def words_of(stored: str, *, most_characters: int) -> str:
    """Returns the first words of a comment's HTML, in one line, without addresses."""
    # Four times as much: what is cut here are tags and spaces as well.
    fragment = mail_html(stored, most_characters=4 * most_characters)
    line = " ".join(mail_text(fragment.html, width=10_000).split())
    if len(line) <= most_characters and not fragment.is_cut:
        return line
    return cut_at_word(line.removesuffix("…"), most_characters=most_characters - 1).rstrip() + "…"


def mail_text(fragment: str, *, width: int) -> str:
    """Returns what ``mail_html`` wrote as plain text, wrapped; quotations and lists as in a letter.

    Args:
        width: of the lines, in characters; a longer word stands on a line of its own.
    """
    return _Lines(width).text_of(fragment)


@dataclass(slots=True)
class _Margin:
    """What stands before the lines of a block: another thing before the first, where it is new."""

    first: str
    rest: str


@dataclass(slots=True)
class _Lines:
    width: int
    _lines: list[str] = field(default_factory=list)
    _buffer: list[str] = field(default_factory=list)
    _margins: list[_Margin] = field(default_factory=list)
    _lists: list[int | None] = field(default_factory=list)
    """For each list that is open the next number, or nothing."""
    _pre: int = 0
    _gap: str | None = None
    """The empty line that is to stand before what comes next."""

    def text_of(self, fragment: str) -> str:
        for piece in _PIECE.finditer(fragment):
            tag = piece[2]
            if not tag:
                self._buffer.append(html.unescape(piece[0]))
            elif tag == "br":
                self._buffer.append("\n" if self._pre else "\x00")
            elif tag == "q":
                self._buffer.append("”" if piece[1] else "“")
            elif tag in {"p", "pre", "blockquote", "ul", "ol", "li"}:
                self._flush()
                self._block(tag, closes=bool(piece[1]))
        self._flush()
        return "\n".join(self._lines)

    def _block(self, tag: str, *, closes: bool) -> None:
        if tag == "pre":
            self._pre = max(0, self._pre + (-1 if closes else 1))
        if tag in {"ul", "ol"}:
            if not closes:
                self._lists.append(1 if tag == "ol" else None)
            elif self._lists:
                self._lists.pop()
        is_margin = tag in {"blockquote", "li"}
        if closes and is_margin and self._margins:
            self._margins.pop()
        if tag != "li" and (closes or self._gap is None):
            self._gap = "".join(one.rest for one in self._margins).rstrip()
        if not closes and is_margin:
            self._margins.append(self._margin(tag))

    def _margin(self, tag: str) -> _Margin:
        if tag == "blockquote":
            return _Margin("> ", "> ")
        number = self._lists[-1] if self._lists else None
        if number is None:
            return _Margin("- ", "  ")
        self._lists[-1] = number + 1
        mark = f"{number}. "
        return _Margin(mark, " " * len(mark))

    def _flush(self) -> None:
        text = "".join(self._buffer)
        self._buffer.clear()
        if self._pre:
            parts = text.replace("\x00", "\n").strip("\n").split("\n")
            written = parts if text.strip() else []
        else:
            width = max(20, self.width - sum(len(one.rest) for one in self._margins))
            written = [
                line for part in text.split("\x00") for line in wrapped(part, width=width) or [""]
            ]
            while written and not written[0]:
                written.pop(0)
            while written and not written[-1]:
                written.pop()
        if not written:
            return
        if self._gap is not None and self._lines:
            self._lines.append(self._gap)
        self._gap = None
        for line in written:
            margin = ""
            for one in self._margins:
                margin += one.first
                one.first = one.rest
            self._lines.append((margin + line).rstrip())


def wrapped(text: str, *, width: int) -> list[str]:
    """Returns a paragraph as lines; longer words are not broken."""
    return textwrap.wrap(
        " ".join(text.split()), width, break_long_words=False, break_on_hyphens=False
    )
