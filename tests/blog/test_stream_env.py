"""What the environment may say of live streams, and what is refused at once."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from blog.env import read_environment, stream_source

NAMES = ("STREAM_URL", "STREAM_PORT", "STREAMS_MOST", "STREAMS_PER_ADDRESS", "SITE_ID")


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_without_a_word_nobody_serves_streams() -> None:
    found = read_environment()
    assert (found.stream_url, found.stream_port) == ("", None)
    assert (found.streams_most, found.streams_per_address) == (5_000, 100)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/", "/"),
        (":8001", ":8001"),
        ("https://live.example/", "https://live.example"),
        ("HTTPS://Live.example:8443", "https://live.example:8443"),
        ("http://[::1]:8001", "http://[::1]:8001"),
    ],
)
def test_streams_are_at_an_origin(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: str
) -> None:
    monkeypatch.setenv("STREAM_URL", value)
    assert read_environment().stream_url == expected


@pytest.mark.parametrize(
    "value",
    [
        "live.example",
        "ftp://live.example",
        "https://live.example/streams",
        "https://a@live.example",
        "https://live.example; script-src *",
        ":0",
        ":port",
        "//live.example",
    ],
)
def test_what_is_no_origin_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("STREAM_URL", value)
    with pytest.raises(ImproperlyConfigured, match="STREAM_URL"):
        read_environment()


def test_several_blogs_cannot_share_one_host_for_their_streams(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SITE_ID", "")
    monkeypatch.setenv("STREAM_URL", "https://live.example")
    with pytest.raises(ImproperlyConfigured, match="SITE_ID"):
        read_environment()
    monkeypatch.setenv("STREAM_URL", ":8001")
    assert read_environment().stream_url == ":8001"


@pytest.mark.parametrize(
    ("name", "value"),
    [("STREAM_PORT", "0"), ("STREAM_PORT", "x"), ("STREAMS_MOST", "-1"), ("STREAMS_MOST", "many")],
)
def test_what_is_no_number_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=name):
        read_environment()


@pytest.mark.parametrize(
    ("site_url", "stream_url", "by_host", "expected"),
    [
        ("http://127.0.0.1:8000", "", False, []),
        ("http://127.0.0.1:8000", "/", False, []),
        ("http://127.0.0.1:8000", ":8001", False, ["http://127.0.0.1:8001"]),
        ("https://blog.example", ":8001", False, ["https://blog.example:8001"]),
        ("https://blog.example", ":8001", True, ["https://*:8001"]),
        ("https://blog.example", "https://live.example", False, ["https://live.example"]),
    ],
)
def test_pages_may_connect_to_their_streams_and_nowhere_else(
    site_url: str, stream_url: str, by_host: bool, expected: list[str]
) -> None:
    found = stream_source(stream_url=stream_url, site_url=site_url, by_host=by_host)
    assert found == expected
