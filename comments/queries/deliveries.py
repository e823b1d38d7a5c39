"""What is due to be sent, and to whom."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet

from comments.models import Delivery, Subscriber
from comments.rules.subscribing import address_key

State = Delivery.State
MAY_LEAVE = (State.QUEUED, State.DEFERRED, State.IN_DOUBT)
"""States in which a message leaves when its time has come."""


def due_deliveries(*, site_id: int, now: datetime, only: str = "") -> QuerySet[Delivery]:
    """Returns the messages that may leave now, the longest due first.

    Args:
        only: an address; nobody else's.
    """
    # Only what may leave has a time. To ask for its state as well would make planners take another
    # index, and sort a million messages to find the first thousand.
    due = Delivery.objects.filter(site_id=site_id, due_at__lte=now)
    if only:
        due = due.filter(subscriber__address_key=address_key(only))
    return due.order_by("due_at", "pk")


def count_due(*, site_id: int, now: datetime, only: str = "") -> int:
    """Returns how many messages may leave now; see ``due_deliveries``."""
    return due_deliveries(site_id=site_id, now=now, only=only).count()


def subscriber_at(address: str, *, site_id: int) -> Subscriber | None:
    """Returns the subscriber of an address, if there is one."""
    found = Subscriber.objects.select_related("site")
    return found.filter(site_id=site_id, address_key=address_key(address)).first()


def question_times(subscriber_id: int, *, besides: int, now: datetime) -> list[datetime]:
    """Returns when an address was asked to confirm something: mails that left, or perhaps have.

    Args:
        besides: id of a mail that is not looked at.
    """
    asked = Delivery.objects.filter(subscriber=subscriber_id, kind=Delivery.Kind.CONFIRMATION)
    perhaps = Q(state__in=[State.SENDING, State.IN_DOUBT])
    left = asked.exclude(pk=besides).filter(Q(sent_at__isnull=False) | perhaps)
    return [
        sent_at or mailed_at or now
        for sent_at, mailed_at in left.values_list("sent_at", "mailed_at")
    ]
