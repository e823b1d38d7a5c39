"""The operator's hand on the mail: pausing it, trying again, deciding about what is in doubt."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from comments.errors import ActionImpossible, NotFound
from comments.models import Delivery, PostOffice

LEFT = "left as it is by an operator"
"""Begins ``error`` of a mail in doubt that an operator has decided to leave alone."""


@transaction.atomic(durable=True)
def pause_mail(*, site_id: int, now: datetime) -> None:
    """Lets no more mail of a site leave; what is under way is finished. Twice is once."""
    office = _locked_office(site_id=site_id)
    if office.paused_at is None:
        office.paused_at = now
        office.save(update_fields=["paused_at"])


@transaction.atomic(durable=True)
def resume_mail(*, site_id: int) -> None:
    """Lets mail of a site leave again; what has waited meanwhile is due at once."""
    office = _locked_office(site_id=site_id)
    office.paused_at = None
    office.save(update_fields=["paused_at"])


@transaction.atomic(durable=True)
def clear_stop(*, site_id: int) -> None:
    """Lets mail leave that a mail server has stopped, before the time is over."""
    office = _locked_office(site_id=site_id)
    office.stopped_until, office.stopped_why = None, ""
    office.save(update_fields=["stopped_until", "stopped_why"])


def _locked_office(*, site_id: int) -> PostOffice:
    PostOffice.objects.get_or_create(site_id=site_id)
    return PostOffice.objects.select_for_update().get(site_id=site_id)


@transaction.atomic(durable=True)
def resend_in_doubt(*, delivery_id: int, site_id: int, now: datetime) -> None:
    """Makes a mail due that nobody knows of whether it was taken on; it leaves with its old bytes.

    The sender looks once more whether everything in it can still be read, and else leaves it.

    Raises:
        NotFound: the site has no such mail.
        ActionImpossible: it is not in doubt, or is tried again by itself.
    """
    delivery = _locked_in_doubt(delivery_id=delivery_id, site_id=site_id)
    delivery.due_at, delivery.error = now, ""
    delivery.save(update_fields=["due_at", "error"])


@transaction.atomic(durable=True)
def leave_in_doubt(*, delivery_id: int, site_id: int) -> None:
    """Notes that a mail in doubt stays so: it counts as received, and nobody is asked about it.

    Raises:
        NotFound: the site has no such mail.
        ActionImpossible: it is not in doubt, or is tried again by itself.
    """
    delivery = _locked_in_doubt(delivery_id=delivery_id, site_id=site_id)
    if not delivery.error.startswith(LEFT):
        before = f"; {delivery.error}" if delivery.error else ""
        delivery.error = f"{LEFT}{before}"[:200]
        delivery.save(update_fields=["error"])


def _locked_in_doubt(*, delivery_id: int, site_id: int) -> Delivery:
    # Its row is what a sender locks too, so nobody takes it up meanwhile.
    found = Delivery.objects.select_for_update().filter(pk=delivery_id, site_id=site_id).first()
    if found is None:
        raise NotFound("There is no such mail.")
    if found.state != Delivery.State.IN_DOUBT or found.due_at is not None:
        raise ActionImpossible("This mail does not wait for a decision (any more).")
    return found
