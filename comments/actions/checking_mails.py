"""Whether the mails of each subscriber fit together: intervals, periods and contents.

What a subscriber got is read once, in order, so that no more than one subscriber's mails are in
memory at a time, beside the contents that many mails have in common.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from django.db.models import Q, QuerySet

from comments.models import (
    Channel,
    Delivery,
    Edition,
    Publication,
    Selection,
    Subscription,
)
from comments.queries.digests import WAITING
from comments.rules.digesting import Item

State = Delivery.State
Kind = Delivery.Kind
HELD = (State.QUEUED, State.SENDING, State.SENT, State.DEFERRED, State.IN_DOUBT)
"""States of what a subscriber has, or is to have."""

AT_ONCE = 1_000
ITEMS_KEPT = 200_000

Row = dict[str, Any]


@dataclass(slots=True)
class Report:
    """What a check looked at."""

    deliveries: int = 0
    subscribers: int = 0


def name_of(item: Item) -> str:
    """Returns what a line calls a thing."""
    thread_id, comment_id = item
    return f"comment {comment_id}" if comment_id else f"the page of thread {thread_id}"


@dataclass(frozen=True, slots=True)
class _Content:
    """What mails hold, where that was first published (``None``: it was not), and who wrote it."""

    items: tuple[Item, ...]
    positions: tuple[int | None, ...]
    authors: tuple[int | None, ...]


class _Contents:
    """What deliveries hold; kept while there is room, since most have theirs in common."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], _Content] = {}
        self._size = 0

    def look_up(self, rows: Collection[Row]) -> None:
        """Reads what these deliveries hold, all at once."""
        if self._size > ITEMS_KEPT:
            self._kept.clear()
            self._size = 0
        wanted = {self._key(row) for row in rows} - self._kept.keys()
        found: dict[tuple[str, int], list[Item]] = {}
        for name, model in (("edition", Edition), ("selection", Selection)):
            pks = [pk for kind, pk in wanted if kind == name]
            some: QuerySet[Any] = model.objects.filter(pk__in=pks)
            for pk, items in some.values_list("pk", "items"):
                found[name, pk] = [(thread_id, comment_id) for thread_id, comment_id in items]
        first = _first_publications({item for items in found.values() for item in items})
        for key, items in found.items():
            of_items = [first.get(item, (None, None)) for item in items]
            self._kept[key] = _Content(
                items=tuple(items),
                positions=tuple(position for position, _ in of_items),
                authors=tuple(author_id for _, author_id in of_items),
            )
            self._size += len(items)

    def of(self, row: Row) -> _Content:
        """Returns what a delivery holds that was looked up."""
        return self._kept[self._key(row)]

    @staticmethod
    def _key(row: Row) -> tuple[str, int]:
        # What waits is rendered once more when it leaves.
        if row["edition_id"] is None or row["state"] in WAITING:
            return "selection", row["selection_id"]
        return "edition", row["edition_id"]


def _first_publications(items: Collection[Item]) -> dict[Item, tuple[int | None, int | None]]:
    """Returns the position of each, and its author."""
    sealed = Publication.objects.filter(again=False, position__isnull=False)
    comments = [comment_id for _, comment_id in items if comment_id]
    pages = [thread_id for thread_id, comment_id in items if not comment_id]
    found: dict[Item, tuple[int | None, int | None]] = {}
    wanted: tuple[tuple[list[int], Callable[[list[int]], Q]], ...] = (
        (comments, lambda some: Q(comment_id__in=some)),
        (pages, lambda some: Q(comment=None, thread_id__in=some)),
    )
    for pks, is_one in wanted:
        for start in range(0, len(pks), AT_ONCE):
            some = sealed.filter(is_one(pks[start : start + AT_ONCE]))
            for thread_id, comment_id, position, author_id in some.values_list(
                "thread_id", "comment_id", "position", "comment__author_id"
            ):
                found[thread_id, comment_id or 0] = position, author_id
    return found


