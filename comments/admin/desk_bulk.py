"""Deciding about many comments: first how many, then what became of each, and one undo for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from django.http import HttpResponse

from comments.actions.moderating import Item, Result, decide_about
from comments.admin.desk import ACTIONS, policy_in, reasons_in
from comments.admin.desk_access import Desk, back_to_queue, desk_view, number_in
from comments.admin.desk_cards import DONE, in_words, reason_choices
from comments.models import Comment
from comments.queries.queue import MOST_SHOWN
from comments.rules.moderation import Action

VERBS = {"approve": "Approve", "reject": "Reject", "spam": "Mark as spam", "hold": "Hold"}


@dataclass(frozen=True, slots=True)
class Line:
    """One comment of a batch, and what became of it."""

    comment: Comment
    version: int
    result: Result | None = None
    others: dict[str, object] | None = None
    """What somebody else had decided, if that is why nothing was done."""


@desk_view("decide", "POST")
def bulk(desk: Desk) -> HttpResponse:
    """Counts what was chosen and asks; when that is answered, decides and says what became of each.

    Takes ``items``, each ``id:version`` as the moderator saw it, and ``action``.
    """
    given = desk.request.POST
    action = given.get("action", "")
    lines = _lines(desk, given.getlist("items"))
    page: dict[str, Any] = {
        "back": given.get("back", "")[:1000],
        "queue_url": back_to_queue(desk),
        "action": action,
        "verb": VERBS.get(action, ""),
        "reason_choices": reason_choices(),
    }
    if action not in ACTIONS or not lines:
        return desk.page("bulk.html", status=400, title="Nothing was chosen", lines=[], **page)
    what = "1 comment" if len(lines) == 1 else f"{len(lines)} comments"
    if not given.get("confirmed"):
        title = f"{VERBS[action]} {what}?"
        page["has_replies"] = action != "approve" and any(line.comment.number for line in lines)
        return desk.page("bulk.html", title=title, lines=lines, what=what, **page)
    return _decide(desk, lines, cast(Action, action), page)


def _decide(desk: Desk, lines: list[Line], action: Action, page: dict[str, Any]) -> HttpResponse:
    by_id = {line.comment.pk: line for line in lines}
    batch, results = decide_about(
        items=[Item(line.comment.pk, line.version) for line in lines],
        action=action,
        actor=desk.actor,
        now=desk.now,
        site_id=desk.site_id,
        reasons=reasons_in(desk.request.POST, action=action),
        replies_policy=policy_in(desk.request.POST, action=action),
    )
    lines = []
    for result in results:
        line = by_id[result.comment_id]
        others = result.refusal.extra.get("decision") if result.refusal else None
        lines.append(
            Line(
                result.comment or line.comment,
                line.version,
                result,
                in_words(others, desk=desk) if others else None,
            )
        )
    done = sum(1 for result in results if result.refusal is None)
    return desk.page(
        "bulk_done.html",
        title=f"{done} of {len(results)} {DONE[action]}",
        lines=lines,
        done=done,
        refused=len(results) - done,
        batch=batch,
        **page,
    )


def _lines(desk: Desk, items: list[str]) -> list[Line]:
    """Returns the comments that were chosen and exist, in the order of the form; one query."""
    chosen: dict[int, int] = {}
    for item in items[:MOST_SHOWN]:
        pk, _, version = item.partition(":")
        comment_id, seen = number_in(pk), number_in(version)
        if comment_id is not None and seen is not None:
            chosen[comment_id] = seen
    found = Comment.objects.filter(pk__in=chosen, thread__site_id=desk.site_id).in_bulk()
    return [Line(found[pk], version) for pk, version in chosen.items() if pk in found]
