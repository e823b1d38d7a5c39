"""Previews in the mail room: somebody's digest of a day, as it left or as it would be, and a test.

What is told at once has a page of its own (``mailroom_at_once.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
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
    mail_of_delivery,
    preview_mail,
    send_test,
)
from comments.admin.desk_access import Desk, desk_view
from comments.admin.mailroom import FOLDER
from comments.admin.mailroom_deliveries import ITEMS_SHOWN, LONGEST_ADDRESS
from comments.admin.mailroom_framing import html_of, is_framed_mail, may_frame_mail, scheme_in
from comments.admin.mailroom_words import (
    day_line,
    delivery_line,
    moment,
    shown_address,
    why_nothing,
    wish_lines,
)
from comments.errors import ValidationFailed
from comments.models import Channel, Delivery, Frequency, Subscription
from comments.queries.mailroom import (
    SubscriberCard,
    digest_after,
    digest_of,
    mail_items,
    office_of,
    subscriber_card,
)
from comments.queries.subscribers import digest_name, schedule_of
from comments.rules.digesting import latest_period

LONGEST_DAYS = 3_660
"""How far from now a preview may be."""
NO_DATE = "This is no date with a time, or one too far away."
INPUT = "%Y-%m-%dT%H:%M"


@desk_view("configure")
def start(desk: Desk) -> HttpResponse:
    """Asks whose mail is to be shown."""
    return desk.page("preview_start.html", folder=FOLDER, title="Preview", is_preview=True)


@may_frame_mail
@desk_view("configure")
def preview(desk: Desk, subscriber_id: int) -> HttpResponse:
    """Shows somebody's digest of a day: as it left, or as it would be."""
    card = card_of(desk, subscriber_id)
    asked = desk.request.GET.get("at", "")
    if not asked and card.channels == {Channel.Kind.INSTANT}:
        return HttpResponseRedirect(reverse("desk:mail_at_once", args=[subscriber_id]))
    return _page(desk, card, asked=asked)


def card_of(desk: Desk, subscriber_id: int) -> SubscriberCard:
    """Returns a subscriber of the site with what is wanted.

    Raises:
        Http404: the site has none of this id.
    """
    card = subscriber_card(subscriber_id, site_id=desk.site_id)
    if card is None:
        raise Http404
    return card


def card_context(desk: Desk, card: SubscriberCard) -> dict[str, Any]:
    """Returns what the pages of a subscriber's previews have in common."""
    return {
        "folder": FOLDER,
        "title": "Preview",
        "is_preview": True,
        "card": card,
        "address": shown_address(card.subscriber, desk=desk),
        "wishes": wish_lines(card, digest=digest_name(card.subscriber.site)),
        "has_digest": Channel.Kind.DIGEST in card.channels,
        "has_at_once": Channel.Kind.INSTANT in card.channels,
    }


def mail_context(
    desk: Desk, mail: PreviewedMail | None, *, body: str, asked_for: dict[str, str]
) -> dict[str, Any]:
    """Returns what a page shows of a mail.

    Args:
        body: name of the address of its HTML part, for the subscriber of the page.
        asked_for: says which mail it is, in that address and in the one of the page.
    """
    items = mail.items if mail is not None else ()
    scheme = scheme_in(desk)
    return {
        "mail": mail,
        "item_count": len(items),
        "items": mail_items(items[:ITEMS_SHOWN]),
        "body_url": f"{body}?{urlencode({**asked_for, 'scheme': scheme})}",
        "asked_for": urlencode(asked_for),
        "scheme": scheme,
    }


@dataclass(frozen=True, slots=True)
class _Digest:
    """A digest: one that was planned for its day, or one as it would be; or why there is none."""

    at: datetime
    day: date
    """By the clocks of the subscriber."""
    is_over: bool
    """The day, on which there is nothing to be planned any more."""
    delivery: Delivery | None = None
    mail: PreviewedMail | None = None
    failure: str = ""

    @property
    def is_missing(self) -> bool:
        """Returns whether the day has gone by without a digest."""
        return self.is_over and self.delivery is None


def _digest(desk: Desk, card: SubscriberCard, *, asked: str) -> _Digest | None:
    """Returns the digest that is asked for; ``None``: at what is no time.

    Whoever asks for a day that has its digest already is shown that one, and not what is news now.

    Args:
        asked: as the form sends it; empty for the next digest.
    """
    at = at_in(asked, now=desk.now) if asked else _next_digest(card, now=desk.now)
    if at is None:
        return None
    zone = schedule_of(card.subscriber, frequency=Frequency.DAILY).tz
    day, today = at.astimezone(zone).date(), desk.now.astimezone(zone).date()
    is_over = bool(asked) and day < today
    address = shown_address(card.subscriber, desk=desk)
    delivery = None
    if asked and day <= today:
        delivery = digest_of(card.subscriber.pk, period=day)
    try:
        if delivery is not None:
            mail = mail_of_delivery(delivery, now=desk.now, address=address)
        elif is_over:
            mail = None
        else:
            mail = preview_mail(card.subscriber.pk, at=at, address=address)
    except NotComposed as failure:
        return _Digest(at, day, is_over, delivery, failure=str(failure))
    return _Digest(at, day, is_over, delivery, mail)


