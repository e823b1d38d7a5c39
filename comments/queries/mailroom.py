"""What the mail room shows: how the mail stands, who gets some, what was sent, what bounces.

Lists go by keyset, and the number of queries does not depend on how much was sent. What is counted
by day reads the deliveries of those days alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any, TypeVar

from django.core.cache import cache
from django.db.models import Case, Count, Exists, Model, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import TruncDate
from django.utils import timezone

from comments.models import (
    Channel,
    Comment,
    Consent,
    Delivery,
    PostOffice,
    Publication,
    Subscriber,
    Subscription,
    Thread,
)
from comments.queries.cursors import read_cursor, write_cursor
from comments.rules.digesting import Item
from comments.rules.subscribing import address_key

DAYS = 30
PAGE = 50
SLOW_SECONDS = 0.5
KEEP_SECONDS = 300
"""Figures that take so long to count are kept for so long."""
MOST_COUNTED = 1_000
AT_ONCE = 500
"""Values in one list of a statement."""

State = Delivery.State
CHARTED = (State.SENT, State.IN_DOUBT, State.BOUNCED, State.EXPIRED, State.CANCELLED)

Row = TypeVar("Row", bound=Model)


def office_of(site_id: int) -> PostOffice:
    """Returns the post office of a site; one that was never used is not stored by looking at it."""
    return PostOffice.objects.filter(site_id=site_id).first() or PostOffice(site_id=site_id)


@dataclass(frozen=True, slots=True)
class MailDay:
    """What became of the mails that were planned on one day, and who came and went."""

    day: date
    by_state: Mapping[str, int]
    confirmed: int
    ended: int

    @property
    def is_empty(self) -> bool:
        """Returns whether nothing happened."""
        return not self.by_state and not self.confirmed and not self.ended


@dataclass(frozen=True, slots=True)
class MailFigures:
    """The figures of the mail room; days are the last ``DAYS``, oldest first."""

    subscribers: Mapping[str, int]
    """How many are ``active``, ``paused``, ``pending``, ``unsubscribed``, ``bounced``; each one is
    counted once."""
    days: Sequence[MailDay]
    counted_at: datetime


def kept_figures(*, site_id: int, now: datetime) -> MailFigures:
    """Returns the figures of a site, perhaps of some minutes ago where counting takes long.

    A million subscribers take seconds to count, and whoever pauses the mail wants the page at once.
    """
    key = f"mail-figures:{site_id}"
    kept = cache.get(key)
    if isinstance(kept, MailFigures):
        return kept
    began = monotonic()
    found = mail_figures(site_id=site_id, now=now)
    if monotonic() - began >= SLOW_SECONDS:
        cache.set(key, found, timeout=KEEP_SECONDS)
    return found


def mail_figures(*, site_id: int, now: datetime) -> MailFigures:
    """Returns the figures of a site; three queries."""
    today = timezone.localdate(now)
    first = today - timedelta(days=DAYS - 1)
    since = timezone.make_aware(datetime.combine(first, datetime.min.time()))
    mails: dict[date, dict[str, int]] = defaultdict(dict)
    # The states are named so that the index by state answers alone, without the rows.
    planned = Delivery.objects.filter(site_id=site_id, state__in=CHARTED, created_at__gte=since)
    by_day = planned.annotate(day=TruncDate("created_at")).values_list("day", "state")
    for day, state, count in by_day.order_by().annotate(count=Count("pk")):
        mails[day][state] = count
    moves: dict[date, dict[str, int]] = defaultdict(dict)
    said = Consent.objects.filter(
        subscriber__site_id=site_id,
        subscription__isnull=False,
        what__in=[Consent.What.CONFIRMED, Consent.What.ENDED],
        at__gte=since,
    )
    told = said.annotate(day=TruncDate("at")).values_list("day", "what")
    for day, what, count in told.order_by().annotate(count=Count("pk")):
        moves[day][what] = count
    return MailFigures(
        subscribers=_subscribers_by_status(site_id=site_id),
        days=[
            MailDay(
                day=day,
                by_state=mails.get(day, {}),
                confirmed=moves.get(day, {}).get(Consent.What.CONFIRMED, 0),
                ended=moves.get(day, {}).get(Consent.What.ENDED, 0),
            )
            for day in (first + timedelta(days=count) for count in range(DAYS))
        ],
        counted_at=now,
    )


def _subscribers_by_status(*, site_id: int) -> dict[str, int]:
    """Returns how many subscribers there are of each status; as ``status_of`` says, and paused."""
    wishes = Subscription.objects.filter(subscriber=OuterRef("pk"))
    status = Case(
        When(suppressed_at__isnull=False, then=Value("bounced")),
        When(
            Exists(wishes.filter(state=Subscription.State.ACTIVE)),
            then=Case(When(paused_at__isnull=False, then=Value("paused")), default=Value("active")),
        ),
        When(Exists(wishes.filter(state=Subscription.State.PENDING)), then=Value("pending")),
        When(Exists(wishes), then=Value("unsubscribed")),
        default=Value("unknown"),
    )
    found = Subscriber.objects.filter(site_id=site_id).annotate(status=status)
    return dict(found.order_by().values_list("status").annotate(count=Count("pk")))


@dataclass(frozen=True, slots=True)
class Doubts:
    """How many mails are in doubt, each figure at most ``MOST_COUNTED`` + 1."""

    all: int
    undecided: int
    """Those that are not tried again by themselves and that no operator has decided to leave."""


def count_doubts(*, site_id: int, left: str) -> Doubts:
    """Returns how many mails are in doubt; two queries.

    Args:
        left: begins ``error`` of those that an operator left as they are.
    """
    doubts = Delivery.objects.filter(site_id=site_id, state=State.IN_DOUBT)
    undecided = doubts.filter(due_at=None).exclude(error__startswith=left)
    return Doubts(_counted(doubts), _counted(undecided))


def count_waiting(*, site_id: int) -> int:
    """Returns how many mails wait to leave, up to one more than ``MOST_COUNTED``: one query."""
    return _counted(
        Delivery.objects.filter(site_id=site_id, state__in=[State.QUEUED, State.DEFERRED])
    )


def _counted(rows: QuerySet[Any]) -> int:
    return rows.order_by().values_list("pk", flat=True)[: MOST_COUNTED + 1].count()


# --- lists --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeliveryFilters:
    """Which deliveries are listed; empty values ask for all."""

    state: str = ""
    kind: str = ""
    subscriber_id: int = 0

    def key(self) -> str:
        """Returns what is different for each list."""
        return f"{self.state}:{self.kind}:{self.subscriber_id}"


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Some deliveries, newest first, with their subscribers, and where the rest goes on."""

    rows: list[Delivery]
    next: str | None


