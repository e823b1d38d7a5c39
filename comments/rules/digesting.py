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
from functools import cache
from importlib.resources import files
from typing import Literal
from zoneinfo import ZoneInfo

Frequency = Literal["instant", "daily", "weekly"]


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
    if name not in _zone_names():
        raise ValueError(f"there is no time zone {name!r}")
    return ZoneInfo(name)


@cache
def _zone_names() -> frozenset[str]:
    """Returns the names in the package tzdata: they are the same on every machine."""
    names = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return frozenset(names) - {"Factory", "localtime"}


def zone_or_utc(name: str) -> ZoneInfo:
    """Returns a time zone, or UTC where there is none of the name any more."""
    try:
        return zone_named(name)
    except ValueError:
        return ZoneInfo("UTC")


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
    author_id: int | None = None
    author_key: str = ""
    """Of the author's verified address; empty where there is none."""
    root_number: int | None = None
    """Of the conversation that a comment belongs to."""
    concerns: frozenset[int] = frozenset()
    """Participants whose comment it answers, or whom it mentions."""

    @property
    def item(self) -> tuple[int, int]:
        """Returns what is the same for each publication of the same thing."""
        return self.thread_id, self.comment_id or 0


@dataclass(frozen=True, slots=True)
class Wish:
    """What a subscription wants: a thread, or answers to a participant, or (neither) all."""

    scope: str
    is_instant: bool
    began: int
    """The last position there was when it began: what was published before is no news for it,
    also when it can be read again."""
    thread_id: int | None = None
    participant_id: int | None = None
    switches: tuple[int, ...] = ()
    """Positions after which it was told the other way: at once, or in the digest."""

    def is_told_at_once(self, news: News) -> bool:
        """Returns which way a publication is told: the one that was chosen when it appeared.

        So a change of the frequency moves nothing: what was due in the digest stays due there.
        """
        appeared = news.first_position or 0
        changed = sum(1 for position in self.switches if appeared <= position)
        return self.is_instant ^ bool(changed % 2)

    def takes(self, news: News) -> bool:
        """Returns whether a publication is news for this wish."""
        if news.first_position is None or news.first_position <= self.began:
            return False
        if self.thread_id is not None:
            return news.thread_id == self.thread_id
        return self.participant_id is None or self.participant_id in news.concerns


@dataclass(frozen=True, slots=True)
class Reader:
    """A subscriber as a selection sees him."""

    address_key: str
    wishes: tuple[Wish, ...]
    digest_frequency: str = ""
    """``daily`` or ``weekly``; empty where nothing goes into a digest (any more)."""
    muted: frozenset[tuple[int, int]] = frozenset()
    """Conversations that were left: thread, and number of the root."""

    @property
    def has_switched(self) -> bool:
        """Returns whether something was told at once before and is in the digest now, or vice
        versa."""
        return any(wish.switches for wish in self.wishes)

    def is_owed_after(self, position: int) -> bool:
        """Returns whether something newer may be due a way that was left since."""
        return any(wish.switches and wish.switches[-1] > position for wish in self.wishes)

    def refuses(self, news: News) -> bool:
        """Returns whether it is his own, or of a conversation that he has left."""
        by_address = bool(news.author_key) and news.author_key == self.address_key
        by_himself = any(
            wish.participant_id is not None and wish.participant_id == news.author_id
            for wish in self.wishes
        )
        is_left = (news.thread_id, news.root_number) in self.muted
        return by_address or by_himself or is_left

    def instant_wish_for(self, news: News) -> Wish | None:
        """Returns the wish by which something is told at once; a thread's before all others."""
        takers = [wish for wish in self.wishes if wish.takes(news) and wish.is_told_at_once(news)]
        return min(takers, key=_breadth, default=None)


def _breadth(wish: Wish) -> int:
    if wish.thread_id is not None:
        return 0
    return 1 if wish.participant_id is None else 2


Item = tuple[int, int]


def digest_items(
    news: Iterable[News], reader: Reader, *, received: Collection[Item] = ()
) -> list[Item]:
    """Returns what goes into a subscriber's digest, in the order of publication, each thing once.

    What he is told at once is left out.

    Args:
        news: the publications of the interval, by position.
        received: what was sent to the subscriber already.
    """
    taken: dict[Item, None] = {}
    for one in news:
        if (
            one.visible
            and one.item not in received
            and any(wish.takes(one) and not wish.is_told_at_once(one) for wish in reader.wishes)
            and not reader.refuses(one)
            and reader.instant_wish_for(one) is None
        ):
            taken.setdefault(one.item)
    return list(taken)


def instant_items(
    news: Iterable[News], reader: Reader, *, received: Collection[Item] = ()
) -> dict[tuple[int, str], list[Item]]:
    """Returns what a subscriber is told at once: for each thread and scope, a mail of its own.

    Args:
        news: the publications of the interval, by position.
        received: what was sent to the subscriber already.
    """
    mails: dict[tuple[int, str], dict[Item, None]] = {}
    for one in news:
        if not one.visible or one.item in received or reader.refuses(one):
            continue
        wish = reader.instant_wish_for(one)
        if wish is not None:
            mails.setdefault((one.thread_id, wish.scope), {}).setdefault(one.item)
    return {key: list(items) for key, items in mails.items()}


def wants_all(reader: Reader, *, after: int) -> bool:
    """Returns whether a reader wants all that was planned for his digest, without a closer look.

    Args:
        after: the position that the digest begins after.
    """
    [first, *others] = reader.wishes
    return (
        not others
        and not reader.muted
        and not first.switches
        and first.scope == "site"
        and not first.is_instant
        and first.began <= after
    )


def still_wanted(
    items: Iterable[Item],
    *,
    news: Iterable[News],
    reader: Reader,
    is_instant: bool,
    told_up_to: int,
    readable: Collection[Item],
) -> list[Item]:
    """Returns what of a planned mail its reader still wants, in the order in which it was planned.

    What cannot be read now counts as wanted: it is left out for a reason of its own.

    Args:
        news: the items as they were published.
        is_instant: whether the mail tells at once; by which wish does not matter any more.
        told_up_to: how far the digests of the reader have come. They have left out what a mail told
            at once, so that it is this mail's to tell, also where only the digest wants it by now.
        readable: the items that can be read now.
    """
    news = list(news)
    in_digest = digest_items(news, reader)
    wanted: set[Item] = set()
    if is_instant:
        for some in instant_items(news, reader).values():
            wanted.update(some)
        passed = {one.item for one in news if (one.first_position or 0) <= told_up_to}
        wanted.update(item for item in in_digest if item in passed)
    else:
        wanted.update(in_digest)
    return [item for item in items if item in wanted or item not in readable]
