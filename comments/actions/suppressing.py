"""Addresses that are to get no mail: they bounce, complain, or never agreed to any."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from comments.actions.channels import settle_channels
from comments.actions.subscribing import Asker, keep_consent
from comments.models import Consent, Subscriber, Subscription
from comments.rules.subscribing import FORGET_DAYS, address_key

State = Subscription.State


@transaction.atomic(durable=True)
def forget_unconfirmed(*, now: datetime) -> int:
    """Deletes addresses that never agreed to anything; returns how many.

    One that bounced stays: it is to get no mail, whoever types it.
    """
    old = now - timedelta(days=FORGET_DAYS)
    never = Subscriber.objects.filter(
        confirmed_at=None, suppressed_at=None, created_at__lt=old
    ).exclude(subscriptions__asked_at__gte=old)
    count = never.count()
    never.delete()
    return count


@transaction.atomic(durable=True)
def suppress(
    *, site_id: int, address: str, why: str, now: datetime, ends: bool = False, asker: Asker
) -> bool:
    """Sends an address no more mail; returns whether it was known.

    Args:
        why: for the operator, without personal data.
        ends: also ends all subscriptions, as after a complaint.
    """
    found = Subscriber.objects.select_for_update(of=["self"], no_key=True).select_related("site")
    subscriber = found.filter(site_id=site_id, address_key=address_key(address)).first()
    if subscriber is None:
        return False
    if subscriber.suppressed_at is None:
        subscriber.suppressed_at, subscriber.suppressed_why = now, why[:200]
        subscriber.save(update_fields=["suppressed_at", "suppressed_why"])
    if ends:
        for one in subscriber.subscriptions.exclude(state=State.ENDED).select_related("thread"):
            keep_consent(one, subscriber, Consent.What.ENDED, asker=asker, now=now)
        subscriber.subscriptions.exclude(state=State.ENDED).update(state=State.ENDED, ended_at=now)
        settle_channels(subscriber, now=now)
    return True


@transaction.atomic(durable=True)
def lift_suppression(*, subscriber_id: int, now: datetime) -> None:
    """Lets an address have mail again, by an operator's word."""
    subscriber = Subscriber.objects.select_for_update(no_key=True).get(pk=subscriber_id)
    subscriber.suppressed_at, subscriber.suppressed_why, subscriber.bounces = None, "", 0
    subscriber.save(update_fields=["suppressed_at", "suppressed_why", "bounces"])
    settle_channels(subscriber, now=now)
