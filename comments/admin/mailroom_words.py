"""What the mail room says of a mail and of a subscriber, in words an operator can act on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from comments.actions.post_office import LEFT
from comments.admin.desk_access import Desk
from comments.models import Delivery, Subscriber, Subscription
from comments.queries.mailroom import SubscriberCard
from comments.queries.subscribers import label_of, when_of

State = Delivery.State

EXPLAINED = {
    State.QUEUED: "It leaves with the next run of the sender.",
    State.SENDING: "A sender is handing it to the mail server.",
    State.SENT: (
        "The mail server has taken it on, or where there is none, it is a file. "
        "Whether it arrives, only a bounce can tell."
    ),
    State.DEFERRED: "It could not be handed over, and is tried again.",
    State.IN_DOUBT: "The connection was lost before the mail server had answered.",
    State.BOUNCED: "It was refused, and is not tried again.",
    State.CANCELLED: "It was not sent, and needs not be.",
    State.EXPIRED: "It was not sent; what it held comes with the next one.",
}
SHORT = {
    State.QUEUED: "queued",
    State.SENDING: "being sent",
    State.SENT: "sent",
    State.DEFERRED: "tried again",
    State.IN_DOUBT: "in doubt",
    State.BOUNCED: "bounced",
    State.CANCELLED: "cancelled",
    State.EXPIRED: "expired",
}
TONES = {
    State.SENT: "approved",
    State.BOUNCED: "rejected",
    State.IN_DOUBT: "spam",
    State.CANCELLED: "off",
    State.EXPIRED: "off",
}
"""The colour of a state, by the classes that the desk has; other states wait."""
KINDS = {
    Delivery.Kind.CONFIRMATION: "confirmation",
    Delivery.Kind.DIGEST: "digest",
    Delivery.Kind.INSTANT: "at once",
}
SCOPES = {
    "site": "each post and comment",
    "thread": "one thread",
    "answers": "replies and mentions",
    "digest": "the digest",
}


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """A mail in words."""

    delivery: Delivery
    to: str
    kind: str
    about: str
    """A digest's date, else what it is about."""
    short: str
    tone: str
    explained: str
    at: datetime
    """When it left, else when it was planned."""
    needs_decision: bool
    """It is in doubt, and nothing happens to it by itself."""
    is_left: bool
    """An operator has decided to leave it so."""


def delivery_line(delivery: Delivery, *, desk: Desk, is_paused: bool = False) -> DeliveryLine:
    """Returns a mail in words; its subscriber has been loaded.

    Args:
        is_paused: an operator holds all mail back.
    """
    state = State(delivery.state)
    undecided = state == State.IN_DOUBT and delivery.due_at is None
    return DeliveryLine(
        delivery=delivery,
        to=shown_address(delivery.subscriber, desk=desk),
        kind=KINDS[Delivery.Kind(delivery.kind)],
        about=_about(delivery),
        short=SHORT[state],
        tone=TONES.get(state, "held"),
        explained=_explained(delivery, state, is_paused=is_paused),
        at=delivery.sent_at or delivery.mailed_at or delivery.created_at,
        needs_decision=undecided,
        is_left=undecided and delivery.error.startswith(LEFT),
    )


def _explained(delivery: Delivery, state: State, *, is_paused: bool) -> str:
    if is_paused and state == State.QUEUED:
        return "Mail is paused: it leaves when mail leaves again."
    held_back = "But mail is paused." if is_paused and delivery.due_at is not None else ""
    return " ".join(filter(None, [EXPLAINED[state], _what_next(delivery, state), held_back]))


def _about(delivery: Delivery) -> str:
    if delivery.kind == Delivery.Kind.DIGEST:
        return delivery.period
    if delivery.kind == Delivery.Kind.CONFIRMATION:
        return ""
    return scope_words(delivery.period.rpartition(":")[2].partition("+")[0])


def scope_words(scope: str) -> str:
    """Returns what a scope, as ``thread-12``, is of."""
    return SCOPES.get(scope.partition("-")[0], scope)


def day_line(delivery: Delivery, line: DeliveryLine) -> str:
    """Returns what became of the digest of a day, for whoever is shown it."""
    if delivery.sent_at is None:
        said = line.explained
    else:
        bounced = " It bounced." if delivery.state == State.BOUNCED else ""
        said = f"Sent on {moment(delivery.sent_at)}.{bounced}"
    if delivery.edition_id is None:
        return f"{said} It has not been rendered: below it stands as it would be now."
    return f"{said} Below it stands as it was rendered."


def _what_next(delivery: Delivery, state: State) -> str:
    if state == State.IN_DOUBT and delivery.due_at is None:
        return "It is not sent again by itself, and counts as received."
    if state in {State.IN_DOUBT, State.DEFERRED} and delivery.due_at is not None:
        same = "The same bytes leave" if state == State.IN_DOUBT else "The next try is"
        return f"{same} from {moment(delivery.due_at)} on."
    return ""


def moment(at: datetime) -> str:
    """Returns a time as the clocks of the site show it."""
    local = timezone.localtime(at)
    return f"{local.day} {local:%b %Y %H:%M}"


def shown_address(subscriber: Subscriber, *, desk: Desk) -> str:
    """Returns an address as a moderator may see it: whole with the role ``sanction`` alone."""
    return subscriber.address if desk.may_sanction else masked(subscriber.address)


def masked(address: str) -> str:
    """Returns an address without all but the first character of what stands before the @."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"


@dataclass(frozen=True, slots=True)
class WishLine:
    """A subscription in words."""

    label: str
    when: str
    state: str
    is_active: bool


def wish_lines(card: SubscriberCard, *, digest: str) -> list[WishLine]:
    """Returns the subscriptions of somebody in words."""
    return [
        WishLine(
            label=label_of(one, digest=digest),
            when=when_of(one, card.subscriber),
            state=one.get_state_display(),
            is_active=one.state == Subscription.State.ACTIVE,
        )
        for one in card.subscriptions
    ]


def why_nothing(card: SubscriberCard) -> str:
    """Returns why somebody's digest would not be sent; the plain truth is mostly: no news."""
    if why := _why_no_mail(card):
        return why
    if all(one.frequency == "instant" for one in _active(card)):
        return "There is no digest: everything is told at once."
    if Delivery.Kind.DIGEST in card.waited_for:
        return "A digest is on its way, or in doubt; the next one waits for it."
    return "No news: nothing was published for this subscriber since the last digest, by then."


def why_nothing_at_once(card: SubscriberCard) -> str:
    """Returns why nothing would be told at once; mostly because everything has been."""
    if why := _why_no_mail(card):
        return why
    if all(one.frequency != "instant" for one in _active(card)):
        return "Nothing is told at once: everything comes with the digest."
    if Delivery.Kind.INSTANT in card.waited_for:
        return "The last mail has not left yet, or is in doubt; the next one waits for it."
    return "Nothing waits: whatever was published for this subscriber has been told."


def _why_no_mail(card: SubscriberCard) -> str:
    if card.subscriber.suppressed_at is not None:
        return "No mail goes to this address: it is in the list of bounces."
    if not _active(card):
        return "Nothing is subscribed to, or nothing is confirmed yet."
    if card.subscriber.paused_at is not None:
        return "The subscriber has paused all mail."
    return ""


def _active(card: SubscriberCard) -> list[Subscription]:
    return [one for one in card.subscriptions if one.state == Subscription.State.ACTIVE]
