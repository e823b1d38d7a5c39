"""From the source of a text to its HTML: the only place in the house that makes HTML of a text.

A text is marked where it may mention or refer, parsed (Markdown, or plain text with limited HTML),
shaped by bleach, cleaned by nh3, and then, in what nh3 wrote, the marks become links of ours or
vanish. nh3 lets no ``class``, ``data-ref`` or fragment address of a commenter through, so those
that stand in the result are the renderer's.

Bleach no longer gets security fixes; nh3 does, and comes last. Both read the policies below, and so
does ``markup_mail``, which takes of the HTML made here what a mail may show.
"""

from __future__ import annotations

import html
import logging
import re
import threading
import time
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import nh3

from comments.errors import FieldError, ValidationFailed
from comments.rules.markup_markdown import Markdown
from comments.rules.markup_policy import Policy
from comments.rules.markup_shaping import Shaper
from comments.rules.markup_tags import TooManyTags, only_tags_of, with_raw_text_shown
from comments.rules.mentions import (
    MOST_MENTIONS,
    MOST_REFERENCES,
    MentionCandidate,
    ReferenceCandidate,
    scan,
)
from comments.rules.text_characters import (
    LINE_ENDS,
    NOT_IN_TEXTS,
    SURROGATES,
    is_visible,
    table_without,
)
from comments.words import Sentence, gettext_noop, ngettext_lazy

log = logging.getLogger(__name__)

RENDERER_VERSION: int = 1
"""Goes up with every change of what the same source becomes; stored rows say which made them."""

DEFAULT_BUDGET_SECONDS = 0.4
"""CPU time of one rendering where the caller names none. Median is under a millisecond."""

POLICY = Policy(
    inline=frozenset(
        {"a", "abbr", "b", "code", "del", "em", "i", "q", "s", "strong", "sub", "sup"}
    ),
    block=frozenset({"blockquote", "br", "li", "ol", "p", "pre", "ul"}),
    attributes={"a": frozenset({"href", "title"}), "abbr": frozenset({"title"})},
    schemes=frozenset({"http", "https", "mailto"}),
    rel="nofollow ugc noopener",
)
"""What a commenter may write: WordPress's list for comments, and what Markdown needs."""

ARTICLE_POLICY = Policy(
    inline=POLICY.inline | {"cite", "img"},
    block=POLICY.block | {"figcaption", "figure", "h2", "h3", "h4", "h5", "h6", "hr"},
    attributes={
        **POLICY.attributes,
        "img": frozenset({"alt", "height", "src", "width"}),
        "ol": frozenset({"start"}),
    },
    schemes=POLICY.schemes,
    rel="noopener",
)
"""What an author of the site may write in a post."""

_MARKS = [chr(0x10FF00 + index) for index in range(MOST_MENTIONS + MOST_REFERENCES)]
"""Private-use characters that stand at candidates while a text is parsed, one for each."""

_RESERVED = re.compile("[\U0010ff00-\U0010fffd]")
_INDEX_OF_MARK = {mark: index for index, mark in enumerate(_MARKS)}
_WITHOUT_MARKS = table_without(_MARKS)
_WITHOUT_CONTROLS = table_without(NOT_IN_TEXTS)
_PIECE = re.compile(r'<(/?)([a-z0-9]+)((?:[^<>"]|"[^"]*")*)>|[^<]+')
_BARE_LINK = re.compile(r"<a (?!href=)")
_NO_NAMES_INSIDE = frozenset({"a", "code", "pre"})


@dataclass(frozen=True, slots=True)
class MentionTarget:
    """Somebody a text may name; ``number`` is the comment to link to, ``None`` makes no link."""

    number: int | None


@dataclass(frozen=True, slots=True)
class FoundMention:
    """``text`` stands from ``start`` up to and without ``end``, in code points of the source.

    ``key`` is the folded name it was resolved by, ``None`` if nobody is called that yet; then it
    ends with the first word.
    """

    text: str
    start: int
    end: int
    key: str | None
    probe: str


