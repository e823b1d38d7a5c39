"""What was published in an interval of the order, and what a subscriber was sent already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Max, Q

from comments.models import (
    Delivery,
    Frequency,
    Mention,
    Mute,
    Publication,
    Subscriber,
    Subscription,
)
from comments.rules.digesting import Item, News, Reader, Wish
from comments.rules.subscribing import address_key

State = Delivery.State
NOT_RECEIVED = (State.CANCELLED, State.EXPIRED, State.BOUNCED)
OVER = (State.SENT, State.CANCELLED, State.BOUNCED)


@dataclass(frozen=True, slots=True)
class Interval:
    """What was published in a part of the order."""

    news: tuple[News, ...]
    by_thread: dict[int, tuple[News, ...]]
    author_keys: frozenset[str]
    has_again: bool

    def within(self, reader: Reader) -> Iterable[News]:
        """Returns what may concern a reader, by position."""
        threads = [wish.thread_id for wish in reader.wishes]
        if None in threads:
            return self.news
        found = [one for pk in set(threads) for one in self.by_thread.get(pk or 0, ())]
        return sorted(found, key=lambda one: one.position)


class NewsReader:
    """Reads each interval of a site once; kept for one run, since visibility changes."""

    def __init__(self, *, site_id: int) -> None:
        self._site_id = site_id
        self._kept: dict[tuple[int, int], Interval] = {}

    def between(self, after: int, to: int) -> Interval:
        """Returns what has a position above ``after`` and up to ``to``."""
        if (after, to) not in self._kept:
            self._kept[after, to] = self._read(after, to)
        return self._kept[after, to]

    def _read(self, after: int, to: int) -> Interval:
        found = Publication.objects.filter(
            site_id=self._site_id, position__gt=after, position__lte=to
        )
        rows: list[Any] = list(
            found.order_by("position").values(
                "position",
                "thread_id",
                "comment_id",
                "again",
                "comment__visible",
                "comment__root_number",
                "comment__author_id",
                "comment__author__email",
                "comment__author__email_verified_at",
                "comment__reply_to__author_id",
            )
        )
        mentioned = defaultdict(set)
        mentions = Mention.objects.filter(
            participant__isnull=False,
            comment__publications__site_id=self._site_id,
            comment__publications__position__gt=after,
            comment__publications__position__lte=to,
        )
        for comment_id, participant_id in mentions.values_list("comment_id", "participant_id"):
            mentioned[comment_id].add(participant_id)
        first = dict[int | None, int | None]()
        again = [row["comment_id"] for row in rows if row["again"]]
        for start in range(0, len(again), 500):
            firsts = Publication.objects.filter(
                comment_id__in=again[start : start + 500], again=False
            )
            first.update(firsts.values_list("comment_id", "position"))
        news = tuple(
            News(
                position=row["position"],
                thread_id=row["thread_id"],
                comment_id=row["comment_id"],
                visible=row["comment_id"] is None or row["comment__visible"],
                again=row["again"],
                first_position=first.get(row["comment_id"]) if row["again"] else row["position"],
                author_id=row["comment__author_id"],
                author_key=_verified_key(row),
                root_number=row["comment__root_number"],
                concerns=frozenset(
                    mentioned[row["comment_id"]] | {row["comment__reply_to__author_id"]} - {None}
                ),
            )
            for row in rows
        )
        by_thread = defaultdict(list)
        for one in news:
            by_thread[one.thread_id].append(one)
        return Interval(
            news=news,
            by_thread={key: tuple(items) for key, items in by_thread.items()},
            author_keys=frozenset(one.author_key for one in news if one.author_key),
            has_again=any(one.again for one in news),
        )


def _verified_key(row: Any) -> str:
    email = row["comment__author__email"]
    is_verified = email and row["comment__author__email_verified_at"] is not None
    return address_key(str(email)) if is_verified else ""


def readers_of(subscribers: Collection[Subscriber]) -> dict[int, Reader]:
    """Returns what each subscriber wants; for those alone who want anything."""
    wishes = defaultdict(list)
    frequencies = dict[int, str]()
    active = Subscription.objects.filter(
        subscriber__in=subscribers, state=Subscription.State.ACTIVE
    )
    for one in active.order_by("pk"):
        if one.frequency != Frequency.INSTANT:
            frequencies[one.subscriber_id] = one.frequency
        wishes[one.subscriber_id].append(
            Wish(
                scope=one.scope,
                is_instant=one.frequency == Frequency.INSTANT,
                began=one.began,
                thread_id=one.thread_id,
                participant_id=one.participant_id,
            )
        )
    muted = defaultdict(set)
    mutes = Mute.objects.filter(subscriber__in=subscribers)
    for subscriber_id, thread_id, root in mutes.values_list(
        "subscriber_id", "thread_id", "root_number"
    ):
        muted[subscriber_id].add((thread_id, root))
    return {
        one.pk: Reader(
            address_key=one.address_key,
            wishes=tuple(wishes[one.pk]),
            digest_frequency=frequencies.get(one.pk, ""),
            muted=frozenset(muted[one.pk]),
        )
        for one in subscribers
        if wishes[one.pk]
    }


def received_by(subscriber_id: int, news: Iterable[News]) -> set[Item]:
    """Returns which of these things a subscriber was sent, or is to be sent, already.

    What an edition left out, because it could not be read then, was not.
    """
    positions = {one.first_position for one in news if one.first_position is not None}
    if not positions:
        return set()
    covering = Delivery.objects.filter(
        Q(to_position__gte=min(positions)) & Q(after_position__lt=max(positions)),
        subscriber_id=subscriber_id,
    ).exclude(state__in=NOT_RECEIVED)
    return {
        (thread_id, comment_id)
        for delivery in covering.select_related("edition", "selection")
        for thread_id, comment_id in (delivery.edition or delivery.selection).items
    }


def unfinished_of(subscribers: Collection[int]) -> dict[tuple[int, str], list[Delivery]]:
    """Returns the news that each subscriber is still owed: by kind, oldest first.

    That is what is not over yet, and what expired since the last that is: nobody has sent it.
    """
    news = Delivery.objects.filter(
        subscriber__in=subscribers, kind__in=[Delivery.Kind.DIGEST, Delivery.Kind.INSTANT]
    )
    reached = {
        (pk, kind): position
        for pk, kind, position in news.filter(state__in=OVER)
        .values_list("subscriber_id", "kind")
        .annotate(Max("to_position"))
    }
    found = defaultdict(list)
    for one in news.exclude(state__in=OVER).order_by("to_position", "pk"):
        is_past = one.to_position <= reached.get((one.subscriber_id, one.kind), 0)
        if one.state != State.EXPIRED or not is_past:
            found[one.subscriber_id, one.kind].append(one)
    return found