def deliveries_page(
    *, site_id: int, filters: DeliveryFilters, cursor: str | None = None, limit: int = PAGE
) -> DeliveryPage:
    """Returns deliveries of a site, newest first; two queries at most.

    Raises:
        CursorInvalid: the cursor is forged, or belongs to another list.
    """
    rows = Delivery.objects.filter(site_id=site_id).select_related("subscriber")
    if filters.state:
        rows = rows.filter(state=filters.state)
    if filters.kind:
        rows = rows.filter(kind=filters.kind)
    if filters.subscriber_id:
        rows = rows.filter(subscriber_id=filters.subscriber_id)
    found, following = _page(
        rows,
        field="created_at",
        binding=f"deliveries:{site_id}:{filters.key()}",
        cursor=cursor,
        limit=limit,
    )
    return DeliveryPage(found, following)


@dataclass(frozen=True, slots=True)
class BouncePage:
    """Some addresses that take no mail, latest first, and where the rest goes on."""

    rows: list[Subscriber]
    next: str | None


def suppressed_page(*, site_id: int, cursor: str | None = None, limit: int = PAGE) -> BouncePage:
    """Returns the subscribers of a site whose address takes no mail; two queries at most.

    Raises:
        CursorInvalid: the cursor is forged, or belongs to another list.
    """
    rows = Subscriber.objects.filter(site_id=site_id, suppressed_at__isnull=False)
    found, following = _page(
        rows, field="suppressed_at", binding=f"bounces:{site_id}", cursor=cursor, limit=limit
    )
    return BouncePage(found, following)


def _page(
    rows: QuerySet[Row], *, field: str, binding: str, cursor: str | None, limit: int
) -> tuple[list[Row], str | None]:
    """Returns rows, the latest by ``field`` first, and where they go on.

    Those of one moment, which a run of the planner makes many of, go by their ids. They are asked
    for by a query of their own: each of the two follows the index from where the page begins.
    """
    ordered = rows.order_by(f"-{field}", "-pk")
    if cursor is None:
        found = list(ordered[: limit + 1])
    else:
        moment, pk = read_cursor(cursor, binding=binding)
        at = datetime.fromisoformat(moment)
        found = list(rows.filter(**{field: at}, pk__lt=pk).order_by("-pk")[: limit + 1])
        if len(found) <= limit:
            found += ordered.filter(**{f"{field}__lt": at})[: limit + 1 - len(found)]
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    position = [getattr(last, field).isoformat(), last.pk]
    return found[:limit], write_cursor(position, binding=binding)


# --- one of them --------------------------------------------------------------------------------


def delivery_of(delivery_id: int, *, site_id: int) -> Delivery | None:
    """Returns a delivery with all that belongs to it, ``None`` if the site has none of this id."""
    found = Delivery.objects.select_related(
        "site", "subscriber", "selection", "edition", "subscription__thread"
    )
    return found.filter(pk=delivery_id, site_id=site_id).first()