def _page(
    desk: Desk, card: SubscriberCard, *, asked: str, to: str = "", error: str = ""
) -> HttpResponse:
    """Returns the page of a preview.

    Args:
        asked: the time as the form sends it; empty for the time of the next digest.
        to: what was typed as the address for a test, and
        error: why none was sent.
    """
    found = _digest(desk, card, asked=asked)
    at_text = f"{timezone.localtime(found.at):{INPUT}}" if found is not None else asked
    return desk.page(
        "preview.html",
        status=200 if found is not None and not error else 422,
        **card_context(desk, card),
        **mail_context(
            desk,
            found.mail if found is not None else None,
            body=reverse("desk:mail_preview_body", args=[card.subscriber.pk]),
            asked_for={"at": at_text} if asked else {},
        ),
        asked=at_text if asked else "",
        at_text=at_text,
        at_error="" if found is not None else NO_DATE,
        digest=found,
        failure=found.failure if found is not None else "",
        why_nothing=why_nothing(card),
        to=to,
        to_error=error,
        **(_of_its_day(desk, card, found) if found is not None else {}),
    )


def _of_its_day(desk: Desk, card: SubscriberCard, found: _Digest) -> dict[str, Any]:
    """Returns what is said of the day of a digest, and of one that was planned beside it."""
    if found.delivery is not None:
        is_paused = office_of(desk.site_id).paused_at is not None
        line = delivery_line(found.delivery, desk=desk, is_paused=is_paused)
        return {"line": line, "said": day_line(found.delivery, line)}
    if found.is_missing:
        return {"following": digest_after(card.subscriber.pk, period=found.day)}
    return _planned(card, at=found.at)


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


def _planned(card: SubscriberCard, *, at: datetime) -> dict[str, Any]:
    """Returns the digest that has been planned for the period that a preview is of, if any has."""
    frequencies = {
        one.frequency
        for one in card.subscriptions
        if one.state == Subscription.State.ACTIVE and one.frequency != "instant"
    }
    if not frequencies:
        return {}
    schedule = schedule_of(card.subscriber, frequency=frequencies.pop())
    period = latest_period(at, schedule)
    return {"period": period, "planned": digest_of(card.subscriber.pk, period=period)}


@is_framed_mail
@desk_view("configure")
def preview_body(desk: Desk, subscriber_id: int) -> HttpResponse:
    """Answers with the HTML part of a preview, for the frame on its page."""
    found = _digest(desk, card_of(desk, subscriber_id), asked=desk.request.GET.get("at", ""))
    if found is None or found.mail is None:
        raise Http404
    return html_of(found.mail, scheme=scheme_in(desk))


@may_frame_mail
@desk_view("configure", "POST")
def test(desk: Desk, subscriber_id: int) -> HttpResponse:
    """Sends a preview to an address that was typed in."""
    card = card_of(desk, subscriber_id)
    asked = desk.request.POST.get("at", "")
    to = desk.request.POST.get("to", "")[:LONGEST_ADDRESS]
    found = _digest(desk, card, asked=asked)
    if found is None:
        return _page(desk, card, asked=asked, to=to, error=NO_DATE)
    sent, error = None, ""
    if not found.is_missing:
        sent, error = tried_test(
            lambda: send_test(subscriber_id, at=found.at, to=to, instead=found.delivery)
        )
    if error:
        return _page(desk, card, asked=asked, to=to, error=error)
    if sent is None:
        messages.warning(desk.request, "There is no news at that time; nothing was sent.")
    else:
        messages.success(desk.request, f"A test was sent: the digest of {moment(found.at)}.")
    back = reverse("desk:mail_preview", args=[subscriber_id])
    return HttpResponseRedirect(f"{back}?{urlencode({'at': asked})}" if asked else back)


def tried_test(
    send: Callable[[], PreviewedMail | None],
) -> tuple[PreviewedMail | None, str]:
    """Returns what was sent as a test, and why nothing was where that is an error."""
    try:
        return send(), ""
    except ValidationFailed as refusal:
        return None, str(refusal)
    except NotComposed as failure:
        return None, f"It cannot be composed: {failure}."
    except NotSent as failure:
        return None, f"The mail server has not taken it on: {failure}."
