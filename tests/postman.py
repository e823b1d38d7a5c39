"""Subscribers and a mail server that says what a test wants, each thing done by one short call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from comments.actions.checking_digests import check_digests
from comments.actions.checking_mails import Report
from comments.actions.sending import send_deliveries
from comments.actions.subscribing import (
    Change,
    change_settings,
    leave,
)
from comments.models import (
    Delivery,
    Frequency,
    Subscriber,
    Thread,
)
from comments.rules.sending import Answer
from tests.mailing import ASKER, morning, planned, subscribed
from tests.making import NOW

BEFORE = morning(1) - timedelta(minutes=10)
AFTER = morning(1) + timedelta(minutes=1)

TAKEN = Answer("end", 250)
BUSY = Answer("rcpt", 451)
CUT = Answer("end", None, failure="X")
REFUSED = Answer("mail", 550, "5.7.1")

Says = Callable[[bytes], Answer]


class Way:
    """A connection to a mail server that answers by what a mail holds; keeps what was handed in."""

    def __init__(self, says: Says, handed_in: list[bytes]) -> None:
        self._says, self._handed_in = says, handed_in

    def send(self, parcel: Any) -> Answer:
        """Answers."""
        self._handed_in.append(parcel.content)
        return self._says(parcel.content)

    def close(self) -> None:
        """Hangs up."""


def takes(_: bytes) -> Answer:
    return TAKEN


def is_busy(_: bytes) -> Answer:
    return BUSY


def is_cut(_: bytes) -> Answer:
    return CUT


def busy_for(word: str) -> Says:
    """Returns a server that takes all mail but that with a word in it."""
    return lambda content: BUSY if word.encode() in content else TAKEN


def send(now: datetime, says: Says = takes) -> list[bytes]:
    """Sends what is due; returns what was handed in."""
    handed_in: list[bytes] = []
    send_deliveries(site_id=1, clock=lambda: now, transport=lambda: Way(says, handed_in))
    return handed_in


def work(now: datetime, says: Says = takes) -> list[bytes]:
    planned(now)
    return send(now, says)


def work_on(begin: datetime, *, hours: int, every: int = 4, says: Says = takes) -> datetime:
    """Plans and sends again and again; returns the last time."""
    now = begin
    for hour in range(0, hours, every):
        now = begin + timedelta(hours=hour)
        work(now, says)
    return now


def subscriber(address: str = "ana@example.org", **wish: object) -> Subscriber:
    """Returns a subscriber whose question is out of the way."""
    made = subscribed(address, **wish)
    Delivery.objects.filter(kind="confirmation").update(state="cancelled", due_at=None)
    return made


def told(one: Subscriber) -> list[int]:
    """Returns which comments were in the mails that were taken, in order."""
    sent = one.deliveries.filter(state="sent").exclude(kind="confirmation").order_by("pk")
    return [
        pk for delivery in sent for _, pk in (delivery.edition.items if delivery.edition else [])
    ]


def wrong(now: datetime = NOW) -> list[str]:
    return list(check_digests(site_id=1, report=Report(), now=now))


def leaves(one: Subscriber, scope: str, now: datetime) -> None:
    leave(one.token, scope=scope, site_id=1, asker=ASKER, now=now)


def changes(one: Subscriber, now: datetime, **change: Any) -> None:
    change_settings(one.token, change=Change(**change), site_id=1, asker=ASKER, now=now)


def pauses(one: Subscriber, now: datetime) -> None:
    changes(one, now, paused=True)


def resumes(one: Subscriber, now: datetime) -> None:
    changes(one, now, paused=False)


def two_ways(thread: Thread, *, at_once: str) -> tuple[Subscriber, str]:
    """Returns who is told of a thread at once and of the site in the digest, or vice versa."""
    of_thread = Frequency.INSTANT if at_once == "thread" else Frequency.DAILY
    of_site = Frequency.INSTANT if at_once == "site" else Frequency.DAILY
    ana = subscriber(frequency=of_site)
    subscriber(frequency=of_thread, thread=thread)
    return ana, f"thread-{thread.pk}" if at_once == "thread" else "site"
