"""The clerk of a sender: which messages are on their way, and what came of them.

One transaction stores the outcomes of messages and marks the next ones as `sending`. In it is
looked at everything once more: whether mail may leave at all, whether a message is still wanted,
and whether what it shows can still be read. Its row is locked meanwhile, so no two senders take it.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from comments.actions.editions import Current, Editions, may_leave_again
from comments.actions.looking import Look
from comments.actions.selecting import selection_for
from comments.actions.settling import Claimed, Order, settle
from comments.mail import Splicer, Values
from comments.models import Delivery, Edition, PostOffice
from comments.queries.deliveries import MAY_LEAVE, due_deliveries, question_times
from comments.queries.digests import NOT_COMPOSED
from comments.rules.digesting import Item
from comments.rules.sending import (
    LEASE_SECONDS,
    Answer,
    retry_seconds,
)
from comments.rules.subscribing import ASK_AGAIN_SECONDS, question_time

logger = logging.getLogger(__name__)

State = Delivery.State
Kind = Delivery.Kind
LOOKED_UP = 5_000
"""Ids of messages that are due, read at once."""
MOST_RENDERINGS = 1_000
"""Of one selection in one run, after messages had been held up by each."""

KEPT_BACK_SECONDS = 15 * 60
"""Until a message in doubt is looked at again that its address takes no mail for now."""

LEFT_OUT = "left out"
UNDECIDED = "to be decided about in the mail room"
ALARMING = (UNDECIDED, NOT_COMPOSED)
"""Why a message did not leave that an operator has to see to."""

LOST = "its sender was lost"
NOT_WANTED = "not wanted any more"
NOTHING_LEFT = "nothing of it can be read any more"
NOT_AGAIN = "not again by itself: something in it cannot be read any more"
NO_MAIL = "the address takes no mail"
PAUSED = "paused by the subscriber"


class Blocked(Exception):
    """No mail leaves now, and why.

    Attributes:
        is_alarm: nobody has wanted that.
    """

    def __init__(self, why: str, *, is_alarm: bool = False) -> None:
        super().__init__(why)
        self.is_alarm = is_alarm


@dataclass(slots=True)
class Clerk:
    """What one sender knows; not to be shared between threads."""

    order: Order
    clock: Callable[[], datetime]
    _editions: Editions = field(default_factory=Editions)
    _ids: deque[int] = field(default_factory=deque)
    _to_render: dict[int, list[int]] = field(default_factory=dict)
    """Selections without a true edition, and the messages that wait for it."""
    _renderings: Counter[int] = field(default_factory=Counter)
    _asked: set[int] = field(default_factory=set)
    """Who is asked something in the transaction under way."""
    _kept: Counter[str] = field(default_factory=Counter)
    _blocked: Blocked | None = None

    # --- what is due --------------------------------------------------------------------------

    def anything_due(self) -> bool:
        """Returns whether there is a message to send."""
        self._find_lost()
        return bool(self._ids or self._to_render) or self._due().exists()

    def prepare(self) -> bool:
        """Looks for more messages and makes editions; returns whether there is one to send."""
        self._render(most=1)
        if not self._ids:
            self._look_up()
        return bool(self._ids or self._to_render)

    def take_kept(self) -> Counter[str]:
        """Returns how many messages did not leave since it was asked last, by why."""
        kept, self._kept = self._kept, Counter()
        return kept

    def _due(self) -> QuerySet[Delivery]:
        return due_deliveries(site_id=self.order.site_id, now=self.clock(), only=self.order.only)

    def _look_up(self) -> None:
        self._find_lost()
        waiting = {pk for pks in self._to_render.values() for pk in pks}
        found = self._due().values_list("pk", flat=True)[:LOOKED_UP]
        self._ids.extend(pk for pk in found if pk not in waiting)

    def _find_lost(self) -> None:
        """Puts in doubt what was on its way with a sender that gave no word for too long.

        By the time of this machine, whatever time the run is about.
        """
        lost = Delivery.objects.filter(
            site_id=self.order.site_id, state=State.SENDING, lease_until__lt=timezone.now()
        )
        count = lost.update(state=State.IN_DOUBT, due_at=self.clock(), error=LOST, lease_until=None)
        if count:
            logger.warning("%d mails are in doubt, because their sender was lost", count)

    def _render(self, *, most: int) -> None:
        """Makes editions that messages wait for, outside any transaction."""
        for selection_id in list(self._to_render)[: max(most, 1)]:
            self._editions.render([selection_id], now=self.clock())
            self._ids.extendleft(reversed(self._to_render.pop(selection_id)))

    # --- the transaction ----------------------------------------------------------------------

    def exchange(self, outcomes: Collection[tuple[Claimed, Answer]], *, free: int) -> list[Claimed]:
        """Stores what came of messages, and marks up to ``free`` others as on their way.

        Raises:
            Blocked: no mail leaves now; the outcomes are stored all the same.
            OperationalError: the database is away. Nothing is stored, or all of it: to store it
                again changes nothing then.
        """
        wanted: list[int] = []
        if free:
            self._render(most=free)
            if not self._ids:
                self._look_up()
            wanted = [self._ids.popleft() for _ in range(min(free, len(self._ids)))]
        self._blocked = None
        if connection.vendor == "sqlite" and not connection.in_atomic_block:
            # What says that a mail is on its way has to outlive a power cut, or it leaves again.
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA synchronous=FULL")
        try:
            with transaction.atomic(durable=True):
                now = self.clock()
                settle(outcomes, order=self.order, now=now)
                claimed = self._claim(wanted, now=now) if wanted else []
        except BaseException:
            self._ids.extendleft(reversed(wanted))
            raise
        if self._blocked is not None:
            self._ids.extendleft(reversed(wanted))
            raise self._blocked
        return claimed

    def renew(self, pks: Collection[int]) -> None:
        """Says of messages that they still are on their way."""
        own = Delivery.objects.filter(pk__in=pks, lease_by=self.order.sender, state=State.SENDING)
        own.update(lease_until=_lease_end())

    # --- claiming -----------------------------------------------------------------------------

    def _claim(self, pks: list[int], *, now: datetime) -> list[Claimed]:
        room = self._room(now=now)
        if self._blocked is not None:
            return []
        place = {pk: index for index, pk in enumerate(pks)}
        # One statement for messages, subscribers and the office: it is asked a thousand times.
        locked: QuerySet[Any] = (
            Delivery.objects.filter(pk__in=pks[:room], state__in=MAY_LEAVE, due_at__lte=now)
            .select_for_update(of=["self"], skip_locked=True)
            .select_related("subscriber")
            .only(*_COLUMNS)
            .annotate(
                office_paused_at=F("site__post_office__paused_at"),
                office_stopped_until=F("site__post_office__stopped_until"),
                office_stopped_why=F("site__post_office__stopped_why"),
            )
        )
        rows: list[Any] = sorted(locked, key=lambda row: place[row.pk])
        self._ids.extendleft(reversed(pks[room:]))
        self._blocked = _what_holds(rows[0], now=now) if rows else None
        if self._blocked is not None:
            return []
        look = Look.at(rows, editions=self._editions)
        self._asked.clear()
        by_edition = defaultdict(list)
        for row in rows:
            edition_id = self._checked(row, look, now=now)
            if edition_id is not None:
                by_edition[edition_id].append(row)
        claimed = []
        for edition_id, some in by_edition.items():
            ids: list[int] = [row.pk for row in some]
            Delivery.objects.filter(pk__in=ids).update(
                state=State.SENDING,
                edition=edition_id,
                due_at=None,
                lease_until=_lease_end(),
                lease_by=self.order.sender,
                tries=F("tries") + 1,
                mailed_at=Coalesce("mailed_at", now),
            )
            splicer = self._editions.splicer(edition_id)
            claimed += [_claimed(row, splicer, now=now) for row in some]
        return claimed

    def _room(self, *, now: datetime) -> int:
        """Returns how many messages the window leaves room for; says so where it is none."""
        window = self.order.window
        if window is None:
            return LOOKED_UP
        # One sender after another counts, whichever site it is for: the first row is the lock.
        PostOffice.objects.select_for_update().order_by("pk").first()
        since = now - timedelta(seconds=window.window_seconds)
        left = Delivery.objects.filter(
            Q(sent_at__gt=since)
            | Q(state=State.SENDING)
            | Q(state=State.IN_DOUBT, mailed_at__gt=since)
        ).count()
        if left >= window.count:
            self._blocked = Blocked(
                f"{window.count:,} mails have left in the window that is allowed"
            )
        return window.count - left

    def _checked(self, row: Delivery, look: Look, *, now: datetime) -> int | None:
        """Returns the edition that a message may leave with now; else says why in its row."""
        if row.subscriber.suppressed_at is not None:
            return self._keep_back(row, look, NO_MAIL, now=now)
        if row.kind != Kind.CONFIRMATION and row.subscriber.paused_at is not None:
            return self._keep_back(row, look, PAUSED, now=now)
        current = self._editions.current(row.selection_id)
        if current is None or not look.is_true(current):
            return self._render_first(row, now=now)
        if row.kind == Kind.CONFIRMATION:
            if row.state != State.IN_DOUBT and self._is_asked(row, now=now):
                return self._ask_later(row, now=now)
            wanted = list(current.items)
            is_wanted = look.is_awaited(row, current)
        else:
            wanted = look.wanted_of(row, current)
            is_wanted = bool(wanted)
        if not is_wanted:
            return self._out(row, State.CANCELLED, NOT_WANTED)
        if row.state == State.IN_DOUBT:
            return self._same_again(row, current, wanted)
        if current.failure:
            return self._postpone(row, current.failure, now=now)
        if len(wanted) < len(current.items):
            return self._select_anew(row, current, wanted)
        if current.edition_id is None:
            return self._out(row, State.CANCELLED, NOTHING_LEFT)
        return current.edition_id

    # Each of these says in the row why a message does not leave now, and returns no edition.

    def _render_first(self, row: Delivery, *, now: datetime) -> int | None:
        """Lets a message wait for its edition; for a while, where the thread changes too fast."""
        self._renderings[row.selection_id] += 1
        if self._renderings[row.selection_id] > MOST_RENDERINGS:
            return self._postpone(row, "its threads change too fast", now=now)
        self._editions.forget(row.selection_id)
        self._to_render.setdefault(row.selection_id, []).append(row.pk)
        return None

    def _is_asked(self, row: Delivery, *, now: datetime) -> bool:
        """Returns whether an address is not to be asked again now: questions that were planned at
        their distance may have waited together, for the server."""
        if row.subscriber_id in self._asked:
            return True
        self._asked.add(row.subscriber_id)
        asked = question_times(row.subscriber_id, besides=row.pk, now=now)
        at = question_time(asked, now=now)
        return at is None or at > now

    def _ask_later(self, row: Delivery, *, now: datetime) -> int | None:
        later = now + timedelta(seconds=ASK_AGAIN_SECONDS)
        Delivery.objects.filter(pk=row.pk).update(due_at=later)
        return None

    def _out(self, row: Delivery, state: State, why: str) -> int | None:
        """Ends a message that never left. One that perhaps has stays in doubt, and is over too."""
        self._kept[LEFT_OUT] += 1
        if row.state == State.IN_DOUBT:
            state = State.IN_DOUBT
        Delivery.objects.filter(pk=row.pk).update(state=state, error=why, due_at=None)
        return None

    def _keep_back(self, row: Delivery, look: Look, why: str, *, now: datetime) -> int | None:
        """Lets news not leave while their address takes none: the next message will have them.

        One that perhaps has left counts as received, so that no other has it: it waits itself.
        """
        if not look.wants_anything(row):
            return self._out(row, State.CANCELLED, why)
        if row.state != State.IN_DOUBT:
            return self._out(row, State.EXPIRED, why)
        later = now + timedelta(seconds=KEPT_BACK_SECONDS)
        Delivery.objects.filter(pk=row.pk).update(error=why, due_at=later)
        return None

    def _same_again(self, row: Delivery, current: Current, wanted: list[Item]) -> int | None:
        """Returns the edition that a message in doubt had, if nothing in it was taken back."""
        if row.edition_id == current.edition_id and len(wanted) == len(current.items):
            return row.edition_id
        edition = Edition.objects.defer("template").get(pk=row.edition_id or 0)
        if may_leave_again(edition, readable=current.readable & set(wanted)):
            return edition.pk
        logger.error("delivery %d stays in doubt: decide about it in the mail room", row.pk)
        self._kept[UNDECIDED] += 1
        return self._out(row, State.IN_DOUBT, NOT_AGAIN)

    def _postpone(self, row: Delivery, failure: str, *, now: datetime) -> int | None:
        """Puts off a message that cannot be composed; the next release may be able to."""
        Delivery.objects.filter(pk=row.pk).update(
            state=State.DEFERRED,
            error=f"{NOT_COMPOSED}: {failure}"[:200],
            tries=F("tries") + 1,
            due_at=now + timedelta(seconds=retry_seconds(row.tries + 1)),
        )
        self._kept[NOT_COMPOSED] += 1
        return None

    def _select_anew(self, row: Delivery, current: Current, wanted: list[Item]) -> int | None:
        """Takes out of a message what is not wanted any more; it leaves once that is rendered."""
        selection = selection_for(
            site_id=self.order.site_id,
            kind=current.kind,
            scope=current.scope,
            period=current.period,
            items=wanted,
        )
        Delivery.objects.filter(pk=row.pk).update(selection=selection, edition=None)
        self._to_render.setdefault(selection.pk, []).append(row.pk)
        return None


_COLUMNS = (
    *(
        "site_id",
        "state",
        "kind",
        "selection_id",
        "edition_id",
        "mailed_at",
        "tries",
        "after_position",
    ),
    *("subscription_id", "subscriber__address", "subscriber__address_key", "subscriber__token"),
    *("subscriber__paused_at", "subscriber__suppressed_at", "subscriber__bounces"),
)


def _what_holds(row: Any, *, now: datetime) -> Blocked | None:
    """Returns why no mail of the site leaves now, if it does not."""
    if row.office_paused_at is not None:
        return Blocked("mail is paused by an operator")
    if row.office_stopped_until is not None and row.office_stopped_until > now:
        return Blocked(f"the mail server refuses us: {row.office_stopped_why}", is_alarm=True)
    return None


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=LEASE_SECONDS)


def _claimed(row: Delivery, splicer: Splicer, *, now: datetime) -> Claimed:
    mailed_at = row.mailed_at or now
    return Claimed(
        pk=row.pk,
        subscriber_id=row.subscriber_id,
        prior=row.state,
        tries=row.tries + 1,
        first_tried_at=mailed_at,
        is_first=row.mailed_at is None,
        bounces=row.subscriber.bounces,
        splicer=splicer,
        values=Values(
            address=row.subscriber.address,
            token=row.subscriber.token,
            delivery_id=row.pk,
            subscription_id=row.subscription_id or 0,
            mailed_at=mailed_at,
        ),
    )
