"""The queue at ``/admin/moderation/``: what waits, and the decisions about it.

Every form works without a script: then the answer is a page. The page's script sends the same forms
and puts the answer, the markup of one comment, in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.request import QueryDict
from django.shortcuts import render
from django.urls import reverse

from comments.actions.leasing import lease_next, release_leases, renew_leases
from comments.actions.moderating import NO_REASONS, Reasons, decide
from comments.actions.undoing import undo_batch, undo_decision
from comments.admin.desk_access import Desk, back_to_queue, desk_view, number_in
from comments.admin.desk_cards import (
    DONE,
    Card,
    card_of,
    cards,
    clock,
    in_words,
    reason_choices,
    rules_of,
)
from comments.errors import CursorInvalid, NotFound, Refusal
from comments.models import Comment, QueueItem, RepliesPolicy
from comments.queries.dashboard import last_decision
from comments.queries.logbook import names_of_users
from comments.queries.queue import (
    MOST_COUNTED,
    Filters,
    QueuePage,
    count_waiting,
    queue_page,
    waiting_for,
)
from comments.rules.moderation import Action
from comments.rules.reasons import BY_CODE, public_reason
from comments.rules.screening import Rule

NEXT = 10
ACTIONS = ("approve", "reject", "spam", "hold")
NOTHING = "nothing"
"""What Enter in a field of the form sends: browsers press the first button then."""
NOTHING_DECIDED = "Enter alone decides nothing; press a button."
LONGEST_WORDS = 500
MOST_RENEWED = 100
REASONS_OF_QUEUE = (
    ("premoderation", "the page holds every comment"),
    ("flags", "reported by readers"),
    ("moderator", "held by a moderator"),
    ("rendering_failed", "could not be laid out"),
    ("contradiction", "rules disagree"),
    ("sanctions", "everything by its author waits"),
    ("audit", "drawn by lot"),
)


@desk_view("view")
def queue(desk: Desk) -> HttpResponse:
    """Shows what waits, or what is on the moderator's own desk."""
    return queue_view(desk, desk.request.GET)


def queue_view(
    desk: Desk, asked: QueryDict, *, first: Card | None = None, status: int = 200
) -> HttpResponse:
    """Returns the queue as a page.

    Args:
        first: a comment that is shown before all others, for what there is to say about it.
    """
    filters = filters_in(asked)
    own = _is_own(asked)
    leased = _leased(desk) if own else []
    if own:
        found = waiting_for(leased, site_id=desk.site_id, now=desk.now)
        page = QueuePage(found, None)
    else:
        page = _page(desk, filters, asked.get("cursor"))
    rules = rules_of(desk.site_id)
    following = None
    if page.next:
        onward = asked.copy()
        onward["cursor"] = page.next
        following = onward.urlencode()
    shown = cards(desk, page.waiting, rules)
    if first is not None:
        shown = [first, *(card for card in shown if card.comment.pk != first.comment.pk)]
    return desk.page(
        "queue.html",
        status=status,
        title="On my desk" if own else "Moderation",
        is_queue=True,
        cards=shown,
        heading=_heading(desk, asked, leased=leased),
        own=own,
        filters=filters,
        filtered=filters != Filters(),
        whys=QueueItem.Why.choices,
        reasons_of_queue=[*REASONS_OF_QUEUE, *((rule.key, title) for rule, title in rules)],
        next_of=_said(filters, rules) if own else "",
        next=following,
        back=asked.urlencode(),
        later=bool(asked.get("cursor")),
        reason_choices=reason_choices(),
        last=_last(desk),
    )


def _is_own(asked: QueryDict) -> bool:
    """Returns whether an address of the queue asks for the moderator's own desk."""
    return asked.get("desk") == "mine"


def _leased(desk: Desk) -> list[int]:
    """Returns the ids of the comments on the moderator's own desk."""
    leased = QueueItem.objects.filter(
        site_id=desk.site_id, leased_by=desk.user.pk, leased_until__gt=desk.now
    )
    return list(leased.values_list("pk", flat=True))


