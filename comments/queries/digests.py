"""What was published in an interval of the order, and what a subscriber was sent already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from comments.models import (
    Channel,
    Delivery,
    Edition,
    Frequency,
    Mention,
    Mute,
    Publication,
    Selection,
    Subscriber,
    Subscription,
)
from comments.rules.digesting import Item, News, Reader, Wish
from comments.rules.subscribing import address_key, scope_of

State = Delivery.State
NOT_RECEIVED = (State.CANCELLED, State.EXPIRED, State.BOUNCED)
NOT_COMPOSED = "cannot be composed"
"""How the error of a mail begins that could not be made of what it is to hold."""
WAITING = (State.QUEUED, State.DEFERRED)
NOT_OVER = (State.QUEUED, State.SENDING, State.DEFERRED, State.IN_DOUBT, State.EXPIRED)

AT_ONCE = 500
"""Values in one list of a statement."""


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
        mentions = Mention.objects.filter(
            comment__publications__site_id=self._site_id,
            comment__publications__position__gt=after,
            comment__publications__position__lte=to,
        )
        news = _news(found, mentions)
        by_thread = defaultdict(list)
        for one in news:
            by_thread[one.thread_id].append(one)
        return Interval(
            news=news,
            by_thread={key: tuple(items) for key, items in by_thread.items()},
            author_keys=frozenset(one.author_key for one in news if one.author_key),
            has_again=any(one.again for one in news),
        )


def news_of(items: Iterable[Item]) -> tuple[News, ...]:
    """Returns the first publications of these things, by position."""
    pairs = list(items)
    comment_ids = [comment_id for _, comment_id in pairs if comment_id]
    page_ids = [thread_id for thread_id, comment_id in pairs if not comment_id]
    found: list[News] = []
    for start in range(0, len(comment_ids), AT_ONCE):
        some = comment_ids[start : start + AT_ONCE]
        first = Publication.objects.filter(comment_id__in=some, again=False)
        found += _news(first, Mention.objects.filter(comment_id__in=some))
    for start in range(0, len(page_ids), AT_ONCE):
        pages = Publication.objects.filter(
            thread_id__in=page_ids[start : start + AT_ONCE], comment=None
        )
        found += _news(pages, Mention.objects.none())
    return tuple(sorted(found, key=lambda one: one.position))


def _news(found: QuerySet[Publication], mentions: QuerySet[Mention]) -> tuple[News, ...]:
    """Returns publications, by position, with whom they concern by these mentions."""
    rows: list[Any] = list(
        found.filter(position__isnull=False)
        .order_by("position")
        .values(
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
    resolved = mentions.filter(participant__isnull=False)
    for comment_id, participant_id in resolved.values_list("comment_id", "participant_id"):
        mentioned[comment_id].add(participant_id)
    first = dict[int | None, int | None]()
    again = [row["comment_id"] for row in rows if row["again"]]
    for start in range(0, len(again), AT_ONCE):
        some = again[start : start + AT_ONCE]
        firsts = Publication.objects.filter(comment_id__in=some, again=False)
        first.update(firsts.values_list("comment_id", "position"))
    return tuple(
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


def _verified_key(row: Any) -> str:
    email = row["comment__author__email"]
    is_verified = email and row["comment__author__email_verified_at"] is not None
    return address_key(str(email)) if is_verified else ""


def readers_of(subscribers: Collection[Subscriber]) -> dict[int, Reader]:
    """Returns what each subscriber wants; for those alone who want anything."""
    wishes = defaultdict(list)
    frequencies = dict[int, str]()
    ids = [one.pk for one in subscribers]
    active = Subscription.objects.filter(subscriber__in=ids, state=Subscription.State.ACTIVE)
    # Values: a digest reads as many of these as there are subscribers.
    for subscriber_id, frequency, began, thread_id, participant_id, switches in active.order_by(
        "pk"
    ).values_list("subscriber_id", "frequency", "began", "thread_id", "participant_id", "switches"):
        if frequency != Frequency.INSTANT:
            frequencies[subscriber_id] = frequency
        wishes[subscriber_id].append(
            Wish(
                scope=scope_of(thread_id=thread_id, participant_id=participant_id),
                is_instant=frequency == Frequency.INSTANT,
                began=began,
                thread_id=thread_id,
                participant_id=participant_id,
                switches=tuple(switches),
            )
        )
    muted = defaultdict(set)
    mutes = Mute.objects.filter(subscriber__in=ids, lifted_at=None)
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

    What an edition left out, because it could not be read then, was not. What waits is rendered
    once more when it leaves, from its selection.
    """
    news = list(news)
    first = {one.first_position for one in news if one.first_position is not None}
    if not first:
        return set()
    covering = Delivery.objects.filter(
        to_position__gte=min(first), subscriber_id=subscriber_id
    ).exclude(state__in=NOT_RECEIVED)
    return {
        (thread_id, comment_id)
        for delivery in covering.select_related("edition", "selection")
        for thread_id, comment_id in held_by(delivery).items
    }


def held_by(delivery: Delivery) -> Edition | Selection:
    """Returns what says what a mail holds: how it was rendered, once it cannot be otherwise."""
    if delivery.state in WAITING or delivery.edition is None:
        return delivery.selection
    return delivery.edition


def with_both_channels(subscribers: Collection[int]) -> set[int]:
    """Returns which subscribers have been told things both ways: at once, and in digests."""
    found = Channel.objects.filter(subscriber__in=subscribers, kind=Channel.Kind.INSTANT)
    both = found.filter(subscriber__channels__kind=Channel.Kind.DIGEST)
    return set(both.values_list("subscriber_id", flat=True))


def unfinished_of(subscribers: Collection[int]) -> dict[tuple[int, str], list[Delivery]]:
    """Returns the news that each subscriber is still owed: by kind, oldest first.

    That is what is not over yet, and what expired and was not taken over. What is in doubt and not
    tried again by itself is over: it was perhaps received, and counts as that.
    """
    rows = (
        Delivery.objects.filter(
            kind__in=[Delivery.Kind.DIGEST, Delivery.Kind.INSTANT],
            subscriber__in=subscribers,
            state__in=NOT_OVER,
            taken_over_at=None,
        )
        .exclude(state=State.IN_DOUBT, due_at=None)
        .order_by("to_position", "pk")
    )
    found = defaultdict(list)
    for one in rows:
        found[one.subscriber_id, one.kind].append(one)
    return found
