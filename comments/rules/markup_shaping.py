"""Bleach at work: markup to paragraphs of allowed elements, with bare addresses made links.

Bleach parses with its own copy of html5lib, escapes what the policy does not allow and hands a
stream of tokens to filters. Two filters stand here: one gives the text its paragraphs and keeps
elements where they may be, the other is bleach's own search for addresses, with a pattern and a
trim of ours. The result still goes through nh3.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any
from xml.etree.ElementTree import Element

from bleach.html5lib_shim import BleachHTMLParser
from bleach.linkifier import LinkifyFilter
from bleach.sanitizer import Cleaner

from comments.rules.markup_addresses import ADDRESS, is_address, without_punctuation
from comments.rules.markup_paragraphs import Paragraphs
from comments.rules.markup_policy import Policy
from comments.rules.markup_tokens import Token, characters, empty_tag, end_tag


class Shaper:
    """Bleach for one thread: ``shape`` may not be called by two threads at once."""

    def __init__(self, *, policy: Policy, line_breaks: bool) -> None:
        """Makes the cleaner.

        Args:
            line_breaks: whether line ends are ``br`` and empty lines divide paragraphs, as in plain
                text; in HTML made from Markdown they are white space.
        """
        self._check_time: Callable[[], None] = _do_nothing
        paragraphs: Any = partial(
            Paragraphs, line_breaks=line_breaks, policy=policy, check_time=self.check_time
        )
        self._cleaner = Cleaner(
            tags=policy.tags,
            attributes=partial(_allows, policy),
            protocols=policy.schemes,
            filters=[paragraphs, _Links],
        )
        self._cleaner.parser = _Parser(policy=policy, shaper=self)
        self._cleaner.walker = _tokens_of  # type: ignore[assignment]

    def check_time(self) -> None:
        """Raises what the present caller of ``shape`` wants raised when time is up."""
        self._check_time()

    def shape(self, markup: str, *, check_time: Callable[[], None]) -> str:
        """Returns balanced HTML of allowed tags in paragraphs.

        Args:
            markup: each ``<`` in it begins a complete tag.
            check_time: called for each element and text; what it raises ends the shaping.
        """
        self._check_time = check_time
        return self._cleaner.clean(markup)


class _Parser(BleachHTMLParser):
    """Bleach's parser, asked at each token whether there is time left."""

    def __init__(self, *, policy: Policy, shaper: Shaper) -> None:
        # The rest is what bleach's Cleaner sets up.
        super().__init__(
            policy.tags, strip=False, consume_entities=False, namespaceHTMLElements=False
        )
        self._check_time = shaper.check_time

    def mainLoop(self) -> None:  # noqa: N802
        """Builds the tree from the tokens, unless time is up."""
        timed: Any = _TimedTokens(self.tokenizer, self._check_time)
        self.tokenizer = timed
        super().mainLoop()


class _TimedTokens:
    """Stands in for the tokenizer while its tokens are read one by one.

    Only the elements that switch a tokenizer to raw text (``script``, ``textarea``) make a parser
    set anything on it, and none of them comes this far.
    """

    def __init__(self, tokenizer: Iterable[Any], check_time: Callable[[], None]) -> None:
        self._tokenizer = tokenizer
        self._check_time = check_time

    def __iter__(self) -> Iterator[Token]:
        for token in self._tokenizer:
            self._check_time()
            yield token

    def __getattr__(self, name: str) -> object:
        return getattr(self._tokenizer, name)


def _tokens_of(fragment: Element) -> Iterator[Token]:
    """Yields the tokens of a parsed tree, as html5lib's own walker does, in linear time.

    That one asks the parent for the place of each child, and is quadratic in their number.
    """
    ways = [iter(fragment)]
    above: list[Element] = []
    if fragment.text:
        yield characters(fragment.text)
    while ways:
        element = next(ways[-1], None)
        if element is None:
            ways.pop()
            if above:
                element = above.pop()
                yield end_tag(element.tag)
        elif element.tag == "br":
            yield empty_tag("br")
        else:
            data = {(None, name): value for name, value in element.attrib.items()}
            yield {"type": "StartTag", "name": element.tag, "data": data}
            if element.text:
                yield characters(element.text)
            above.append(element)
            ways.append(iter(element))
            continue
        if element is not None and element.tail:
            yield characters(element.tail)


def _do_nothing() -> None:
    """Never too late."""


def _allows(policy: Policy, tag: str, name: str, value: str) -> bool:
    if name == "href" and not policy.allows_address(html.unescape(value)):
        return False
    return policy.allows_attribute(tag, name)


class _Links(LinkifyFilter):
    """Bleach's search for addresses, with our idea of what one is."""

    def __init__(self, source: Any) -> None:
        super().__init__(
            source,
            callbacks=[_only_good_addresses],
            skip_tags={"pre", "code"},
            url_re=ADDRESS,
        )

    def strip_non_url_bits(self, fragment: str) -> tuple[str, str, str]:
        """Returns address, what stood before it and what stood after it."""
        address = without_punctuation(fragment)
        return address, "", fragment[len(address) :]

    def extract_entities(self, token: Token) -> Iterator[Token]:
        """Yields the token as it is: the sanitizer has taken entities out of it before.

        Doing it twice would show ``&amp;lt;`` as ``<``.
        """
        yield token


def _only_good_addresses(attributes: Any, is_new: bool = False) -> Any:
    """Returns the attributes of a link; ``None`` where bleach has found one that is none."""
    return None if is_new and not is_address(attributes["_text"]) else attributes
