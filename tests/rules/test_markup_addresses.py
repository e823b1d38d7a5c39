"""Addresses: which become links, and which stay text."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.corpus.reading import rows_of
from tests.rules.rendered import shown


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