@dataclass(slots=True)
class _Person:
    """A subscriber: what he wanted, and what he has got so far."""

    pk: int
    began: dict[str, tuple[int, datetime]]
    """Of each subscription that was ever confirmed, by scope: after which position, and when."""
    answers: dict[int, datetime]
    """As whom he is told of answers, and since when."""
    channels: dict[str, Row]
    is_reached: bool
    """Whether he wants mail now, and gets it."""
    held: dict[Item, int] = field(default_factory=dict)
    newest: dict[str, Row] = field(default_factory=dict)
    covering: dict[str, Row] = field(default_factory=dict)
    """The newest that did not expire."""
    taken_over: set[int] = field(default_factory=set)
    """Where mails at once begin that expired."""
    expired: dict[str, Row] = field(default_factory=dict)
    """The first of what expired and was not taken over yet, by kind."""
    begins: dict[tuple[str, datetime], Row] = field(default_factory=dict)
    """Of what was taken over, by kind and when: what begins first."""

    def take(self, row: Row, content: _Content) -> Iterator[str]:
        """Yields what is wrong with a delivery, after all those before it."""
        yield from self._check_place(row)
        yield from self._check_content(row, content)
        yield from self._check_taking_over(row)
        self.newest[row["kind"]] = row
        if row["state"] != State.EXPIRED:
            self.covering[row["kind"]] = row
        elif row["kind"] == Kind.INSTANT:
            self.taken_over.add(row["after_position"])
        if row["state"] in HELD:
            for item in content.items:
                if item in self.held:
                    yield (
                        f"deliveries {self.held[item]} and {row['pk']} to subscriber {self.pk}:"
                        f" both hold {name_of(item)}"
                    )
                self.held.setdefault(item, row["pk"])

    def _check_place(self, row: Row) -> Iterator[str]:
        before, covering = self.newest.get(row["kind"]), self.covering.get(row["kind"])
        pair = f"to subscriber {self.pk}"
        if before is not None:
            both = f"deliveries {before['pk']} and {row['pk']} {pair}"
            if row["to_position"] < before["to_position"]:
                yield f"{both}: the later one ends before the earlier one"
            if row["kind"] == Kind.DIGEST and row["period"] <= before["period"]:
                yield f"{both}: periods {before['period']} and {row['period']} do not rise"
        if covering is not None and row["state"] != State.EXPIRED:
            may_overlap = row["kind"] == Kind.INSTANT and (
                _interval(row) == _interval(covering) or row["after_position"] in self.taken_over
            )
            if row["after_position"] < covering["to_position"] and not may_overlap:
                both = f"deliveries {covering['pk']} and {row['pk']} {pair}"
                yield f"{both}: what they cover overlaps"

    def _check_taking_over(self, row: Row) -> Iterator[str]:
        kind, taken_over_at = row["kind"], row["taken_over_at"]
        if taken_over_at is not None:
            first = self.begins.setdefault((kind, taken_over_at), row)
            if row["after_position"] < first["after_position"]:
                self.begins[kind, taken_over_at] = row
        elif row["state"] == State.EXPIRED:
            self.expired.setdefault(kind, row)
        earlier = self.begins.get((kind, row["created_at"]))
        if earlier is not None and row["after_position"] > earlier["after_position"]:
            both = f"deliveries {earlier['pk']} and {row['pk']} to subscriber {self.pk}"
            yield f"{both}: the first one was taken over, and the later one does not cover it"

    def _check_content(self, row: Row, content: _Content) -> Iterator[str]:
        began = self._began(row)
        for item, position, author_id in zip(
            content.items, content.positions, content.authors, strict=True
        ):
            holds = f"delivery {row['pk']} to subscriber {self.pk}: holds {name_of(item)}"
            if position is None:
                yield f"{holds}, which was not published"
            elif position > row["to_position"]:
                yield f"{holds}, which was published after what it covers"
            elif began is not None and position <= began:
                yield f"{holds}, which was published before it was asked for"
            if author_id in self.answers and self.answers[author_id] <= row["created_at"]:
                yield f"{holds}, which he wrote himself"

    def _began(self, row: Row) -> int | None:
        """Returns after which position something is news; ``None`` where that cannot be told.

        A subscription that ended and was confirmed again later had begun earlier before; and what
        was taken over may be what such a one had.
        """
        if (row["kind"], row["created_at"]) in self.begins:
            return None
        scope = row["selection__scope"]
        wanted = [self.began[scope]] if scope in self.began else []
        if row["kind"] == Kind.DIGEST:
            wanted = list(self.began.values())
        if not wanted or any(confirmed > row["created_at"] for _, confirmed in wanted):
            return None
        return min(position for position, _ in wanted)

    def end(self) -> Iterator[str]:
        """Yields what is wrong with the channels, when all deliveries have been taken."""
        for kind, row in self.newest.items():
            channel = self.channels.get(kind)
            if channel is None:
                yield f"subscriber {self.pk}: has deliveries ({kind}) and no channel for them"
                continue
            if channel["cursor"] < row["to_position"]:
                yield f"channel {channel['pk']}: stands before the end of delivery {row['pk']}"
            last = channel["last_period"]
            if kind == Kind.DIGEST and (last is None or last.isoformat() < row["period"]):
                yield f"channel {channel['pk']}: its period is before that of delivery {row['pk']}"
            expired = self.expired.get(kind)
            if expired is not None and self.is_reached and channel["due_at"] is None:
                yield f"delivery {expired['pk']}: expired, and nobody looks for what it had"


