"""Previews in the mail room of what somebody is told at once: what waits, and what left last."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from comments.actions.previewing import (
    NotComposed,
    PreviewedMail,
    Waiting,
    mail_of_waiting,
    send_test,
    waiting_mails,
)
from comments.admin.desk_access import Desk, desk_view
from comments.admin.mailroom_deliveries import LONGEST_ADDRESS
from comments.admin.mailroom_framing import html_of, is_framed_mail, may_frame_mail, scheme_in
from comments.admin.mailroom_previews import card_context, card_of, mail_context, tried_test
from comments.admin.mailroom_words import (
    delivery_line,
    scope_words,
    shown_address,
    why_nothing_at_once,
)
from comments.models import Delivery
from comments.queries.mailroom import (
    DeliveryFilters,
    SubscriberCard,
    deliveries_page,
    office_of,
    thread_titles,
)

MAILS_SHOWN = 20
LAST_SHOWN = 5
GONE = "This mail waits no more: it was planned meanwhile, or holds something else."


@dataclass(frozen=True, slots=True)
class _Line:
    """A mail that waits, in words."""

    key: str
    title: str
    """Of its thread."""
    about: str
    count: int
    """Of pages and comments in it."""


@may_frame_mail
@desk_view("configure")
def at_once(desk: Desk, subscriber_id: int) -> HttpResponse:
    """Shows what somebody would be told at once now, and the last mails of that kind."""
    card = card_of(desk, subscriber_id)
    return _page(desk, card, key=desk.request.GET.get("mail", ""))


def _page(
    desk: Desk, card: SubscriberCard, *, key: str, to: str = "", error: str = ""
) -> HttpResponse:
    """Returns the page.

    Args:
        key: which mail is shown; the first where that is none.
        to: what was typed as the address for a test, and
        error: why none was sent.
    """
    waits = waiting_mails(card.subscriber.pk, now=desk.now)
    chosen = _chosen(waits, key) or next(iter(waits), None)
    mail, failure = _mail(desk, chosen)
    filters = DeliveryFilters(kind=Delivery.Kind.INSTANT, subscriber_id=card.subscriber.pk)
    last = deliveries_page(site_id=desk.site_id, filters=filters, limit=LAST_SHOWN)
    is_paused = office_of(desk.site_id).paused_at is not None
    shown = waits[:MAILS_SHOWN]
    titles = thread_titles(one.thread_id for one in shown)
    return desk.page(
        "preview_at_once.html",
        status=422 if error else 200,
        **card_context(desk, card),
        **mail_context(
            desk,
            mail,
            body=reverse("desk:mail_at_once_body", args=[card.subscriber.pk]),
            asked_for={"mail": chosen.key} if chosen is not None else {},
        ),
        waiting_count=len(waits),
        waiting=[_line(one, titles=titles) for one in shown],
        chosen=chosen.key if chosen is not None else "",
        failure=failure,
        why_nothing=why_nothing_at_once(card),
        last=[delivery_line(one, desk=desk, is_paused=is_paused) for one in last.rows],
        to=to,
        to_error=error,
    )


def _chosen(waits: list[Waiting], key: str) -> Waiting | None:
    return next((one for one in waits if one.key == key), None)


def _line(waiting: Waiting, *, titles: dict[int, str]) -> _Line:
    return _Line(
        key=waiting.key,
        title=titles.get(waiting.thread_id, ""),
        about=scope_words(waiting.selection.scope),
        count=len(waiting.selection.items),
    )


def _mail(desk: Desk, waiting: Waiting | None) -> tuple[PreviewedMail | None, str]:
    """Returns a mail that waits, and why there is none."""
    if waiting is None:
        return None, ""
    address = shown_address(waiting.subscriber, desk=desk)
    try:
        return mail_of_waiting(waiting, now=desk.now, address=address), ""
    except NotComposed as failure:
        return None, str(failure)


@is_framed_mail
@desk_view("configure")
def body(desk: Desk, subscriber_id: int) -> HttpResponse:
    """Answers with the HTML part of a mail that waits, for the frame on its page."""
    card = card_of(desk, subscriber_id)
    waits = waiting_mails(card.subscriber.pk, now=desk.now)
    mail, _ = _mail(desk, _chosen(waits, desk.request.GET.get("mail", "")))
    if mail is None:
        raise Http404
    return html_of(mail, scheme=scheme_in(desk))


@may_frame_mail
@desk_view("configure", "POST")
def test(desk: Desk, subscriber_id: int) -> HttpResponse:
    """Sends a mail that waits to an address that was typed in."""
    card = card_of(desk, subscriber_id)
    key = desk.request.POST.get("mail", "")
    to = desk.request.POST.get("to", "")[:LONGEST_ADDRESS]
    waiting = _chosen(waiting_mails(card.subscriber.pk, now=desk.now), key)
    sent, error = None, ""
    if waiting is not None:
        sent, error = tried_test(
            lambda: send_test(subscriber_id, at=desk.now, to=to, instead=waiting)
        )
    if error:
        return _page(desk, card, key=key, to=to, error=error)
    if sent is None:
        messages.warning(desk.request, f"Nothing was sent. {GONE}")
    else:
        messages.success(desk.request, f"A test was sent: {sent.subject}")
    back = reverse("desk:mail_at_once", args=[subscriber_id])
    return HttpResponseRedirect(f"{back}?{urlencode({'mail': key})}")
