"""Comments in mails: no links, no addresses that a program finds, cut where long, plain text."""

from __future__ import annotations

import re
import time

import nh3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comments.rules.markup_mail import (
    BREAK,
    MAIL_TAGS,
    cut_at_word,
    mail_html,
    mail_text,
    without_addresses,
    words_of,
)
from comments.rules.rendering import render
from comments.rules.text_characters import NOT_IN_TEXTS
from tests.corpus.reading import in_both_formats, own_payloads

# What mail programs take for an address, roughly: more than any single one of them does.
FOUND = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|[a-z][a-z0-9+.-]*://\S|\bwww\.\w|[^\W\d][\w-]*\.[^\W\d]|"
    r"(?:mailto|tel|sms):[^\s\u200b]|\d{1,3}(?:\.\d{1,3}){3}|\\\\\w",
    re.IGNORECASE,
)
ADDRESSES = [
    "https://evil.example/a?b=c#d",
    "http://localhost/",
    "HTTP://EVIL.EXAMPLE",
    "www.evil.example",
    "evil.example",
    "evil.co.uk/path",
    "eve@evil.example",
    "mailto:eve@evil.example",
    "tel:+4912345",
    "192.168.10.1",
    "http://10.0.0.1:8080/",
    "ftp://evil.example",
    "xn--bcher-kva.example",
    "bücher.example",
    "почта.рф",
    "\\\\evil\\share",
    "user:pass@evil.example",
    "(evil.example)",
    "see:evil.example",
]


def html_of(stored: str, most: int = 10_000) -> str:
    return mail_html(stored, most_characters=most).html


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_program_finds_an_address(address: str) -> None:
    assert FOUND.search(address) is not None
    for text in (address, f"Look: {address}, and", f"{address}.", f"a{address}"):
        shown = without_addresses(text)
        assert FOUND.search(shown) is None
        assert shown.replace(BREAK, "") == text


