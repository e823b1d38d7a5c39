"""Sixteen processes write into one thread: nothing is lost, doubled or out of order."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import pytest

from tests.concurrency.conftest import Installation

pytestmark = pytest.mark.concurrency

PROCESSES = 16
TURNS = 8
SHARED_TURN = 5
STORED = 1 + PROCESSES * (TURNS - 1) + PROCESSES // 2
"""The first comment, those of each process, and one of each pair."""


def specs(do: str, **more: Any) -> list[dict[str, Any]]:
    """Returns what each of the processes does."""
    shared = {"do": do, "people": PROCESSES, "turns": TURNS, "shared_turn": SHARED_TURN}
    return [{**shared, **more, "me": me} for me in range(PROCESSES)]


def assert_nothing_lost(stored: dict[str, Any], said: list[dict[str, Any]]) -> None:
    """Compares what was acknowledged with what is stored."""
    assert [one for one in said if "error" in one] == []
    assert len(said) == PROCESSES * TURNS
    for one in said:
        assert stored["comments"][str(one["id"])] == [one["number"], one["source"]]
    assert sorted(number for number, _ in stored["comments"].values()) == list(range(1, STORED + 1))
    assert stored["last_number"] == STORED
    assert_in_order(stored)


def assert_in_order(stored: dict[str, Any]) -> None:
    """Checks versions, counters, and that whatever can be linked is linked."""
    assert stored["versions"] == list(range(1, stored["version"] + 1))
    assert stored["differences"] == []
    people = {f"@{name}" for name in stored["names"]}
    assert [text for text in stored["open_mentions"] if text in people] == []
    assert [n for n in stored["open_references"] if n <= stored["last_number"]] == []


def assert_pairs_are_one(said: list[dict[str, Any]], *same: str) -> None:
    """Checks that of two requests with one key both got the answer to one comment."""
    pairs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in said:
        if re.match("Once only", one["source"]):
            pairs[one["source"]].append(one)
    assert len(pairs) == PROCESSES // 2
    for first, second in pairs.values():
        assert [first[field] for field in same] == [second[field] for field in same]


def test_sixteen_processes_lose_nothing_through_the_actions(installation: Installation) -> None:
    installation.do(do="begin", generated=0)
    actors = installation.at_once(specs("post"))
    said = [one for actor in actors for one in actor.rest()]
    assert_nothing_lost(installation.inspected(), said)
    assert_pairs_are_one(said, "id", "number")
    assert sum("again" in one for one in said) == PROCESSES // 2


def test_sixteen_processes_lose_nothing_over_http(installation: Installation) -> None:
    installation.do(do="begin", generated=0)
    with installation.served() as port:
        actors = installation.at_once(specs("post_over_http", port=port))
        said = [one for actor in actors for one in actor.rest()]
    assert_nothing_lost(installation.inspected(), said)
    assert_pairs_are_one(said, "id", "number", "html", "token")


def test_process_killed_while_it_writes_leaves_the_thread_in_order(
    installation: Installation,
) -> None:
    installation.do(do="begin", generated=0)
    actors = installation.at_once(
        [{"do": "post_until_killed", "me": me, "people": 4} for me in range(4)]
    )
    said: list[dict[str, Any]] = []
    for turns, actor in enumerate(actors, start=5):
        # One after the other, while those that are left go on.
        said += [actor.line() for _ in range(turns)]
        said += actor.kill()
    assert [one for one in said if "error" in one] == []
    stored = installation.inspected()
    for one in said:
        assert stored["comments"][str(one["id"])] == [one["number"], one["source"]]
    count = len(stored["comments"])
    # Of each, at most the one comment that it could not tell of any more.
    assert count - 1 - len(actors) <= len(said) <= count - 1
    assert stored["last_number"] == count
    assert stored["differences"] == []
    assert stored["versions"] == list(range(1, stored["version"] + 1))
    [survivor] = installation.at_once(
        [{"do": "post", "me": 9, "people": 4, "turns": 3, "shared_turn": -1}]
    )
    assert [one["number"] for one in survivor.rest()] == [count + 1, count + 2, count + 3]
