"""What a decision says of people: of the author's trust, and of those who flagged.

Both are derived from the decisions that stand, so an undo leaves no trace.
"""

from __future__ import annotations

from datetime import datetime

from comments.models import Comment, Flag, LogKind, LogRow, Participant
from comments.queries.logbook import in_own_thread, standing_decisions
from comments.rules.trust import Record

LAST_DECISIONS = 5
"""So many decisions about an author's comments are shown beside the next one."""
FIGURES = [
    "trust_good",
    "trust_bad",
    "trust_at",
    "approved_count",
    "rejected_count",
    "last_decisions",
]
_GOOD = {"approved": True, "rejected": False, "spam": False}


def settle_trust(comment: Comment, *, now: datetime) -> None:
    """Brings the author's record in line after a decision or an undo about this comment.

    The last row of the record about the comment says which decision has just come, or gone.
    """
    if comment.author_id is None:
        return
    last = (
        LogRow.objects.filter(
            in_own_thread(),
            comment_id=comment.pk,
            kind__in=[LogKind.DECISION, LogKind.UNDO],
        )
        .order_by("-pk")
        .first()
    )
    if last is None:
        return
    standing = list(standing_decisions(comment.pk)[:2])
    if last.kind == LogKind.DECISION:
        came: LogRow | None = last
        went = standing[1] if len(standing) > 1 else None
    else:
        came = standing[0] if standing else None
        went = LogRow.objects.filter(pk=last.undoes_id or 0).first()
    author = Participant.objects.select_for_update().get(pk=comment.author_id)
    record = Record(author.trust_good, author.trust_bad, author.trust_at)
    for row, sign in ((went, -1), (came, 1)):
        good = _GOOD.get(row.to_status) if row is not None else None
        if row is None or good is None:
            continue
        record = record.with_decision(good=good, decided_at=row.at, now=now, sign=sign)
        counter = "approved_count" if good else "rejected_count"
        setattr(author, counter, max(0, getattr(author, counter) + sign))
    author.trust_good, author.trust_bad, author.trust_at = record.good, record.bad, record.at
    kept = [row for row in author.last_decisions if row != last.undoes_id]
    if last.kind == LogKind.DECISION:
        kept.insert(0, last.pk)
    author.last_decisions = kept[:LAST_DECISIONS]
    author.save(update_fields=FIGURES)


def settle_flags(comment: Comment) -> None:
    """Says of each flag on the present revision what moderators made of it, as it stands now."""
    latest = standing_decisions(comment.pk).filter(revision=comment.edits).first()
    good = _GOOD.get(latest.to_status) if latest is not None else None
    outcome = Flag.Outcome.OPEN
    if good is not None:
        outcome = Flag.Outcome.DISAGREED if good else Flag.Outcome.AGREED
    Flag.objects.filter(comment=comment, revision=comment.edits).exclude(outcome=outcome).update(
        outcome=outcome
    )
