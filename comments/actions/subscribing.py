"""Subscribing, confirming, changing, leaving. Nothing here sends: a mail is a row of Delivery.

Whatever a stranger can ask for is answered alike, whether the address is known or not, and brings
about no more than mails that ask for confirmation, a few a day.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from comments.actions.announcing import seal_publications
from comments.actions.channels import DIGEST, held_position, settle_channels
from comments.actions.digesting import plan_before_leaving
from comments.actions.questioning import plan_question
from comments.errors import FieldError, NotFound, ValidationFailed
from comments.language import speaking, translated
from comments.models import (
    Comment,
    Consent,
    Frequency,
    Mute,
    Participant,
    Subscriber,
    Subscription,
    Thread,
)
from comments.queries.scopes import scope_named, wanted_by
from comments.queries.sites import language_of
from comments.queries.subscribers import (
    subscriber_of,
    wording_of,
)
from comments.rules.digesting import zone_named
from comments.rules.subscribing import (
    CONFIRM_DAYS,
    address_key,
    mail_address,
)
from comments.words import gettext_noop

State = Subscription.State
HOURS = range(24)
MOST_SWITCHES = 40
"""Changes between at once and digest that are remembered of a subscription: an even number, so that
what is older than the first is told the way that it was."""


@dataclass(frozen=True, slots=True)
class Asker:
    """By which door a request came, and from where; kept with the consent, as evidence."""

    way: str
    origin: str = ""
    """IP address."""


@dataclass(frozen=True, slots=True)
class Times:
    """When a subscriber wants the digest; ``None``: as it is."""

    tz: str | None = None
    send_hour: int | None = None
    weekday: int | None = None

    def check(self) -> None:
        """Checks what is given.

        Raises:
            ValidationFailed: there is no such zone, hour or day.
        """
        errors = []
        if self.tz is not None:
            try:
                zone_named(self.tz)
            except ValueError:
                detail = gettext_noop("tz is the name of a time zone, such as Europe/Berlin.")
                errors.append(FieldError("#/tz", "invalid_choice", detail))
        if self.send_hour is not None and self.send_hour not in HOURS:
            errors.append(FieldError("#/send_hour", "invalid", gettext_noop("An hour is 0 to 23.")))
        if self.weekday is not None and self.weekday not in range(7):
            errors.append(
                FieldError("#/weekday", "invalid", gettext_noop("A day is 0 (Monday) to 6."))
            )
        if errors:
            raise ValidationFailed(errors)

    def apply(self, subscriber: Subscriber) -> list[str]:
        """Writes what is given; returns the fields that changed."""
        given = {"tz": self.tz, "send_hour": self.send_hour, "weekday": self.weekday}
        changed = [
            name
            for name, value in given.items()
            if value is not None and value != getattr(subscriber, name)
        ]
        for name in changed:
            setattr(subscriber, name, given[name])
        return changed


AS_THEY_ARE = Times()


def checked_address(address: str, *, pointer: str = "#/email") -> str:
    """Returns an address as mail servers are given it.

    Raises:
        ValidationFailed: it is none.
    """
    try:
        return mail_address(address)
    except ValueError as error:
        detail = gettext_noop(
            "This is no address that mail can be sent to: {reason}.", reason=error.args[0]
        )
        raise ValidationFailed([FieldError(pointer, "invalid", detail)]) from None


@transaction.atomic(durable=True)
def subscribe(
    *,
    site_id: int,
    address: str,
    frequency: Frequency,
    asker: Asker,
    now: datetime,
    thread_id: int | None = None,
    participant: Participant | None = None,
    times: Times = AS_THEY_ARE,
) -> None:
    """Writes that somebody wants mail at an address, and plans the mail that asks it whether.

    Who has that subscription already is sent the link to his settings instead, and nothing changes:
    anybody may type an address. So too the times, once the address is confirmed.

    Args:
        thread_id: of the thread that is wanted; without one, the whole site.
        participant: whose replies and mentions are wanted, instead of a thread.

    Raises:
        ValidationFailed: the address, or the times, are none.
    """
    address = checked_address(address)
    times.check()
    subscriber = _locked_subscriber(site_id=site_id, address=address, now=now)
    if subscriber.suppressed_at is not None:
        return
    if subscriber.confirmed_at is None:
        subscriber.save(update_fields=["address", *times.apply(subscriber)])
    subscription, _ = Subscription.objects.get_or_create(
        subscriber=subscriber,
        thread=Thread.objects.get(pk=thread_id) if thread_id is not None else None,
        participant=participant,
        defaults={"frequency": frequency, "asked_at": now},
    )
    if subscription.state != State.ACTIVE:
        subscription.frequency, subscription.asked_at = frequency, now
        subscription.state = State.PENDING
        subscription.save(update_fields=["frequency", "asked_at", "state"])
        keep_consent(subscription, subscriber, Consent.What.ASKED, asker=asker, now=now)
        if participant is not None and _is_proven(participant, subscriber):
            _activate(subscription, subscriber, now=now)
            keep_consent(subscription, subscriber, Consent.What.CONFIRMED, asker=asker, now=now)
            return
    plan_question(subscription, subscriber, now=now)


def _is_proven(participant: Participant, subscriber: Subscriber) -> bool:
    """Returns whether the host has vouched for a participant's address."""
    is_same = address_key(participant.email) == subscriber.address_key
    return is_same and participant.email_verified_at is not None and bool(participant.subject)


