"""What the page of a thread does about mail: the form below it, and telling a commenter of answers.

Whoever types an address is answered alike, whether it is known or not, and whether or not a mail
goes out.
"""

from __future__ import annotations

import logging
from datetime import datetime

from django.core.cache import cache
from django.http import HttpRequest

from comments.actions.asking import PAGE, asker_of
from comments.actions.limiting import address_of, spend
from comments.actions.subscribing import Times, subscribe
from comments.errors import RateLimited
from comments.models import Frequency, Participant
from comments.queries.scopes import digest_frequency, is_told_of_answers
from comments.queries.sites import site_of
from comments.rules.subscribing import address_key
from comments.views.subscribe_forms import THREAD, SubscribeForm

LIMIT = "RATE_LIMIT_SUBSCRIBE_ADDRESS"
SAME_FORM_SECONDS = 600

log = logging.getLogger("comments.views")


def subscribe_by(
    form: SubscribeForm, *, request: HttpRequest, thread_id: int, now: datetime
) -> None:
    """Does what a form below a page asks for; a form that a program filled in asks for nothing.

    Raises:
        RateLimited: too many were sent from this address.
        ValidationFailed: there is no such zone.
    """
    spend(LIMIT, who=address_of(request))
    # Noted afterwards: what failed can be sent again.
    noted = f"subscribe:{form.fingerprint}"
    if form.honeypot or cache.get(noted):
        return
    values = form.cleaned_data
    subscribe(
        site_id=site_of(request).pk,
        address=values["email"],
        frequency=Frequency(values["frequency"]),
        asker=asker_of(request, way=PAGE),
        now=now,
        thread_id=thread_id if values["what"] == THREAD else None,
        times=Times(tz=values["tz"], send_hour=int(values["send_hour"])),
    )
    cache.set(noted, 1, timeout=SAME_FORM_SECONDS)


def tell_of_answers(
    participant: Participant, *, address: str, how: str, request: HttpRequest, now: datetime
) -> str:
    """Notes that a commenter wants to hear of replies and mentions.

    The comment is stored by now, so whatever goes wrong here is logged, and said on the page.

    Args:
        address: where to.
        how: ``instant``, ``digest``, or ``""`` for not at all.

    Returns:
        What the page says of it, by its name in ``DONE_WITH_FORM``; ``""`` for nothing.
    """
    if not how:
        return ""
    if not address:
        return "untold"
    site_id = site_of(request).pk
    try:
        frequency = Frequency.INSTANT
        if how == "digest":
            frequency = digest_frequency(address, site_id=site_id)
        # Who has it already would be mailed the link to his settings after each comment.
        if is_told_of_answers(
            address, participant_id=participant.pk, frequency=frequency, site_id=site_id
        ):
            return "told"
        spend(LIMIT, who=address_of(request))
        subscribe(
            site_id=site_id,
            address=address,
            frequency=frequency,
            asker=asker_of(request, way=PAGE),
            now=now,
            participant=participant,
        )
    except RateLimited:
        return "limited"
    except Exception:
        log.exception("comment stored, but its author is not subscribed to answers")
        return "untold"
    return "told" if _is_vouched_for(participant, address) else "telling"


def _is_vouched_for(participant: Participant, address: str) -> bool:
    """Returns whether the host site has vouched for the address, so that no mail asks for it."""
    is_same = address_key(participant.email) == address_key(address)
    return bool(participant.subject) and participant.email_verified_at is not None and is_same
