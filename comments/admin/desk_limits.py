"""What somebody may not do, in words, and what the form that limits it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractUser
from django.http.request import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from comments.errors import FieldError, ValidationFailed
from comments.models import Participant, Sanction

LIMITED = {
    Sanction.Kind.HOLD: "Everything they write waits for a moderator",
    Sanction.Kind.MUTE: "They may not write",
    Sanction.Kind.BAN: "They may not write",
}
KINDS = (
    (Sanction.Kind.HOLD, "everything they write waits for a moderator"),
    (Sanction.Kind.MUTE, "they may not write for a time"),
    (Sanction.Kind.BAN, "they may not write at all"),
)
HOUR_SECONDS, DAY_SECONDS = 3_600, 86_400
PERIODS = (
    ("", "until somebody lifts it"),
    (str(HOUR_SECONDS), "for an hour"),
    (str(DAY_SECONDS), "for a day"),
    (str(3 * DAY_SECONDS), "for three days"),
    (str(7 * DAY_SECONDS), "for a week"),
    (str(30 * DAY_SECONDS), "for 30 days"),
)
LONGEST_WORDS = 500
LONGEST_DAYS = 36_500
FIELDS = ("kind", "period", "until", "public_reason", "note")


@dataclass(frozen=True, slots=True)
class InForce:
    """A sanction in force, in words."""

    id: int
    words: str
    since: datetime
    until: datetime | None
    by: str
    public_reason: str


@dataclass(slots=True)
class Limits:
    """What limits somebody, and the form as it was last filled in."""

    participant: Participant
    in_force: list[InForce]
    error: str = ""
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def kinds(self) -> tuple[tuple[str, str], ...]:
        """Returns the kinds of sanctions to choose from, each with its words."""
        return KINDS

    @property
    def periods(self) -> tuple[tuple[str, str], ...]:
        """Returns the times to choose from: seconds, with their words."""
        return PERIODS


@dataclass(frozen=True, slots=True)
class Asked:
    """What a moderator asks for by the form."""

    kind: Sanction.Kind
    until: datetime | None
    public_reason: str
    note: str


def in_words(sanction: Sanction, *, user_id: int) -> InForce:
    """Returns a sanction in words; its moderator has been loaded."""
    by = sanction.by
    name = (by.get_full_name() or by.get_username()) if isinstance(by, AbstractUser) else ""
    return InForce(
        id=sanction.pk,
        words=LIMITED[Sanction.Kind(sanction.kind)],
        since=sanction.at,
        until=sanction.until,
        by="you" if by is not None and by.pk == user_id else name or "an operator",
        public_reason=sanction.public_reason,
    )


def limits_of(participant: Participant, sanctions: Sequence[Sanction], *, user_id: int) -> Limits:
    """Returns what limits somebody; ``sanctions`` are those in force."""
    return Limits(participant, [in_words(one, user_id=user_id) for one in sanctions])


def asked_in(given: QueryDict, *, now: datetime) -> Asked:
    """Returns what a form asks for.

    Raises:
        ValidationFailed: no kind is chosen, or the time is none.
    """
    kind = given.get("kind", "")
    if kind not in Sanction.Kind.values:
        raise ValidationFailed([FieldError("#/kind", "required", "Choose what is limited.")])
    return Asked(
        kind=Sanction.Kind(kind),
        until=_until(given, now=now),
        public_reason=given.get("public_reason", "").strip()[:LONGEST_WORDS],
        note=given.get("note", "").strip()[:LONGEST_WORDS],
    )


def _until(given: QueryDict, *, now: datetime) -> datetime | None:
    """Returns the end that a form names: a time of its own, else a period from now on."""
    text = given.get("until", "").strip()
    if not text:
        period = given.get("period", "")
        if not period or period not in dict(PERIODS):
            return None
        return now + timedelta(seconds=int(period))
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise ValidationFailed([FieldError("#/until", "invalid", "This is no date with a time.")])
    # A browser sends the time as the clocks of the site show it.
    until = found if timezone.is_aware(found) else timezone.make_aware(found)
    if until - now > timedelta(days=LONGEST_DAYS):
        detail = "Leave the time out for a limit without an end."
        raise ValidationFailed([FieldError("#/until", "too_late", detail)])
    return until
