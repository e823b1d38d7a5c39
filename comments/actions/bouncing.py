"""What comes back about mails: bounces, complaints, and mails that unsubscribe.

A mail names the delivery that it is about by the address that it comes to; a mail provider, whose
webhooks prove who calls, by that address too, or by the Message-ID, or by the recipient.

Reports come late, twice, and in any order. A delivery bounces once, so that a second report of it
changes nothing. What follows for its subscriber is told from the deliveries themselves: no mail
before or after it may have gone through.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.contrib.sites.models import Site
from django.db import transaction
from django.db.models import QuerySet
from django.utils.crypto import constant_time_compare

from comments.actions.subscribing import Asker, leave
from comments.actions.suppressing import suppress
from comments.conf import options
from comments.mail import delivery_key
from comments.models import Delivery, Subscriber
from comments.rules.bounces import Outcome, read_incoming
from comments.rules.sending import MOST_BOUNCES
from comments.rules.subscribing import address_key
from comments.rules.verp import KEY_DIGITS, Verp, read_verp

logger = logging.getLogger(__name__)

State = Delivery.State
Taken = Literal["unknown", "nothing", "noted", "bounced", "suppressed", "ended"]
"""``unknown``: it names no delivery of ours, or its key is wrong. ``noted``: refused for what we
are, which is for the operator. ``bounced``: it counts, but the address still gets mail."""

HAS_LEFT = (State.SENT, State.IN_DOUBT, State.DEFERRED)
"""States in which a mail may have reached a server, so that it may come back."""

LOOKED_AT = 200
"""Of the mails of one address, so many are compared with a Message-ID: the latest."""
CLOCKS_DIFFER = timedelta(minutes=10)
"""Between a provider's clock and ours."""


def take_bounce(*, delivery_id: int, key: str, outcome: Outcome, now: datetime) -> Taken:
    """Does what follows from what came back about a delivery; a second time nothing more does.

    Args:
        key: of the delivery, or the beginning of it that an address carries.
    """
    found = Delivery.objects.select_related("subscriber", "subscription", "selection")
    delivery = found.filter(pk=delivery_id).first()
    if delivery is None or not _is_key(key, delivery):
        return "unknown"
    return _take(delivery, outcome, now=now)


def _is_key(key: str, delivery: Delivery) -> bool:
    right = delivery_key(delivery.subscriber.token, delivery.pk)
    return len(key) >= KEY_DIGITS and constant_time_compare(key, right[: len(key)])


def take_mail(*, content: bytes, recipient: str, now: datetime) -> Taken:
    """Does what follows from a mail that came in.

    Args:
        content: the mail; it may be anything.
        recipient: who it came to; where that is not known, its headers tell.
    """
    incoming = read_incoming(content)
    asked = read_verp(recipient)
    # Complaints come to the plain address, and are about the mail that they enclose.
    headers = incoming.addressed_to if not recipient or _is_plain(recipient) else ()
    names = [asked] if asked is not None else [*headers, *incoming.about]
    for verp in dict.fromkeys(names[:LOOKED_AT]):
        is_complaint = verp in incoming.about
        outcome = incoming.outcome if is_complaint else incoming.outcome_at(verp)
        taken = _take_named(verp, outcome, now=now)
        if taken != "unknown":
            return taken
    logger.info("a mail came in that names no delivery: %s", incoming.outcome.why)
    return "unknown"


def _is_plain(recipient: str) -> bool:
    """Returns whether it is the address for bounces without a tag, with or without its domain.

    Who is told another recipient looks no further: a header may name anybody.
    """
    plain = options().mail_bounces
    return recipient.strip().lower() in {plain.lower(), plain.partition("@")[0].lower()}


def _take_named(verp: Verp, outcome: Outcome, *, now: datetime) -> Taken:
    return take_bounce(delivery_id=verp.delivery_id, key=verp.key, outcome=outcome, now=now)


@dataclass(frozen=True, slots=True)
class Event:
    """What a mail provider tells; whoever calls has proved to be it."""

    outcome: Outcome
    recipient: str
    verps: tuple[Verp, ...] = ()
    """What the addresses in it name."""
    keys: frozenset[str] = frozenset()
    """Of its Message-IDs, those that are of our form: the key of the delivery, perhaps."""
    at: datetime | None = None


def take_event(event: Event, *, now: datetime) -> Taken:
    """Does what follows from what a mail provider tells."""
    if event.outcome.kind == "nothing":
        return "nothing"
    for verp in event.verps:
        taken = _take_named(verp, event.outcome, now=now)
        if taken != "unknown":
            return taken
    delivery = _delivery_of(event)
    if delivery is not None:
        return _take(delivery, event.outcome, now=now)
    return _take_address(event, now=now)


def _delivery_of(event: Event) -> Delivery | None:
    """Returns which mail to its recipient an event is about.

    Some providers put a Message-ID of their own in the place of ours: then it is the latest mail
    that had left. With one of ours that is no delivery's, it is about mail of another kind.
    """
    left = Delivery.objects.filter(
        subscriber__in=[one.pk for one in _known(event.recipient)], mailed_at__isnull=False
    )
    latest = left.select_related("subscriber", "subscription", "selection").order_by("-pk")
    if event.keys:
        return next((one for one in latest[:LOOKED_AT] if _key_of(one) in event.keys), None)
    if event.at is not None:
        latest = latest.filter(mailed_at__lte=event.at + CLOCKS_DIFFER)
    return latest.first()


