"""Undoing decisions: what was before comes back exactly, and the undo is a decision of its own."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from django.db import transaction

from comments.actions.crediting import settle_flags, settle_trust
from comments.actions.logbook import Actor, log_comment
from comments.actions.moderating import (
    NO_REASONS,
    Reasons,
    Result,
    apply,
    link_what_stands_again,
    locked_comment,
    overtaken,
    sentence,
)
from comments.actions.outgoing import cancel_outgoing, plan_again
from comments.actions.queueing import put_back
from comments.errors import ActionImpossible, AlreadyDecided, NotFound, Refusal, StaleVersion
from comments.models import Comment, LogKind, LogRow, RepliesPolicy
from comments.queries.logbook import in_own_thread, log_items, standing_decisions
from comments.rules.moderation import READABLE


def undo_decision(
    *,
    row_id: int,
    actor: Actor,
    now: datetime,
    site_id: int | None = None,
    reasons: Reasons = NO_REASONS,
    batch: str = "",
) -> tuple[Comment, LogRow]:
    """Restores exactly what was before a decision: status, replies, queue, flags and trust.

    A number that the decision gave stays given. What it caused and has not left is cancelled; to
    whom it has left, the undo is told in turn.

    Raises:
        NotFound: there is no such decision, or its comment was taken back.
        ActionImpossible: it was undone already, or is no decision of a moderator.
        AlreadyDecided: somebody has decided since; carries that decision.
        StaleVersion: the comment's author has changed it since.
    """
    comment, row = _undo(
        row_id=row_id, actor=actor, now=now, site_id=site_id, reasons=reasons, batch=batch
    )
    link_what_stands_again(comment, now=now)
    return comment, row


@transaction.atomic(durable=True)
def _undo(
    *, row_id: int, actor: Actor, now: datetime, site_id: int | None, reasons: Reasons, batch: str
) -> tuple[Comment, LogRow]:
    decided = LogRow.objects.filter(in_own_thread(), pk=row_id).first()
    if decided is None or (site_id is not None and decided.site_id != site_id):
        raise NotFound("There is no such decision.")
    thread, comment = locked_comment(decided.comment_id or 0, site_id=site_id)
    if decided.kind != LogKind.DECISION:
        raise ActionImpossible("Only a moderator's decision can be undone; decide anew instead.")
    if LogRow.objects.filter(undoes_id=decided.pk).exists():
        raise ActionImpossible("This decision has been undone already.")
    if comment.deleted_at is not None or comment.erased_at is not None:
        raise NotFound("Its author has taken this comment back.")
    _check_nothing_since(comment, decided)
    before, after = decided.evidence["policy"]
    from_status = comment.status
    apply(
        thread,
        comment,
        status=decided.from_status,
        policy=RepliesPolicy(before),
        held_reason=decided.evidence["held_reason"],
        told=_told_before(comment, decided),
        now=now,
    )
    row = log_comment(
        thread,
        comment,
        LogKind.UNDO,
        actor=actor,
        now=now,
        action="undo",
        from_status=from_status,
        to_status=comment.status,
        reason=reasons.code,
        public_reason=reasons.public,
        note=reasons.note,
        evidence={"policy": [after, before]},
        batch=batch,
        undoes_id=decided.pk,
    )
    put_back(thread, comment, decided.evidence["place"])
    settle_flags(comment)
    settle_trust(comment, now=now)
    plan_again(thread, comment, row, kinds=cancel_outgoing(decided), now=now)
    return comment, row


def undo_batch(
    *,
    batch: str,
    actor: Actor,
    now: datetime,
    site_id: int | None = None,
    reasons: Reasons = NO_REASONS,
) -> tuple[str, list[Result]]:
    """Undoes every decision of a batch, each by itself; returns the undo's own batch, and results.

    Raises:
        NotFound: there is no such batch.
    """
    rows = LogRow.objects.filter(batch=batch, kind=LogKind.DECISION).exclude(batch="")
    if site_id is not None:
        rows = rows.filter(site_id=site_id)
    found = list(rows.order_by("-pk").values_list("pk", "comment_id"))
    if not found:
        raise NotFound("There is no such batch.")
    own = uuid4().hex
    results = []
    for row_id, comment_id in found:
        try:
            comment, row = undo_decision(
                row_id=row_id, actor=actor, now=now, site_id=site_id, reasons=reasons, batch=own
            )
        except Refusal as refusal:
            results.append(Result(comment_id or 0, refusal=refusal))
        else:
            results.append(Result(comment_id or 0, comment, row))
    return own, results


def _check_nothing_since(comment: Comment, decided: LogRow) -> None:
    """Refuses an undo where something other than undone decisions has happened since."""
    standing = standing_decisions(comment.pk).first()
    if standing is not None and standing.pk != decided.pk:
        raise AlreadyDecided(
            sentence(standing), decision=log_items([standing])[0], version=comment.version
        )
    if comment.edits != decided.revision:
        raise StaleVersion(version=comment.version)
    flagged = LogRow.objects.filter(
        in_own_thread(), comment_id=comment.pk, pk__gt=decided.pk, kind=LogKind.FLAGS
    ).exists()
    if flagged:
        raise overtaken(comment, version=decided.comment_version)


def _told_before(comment: Comment, decided: LogRow) -> str:
    """Returns what the author was told before a decision."""
    if decided.from_status in READABLE:
        return ""
    earlier = standing_decisions(comment.pk).filter(pk__lt=decided.pk, revision=comment.edits)
    found = earlier.select_related("text").first()
    if found is not None:
        return found.text.public_reason if hasattr(found, "text") else ""
    screening = comment.screenings.filter(revision=comment.edits).first()
    return screening.told if screening is not None else ""