def _interval(row: Row) -> tuple[int, int]:
    return row["after_position"], row["to_position"]


_READ = (
    *("pk", "subscriber_id", "kind", "period", "after_position", "to_position", "state"),
    *("edition_id", "selection_id", "selection__scope", "created_at", "taken_over_at"),
)


def wrong_mails(*, site_id: int, report: Report) -> Iterator[str]:
    """Yields a line for whatever is wrong among the mails of one subscriber.

    Args:
        report: counts what was looked at.
    """
    found = Delivery.objects.filter(site_id=site_id)
    rows = found.order_by("subscriber_id", "pk").values(*_READ).iterator(chunk_size=AT_ONCE)
    contents = _Contents()
    person: _Person | None = None
    while some := list(islice(rows, AT_ONCE)):
        report.deliveries += len(some)
        news = [row for row in some if row["kind"] != Kind.CONFIRMATION]
        contents.look_up(news)
        people = _people({row["subscriber_id"] for row in some})
        for row in some:
            if person is None or person.pk != row["subscriber_id"]:
                if person is not None:
                    yield from person.end()
                person = people[row["subscriber_id"]]
                report.subscribers += 1
            if row["kind"] != Kind.CONFIRMATION:
                yield from person.take(row, contents.of(row))
    if person is not None:
        yield from person.end()


def _people(pks: Collection[int]) -> dict[int, _Person]:
    began: dict[int, dict[str, tuple[int, datetime]]] = defaultdict(dict)
    answers: dict[int, dict[int, datetime]] = defaultdict(dict)
    active = set[int]()
    confirmed = Subscription.objects.filter(subscriber__in=pks, confirmed_at__isnull=False)
    for one in confirmed.only(
        "subscriber", "thread", "participant", "began", "confirmed_at", "state"
    ):
        if one.confirmed_at is None:
            continue
        began[one.subscriber_id][one.scope] = one.began, one.confirmed_at
        if one.state == Subscription.State.ACTIVE:
            active.add(one.subscriber_id)
            if one.participant_id is not None:
                answers[one.subscriber_id][one.participant_id] = one.confirmed_at
    channels: dict[int, dict[str, Row]] = defaultdict(dict)
    reached = set[int]()
    for row in Channel.objects.filter(subscriber__in=pks).values(
        *("pk", "subscriber_id", "kind", "cursor", "last_period", "due_at"),
        *("subscriber__paused_at", "subscriber__suppressed_at"),
    ):
        channels[row["subscriber_id"]][row["kind"]] = dict(row)
        if row["subscriber__paused_at"] is None and row["subscriber__suppressed_at"] is None:
            reached.add(row["subscriber_id"])
    return {
        pk: _Person(
            pk,
            began=began[pk],
            answers=answers[pk],
            channels=channels[pk],
            is_reached=pk in active and pk in reached,
        )
        for pk in pks
    }
