"""The mail room at ``/admin/mail/``: how the mail stands, the figures, and what bounces."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.dateformat import format as date_format
from django.utils.safestring import SafeString, mark_safe

from comments.actions.post_office import LEFT, clear_stop, pause_mail, resume_mail
from comments.actions.sending import confirm_place
from comments.actions.suppressing import lift_suppression
from comments.admin.desk_access import Desk, desk_view, number_in
from comments.admin.mailroom_words import shown_address
from comments.errors import CursorInvalid
from comments.models import PostOffice, Subscriber
from comments.queries.mailroom import (
    DAYS,
    MOST_COUNTED,
    BouncePage,
    MailDay,
    count_doubts,
    count_waiting,
    kept_figures,
    office_of,
    suppressed_page,
)
from comments.queries.places import this_place
from comments.rules.charts import Series, bar_chart

FOLDER = "mailroom"
TILES = (
    ("active", "Active"),
    ("pending", "Not confirmed"),
    ("paused", "Paused"),
    ("unsubscribed", "Unsubscribed"),
    ("bounced", "Bounced"),
)
MAIL_SERIES = (
    ("sent", "sent", "good"),
    ("in_doubt", "in doubt", "wait"),
    ("bounced", "bounced", "bad"),
    ("expired", "expired", "worse"),
    ("cancelled", "cancelled", "quiet"),
)


@desk_view("configure")
def mail(desk: Desk) -> HttpResponse:
    """Shows whether mail leaves, how many subscribe, and what became of the mail of 30 days."""
    office = office_of(desk.site_id)
    doubts = count_doubts(site_id=desk.site_id, left=LEFT)
    found = kept_figures(site_id=desk.site_id, now=desk.now)
    return desk.page(
        "front.html",
        folder=FOLDER,
        title="Mail room",
        is_front=True,
        office=office,
        is_stopped=office.stopped_until is not None and office.stopped_until > desk.now,
        is_elsewhere=_is_elsewhere(office),
        to_leave=counted(count_waiting(site_id=desk.site_id)),
        doubts=counted(doubts.all),
        undecided=counted(doubts.undecided),
        is_one_undecided=doubts.undecided == 1,
        days=DAYS,
        counted_at=found.counted_at if found.counted_at != desk.now else None,
        tiles=[(name, f"{found.subscribers.get(key, 0):,}") for key, name in TILES],
        mails_chart=_mails_chart(found.days),
        mails_legend=[(name, css) for _, name, css in MAIL_SERIES],
        moves_chart=_moves_chart(found.days),
        table=[
            (day, [day.by_state.get(key, 0) for key, *_ in MAIL_SERIES])
            for day in reversed(found.days)
            if not day.is_empty
        ],
    )


def counted(figure: int) -> str:
    """Returns a figure that was counted up to ``MOST_COUNTED``; ``""`` for none."""
    if figure > MOST_COUNTED:
        return f"more than {MOST_COUNTED:,}"
    return f"{figure:,}" if figure else ""


def _is_elsewhere(office: PostOffice) -> bool:
    """Returns whether this database is a copy of the one that mail was sent from."""
    return bool(office.place) and office.place != this_place()


def _mails_chart(days: Sequence[MailDay]) -> SafeString:
    total = sum(sum(day.by_state.values()) for day in days)
    sent = sum(day.by_state.get("sent", 0) for day in days)
    return mark_safe(
        bar_chart(
            key="mails",
            title=f"Mails per day by what became of them, last {DAYS} days",
            description=f"{total:,} mails, {sent:,} of them sent.",
            labels=_labels(days),
            series=[
                Series(name, css, [day.by_state.get(key, 0) for day in days])
                for key, name, css in MAIL_SERIES
            ],
        )
    )


def _moves_chart(days: Sequence[MailDay]) -> SafeString:
    confirmed, ended = sum(day.confirmed for day in days), sum(day.ended for day in days)
    return mark_safe(
        bar_chart(
            key="moves",
            title=f"Subscriptions confirmed and ended per day, last {DAYS} days",
            description=f"{confirmed:,} confirmed, {ended:,} ended.",
            labels=_labels(days),
            series=[
                Series("confirmed", "good", [day.confirmed for day in days]),
                Series("ended", "bad", [day.ended for day in days]),
            ],
        )
    )


def _labels(days: Sequence[MailDay]) -> list[str]:
    return [date_format(day.day, "j M") for day in days]


@desk_view("configure", "POST")
def office(desk: Desk) -> HttpResponse:
    """Pauses the mail or lets it go on, by the button that was pressed."""
    site_id = desk.site_id
    match desk.request.POST.get("do"):
        case "pause":
            pause_mail(site_id=site_id, now=desk.now)
            said = "Mail is paused. What is due waits; nothing is lost."
        case "resume":
            resume_mail(site_id=site_id)
            said = "Mail leaves again."
        case "retry":
            clear_stop(site_id=site_id)
            said = "The sender tries again with its next run."
        case "confirm":
            confirm_place(site_id=site_id)
            said = "Mail may leave from this database from now on."
        case _:
            return HttpResponse("What is to be done with the mail?", status=400)
    messages.success(desk.request, said)
    return HttpResponseRedirect(reverse("desk:mail"))


@desk_view("configure")
def bounces(desk: Desk) -> HttpResponse:
    """Lists the addresses that take no mail, the latest first."""
    page = _bounces(desk, desk.request.GET.get("cursor"))
    return desk.page(
        "bounces.html",
        folder=FOLDER,
        title="Bounces",
        is_bounces=True,
        rows=[(one, shown_address(one, desk=desk)) for one in page.rows],
        next=page.next,
        later=bool(desk.request.GET.get("cursor")),
    )


def _bounces(desk: Desk, cursor: str | None) -> BouncePage:
    """Returns a page of the list; its beginning where the cursor belongs to another list."""
    try:
        return suppressed_page(site_id=desk.site_id, cursor=cursor)
    except CursorInvalid:
        return suppressed_page(site_id=desk.site_id)


@desk_view("configure", "POST")
def lift(desk: Desk) -> HttpResponse:
    """Lets an address have mail again."""
    subscriber_id = number_in(desk.request.POST.get("subscriber")) or 0
    found = Subscriber.objects.filter(pk=subscriber_id, site_id=desk.site_id).first()
    if found is None:
        raise Http404
    lift_suppression(subscriber_id=found.pk, now=desk.now)
    messages.success(desk.request, "This address may have mail again.")
    return HttpResponseRedirect(reverse("desk:mail_bounces"))
