"""Origins as people type them and as browsers send them."""

from __future__ import annotations

import pytest

from comments.rules.origins import origin_named


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("https://www.example.org", "https://www.example.org"),
        (" HTTPS://WWW.Example.ORG:443/ ", "https://www.example.org"),
        ("http://a.example:80", "http://a.example"),
        ("http://a.example:443", "http://a.example:443"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_origin_is_as_browsers_send_it(typed: str, sent: str) -> None:
    assert origin_named(typed) == sent


@pytest.mark.parametrize(
    "typed",
    [
        *("", "*", "null", "www.example.org", "localhost:8270", "ftp://a.example", "https://"),
        *("https://a.example/page", "https://a.example?q", "https://a.example:port"),
        *("https://*.example.org", "https://*", "http://*.example.org:8000"),
    ],
)
def test_what_is_not_one_origin_is_none(typed: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        origin_named(typed)
