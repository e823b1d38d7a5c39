"""Rendering: nothing hostile comes through, nothing written is lost, and it costs little."""

from __future__ import annotations

import html
import re
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from comments.errors import ValidationFailed
from comments.rules import rendering
from comments.rules.markup_shaping import Shaper
from comments.rules.markup_tags import only_tags_of
from comments.rules.rendering import (
    MentionTarget,
    Rendered,
    clean_source,
    escaped_paragraphs,
    render,
    render_article,
)
from tests.corpus.reading import FORMATS, in_both_formats, own_payloads, rows_of

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


# Safety


def assert_policy_holds(payloads: list[str], *, number: str) -> None:
    """Renders everything twice: as the commenter of ``#7`` and ``@Adam``, and as nobody."""
    wrong = []
    for format, payload in in_both_formats(payloads):
        rendered = render(source=payload, format=format, **KNOWN)
        problems = [*breaches(rendered.html), *(["failed"] if rendered.failed else [])]
        if problems:
            wrong.append((format, payload[:200], problems[:3]))
    assert wrong == [], number


def test_checker_of_the_policy_sees_what_is_wrong() -> None:
    for markup in [
        "<img src=x onerror=alert(1)>",
        "<svg></svg>",
        '<p class="x">x</p>',
        '<a href="javascript:1" rel="nofollow ugc noopener">x</a>',
        '<a href="https://a.example">x</a>',
        '<a href="#comment-1" class="mention" data-ref="1">x</a>',
        '<a href="#comment-1" data-ref="2">x</a>',
        '<a rel="nofollow ugc noopener">x</a>',
        '<b title="x">x</b>',
        "<!-- x -->",
        "<b>unclosed",
        "<p>\u202e</p>",
        "<p>&#1;</p>",
    ]:
        assert list(breaches(markup)), markup


def test_own_hostile_inputs_keep_to_the_policy() -> None:
    payloads = own_payloads()
    assert len(payloads) > 300
    assert_policy_holds(payloads, number="own")


def test_hostile_inputs_of_others_keep_to_the_policy(shared_data: Callable[[str], Path]) -> None:
    payloads = [row["payload"] for row in rows_of(shared_data("xss.jsonl"))]
    assert len(payloads) > 5_000
    assert_policy_holds(payloads, number="shared")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "typed",
    [
        '<a class=mention href="#comment-5" data-ref=5>x</a>',
        '<a class="mention" href="#comment-5">x</a>',
        '<a href="#comment-5" data-ref="5" rel="author">x</a>',
    ],
)
def test_commenter_cannot_type_a_link_of_ours(typed: str, format: str) -> None:
    assert shown(typed, format=format) == "<p>x</p>"


@pytest.mark.parametrize("format", FORMATS)
def test_link_of_a_commenter_carries_our_rel_alone(format: str) -> None:
    typed = '<a rel="me" class="mention" data-ref="3" id="x" href="https://a.example/">x</a>'
    link = '<a href="https://a.example/" rel="nofollow ugc noopener">x</a>'
    assert shown(typed, format=format) == f"<p>{link}</p>"


@pytest.mark.parametrize(
    "address",
    [
        *("javascript:123", "tel:112", "urn:isbn:1", "ftp://a.example", "data:text/html,x"),
        *("/x", "x", "//a.example", "#x", "?x", "http:x", "https:///x", "https:\\\\x", "mailto:"),
        *("java&#9;script:1", "&#106;avascript:1", "http://", "https://a b.example/"),
    ],
)
def test_address_that_is_not_allowed_is_no_link_and_its_text_stays(address: str) -> None:
    assert shown(f'<a href="{address}">text</a>') == "<p>text</p>"


@pytest.mark.parametrize(
    "address", ["http://a.example", "HTTPS://a.example/", "mailto:a@b.example"]
)
def test_allowed_address_is_a_link(address: str) -> None:
    assert f'<a href="{address}" rel=' in shown(f'<a href=" {address} ">text</a>')