@pytest.mark.parametrize(
    "text",
    [
        "3.14 and 1,000.50",
        "v1.2.3",
        "The end.",
        "What… then?",
        "12:30",
        "a: b",
        "@Ana",
        "foo ... bar",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert without_addresses(text) == text


@pytest.mark.parametrize(
    "stored",
    [
        "<p>exam<b>ple.</b>com</p>",
        "<p>exam<b>ple</b>.com</p>",
        "<p>eve<i>@</i>evil.example</p>",
        "<p>ht<b>tp:</b>//x</p>",
        "<p>www<b>.</b><i>evil</i><b>.</b>example</p>",
    ],
)
def test_tags_put_no_address_together(stored: str) -> None:
    shown = re.sub("<[^>]*>", "", html_of(stored))
    assert FOUND.search(shown) is None
    assert FOUND.search(re.sub("<[^>]*>", "", stored)) is not None


@given(st.text(alphabet="ab.@:/ 1w", max_size=30))
def test_addresses_are_broken_only_by_what_nobody_sees(text: str) -> None:
    shown = without_addresses(text)
    assert shown.replace(BREAK, "") == text
    assert re.search(r"\w@\w|://|[a-z]\.[a-z]", shown) is None


def test_of_a_link_the_words_and_the_host_stay() -> None:
    link = '<p>See <a href="https://www.evil.example/x" title="t" rel="nofollow">this</a>.</p>'
    assert html_of(link) == f"<p>See this [evil.{BREAK}example].</p>"
    plain = '<a href="https://evil.example/x">https://evil.example/x</a>'
    assert html_of(plain) == f"https:{BREAK}//evil.{BREAK}example/x"
    mailbox = '<a href="mailto:eve@evil.example?subject=x">write</a>'
    assert html_of(mailbox) == f"write [eve@{BREAK}evil.{BREAK}example]"


def test_mentions_and_references_are_words() -> None:
    stored = '<p><a class="mention" href="#comment-3">@Ana</a>, <a href="#comment-7">#7</a></p>'
    assert html_of(stored) == "<p>@Ana, #7</p>"


@pytest.mark.parametrize("payload", own_payloads())
def test_hostile_html_keeps_no_link_no_attribute_and_no_other_tag(payload: str) -> None:
    for stored in (
        payload,
        *(
            render(source=text, format=format, names={}, numbers=()).html
            for format, text in in_both_formats([payload])
        ),
    ):
        made = html_of(stored)
        assert set(re.findall(r"<[^>]*>", made)) <= {
            f"<{slash}{tag}>" for tag in MAIL_TAGS for slash in ("", "/")
        }
        assert not NOT_IN_TEXTS & set(made)
        # Parsed once more it is the same, but for a line end that a parser drops after <pre>.
        again = nh3.clean(made, tags=set(MAIL_TAGS), attributes={"*": set()})
        assert again.replace("\n", "") == made.replace("\n", "")


def test_a_long_text_ends_with_a_word_and_open_elements_are_closed() -> None:
    made = mail_html("<p>One <em>two three</em></p><p>four</p>", most_characters=20)
    assert made.is_cut
    assert made.html == "<p>One …</p>"
    whole = mail_html("<p>One <em>two</em></p>", most_characters=50)
    assert (whole.html, whole.is_cut) == ("<p>One <em>two</em></p>", False)


def test_lists_hold_items_only_where_they_are_cut() -> None:
    made = mail_html("<ul>" + "<li>item</li>" * 100 + "</ul>", most_characters=100)
    assert made.is_cut
    assert re.fullmatch(r"<ul>(?:<li>[^<]*</li>)+</ul>", made.html)


@pytest.mark.parametrize("tag", ["<br>", "<p>x</p>", "<b></b>", "<blockquote><p>"])
def test_tags_count_as_well(tag: str) -> None:
    made = mail_html(tag * 5_000, most_characters=1_000)
    assert made.is_cut
    assert len(made.html) < 5_000


@given(st.text(), st.integers(0, 50))
def test_a_cut_text_is_a_beginning(text: str, most: int) -> None:
    cut = cut_at_word(text, most_characters=most)
    assert text.startswith(cut)
    assert len(cut) <= max(most, 0) or cut == text


@pytest.mark.parametrize(
    ("text", "most", "cut"),
    [
        ("one two three", 9, "one two"),
        ("x" * 99, 9, "x" * 9),
        ("ab👩‍👩‍👧", 4, "ab"),
        ("abe\u0301", 3, "ab"),
        ("ab\N{REGIONAL INDICATOR SYMBOL LETTER D}\N{REGIONAL INDICATOR SYMBOL LETTER E}", 3, "ab"),
        ("abcd", 0, ""),
    ],
)
def test_no_character_is_cut_in_half(text: str, most: int, cut: str) -> None:
    assert cut_at_word(text, most_characters=most) == cut


def test_lists_quotations_and_code_read_as_in_a_letter() -> None:
    stored = (
        "<p>One<br>two</p><ol><li>first<ul><li>in it</li></ul></li><li>second</li></ol>"
        "<blockquote><p>Said.</p><p>And more.</p></blockquote><p>Then <q>so</q> &amp; so.</p>"
        "<pre>if x:\n    y  z</pre>"
    )
    assert mail_text(html_of(stored), width=40) == (
        "One\ntwo\n\n1. first\n\n   - in it\n\n2. second\n\n> Said.\n>\n> And more.\n\n"
        "Then “so” & so.\n\nif x:\n    y  z"
    )


def test_paragraphs_are_wrapped_with_their_margin() -> None:
    made = mail_text("<blockquote><p>" + "word " * 20 + "</p></blockquote>", width=30)
    lines = made.split("\n")
    assert len(lines) > 2
    assert all(line.startswith("> word") and len(line) <= 30 for line in lines)


def test_a_word_that_is_longer_than_a_line_stays_whole() -> None:
    assert "w" * 4_000 in mail_text(html_of("<p>a " + "w" * 4_000 + " b</p>"), width=72).split("\n")


def test_first_words_are_one_line() -> None:
    assert words_of("<p>One</p><p>two <b>three</b></p>", most_characters=40) == "One two three"
    assert words_of("<p>" + "word " * 99 + "</p>", most_characters=20) == "word word word word…"
    assert words_of("", most_characters=20) == ""


@given(st.text(max_size=400))
def test_anything_is_text_in_the_end(stored: str) -> None:
    made = mail_html(stored, most_characters=200)
    assert not NOT_IN_TEXTS & set(made.html)
    assert "<a" not in made.html
    text = mail_text(made.html, width=60)
    assert not {"\x00", "\r"} & set(text)


@pytest.mark.parametrize(
    "stored", ["<b>" * 20_000, "." * 40_000, "a.@:" * 10_000, "&amp;" * 8_000, "<" * 40_000]
)
def test_the_worst_text_costs_little(stored: str) -> None:
    began = time.thread_time()
    mail_text(html_of(stored, 1_000), width=72)
    assert time.thread_time() - began < 1
