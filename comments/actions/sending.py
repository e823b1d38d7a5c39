"""Sending: what is queued leaves once, whoever sends, and whatever crashes.

A sender has one clerk and some carriers. The clerk alone talks to the database: in one transaction
he stores what came of the last messages and marks the next ones as `sending`, one for each carrier
that is free, after he has looked once more whether they are still wanted and still true. Only when
that is on the disk do the carriers, threads with a connection each, hand the messages over.

So after a crash at most one message per connection is in doubt, and its row says so once its lease
has run out. It is sent again with the bytes that it had, under the same Message-ID.
"""

from __future__ import annotations

import logging
import secrets
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic, sleep

from django.db import OperationalError, connection, transaction
from django.utils import timezone

from comments.actions.claiming import ALARMING, Blocked, Clerk
from comments.actions.settling import Claimed, Order
from comments.actions.transports import Transport, new_transport
from comments.models import PostOffice
from comments.queries.places import this_place
from comments.rules.sending import (
    RENEW_SECONDS,
    Answer,
    Pace,
    read_window,
    verdict_on,
)

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

UNREACHED_IN_A_ROW = 3
"""So many connections that cannot be made, and a run is over."""
LOOK_SECONDS = 0.2
STORE_AGAIN_SECONDS = 5


class ElsewhereError(Exception):
    """The database is a copy of the one that mail was sent from: nobody knows what has left since.

    An operator confirms that it may send (``confirm_place``).
    """


@dataclass(frozen=True, slots=True)
class Limits:
    """How many messages may leave at once, in a second, and in a long time."""

    connections: int = 4
    rate: float = 0.0
    """Messages a second of this sender; 0 is no limit."""
    window: str = ""
    """As ``50000/24h``, for all senders together; empty is no limit."""


@dataclass(slots=True)
class Sent:
    """What a run came to."""

    sent: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    """Other outcomes by name, as ``deferred``, and messages that were not to leave any more."""
    halted: str = ""
    """Why it ended before all that was due had been tried; empty: it had."""
    is_alarm: bool = False
    """It ended because of something that an operator has to see to."""

    def count(self, outcome: str, number: int = 1) -> None:
        """Counts an outcome."""
        if outcome == "sent":
            self.sent += number
        elif number:
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + number


def place_is_confirmed(*, site_id: int) -> bool:
    """Returns whether mail may leave from this database; the first that asks is its first place."""
    here = this_place()
    office = PostOffice.objects.get_or_create(site_id=site_id, defaults={"place": here})[0]
    if not office.place:
        PostOffice.objects.filter(pk=office.pk, place="").update(place=here)
        office.refresh_from_db()
    return office.place == here


def confirm_place(*, site_id: int) -> None:
    """Lets mail leave from this database, by the word of an operator."""
    PostOffice.objects.update_or_create(site_id=site_id, defaults={"place": this_place()})


def nothing(sent: Sent) -> None:
    """Takes note of nothing."""


def always() -> bool:
    """Returns that there is no reason to stop."""
    return True


def send_deliveries(
    *,
    site_id: int,
    clock: Clock = timezone.now,
    limits: Limits | None = None,
    only: str = "",
    go_on: Callable[[], bool] = always,
    tell: Callable[[Sent], None] = nothing,
    transport: Callable[[], Transport] = new_transport,
) -> Sent:
    """Sends all that is due, and returns what came of it; any number of senders may do so at once.

    Args:
        clock: the time; what is due by it is sent.
        only: an address; nobody else is sent anything.
        go_on: asked before each message; what is under way is finished.
        tell: called with the counts from time to time.
        transport: makes the way out of each connection.

    Raises:
        ElsewhereError: the database was restored from a copy, and nobody has confirmed that it may
            send.
    """
    if not place_is_confirmed(site_id=site_id):
        raise ElsewhereError
    limits = limits or Limits()
    clerk = Clerk(
        Order(
            site_id=site_id,
            sender=secrets.token_hex(8),
            only=only,
            window=read_window(limits.window),
        ),
        clock=clock,
    )
    if not clerk.anything_due():
        return Sent()
    return _Sender(clerk, limits=limits, go_on=go_on, tell=tell, transport=transport).run()


class _Carrier(Thread):
    """A connection, with a thread to wait for it."""

    def __init__(self, transport: Transport, done: SimpleQueue[_Done]) -> None:
        super().__init__(daemon=True)
        self.inbox: SimpleQueue[Claimed | None] = SimpleQueue()
        self._transport, self._done = transport, done

    def run(self) -> None:
        """Hands over one message after another until it is given none."""
        while (claimed := self.inbox.get()) is not None:
            self._done.put(_Done(self, claimed, _carried(claimed, self._transport)))
        self._transport.close()


@dataclass(frozen=True, slots=True)
class _Done:
    carrier: _Carrier
    claimed: Claimed
    answer: Answer


def _carried(claimed: Claimed, transport: Transport) -> Answer:
    try:
        parcel = claimed.parcel()
    except Exception as error:  # of one subscriber's values: nobody else is to wait for that
        logger.error("delivery %d cannot be composed: %s", claimed.pk, type(error).__name__)
        return Answer("mail", failure=f"cannot be composed: {type(error).__name__}")
    return transport.send(parcel)


