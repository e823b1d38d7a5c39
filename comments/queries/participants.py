"""What is known of somebody who writes: limits, record and latest comments, for the desk alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from comments.models import Comment, LogRow, Participant, Sanction
from comments.queries.logbook import log_items
from comments.rules.trust import Record, trust_in

COMMENTS_SHOWN = 20
SANCTIONS_SHOWN = 50
SEVERITY = (Sanction.Kind.BAN, Sanction.Kind.MUTE, Sanction.Kind.HOLD)


@dataclass(frozen=True, slots=True)
class PastSanction:
    """A sanction with what the record says of its beginning and its end."""

    sanction: Sanction
    in_force: bool
    began: dict[str, Any] | None
    lifted: dict[str, Any] | None
    """``None`` also for one that ran out or that another replaced."""


@dataclass(frozen=True, slots=True)
class Dossier:
    """Somebody who writes, as a moderator may see him; the address is not in it."""

    participant: Participant
    has_address: bool
    trust: float
    sanctions: list[PastSanction]
    decisions: list[dict[str, Any]]
    """The last decisions about his comments, newest first."""
    comments: list[Comment]


def sanctions_in_force(
    participant_ids: Collection[int], *, now: datetime
) -> dict[int, list[Sanction]]:
    """Returns what limits each of several people at the moment, the most severe first; one query.

    Each sanction has its moderator loaded.
    """
    found: dict[int, list[Sanction]] = defaultdict(list)
    rows = in_force(Sanction.objects.filter(participant__in=participant_ids), now=now)
    for sanction in rows.select_related("by").order_by("pk"):
        found[sanction.participant_id].append(sanction)
    for mine in found.values():
        mine.sort(key=lambda sanction: SEVERITY.index(Sanction.Kind(sanction.kind)))
    return found


def in_force(rows: QuerySet[Sanction], *, now: datetime) -> QuerySet[Sanction]:
    """Returns those sanctions that were neither lifted nor have run out."""
    return rows.filter(Q(until=None) | Q(until__gt=now), lifted_at=None)


def dossier(participant_id: int, *, site_id: int, now: datetime) -> Dossier | None:
    """Returns what is known of somebody, ``None`` if the site has no such participant.

    Nine queries at most, however much there is.
    """
    participant = (
        Participant.objects.select_related("user")
        .filter(pk=participant_id, site_id=site_id)
        .first()
    )
    if participant is None:
        return None
    record = Record(participant.trust_good, participant.trust_bad, participant.trust_at)
    decided = LogRow.objects.filter(pk__in=participant.last_decisions).order_by("-pk")
    return Dossier(
        participant=participant,
        has_address=bool(participant.email),
        trust=trust_in(record, now=now),
        sanctions=_sanctions(participant, now=now),
        decisions=log_items(list(decided)),
        # By time, which no index has alone: so the database begins with the author's own rows.
        comments=list(
            Comment.objects.filter(author=participant)
            .select_related("thread")
            .order_by("-created_at", "-pk")[:COMMENTS_SHOWN]
        ),
    )


def _sanctions(participant: Participant, *, now: datetime) -> list[PastSanction]:
    """Returns all that ever limited somebody, newest first; four queries."""
    rows = list(Sanction.objects.filter(participant=participant).order_by("-pk")[:SANCTIONS_SHOWN])
    begins = [row.log_row_id for row in rows if row.log_row_id is not None]
    told = log_items(list(LogRow.objects.filter(Q(pk__in=begins) | Q(undoes_id__in=begins))))
    began = {item["id"]: item for item in told}
    lifted = {item["undoes"]: item for item in told if item["undoes"]}
    return [
        PastSanction(
            sanction=row,
            in_force=row.lifted_at is None and (row.until is None or row.until > now),
            began=began.get(row.log_row_id),
            lifted=lifted.get(row.log_row_id) if row.log_row_id is not None else None,
        )
        for row in rows
    ]