def _locked_subscriber(*, site_id: int, address: str, now: datetime) -> Subscriber:
    key = address_key(address)
    Subscriber.objects.get_or_create(
        site_id=site_id,
        address_key=key,
        defaults={"address": address, "token": secrets.token_urlsafe(24), "created_at": now},
    )
    return (
        Subscriber.objects.select_for_update(of=["self"], no_key=True)
        .select_related("site")
        .get(site_id=site_id, address_key=key)
    )


def _locked(token: str, *, site_id: int) -> Subscriber:
    # ``no_key``: a planner that holds a channel, and writes a delivery that points to this row,
    # must not wait for us while we wait for the channel.
    pk = subscriber_of(token, site_id=site_id).pk
    found = Subscriber.objects.select_for_update(of=["self"], no_key=True).select_related("site")
    return found.get(pk=pk)


def keep_consent(
    subscription: Subscription | None,
    subscriber: Subscriber,
    what: Consent.What,
    *,
    asker: Asker,
    now: datetime,
    wording: str = "",
) -> None:
    """Adds a row to the evidence, in the words that were shown: those of the site's language."""
    if wording:
        with speaking(language_of(subscriber.site)):
            wording = translated(wording)
    elif subscription is not None:
        wording = wording_of(subscription, subscriber)
    Consent.objects.create(
        subscriber=subscriber,
        subscription=subscription,
        what=what,
        at=now,
        origin=asker.origin,
        way=asker.way,
        wording=wording,
    )


def confirm(
    token: str, *, subscription_id: int, site_id: int, asker: Asker, now: datetime
) -> Subscription:
    """Begins a subscription: what is published from now on is news for it. Twice is once.

    Raises:
        NotFound: there is none that waits for confirmation, or it has waited too long.
    """
    seal_publications(site_id=site_id)
    with transaction.atomic(durable=True):
        subscriber = _locked(token, site_id=site_id)
        subscription = confirmable(subscriber, subscription_id=subscription_id, now=now)
        if subscription.state == State.PENDING:
            _activate(subscription, subscriber, now=now)
            keep_consent(subscription, subscriber, Consent.What.CONFIRMED, asker=asker, now=now)
    return subscription


def confirmable(subscriber: Subscriber, *, subscription_id: int, now: datetime) -> Subscription:
    """Returns a subscription that is, or may be, confirmed.

    Raises:
        NotFound: there is none, or it has waited too long.
    """
    found = subscriber.subscriptions.select_related("thread").filter(pk=subscription_id).first()
    is_late = found is not None and now - found.asked_at > timedelta(days=CONFIRM_DAYS)
    if found is None or found.state == State.ENDED or (found.state == State.PENDING and is_late):
        raise NotFound(
            gettext_noop("This link does not work any more. Subscribe again to get a new one.")
        )
    return found


def _activate(subscription: Subscription, subscriber: Subscriber, *, now: datetime) -> None:
    subscriber.confirmed_at = subscriber.confirmed_at or now
    subscriber.bounces = 0
    subscriber.save(update_fields=["confirmed_at", "bounces"])
    position = held_position(subscriber)
    subscription.state, subscription.confirmed_at = State.ACTIVE, now
    subscription.began, subscription.ended_at = position, None
    subscription.switches = []
    subscription.save(update_fields=["state", "confirmed_at", "began", "ended_at", "switches"])
    if subscription.participant_id is not None:
        # The link in the mail has shown that whoever asked reads that mailbox.
        written = Participant.objects.filter(pk=subscription.participant_id)
        for participant in written.filter(email_verified_at=None):
            if address_key(participant.email) == subscriber.address_key:
                written.update(email_verified_at=now)
    _level(subscription, subscriber)
    settle_channels(subscriber, now=now, position=position)


def _level(subscription: Subscription, subscriber: Subscriber) -> None:
    """Gives all that goes into the digest the frequency that was chosen last."""
    if subscription.frequency in DIGEST:
        subscriber.subscriptions.filter(state=State.ACTIVE, frequency__in=DIGEST).update(
            frequency=subscription.frequency
        )


