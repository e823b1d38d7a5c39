"""Handing out what waits: each comment is on one desk at a time, and not for long."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from comments.models import QueueItem
from comments.queries.queue import MOST_URGENT, Filters, waiting_rows
from comments.queries.statements import any_of, objects

LEASE_SECONDS = 180
MOST_LEASED = 50
EVERYTHING = Filters()


@transaction.atomic(durable=True)
def lease_next(
    *, site_id: int, user_id: int, count: int, now: datetime, filters: Filters = EVERYTHING
) -> list[int]:
    """Hands the most urgent comments that are on nobody's desk to a moderator, for 3 minutes.

    What he has on his desk already comes first and is renewed; two who ask at once get different
    comments.

    Args:
        count: how many he wants on his desk, at most ``MOST_LEASED``.
        filters: which comments he asks for. Others that he has on his desk stay there, and count
            only towards ``MOST_LEASED``.

    Returns:
        Ids of the comments asked for that he has now, most urgent first.
    """
    own = "site_id = %s AND leased_by_id = %s AND leased_until > %s LIMIT %s"
    held = objects(QueueItem, own, [site_id, user_id, now, MOST_LEASED], locked="wait")
    mine = [item.pk for item in held]
    condition, parameters = waiting_rows(site_id=site_id, filters=filters)
    among = f"{condition} AND {any_of('comment_id')} {MOST_URGENT} LIMIT %s"
    wanted = [item.pk for item in objects(QueueItem, among, [*parameters, mine, count])]
    room = max(0, min(count - len(wanted), MOST_LEASED - len(mine)))
    free = f"{condition} AND (leased_until IS NULL OR leased_until <= %s) {MOST_URGENT} LIMIT %s"
    found = objects(QueueItem, free, [*parameters, now, room], locked="skip")
    wanted += [item.pk for item in found]
    _hold([*mine, *wanted], user_id=user_id, now=now)
    return wanted


@transaction.atomic(durable=True)
def renew_leases(*, site_id: int, user_id: int, comment_ids: list[int], now: datetime) -> list[int]:
    """Keeps comments on a moderator's desk for another 3 minutes.

    Returns:
        Those that are still his, or were free again; a colleague's are not among them.
    """
    mine = QueueItem.objects.filter(site_id=site_id, pk__in=comment_ids[:MOST_LEASED]).filter(
        Q(leased_by=user_id) | Q(leased_until=None) | Q(leased_until__lte=now)
    )
    kept = list(mine.select_for_update().values_list("pk", flat=True))
    _hold(kept, user_id=user_id, now=now)
    return kept


@transaction.atomic(durable=True)
def release_leases(*, site_id: int, user_id: int, comment_ids: list[int] | None = None) -> None:
    """Puts comments back for everybody; ``None`` for all that a moderator has."""
    mine = QueueItem.objects.filter(site_id=site_id, leased_by=user_id)
    if comment_ids is not None:
        mine = mine.filter(pk__in=comment_ids)
    mine.update(leased_by=None, leased_until=None)


def _hold(comment_ids: list[int], *, user_id: int, now: datetime) -> None:
    QueueItem.objects.filter(pk__in=comment_ids).update(
        leased_by=user_id, leased_until=now + timedelta(seconds=LEASE_SECONDS)
    )
