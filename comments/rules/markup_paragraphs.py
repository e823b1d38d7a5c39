"""Paragraphs of allowed elements: a filter over bleach's stream of tokens.

What an HTML parser leaves is balanced, and otherwise whatever a commenter made of it: text without
a paragraph, lists in emphasis, a bold that never ends. Here it becomes blocks, paragraphs in them
and inline elements in those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from comments.rules.markup_policy import Policy
from comments.rules.markup_tokens import Token, characters, empty_tag, end_tag, start_tag

MOST_CARRIED_OVER = 4
"""Inline elements that go on in the next paragraph; with more of them, or an element that has
attributes, the paragraph goes on instead, with empty lines in it."""
MOST_CARRYINGS = 1_000
"""How often that is done in one text."""


@dataclass(slots=True, eq=False)
class _Inline:
    """An inline element of the source that has begun and not ended."""

    token: Token
    is_open: bool = False
    was_opened: bool = False

    @property
    def may_open(self) -> bool:
        """Whether it can be opened (again): an element with attributes only once."""
        return not self.was_opened or not self.token["data"]


@dataclass(slots=True)
class _Block:
    """A block element in the output; ``name`` is ``""`` for the text itself."""

    name: str
    asks_for_paragraph: bool = False
    is_empty: bool = True


class Paragraphs:
    """Puts inline content into paragraphs and closes them where a block begins.

    Inline elements are opened when there is something to put into them, and opened again in the
    next paragraph, so that ``<b>`` before two paragraphs makes both bold and stays inside them.
    """

    def __init__(
        self,
        source: Iterable[Token],
        *,
        line_breaks: bool,
        policy: Policy,
        check_time: Callable[[], None],
    ) -> None:
        self._source = source
        self._line_breaks = line_breaks
        self._policy = policy
        self._check_time = check_time
        self._out: list[Token] = []
        self._blocks = [_Block("")]
        self._items_shown: list[bool] = []
        self._wanted: list[_Inline] = []
        self._open: list[_Inline] = []
        self._line_ends = 0
        self._after_break = False
        self._carryings_left = MOST_CARRYINGS

    def __iter__(self) -> Iterator[Token]:
        for token in self._source:
            self._check_time()
            self._take(token)
            yield from self._out
            self._out.clear()
        self._close_paragraph()
        yield from self._out

    def _take(self, token: Token) -> None:
        kind, name = token["type"], str(token.get("name", ""))
        if kind == "Characters":
            self._text(str(token["data"]))
        elif kind == "StartTag" and name in self._policy.inline:
            if name != "a" or (None, "href") in token["data"]:
                self._wanted.append(_Inline(token))
            else:
                self._wanted.append(_Inline({**token, "name": ""}))
        elif kind == "EndTag" and name in self._policy.inline:
            self._end_inline()
        elif kind == "StartTag":
            self._start_block(name, token)
        elif kind == "EndTag":
            self._end_block(name)
        elif name == "br":
            self._break(token)
        else:
            self._content(token)

    # Text

    def _text(self, text: str) -> None:
        if self._in("pre"):
            self._content(characters(text))
        elif not self._line_breaks:
            self._words(text)
        else:
            first, *others = text.split("\n")
            self._words(first)
            for line in others:
                if self._after_break:
                    self._after_break = False
                else:
                    self._line_ends += 1
                self._words(line)

    def _words(self, text: str) -> None:
        if text and (not text.isspace() or (self._in_line() and not self._line_ends)):
            self._content(characters(text))

    def _break(self, token: Token) -> None:
        if self._in_line():
            self._content(token)
            self._after_break = True

    def _content(self, token: Token) -> None:
        """Puts out something that stands in a line, in the paragraph and elements it belongs to."""
        self._end_lines()
        if self._blocks[-1].name in {"", "blockquote"} or (
            self._blocks[-1].name == "li" and self._blocks[-1].asks_for_paragraph
        ):
            self._out.append(start_tag("p"))
            self._blocks[-1].is_empty = False
            self._blocks.append(_Block("p"))
        for inline in self._wanted:
            if not inline.is_open and inline.may_open and inline.token["name"]:
                inline.is_open = inline.was_opened = True
                self._open.append(inline)
                self._out.append(dict(inline.token))
        self._out.append(token)
        self._blocks[-1].is_empty = False
        self._after_break = False

    def _in_line(self) -> bool:
        """Returns whether something stands before this place in the same block."""
        return self._blocks[-1].name in {"p", "li", "pre"} and not self._blocks[-1].is_empty

    def _in(self, name: str) -> bool:
        return self._blocks[-1].name == name

    def _end_lines(self) -> None:
        """Puts out the line ends that were waiting: as a new paragraph, or as breaks."""
        count, self._line_ends = self._line_ends, 0
        if not count or not self._in_line():
            return
        if count > 1 and self._in("p") and self._can_carry_over():
            self._carryings_left -= bool(self._open)
            self._close_paragraph()
        else:
            self._out += [empty_tag("br") for _ in range(min(count, 2))]

    def _can_carry_over(self) -> bool:
        return not self._open or (
            self._carryings_left > 0
            and len(self._open) <= MOST_CARRIED_OVER
            and not any(inline.token["data"] for inline in self._open)
        )

    # Elements

    def _end_inline(self) -> None:
        inline = self._wanted.pop()
        if inline.is_open:
            self._open.remove(inline)
            self._out.append(end_tag(str(inline.token["name"])))

    def _start_block(self, name: str, token: Token) -> None:
        self._close_paragraph()
        if name == "p":
            self._blocks[-1].asks_for_paragraph = True
            return
        if name == "li":
            self._items_shown.append(self._blocks[-1].name in {"ul", "ol"})
            if not self._items_shown[-1]:
                return
        self._out.append(token)
        self._blocks[-1].is_empty = False
        self._blocks.append(_Block(name))

    def _end_block(self, name: str) -> None:
        self._close_paragraph()
        if name == "p":
            self._blocks[-1].asks_for_paragraph = False
            return
        if name == "li" and not self._items_shown.pop():
            return
        self._blocks.pop()
        self._out.append(end_tag(name))

    def _close_paragraph(self) -> None:
        """Ends the inline elements that are open, and the paragraph if there is one."""
        while self._open:
            inline = self._open.pop()
            inline.is_open = False
            self._out.append(end_tag(str(inline.token["name"])))
        if self._in("p"):
            self._blocks.pop()
            self._out.append(end_tag("p"))
        self._line_ends = 0
        self._after_break = False
