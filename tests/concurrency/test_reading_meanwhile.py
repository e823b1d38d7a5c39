"""Whoever pages through a thread that others write in and vote on meets each comment once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.concurrency.actor import Api
from tests.concurrency.conftest import KEY, Installation

pytestmark = pytest.mark.concurrency

WRITERS = 4
GENERATED = 100


def pages(api: Api, path: str) -> Iterator[dict[str, Any]]:
    """Yields the items of a list to its end."""
    address: str | None = path
    while address:
        status, document = api.ask("GET", address)
        assert status == 200, document
        yield from document["items"]
        address = after_origin(document["page"]["next"])


def after_origin(address: str | None) -> str | None:
    """Returns path and query of an address."""
    if address is None:
        return None
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def whole(api: Api, items: Iterator[dict[str, Any]]) -> Iterator[int]:
    """Yields the numbers of a tree; whatever is cut is asked for."""
    for item in items:
        yield item["number"]
        yield from whole(api, iter(item["children"]))
        rest = after_origin(item["replies"]["next"])
        if rest:
            yield from whole(api, pages(api, rest))


def test_each_comment_is_met_once_whatever_is_written_meanwhile(
    installation: Installation,
) -> None:
    installation.do(do="begin", generated=GENERATED)
    stored = installation.inspected()
    throughout = set(stored["reachable"])
    with installation.served() as port, closing(Api(port, KEY)) as api:
        listed = list(pages(api, f"{api.thread}comments/?limit=100"))
        seen = [item for item in listed if item["tombstone"] is None]
        assert {item["number"] for item in listed} == throughout
        writers = installation.at_once(
            [
                {
                    "do": "write_and_vote",
                    "me": me,
                    "port": port,
                    "numbers": [item["number"] for item in seen],
                    "ids": [item["id"] for item in seen],
                }
                for me in range(WRITERS)
            ]
        )
        for writer in writers:
            assert "number" in writer.line()
        before = api.ask("GET", api.thread)[1]["count"]
        for sort in ("oldest", "newest", "best"):
            flat = pages(api, f"{api.thread}comments/?limit=25&sort={sort}")
            met = {"flat": Counter(item["number"] for item in flat)}
            tree = pages(api, f"{api.thread}comments/?shape=tree&limit=25&sort={sort}")
            met["tree"] = Counter(whole(api, tree))
            for shape, numbers in met.items():
                assert throughout <= numbers.keys(), (shape, sort)
                assert numbers.most_common(1)[0][1] == 1, (shape, sort)
        assert api.ask("GET", api.thread)[1]["count"] > before
        said = []
        for writer in writers:
            writer.tell()
        for writer in writers:
            said += writer.rest()
    assert [one for one in said if "error" in one] == []
    assert any("voted" in one for one in said)
    assert installation.inspected()["differences"] == []
