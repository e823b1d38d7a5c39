"""What is due to be sent, and to whom."""

from __future__ import annotations

from datetime import datetime

from comments.models import Delivery, Subscriber
from comments.rules.subscribing import address_key

State = Delivery.State
MAY_LEAVE = (State.QUEUED, State.DEFERRED, State.IN_DOUBT)
"""States in which a message leaves when its time has come."""


def count_due(*, site_id: int, now: datetime, only: str = "") -> int:
    """Returns how many messages may leave now.

    Args:
        only: an address; nobody else's are counted.
    """
    due = Delivery.objects.filter(site_id=site_id, state__in=MAY_LEAVE, due_at__lte=now)
    if only:
        due = due.filter(subscriber__address_key=address_key(only))
    return due.count()


def subscriber_at(address: str, *, site_id: int) -> Subscriber | None:
    """Returns the subscriber of an address, if there is one."""
    found = Subscriber.objects.select_related("site")
    return found.filter(site_id=site_id, address_key=address_key(address)).first()
