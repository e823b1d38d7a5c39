"""Subscribers as tests need them, made as people make themselves: asked, and confirmed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from comments.actions.digesting import plan_due
from comments.actions.people import GuestName, Writer
from comments.actions.planning import Planned
from comments.actions.posting import Submitted, submit_comment
from comments.actions.subscribing import Asker, Times, confirm, subscribe
from comments.models import (
    Delivery,
    Edition,
    Frequency,
    Participant,
    Subscriber,
    Subscription,
    Thread,
)
from tests.making import NOW, later

HOUR = 3600
DAY = 24 * HOUR
ASKER = Asker("test", "203.0.113.9")


def asked(address: str = "ana@example.org", **wish: object) -> Subscription:
    """Returns the subscription that somebody has asked for."""
    fields: dict[str, object] = {"frequency": Frequency.DAILY, "now": NOW, **wish}
    thread = fields.pop("thread", None)
    if isinstance(thread, Thread):
        fields["thread_id"] = thread.pk
    subscribe(site_id=1, address=address, asker=ASKER, **fields)  # type: ignore[arg-type]
    of: dict[str, Any] = {
        "thread_id": fields.get("thread_id"),
        "participant": fields.get("participant"),
    }
    return Subscription.objects.get(subscriber__address=address, **of)


def subscribed(address: str = "ana@example.org", **wish: object) -> Subscriber:
    """Returns somebody who has asked and confirmed, for the site's daily digest at 7 (UTC)."""
    subscription = asked(address, **{"times": Times(tz="UTC", send_hour=7), **wish})
    now = wish.get("now", NOW)
    assert isinstance(now, datetime)
    return confirmed(subscription, now=now)


def confirmed(subscription: Subscription, *, now: datetime = NOW) -> Subscriber:
    """Returns the subscriber of a subscription that was confirmed."""
    subscriber = subscription.subscriber
    confirm(subscriber.token, subscription_id=subscription.pk, site_id=1, asker=ASKER, now=now)
    return Subscriber.objects.get(pk=subscriber.pk)


def planned(now: datetime = NOW, **more: object) -> Planned:
    """Plans what is due."""
    return plan_due(site_id=1, now=now, **more)  # type: ignore[arg-type]


def morning(days: int = 1) -> datetime:
    """Returns 7 o'clock, so many days after ``NOW`` (noon)."""
    return later(days * DAY - 5 * HOUR)


def digests(subscriber: Subscriber) -> list[list[tuple[int, int]]]:
    """Returns what each digest of somebody is to hold."""
    found = subscriber.deliveries.exclude(kind=Delivery.Kind.CONFIRMATION).order_by("pk")
    return [[(t, c) for t, c in one.selection.items] for one in found]


def post_as(thread: Thread, email: str, **fields: object) -> Submitted:
    """Returns a comment by a guest whose address is known and proven."""
    name = str(fields.pop("name", "Ana"))
    submitted = submit_comment(
        thread_id=thread.pk,
        writer=Writer(guest=GuestName(name, email=email)),
        source=str(fields.pop("source", f"By {email}.")),
        format="plain",
        reply_to_number=fields.pop("to", None),  # type: ignore[arg-type]
        now=fields.pop("now", NOW),  # type: ignore[arg-type]
        **fields,  # type: ignore[arg-type]
    )
    Participant.objects.filter(pk=submitted.participant.pk).update(email_verified_at=NOW)
    return submitted


def taken_on(now: datetime = NOW) -> None:
    """Makes everything that waits be sent, without a mail server."""
    for one in Delivery.objects.filter(state__in=["queued", "deferred"]):
        edition, _ = Edition.objects.get_or_create(
            selection=one.selection,
            fingerprint="test",
            defaults={
                "threads_version": 0,
                "items": one.selection.items,
                "template": b"",
                "made_at": now,
            },
        )
        Delivery.objects.filter(pk=one.pk).update(
            state="sent", edition=edition, mailed_at=now, sent_at=now, due_at=None
        )