def _heading(desk: Desk, asked: QueryDict, *, leased: Sequence[int] = ()) -> str:
    """Returns how many comments wait of those that an address of the queue asks for.

    Args:
        leased: what is on the moderator's own desk, where that is asked for.
    """
    if _is_own(asked):
        return f"{len(leased):,} on my desk"
    count = count_waiting(site_id=desk.site_id, filters=filters_in(asked))
    return f"{f'more than {MOST_COUNTED:,}' if count > MOST_COUNTED else f'{count:,}'} waiting"


def filters_in(asked: QueryDict) -> Filters:
    """Returns which comments an address of the queue asks for."""
    return Filters(
        why=asked.get("why", ""),
        reason=asked.get("reason", "")[:64],
        thread_key=asked.get("thread", "").strip()[:200],
    )


def _said(filters: Filters, rules: Sequence[tuple[Rule, str]]) -> str:
    """Returns filters in words; ``""`` if they ask for all."""
    titles = {**dict(REASONS_OF_QUEUE), **{rule.key: title for rule, title in rules}}
    whys: dict[str, str] = dict(QueueItem.Why.choices)
    parts = []
    if filters.why:
        parts.append(whys.get(filters.why, filters.why))
    if filters.reason:
        parts.append(f"“{titles.get(filters.reason, filters.reason)}”")
    if filters.thread_key:
        parts.append(f"in the thread “{filters.thread_key}”")
    return ", ".join(parts)


def _page(desk: Desk, filters: Filters, cursor: str | None) -> QueuePage:
    """Returns a page of the queue; its beginning where the cursor belongs to another list."""
    site_id, now = desk.site_id, desk.now
    try:
        return queue_page(site_id=site_id, filters=filters, now=now, cursor=cursor)
    except CursorInvalid:
        return queue_page(site_id=site_id, filters=filters, now=now)


def _last(desk: Desk) -> dict[str, object] | None:
    """Returns the moderator's last decision that stands, for the button that undoes it."""
    found = last_decision(site_id=desk.site_id, user_id=desk.user.pk, now=desk.now)
    if found is None or not desk.may_decide:
        return None
    item = in_words(found.item, desk=desk)
    name = (found.comment.author_name if found.comment else "") or "somebody unknown"
    what = f"{found.batch_size} comments" if found.batch_size > 1 else f"the comment by {name}"
    return {"words": f"{item['done']} {what}", "row": item["id"], "batch": item["batch"] or ""}


@desk_view("view")
def comment(desk: Desk, comment_id: int) -> HttpResponse:
    """Shows one comment with all that is known about it, whether it waits or not."""
    card = card_of(desk, comment_id)
    if card is None:
        raise Http404
    return _one(desk, card)


def _one(desk: Desk, card: Card) -> HttpResponse:
    return desk.page(
        "comment.html", title="One comment", card=card, reason_choices=reason_choices()
    )


@desk_view("decide", "POST")
def decide_one(desk: Desk) -> HttpResponse:
    """Decides about one comment, and says what became of it in its place."""
    given = desk.request.POST
    comment_id, version = number_in(given.get("comment")), number_in(given.get("version"))
    action = given.get("action", "")
    if action == NOTHING:
        messages.info(desk.request, NOTHING_DECIDED)
        return HttpResponseRedirect(_back(desk))
    if comment_id is None or version is None or action not in ACTIONS:
        return HttpResponse("A comment, its version and an action are needed.", status=400)
    try:
        said = _decided(desk, comment_id, version, cast(Action, action), given)
    except Refusal as refusal:
        return _refused(desk, comment_id, refusal, action=action)
    return _done(desk, comment_id, said)