@dataclass(frozen=True, slots=True)
class FoundReference:
    """A ``#7`` or ``>>7`` at these offsets; ``linked`` if there is such a comment."""

    start: int
    end: int
    number: int
    linked: bool


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a source became; ``failed`` if it is no more than escaped text in paragraphs."""

    html: str
    mentions: tuple[FoundMention, ...]
    references: tuple[FoundReference, ...]
    failed: bool


class OutOfTime(Exception):
    """A rendering took more than its budget of CPU time."""


def clean_source(source: str, *, max_chars: int) -> str:
    """Returns the source as it is stored: NFC, lines ending in ``\\n``, nothing invisible to harm.

    Control, bidirectional and noncharacters are taken out, empty lines before the text and white
    space after it too. Cleaning twice is cleaning once.

    Raises:
        ValidationFailed: at ``#/source``, with code ``invalid_character`` (NUL or a lone
            surrogate), ``required`` (nothing to see) or ``too_long`` (over ``max_chars`` code
            points when cleaned).
    """
    if len(source) > 4 * max_chars:
        raise _refused("too_long", _too_long(max_chars))
    if "\0" in source or SURROGATES.search(source):
        raise _refused(
            "invalid_character", gettext_noop("The text has a character that cannot be stored.")
        )
    text = LINE_ENDS.sub("\n", source).translate(_WITHOUT_CONTROLS)
    text = re.sub(r"^(?:[^\S\n]*\n)+", "", unicodedata.normalize("NFC", text)).rstrip()
    if not is_visible(text):
        raise _refused("required", gettext_noop("Write something."))
    if len(text) > max_chars:
        raise _refused("too_long", _too_long(max_chars))
    return text


def _too_long(most: int) -> Sentence:
    return ngettext_lazy(
        "The text is longer than {number} character.",
        "The text is longer than {number} characters.",
        most,
    )


def _refused(code: str, detail: str) -> ValidationFailed:
    return ValidationFailed([FieldError("#/source", code, detail)])


def render(
    *,
    source: str,
    format: str,
    names: Mapping[str, MentionTarget],
    numbers: Collection[int],
    budget_seconds: float | None = None,
) -> Rendered:
    """Returns the source as HTML, with what it mentions and refers to. Never raises.

    Args:
        source: cleaned by ``clean_source``; anything else is rendered too.
        format: ``"plain"`` or ``"markdown"``.
        names: by ``name_key``, those whom a mention in this text means.
        numbers: the comments a reference may be linked to.
        budget_seconds: CPU time of this thread; past it the text is shown escaped.
    """
    budget = DEFAULT_BUDGET_SECONDS if budget_seconds is None else budget_seconds
    try:
        return _rendered(source, format, names, numbers, _checker(budget))
    except Exception as error:
        # The message may hold what somebody wrote; the kind of error and the size are enough.
        log.error("rendering failed: %s, %d characters", type(error).__name__, len(source))
        return Rendered(escaped_paragraphs(source), (), (), failed=True)


def render_article(source: str) -> str:
    """Returns the HTML of a post with only what ``ARTICLE_POLICY`` allows.

    Addresses without a scheme stay: they lead to the author's own site.
    """
    return _ARTICLE.clean(SURROGATES.sub("\ufffd", source))


def escaped_paragraphs(source: str) -> str:
    """Returns any text as paragraphs and line breaks, all markup in it shown."""
    text = SURROGATES.sub("\ufffd", LINE_ENDS.sub("\n", source)).translate(_WITHOUT_CONTROLS)
    paragraphs = (part.strip() for part in re.split(r"\n[^\S\n]*\n", text))
    return "".join(
        f"<p>{html.escape(part, quote=False).replace(chr(10), '<br>')}</p>"
        for part in paragraphs
        if part
    )


def _checker(budget_seconds: float) -> Callable[[], None]:
    """Returns a function that raises ``OutOfTime`` when the budget is used up."""
    end = time.thread_time() + budget_seconds

    def check_time() -> None:
        if time.thread_time() > end:
            raise OutOfTime

    return check_time


def _rendered(
    source: str,
    format: str,
    names: Mapping[str, MentionTarget],
    numbers: Collection[int],
    check_time: Callable[[], None],
) -> Rendered:
    if format not in {"plain", "markdown"}:
        raise ValueError(f"unknown format {format!r}")
    text = _RESERVED.sub("\ufffd", source)
    found = scan(text)
    marked = _with_marks(text, (*found.mentions, *found.references))
    try:
        if format == "markdown":
            markup = _TOOLS.markdown.to_html(marked, check_time=check_time)
        else:
            markup = with_raw_text_shown(marked)
        markup = only_tags_of(POLICY, markup)
    except TooManyTags:
        format, markup = "plain", html.escape(marked, quote=False)
    check_time()
    shaped = _TOOLS.shapers[format].shape(markup, check_time=check_time)
    check_time()
    clean = _GATE.clean(shaped).translate(_WITHOUT_CONTROLS)
    linker = _Linker(source, (*found.mentions, *found.references), names, numbers)
    return Rendered(
        linker.linked(clean) if linker.candidates or _BARE_LINK.search(clean) else clean,
        tuple(sorted(linker.mentions, key=lambda mention: mention.start)),
        tuple(sorted(linker.references, key=lambda reference: reference.start)),
        failed=False,
    )


def _with_marks(text: str, candidates: Iterable[MentionCandidate | ReferenceCandidate]) -> str:
    """Returns the text with the mark of each candidate put to it.

    The mark stands after ``@`` and ``#``, where no parser cares, and before ``>>``, which Markdown
    would otherwise take for a quotation in a quotation.
    """
    places = sorted(
        (candidate.start + (text[candidate.start] != ">"), mark)
        for candidate, mark in zip(candidates, _MARKS, strict=False)
    )
    parts: list[str] = []
    last = 0
    for place, mark in places:
        parts += [text[last:place], mark]
        last = place
    return "".join([*parts, text[last:]])


class _Tools(threading.local):
    """The parsers of this thread: they keep state while they work."""

    def __init__(self) -> None:
        self.markdown = Markdown(policy=POLICY, without=_WITHOUT_MARKS)
        self.shapers = {
            "plain": Shaper(policy=POLICY, line_breaks=True),
            "markdown": Shaper(policy=POLICY, line_breaks=False),
        }


_TOOLS = _Tools()


def _gate(policy: Policy, *, relative: bool) -> nh3.Cleaner:
    """Returns nh3 set up for a policy; ``relative`` addresses stay or go."""

    def last_word(tag: str, name: str, value: str) -> str | None:
        if name == "rel":
            return value if tag == "a" and value == policy.rel else None
        if not policy.allows_attribute(tag, name):
            return None
        if name not in {"href", "src"}:
            return value
        has_scheme = re.match(r"\s*[^/?#]*:", value) is not None
        good = policy.allows_address(value) or (relative and not has_scheme)
        return value.strip() if good else None

    return nh3.Cleaner(
        tags=policy.tags,
        clean_content_tags=set(),
        # Without the empty "*", nh3 keeps title and lang on every tag.
        attributes={"*": set(), **{tag: set(names) for tag, names in policy.attributes.items()}},
        attribute_filter=last_word,
        strip_comments=True,
        link_rel=policy.rel,
        url_schemes=set(policy.schemes),
        url_relative="pass_through" if relative else "deny",
    )


_GATE = _gate(POLICY, relative=False)
_ARTICLE = _gate(ARTICLE_POLICY, relative=True)


class _Linker:
    """Puts links where the marks are, in HTML as nh3 writes it: balanced, quoted and escaped."""

    def __init__(
        self,
        source: str,
        candidates: tuple[MentionCandidate | ReferenceCandidate, ...],
        names: Mapping[str, MentionTarget],
        numbers: Collection[int],
    ) -> None:
        self.candidates = candidates
        self.mentions: list[FoundMention] = []
        self.references: list[FoundReference] = []
        self._source = source
        self._names = names
        self._numbers = numbers
        self._seen: set[int] = set()

    def linked(self, clean: str) -> str:
        """Returns the HTML without marks and with links; ``mentions`` and ``references`` fill."""
        return "".join(self._pieces(clean))

    def _pieces(self, clean: str) -> Iterator[str]:
        inside: list[bool] = []
        for piece in _PIECE.finditer(clean):
            text, tag = piece[0], piece[2]
            # What nh3 took the address from is no link any more, and its text may mention.
            shown = tag != "a" or 'href="' in text
            if tag in _NO_NAMES_INSIDE:
                if piece[1]:
                    shown = inside.pop()
                else:
                    inside.append(shown)
            if not tag and not any(inside):
                yield self._text(text)
            elif shown:
                yield text.translate(_WITHOUT_MARKS)

    def _text(self, escaped: str) -> str:
        """Returns a text node with its candidates linked, ``escaped`` as it came."""
        parts: list[str] = []
        text = html.unescape(escaped)
        last = 0
        for found in _MARK.finditer(text):
            index = _INDEX_OF_MARK[found[0]]
            if found.start() < last or index in self._seen or index >= len(self.candidates):
                continue
            candidate = self.candidates[index]
            begin = found.start()
            if isinstance(candidate, MentionCandidate):
                begin -= 1
                found_link = self._mention(candidate, text, found.end())
            else:
                begin -= self._source[candidate.start] == "#"
                found_link = self._reference(candidate, text, found.end())
            if found_link is None or begin < last:
                continue
            self._seen.add(index)
            end, link = found_link
            if link:
                parts += [_escaped(text[last:begin]), link]
                last = end
        parts.append(_escaped(text[last:]))
        return "".join(parts).translate(_WITHOUT_MARKS)

    def _mention(
        self, candidate: MentionCandidate, text: str, after: int
    ) -> tuple[int, str] | None:
        """Records a mention that stands here; returns where it ends in ``text``, and the link.

        The longest known name wins whose characters all stand in this one text node.
        """
        name_start = candidate.start + 1
        for key, end in candidate.keys:
            if key in self._names and text.startswith(self._source[name_start:end], after):
                self._record(candidate, key, end)
                number = self._names[key].number
                shown = self._source[candidate.start : end]
                link = (
                    f'<a class="mention" href="#comment-{number:d}">{_escaped(shown)}</a>'
                    if number is not None
                    else ""
                )
                return after + end - name_start, link
        if text.startswith(self._source[name_start : candidate.word_end], after):
            self._record(candidate, None, candidate.word_end)
            return after, ""
        return None

    def _record(self, candidate: MentionCandidate, key: str | None, end: int) -> None:
        text = self._source[candidate.start : end]
        self.mentions.append(FoundMention(text, candidate.start, end, key, candidate.probe))

    def _reference(
        self, candidate: ReferenceCandidate, text: str, after: int
    ) -> tuple[int, str] | None:
        number = candidate.number
        shown = self._source[candidate.start : candidate.end]
        rest = shown.removeprefix("#")
        if not text.startswith(rest, after):
            return None
        linked = number in self._numbers
        self.references.append(FoundReference(candidate.start, candidate.end, number, linked))
        link = f'<a href="#comment-{number:d}" data-ref="{number:d}">{_escaped(shown)}</a>'
        return after + len(rest), link if linked else ""


_MARK = re.compile(f"[{_MARKS[0]}-{_MARKS[-1]}]")


def _escaped(text: str) -> str:
    """Returns a text node as nh3 writes it."""
    return html.escape(text, quote=False).replace("\xa0", "&nbsp;")
