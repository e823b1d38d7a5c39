"""When a digest is due, for which local date, and what belongs into it.

A digest has a period: the subscriber's local date on which it is sent. There is one delivery at
most for each period, and periods only ever move forwards; that is what keeps two runs, a clock
change or a moved time zone from sending twice for a day. Days that were missed are not made up
for: the next digest covers all that was published since the last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Frequency = Literal["instant", "daily", "weekly"]

DAYS_IN_WEEK = 7


@dataclass(frozen=True, slots=True)
class Schedule:
    """When somebody wants the digest."""

    tz: ZoneInfo
    send_hour: int
    """0 to 23, local."""
    weekday: int | None = None
    """0 is Monday (as ``date.weekday``); ``None`` is every day."""


def zone_named(name: str) -> ZoneInfo:
    """Returns the time zone of a name in the IANA database.

    Raises:
        ValueError: there is none; also for names that are paths.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}") from None


def send_time(period: date, schedule: Schedule) -> datetime:
    """Returns the moment, in UTC, at which the digest of a period may leave.

    An hour that a clock change leaves out is the one after it; of an hour that comes twice it is
    the first (PEP 495: ``fold`` 0).
    """
    local = datetime.combine(period, time(schedule.send_hour), tzinfo=schedule.tz)
    return local.astimezone(UTC)


def latest_period(now: datetime, schedule: Schedule) -> date:
    """Returns the newest period whose time to send has come."""
    # A day on: clocks that were put back across midnight may have shown the next date already.
    period = now.astimezone(schedule.tz).date() + timedelta(days=1)
    while not _is_day(period, schedule) or send_time(period, schedule) > now:
        period -= timedelta(days=1)
    return period


def next_send_time(last_period: date, now: datetime, schedule: Schedule) -> datetime:
    """Returns when the next digest is due, after the one of ``last_period``; perhaps in the past.

    Args:
        last_period: of the last digest, or what it would have been before the first.
    """
    period = latest_period(now, schedule)
    if period > last_period:
        return send_time(period, schedule)
    period = last_period + timedelta(days=1)
    while not _is_day(period, schedule):
        period += timedelta(days=1)
    return send_time(period, schedule)


def _is_day(period: date, schedule: Schedule) -> bool:
    return schedule.weekday is None or period.weekday() == schedule.weekday


@dataclass(frozen=True, slots=True)
class News:
    """A publication as a selection sees it."""

    position: int
    thread_id: int
    comment_id: int | None
    """``None``: the page of the thread."""
    visible: bool
    again: bool
    first_position: int | None
    """Where an ``again`` was first published; the same as ``position`` otherwise."""
    author_key: str = ""
    """Of the author's verified address; empty where there is none."""

    @property
    def item(self) -> tuple[int, int]:
        """Returns what is the same for each publication of the same thing."""
        return self.thread_id, self.comment_id or 0


def selected(
    news: Iterable[News],
    *,
    began: int,
    address_key: str,
    received: Collection[tuple[int, int]] = (),
) -> list[News]:
    """Returns what goes into a subscriber's digest, in the order of publication, each thing once.

    Args:
        news: the publications of the interval, by position.
        began: the last position there was when the subscription began: what was published before
            is no news, also when it can be read again.
        address_key: of the subscriber, whose own comments are left out.
        received: items that were sent to the subscriber already.
    """
    taken: dict[tuple[int, int], News] = {}
    for one in news:
        is_own = bool(one.author_key) and one.author_key == address_key
        is_old = one.first_position is None or one.first_position <= began
        if one.visible and not is_own and not is_old and one.item not in received:
            taken.setdefault(one.item, one)
    return list(taken.values())