def _decided(desk: Desk, comment_id: int, version: int, action: Action, given: QueryDict) -> str:
    """Decides; returns what to say about it.

    Raises:
        Refusal: as ``decide`` does.
    """
    unchanged = Comment.objects.filter(
        pk=comment_id, status="held", version=version, thread__site_id=desk.site_id
    )
    if action == "hold" and unchanged.exists():
        release_leases(site_id=desk.site_id, user_id=desk.user.pk, comment_ids=[comment_id])
        return "Left waiting."
    decided, _ = decide(
        comment_id=comment_id,
        version=version,
        action=action,
        actor=desk.actor,
        now=desk.now,
        site_id=desk.site_id,
        reasons=reasons_in(given, action=action),
        replies_policy=policy_in(given, action=action),
    )
    return (
        f"{DONE[action].capitalize()}: the comment by {decided.author_name or 'somebody unknown'}."
    )


def reasons_in(given: QueryDict, *, action: str) -> Reasons:
    """Returns the reasons that a form carries; other actions than a rejection need none."""
    if action != "reject":
        return NO_REASONS
    code = given.get("reason", "")
    code = code if code in BY_CODE else ""
    return Reasons(
        code=code,
        public=public_reason(code, written=given.get("public_reason", "")[:LONGEST_WORDS]),
        note=given.get("note", "").strip()[:LONGEST_WORDS],
    )


def policy_in(given: QueryDict, *, action: str) -> RepliesPolicy | None:
    """Returns what a form makes of the replies; ``None`` leaves what is stored."""
    policy = given.get("replies", "")
    return RepliesPolicy(policy) if action != "approve" and policy in RepliesPolicy.values else None


@desk_view("decide", "POST")
def undo(desk: Desk) -> HttpResponse:
    """Undoes a decision or a batch: one that is named, else the moderator's last one."""
    given = desk.request.POST
    row_id, batch = number_in(given.get("row")), given.get("batch", "")
    if row_id is None and not batch:
        last = last_decision(site_id=desk.site_id, user_id=desk.user.pk, now=desk.now)
        if last is None:
            return _nothing_to_undo(desk)
        row_id, batch = last.item["id"], last.item["batch"] or ""
    if batch:
        return _undo_batch(desk, batch)
    try:
        undone, _ = undo_decision(
            row_id=row_id or 0, actor=desk.actor, now=desk.now, site_id=desk.site_id
        )
    except Refusal as refusal:
        about = number_in(given.get("comment"))
        if about is None:
            messages.error(desk.request, str(refusal))
            return HttpResponseRedirect(_back(desk))
        return _refused(desk, about, refusal, action="undo")
    return _done(
        desk, undone.pk, f"Undone: the comment by {undone.author_name or 'somebody unknown'}."
    )


def _undo_batch(desk: Desk, batch: str) -> HttpResponse:
    try:
        _, results = undo_batch(batch=batch, actor=desk.actor, now=desk.now, site_id=desk.site_id)
    except NotFound:
        raise Http404 from None
    done = sum(1 for result in results if result.refusal is None)
    messages.success(desk.request, f"Undone: {done} of {len(results)} decisions.")
    for result in results:
        if result.refusal is not None:
            messages.warning(desk.request, f"Comment {result.comment_id}: {result.refusal}")
    if desk.wants_fragment:
        return JsonResponse({"go": _back(desk)})
    return HttpResponseRedirect(_back(desk))


def _nothing_to_undo(desk: Desk) -> HttpResponse:
    said = "There is nothing of yours to undo."
    if desk.wants_fragment:
        return JsonResponse({"said": said})
    messages.info(desk.request, said)
    return HttpResponseRedirect(_back(desk))


def _back(desk: Desk) -> str:
    if desk.request.POST.get("to") == "decisions":
        return reverse("desk:decisions")
    return back_to_queue(desk)


def _done(desk: Desk, comment_id: int, said: str) -> HttpResponse:
    if not desk.wants_fragment:
        messages.success(desk.request, said)
        return HttpResponseRedirect(_back(desk))
    card = card_of(desk, comment_id)
    if card is None:
        raise Http404
    card.said = said
    return fragment(desk, card)


