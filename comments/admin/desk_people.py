"""Who writes, at the desk: a page for each, limits on what they may do, looks at addresses."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.http.request import QueryDict
from django.urls import reverse

from comments.actions.moderating import Reasons
from comments.actions.sanctioning import impose_sanction, lift_sanction, look_at_address
from comments.admin.desk import NOTHING, NOTHING_DECIDED, fragment, queue_view
from comments.admin.desk_access import Desk, back_to_queue, desk_view, number_in
from comments.admin.desk_cards import STATES, card_of, in_words
from comments.admin.desk_limits import FIELDS, LIMITED, LONGEST_WORDS, asked_in, limits_of
from comments.errors import NotFound, Refusal
from comments.models import Comment, Participant, Sanction
from comments.queries.participants import PastSanction, dossier, sanctions_in_force


@desk_view("view")
def participant(desk: Desk, participant_id: int) -> HttpResponse:
    """Shows somebody who writes: trust, limits, the last decisions and the latest comments."""
    return participant_page(desk, participant_id)


def participant_page(
    desk: Desk,
    participant_id: int,
    *,
    error: str = "",
    address: str | None = None,
    status: int = 200,
) -> HttpResponse:
    """Returns the page of somebody who writes.

    Args:
        error: why a limit was refused; the form is shown as it was filled in.
        address: the private address, where it was just asked for and that was recorded.

    Raises:
        Http404: the site has no such participant.
    """
    found = dossier(participant_id, site_id=desk.site_id, now=desk.now)
    if found is None:
        raise Http404
    who = found.participant
    now_in_force = sanctions_in_force([who.pk], now=desk.now).get(who.pk, [])
    limits = limits_of(who, now_in_force, user_id=desk.user.pk)
    if error:
        limits.error, limits.given = error, _given(desk.request.POST)
    return desk.page(
        "participant.html",
        status=status,
        title=who.name or "Unknown",
        found=found,
        who=who,
        known_by=_known_by(who),
        trust=f"{100 * found.trust:.0f} %",
        limits=limits,
        past=[_past(one, desk=desk) for one in found.sanctions if not one.in_force],
        decisions=[in_words(item, desk=desk) for item in found.decisions],
        comments=[(comment, _state(comment)) for comment in found.comments],
        address=address,
    )


def _known_by(who: Participant) -> str:
    if who.user is not None:
        return f"signs in here as {who.user.get_username()}"
    return "signs in at the host’s" if who.subject else "a guest"


def _state(comment: Comment) -> str:
    """Returns what became of a comment, in words."""
    if comment.erased_at is not None:
        return "erased"
    if comment.deleted_at is not None:
        return "taken back by its author"
    return STATES.get(comment.status, comment.status)


def _past(one: PastSanction, *, desk: Desk) -> dict[str, object]:
    return {
        "words": LIMITED[Sanction.Kind(one.sanction.kind)],
        "at": one.sanction.at,
        "end": one.sanction.lifted_at or one.sanction.until,
        "public_reason": one.sanction.public_reason,
        "began": in_words(one.began, desk=desk) if one.began else None,
        "lifted": in_words(one.lifted, desk=desk) if one.lifted else None,
    }


@desk_view("sanction", "POST")
def impose(desk: Desk) -> HttpResponse:
    """Limits what somebody may do, from now on."""
    given = desk.request.POST
    participant_id = number_in(given.get("participant"))
    if participant_id is None:
        return HttpResponse("A participant is needed.", status=400)
    if given.get("action") == NOTHING:
        messages.info(desk.request, NOTHING_DECIDED)
        return HttpResponseRedirect(_back(desk, participant_id))
    try:
        asked = asked_in(given, now=desk.now)
        made = impose_sanction(
            participant_id=participant_id,
            kind=asked.kind,
            until=asked.until,
            actor=desk.actor,
            now=desk.now,
            reasons=Reasons(public=asked.public_reason, note=asked.note),
            site_id=desk.site_id,
        )
    except NotFound:
        raise Http404 from None
    except Refusal as refusal:
        return _refused(desk, participant_id, refusal)
    name = made.participant.name or "somebody unknown"
    return _done(desk, participant_id, f"Limited: {name}.")


@desk_view("sanction", "POST")
def lift(desk: Desk) -> HttpResponse:
    """Ends a limit now."""
    given = desk.request.POST
    sanction_id, participant_id = (
        number_in(given.get("sanction")),
        number_in(given.get("participant")),
    )
    if sanction_id is None or participant_id is None:
        return HttpResponse("A sanction is needed.", status=400)
    try:
        lifted = lift_sanction(
            sanction_id=sanction_id, actor=desk.actor, now=desk.now, site_id=desk.site_id
        )
    except NotFound:
        raise Http404 from None
    except Refusal as refusal:
        return _refused(desk, participant_id, refusal)
    name = lifted.participant.name or "somebody unknown"
    return _done(desk, participant_id, f"No longer limited in this way: {name}.")


@desk_view("sanction", "POST")
def address(desk: Desk, participant_id: int) -> HttpResponse:
    """Shows the private address once; that it was looked at, and by whom, is in the record."""
    try:
        found = look_at_address(
            participant_id=participant_id, actor=desk.actor, now=desk.now, site_id=desk.site_id
        )
    except NotFound:
        raise Http404 from None
    return participant_page(desk, participant_id, address=found)


def _back(desk: Desk, participant_id: int) -> str:
    if desk.request.POST.get("to") == "participant":
        return reverse("desk:participant", args=[participant_id])
    return back_to_queue(desk)


def _done(desk: Desk, participant_id: int, said: str) -> HttpResponse:
    comment_id = number_in(desk.request.POST.get("comment"))
    if desk.wants_fragment and comment_id is not None:
        card = card_of(desk, comment_id)
        if card is None:
            raise Http404
        card.said = said
        return fragment(desk, card)
    messages.success(desk.request, said)
    return HttpResponseRedirect(_back(desk, participant_id))


def _refused(desk: Desk, participant_id: int, refusal: Refusal) -> HttpResponse:
    """Shows the form again as it was filled in, and why nothing was done."""
    given = desk.request.POST
    comment_id = number_in(given.get("comment"))
    if given.get("to") == "participant" or comment_id is None:
        return participant_page(desk, participant_id, error=refusal.detail, status=refusal.status)
    card = card_of(desk, comment_id)
    if card is None or card.limits is None or card.limits.participant.pk != participant_id:
        raise Http404
    card.limits.error, card.limits.given = refusal.detail, _given(given)
    if desk.wants_fragment:
        return fragment(desk, card, status=refusal.status)
    asked = QueryDict(given.get("back", "")[:1000])
    return queue_view(desk, asked, first=card, status=refusal.status)


def _given(sent: QueryDict) -> dict[str, str]:
    return {name: sent.get(name, "")[:LONGEST_WORDS] for name in FIELDS}
