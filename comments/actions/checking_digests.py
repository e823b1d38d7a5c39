"""Whether what is stored of digests agrees with itself: what subscribers were promised, proved.

Nothing is changed. Each kind of thing is one statement over the tables; what subscribers got is in
``checking_mails``, what they did not get in ``checking_news``.

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
- What was published for somebody is in a mail to him (``checking_news``).
- What expired is covered by the mail that took it over, or somebody looks for what it had.
- Who is told of answers to what he writes is not told what he wrote.
- A rendered mail shows what of its selection could be read all the time.
- Nothing stays under way for a day, or waits for more than two weeks.
- What was rendered is part of what was selected, and each state has what it needs.

A Message-ID is a hash of the delivery's id, so that no two can be the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet

from comments.actions.checking_mails import Report, name_of, wrong_mails
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
    Subscription,
)
from comments.queries.digests import NOT_COMPOSED
from comments.queries.moments import one_moment
from comments.queries.subscribers import last_position
from comments.rules.digesting import Item

State = Delivery.State
Kind = Delivery.Kind
AT_ONCE = 1_000
GAPS_NAMED = 20
LONGEST_UNDER_WAY = timedelta(days=1)
LONGEST_WAIT = timedelta(days=17)
"""A week, the days that time zones and hours of sending can differ by, and a week that it may have
been planned ahead."""


def check_digests(*, site_id: int, report: Report, now: datetime) -> Iterator[str]:
    """Yields a line for whatever is not as it must be: ids of rows, and no address.

    Args:
        report: counts what was looked at.
        now: what has been under way, or waits, too long is so at this time.
    """
    with one_moment():
        last = last_position(site_id=site_id)
        yield from _of_order(site_id, last)
        yield from _of_comments(site_id)
        yield from _of_rows(site_id, last)
        yield from _of_times(site_id, now)
        yield from _of_editions(site_id)
        yield from wrong_mails(site_id=site_id, report=report)
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


def _of_times(site_id: int, now: datetime) -> Iterator[str]:
    own = Delivery.objects.filter(site_id=site_id)
    for pk in _ids(own.filter(state=State.SENDING, lease_until__lt=now - LONGEST_UNDER_WAY)):
        yield f"delivery {pk}: is being sent for more than a day"
    failed = own.filter(state=State.DEFERRED, error__startswith=NOT_COMPOSED)
    for pk in _ids(failed.filter(created_at__lt=now - LONGEST_UNDER_WAY)):
        yield f"delivery {pk}: cannot be composed for more than a day"
    latest = now + LONGEST_WAIT
    for pk in _ids(own.filter(due_at__gt=latest)):
        yield f"delivery {pk}: does not leave for more than two weeks"
    for pk in _ids(Channel.objects.filter(subscriber__site_id=site_id, due_at__gt=latest)):
        yield f"channel {pk}: nobody looks for news for more than two weeks"


def _of_editions(site_id: int) -> Iterator[str]:
    found = Edition.objects.filter(selection__site_id=site_id).order_by("pk")
    rows = found.values_list("pk", "items", "selection__items").iterator(chunk_size=AT_ONCE)
    while some := list(islice(rows, AT_ONCE)):
        left_out = dict[int, list[Item]]()
        for pk, items, selected in some:
            for item in _more(items, than=selected):
                yield f"edition {pk}: shows {name_of(item)}, which was not selected"
            if missing := _more(selected, than=items):
                left_out[pk] = missing
        steady = _steady({comment_id for items in left_out.values() for _, comment_id in items})
        for pk, items in left_out.items():
            for item in items:
                if item[1] in steady:
                    yield f"edition {pk}: lacks {name_of(item)}, which could be read all the time"


def _steady(comment_ids: set[int]) -> set[int]:
    """Returns which of these comments can be read, and could since they were published."""
    pks = sorted(comment_ids)
    again = Publication.objects.filter(comment_id=OuterRef("pk"), again=True)
    found = Comment.objects.filter(~Exists(again), visible=True)
    return {
        pk
        for start in range(0, len(pks), AT_ONCE)
        for pk in found.filter(pk__in=pks[start : start + AT_ONCE]).values_list("pk", flat=True)
    }


def _more(items: list[list[int]], *, than: list[list[int]]) -> list[Item]:
    selected = {tuple(item) for item in than}
    return [(item[0], item[1]) for item in items if tuple(item) not in selected]
