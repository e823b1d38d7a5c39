"""Planning: who is due, and what he is to be sent; ``planning`` has what one transaction does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from django.db import transaction

from comments.actions.announcing import number_publications, seal_publications
from comments.actions.channels import mark_instant, mark_instant_now
from comments.actions.planning import Planned, Run
from comments.models import Channel, Selection, Subscriber
from comments.rules.subscribing import address_key

AT_ONCE = 500
"""Channels in one transaction."""


def plan_due(
    *,
    site_id: int,
    now: datetime,
    only: str = "",
    dry_run: bool = False,
    go_on: Callable[[], bool] = lambda: True,
) -> Planned:
    """Writes the deliveries of all who are due; returns how many.

    Args:
        only: an address; nobody else is planned for.
        dry_run: counts, and stores nothing.
    """
    if not dry_run:
        seal_publications(site_id=site_id)
        mark_instant(site_id=site_id)
    planned = Planned()
    seen = 0
    while go_on():
        with transaction.atomic(durable=True):
            if dry_run:
                number_publications(site_id=site_id)
                mark_instant_now(site_id=site_id)
            run = Run(site_id=site_id, now=now, planned=planned)
            channels = _due(site_id=site_id, now=now, only=only, after=seen if dry_run else None)
            run.plan(channels)
            transaction.set_rollback(dry_run)
        if len(channels) < AT_ONCE:
            break
        seen = channels[-1].pk
    return planned


def _due(*, site_id: int, now: datetime, only: str, after: int | None) -> list[Channel]:
    """Returns channels whose time has come, locked."""
    due = Channel.objects.filter(due_at__lte=now, subscriber__site_id=site_id)
    if only:
        due = due.filter(subscriber__address_key=address_key(only))
    if after is not None:
        due = due.filter(pk__gt=after).order_by("pk")
    else:
        due = due.order_by("due_at", "pk")
    locked = due.select_for_update(of=["self"], skip_locked=True).select_related("subscriber")
    return list(locked.only(*_COLUMNS)[:AT_ONCE])


_COLUMNS = (
    *("subscriber_id", "kind", "cursor", "last_period", "due_at"),
    *("subscriber__address_key", "subscriber__tz", "subscriber__send_hour", "subscriber__weekday"),
    *("subscriber__paused_at", "subscriber__suppressed_at"),
)


def plan_before_leaving(subscriber: Subscriber, *, now: datetime) -> None:
    """Plans what somebody is to be told at once, before he ends a subscription.

    The digest has left it out as far as it has come, and nothing would tell it afterwards. What he
    does not want any more is left out again when it is to leave. Begins no transaction; the
    subscriber is locked.
    """
    channels = Channel.objects.filter(subscriber=subscriber).order_by("kind").select_for_update()
    found = {channel.kind: channel for channel in channels.select_related("subscriber")}
    digest, instant = found.get(Channel.Kind.DIGEST), found.get(Channel.Kind.INSTANT)
    if digest is not None and instant is not None and instant.cursor < digest.cursor:
        run = Run(site_id=subscriber.site_id, now=now, planned=Planned())
        run.plan_at_once(instant)


def preview_items(
    subscriber_id: int, *, at: datetime, kind: str = Channel.Kind.DIGEST
) -> list[Selection]:
    """Returns what somebody's mails would hold if they were planned at a time; stores nothing.

    The real planner does it, and is rolled back. One for a digest; at once, one for each thread and
    scope. Empty: there is no news.
    """
    site_id = Subscriber.objects.values_list("site_id", flat=True).get(pk=subscriber_id)
    seal_publications(site_id=site_id)
    with transaction.atomic(durable=True):
        channels = Channel.objects.select_for_update(of=["self"]).select_related("subscriber__site")
        found = list(channels.filter(subscriber_id=subscriber_id, kind=kind))
        for channel in found:
            # As if there were none of that day yet: whoever looks wants to see it now.
            channel.last_period = date.min
        run = Run(site_id=site_id, now=at, planned=Planned())
        run.select(found)
        transaction.set_rollback(True)
    return [one.selection for one in run.deliveries]
