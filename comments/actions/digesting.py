"""Planning: who is due, what he is to be sent, and how far that covers.

For each subscriber there is a channel for the digest and one for what is told at once. A delivery
covers an interval of the order of publications; the channel's cursor moves to its end in the same
transaction, by compare-and-swap. So any number of planners may run at once, and one that is killed
leaves either both or neither.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Max, Q

from comments.actions.announcing import number_publications, seal_publications
from comments.actions.selecting import selection_for
from comments.models import (
    Channel,
    Delivery,
    Frequency,
    Mention,
    PostOffice,
    Publication,
    Selection,
    Subscriber,
    Subscription,
)
from comments.queries.digests import (
    Interval,
    NewsReader,
    has_expired,
    readers_of,
    received_by,
    unfinished_of,
    with_both_channels,
)
from comments.queries.subscribers import last_position, schedule_of
from comments.rules.digesting import (
    Item,
    Reader,
    Schedule,
    digest_items,
    instant_items,
    latest_period,
    next_send_time,
)
from comments.rules.subscribing import address_key

AT_ONCE = 500
"""Channels in one transaction."""
DIGEST_WAITS_SECONDS = 15 * 60
INSTANT_WAITS_SECONDS = 60
"""How long the next mail waits while nobody knows of the one before it."""

State = Delivery.State
UNSENT = (State.QUEUED, State.DEFERRED)
UNDERWAY = (State.SENDING, State.IN_DOUBT)
MERGED = "merged into the next"


class MovedMeanwhile(Exception):
    """A channel was moved by somebody who did not hold its lock."""


@dataclass(slots=True)
class Planned:
    """What a run of the planner came to."""

    looked_at: int = 0
    digests: int = 0
    instants: int = 0


def plan_due(
    *,
    site_id: int,
    now: datetime,
    only: str = "",
    dry_run: bool = False,
    go_on: Callable[[], bool] = lambda: True,
) -> Planned:
    """Writes the deliveries of all who are due; returns how many.

    Args:
        only: an address; nobody else is planned for.
        dry_run: counts, and stores nothing.
    """
    if not dry_run:
        seal_publications(site_id=site_id)
        mark_instant(site_id=site_id)
    planned = Planned()
    seen = 0
    while go_on():
        with transaction.atomic(durable=True):
            if dry_run:
                number_publications(site_id=site_id)
                _mark_instant(site_id=site_id)
            run = _Run(site_id=site_id, now=now, planned=planned)
            channels = _due(site_id=site_id, now=now, only=only, after=seen if dry_run else None)
            run.plan(channels)
            transaction.set_rollback(dry_run)
        if len(channels) < AT_ONCE:
            break
        seen = channels[-1].pk
    return planned


def _due(*, site_id: int, now: datetime, only: str, after: int | None) -> list[Channel]:
    """Returns channels whose time has come, locked."""
    due = Channel.objects.filter(due_at__lte=now, subscriber__site_id=site_id)
    if only:
        due = due.filter(subscriber__address_key=address_key(only))
    if after is not None:
        due = due.filter(pk__gt=after).order_by("pk")
    else:
        due = due.order_by("due_at", "pk")
    locked = due.select_for_update(of=["self"], skip_locked=True).select_related("subscriber")
    return list(locked.only(*_COLUMNS)[:AT_ONCE])


_COLUMNS = (
    *("subscriber_id", "kind", "cursor", "last_period", "due_at"),
    *("subscriber__address_key", "subscriber__tz", "subscriber__send_hour", "subscriber__weekday"),
    *("subscriber__paused_at", "subscriber__suppressed_at"),
)


def mark_instant(*, site_id: int) -> None:
    """Makes those due who want to know at once of what was sealed since the last time.

    They are due since it was published, whatever time is planned for.
    """
    office = PostOffice.objects.get_or_create(site_id=site_id)[0]
    if office.instant_position >= last_position(site_id=site_id):
        return
    with transaction.atomic(durable=True):
        _mark_instant(site_id=site_id)


def _mark_instant(*, site_id: int) -> None:
    PostOffice.objects.get_or_create(site_id=site_id)
    office = PostOffice.objects.select_for_update().get(site_id=site_id)
    to = last_position(site_id=site_id)
    if office.instant_position < to:
        found = Publication.objects.filter(
            site_id=site_id, position__gt=office.instant_position, position__lte=to
        )
        threads = found.values_list("thread_id", flat=True).distinct()
        answered = found.filter(comment__reply_to__author__isnull=False)
        mentioned = Mention.objects.filter(
            comment__publications__in=found, participant__isnull=False
        )
        concerned = Subscription.objects.filter(
            Q(thread=None, participant=None)
            | Q(thread__in=threads)
            | Q(participant__in=answered.values("comment__reply_to__author_id"))
            | Q(participant__in=mentioned.values("participant_id")),
            subscriber__site_id=site_id,
            subscriber__paused_at=None,
            state=Subscription.State.ACTIVE,
        )
        latest = found.aggregate(latest=Max("at"))["latest"]
        at_once = concerned.filter(frequency=Frequency.INSTANT)
        Channel.objects.filter(
            kind=Channel.Kind.INSTANT, subscriber__in=at_once.values("subscriber_id")
        ).update(due_at=latest)
        if found.filter(again=True).exists():
            # What is there again is told the way that was chosen when it first was: perhaps one
            # that nobody looks at any more.
            switched = concerned.exclude(switches=[])
            Channel.objects.filter(
                subscriber__in=switched.values("subscriber_id"), due_at=None
            ).update(due_at=latest)
        office.instant_position = to
        office.save(update_fields=["instant_position"])


@dataclass(slots=True)
class _Run:
    """One transaction of the planner."""

    site_id: int
    now: datetime
    planned: Planned
    news: NewsReader = field(init=False)
    to: int = field(init=False)
    with_both: set[int] = field(init=False)
    held: set[int] = field(init=False)
    common: dict[int, list[Item]] = field(default_factory=dict)
    selections: dict[tuple[object, ...], Selection] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)
    periods: dict[Schedule, date] = field(default_factory=dict)
    next_times: dict[Schedule, datetime] = field(default_factory=dict)
    moves: dict[_Move, list[int]] = field(default_factory=lambda: defaultdict(list))

    def plan(self, channels: list[Channel]) -> None:
        """Plans for channels that are locked."""
        self.select(channels)
        self._move_all()
        Delivery.objects.bulk_create(self.deliveries, batch_size=AT_ONCE)

    def select(self, channels: list[Channel]) -> None:
        """Makes the deliveries for channels that are locked, and does not store them yet."""
        # After the lock: whoever made a channel due has sealed before.
        self.to = last_position(site_id=self.site_id)
        self.news = NewsReader(site_id=self.site_id)
        subscribers = {channel.subscriber_id: channel.subscriber for channel in channels}
        readers = readers_of(list(subscribers.values()))
        unsent = unfinished_of(subscribers)
        self.held = _held([one for found in unsent.values() for one in found])
        self.with_both = with_both_channels(subscribers)
        for channel in channels:
            self.planned.looked_at += 1
            reader = readers.get(channel.subscriber_id)
            subscriber = channel.subscriber
            if reader is None or subscriber.paused_at or subscriber.suppressed_at:
                self._move(channel, due_at=None)
                continue
            unfinished = unsent.get((channel.subscriber_id, channel.kind), [])
            if channel.kind == Channel.Kind.DIGEST:
                self._plan_digest(channel, reader, unfinished)
            else:
                self._plan_instant(channel, reader, unfinished)

    def _plan_digest(self, channel: Channel, reader: Reader, unfinished: list[Delivery]) -> None:
        is_owed = (
            reader.is_owed_after(channel.cursor)
            or has_expired(unfinished)
            or (reader.has_switched and self.news.between(channel.cursor, self.to).has_again)
        )
        if not reader.digest_frequency and not is_owed:
            self._move(channel, due_at=None)
            return
        frequency = reader.digest_frequency or Frequency.DAILY
        schedule = schedule_of(channel.subscriber, frequency=frequency)
        period = self._period(schedule)
        last = channel.last_period or period
        if period <= last:
            self._move(channel, due_at=next_send_time(last, self.now, schedule))
            return
        if any(one.pk in self.held or one.state in UNDERWAY for one in unfinished):
            self._move(channel, due_at=self.now + timedelta(seconds=DIGEST_WAITS_SECONDS))
            return
        after = self._merge(channel, unfinished)
        items = self._digest_items(channel, reader, after=after)
        self._move(
            channel,
            cursor=self.to,
            last_period=period,
            due_at=self._next(schedule, period) if reader.digest_frequency else None,
        )
        if items:
            self.planned.digests += 1
            self._deliver(
                channel, after=after, scope="digest", period=period.isoformat(), items=items
            )

    def _period(self, schedule: Schedule) -> date:
        if schedule not in self.periods:
            self.periods[schedule] = latest_period(self.now, schedule)
        return self.periods[schedule]

    def _next(self, schedule: Schedule, period: date) -> datetime:
        """Returns when the digest after the one of ``period``, the latest, is due."""
        if schedule not in self.next_times:
            self.next_times[schedule] = next_send_time(period, self.now, schedule)
        return self.next_times[schedule]

    def _digest_items(self, channel: Channel, reader: Reader, *, after: int) -> list[Item]:
        interval = self.news.between(after, self.to)
        received = self._received(channel, reader, interval, after=after)
        is_plain = (
            len(reader.wishes) == 1
            and reader.wishes[0].scope == "site"
            and reader.wishes[0].began <= after
            and not reader.wishes[0].switches
            and not reader.muted
            and not received
            and reader.address_key not in interval.author_keys
        )
        if not is_plain:
            return digest_items(interval.within(reader), reader, received=received)
        # The same for all of these readers, however many there are.
        if after not in self.common:
            self.common[after] = digest_items(interval.news, reader)
        return self.common[after]

    def _plan_instant(self, channel: Channel, reader: Reader, unfinished: list[Delivery]) -> None:
        if any(one.state != State.EXPIRED for one in unfinished):
            self._move(channel, due_at=self.now + timedelta(seconds=INSTANT_WAITS_SECONDS))
            return
        after = self._merge(channel, unfinished)
        interval = self.news.between(after, self.to)
        received = self._received(channel, reader, interval, after=after)
        mails = instant_items(interval.within(reader), reader, received=received)
        self._move(channel, cursor=self.to, due_at=None)
        for (thread_id, scope), items in mails.items():
            self.planned.instants += 1
            # What was taken over may have covered just the same.
            again = f"+{unfinished[-1].pk}" if unfinished else ""
            period = f"{thread_id}:{self.to}:{scope.partition('-')[0]}{again}"
            self._deliver(channel, after=after, scope=scope, period=period, items=items)

    def _move(
        self,
        channel: Channel,
        *,
        due_at: datetime | None,
        cursor: int | None = None,
        last_period: date | None = None,
    ) -> None:
        """Plans to move a channel on; those that move alike are moved together."""
        move = _Move(
            cursor=channel.cursor,
            last_period=channel.last_period,
            to=channel.cursor if cursor is None else cursor,
            to_period=last_period or channel.last_period,
            due_at=due_at,
        )
        self.moves[move].append(channel.pk)

    def _move_all(self) -> None:
        """Moves the channels on, by compare-and-swap.

        Raises:
            MovedMeanwhile: one of them is not where it was read. Nothing of this run is stored.
        """
        for move, pks in self.moves.items():
            seen = Channel.objects.filter(
                pk__in=pks, cursor=move.cursor, last_period=move.last_period
            )
            moved = seen.update(due_at=move.due_at, cursor=move.to, last_period=move.to_period)
            if moved != len(pks):
                raise MovedMeanwhile

    def _merge(self, channel: Channel, unfinished: Iterable[Delivery]) -> int:
        """Takes over what was never sent; returns the position that the news begin after."""
        after = channel.cursor
        for one in unfinished:
            after = min(after, one.after_position)
            if one.state != State.EXPIRED:
                one.state, one.error, one.due_at = State.EXPIRED, MERGED, None
                one.save(update_fields=["state", "error", "due_at"])
        return after

    def _received(
        self, channel: Channel, reader: Reader, interval: Interval, *, after: int
    ) -> set[Item]:
        """Returns what was sent already.

        That can only be what is there again, was taken over, or came by the other channel.
        """
        has_other = channel.subscriber_id in self.with_both
        if not interval.has_again and after == channel.cursor and not has_other:
            return set()
        return received_by(channel.subscriber_id, interval.within(reader))

    def _deliver(
        self, channel: Channel, *, after: int, scope: str, period: str, items: list[Item]
    ) -> None:
        label = period if channel.kind == Channel.Kind.DIGEST else ""
        key = (channel.kind, scope, label, tuple(items))
        if key not in self.selections:
            self.selections[key] = selection_for(
                site_id=self.site_id, kind=channel.kind, scope=scope, period=label, items=items
            )
        self.deliveries.append(
            Delivery(
                site_id=self.site_id,
                subscriber=channel.subscriber,
                kind=channel.kind,
                period=period,
                after_position=after,
                to_position=self.to,
                selection=self.selections[key],
                due_at=self.now,
                created_at=self.now,
            )
        )


def _held(deliveries: Iterable[Delivery]) -> set[int]:
    """Returns which unsent deliveries a sender is just taking; all others are locked for us.

    Nobody waits here: a sender that waits for one of ours while we wait for one of its would be a
    deadlock.
    """
    unsent = {one.pk for one in deliveries if one.state in UNSENT}
    if not unsent:
        return set()
    ours = Delivery.objects.filter(pk__in=unsent, state__in=UNSENT)
    return unsent - set(ours.select_for_update(skip_locked=True).values_list("pk", flat=True))


@dataclass(frozen=True, slots=True)
class _Move:
    """Where channels stand, and where they are moved to."""

    cursor: int
    last_period: date | None
    to: int
    to_period: date | None
    due_at: datetime | None


def preview_items(
    subscriber_id: int, *, at: datetime, kind: str = Channel.Kind.DIGEST
) -> list[Selection]:
    """Returns what somebody's mails would hold if they were planned at a time; stores nothing.

    The real planner does it, and is rolled back. One for a digest; at once, one for each thread and
    scope. Empty: there is no news.
    """
    site_id = Subscriber.objects.values_list("site_id", flat=True).get(pk=subscriber_id)
    seal_publications(site_id=site_id)
    with transaction.atomic(durable=True):
        channels = Channel.objects.select_for_update(of=["self"]).select_related("subscriber__site")
        found = list(channels.filter(subscriber_id=subscriber_id, kind=kind))
        for channel in found:
            # As if there were none of that day yet: whoever looks wants to see it now.
            channel.last_period = date.min
        run = _Run(site_id=site_id, now=at, planned=Planned())
        run.select(found)
        transaction.set_rollback(True)
    return [one.selection for one in run.deliveries]