def _known(address: str) -> list[Subscriber]:
    """Returns who has an address, on each site."""
    key = address_key(address)
    if "\x00" in key:
        return []
    # With the sites, so that the index of addresses is of use.
    sites = list(Site.objects.order_by("pk").values_list("pk", flat=True))
    return list(Subscriber.objects.filter(site__in=sites, address_key=key).order_by("site_id"))


def _key_of(delivery: Delivery) -> str:
    return delivery_key(delivery.subscriber.token, delivery.pk)


def _take_address(event: Event, *, now: datetime) -> Taken:
    """Does what follows for an address that had other mail of ours, on each site that knows it."""
    outcome = event.outcome
    taken: Taken = "unknown"
    for subscriber in _known(event.recipient):
        if outcome.kind == "unsubscribe":
            _leave(subscriber, scope="all", outcome=outcome, now=now)
            taken = "ended"
        elif outcome.kind == "complaint" or outcome.verdict == "bad_address":
            taken = _suppress(subscriber, outcome, now=now)
        elif taken == "unknown":
            taken = "nothing"
    return taken


def _take(delivery: Delivery, outcome: Outcome, *, now: datetime) -> Taken:
    taken: Taken = "nothing"
    if outcome.kind == "complaint":
        taken = _suppress(delivery.subscriber, outcome, now=now)
    elif outcome.kind == "unsubscribe":
        _leave(delivery.subscriber, scope=_scope_of(delivery), outcome=outcome, now=now)
        taken = "ended"
    elif outcome.kind != "nothing":
        taken = _note_bounce(delivery.pk, outcome, now=now)
    logger.info("delivery %d: %s (%s)", delivery.pk, taken, outcome.why)
    return taken


def _suppress(subscriber: Subscriber, outcome: Outcome, *, now: datetime) -> Taken:
    suppress(
        site_id=subscriber.site_id,
        address=subscriber.address_key,
        why=outcome.why,
        now=now,
        ends=outcome.kind == "complaint",
        asker=Asker(outcome.kind),
    )
    return "suppressed"


def _leave(subscriber: Subscriber, *, scope: str, outcome: Outcome, now: datetime) -> None:
    leave(
        subscriber.token,
        scope=scope,
        site_id=subscriber.site_id,
        asker=Asker(outcome.why),
        now=now,
    )


def _scope_of(delivery: Delivery) -> str:
    """Returns what the link to unsubscribe in a mail ends."""
    if delivery.subscription is not None:
        return delivery.subscription.scope
    return delivery.selection.scope


@transaction.atomic(durable=True)
def _note_bounce(delivery_id: int, outcome: Outcome, *, now: datetime) -> Taken:
    """Writes that a mail was not delivered, and what follows for its subscriber."""
    # The delivery first and then the subscriber, as a sender locks them.
    delivery = Delivery.objects.select_for_update(of=["self"]).filter(pk=delivery_id).first()
    if delivery is None or delivery.state not in HAS_LEFT:
        return "nothing"
    delivery.error = outcome.why
    if outcome.verdict == "refused":
        # Another address would have fared no better: it is no sign about this one.
        logger.warning("delivery %d was refused for what we are: %s", delivery_id, outcome.status)
        delivery.save(update_fields=["error"])
        return "noted"
    delivery.state, delivery.due_at = State.BOUNCED, None
    delivery.save(update_fields=["error", "state", "due_at"])
    subscriber = Subscriber.objects.select_for_update(no_key=True).get(pk=delivery.subscriber_id)
    subscriber.bounces = _in_a_row(delivery)
    is_bad = outcome.verdict == "bad_address" or subscriber.bounces >= MOST_BOUNCES
    if is_bad and subscriber.suppressed_at is None:
        subscriber.suppressed_at, subscriber.suppressed_why = now, outcome.why
    subscriber.save(update_fields=["bounces", "suppressed_at", "suppressed_why"])
    return "suppressed" if is_bad else "bounced"


def _in_a_row(delivery: Delivery) -> int:
    """Returns how many mails to one subscriber have bounced without one between that did not.

    A report may come days after the mail, when others have left and nobody knows of them yet. So it
    is the mails beside this one that count, and not what came back last.
    """
    known = Delivery.objects.filter(
        subscriber_id=delivery.subscriber_id, state__in=[State.SENT, State.BOUNCED]
    )
    earlier = known.filter(pk__lt=delivery.pk).order_by("-pk")
    later = known.filter(pk__gt=delivery.pk).order_by("pk")
    return 1 + _bounced_first(earlier) + _bounced_first(later)


def _bounced_first(found: QuerySet[Delivery]) -> int:
    states = list(found.values_list("state", flat=True)[:MOST_BOUNCES])
    return next((n for n, state in enumerate(states) if state != State.BOUNCED), len(states))
