"""What mail providers tell by their webhooks: django-anymail reads it, and who calls.

The library tells of it by signals, and in no other way; so this is the one place in the house that
listens to any. What fails here is an answer of 500, after which a provider calls again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from anymail.signals import AnymailInboundEvent, AnymailTrackingEvent, inbound, tracking
from django.utils import timezone

from comments.actions.bouncing import Event, take_event, take_mail
from comments.rules.bounces import outcome_of_event
from comments.rules.verp import read_verp

MOST_VALUES = 2_000
LONGEST_VALUE = 1_000
_KEY = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?=@)", re.IGNORECASE)
"""Of a Message-ID that we write."""


def listen() -> None:
    """Listens to django-anymail from now on."""
    tracking.connect(hear_event, dispatch_uid="comments.views.bounces")
    inbound.connect(hear_mail, dispatch_uid="comments.views.bounces")


def hear_event(*, event: AnymailTrackingEvent, **more: Any) -> None:
    """Passes on what became of a mail."""
    values = list(_values(event.esp_event))
    status = event.esp_event.get("status") if isinstance(event.esp_event, dict) else ""
    found = Event(
        outcome=outcome_of_event(
            event_type=event.event_type,
            reject_reason=event.reject_reason or "",
            said=f"{event.mta_response or ''} {event.description or ''}",
            status=status if isinstance(status, str) else "",
        ),
        recipient=event.recipient or "",
        verps=tuple(verp for verp in map(read_verp, values) if verp is not None),
        keys=frozenset(key.lower() for value in values for key in _KEY.findall(value)),
        at=event.timestamp,
    )
    take_event(found, now=timezone.now())


def hear_mail(*, event: AnymailInboundEvent, **more: Any) -> None:
    """Passes on a mail that a provider received in our name."""
    message = event.message
    take_mail(
        content=message.as_bytes(),
        recipient=message.envelope_recipient or "",
        now=timezone.now(),
    )


def _values(told: Any) -> Iterator[str]:
    """Yields the texts in what a provider sent: each has its own names for the same things."""
    waiting = [told]
    for _ in range(MOST_VALUES):
        if not waiting:
            return
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, str):
            yield value[:LONGEST_VALUE]
