"""The moderation desk over the API: the queue, leases, decisions, undo, the record.

Who may not use it learns nothing from these addresses, not even whether a comment exists: the
permission is asked before anything else.
"""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from comments.actions.leasing import MOST_LEASED, lease_next
from comments.actions.logbook import Actor
from comments.actions.moderating import Item, Reasons, Result, decide_about
from comments.actions.sanctioning import impose_sanction
from comments.actions.undoing import undo_batch, undo_decision
from comments.api import documents_moderation as docs
from comments.api.base import ApiView, described, private, whole_number
from comments.api.inputs import checked
from comments.api.inputs_moderation import DecisionsInput, LeaseInput, SanctionInput, UndoInput
from comments.api.problems import document
from comments.errors import AuthRequired, Forbidden, NotFound
from comments.models import ActorKind, Comment, LogRow, RepliesPolicy, Sanction
from comments.queries.cursors import read_cursor, write_cursor
from comments.queries.explaining import explanation
from comments.queries.logbook import log_items
from comments.queries.permissions import Role, roles_of
from comments.queries.queue import Filters, Waiting, count_waiting, queue_page, waiting_for
from comments.queries.sites import absolute

LONGEST_FILTER = 200


class DeskView(ApiView):
    """An address for moderators; ``role`` is what they need on the site."""

    def need(self, role: Role) -> Actor:
        """Returns the moderator who calls.

        Raises:
            AuthRequired: nobody, or a guest, calls.
            Forbidden: the caller has no such role here, or the token not the scope ``moderate``.
        """
        caller = self.caller
        if caller.user is None:
            raise AuthRequired()
        caller.need("moderate")
        if role not in roles_of(caller.user, site_id=self.site.pk):
            raise Forbidden(f"You may not {role} on the desk of this site.")
        return Actor(ActorKind.MODERATOR, caller.user.pk)


class Queue(DeskView):
    """What waits for a moderator."""

    @described(**docs.QUEUE)
    def get(self, request: Request) -> Response:
        """Answers with what waits, most urgent first."""
        self.need("view")
        given = {
            name: request.query_params.get(name, "")[:LONGEST_FILTER].replace("\x00", "")
            for name in ("state", "reason", "thread")
        }
        filters = Filters(given["state"], given["reason"], given["thread"])
        page = queue_page(
            site_id=self.site.pk,
            filters=filters,
            now=self.now,
            cursor=request.query_params.get("cursor") or None,
            limit=whole_number(request, "limit", default=20, least=1, most=100),
        )
        following = None
        if page.next is not None:
            query = request.query_params.copy()
            query["cursor"] = page.next
            following = absolute(f"{request.path}?{query.urlencode()}")
        return private(
            {
                "count": count_waiting(site_id=self.site.pk, filters=filters),
                "items": [_waiting_json(one) for one in page.waiting],
                "page": {"next": following},
            }
        )


class Leases(DeskView):
    """Handing out work."""

    @described(**docs.LEASES)
    def post(self, request: Request) -> Response:
        """Puts the next comments on the caller's desk for three minutes."""
        actor = self.need("decide")
        values = checked(LeaseInput, request.data)
        ids = lease_next(
            site_id=self.site.pk,
            user_id=actor.id or 0,
            count=min(values["n"], MOST_LEASED),
            now=self.now,
        )
        found = waiting_for(ids, site_id=self.site.pk, now=self.now)
        return private({"items": [_waiting_json(one) for one in found]})


class Decisions(DeskView):
    """Deciding."""

    @described(**docs.DECISIONS)
    def post(self, request: Request) -> Response:
        """Decides about each item by itself; an item that is refused stops no other."""
        actor = self.need("decide")
        values = checked(DecisionsInput, request.data)
        subtree = values.get("subtree")
        batch, results = decide_about(
            items=[Item(item["id"], item["version"]) for item in values["items"]],
            action=values["action"],
            actor=actor,
            now=self.now,
            site_id=self.site.pk,
            reasons=_reasons(values),
            replies_policy=RepliesPolicy(subtree) if subtree else None,
        )
        return _results(request, batch, results)


class DecisionUndo(DeskView):
    """Undoing one decision."""

    @described(**docs.UNDO_DECISION)
    def post(self, request: Request, row_id: int) -> Response:
        """Restores what was before the decision."""
        actor = self.need("decide")
        values = checked(UndoInput, request.data)
        comment, row = undo_decision(
            row_id=row_id,
            actor=actor,
            now=self.now,
            site_id=self.site.pk,
            reasons=_reasons(values),
        )
        return private(_result_json(Result(comment.pk, comment, row), path=request.path))


class BatchUndo(DeskView):
    """Undoing a batch."""

    @described(**docs.UNDO_BATCH)
    def post(self, request: Request, batch: str) -> Response:
        """Undoes each decision of the batch by itself."""
        actor = self.need("decide")
        values = checked(UndoInput, request.data)
        own, results = undo_batch(
            batch=batch,
            actor=actor,
            now=self.now,
            site_id=self.site.pk,
            reasons=_reasons(values),
        )
        return _results(request, own, results)