def test_nh3_closes_what_bleach_leaves_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def let_through(_: object, markup: str, **__: object) -> str:
        return markup

    monkeypatch.setattr(Shaper, "shape", let_through)
    monkeypatch.setattr(rendering, "only_tags_of", lambda _, markup: markup)
    for _, payload in in_both_formats(own_payloads()):
        html_written = render(source=payload, format="plain", **KNOWN).html
        problems = [problem for problem in breaches(html_written) if "parse error" not in problem]
        assert problems == [], payload[:200]


# Nothing is lost


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "typed",
    [
        "<div>",
        '<div class="x" onclick=y>',
        "</div>",
        "<!-- hidden? -->",
        "<!DOCTYPE html>",
        "<?php echo 1 ?>",
        "<![CDATA[x]]>",
        "a < b > c",
        "a <b",
        '<b foo="bar',
        "<>",
        "</>",
        "</ x>",
        "<3",
        "if (a<b && c>d)",
        "<script>alert(1 < 2)</script>",
        "<style>p { }</style>",
        "&copy",
        "AT&T; R&D",
        "<T extends List<String>>",
        "<img src=x onerror=y>",
        "<user at mail.example>",
    ],
)
def test_markup_we_do_not_know_is_shown_as_it_was_typed(typed: str, format: str) -> None:
    text = html.unescape(re.sub(r"<[^>]*>", "", shown(typed, format=format)))
    assert " ".join(text.split()) == typed


def test_character_references_mean_what_they_say() -> None:
    assert shown("&amp;lt; &lt;b&gt; &copy; &#65;") == "<p>&amp;lt; &lt;b&gt; © A</p>"
    assert shown("&amp;lt; `&lt;`", format="markdown") == "<p>&amp;lt; <code>&amp;lt;</code></p>"


def test_text_after_a_broken_tag_is_there() -> None:
    assert shown('see <a href="https://a.example and more\n\nlast words').endswith(
        "<p>last words</p>"
    )


@pytest.mark.parametrize(
    ("typed", "html_written"),
    [
        ("one\ntwo", "<p>one<br>two</p>"),
        ("one\n\ntwo\n \nthree", "<p>one</p><p>two</p><p>three</p>"),
        ("one\n\n\n\ntwo", "<p>one</p><p>two</p>"),
        ("one<br>\ntwo", "<p>one<br>two</p>"),
        ("<b>one\n\ntwo</b>", "<p><b>one</b></p><p><b>two</b></p>"),
        ("<b>one", "<p><b>one</b></p>"),
        ("<p>one<p>two\nthree</p>", "<p>one</p><p>two<br>three</p>"),
        ("one\n<blockquote>two\n\nthree</blockquote>\nfour",
         "<p>one</p><blockquote><p>two</p><p>three</p></blockquote><p>four</p>"),
        ("<ul>\n<li>one\n<li>two\n</ul>", "<ul><li>one</li><li>two</li></ul>"),
        ("<li>stray", "<p>stray</p>"),
        ("<pre>a\n\n  b</pre>", "<pre>a\n\n  b</pre>"),
        ("<b><blockquote>x</blockquote></b>y", "<blockquote><p><b>x</b></p></blockquote><p>y</p>"),
        ("<h2>Head</h2>text", "<p><strong>Head</strong></p><p>text</p>"),
        ("<b></b><i> </i>", ""),
        ("> quoted\nanswer", "<p>&gt; quoted<br>answer</p>"),
    ],
)  # fmt: skip
def test_plain_text_gets_paragraphs_and_line_breaks(typed: str, html_written: str) -> None:
    assert shown(typed) == html_written


@pytest.mark.parametrize(
    ("typed", "html_written"),
    [
        ("# Head\n\ntext", "<p><strong>Head</strong></p><p>text</p>"),
        ("Head\n====", "<p><strong>Head</strong></p>"),
        ("~~gone~~ *em* **strong** `code`",
         "<p><s>gone</s> <em>em</em> <strong>strong</strong> <code>code</code></p>"),
        ("one\n\n***\n\ntwo", "<p>one</p><p>***</p><p>two</p>"),
        ("- one\n- two", "<ul><li>one</li><li>two</li></ul>"),
        ("```py\nx = 1\n```", "<pre><code>x = 1\n</code></pre>"),
        ("one  \ntwo", "<p>one<br>\ntwo</p>"),
        ("<b>bare</b>", "<p><b>bare</b></p>"),
    ],
)  # fmt: skip
def test_markdown_is_rendered(typed: str, html_written: str) -> None:
    assert shown(typed, format="markdown") == html_written


