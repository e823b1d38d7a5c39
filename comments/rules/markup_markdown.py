"""Markdown to HTML, not yet safe: CommonMark by markdown-it-py, kept within bounds.

The bounds are there because of what a comment may cost: nesting is limited, so that no quotation in
a quotation in a quotation takes quadratic time, and what reference definitions may blow up is too.
Beyond them text stays text; nothing is dropped.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock, paragraph
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from comments.rules.markup_policy import Policy
from comments.rules.markup_tags import with_raw_text_shown

DEEPEST_BLOCK = 14
"""Levels of quotations and lists (a list takes two); markers deeper down are shown as text."""
DEEPEST_INLINE = DEEPEST_BLOCK + 2
"""Levels of brackets; the parser has one limit for both, and drops what is at it in blocks."""
DEEPEST_EMPHASIS = 8
MOST_LINK_CHARACTERS = 100_000
"""Characters of addresses and titles in one text: a definition of 5,000 can be used 1,600 times."""


class Markdown:
    """A parser for one thread: ``to_html`` may not be called by two threads at once."""

    def __init__(self, *, policy: Policy, without: dict[int, None]) -> None:
        """Makes the parser.

        Args:
            policy: says which addresses an image may be a link to.
            without: a ``str.translate`` table of characters that take no part in addresses and in
                the labels of references.
        """
        self._without = without
        self._parser = MarkdownIt(
            "commonmark",
            {"html": True, "xhtmlOut": False, "maxNesting": DEEPEST_INLINE},
            renderer_cls=_Renderer,
        ).enable("strikethrough")
        self._parser.normalizeLink = self._normalized  # type: ignore[method-assign, assignment]
        self._parser.block.ruler.before("blockquote", "flat_when_deep", _flat_when_deep)
        self._parser.inline.ruler.before("text", "in_time", _in_time)
        self._policy = policy

    def to_html(self, text: str, *, check_time: Callable[[], None]) -> str:
        """Returns the text as HTML that nobody has checked yet.

        Args:
            check_time: called often; what it raises ends the rendering.
        """
        env: dict[str, Any] = {
            "policy": self._policy,
            "check_time": check_time,
            "left": MOST_LINK_CHARACTERS,
        }
        if "]:" in text:
            env["references"] = _Definitions(self._without)
        rendered: str = self._parser.render(text, env)
        return rendered

    def _normalized(self, address: str) -> str:
        return MarkdownIt.normalizeLink(self._parser, address.translate(self._without))


class _Definitions(dict[str, Any]):
    """Reference definitions by their labels, in which some characters do not count."""

    def __init__(self, without: dict[int, None]) -> None:
        super().__init__()
        self._without = without

    def __setitem__(self, label: str, definition: Any) -> None:
        super().__setitem__(label.translate(self._without), definition)

    def __contains__(self, label: object) -> bool:
        return super().__contains__(str(label).translate(self._without))

    def get(self, label: str, default: Any = None) -> Any:
        """Returns the definition that a label means."""
        return super().get(label.translate(self._without), default)


def _flat_when_deep(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Reads what is nested too deeply as a paragraph; the parser itself would drop it."""
    check_time: Callable[[], None] = state.env["check_time"]
    check_time()
    if silent or state.level < DEEPEST_BLOCK:
        return False
    return paragraph(state, start, end, silent)


def _in_time(state: StateInline, silent: bool) -> bool:
    """Matches nothing; it is asked at every place where an inline construct can begin."""
    check_time: Callable[[], None] = state.env["check_time"]
    check_time()
    return False


class _Renderer(RendererHTML):
    """Headings as bold paragraphs, images as links, rules as the characters that were typed."""

    def heading_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        return "<p><strong>"

    def heading_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        return "</strong></p>\n"

    def hr(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"<p>{tokens[idx].markup[:3]}</p>\n"

    def link_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        token = tokens[idx]
        env["in_link"] = True
        env["left"] -= sum(len(str(value)) for value in token.attrs.values())
        if env["left"] < 0:
            token.attrs.clear()
        return self.renderToken(tokens, idx, options, env)

    def link_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        env["in_link"] = False
        return "</a>"

    def html_block(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> str:
        markup = with_raw_text_shown(tokens[idx].content)
        return markup if tokens[idx].level else f"<p>{markup}</p>"

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        address = str(token.attrs.get("src", ""))
        title = str(token.attrs.get("title", ""))
        shown = self.renderInlineAsText(token.children, options, env).strip() or title
        env["left"] -= 2 * len(address) + len(title)
        is_link = env["policy"].allows_address(address) and env["left"] >= 0
        if not is_link or env.get("in_link"):
            return html.escape(shown)
        titled = f' title="{html.escape(title)}"' if title else ""
        return f'<a href="{html.escape(address)}"{titled}>{html.escape(shown or address)}</a>'


def _only_when_shallow(
    rule: str,
) -> Callable[[_Renderer, Sequence[Token], int, OptionsDict, EnvType], str]:
    """Returns a rule that leaves out emphasis in emphasis in emphasis: its text stays."""

    def render(
        self: _Renderer, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType
    ) -> Any:
        if tokens[idx].level >= DEEPEST_EMPHASIS:
            return ""
        return self.renderToken(tokens, idx, options, env)

    render.__name__ = rule
    return render


for _name in ("em_open", "em_close", "strong_open", "strong_close", "s_open", "s_close"):
    setattr(_Renderer, _name, _only_when_shallow(_name))
