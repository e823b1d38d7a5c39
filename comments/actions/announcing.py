"""Publications: written where something is published, numbered by one sealer.

The functions that write them begin no transaction: they run inside that of the action that
publishes, so that there is a row exactly where there is something to read.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from comments.actions.storing import AT_ONCE, Store
from comments.models import Comment, Publication, PublicationOrder, Thread

SEALED_AT_ONCE = 5_000


def announce_page(thread: Thread, *, page_id: int, now: datetime) -> None:
    """Writes that the page of a thread can be read; a second time changes nothing.

    Args:
        page_id: what the host project calls the page.
    """
    Publication.objects.get_or_create(
        thread=thread,
        comment=None,
        defaults={"site_id": thread.site_id, "page_id": page_id, "at": now},
    )


def announce_comment(
    thread: Thread, comment: Comment, *, now: datetime, store: Store = AT_ONCE
) -> None:
    """Writes that a comment was published, for the first time."""
    store.insert(
        Publication(site_id=thread.site_id, thread_id=thread.pk, comment_id=comment.pk, at=now)
    )


def announce_again(thread: Thread, comment_ids: Iterable[int], *, now: datetime) -> None:
    """Writes that comments can be read again.

    Whoever has had one in a digest does not get it once more; the row is for those who were due
    while it could not be read. A comment that was published before there were any publications
    is no news.
    """
    known = Publication.objects.filter(comment_id__in=list(comment_ids), again=False)
    Publication.objects.bulk_create(
        (
            Publication(
                site_id=thread.site_id, thread=thread, comment_id=comment_id, again=True, at=now
            )
            for comment_id in known.order_by("position", "pk").values_list("comment_id", flat=True)
        ),
        batch_size=500,
    )


def seal_publications(*, site_id: int) -> int:
    """Numbers what was published since the last time; returns the last position of the site.

    A transaction that is still open has its rows numbered after it has ended, by the next sealer:
    positions only ever grow, and whatever has one can be seen by everybody.
    """
    if not Publication.objects.filter(site_id=site_id, position=None).exists():
        order = PublicationOrder.objects.filter(site_id=site_id)
        return order.values_list("last_position", flat=True).first() or 0
    with transaction.atomic(durable=True):
        return number_publications(site_id=site_id)


def number_publications(*, site_id: int) -> int:
    """Does what ``seal_publications`` does, inside of a transaction that has begun."""
    PublicationOrder.objects.get_or_create(site_id=site_id)
    order = PublicationOrder.objects.select_for_update().get(site_id=site_id)
    while True:
        waiting = Publication.objects.filter(site_id=site_id, position=None)
        rows = list(waiting.only("position").order_by("pk")[:SEALED_AT_ONCE])
        for position, row in enumerate(rows, order.last_position + 1):
            row.position = position
        Publication.objects.bulk_update(rows, ["position"], batch_size=500)
        order.last_position += len(rows)
        if len(rows) < SEALED_AT_ONCE:
            break
    order.save(update_fields=["last_position"])
    return order.last_position
