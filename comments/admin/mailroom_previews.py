"""Previews in the mail room: what somebody's digest would be at a time, and a test of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from comments.actions.previewing import (
    NotComposed,
    NotSent,
    PreviewedMail,
    preview_mail,
    send_test,
)
from comments.admin.desk_access import Desk, desk_view
from comments.admin.mailroom import FOLDER
from comments.admin.mailroom_deliveries import ITEMS_SHOWN, LONGEST_ADDRESS
from comments.admin.mailroom_framing import html_of, is_framed_mail, may_frame_mail, scheme_in
from comments.admin.mailroom_words import moment, shown_address, why_nothing, wish_lines
from comments.errors import ValidationFailed
from comments.models import Subscription
from comments.queries.mailroom import SubscriberCard, delivered_on, mail_items, subscriber_card
from comments.queries.subscribers import digest_name, schedule_of
from comments.rules.digesting import latest_period

LONGEST_DAYS = 3_660
"""How far from now a preview may be."""
NO_DATE = "This is no date with a time, or one too far away."
INPUT = "%Y-%m-%dT%H:%M"


@desk_view("configure")
def start(desk: Desk) -> HttpResponse:
    """Asks whose digest is to be shown."""
    return desk.page("preview_start.html", folder=FOLDER, title="Preview", is_preview=True)


@may_frame_mail
@desk_view("configure")
def preview(desk: Desk, subscriber_id: int) -> HttpResponse:
    """Shows somebody's digest as it would be at a time."""
    return _page(desk, _card(desk, subscriber_id), asked=desk.request.GET.get("at", ""))


def _card(desk: Desk, subscriber_id: int) -> SubscriberCard:
    card = subscriber_card(subscriber_id, site_id=desk.site_id)
    if card is None:
        raise Http404
    return card


@dataclass(frozen=True, slots=True)
class _Shown:
    """A digest at a time, or why there is none."""

    at: datetime
    mail: PreviewedMail | None = None
    failure: str = ""


def _page(
    desk: Desk, card: SubscriberCard, *, asked: str, to: str = "", error: str = ""
) -> HttpResponse:
    """Returns the page of a preview.

    Args:
        asked: the time as the form sends it; empty for the time of the next digest.
        to: what was typed as the address for a test, and
        error: why none was sent.
    """
    at = at_in(asked, now=desk.now) if asked else _next_digest(card, now=desk.now)
    shown = _shown(desk, card, at=at) if at is not None else _Shown(desk.now)
    at_text = f"{timezone.localtime(shown.at):{INPUT}}"
    items = shown.mail.items if shown.mail is not None else ()
    return desk.page(
        "preview.html",
        folder=FOLDER,
        status=200 if at is not None and not error else 422,
        title="Preview",
        is_preview=True,
        card=card,
        address=shown_address(card.subscriber, desk=desk),
        wishes=wish_lines(card, digest=digest_name(card.subscriber.site)),
        at=shown.at,
        at_text=at_text if at is not None else asked,
        at_error="" if at is not None else NO_DATE,
        mail=shown.mail,
        failure=shown.failure,
        why_nothing=why_nothing(card),
        item_count=len(items),
        items=mail_items(items[:ITEMS_SHOWN]),
        body_url=f"{reverse('desk:mail_preview_body', args=[card.subscriber.pk])}"
        f"?{urlencode({'at': at_text, 'scheme': scheme_in(desk)})}",
        scheme=scheme_in(desk),
        to=to,
        to_error=error,
        **(_planned(card, at=shown.at) if at is not None else {}),
    )


def at_in(text: str, *, now: datetime) -> datetime | None:
    """Returns the time that a form names, by the clocks of the site; ``None``: it is none."""
    try:
        found = parse_datetime(text.strip())
        if found is None:
            return None
        at = found if timezone.is_aware(found) else timezone.make_aware(found)
        is_near = abs(at - now) <= timedelta(days=LONGEST_DAYS)
    except (ValueError, OverflowError):
        return None
    return at if is_near else None


def _next_digest(card: SubscriberCard, *, now: datetime) -> datetime:
    """Returns when somebody's next digest is due; the next minute, where none is or it is late.

    Whole minutes, as the form shows them, and never the one that has begun: what was published in
    it is news.
    """
    at = max(card.due_at or now, now)
    return at.replace(second=0, microsecond=0) + timedelta(
        minutes=bool(at.second or at.microsecond)
    )


def _shown(desk: Desk, card: SubscriberCard, *, at: datetime) -> _Shown:
    address = shown_address(card.subscriber, desk=desk)
    try:
        return _Shown(at, preview_mail(card.subscriber.pk, at=at, address=address))
    except NotComposed as failure:
        return _Shown(at, failure=str(failure))


def _planned(card: SubscriberCard, *, at: datetime) -> dict[str, Any]:
    """Returns the digest that has been planned for the same local date, where there is one."""
    frequencies = {
        one.frequency
        for one in card.subscriptions
        if one.state == Subscription.State.ACTIVE and one.frequency != "instant"
    }
    if not frequencies:
        return {}
    schedule = schedule_of(card.subscriber, frequency=frequencies.pop())
    period = latest_period(at, schedule)
    return {"period": period, "planned": delivered_on(card.subscriber.pk, period=period)}


@is_framed_mail
@desk_view("configure")
def preview_body(desk: Desk, subscriber_id: int) -> HttpResponse:
    """Answers with the HTML part of a preview, for the frame on its page."""
    card = _card(desk, subscriber_id)
    at = at_in(desk.request.GET.get("at", ""), now=desk.now)
    mail = _shown(desk, card, at=at).mail if at is not None else None
    if mail is None:
        raise Http404
    return html_of(mail, scheme=scheme_in(desk))


@may_frame_mail
@desk_view("configure", "POST")
def test(desk: Desk, subscriber_id: int) -> HttpResponse:
    """Sends a preview to an address that was typed in."""
    card = _card(desk, subscriber_id)
    asked = desk.request.POST.get("at", "")
    to = desk.request.POST.get("to", "")[:LONGEST_ADDRESS]
    at = at_in(asked, now=desk.now)
    if at is None:
        return _page(desk, card, asked=asked or "?", to=to, error=NO_DATE)
    try:
        sent = send_test(subscriber_id, at=at, to=to)
    except ValidationFailed as refusal:
        return _page(desk, card, asked=asked, to=to, error=str(refusal))
    except NotComposed as failure:
        return _page(desk, card, asked=asked, to=to, error=f"It cannot be composed: {failure}.")
    except NotSent as failure:
        why = f"The mail server has not taken it on: {failure}."
        return _page(desk, card, asked=asked, to=to, error=why)
    if sent is None:
        messages.warning(desk.request, "There is no news at that time; nothing was sent.")
    else:
        messages.success(desk.request, f"A test was sent: the digest of {moment(at)}.")
    back = reverse("desk:mail_preview", args=[subscriber_id])
    return HttpResponseRedirect(f"{back}?{urlencode({'at': asked})}")
