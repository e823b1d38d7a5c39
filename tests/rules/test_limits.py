"""Rate limits: how they are written, how long to wait, whom they count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comments.rules.limits import (
    Limit,
    address_group,
    client_address,
    read_limit,
    wait_seconds,
    window_of,
)


def test_limit_is_written_as_count_and_time() -> None:
    assert read_limit("20/10m") == Limit(20, 600)
    assert read_limit("3/s") == Limit(3, 1)
    assert read_limit("5/2h") == Limit(5, 7200)
    assert read_limit("1/1d") == Limit(1, 86400)
    assert read_limit("") is None


@pytest.mark.parametrize(
    "text", ["20", "20/", "x/1m", "20/0m", "20/1w", "-1/1m", "20/1m ", "1/1m/1"]
)
def test_limit_that_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="rate limit"):
        read_limit(text)


@given(
    st.integers(1, 20),
    st.integers(1, 1000),
    st.lists(st.floats(0, 500), min_size=1, max_size=60),
)
def test_who_waits_as_told_passes_and_no_window_holds_more_than_two_limits(
    count: int, window: int, gaps: list[float]
) -> None:
    limit = Limit(count, window)
    counted: dict[int, int] = {}
    passed: list[float] = []
    now = 0.0
    for gap in gaps:
        now += gap
        for _ in range(2):
            at = window_of(now, limit=limit)
            wait = wait_seconds(
                now_seconds=now,
                limit=limit,
                current=counted.get(at, 0) + 1,
                previous=counted.get(at - 1, 0),
            )
            if wait == 0:
                counted[at] = counted.get(at, 0) + 1
                passed.append(now)
                break
            assert 0 < wait <= 2 * window + 1
            now += wait
        else:
            raise AssertionError("waited as told, and was refused again")
    assert max(counted.values()) <= count


def test_one_request_too_many_waits_until_enough_of_the_window_has_passed() -> None:
    limit = Limit(10, 60)
    assert wait_seconds(now_seconds=60, limit=limit, current=1, previous=10) == 6
    assert wait_seconds(now_seconds=66, limit=limit, current=1, previous=10) == 0
    assert wait_seconds(now_seconds=0, limit=limit, current=10, previous=0) == 0
    assert wait_seconds(now_seconds=0, limit=limit, current=11, previous=0) == 66


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::/64"),
        ("nonsense", "unknown"),
        ("", "unknown"),
        ("203.0.113.9, 10.0.0.1", "unknown"),
    ],
)
def test_ipv4_counts_whole_and_ipv6_by_64(address: str, group: str) -> None:
    assert address_group(address) == group


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, ["1.1.1.1"], "10.0.0.1"),
        (1, [], "10.0.0.1"),
        (1, ["6.6.6.6", "1.1.1.1"], "1.1.1.1"),
        (2, ["6.6.6.6", "1.1.1.1", "10.0.0.2"], "1.1.1.1"),
        (5, ["1.1.1.1"], "1.1.1.1"),
        (1, ["6.6.6.6", " "], "10.0.0.1"),
    ],
)
def test_only_what_our_proxies_appended_is_believed(
    proxies: int, forwarded: list[str], expected: str
) -> None:
    found = client_address(
        remote_address="10.0.0.1", forwarded_for=forwarded, trusted_proxies=proxies
    )
    assert found == expected
