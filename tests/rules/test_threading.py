"""Paths sort in reading order, counters follow from states, addresses of one page are one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comments.rules.threading import (
    HIGHEST_NUMBER,
    Standing,
    ancestor_path,
    attachment_depth,
    depth_of,
    end_of_subtree,
    numbers_in,
    path_below,
    tally,
    url_key,
)

numbers = st.integers(1, HIGHEST_NUMBER)
paths = st.lists(numbers, min_size=1, max_size=52)


def path_of(chain: list[int]) -> bytes:
    path = b""
    for number in chain:
        path = path_below(path, number=number)
    return path


@given(paths)
def test_path_holds_the_numbers_from_the_root_down(chain: list[int]) -> None:
    path = path_of(chain)
    assert numbers_in(path) == tuple(chain)
    assert depth_of(path) == len(chain) - 1


@given(paths, paths)
def test_paths_sort_as_their_numbers_do(one: list[int], other: list[int]) -> None:
    assert (path_of(one) < path_of(other)) == (one < other)


@given(paths, paths)
def test_subtree_is_exactly_what_lies_between_a_path_and_its_end(
    root: list[int], other: list[int]
) -> None:
    path, candidate = path_of(root), path_of(other)
    inside = path <= candidate < end_of_subtree(path)
    assert inside == (other[: len(root)] == root) or root[-1] == HIGHEST_NUMBER


def test_number_beyond_four_bytes_is_refused() -> None:
    with pytest.raises(OverflowError):
        path_below(b"", number=HIGHEST_NUMBER + 1)


@pytest.mark.parametrize(("depth", "expected"), [(0, 0), (48, 48), (49, 49), (50, 49), (70, 49)])
def test_reply_to_the_deepest_level_is_attached_one_level_up(depth: int, expected: int) -> None:
    assert attachment_depth(depth, max_depth=50) == expected


def test_ancestor_is_a_prefix() -> None:
    path = path_of([1, 5, 9])
    assert [numbers_in(ancestor_path(path, depth=d)) for d in range(3)] == [(1,), (1, 5), (1, 5, 9)]


@given(st.data())
def test_tally_equals_a_count_by_definition(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 25))
    chains: list[list[int]] = []
    for number in range(1, size + 1):
        parent = data.draw(st.sampled_from([[], *chains]))
        chains.append([*parent, number])
    readable = {n: data.draw(st.booleans()) for n in range(1, size + 1)}
    along = {n: data.draw(st.booleans()) for n in range(1, size + 1)}
    rows = [
        Standing(path=path_of(c), readable=readable[c[-1]], takes_replies_along=along[c[-1]])
        for c in sorted(chains)
    ]
    results = {numbers_in(result.path): result for result in tally(rows)}

    def hidden(chain: list[int]) -> int:
        return sum(along[n] and not readable[n] for n in chain[:-1])

    def visible(chain: list[int]) -> bool:
        return readable[chain[-1]] and hidden(chain) == 0

    for chain in chains:
        result = results[tuple(chain)]
        below = [c for c in chains if len(c) > len(chain) and c[: len(chain)] == chain]
        direct = [c for c in below if len(c) == len(chain) + 1]
        assert result.visible == visible(chain)
        assert result.hidden_above == hidden(chain)
        assert result.total_count == sum(map(visible, below))
        assert result.direct_count == sum(map(visible, direct))
        assert result.reachable == (visible(chain) or any(map(visible, below)))


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a?b=2&a=1",
        "http://www.example.org/a/?a=1&b=2#top",
        "HTTPS://EXAMPLE.org:443/a?utm_source=x&b=2&a=1&fbclid=y",
        " http://example.org:80/a?a=1&b=2&replytocom=7 ",
    ],
)
def test_addresses_of_one_page_have_one_key(url: str) -> None:
    assert url_key(url) == "example.org/a?a=1&b=2"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/A?a=1&b=2",
        "https://example.org:8080/a?a=1&b=2",
        "https://example.org/a",
    ],
)
def test_addresses_of_other_pages_have_other_keys(url: str) -> None:
    assert url_key(url) != "example.org/a?a=1&b=2"


@pytest.mark.parametrize(
    "url", ["", "/a", "example.org/a", "ftp://example.org/", "http://", "javascript:1", "http://[x"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        url_key(url)
