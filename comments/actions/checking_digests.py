"""Whether what is stored of digests agrees with itself: what subscribers were promised, proved.

Nothing is changed. Each kind of thing is one statement over the tables; what a subscriber got is
read once, in order, so that no more than one subscriber's mails are in memory at a time, beside the
contents that many mails have in common.

What is proved, and of which rows:

- Positions are 1, 2, 3… up to the last one of the site. What is there again was there before.
- Each readable comment that was published here has a first publication. Imported comments have
  none, and neither has what was published before there were any.
- Each channel stands where its newest delivery ends, or behind that, and not beyond the order.
- Of one subscriber, the periods of digests rise, and so do the ends of what deliveries cover.
- What they cover does not overlap. Mails of one moment cover the same, each another thread of it;
  and what expired was taken over by the next one, which for mails at once then begins where it did.
- No two of them hold the same thing, at once or in a digest, but for what did not arrive.
- Nothing is held that was published before it was asked for, or after what the delivery covers.
- Whoever wants all that the site publishes has been mailed all of it (``checking_news``).
- What was rendered is part of what was selected, and each state has what it needs.

A Message-ID is a hash of the delivery's id, so that no two can be the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet

from comments.actions.checking import one_moment
from comments.actions.checking_news import lost_news
from comments.models import (
    Channel,
    Comment,
    Consent,
    Delivery,
    Edition,
    Frequency,
    LogKind,
    LogRow,
    PostOffice,
    Publication,
    Selection,
    Subscription,
)
from comments.queries.subscribers import last_position
from comments.rules.digesting import Item

State = Delivery.State
Kind = Delivery.Kind
HELD = (State.QUEUED, State.SENDING, State.SENT, State.DEFERRED, State.IN_DOUBT)
"""States of what a subscriber has, or is to have."""

AT_ONCE = 1_000
ITEMS_KEPT = 200_000
GAPS_NAMED = 20

Row = dict[str, Any]


@dataclass(slots=True)
class Report:
    """What a check looked at."""

    deliveries: int = 0
    subscribers: int = 0


def check_digests(*, site_id: int, report: Report) -> Iterator[str]:
    """Yields a line for whatever is not as it must be: ids of rows, and no address.

    Args:
        report: counts what was looked at.
    """
    with one_moment():
        last = last_position(site_id=site_id)
        yield from _of_order(site_id, last)
        yield from _of_comments(site_id)
        yield from _of_rows(site_id, last)
        yield from _of_editions(site_id)
        yield from _of_subscribers(site_id, report)
        yield from lost_news(site_id=site_id, last=last)


# --- the order of publications ------------------------------------------------------------------


def _of_order(site_id: int, last: int) -> Iterator[str]:
    sealed = Publication.objects.filter(site_id=site_id, position__isnull=False)
    found = sealed.aggregate(count=Count("position"), first=Min("position"), last=Max("position"))
    if (found["last"] or 0) > last:
        yield f"publications go up to {found['last']}, and the last position of the site is {last}"
    if found["count"] != last or (found["first"] or 1) != 1:
        positions = sealed.order_by("position").values_list("position", flat=True)
        gaps = _gaps(positions.iterator(chunk_size=AT_ONCE), last=last)
        for begin, end in islice(gaps, GAPS_NAMED):
            what = f"position {begin}" if begin == end else f"positions {begin} to {end}"
            yield f"{what} of the order: no publication"
    own = Publication.objects.filter(site_id=site_id)
    strange = own.exclude(thread__site_id=site_id) | own.exclude(
        Q(comment=None) | Q(comment__thread_id=F("thread_id"))
    )
    for pk in _ids(strange):
        yield f"publication {pk}: of another thread, or another site, than what it is of"
    first = Publication.objects.filter(comment_id=OuterRef("comment_id"), again=False)
    before = first.filter(position__lt=OuterRef("position"))
    lone = own.filter(again=True).filter(
        ~Exists(first) | Q(~Exists(before), position__isnull=False)
    )
    for pk in _ids(lone):
        yield f"publication {pk}: again, and nothing before it"


def _gaps(positions: Iterable[int | None], *, last: int) -> Iterator[tuple[int, int]]:
    expected = 1
    for position in positions:
        if position is None:
            continue
        if position > expected:
            yield expected, position - 1
        expected = position + 1
    if expected <= last:
        yield expected, last


def _of_comments(site_id: int) -> Iterator[str]:
    """Yields what can be read and was published here, and no digest could ever have had."""
    announced = Publication.objects.filter(site_id=site_id, comment__isnull=False)
    began = announced.aggregate(first=Min("at"))["first"]
    if began is None:
        return
    first = Publication.objects.filter(comment_id=OuterRef("pk"), again=False)
    imported = LogRow.objects.filter(comment_id=OuterRef("pk"), kind=LogKind.ADOPTED)
    missing = Comment.objects.filter(
        ~Exists(first),
        ~Exists(imported),
        thread__site_id=site_id,
        visible=True,
        published_at__gte=began,
    )
    for pk in _ids(missing):
        yield f"comment {pk}: can be read, and was never announced"


def _ids(found: QuerySet[Any]) -> Iterator[int]:
    return found.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=AT_ONCE)


# --- rows by themselves -------------------------------------------------------------------------

_NEEDS: tuple[tuple[Q, str], ...] = (
    (
        Q(state=State.SENT) & (Q(edition=None) | Q(mailed_at=None) | Q(sent_at=None)),
        "sent, without what was sent or when",
    ),
    (
        Q(state__in=[State.QUEUED, State.DEFERRED, State.EXPIRED, State.CANCELLED])
        & Q(sent_at__isnull=False),
        "was sent, and is to be sent again",
    ),
    (
        Q(state=State.SENT, kind__in=[Kind.DIGEST, Kind.INSTANT], edition__items=[]),
        "was sent, with nothing in it",
    ),
    (
        Q(state=State.SENDING) & (Q(lease_until=None) | Q(lease_by="")),
        "is being sent, and nobody has it",
    ),
    (
        Q(state__in=[State.QUEUED, State.DEFERRED], due_at=None),
        "waits, and is never due",
    ),
    (
        Q(edition__isnull=False) & ~Q(edition__selection_id=F("selection_id")),
        "rendered from another selection than its own",
    ),
    (~Q(subscriber__site_id=F("site_id")), "to a subscriber of another site"),
    (~Q(selection__site_id=F("site_id")), "holds what is of another site"),
    (
        Q(subscription__isnull=False) & ~Q(subscription__subscriber_id=F("subscriber_id")),
        "asks about the subscription of somebody else",
    ),
)


def _of_rows(site_id: int, last: int) -> Iterator[str]:
    for wrong, what in _NEEDS:
        for pk in _ids(Delivery.objects.filter(wrong, site_id=site_id)):
            yield f"delivery {pk}: {what}"
    channels = Channel.objects.filter(subscriber__site_id=site_id, cursor__gt=last)
    for pk in _ids(channels):
        yield f"channel {pk}: stands beyond the last position, {last}"
    subscriptions = Subscription.objects.filter(subscriber__site_id=site_id)
    for pk in _ids(subscriptions.filter(began__gt=last)):
        yield f"subscription {pk}: began beyond the last position, {last}"
    active = subscriptions.filter(state=Subscription.State.ACTIVE)
    evidence = Consent.objects.filter(subscription_id=OuterRef("pk"), what=Consent.What.CONFIRMED)
    for pk in _ids(active.filter(~Exists(evidence))):
        yield f"subscription {pk}: is active, and nobody has confirmed it"
    digest = Channel.objects.filter(
        subscriber_id=OuterRef("subscriber_id"), kind=Channel.Kind.DIGEST, due_at__isnull=False
    )
    looked_for = active.exclude(frequency=Frequency.INSTANT).filter(
        subscriber__paused_at=None, subscriber__suppressed_at=None
    )
    for pk in _ids(looked_for.filter(~Exists(digest))):
        yield f"subscription {pk}: wants a digest, and nobody looks for news for it"
    for pk in _ids(PostOffice.objects.filter(site_id=site_id, instant_position__gt=last)):
        yield f"post office of site {pk}: stands beyond the last position, {last}"


def _of_editions(site_id: int) -> Iterator[str]:
    found = Edition.objects.filter(selection__site_id=site_id).order_by("pk")
    rows = found.values_list("pk", "items", "selection__items")
    for pk, items, selected in rows.iterator(chunk_size=AT_ONCE):
        for thread_id, comment_id in _more(items, than=selected):
            yield f"edition {pk}: shows {_name((thread_id, comment_id))}, which was not selected"


def _more(items: list[list[int]], *, than: list[list[int]]) -> list[Item]:
    selected = {tuple(item) for item in than}
    return [(item[0], item[1]) for item in items if tuple(item) not in selected]


def _name(item: Item) -> str:
    thread_id, comment_id = item
    return f"comment {comment_id}" if comment_id else f"the page of thread {thread_id}"


# --- what each subscriber got -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Content:
    """What mails hold, and where that was first published (``None``: it was not)."""

    items: tuple[Item, ...]
    positions: tuple[int | None, ...]


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
        positions = _first_positions({item for items in found.values() for item in items})
        for key, items in found.items():
            self._kept[key] = _Content(tuple(items), tuple(map(positions.get, items)))
            self._size += len(items)

    def of(self, row: Row) -> _Content:
        """Returns what a delivery holds that was looked up."""
        return self._kept[self._key(row)]

    @staticmethod
    def _key(row: Row) -> tuple[str, int]:
        if row["edition_id"] is not None:
            return "edition", row["edition_id"]
        return "selection", row["selection_id"]


def _first_positions(items: Collection[Item]) -> dict[Item, int | None]:
    sealed = Publication.objects.filter(again=False, position__isnull=False)
    comments = [comment_id for _, comment_id in items if comment_id]
    pages = [thread_id for thread_id, comment_id in items if not comment_id]
    found: dict[Item, int | None] = {}
    wanted: tuple[tuple[list[int], Callable[[list[int]], Q]], ...] = (
        (comments, lambda some: Q(comment_id__in=some)),
        (pages, lambda some: Q(comment=None, thread_id__in=some)),
    )
    for pks, is_one in wanted:
        for start in range(0, len(pks), AT_ONCE):
            some = sealed.filter(is_one(pks[start : start + AT_ONCE]))
            for thread_id, comment_id, position in some.values_list(
                "thread_id", "comment_id", "position"
            ):
                found[thread_id, comment_id or 0] = position
    return found


@dataclass(slots=True)
class _Person:
    """A subscriber: what he wanted, and what he has got so far."""

    pk: int
    began: dict[str, tuple[int, datetime]]
    """Of each subscription that was ever confirmed, by scope: after which position, and when."""
    channels: dict[str, Row]
    held: dict[Item, int] = field(default_factory=dict)
    newest: dict[str, Row] = field(default_factory=dict)
    covering: dict[str, Row] = field(default_factory=dict)
    """The newest that did not expire."""
    taken_over: set[int] = field(default_factory=set)
    """Where mails at once begin that expired."""

    def take(self, row: Row, content: _Content) -> Iterator[str]:
        """Yields what is wrong with a delivery, after all those before it."""
        yield from self._check_place(row)
        yield from self._check_content(row, content)
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
                        f" both hold {_name(item)}"
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

    def _check_content(self, row: Row, content: _Content) -> Iterator[str]:
        began = self._began(row)
        for item, position in zip(content.items, content.positions, strict=True):
            holds = f"delivery {row['pk']} to subscriber {self.pk}: holds {_name(item)}"
            if position is None:
                yield f"{holds}, which was not published"
            elif position > row["to_position"]:
                yield f"{holds}, which was published after what it covers"
            elif began is not None and position <= began:
                yield f"{holds}, which was published before it was asked for"

    def _began(self, row: Row) -> int | None:
        """Returns after which position something is news; ``None`` where that cannot be told.

        A subscription that ended and was confirmed again later had begun earlier before.
        """
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


def _interval(row: Row) -> tuple[int, int]:
    return row["after_position"], row["to_position"]


_READ = (
    *("pk", "subscriber_id", "kind", "period", "after_position", "to_position", "state"),
    *("edition_id", "selection_id", "selection__scope", "created_at"),
)


def _of_subscribers(site_id: int, report: Report) -> Iterator[str]:
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
    confirmed = Subscription.objects.filter(subscriber__in=pks, confirmed_at__isnull=False)
    for one in confirmed.only("subscriber", "thread", "participant", "began", "confirmed_at"):
        if one.confirmed_at is not None:
            began[one.subscriber_id][one.scope] = one.began, one.confirmed_at
    channels: dict[int, dict[str, Row]] = defaultdict(dict)
    for row in Channel.objects.filter(subscriber__in=pks).values(
        "pk", "subscriber_id", "kind", "cursor", "last_period"
    ):
        channels[row["subscriber_id"]][row["kind"]] = dict(row)
    return {pk: _Person(pk, began[pk], channels[pk]) for pk in pks}