LINKED = '<a href="https://a.example/i.png" rel="nofollow ugc noopener">{}</a>'


@pytest.mark.parametrize(
    ("format", "typed", "html_written"),
    [
        ("markdown", "![pic](https://a.example/i.png)", LINKED.format("pic")),
        ("markdown", "![](https://a.example/i.png)", LINKED.format("https://a.example/i.png")),
        ("markdown", "![pic](/i.png)", "pic"),
        ("markdown", "[![pic](https://b.example/t.png)](https://a.example/i.png)",
         LINKED.format("pic")),
        ("plain", '<img src="https://a.example/i.png" alt="pic">', LINKED.format("pic")),
        ("plain", "<img alt='' src=https://a.example/i.png />",
         LINKED.format("https://a.example/i.png")),
        ("plain", '<a href="https://a.example/i.png"><img alt=pic src="https://b.example/t.png"></a>',
         LINKED.format("pic")),
    ],
)  # fmt: skip
def test_image_becomes_a_link_to_it(format: str, typed: str, html_written: str) -> None:
    assert shown(typed, format=format) == f"<p>{html_written}</p>"


def test_seed_document_reads_well() -> None:
    document = Path(__file__).resolve().parents[2] / "fixtures" / "israpundit.txt"
    replies = re.split(r"\n\n  \d\. ", document.read_text(encoding="utf-8"))[1:]
    assert len(replies) == 9
    for reply in replies:
        source = clean_source(re.sub(r"(?m)^    ", "", reply), max_chars=40_000)
        rendered = render(source=source, format="plain", names={}, numbers={1, 2, 3})
        paragraphs = [part for part in re.split(r"\n\s*\n", source) if part.strip()]
        assert not rendered.failed
        assert rendered.html.count("<p>") == len(paragraphs)
        text = html.unescape(re.sub(r"<[^>]*>", " ", rendered.html))
        assert text.split() == source.split()
    third = render(
        source=re.sub(r"(?m)^    ", "", replies[2]), format="plain", names={}, numbers=()
    )
    (adam,) = third.mentions
    assert (adam.text, adam.key, adam.probe) == ("@Adam", None, "adam")


# Links


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("see https://a.example/x.", "https://a.example/x"),
        ("(https://a.example/x)", "https://a.example/x"),
        ("https://a.example/x_(y)", "https://a.example/x_(y)"),
        ('"https://a.example/x"', "https://a.example/x"),
        ("https://a.example/?a=1&b=2", "https://a.example/?a=1&b=2"),
        ("https://a.example/?a=1&amp;b=2", "https://a.example/?a=1&b=2"),
        ("see:http://a.example", "http://a.example"),
        ("www.example.com/x!", "http://www.example.com/x"),
        ("http://bücher.example/ä", "http://bücher.example/ä"),
        ("https://u:p@a.example:8080/", "https://u:p@a.example:8080/"),
        ("https://a.example/@Adam#7", "https://a.example/@Adam#7"),
        ("https://a.example/x、次", "https://a.example/x、次"),
    ],
)
def test_bare_address_becomes_a_link(typed: str, address: str) -> None:
    assert re.findall('href="([^"]*)"', shown(typed)) == [html.escape(address)]


@pytest.mark.parametrize(
    "typed",
    [
        *(
            "example.com",
            "a.www.example.com",
            "www.example",
            "www.example.1",
            "user@www.example.com",
        ),
        *("http://", "http://.", "http://-a.example", "http://a_b.example", "$http://a.example"),
        *("ftp://a.example", "javascript://a.example", "urn:isbn:1", "http://xn--ä.example"),
        *("<code>http://a.example</code>", "<pre>http://a.example</pre>", "a@b.example"),
    ],
)
def test_other_text_does_not_become_a_link(typed: str) -> None:
    assert "<a " not in shown(typed)


