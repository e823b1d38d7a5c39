"""Who is to be looked at for news, and when: after a change of what he wants, and for news at once.

A channel's cursor never moves here.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Max, Q

from comments.models import (
    Channel,
    Frequency,
    Mention,
    PostOffice,
    Publication,
    Subscriber,
    Subscription,
)
from comments.queries.digests import unfinished_of
from comments.queries.subscribers import last_position, schedule_of
from comments.rules.digesting import latest_period, next_send_time

DIGEST = (Frequency.DAILY, Frequency.WEEKLY)
"""What goes into the digest; the rest is told at once."""


def held_position(subscriber: Subscriber) -> int:
    """Returns the last position, which none of a subscriber's channels goes beyond meanwhile.

    Whatever begins or changes there begins or changes for his channels too: they stay locked, the
    digest's before the other, until the transaction ends.
    """
    channels = Channel.objects.select_for_update().filter(subscriber=subscriber)
    list(channels.order_by("kind"))
    return last_position(site_id=subscriber.site_id)


def settle_channels(subscriber: Subscriber, *, now: datetime, position: int | None = None) -> None:
    """Sets when to look for news for a subscriber, after a change of what he wants or when.

    What is still due the way that was chosen before a change is looked for once more: what is there
    again, and what a mail had that expired, or may be about to.

    Args:
        position: where a channel begins that there was not: what ``held_position`` gave, if that
            was asked in this transaction.
    """
    if position is None:
        position = held_position(subscriber)
    active = list(subscriber.subscriptions.filter(state=Subscription.State.ACTIVE))
    unfinished = unfinished_of({subscriber.pk})
    for kind in Channel.Kind:
        is_digest = kind == Channel.Kind.DIGEST
        wanted = [one.frequency for one in active if (one.frequency in DIGEST) == is_digest]
        changed = [one.switches[-1] for one in active if one.switches]
        if wanted:
            Channel.objects.get_or_create(
                subscriber=subscriber,
                kind=kind,
                defaults={"cursor": position},
            )
        channel = Channel.objects.filter(subscriber=subscriber, kind=kind).first()
        if channel is None:
            continue
        again = Publication.objects.filter(
            site_id=subscriber.site_id, again=True, position__gt=channel.cursor
        )
        is_owed = (
            any(at > channel.cursor for at in changed)
            or (active and (subscriber.pk, kind) in unfinished)
            or (changed and again.exists())
        )
        is_looked_for = wanted or is_owed
        if subscriber.paused_at is not None or not is_looked_for:
            channel.due_at = None
        elif is_digest:
            schedule = schedule_of(subscriber, frequency=wanted[0] if wanted else Frequency.DAILY)
            channel.last_period = channel.last_period or latest_period(now, schedule)
            channel.due_at = next_send_time(channel.last_period, now, schedule)
        else:
            channel.due_at = now
        channel.save(update_fields=["due_at", "last_period"])


def mark_instant(*, site_id: int) -> None:
    """Makes those due who want to know at once of what was sealed since the last time.

    They are due since it was published, whatever time is planned for.
    """
    office = PostOffice.objects.get_or_create(site_id=site_id)[0]
    if office.instant_position >= last_position(site_id=site_id):
        return
    with transaction.atomic(durable=True):
        mark_instant_now(site_id=site_id)


def mark_instant_now(*, site_id: int) -> None:
    """As ``mark_instant``; begins no transaction."""
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
        if found.filter(again=True).exists():
            # What is there again is told the way that was chosen when it first was: perhaps one
            # that nobody looks at any more.
            switched = concerned.exclude(switches=[])
            resting = Channel.objects.filter(
                subscriber__in=switched.values("subscriber_id"), due_at=None
            )
            # In the order in which all lock the channels of one subscriber.
            resting.filter(kind=Channel.Kind.DIGEST).update(due_at=latest)
            resting.filter(kind=Channel.Kind.INSTANT).update(due_at=latest)
        Channel.objects.filter(
            kind=Channel.Kind.INSTANT, subscriber__in=at_once.values("subscriber_id")
        ).update(due_at=latest)
        office.instant_position = to
        office.save(update_fields=["instant_position"])
