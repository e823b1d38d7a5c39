"""What the link to leave in a mail names, and what that is of one subscriber."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db.models import Q

from comments.errors import NotFound
from comments.models import Frequency, Subscriber, Subscription
from comments.queries.subscribers import NO_SUCH_LINK
from comments.rules.subscribing import address_key

_THREAD = re.compile(r"thread-([0-9]{1,18})\Z")
_CONVERSATION = re.compile(r"conversation-([0-9]{1,18})-([0-9]{1,18})\Z")

_NAMED = {
    "all": Q(),
    "site": Q(thread=None, participant=None),
    "answers": Q(participant__isnull=False),
    "digest": Q(frequency__in=(Frequency.DAILY, Frequency.WEEKLY)),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What a link names: subscriptions, or one conversation."""

    subscriptions: Q
    conversation: tuple[int, int] | None = None
    """Id of the thread, and number of the root."""
    otherwise: Q | None = None
    """What it names where the first is nothing."""


def scope_named(text: str) -> Scope:
    """Returns what the name of a scope stands for.

    Raises:
        NotFound: it is none.
    """
    if conversation := _CONVERSATION.match(text):
        nothing = Q(pk__in=[])
        return Scope(nothing, (int(conversation[1]), int(conversation[2])))
    if thread := _THREAD.match(text):
        return Scope(Q(thread_id=int(thread[1])))
    if text not in _NAMED:
        raise NotFound(NO_SUCH_LINK)
    # The last digest comes after the change to mail at once, and its link must end that.
    otherwise = ~Q(switches=[]) if text == "digest" else None
    return Scope(_NAMED[text], otherwise=otherwise)


def wanted_by(subscriber: Subscriber, scope: Scope) -> list[Subscription]:
    """Returns which subscriptions of somebody a scope names that have not ended."""
    wanted = subscriber.subscriptions.exclude(state=Subscription.State.ENDED)
    wanted = wanted.select_related("thread", "participant").order_by("pk")
    found = list(wanted.filter(scope.subscriptions))
    if not found and scope.otherwise is not None:
        found = list(wanted.filter(scope.otherwise))
    return found


def digest_frequency(address: str, *, site_id: int) -> Frequency:
    """Returns how often the digest comes to an address: weekly where that was chosen, else daily.

    All that goes into the digest has one frequency, so who wants something in the digest gets it
    when the digest comes anyway.
    """
    weekly = Subscription.objects.filter(
        subscriber__site_id=site_id,
        subscriber__address_key=address_key(address),
        state=Subscription.State.ACTIVE,
        frequency=Frequency.WEEKLY,
    )
    return Frequency.WEEKLY if weekly.exists() else Frequency.DAILY


def is_told_of_answers(
    address: str, *, participant_id: int, frequency: Frequency, site_id: int
) -> bool:
    """Returns whether an address is told, as often as that, of what concerns a participant."""
    return Subscription.objects.filter(
        subscriber__site_id=site_id,
        subscriber__address_key=address_key(address),
        subscriber__suppressed_at=None,
        participant_id=participant_id,
        state=Subscription.State.ACTIVE,
        frequency=frequency,
    ).exists()