AUTOLINKS_THAT_DO_NOT_HOLD = {
    "gfm-0008": "links ftp:, which is no scheme of ours",
    "gfm-0009": "links bare mail addresses: bleach's search for them is quadratic",
    "gfm-0010": "the same",
    "gfm-0011": "the same",
    "twitter-extract-0063": "wants no link for a host of one label; linkify-it's cases want one",
}


def test_automatic_links_of_others_hold_but_for_named_ones(
    shared_data: Callable[[str], Path],
) -> None:
    wrong = set()
    for case in rows_of(shared_data("mentions.jsonl")):
        if case["kind"] != "autolink" or case["applies"] != "blog":
            continue
        format = "markdown" if case["format"] == "markdown" else "plain"
        found = re.findall('href="([^"]*)"', shown(case["text"], format=format))
        if [html.unescape(address) for address in found] != case["links"]:
            wrong.add(case["id"])
    assert wrong == set(AUTOLINKS_THAT_DO_NOT_HOLD)


def test_links_of_ours_are_written_as_agreed() -> None:
    assert shown("@Adam #3 @O'Brien #4") == (
        '<p><a class="mention" href="#comment-12">@Adam</a> '
        '<a href="#comment-3" data-ref="3">#3</a> @O\'Brien #4</p>'
    )


def test_reference_definition_with_a_mention_in_its_label_still_works() -> None:
    text = "[@Adam #3]\n\n[@Adam #3]: https://a.example"
    link = '<a href="https://a.example" rel="nofollow ugc noopener">@Adam #3</a>'
    assert shown(text, format="markdown") == f"<p>{link}</p>"


# CommonMark


def as_the_policy_leaves_it(markup: str) -> str:
    """Returns the specification's HTML as a comment may show it.

    Rules and images are not in the policy: a rule is shown by a word here, an image by its text.
    """
    markup = markup.replace("<hr />", "<p>RULE</p>")
    markup = re.sub(r'<img src="[^"]*" alt="([^"]*)"[^>]*>', r"\1", markup)
    tags = only_tags_of(rendering.POLICY, markup)
    shaped = rendering._TOOLS.shapers["markdown"].shape(tags, check_time=lambda: None)
    return rendering._GATE.clean(shaped)


def without_layout(markup: str) -> str:
    markup = re.sub(r"<p>([*_-])\1\1</p>", "<p>RULE</p>", markup)
    markup = re.sub(r"\s+", " ", markup)
    return re.sub(r" ?(</?(?:p|ul|ol|li|blockquote|pre|br)>) ?", r"\1", markup)


def test_every_commonmark_example_holds_up_to_what_the_policy_takes_away(
    shared_data: Callable[[str], Path],
) -> None:
    examples = rows_of(shared_data("commonmark.jsonl"))
    wrong = [
        example["example"]
        for example in examples
        if without_layout(shown(example["text"], format="markdown", names={}, numbers=()))
        != without_layout(as_the_policy_leaves_it(example["html"]))
    ]
    assert (len(examples) > 300, wrong) == (True, [])


# Cost