def subscriber_at(address: str, *, site_id: int) -> Subscriber | None:
    """Returns who gets mail at an address, however it is typed."""
    key = address_key(address)
    if "\x00" in key:  # no text of PostgreSQL may hold it
        return None
    return Subscriber.objects.filter(site_id=site_id, address_key=key).first()


@dataclass(frozen=True, slots=True)
class SubscriberCard:
    """A subscriber with what is wanted, for a preview."""

    subscriber: Subscriber
    subscriptions: list[Subscription]
    channels: frozenset[str]
    """Which ways news comes, or came: kinds of ``Channel``."""
    due_at: datetime | None
    """When the next digest is looked for."""
    waited_for: frozenset[str]
    """Kinds of ``Delivery`` of which the next mail waits for one that is not over."""


def subscriber_card(subscriber_id: int, *, site_id: int) -> SubscriberCard | None:
    """Returns a subscriber with what is wanted; four queries. ``None``: the site has none."""
    subscriber = (
        Subscriber.objects.select_related("site").filter(pk=subscriber_id, site_id=site_id).first()
    )
    if subscriber is None:
        return None
    due = dict(Channel.objects.filter(subscriber=subscriber).values_list("kind", "due_at"))
    on_its_way = Q(state=State.SENDING) | Q(state=State.IN_DOUBT, due_at__isnull=False)
    # A digest takes over what has not left; what is told at once lets it leave first.
    unsent = Q(kind=Delivery.Kind.INSTANT, state__in=[State.QUEUED, State.DEFERRED])
    waited_for = subscriber.deliveries.filter(on_its_way | unsent).order_by()
    return SubscriberCard(
        subscriber=subscriber,
        subscriptions=list(subscriber.subscriptions.select_related("thread").order_by("pk")),
        channels=frozenset(due),
        due_at=due.get(Channel.Kind.DIGEST),
        waited_for=frozenset(waited_for.values_list("kind", flat=True).distinct()),
    )


def digest_of(subscriber_id: int, *, period: date) -> Delivery | None:
    """Returns the digest that somebody got, or is to get, for a local date, with all it has."""
    return _digests(subscriber_id).filter(period=period.isoformat()).first()


def digest_after(subscriber_id: int, *, period: date) -> Delivery | None:
    """Returns the first digest that somebody got, or is to get, for a later date than this."""
    later = _digests(subscriber_id).filter(period__gt=period.isoformat())
    return later.order_by("period").first()


def _digests(subscriber_id: int) -> QuerySet[Delivery]:
    found = Delivery.objects.select_related("subscriber", "selection", "edition")
    return found.filter(subscriber_id=subscriber_id, kind=Delivery.Kind.DIGEST)


def thread_titles(ids: Iterable[int]) -> dict[int, str]:
    """Returns the titles of some threads by their ids: one query."""
    return dict(Thread.objects.filter(pk__in=list(ids)).values_list("pk", "title"))


# --- what mails hold ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MailItem:
    """A page or a comment in a mail, as a moderator is told of it."""

    thread: Thread
    comment: Comment | None
    """``None`` for a page."""

    @property
    def is_readable(self) -> bool:
        """Returns whether readers can see it now."""
        return self.comment is None or self.comment.visible


def mail_items(items: Iterable[Item]) -> list[MailItem]:
    """Returns pages and comments by their ids, in the order given, without what is deleted.

    Two queries for 500 of them.
    """
    wanted = list(items)
    threads: dict[int, Thread] = {}
    comments: dict[int, Comment] = {}
    for some in _portions({thread_id for thread_id, _ in wanted}):
        threads |= Thread.objects.in_bulk(some)
    for some in _portions({comment_id for _, comment_id in wanted if comment_id}):
        comments |= Comment.objects.in_bulk(some)
    return [
        MailItem(threads[thread_id], comments.get(comment_id))
        for thread_id, comment_id in wanted
        if thread_id in threads and (not comment_id or comment_id in comments)
    ]


def published_by(items: Iterable[Item], *, at: datetime) -> set[Item]:
    """Returns which of these pages and comments were published by a time."""
    wanted = list(items)
    found: set[Item] = set()
    published = Publication.objects.filter(at__lte=at, again=False)
    for some in _portions({thread_id for thread_id, comment_id in wanted if not comment_id}):
        pages = published.filter(thread__in=some, comment=None)
        found |= {(thread_id, 0) for thread_id in pages.values_list("thread_id", flat=True)}
    for some in _portions({comment_id for _, comment_id in wanted if comment_id}):
        rows = published.filter(comment__in=some).values_list("thread_id", "comment_id")
        found |= {(thread_id, comment_id or 0) for thread_id, comment_id in rows}
    return found


def _portions(ids: set[int]) -> Iterable[list[int]]:
    ordered = sorted(ids)
    return (ordered[start : start + AT_ONCE] for start in range(0, len(ordered), AT_ONCE))
