"""Addresses of websites as people type them."""

from __future__ import annotations

import pytest

from comments.rules.websites import website_named


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", ""),
        ("  ", ""),
        ("example.org", "https://example.org"),
        (" www.example.org/me?a=b:c#d ", "https://www.example.org/me?a=b:c#d"),
        ("//example.org", "https://example.org"),
        ("example.org:8080/", "https://example.org:8080/"),
        ("http://example.org", "http://example.org"),
        ("HTTPS://example.org", "HTTPS://example.org"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("JavaScript://example.org/%0aalert(1)", "JavaScript://example.org/%0aalert(1)"),
        ("data:text/html,x", "data:text/html,x"),
        ("mailto:ana@example.org", "mailto:ana@example.org"),
        ("ftp://example.org", "ftp://example.org"),
    ],
)
def test_a_website_without_a_scheme_is_one_of_https(typed: str, meant: str) -> None:
    assert website_named(typed) == meant
