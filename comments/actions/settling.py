"""What came of messages, stored: sent, to be tried again, in doubt, or never to be sent.

Functions that begin no transaction: they run in the clerk's, before the next messages are marked.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from comments.actions.transports import Parcel
from comments.mail import Splicer, Values, delivery_key
from comments.metrics import count_delivery
from comments.models import Channel, Delivery, PostOffice, Subscriber
from comments.rules.limits import Limit
from comments.rules.sending import (
    MOST_BOUNCES,
    STOP_SECONDS,
    UNREACHED_SECONDS,
    Answer,
    is_tried_enough,
    retry_seconds,
    verdict_on,
)

logger = logging.getLogger(__name__)

State = Delivery.State

LOOK_AGAIN_SECONDS = 6 * 60 * 60
"""After a server has not taken a mail for two days, until its news are tried in another one."""
TOO_LONG = "tried for too long"


@dataclass(frozen=True, slots=True)
class Order:
    """Whose messages a sender may take."""

    site_id: int
    sender: str
    """Its name in the rows, at most 32 characters."""
    only: str = ""
    """An address; empty: everybody's."""
    window: Limit | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is marked as on its way."""

    pk: int
    subscriber_id: int
    prior: str
    """Its state before."""
    tries: int
    """This one included."""
    first_tried_at: datetime
    is_first: bool
    bounces: int
    splicer: Splicer
    values: Values

    def parcel(self) -> Parcel:
        """Returns the message as it leaves: the same bytes each time."""
        return Parcel(
            key=delivery_key(self.values.token, self.pk),
            sender=self.splicer.envelope_from(self.values),
            recipient=self.values.address,
            content=self.splicer.message(self.values),
        )


Outcome = tuple[Claimed, Answer]


def settle(outcomes: Iterable[Outcome], *, order: Order, now: datetime) -> None:
    """Stores what came of messages; a second time changes nothing."""
    sent = []
    for claimed, answer in outcomes:
        count_delivery(verdict_on(answer))
        if verdict_on(answer) == "sent":
            sent.append(claimed)
        else:
            _settle_failure(claimed, answer, order=order, now=now)
    if not sent:
        return
    _own([one.pk for one in sent], order=order).update(
        state=State.SENT, sent_at=now, due_at=None, lease_until=None, error=""
    )
    bounced_before = [one.subscriber_id for one in sent if one.bounces]
    if bounced_before:
        Subscriber.objects.filter(pk__in=bounced_before).update(bounces=0)


def _own(pks: Collection[int], *, order: Order) -> QuerySet[Delivery]:
    """Returns messages that a sender has, or had before they were taken for lost."""
    return Delivery.objects.filter(
        pk__in=pks, lease_by=order.sender, state__in=[State.SENDING, State.IN_DOUBT]
    )


def _settle_failure(claimed: Claimed, answer: Answer, *, order: Order, now: datetime) -> None:
    verdict = verdict_on(answer)
    logger.warning("delivery %d, try %d: %s", claimed.pk, claimed.tries, answer.why)
    row = _own([claimed.pk], order=order)
    why = answer.why[:200]
    if verdict == "unreached":
        # It was never tried: as it was, but a little later.
        row.update(
            state=claimed.prior,
            tries=claimed.tries - 1,
            mailed_at=None if claimed.is_first else claimed.first_tried_at,
            due_at=now + timedelta(seconds=UNREACHED_SECONDS),
            lease_until=None,
            error=why,
        )
        return
    if verdict in {"bounced", "bad_address"}:
        if row.update(state=State.BOUNCED, due_at=None, lease_until=None, error=why):
            _count_bounce(claimed.subscriber_id, why=why, is_bad=verdict == "bad_address", now=now)
        return
    if verdict == "refused":
        _stop(answer, site_id=order.site_id, now=now)
    is_enough = is_tried_enough(tried_seconds=(now - claimed.first_tried_at).total_seconds())
    again = None if is_enough else now + timedelta(seconds=retry_seconds(claimed.tries))
    state = State.DEFERRED
    if verdict == "in_doubt" or claimed.prior == State.IN_DOUBT:
        # The first copy may have arrived: another one has to be the same, to the byte.
        state = State.IN_DOUBT
    elif is_enough:
        state, why = State.EXPIRED, TOO_LONG
    if row.update(state=state, due_at=again, lease_until=None, error=why):
        hand_over(claimed.pk, now=now)


def hand_over(pk: int, *, now: datetime) -> None:
    """Lets the planner look for what a mail had that expired, if nobody is to look anyway.

    Otherwise the next news alone would bring it, or nothing, where the frequency has changed.
    """
    given_up = Delivery.objects.filter(pk=pk, state=State.EXPIRED).only("kind", "subscriber")
    for expired in given_up:
        Channel.objects.filter(
            kind=expired.kind,
            due_at=None,
            subscriber=expired.subscriber_id,
            subscriber__paused_at=None,
        ).update(due_at=now + timedelta(seconds=LOOK_AGAIN_SECONDS))


def _count_bounce(subscriber_id: int, *, why: str, is_bad: bool, now: datetime) -> None:
    subscriber = Subscriber.objects.select_for_update(no_key=True).get(pk=subscriber_id)
    subscriber.bounces += 1
    if subscriber.suppressed_at is None and (is_bad or subscriber.bounces >= MOST_BOUNCES):
        subscriber.suppressed_at, subscriber.suppressed_why = now, why
    subscriber.save(update_fields=["bounces", "suppressed_at", "suppressed_why"])


def _stop(answer: Answer, *, site_id: int, now: datetime) -> None:
    """Lets no more mail leave for a while: the server refuses us, whoever it is for."""
    PostOffice.objects.filter(site_id=site_id).update(
        stopped_until=now + timedelta(seconds=STOP_SECONDS), stopped_why=answer.why[:200]
    )
    logger.critical(
        "the mail server refuses our mail: %s. No mail of site %d leaves for %d minutes.",
        answer.why,
        site_id,
        STOP_SECONDS // 60,
    )