WALLS = [
    *("<", "<b>", "</b>", "<b></i>", "&", "&#", "&amp;", "@a ", "[", "![", "](", "*", "**a*"),
    *("_", "`", "> ", ">>", "- ", "1. ", "* a\n", "# \n", "=\n", "a\n=\n", "a\n\n", "<b>a\n\n"),
    *("- a\n\n", "\n", "<a href=", '<a href="', "<a href='x", '<a href="http://x">'),
    *('<a href="http://x"><b></a>', "http://a.b ", "http://", "www.a.", "http://a.b/("),
    *("'http://a.b/'", "<http://a.b>", "<a@b.c>", "<!--", "<?", "</", "<p>", "<ul><li>"),
    *("<blockquote>", "<b><p>", "<b></p>", "<pre>", "<br>", "~~", "```\n", "[a](", "[a]: x\n"),
    *("[a][b]", '"', "'", "\\*", "#7 ", ">>7 ", "<img src=http://x>", "<i title=a>"),
    *("<abbr title=a>", "<script>", "<h1>", "    a\n", "> - ", "\U0010ff00", "<b a=b>", "_a* "),
    *("*a_ ", "  - a\n", "<b/", "a*b_", "-", "|", "&lt;", "`a", "<q>a</q>", "From: @a\n", "👍🏽"),
]  # fmt: skip
TOWERS = {
    "brackets": "[" * 5_000 + "]" * 5_000,
    "emphasis": "*" * 5_000 + "a" + "*" * 4_999,
    "quotations": "\n".join(">" * depth + " a" for depth in range(138)),
    "long quotation lines": ("> " * 20 + "a\n") * 240,
    "lists": "\n".join("  " * depth + "- a" for depth in range(97)),
    "list lines": ("- " * 20 + "a\n") * 230,
    "tags": "<b>" * 1_400 + "</b>" * 1_400,
    "blocks": "<blockquote>" * 400 + "</blockquote>" * 400,
    "formats and paragraphs": "<b><i><s><em><strong><code>" + "<p>a" * 2_400,
    "link over paragraphs": f'<a href="http://x/{"y" * 5_000}">' + "<p>a" * 1_200,
    "definition used often": f"[a]: http://x/{'a' * 4_000}\n\n" + "[a]" * 1_900,
    "many definitions": "".join(f"[{index}]: x\n" for index in range(1_000)),
    "one address": "http://" + "a." * 4_990,
    "address of brackets": "http://a.b/" + "()" * 4_900,
    "address of ampersands": "http://a.b/" + "&" * 9_900,
    "long reference": "&#" + "1" * 9_990 + ";",
    "reference in an attribute": f'<a href="http://x" title="&#{"1" * 5_000};">x</a>',
    "attributes": "<b " + "a=b " * 2_490 + ">",
    "quotation marks": '"'.join("<a b=" for _ in range(1_600)),
    "backticks": "".join("`" * length + " " for length in range(140)),
}


@pytest.mark.parametrize("format", FORMATS)
def test_no_text_costs_half_a_second(format: str) -> None:
    texts = {wall: (wall * LIMIT)[:LIMIT] for wall in WALLS}
    texts |= {name: tower[:LIMIT] for name, tower in TOWERS.items()}
    render(source="x", format=format, **KNOWN)
    slow = {}
    for name, text in texts.items():
        began = time.thread_time()
        rendered = render(source=text, format=format, **KNOWN)
        seconds = time.thread_time() - began
        if seconds > 0.5 or len(rendered.html) > 20 * LIMIT:
            slow[name] = (seconds, len(rendered.html))
    assert slow == {}


def test_deep_nesting_is_text_and_not_lost() -> None:
    assert "<b>" not in shown("<b>" * 100 + "x")
    assert shown("<b>" * 100 + "x").count("&lt;b&gt;") == 100
    deep = shown("> " * 60 + "treasure", format="markdown")
    assert "treasure" in deep
    assert deep.count("<blockquote>") + deep.count("&gt;") == 60
    nested = "\n".join("  " * depth + f"- item{depth}" for depth in range(60))
    assert all(f"item{depth}" in shown(nested, format="markdown") for depth in range(60))


@pytest.mark.parametrize("format", FORMATS)
def test_rendering_past_its_budget_is_escaped_text(format: str) -> None:
    source = "<b>one</b> @Adam\n\ntwo" * 200
    rendered = render(source=source, format=format, budget_seconds=0.0, **KNOWN)
    assert rendered == Rendered(escaped_paragraphs(source), (), (), failed=True)
    assert rendered.html.startswith("<p>&lt;b&gt;one&lt;/b&gt; @Adam</p><p>two")


@pytest.mark.parametrize("part", ["only_tags_of", "scan", "_GATE"])
def test_renderer_that_raises_gives_escaped_text(
    part: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rendering, part, None)
    rendered = render(source="<b>my secret</b>", format="plain", **KNOWN)
    assert rendered == Rendered("<p>&lt;b&gt;my secret&lt;/b&gt;</p>", (), (), failed=True)
    assert "TypeError" in caplog.text or "AttributeError" in caplog.text
    assert "secret" not in caplog.text


def test_unknown_format_is_escaped_text() -> None:
    assert render(source="*x*", format="html", **KNOWN).failed


