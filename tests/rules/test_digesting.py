"""When a digest is due and what goes into it: values alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comments.rules.digesting import (
    News,
    Reader,
    Schedule,
    Wish,
    digest_items,
    instant_items,
    latest_period,
    next_send_time,
    send_time,
    zone_named,
    zone_or_utc,
)

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [BERLIN, ZoneInfo("UTC"), ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Pacific/Pago_Pago")]
schedules = st.builds(
    Schedule,
    tz=st.sampled_from(ZONES),
    send_hour=st.integers(0, 23),
    weekday=st.none() | st.integers(0, 6),
)
moments = st.integers(0, 365 * 24 * 3600).map(
    lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@given(now=moments, schedule=schedules)
def test_the_latest_period_is_the_newest_whose_time_has_come(
    now: datetime, schedule: Schedule
) -> None:
    period = latest_period(now, schedule)
    assert send_time(period, schedule) <= now
    following = next_send_time(period, now, schedule)
    assert following > now
    step = 1 if schedule.weekday is None else 7
    assert following == send_time(period + timedelta(days=step), schedule)


@given(start=moments, schedule=schedules)
def test_a_year_of_runs_gives_each_local_date_once(start: datetime, schedule: Schedule) -> None:
    last = latest_period(start, schedule)
    for _ in range(40):
        at = next_send_time(last, start, schedule)
        period = latest_period(at, schedule)
        assert period > last
        assert latest_period(at - timedelta(microseconds=1), schedule) < period
        last = period


@pytest.mark.parametrize(
    ("day", "hour", "utc"),
    [
        (date(2026, 3, 28), 2, "2026-03-28T01:00"),
        (date(2026, 3, 29), 2, "2026-03-29T01:00"),  # there is no 02:00 that day
        (date(2026, 3, 30), 2, "2026-03-30T00:00"),
        (date(2026, 10, 24), 2, "2026-10-24T00:00"),
        (date(2026, 10, 25), 2, "2026-10-25T00:00"),  # the first of two
        (date(2026, 10, 26), 2, "2026-10-26T01:00"),
    ],
)
def test_clock_changes_leave_one_time_for_each_date(day: date, hour: int, utc: str) -> None:
    at = send_time(day, Schedule(tz=BERLIN, send_hour=hour))
    assert at == datetime.fromisoformat(f"{utc}+00:00")


def test_between_the_two_hours_of_a_clock_change_nothing_is_due_again() -> None:
    schedule = Schedule(tz=BERLIN, send_hour=2)
    for minute in range(0, 24 * 60, 10):
        now = datetime(2026, 10, 25, 0, 0, tzinfo=UTC) + timedelta(minutes=minute)
        assert latest_period(now, schedule) == date(2026, 10, 25)


def test_missed_days_are_one_period() -> None:
    schedule = Schedule(tz=BERLIN, send_hour=7)
    now = datetime(2026, 6, 10, 12, tzinfo=UTC)
    assert next_send_time(date(2026, 6, 1), now, schedule) == send_time(date(2026, 6, 10), schedule)


def test_a_zone_that_is_moved_back_waits_for_the_next_date() -> None:
    now = datetime(2026, 6, 10, 20, tzinfo=UTC)
    ahead = Schedule(tz=ZONES[2], send_hour=7)
    behind = Schedule(tz=ZONES[3], send_hour=7)
    last = latest_period(now, ahead)
    assert latest_period(now, behind) < last
    assert next_send_time(last, now, behind) == send_time(last + timedelta(days=1), behind)


@pytest.mark.parametrize("name", ["", "Mars/Base", "../../etc/passwd", "/etc/localtime", "a\0b"])
def test_names_that_are_no_zone_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        zone_named(name)


def news(position: int, comment_id: int | None = None, **fields: object) -> News:
    given = {"visible": True, "again": False, "first_position": position, "thread_id": 1}
    return News(position=position, comment_id=comment_id, **{**given, **fields})  # type: ignore[arg-type]


def reader(*wishes: Wish, **fields: object) -> Reader:
    return Reader("me@example.org", wishes or (SITE,), **fields)  # type: ignore[arg-type]


SITE = Wish("site", is_instant=False, began=0)
THREAD_AT_ONCE = Wish("thread-1", is_instant=True, began=0, thread_id=1)
ANSWERS = Wish("answers", is_instant=True, began=0, participant_id=7)


def test_each_thing_once_and_nothing_hidden_own_old_or_received() -> None:
    rows = [
        news(1, None),
        news(2, 20),
        news(3, 30, visible=False),
        news(4, 40, author_key="me@example.org"),
        news(5, 20, again=True, first_position=2),
        news(6, 60, again=True, first_position=0),
        news(7, 70),
        news(8, 80, author_key="you@example.org"),
    ]
    assert digest_items(rows, reader(), received=[(1, 70)]) == [(1, 0), (1, 20), (1, 80)]


def test_what_was_left_out_comes_when_it_can_be_read_again() -> None:
    again = [news(9, 30, again=True, first_position=3)]
    assert digest_items(again, reader()) == [(1, 30)]
    assert digest_items(again, reader(), received=[(1, 30)]) == []
    assert digest_items(again, reader(replace(SITE, began=3))) == []


def test_what_is_told_at_once_is_not_in_the_digest_too() -> None:
    rows = [news(1, 10), news(2, 20, thread_id=2)]
    assert digest_items(rows, reader(SITE, THREAD_AT_ONCE)) == [(2, 20)]
    assert instant_items(rows, reader(SITE, THREAD_AT_ONCE)) == {(1, "thread-1"): [(1, 10)]}


def test_a_thread_wanted_alone_is_told_alone() -> None:
    rows = [news(1, 10), news(2, 20, thread_id=2)]
    wish = Wish("thread-2", is_instant=False, began=0, thread_id=2)
    assert digest_items(rows, reader(wish)) == [(2, 20)]


def test_answers_are_replies_and_mentions_but_no_own_words() -> None:
    rows = [
        news(1, 10, concerns=frozenset({7})),
        news(2, 20, concerns=frozenset({8})),
        news(3, 30, concerns=frozenset({7}), author_id=7),
    ]
    assert instant_items(rows, reader(ANSWERS)) == {(1, "answers"): [(1, 10)]}


def test_a_conversation_that_was_left_is_told_no_more() -> None:
    rows = [
        news(1, 10, concerns=frozenset({7}), root_number=4),
        news(2, 20, concerns=frozenset({7}), root_number=5),
    ]
    left = reader(ANSWERS, muted=frozenset({(1, 4)}))
    assert instant_items(rows, left) == {(1, "answers"): [(1, 20)]}


def test_the_narrowest_wish_names_what_the_mail_is_about() -> None:
    rows = [news(1, 10, concerns=frozenset({7})), news(2, 20, thread_id=2)]
    everything = Wish("site", is_instant=True, began=0)
    found = instant_items(rows, reader(everything, ANSWERS, THREAD_AT_ONCE))
    assert found == {(1, "thread-1"): [(1, 10)], (2, "site"): [(2, 20)]}


@pytest.mark.parametrize(
    "name", ["localtime", "Factory", "posixrules", "posix/Europe/Berlin", "right/UTC", "../x", ""]
)
def test_what_depends_on_the_files_of_a_machine_is_no_zone(name: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        zone_named(name)
    assert zone_or_utc(name).key == "UTC"
