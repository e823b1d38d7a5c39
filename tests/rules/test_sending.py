"""What servers answer, as senders read it; and how many messages leave in a time."""

from __future__ import annotations

from itertools import pairwise

import pytest

from comments.rules.limits import Limit
from comments.rules.sending import (
    LONGEST_TRIED_SECONDS,
    Answer,
    Pace,
    Stage,
    Verdict,
    is_tried_enough,
    read_rate,
    read_window,
    retry_seconds,
    verdict_on,
)


@pytest.mark.parametrize(
    ("stage", "code", "exact", "verdict"),
    [
        ("end", 250, "2.0.0", "sent"),
        ("end", 250, "", "sent"),
        ("end", None, "", "in_doubt"),
        ("connect", None, "", "unreached"),
        ("connect", 421, "", "unreached"),
        ("mail", None, "", "deferred"),
        ("rcpt", None, "", "deferred"),
        ("data", None, "", "deferred"),
        ("rcpt", 451, "4.7.1", "deferred"),
        ("end", 451, "", "deferred"),
        ("mail", 421, "", "deferred"),
        ("rcpt", 550, "5.1.1", "bad_address"),
        ("rcpt", 550, "5.1.2", "bad_address"),
        ("end", 550, "5.1.10", "bad_address"),
        ("rcpt", 550, "", "bounced"),
        ("rcpt", 552, "5.2.2", "bounced"),
        ("end", 554, "5.6.0", "bounced"),
        ("mail", 552, "5.3.4", "bounced"),
        ("mail", 550, "", "refused"),
        ("rcpt", 550, "5.7.1", "refused"),
        ("end", 550, "5.7.26", "refused"),
        ("rcpt", 550, "5.1.8", "refused"),
        ("connect", 554, "", "refused"),
        ("connect", 535, "5.7.8", "refused"),
        ("mail", 530, "", "refused"),
    ],
)
def test_an_answer_means_one_thing(
    stage: Stage, code: int | None, exact: str, verdict: Verdict
) -> None:
    assert verdict_on(Answer(stage, code, exact)) == verdict


def test_an_answer_is_told_without_a_word_of_the_server() -> None:
    assert Answer("rcpt", 550, "5.1.1").why == "550 5.1.1 (rcpt)"
    assert Answer("end", failure="TimeoutError").why == "TimeoutError (end)"


def test_delays_grow_and_end() -> None:
    delays = [retry_seconds(tries) for tries in range(1, 40)]
    assert all(first <= second for first, second in pairwise(delays))
    assert delays[0] < delays[3]
    assert delays[-1] == max(delays) < LONGEST_TRIED_SECONDS
    assert not is_tried_enough(tried_seconds=sum(delays[:6]))
    assert is_tried_enough(tried_seconds=LONGEST_TRIED_SECONDS)


def test_windows_and_rates_are_read() -> None:
    assert read_window("") is None
    assert read_window("50000/24h") == Limit(50_000, 24 * 3600)
    assert (read_rate(""), read_rate("20/s"), read_rate("0.5")) == (0.0, 20.0, 0.5)


@pytest.mark.parametrize("text", ["x", "0", "-3/s", "nan", "inf", "3/m"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="20/s"):
        read_rate(text)


def test_what_is_no_window_is_refused() -> None:
    with pytest.raises(ValueError, match="50000/24h"):
        read_window("many")


def test_a_pace_lets_so_many_leave_in_a_time_and_saves_no_more_than_a_second() -> None:
    pace = Pace(10.0)
    left = 0
    for tenth in range(51):
        count = pace.allowed(at=tenth / 10, most=4)
        pace.take(count)
        left += count
    assert 50 <= left <= 52
    pace = Pace(10.0)
    assert pace.allowed(at=3600.0, most=100) == 10


def test_a_slow_pace_lets_one_leave_at_last() -> None:
    pace = Pace(0.1)
    assert pace.allowed(at=0.0, most=5) == 1
    pace.take(1)
    assert pace.allowed(at=9.0, most=5) == 0
    assert pace.allowed(at=10.0, most=5) == 1


def test_no_rate_is_no_limit() -> None:
    assert Pace(0.0).allowed(at=0.0, most=7) == 7