class _Sender:
    """One run."""

    def __init__(
        self,
        clerk: Clerk,
        *,
        limits: Limits,
        go_on: Callable[[], bool],
        tell: Callable[[Sent], None],
        transport: Callable[[], Transport],
    ) -> None:
        self._clerk, self._limits = clerk, limits
        self._go_on, self._tell, self._transport = go_on, tell, transport
        self._pace = Pace(limits.rate, at=monotonic())
        self._done: SimpleQueue[_Done] = SimpleQueue()
        self._idle: deque[_Carrier] = deque()
        self._carriers: list[_Carrier] = []
        self._under_way: dict[int, Claimed] = {}
        self._unreached = 0
        self._renewed_at = monotonic()
        self._sent = Sent()

    def run(self) -> Sent:
        """Returns when nothing is due any more, or there is a reason to stop, and all is stored."""
        finished: list[_Done] = []
        try:
            while True:
                claimed = self._exchange(finished)
                for one in claimed:
                    self._carry(one)
                self._tell(self._sent)
                if not self._under_way and not claimed and not self._has_more():
                    return self._sent
                finished = self._wait()
        finally:
            for carrier in self._carriers:
                carrier.inbox.put(None)
            for carrier in self._carriers:
                carrier.join()

    def _exchange(self, finished: list[_Done]) -> list[Claimed]:
        """Stores what came of messages, and returns the next ones, marked as on their way."""
        for done in finished:
            verdict = verdict_on(done.answer)
            self._unreached = self._unreached + 1 if verdict == "unreached" else 0
            if verdict == "unreached" and (
                self._unreached >= UNREACHED_IN_A_ROW or not self._sent.sent
            ):
                self._halt(f"the mail server cannot be reached: {done.answer.why}", is_alarm=True)
            if verdict == "refused":
                self._halt(f"the mail server refuses us: {done.answer.why}", is_alarm=True)
            self._sent.count(verdict)
            del self._under_way[done.claimed.pk]
            self._idle.append(done.carrier)
        claimed: list[Claimed] = []
        outcomes = [(done.claimed, done.answer) for done in finished]
        free = self._free()
        if outcomes or free:
            try:
                claimed = self._stored(outcomes, free=free)
            except Blocked as blocked:
                self._halt(str(blocked), is_alarm=blocked.is_alarm)
        for why, count in self._clerk.take_kept().items():
            self._sent.count(why, count)
            self._sent.is_alarm |= why in ALARMING
        self._pace.take(len(claimed))
        return claimed

    def _stored(self, outcomes: list[tuple[Claimed, Answer]], *, free: int) -> list[Claimed]:
        """Returns the next messages; goes on trying while the database is away.

        What came of a message must not be forgotten: its row would be in doubt, and the message
        sent once more. Nor must one that is still under way.

        Raises:
            OperationalError: the database is away, and there is nothing to be stored.
        """
        while True:
            try:
                return self._clerk.exchange(outcomes, free=free)
            except OperationalError:
                connection.close()
                if not outcomes and not self._under_way:
                    raise
                logger.exception("the database does not take what came of %d mails", len(outcomes))
                sleep(STORE_AGAIN_SECONDS)
                if not outcomes:
                    return []
                free = 0

    def _free(self) -> int:
        """Returns how many messages could be handed over now."""
        if self._sent.halted or not self._go_on():
            return 0
        idle = self._limits.connections - len(self._under_way)
        return self._pace.allowed(at=monotonic(), most=idle)

    def _has_more(self) -> bool:
        """Returns whether to go on when nothing is under way and nothing was claimed."""
        if self._sent.halted or not self._go_on():
            return False
        if self._limits.rate and not self._free():
            return self._clerk.anything_due()
        return self._clerk.prepare()

    def _carry(self, claimed: Claimed) -> None:
        if self._idle:
            carrier = self._idle.popleft()
        else:
            carrier = _Carrier(self._transport(), self._done)
            self._carriers.append(carrier)
            carrier.start()
        self._under_way[claimed.pk] = claimed
        carrier.inbox.put(claimed)

    def _wait(self) -> list[_Done]:
        """Returns what has finished, after a moment if nothing has."""
        if monotonic() - self._renewed_at > RENEW_SECONDS:
            self._renew(self._under_way)
        if not self._under_way:
            if self._limits.rate:
                sleep(min(LOOK_SECONDS, 1 / self._limits.rate))
            return []
        try:
            finished = [self._done.get(timeout=LOOK_SECONDS)]
        except Empty:
            return []
        while not self._done.empty():
            finished.append(self._done.get())
        return finished

    def _renew(self, pks: Iterable[int]) -> None:
        self._renewed_at = monotonic()
        try:
            with transaction.atomic(durable=True):
                self._clerk.renew(list(pks))
        except OperationalError:
            logger.exception("leases could not be renewed")

    def _halt(self, why: str, *, is_alarm: bool) -> None:
        self._sent.halted = self._sent.halted or why
        self._sent.is_alarm |= is_alarm


def until(now: datetime, *, began: float) -> Clock:
    """Returns a clock that showed ``now`` when the process's own showed ``began`` (monotonic)."""
    return lambda: now + timedelta(seconds=monotonic() - began)