def test_threads_do_not_disturb_each_other() -> None:
    payloads = own_payloads()[:150]
    expected = [shown(payload, format="markdown") for payload in payloads]
    wrong: list[str] = []

    def work() -> None:
        wrong.extend(
            payload
            for payload, html_written in zip(payloads, expected, strict=True)
            if shown(payload, format="markdown") != html_written
        )

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


# Any text

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


@given(anything, st.sampled_from(FORMATS))
@example("\ud800", "plain")
@example("\ud800", "markdown")
@example("<b\0>", "plain")
@settings(max_examples=300)
def test_rendering_never_raises_and_keeps_to_the_policy(source: str, format: str) -> None:
    rendered = render(source=source, format=format, **KNOWN)
    assert list(breaches(rendered.html)) == []
    rendered.html.encode()


@given(anything)
@example("\n \n x \r\n\r y\u2028z\x1b\u202e \n")
@example("a\u0301\u202a\u0323")
def test_cleaning_a_source_again_changes_nothing(source: str) -> None:
    try:
        once = clean_source(source, max_chars=500)
    except ValidationFailed:
        return
    assert clean_source(once, max_chars=500) == once
    assert unicodedata.is_normalized("NFC", once)
    assert not UNWANTED.search(once)
    assert "\r" not in once


@given(anything, st.sampled_from(FORMATS))
def test_clean_sources_never_fail_to_render(source: str, format: str) -> None:
    try:
        cleaned = clean_source(source, max_chars=500)
    except ValidationFailed:
        return
    rendered = render(source=cleaned, format=format, **KNOWN)
    assert not rendered.failed
    for mention in rendered.mentions:
        assert cleaned[mention.start : mention.end] == mention.text


# Cleaning


def refusal_of(source: str, *, max_chars: int = 100) -> str:
    with pytest.raises(ValidationFailed) as refused:
        clean_source(source, max_chars=max_chars)
    (error,) = refused.value.errors
    assert error.pointer == "#/source"
    return error.code


@pytest.mark.parametrize(
    "source", ["", " ", "\n\t\r\n", "\u200b", "\u202e", "\ufeff", "\u3164\u2800", "\u0301"]
)
def test_source_with_nothing_to_see_is_required(source: str) -> None:
    assert refusal_of(source) == "required"


@pytest.mark.parametrize("source", ["a\0b", "\ud800", "x\udfff", "\0"])
def test_source_that_cannot_be_stored_is_refused(source: str) -> None:
    assert refusal_of(source) == "invalid_character"


def test_length_is_counted_in_code_points_of_the_cleaned_source() -> None:
    assert refusal_of("a" * 101) == "too_long"
    assert refusal_of("a" * 1_000_000) == "too_long"
    assert clean_source("👍" * 100 + "\n\n", max_chars=100) == "👍" * 100
    assert clean_source("a\u0301" * 100, max_chars=100) == "á" * 100
    assert len(clean_source("a\r\n" * 50, max_chars=100)) == 99


def test_line_ends_and_controls_are_cleaned() -> None:
    source = "\r\n \n  a\r\nb\rc\u2028d\x0be\x1b[31m\u202ef\u200f \t\n\n"
    assert clean_source(source, max_chars=100) == "  a\nb\nc\nd\ne[31mf"


def test_joiners_and_emoji_stay() -> None:
    source = "می\u200cخواهم 👩\u200d💻 ❤\ufe0f"
    assert clean_source(source, max_chars=100) == source


# Posts


def test_article_keeps_what_a_post_needs_and_no_more() -> None:
    markup = (
        '<h3 id="x">Head</h3>\n<ol start="4"><li>one</li></ol><hr>'
        '<img src="/media/a.png" alt="A" onerror="x"><a href="/about/" onclick="x">us</a>'
        '<script>x</script><a href="javascript:1">y</a><p style="x">z</p>'
    )
    assert render_article(markup) == (
        '<h3>Head</h3>\n<ol start="4"><li>one</li></ol><hr>'
        '<img src="/media/a.png" alt="A"><a href="/about/" rel="noopener">us</a>'
        'x<a rel="noopener">y</a><p>z</p>'
    )