class CommentExplanation(DeskView):
    """Why a comment is where it is."""

    @described(**docs.EXPLANATION)
    def get(self, request: Request, comment_id: int) -> Response:
        """Answers with what every rule saw, and what would have been without each."""
        self.need("view")
        found = Comment.objects.filter(pk=comment_id, thread__site_id=self.site.pk).first()
        if found is None:
            raise NotFound("There is no such comment.")
        return private(explanation(found))


class Log(DeskView):
    """The record of moderation."""

    @described(**docs.LOG)
    def get(self, request: Request) -> Response:
        """Answers with the rows of the record, newest first."""
        self.need("view")
        limit = whole_number(request, "limit", default=50, least=1, most=100)
        comment = whole_number(request, "comment", default=0, least=0, most=10**18 - 1)
        binding = f"log:{self.site.pk}:{comment}"
        rows = LogRow.objects.filter(site_id=self.site.pk)
        if comment:
            rows = rows.filter(comment_id=comment)
        cursor = request.query_params.get("cursor")
        if cursor:
            rows = rows.filter(pk__lt=read_cursor(cursor, binding=binding)[0])
        found = list(rows.order_by("-pk")[: limit + 1])
        following = None
        if len(found) > limit:
            found = found[:limit]
            query = request.query_params.copy()
            query["cursor"] = write_cursor([found[-1].pk], binding=binding)
            following = absolute(f"{request.path}?{query.urlencode()}")
        return private({"items": log_items(found), "page": {"next": following}})


class Sanctions(DeskView):
    """Limiting what somebody may do."""

    @described(**docs.SANCTIONS)
    def post(self, request: Request, participant_id: int) -> Response:
        """Limits a participant from now on."""
        actor = self.need("sanction")
        values = checked(SanctionInput, request.data)
        sanction = impose_sanction(
            participant_id=participant_id,
            kind=Sanction.Kind(values["kind"]),
            until=values["until"],
            actor=actor,
            now=self.now,
            reasons=_reasons(values),
            site_id=self.site.pk,
        )
        body = {
            "id": sanction.pk,
            "participant": sanction.participant_id,
            "kind": sanction.kind,
            "until": sanction.until,
            "public_reason": sanction.public_reason,
            "log": sanction.log_row_id,
        }
        return private(body, status=201)


def _reasons(values: dict[str, Any]) -> Reasons:
    return Reasons(values["reason"], values["public_reason"], values["note"])


def _results(request: Request, batch: str, results: list[Result]) -> Response:
    """Returns a result for each item: 200 if any was done, 409 if every one was refused."""
    items = [_result_json(result, path=request.path) for result in results]
    status = 200 if any(item["ok"] for item in items) else 409
    return private({"batch": batch, "items": items}, status=status)


def _result_json(result: Result, *, path: str) -> dict[str, Any]:
    if result.refusal is not None or result.comment is None or result.row is None:
        refusal = result.refusal or NotFound()
        return {
            "id": result.comment_id,
            "ok": False,
            "problem": document(refusal, instance=path),
        }
    comment = result.comment
    return {
        "id": comment.pk,
        "ok": True,
        "state": comment.status,
        "version": comment.version,
        "number": comment.number,
        "decision": result.row.pk,
    }


def _brief(comment: Comment | None) -> dict[str, Any] | None:
    if comment is None:
        return None
    return {
        "id": comment.pk,
        "number": comment.number,
        "author": comment.author_name or None,
        "html": comment.html,
    }


def _waiting_json(waiting: Waiting) -> dict[str, Any]:
    comment, item = waiting.comment, waiting.item
    screening = waiting.screening
    blind = item.blind
    return {
        "id": comment.pk,
        "version": comment.version,
        "number": comment.number,
        "thread": comment.thread.key,
        "state": comment.status,
        "why": item.why,
        "reason": item.reason or None,
        "urgency": item.urgency,
        "entered_at": item.entered_at,
        "blind": blind,
        "author": {
            "name": comment.author_name or None,
            "participant": comment.author_id,
            "decisions": waiting.author_decisions,
        },
        "source": comment.source,
        "html": comment.html,
        "written_at": comment.written_at,
        "edits": comment.edits,
        "parent": _brief(waiting.parent),
        "siblings": [_brief(one) for one in waiting.siblings],
        "flags": [
            {"reason": flag.reason, "note": flag.note, "weight": flag.weight, "at": flag.at}
            for flag in waiting.flags
        ],
        "signals": screening.signals if screening is not None and not blind else [],
        "decisions": waiting.decisions,
        "earlier": waiting.earlier.source if waiting.earlier is not None else None,
        "lease": (
            {"by": waiting.leased_to, "until": item.leased_until} if waiting.leased_to else None
        ),
    }
