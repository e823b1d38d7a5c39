"""What a screening rule may be, and whether it may go live. Pure.

A rule that rejects acts on people before anybody has looked, so it goes live only when it was tried
on past comments not long ago and moderators had agreed with it often enough; or when somebody says
why not, which the record keeps.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from comments.errors import FieldError, ValidationFailed
from comments.rules.screening import CONTRADICTION, EFFECTS, MODES
from comments.rules.screening_kinds import KINDS, check_params
from comments.rules.screening_values import Effect, Mode, OnError

SIMULATION_DAYS = 7
"""So long a simulation says something about a rule."""
REFUSING: frozenset[str] = frozenset({"reject", "spam"})
LONGEST_KEY = 64
LONGEST_TITLE = 120
LONGEST_TOLD = 300
ON_ERRORS: tuple[OnError, ...] = ("pass", "hold")

RESERVED_KEYS = frozenset(
    {CONTRADICTION, "premoderation", "flags", "moderator", "rendering_failed", "audit"}
)
"""Reasons for which a comment waits without a rule; no rule may be taken for one of them."""

_KEY = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class RuleFields:
    """What one version of a rule says."""

    title: str
    kind: str
    mode: Mode
    effect: Effect
    on_error: OnError
    params: Mapping[str, Any]
    told: str = ""

    def as_json(self) -> dict[str, Any]:
        """Returns the fields as a dict of plain values, as ``RuleVersion`` stores them."""
        return {
            "title": self.title,
            "kind": self.kind,
            "mode": self.mode,
            "effect": self.effect,
            "on_error": self.on_error,
            "params": dict(self.params),
            "told": self.told,
        }


def checked_fields(fields: Mapping[str, Any]) -> RuleFields:
    """Returns the fields of a rule, its parameters with their defaults.

    Raises:
        ValidationFailed: a field is missing, empty, too long or none of its choices; an effect
            makes no sense for the kind; or the parameters are wrong (``#/params/…``).
    """
    errors = list(_field_errors(fields))
    params: dict[str, Any] = {}
    try:
        params = check_params(str(fields.get("kind", "")), fields.get("params") or {})
    except ValidationFailed as failed:
        errors += failed.errors
    if errors:
        raise ValidationFailed(errors)
    return RuleFields(
        title=fields["title"].strip(),
        kind=fields["kind"],
        mode=fields["mode"],
        effect=fields["effect"],
        on_error=fields["on_error"],
        params=params,
        told=fields.get("told", "").strip(),
    )


def _field_errors(fields: Mapping[str, Any]) -> Iterator[FieldError]:
    title, told = str(fields.get("title", "")), str(fields.get("told", ""))
    if not title.strip():
        yield FieldError("#/title", "required", "A title is needed.")
    if len(title) > LONGEST_TITLE:
        yield FieldError("#/title", "too_long", f"A title has at most {LONGEST_TITLE} characters.")
    if len(told) > LONGEST_TOLD:
        yield FieldError("#/told", "too_long", f"At most {LONGEST_TOLD} characters.")
    kind = KINDS.get(str(fields.get("kind", "")))
    effects = kind.effects if kind else EFFECTS
    choices: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("mode", MODES),
        ("effect", effects),
        ("on_error", ON_ERRORS),
    )
    for name, known in choices:
        if fields.get(name) not in known:
            yield FieldError(f"#/{name}", "invalid_choice", f"One of {', '.join(known)}.")


def check_key(key: str) -> None:
    """Returns when a key may name a rule.

    Raises:
        ValidationFailed: ``#/key``; it is empty, too long, of other characters, or stands for
            something else.
    """
    if key in RESERVED_KEYS:
        detail = "This key stands for another reason to wait."
        raise ValidationFailed([FieldError("#/key", "reserved", detail)])
    if len(key) > LONGEST_KEY or not _KEY.fullmatch(key):
        detail = f"Small letters, digits, - and _ between them; at most {LONGEST_KEY}."
        raise ValidationFailed([FieldError("#/key", "invalid", detail)])


def needs_simulation(new: RuleFields, old: RuleFields | None) -> bool:
    """Returns whether a version must have been tried before: what refuses by itself, and is new.

    A title, a sentence for the author or what an error means changes nothing about what is hit.
    """
    if new.mode != "live" or new.effect not in REFUSING:
        return False
    return old is None or old.mode != "live" or not hits_alike(new, old)


def hits_alike(one: RuleFields, other: RuleFields) -> bool:
    """Returns whether two versions hit the same and ask for as much, whatever their mode."""
    refusing = (one.effect in REFUSING, other.effect in REFUSING)
    return (one.kind, dict(one.params)) == (other.kind, dict(other.params)) and (
        one.effect == other.effect or all(refusing)
    )


@dataclass(frozen=True, slots=True)
class Tried:
    """A simulation, as far as the gate asks: its age, and what it found."""

    at: datetime
    low: float
    """Lower end of the 95 % interval of the precision, 0 to 1."""
    decided: int
    """Hits that moderators had decided about."""


def what_lacks(tried: Tried | None, *, now: datetime, precision: float) -> str:
    """Returns in a sentence why a rule that refuses may not go live; ``""`` if it may.

    Args:
        tried: the latest simulation of a version that hits the same.
        precision: that the site asks for, 0 to 1.
    """
    if tried is None:
        return "It has not been tried on past comments as it is now."
    if tried.at < now - timedelta(days=SIMULATION_DAYS):
        return f"Its last simulation is older than {SIMULATION_DAYS} days."
    if tried.decided == 0:
        return "It hit no comment that a moderator had decided about, so nothing speaks for it."
    if tried.low < precision:
        return (
            f"Moderators agreed with {tried.low:.1%} of its hits at least (95 % certain); "
            f"this site asks for {precision:.1%}."
        )
    return ""