def leave(token: str, *, scope: str, site_id: int, asker: Asker, now: datetime) -> None:
    """Ends what a link in a mail names; twice is once, and what is gone by itself has ended.

    Args:
        scope: ``site``, ``thread-<id>``, ``answers``, ``digest`` (all that goes into it), ``all``,
            or ``conversation-<thread>-<number>`` for one root and what stands below it.

    Raises:
        NotFound: nobody has this token, or there is no such scope.
    """
    with transaction.atomic(durable=True):
        subscriber = _locked(token, site_id=site_id)
        named = scope_named(scope)
        if named.conversation is not None:
            thread_id, root_number = named.conversation
            root = Comment.objects.filter(thread__site_id=site_id, thread_id=thread_id)
            if not root.filter(number=root_number).exists():
                return
            mute, is_new = Mute.objects.get_or_create(
                subscriber=subscriber, thread_id=thread_id, root_number=root_number
            )
            if is_new or mute.lifted_at is not None:
                mute.lifted_at = None
                mute.save(update_fields=["lifted_at"])
                left = gettext_noop(
                    "No more mail about the conversation below #{number}.", number=root_number
                )
                keep_consent(
                    None, subscriber, Consent.What.ENDED, asker=asker, now=now, wording=left
                )
            return
        leaving = wanted_by(subscriber, named)
        kept = subscriber.subscriptions.filter(state=State.ACTIVE)
        if kept.exclude(pk__in=[one.pk for one in leaving]).exists():
            plan_before_leaving(subscriber, now=now)
        for subscription in leaving:
            keep_consent(subscription, subscriber, Consent.What.ENDED, asker=asker, now=now)
            subscription.state, subscription.ended_at = State.ENDED, now
            subscription.save(update_fields=["state", "ended_at"])
        settle_channels(subscriber, now=now)


@transaction.atomic(durable=True)
def rejoin_conversation(
    token: str, *, thread_id: int, root_number: int, site_id: int, asker: Asker, now: datetime
) -> None:
    """Takes back that somebody has left a conversation; where nobody has, nothing changes.

    What was published meanwhile is no news any more, where a mail has left it out already.

    Raises:
        NotFound: nobody has this token.
    """
    subscriber = _locked(token, site_id=site_id)
    left = subscriber.mutes.filter(thread_id=thread_id, root_number=root_number, lifted_at=None)
    if left.update(lifted_at=now):
        back = gettext_noop(
            "Mail again about the conversation below #{number}.", number=root_number
        )
        keep_consent(None, subscriber, Consent.What.CHANGED, asker=asker, now=now, wording=back)


@dataclass(frozen=True, slots=True)
class Change:
    """What a subscriber changes; ``None``: as it is."""

    times: Times = AS_THEY_ARE
    frequency: Frequency | None = None
    subscription_id: int | None = None
    """Whose frequency; without it, of all that are active."""
    paused: bool | None = None


def change_settings(
    token: str, *, change: Change, site_id: int, asker: Asker, now: datetime
) -> Subscriber:
    """Changes when and how often mail comes, or whether at all for now.

    Raises:
        NotFound: nobody has this token, or not that subscription.
        ValidationFailed: there is no such zone, hour or day.
    """
    change.times.check()
    with transaction.atomic(durable=True):
        subscriber = _locked(token, site_id=site_id)
        active = subscriber.subscriptions.filter(state=State.ACTIVE).select_related("thread")
        changed = change.times.apply(subscriber)
        if change.paused is not None and change.paused != (subscriber.paused_at is not None):
            subscriber.paused_at = now if change.paused else None
            changed.append("paused_at")
        subscriber.save(update_fields=changed)
        chosen = active
        if change.subscription_id is not None:
            chosen = active.filter(pk=change.subscription_id)
            if not chosen.exists():
                raise NotFound(gettext_noop("There is no such subscription."))
        if change.frequency is not None:
            for one in chosen.exclude(frequency=change.frequency):
                if (one.frequency in DIGEST) != (change.frequency in DIGEST):
                    position = held_position(subscriber)
                    one.switches = [*one.switches, position][-MOST_SWITCHES:]
                one.frequency = change.frequency
                one.save(update_fields=["frequency", "switches"])
                _level(one, subscriber)
                changed.append("frequency")
        if changed:
            for one in active.all():
                keep_consent(one, subscriber, Consent.What.CHANGED, asker=asker, now=now)
            settle_channels(subscriber, now=now)
    return subscriber


@transaction.atomic(durable=True)
def forget_subscriber(token: str, *, site_id: int) -> None:
    """Deletes an address and all that was kept of it, also what a guest gave with a comment.

    The comments stay. Whoever has an account has the address there, and it is not ours to delete.

    Raises:
        NotFound: nobody has this token.
    """
    subscriber = _locked(token, site_id=site_id)
    # A planner that has the channels may be writing deliveries: those have to be seen first.
    held_position(subscriber)
    guests = Participant.objects.filter(site_id=site_id, user=None, subject="")
    guests.filter(email__iexact=subscriber.address).update(email="", email_verified_at=None)
    subscriber.delete()
