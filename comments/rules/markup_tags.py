"""Which angle brackets of a text are tags: the rest is escaped before a parser sees it.

An HTML parser makes something of everything: half a tag swallows the rest of the text, a comment
vanishes, a misplaced quote hides a paragraph. A commenter who writes ``a <b, or so`` wants to read
that. So only complete tags that the policy allows go on, whatever else begins with ``<`` is text,
and a text whose tags nest so deeply that balancing them would cost much has no tags at all.
Grammar of a tag: CommonMark 0.31 section 6.6, with attributes allowed to touch.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator

from comments.rules.markup_policy import Policy

DEEPEST_INLINE = 32
DEEPEST_BLOCK = 64
MOST_TAGS = 4_000
"""Ten characters of the longest import for each; a parser takes a twentieth of a millisecond."""
MOST_REOPENED = 2_000
"""Inline elements that stand open at the beginning of a block, added up over all blocks: an HTML
parser opens each of them again in every paragraph."""
MOST_REPEATED_CHARACTERS = 50_000
"""Characters of the attributes of an open link, added up in the same way."""

# Single characters take all they can, groups do not: before Python 3.11.5 a group that does is
# found where it is not, or not where it is.
_TAG = re.compile(
    r"""
    <(?:
      /(?P<closed>[a-zA-Z][a-zA-Z0-9]*+)\s*+>
      |
      (?P<opened>[a-zA-Z][a-zA-Z0-9]*+)
      (?P<attributes>(?:
        (?:\s++|(?<=["']))
        [a-zA-Z_:][a-zA-Z0-9:._-]*+
        (?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'=<>`]++))?
      )*)
      \s*+/?>
    )?
    """,
    re.VERBOSE,
)
_BAD_REFERENCE = re.compile(r"&(?=#(?:[0-9]{8}|[xX][0-9a-fA-F]{7}))")
_SOURCE = re.compile(
    r"(?:^|[\s\"'])src\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"']+))", re.IGNORECASE
)
_ALT = re.compile(r"(?:^|[\s\"'])alt\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"']+))", re.IGNORECASE)
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})


_RAW_TEXT = re.compile(
    r"<(script|style|textarea|title|xmp|iframe|noembed|noframes|noscript|template)(?=[\s/>])",
    re.IGNORECASE,
)


class TooManyTags(Exception):
    """A text has more tags, or deeper ones, than a comment may."""


def only_tags_of(policy: Policy, markup: str) -> str:
    """Returns markup in which every ``<`` begins a complete tag of the policy, or is escaped.

    Headings become bold paragraphs, and images become links to them.

    Raises:
        TooManyTags: there are more than ``MOST_TAGS``; an inline or block element stands more than
            ``DEEPEST_INLINE`` or ``DEEPEST_BLOCK`` levels deep; or what a parser would have to
            repeat exceeds ``MOST_REOPENED`` or ``MOST_REPEATED_CHARACTERS``.
    """
    return _TAG.sub(_Tags(policy).shown, _BAD_REFERENCE.sub("&amp;", markup))


def raw_text_spans(markup: str) -> Iterator[tuple[int, int]]:
    """Yields the spans of scripts, style sheets and their like, from ``<`` up to the closing tag.

    What is never closed is no such span: somebody may write about the ``<title>`` element.
    """
    never_closed: set[str] = set()
    position = 0
    while opened := _RAW_TEXT.search(markup, position):
        name, position = opened[1].lower(), opened.end()
        if name in never_closed:
            continue
        closed = re.compile(f"</{name}(?![a-z0-9])", re.IGNORECASE).search(markup, position)
        if closed is None:
            never_closed.add(name)
        else:
            yield opened.start(), closed.start()
            position = closed.end()


def with_raw_text_shown(markup: str) -> str:
    """Returns markup in which scripts and their like are text, tags inside them too."""
    parts: list[str] = []
    last = 0
    for start, end in raw_text_spans(markup):
        parts += [markup[last:start], markup[start:end].replace("<", "&lt;")]
        last = end
    return "".join([*parts, markup[last:]])


class _Tags:
    """Looks at the tags of one text from beginning to end."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._open: Counter[str] = Counter()
        self._inline = 0
        self._block = 0
        self._tags = 0
        self._reopened = 0
        self._repeated = 0
        self._open_link = ""

    def shown(self, found: re.Match[str]) -> str:
        """Returns what takes the place of a ``<``, with the tag that it may begin."""
        closed, opened = found["closed"], found["opened"]
        name = (closed or opened or "").lower()
        if name in _HEADINGS:
            self._count("strong", opens=bool(opened))
            return "<p><strong>" if opened else "</strong></p>"
        if opened and name == "img":
            return self._image(found) or _as_text(found[0])
        if name not in self._policy.tags:
            return _as_text(found[0])
        self._count(name, opens=bool(opened))
        if name == "a":
            self._open_link = found["attributes"] or ""
        return found[0]

    def _count(self, name: str, *, opens: bool) -> None:
        self._tags += 1
        change = 1 if opens else -min(1, self._open[name])
        self._open[name] += change
        if name in self._policy.inline:
            self._inline += change
        else:
            # Paragraphs and items close by themselves; what they stand in is counted.
            if name not in {"br", "p", "li"}:
                self._block += change
            self._reopened += self._inline
            self._repeated += len(self._open_link)
        if (
            self._tags > MOST_TAGS
            or self._inline > DEEPEST_INLINE
            or self._block > DEEPEST_BLOCK
            or self._reopened > MOST_REOPENED
            or self._repeated > MOST_REPEATED_CHARACTERS
        ):
            raise TooManyTags

    def _image(self, found: re.Match[str]) -> str:
        attributes = found["attributes"]
        source = _value_of(_SOURCE, attributes)
        shown = _value_of(_ALT, attributes) or source
        if not self._policy.allows_address(html.unescape(source)):
            return ""
        if self._open_link:
            return _quoted(shown)
        return f'<a href="{_quoted(source)}">{_quoted(shown)}</a>'


def _as_text(markup: str) -> str:
    return markup.replace("<", "&lt;").replace(">", "&gt;")


def _quoted(value: str) -> str:
    return _as_text(value).replace('"', "&quot;")


def _value_of(attribute: re.Pattern[str], attributes: str) -> str:
    found = attribute.search(attributes)
    return next(filter(None, found.groups()), "").strip() if found else ""
