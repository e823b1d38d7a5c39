"""Deliveries in the mail room: the list, one of them with its mail, and what is in doubt."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.http.request import QueryDict
from django.urls import reverse

from comments.actions.post_office import LEFT, leave_in_doubt, resend_in_doubt
from comments.actions.previewing import NotComposed, PreviewedMail, mail_of_delivery
from comments.admin.desk_access import Desk, desk_view, number_in
from comments.admin.mailroom import FOLDER, counted
from comments.admin.mailroom_framing import html_of, is_framed_mail, may_frame_mail, scheme_in
from comments.admin.mailroom_words import KINDS, SHORT, delivery_line, shown_address
from comments.errors import CursorInvalid, NotFound, Refusal
from comments.models import Delivery, Subscriber
from comments.queries.mailroom import (
    DeliveryFilters,
    DeliveryPage,
    count_doubts,
    deliveries_page,
    delivery_of,
    mail_items,
    office_of,
    subscriber_at,
)

ITEMS_SHOWN = 200
LONGEST_ADDRESS = 320
NOBODY = "Nobody has subscribed here with that address."


@desk_view("configure")
def deliveries(desk: Desk) -> HttpResponse:
    """Lists what was sent and what waits, the newest first."""
    asked = desk.request.GET
    filters = filters_in(asked)
    page = _page(desk, filters, asked.get("cursor"))
    whose = None
    if filters.subscriber_id:
        whose = Subscriber.objects.filter(pk=filters.subscriber_id, site_id=desk.site_id).first()
    is_paused = office_of(desk.site_id).paused_at is not None
    onward = None
    if page.next:
        going_on = asked.copy()
        going_on["cursor"] = page.next
        onward = going_on.urlencode()
    return desk.page(
        "deliveries.html",
        folder=FOLDER,
        title="Deliveries",
        is_deliveries=True,
        lines=[delivery_line(one, desk=desk, is_paused=is_paused) for one in page.rows],
        filters=filters,
        is_filtered=filters != DeliveryFilters(),
        states=SHORT.items(),
        kinds=KINDS.items(),
        whose=whose,
        address=shown_address(whose, desk=desk) if whose is not None else "",
        doubts=counted(count_doubts(site_id=desk.site_id, left=LEFT).all),
        next=onward,
        later=bool(asked.get("cursor")),
    )


def filters_in(asked: QueryDict) -> DeliveryFilters:
    """Returns which deliveries an address of the list asks for; what means nothing is left out."""
    state, kind = asked.get("state", ""), asked.get("kind", "")
    return DeliveryFilters(
        state=state if state in Delivery.State.values else "",
        kind=kind if kind in Delivery.Kind.values else "",
        subscriber_id=number_in(asked.get("subscriber")) or 0,
    )


def _page(desk: Desk, filters: DeliveryFilters, cursor: str | None) -> DeliveryPage:
    """Returns a page of the list; its beginning where the cursor belongs to another list."""
    try:
        return deliveries_page(site_id=desk.site_id, filters=filters, cursor=cursor)
    except CursorInvalid:
        return deliveries_page(site_id=desk.site_id, filters=filters)


@desk_view("configure", "POST")
def find(desk: Desk) -> HttpResponse:
    """Leads to the deliveries, or the preview, of whoever has an address.

    By POST, so that the address stands in no log; where it leads, the subscriber has a number.
    """
    given = desk.request.POST
    wants_preview = given.get("to") == "preview"
    found = subscriber_at(given.get("address", "")[:LONGEST_ADDRESS], site_id=desk.site_id)
    if found is None:
        messages.warning(desk.request, NOBODY)
        return HttpResponseRedirect(
            reverse("desk:mail_preview_start" if wants_preview else "desk:mail_deliveries")
        )
    if wants_preview:
        return HttpResponseRedirect(reverse("desk:mail_preview", args=[found.pk]))
    kept = {name: given[name] for name in ("state", "kind") if given.get(name)}
    asked = urlencode({"subscriber": found.pk, **kept})
    return HttpResponseRedirect(f"{reverse('desk:mail_deliveries')}?{asked}")


@may_frame_mail
@desk_view("configure")
def delivery(desk: Desk, delivery_id: int) -> HttpResponse:
    """Shows one delivery with its mail, and in doubt the buttons that decide about it."""
    return _delivery_page(desk, delivery_id)


def _delivery_page(desk: Desk, delivery_id: int, *, refusal: Refusal | None = None) -> HttpResponse:
    found = _found(desk, delivery_id)
    is_paused = office_of(desk.site_id).paused_at is not None
    line = delivery_line(found, desk=desk, is_paused=is_paused)
    mail, failure = _mail(desk, found)
    items = [(thread_id, comment_id) for thread_id, comment_id in found.selection.items]
    left_with = found.edition.items if found.edition is not None else found.selection.items
    return desk.page(
        "delivery.html",
        folder=FOLDER,
        status=refusal.status if refusal is not None else 200,
        title=f"Delivery {found.pk}",
        is_deliveries=True,
        line=line,
        delivery=found,
        covered=found.to_position - found.after_position,
        left_out=len(items) - len(left_with),
        item_count=len(items),
        items=mail_items(items[:ITEMS_SHOWN]),
        mail=mail,
        failure=failure,
        body_url=f"{reverse('desk:mail_delivery_body', args=[found.pk])}?scheme={scheme_in(desk)}",
        scheme=scheme_in(desk),
        refusal=refusal,
    )


def _found(desk: Desk, delivery_id: int) -> Delivery:
    found = delivery_of(delivery_id, site_id=desk.site_id)
    if found is None:
        raise Http404
    return found


def _mail(desk: Desk, found: Delivery) -> tuple[PreviewedMail | None, str]:
    """Returns a delivery's mail, and why there is none."""
    address = shown_address(found.subscriber, desk=desk)
    try:
        return mail_of_delivery(found, now=desk.now, address=address), ""
    except NotComposed as failure:
        return None, str(failure)


@is_framed_mail
@desk_view("configure")
def delivery_body(desk: Desk, delivery_id: int) -> HttpResponse:
    """Answers with the HTML part of a delivery's mail, for the frame on its page."""
    mail, _ = _mail(desk, _found(desk, delivery_id))
    if mail is None:
        raise Http404
    return html_of(mail, scheme=scheme_in(desk))


@may_frame_mail
@desk_view("configure", "POST")
def doubt(desk: Desk, delivery_id: int) -> HttpResponse:
    """Sends a mail in doubt again, or leaves it as it is."""
    do = desk.request.POST.get("do")
    if do not in {"send", "leave"}:
        return HttpResponse("Send it again, or leave it?", status=400)
    try:
        if do == "send":
            resend_in_doubt(delivery_id=delivery_id, site_id=desk.site_id, now=desk.now)
            said = "It leaves again with the next run of the sender, with the bytes that it had."
        else:
            leave_in_doubt(delivery_id=delivery_id, site_id=desk.site_id)
            said = "It stays as it is, and counts as received."
    except NotFound:
        raise Http404 from None
    except Refusal as refusal:
        return _delivery_page(desk, delivery_id, refusal=refusal)
    messages.success(desk.request, said)
    return HttpResponseRedirect(reverse("desk:mail_delivery", args=[delivery_id]))
