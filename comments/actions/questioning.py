"""The mail that asks whether somebody really wants what was asked for in his name."""

from __future__ import annotations

from datetime import datetime, timedelta

from comments.actions.selecting import selection_for
from comments.models import Delivery, Subscriber, Subscription
from comments.rules.subscribing import ASK_AGAIN_SECONDS, DAY_SECONDS, question_time

WAITS = (Delivery.State.QUEUED, Delivery.State.DEFERRED)


def plan_question(subscription: Subscription, subscriber: Subscriber, *, now: datetime) -> None:
    """Plans the mail that asks for confirmation, for as soon as the address may get one more.

    Where it has the subscription already, the mail says so instead, and does not wait for a turn.
    Runs in the transaction of the action that stores the wish, with the subscriber locked.
    """
    is_active = subscription.state == Subscription.State.ACTIVE
    selection = selection_for(
        site_id=subscriber.site_id,
        kind=Delivery.Kind.CONFIRMATION,
        scope=(
            f"{'already' if is_active else 'confirm'} {subscription.scope} {subscription.frequency}"
        ),
    )
    asked = Delivery.objects.filter(subscriber=subscriber, kind=Delivery.Kind.CONFIRMATION)
    if asked.filter(selection=selection, state__in=WAITS).exists():
        return
    recent = asked.filter(created_at__gt=now - timedelta(seconds=DAY_SECONDS + ASK_AGAIN_SECONDS))
    times = [
        mailed_at or due_at or created_at
        for mailed_at, due_at, created_at in recent.values_list("mailed_at", "due_at", "created_at")
    ]
    at = question_time(times, now=now)
    if at is None or (is_active and at > now):
        return
    Delivery.objects.create(
        site_id=subscriber.site_id,
        subscriber=subscriber,
        subscription=subscription,
        kind=Delivery.Kind.CONFIRMATION,
        period=at.isoformat(),
        selection=selection,
        due_at=at,
        created_at=now,
    )
