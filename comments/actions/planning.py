"""One transaction of the planner: what each channel that is due is sent, and how far that covers.

For each subscriber there is a channel for the digest and one for what is told at once. A delivery
covers an interval of the order of publications; the channel's cursor moves to its end in the same
transaction, by compare-and-swap. So any number of planners may run at once, and one that is killed
leaves either both or neither.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from comments.actions.selecting import selection_for
from comments.models import Channel, Delivery, Frequency, Selection
from comments.queries.digests import (
    NOT_COMPOSED,
    WAITING,
    Interval,
    NewsReader,
    news_of,
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

AT_ONCE = 500
"""Rows in one statement."""
DIGEST_WAITS_SECONDS = 15 * 60
INSTANT_WAITS_SECONDS = 60
"""How long the next mail waits while nobody knows of the one before it."""

State = Delivery.State
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


@dataclass(slots=True)
class Run:
    """One transaction of the planner."""

    site_id: int
    now: datetime
    planned: Planned
    news: NewsReader = field(init=False)
    to: int = field(init=False)
    told_up_to: dict[int, int] = field(init=False)
    """How far the digests have come of those who have both channels, both of which are locked."""
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
        self._store()

    def _store(self) -> None:
        self._move_all()
        Delivery.objects.bulk_create(self.deliveries, batch_size=AT_ONCE)

    def select(self, channels: list[Channel]) -> None:
        """Makes the deliveries for channels that are locked, and does not store them yet."""
        # After the lock: whoever made a channel due has sealed before.
        self.to = last_position(site_id=self.site_id)
        self.news = NewsReader(site_id=self.site_id)
        subscribers = {channel.subscriber_id: channel.subscriber for channel in channels}
        readers = readers_of(list(subscribers.values()))
        self.with_both = with_both_channels(subscribers)
        self.told_up_to = _told_up_to(self.with_both)
        # Now that nobody writes others.
        unsent = unfinished_of(subscribers)
        self.held = _held([one for found in unsent.values() for one in found])
        in_digest = {one.subscriber_id for one in channels if one.kind == Channel.Kind.DIGEST}
        for channel in channels:
            self.planned.looked_at += 1
            pk, subscriber = channel.subscriber_id, channel.subscriber
            reader = readers.get(pk)
            if reader is None or subscriber.paused_at or subscriber.suppressed_at:
                self._move(channel, due_at=None)
                continue
            is_digest = channel.kind == Channel.Kind.DIGEST
            unfinished = unsent.get((pk, channel.kind), [])
            other = unsent.get((pk, _OTHER[channel.kind]), [])
            # What a digest is about to take is not there yet for what is taken over at once.
            is_after = not is_digest and pk in in_digest and unfinished
            if is_after or self._is_in_motion(pk, other):
                self._move(channel, due_at=self.now + timedelta(seconds=INSTANT_WAITS_SECONDS))
            elif is_digest:
                self._plan_digest(channel, reader, unfinished)
            else:
                self._plan_instant(channel, reader, unfinished)

    def _is_in_motion(self, subscriber_id: int, others: Iterable[Delivery]) -> bool:
        """Returns whether somebody is just deciding what comes by the other channel.

        Each channel leaves to the other what is its to tell, so both have to stand still.
        """
        if subscriber_id not in self.with_both:
            return False
        return subscriber_id not in self.told_up_to or any(
            one.pk in self.held or one.state == State.SENDING for one in others
        )

    def _plan_digest(self, channel: Channel, reader: Reader, unfinished: list[Delivery]) -> None:
        is_owed = (
            reader.is_owed_after(channel.cursor)
            or bool(unfinished)
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
        # What cannot be composed may be by the next release, and nothing waits for that.
        unfinished = [one for one in unfinished if not one.error.startswith(NOT_COMPOSED)]
        if any(one.state != State.EXPIRED for one in unfinished):
            self._move(channel, due_at=self.now + timedelta(seconds=INSTANT_WAITS_SECONDS))
            return
        after = self._merge(channel, unfinished)
        interval = self.news.between(after, self.to)
        received = self._received(channel, reader, interval, after=after)
        mails = instant_items(interval.within(reader), reader, received=received)
        taken = {item for items in mails.values() for item in items} | received
        for one in unfinished:
            for item in self._passed_over(one, channel, reader, received=taken):
                mails.setdefault((item[0], one.selection.scope), []).append(item)
                taken.add(item)
        # What was taken over may have covered just the same.
        again = f"+{unfinished[-1].pk}" if unfinished else ""
        self._tell_at_once(channel, mails, after=after, again=again)

    def _passed_over(
        self, expired: Delivery, channel: Channel, reader: Reader, *, received: Collection[Item]
    ) -> list[Item]:
        """Returns what a mail told at once that the digest alone wants by now, and has left out."""
        told_up_to = self.told_up_to.get(channel.subscriber_id, 0)
        news = news_of((thread_id, comment_id) for thread_id, comment_id in expired.selection.items)
        passed = [one for one in news if one.position <= told_up_to]
        return digest_items(passed, reader, received=received)

    def plan_at_once(self, channel: Channel) -> None:
        """Plans what a subscriber is to be told at once, whatever waits already. It is locked."""
        self.to = last_position(site_id=self.site_id)
        self.news = NewsReader(site_id=self.site_id)
        self.with_both = {channel.subscriber_id}
        reader = readers_of([channel.subscriber]).get(channel.subscriber_id)
        if reader is None or channel.cursor >= self.to:
            return
        interval = self.news.between(channel.cursor, self.to)
        received = self._received(channel, reader, interval, after=channel.cursor)
        mails = instant_items(interval.within(reader), reader, received=received)
        self._tell_at_once(channel, mails, after=channel.cursor)
        self._store()

    def _tell_at_once(
        self,
        channel: Channel,
        mails: Mapping[tuple[int, str], list[Item]],
        *,
        after: int,
        again: str = "",
    ) -> None:
        self._move(channel, cursor=self.to, due_at=None)
        for (thread_id, scope), items in mails.items():
            self.planned.instants += 1
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
            one.taken_over_at = self.now
            one.save(update_fields=["state", "error", "due_at", "taken_over_at"])
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
    unsent = {one.pk for one in deliveries if one.state in WAITING}
    if not unsent:
        return set()
    ours = Delivery.objects.filter(pk__in=unsent, state__in=WAITING)
    return unsent - set(ours.select_for_update(skip_locked=True).values_list("pk", flat=True))


_OTHER = {
    str(Channel.Kind.DIGEST): str(Channel.Kind.INSTANT),
    str(Channel.Kind.INSTANT): str(Channel.Kind.DIGEST),
}


def _told_up_to(subscribers: Collection[int]) -> dict[int, int]:
    """Returns how far the digests of these have come; locks both channels of each.

    Those of whom somebody else has one are left out: nobody waits here.
    """
    if not subscribers:
        return {}
    both = Channel.objects.filter(subscriber__in=subscribers)
    cursors = defaultdict[int, dict[str, int]](dict)
    for pk, kind, cursor in both.select_for_update(skip_locked=True).values_list(
        "subscriber_id", "kind", "cursor"
    ):
        cursors[pk][kind] = cursor
    return {
        pk: found[Channel.Kind.DIGEST] for pk, found in cursors.items() if len(found) == len(_OTHER)
    }


@dataclass(frozen=True, slots=True)
class _Move:
    """Where channels stand, and where they are moved to."""

    cursor: int
    last_period: date | None
    to: int
    to_period: date | None
    due_at: datetime | None
