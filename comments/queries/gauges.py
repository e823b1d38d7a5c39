"""What waits at the moment, for whoever watches over an installation.

Each figure is read by an index, at any size of the tables; counts end at ``MOST_COUNTED``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.contrib.sites.models import Site
from django.db.models import Model, QuerySet

from comments.models import Delivery, Outgoing, PostOffice, QueueItem
from comments.queries.outgoing import lateness

MOST_COUNTED = 100_000
UNSENT = (
    Delivery.State.QUEUED,
    Delivery.State.SENDING,
    Delivery.State.DEFERRED,
    Delivery.State.IN_DOUBT,
)


@dataclass(frozen=True, slots=True)
class Gauge:
    """A figure of one site, or of all (``site`` 0)."""

    name: str
    help: str
    value: float
    site: int = 0
    label: tuple[str, str] | None = None
    """Name and value of a further label."""


def gauges(*, now: datetime) -> Iterator[Gauge]:
    """Yields all figures; seconds are of the clock ``now``, never below 0."""
    yield Gauge(
        "worker_lag_seconds",
        "How long the longest has waited that the worker should have done by now.",
        lateness(now=now).total_seconds(),
    )
    waiting = Outgoing.objects.filter(state=Outgoing.State.WAITING).order_by("due_at")
    yield Gauge("messages_waiting", "Messages about decisions, not sent yet.", _count(waiting))
    for site_id in Site.objects.order_by("pk").values_list("pk", flat=True):
        yield from _of_site(site_id, now=now)


def _of_site(site_id: int, *, now: datetime) -> Iterator[Gauge]:
    queue = QueueItem.objects.filter(site_id=site_id)
    for why in QueueItem.Why.values:
        found = _count(queue.filter(why=why))
        label = ("why", why)
        yield Gauge("queue_comments", "Comments that wait for a moderator.", found, site_id, label)
    oldest = queue.order_by("entered_at").values_list("entered_at", flat=True).first()
    help_ = "How long the oldest comment has waited for a moderator."
    yield Gauge("queue_oldest_seconds", help_, _seconds_since(oldest, now=now), site_id)
    mails = Delivery.objects.filter(site_id=site_id)
    for state in UNSENT:
        found = _count(mails.filter(state=state))
        label = ("state", str(state.value))
        yield Gauge("mails_waiting", "Mails to subscribers, not sent yet.", found, site_id, label)
    due = mails.filter(due_at__isnull=False).order_by("due_at", "id")
    due_at = due.values_list("due_at", flat=True).first()
    help_ = "For how long the longest due mail to a subscriber has been due."
    yield Gauge("mails_late_seconds", help_, _seconds_since(due_at, now=now), site_id)
    office = PostOffice.objects.filter(site_id=site_id).first()
    stopped = office is not None and (
        office.paused_at is not None
        or (office.stopped_until is not None and office.stopped_until > now)
    )
    help_ = "1: no mail to subscribers leaves, by an operator or because a server refuses us."
    yield Gauge("mail_stopped", help_, float(stopped), site_id)


def _count(rows: QuerySet[Model]) -> int:
    return rows[:MOST_COUNTED].count()


def _seconds_since(at: datetime | None, *, now: datetime) -> float:
    return max((now - at).total_seconds(), 0.0) if at is not None else 0.0
