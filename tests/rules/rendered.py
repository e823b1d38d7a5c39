"""What the tests of rendering share: who is known, and an independent look at the policy."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
from hypothesis import strategies as st

from comments.rules.rendering import MentionTarget, render

LIMIT = 10_000

# Written out again, so that a slip in the policy is not its own proof.
ALLOWED_TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "code", "del", "em", "i", "li", "ol", "p", "pre"),
    *("q", "s", "strong", "sub", "sup", "ul"),
}
ADDRESS = re.compile(r"https?://[^/\\\s?#]|mailto:[^\s/\\]", re.IGNORECASE)
LINK_OF_OURS = re.compile(r"#comment-([1-9][0-9]*)")
UNWANTED = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

KNOWN: dict[str, Any] = {
    "names": {"adam": MentionTarget(12), "o'brien": MentionTarget(None), "a": MentionTarget(1)},
    "numbers": {3, 7},
}


def shown(source: str, *, format: str = "plain", **known: Any) -> str:
    rendered = render(source=source, format=format, **{**KNOWN, **known})
    assert not rendered.failed
    return rendered.html


def breaches(markup: str) -> Iterator[str]:
    """Yields what in the HTML is against the policy, as an independent parser reads it."""
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    for element in parser.parseFragment(markup).iter():
        if element.tag == "DOCUMENT_FRAGMENT":
            continue
        if element.tag not in ALLOWED_TAGS:
            yield f"element {element.tag}"
        elif element.tag == "a":
            yield from breaches_of_link(element)
        else:
            allowed = {"title"} if element.tag == "abbr" else set()
            yield from (f"{element.tag} {name}" for name in set(element.attrib) - allowed)
    # What is written well leaves nothing to repair.
    yield from (f"parse error {code}" for _, code, _ in parser.errors)
    if UNWANTED.search(html.unescape(markup)):
        yield "control character"


def breaches_of_link(element: Element) -> Iterator[str]:
    """Yields what is wrong with a link, which has one of three shapes."""
    address = element.get("href", "")
    names = set(element.attrib)
    ours = LINK_OF_OURS.fullmatch(address)
    if ours and element.attrib == {"href": address, "class": "mention"}:
        return
    if ours and element.attrib == {"href": address, "data-ref": ours[1]}:
        return
    if not ADDRESS.match(address):
        yield f"address {address!r}"
    if names - {"title"} != {"href", "rel"} or element.get("rel") != "nofollow ugc noopener":
        yield f"link with {element.attrib}"


MARKUP = [
    *("<b>", "</b>", "<p>", "</p>", "<ul><li>", "</ul>", "<pre>", "<a href='http://a.b'>"),
    *("</a>", "<blockquote>", "<br>", "<img src=http://x>", "<h1>", "<script>", "</script>"),
    *("<!--", "-->", "**", "*", "_", "`", "```\n", "\n\n", "\n", "> ", "- ", "1. ", "# ", "["),
    *("](http://a.b)", "]:", "&", "&amp;", "&#x202e;", "@Adam", "#7", ">>7", "http://a.b/"),
    *("\\", '"', "'", "<", ">", "\t", "\u202e", "\0", "\ud800", "\U0010ff00", "\u2028", "é"),
    *("👍🏽", "word", " "),
]  # fmt: skip
anything = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=[]), max_size=200),
    st.lists(st.sampled_from(MARKUP), max_size=30).map("".join),
)
