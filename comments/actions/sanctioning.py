"""Limiting what somebody may do, for a time, and lifting it again."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from comments.actions.logbook import Actor, log_site
from comments.actions.moderating import NO_REASONS, Reasons
from comments.errors import ActionImpossible, FieldError, NotFound, ValidationFailed
from comments.models import LogKind, Participant, Sanction


@transaction.atomic(durable=True)
def impose_sanction(
    *,
    participant_id: int,
    kind: Sanction.Kind,
    until: datetime | None,
    actor: Actor,
    now: datetime,
    reasons: Reasons = NO_REASONS,
    site_id: int | None = None,
) -> Sanction:
    """Limits a participant from now on; one of the same kind that is in force is replaced.

    Args:
        until: when it ends by itself; a mute needs one.

    Raises:
        NotFound: there is no such participant on the site.
        ValidationFailed: ``until`` is missing, or past.
    """
    participant = _participant(participant_id, site_id=site_id)
    if kind == Sanction.Kind.MUTE and until is None:
        raise ValidationFailed([FieldError("#/until", "required", "A mute ends some time.")])
    if until is not None and until <= now:
        raise ValidationFailed([FieldError("#/until", "past", "This time is past.")])
    Sanction.objects.filter(participant=participant, kind=kind, lifted_at=None).update(
        lifted_at=now
    )
    row = log_site(
        participant.site_id,
        LogKind.SANCTION,
        actor=actor,
        now=now,
        participant_id=participant.pk,
        action=kind.value,
        reason=reasons.code,
        public_reason=reasons.public,
        note=reasons.note,
        evidence={"until": until.isoformat() if until else None},
    )
    return Sanction.objects.create(
        participant=participant,
        kind=kind,
        at=now,
        until=until,
        public_reason=reasons.public[:500],
        by_id=actor.id,
        log_row_id=row.pk,
    )


@transaction.atomic(durable=True)
def lift_sanction(
    *,
    sanction_id: int,
    actor: Actor,
    now: datetime,
    reasons: Reasons = NO_REASONS,
    site_id: int | None = None,
) -> Sanction:
    """Ends a sanction now; the row of the record says which one it undoes.

    Raises:
        NotFound: there is no such sanction on the site.
        ActionImpossible: it has ended already.
    """
    found = Sanction.objects.select_related("participant").select_for_update(of=("self",))
    sanction = found.filter(pk=sanction_id).first()
    if sanction is None or site_id not in {None, sanction.participant.site_id}:
        raise NotFound("There is no such sanction.")
    if sanction.lifted_at is not None or (sanction.until is not None and sanction.until <= now):
        raise ActionImpossible("This sanction has ended already.")
    sanction.lifted_at = now
    sanction.save(update_fields=["lifted_at"])
    log_site(
        sanction.participant.site_id,
        LogKind.SANCTION,
        actor=actor,
        now=now,
        participant_id=sanction.participant_id,
        action="lift",
        reason=reasons.code,
        public_reason=reasons.public,
        note=reasons.note,
        undoes_id=sanction.log_row_id,
    )
    return sanction


def _participant(participant_id: int, *, site_id: int | None) -> Participant:
    found = Participant.objects.filter(pk=participant_id)
    if site_id is not None:
        found = found.filter(site_id=site_id)
    participant = found.first()
    if participant is None:
        raise NotFound("There is no such participant.")
    return participant


@transaction.atomic(durable=True)
def look_at_address(
    *, participant_id: int, actor: Actor, now: datetime, site_id: int | None = None
) -> str:
    """Returns the private address of a participant, and records who looked.

    Raises:
        NotFound: there is no such participant on the site.
    """
    participant = _participant(participant_id, site_id=site_id)
    log_site(
        participant.site_id,
        LogKind.LOOK,
        actor=actor,
        now=now,
        participant_id=participant.pk,
        action="look",
        reason="address",
    )
    return participant.email