def _refused(desk: Desk, comment_id: int, refusal: Refusal, *, action: str) -> HttpResponse:
    """Shows the comment as it is now, and above it why nothing was done."""
    card = card_of(desk, comment_id)
    if card is None:
        raise Http404
    card.refusal, card.refused_action = refusal, action
    if desk.wants_fragment:
        return fragment(desk, card, status=refusal.status)
    asked = QueryDict(desk.request.POST.get("back", "")[:1000])
    return queue_view(desk, asked, first=card, status=refusal.status)


def fragment(desk: Desk, card: Card, *, status: int = 200) -> HttpResponse:
    """Returns the markup of one comment, which the page's script puts in place.

    With it comes what else is another now: the last decision, and how many comments wait.
    """
    back = desk.request.POST.get("back", "")[:1000]
    asked = QueryDict(back)
    context = {
        "desk": desk,
        "now": desk.now,
        "card": card,
        "reason_choices": reason_choices(),
        "back": back,
        "last": _last(desk),
        "heading": _heading(desk, asked, leased=_leased(desk) if _is_own(asked) else []),
    }
    template = "admin/moderation/fragment.html"
    answer = render(desk.request, template, context, status=status)
    if card.refusal is not None:
        answer["X-Desk-Refused"] = card.refusal.code
    elif card.limits is not None and card.limits.error:
        answer["X-Desk-Refused"] = "sanction"
    return answer


@desk_view("decide", "POST")
def next_ten(desk: Desk) -> HttpResponse:
    """Puts the next ten comments on the moderator's desk, of those that the list's filters choose.

    The filters go along, so that the next press takes the next ten of the same.
    """
    filters = filters_in(QueryDict(desk.request.POST.get("back", "")[:1000]))
    taken = lease_next(
        site_id=desk.site_id, user_id=desk.user.pk, count=NEXT, now=desk.now, filters=filters
    )
    if not taken:
        what = "Nothing like that" if filters != Filters() else "Nothing"
        messages.info(desk.request, f"{what} waits that is not on a colleague’s desk.")
        return HttpResponseRedirect(back_to_queue(desk))
    chosen = {"why": filters.why, "reason": filters.reason, "thread": filters.thread_key}
    asked = {"desk": "mine", **{name: value for name, value in chosen.items() if value}}
    return HttpResponseRedirect(f"{reverse('desk:queue')}?{urlencode(asked)}")


@desk_view("decide", "POST")
def put_back(desk: Desk) -> HttpResponse:
    """Takes everything off the moderator's desk, for the others."""
    release_leases(site_id=desk.site_id, user_id=desk.user.pk)
    messages.info(desk.request, "Your desk is empty; the comments wait for everybody.")
    return HttpResponseRedirect(reverse("desk:queue"))


@desk_view("view", "POST")
def renew(desk: Desk) -> HttpResponse:
    """Keeps comments on the moderator's desk; tells on whose desk each comment of a page is now.

    Takes ``mine`` and ``shown``, ids. Answers with a sentence for each of ``shown``: where it is,
    or that it does not wait any more.
    """
    given = desk.request.POST
    mine = [pk for pk in map(number_in, given.getlist("mine")) if pk is not None]
    shown = [pk for pk in map(number_in, given.getlist("shown")) if pk is not None][:MOST_RENEWED]
    kept: list[int] = []
    if mine and desk.may_decide:
        kept = renew_leases(
            site_id=desk.site_id, user_id=desk.user.pk, comment_ids=mine, now=desk.now
        )
    items = QueueItem.objects.filter(site_id=desk.site_id, pk__in=shown)
    found = {item.pk: item for item in items}
    names = names_of_users(
        item.leased_by_id for item in found.values() if item.leased_by_id is not None
    )
    states = {}
    for pk in shown:
        item = found.get(pk)
        if item is None:
            states[str(pk)] = "does not wait any more"
        elif item.leased_until is None or item.leased_until <= desk.now:
            states[str(pk)] = ""
        else:
            own = item.leased_by_id == desk.user.pk
            whose = "your" if own else f"{names.get(item.leased_by_id or 0, 'a colleague')}’s"
            states[str(pk)] = f"on {whose} desk until {clock(item.leased_until)}"
    return JsonResponse({"mine": kept, "shown": states})
