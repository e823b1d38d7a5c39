"""The store of finished pages: bounded in bytes, and each page is made once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from comments.queries.pages import OVERHEAD_BYTES, PageStore


def test_page_is_made_once_and_kept() -> None:
    store, made = PageStore(10_000), []

    def make() -> bytes:
        made.append(1)
        return b"page"

    assert [store.get_or_make("a", make) for _ in range(3)] == [b"page"] * 3
    assert len(made) == 1


def test_store_is_bounded_in_bytes_and_forgets_what_was_used_longest_ago() -> None:
    weight = 1000 + 1 + OVERHEAD_BYTES
    store = PageStore(3 * weight)
    for key in "abc":
        store.get_or_make(key, lambda: b"x" * 1000)
    store.get_or_make("a", lambda: b"never made")
    store.get_or_make("d", lambda: b"x" * 1000)
    assert store.size_bytes == 3 * weight
    assert store.get_or_make("b", lambda: b"made anew") == b"made anew"
    assert store.get_or_make("a", lambda: b"gone") == b"x" * 1000


def test_page_larger_than_the_store_is_answered_and_not_kept() -> None:
    store = PageStore(500)
    assert store.get_or_make("a", lambda: b"x" * 1000) == b"x" * 1000
    assert store.size_bytes == 0


def test_of_many_that_ask_at_once_one_makes_the_page_and_all_get_it() -> None:
    store, made, may_finish = PageStore(10_000), [], Event()

    def make() -> bytes:
        made.append(1)
        may_finish.wait(10)
        return b"page"

    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(store.get_or_make, "a", make) for _ in range(8)]
        may_finish.set()
        assert [future.result(10) for future in waiting] == [b"page"] * 8
    assert len(made) == 1


def test_failure_is_not_kept_and_the_next_one_tries() -> None:
    store = PageStore(10_000)

    def fail() -> bytes:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        store.get_or_make("a", fail)
    assert store.get_or_make("a", lambda: b"page") == b"page"


def test_cleared_store_is_empty() -> None:
    store = PageStore(10_000)
    store.get_or_make("a", lambda: b"old")
    store.clear()
    assert store.size_bytes == 0
    assert store.get_or_make("a", lambda: b"new") == b"new"
