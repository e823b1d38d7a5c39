"""What screening is told and what it says: plain values, shared by its kinds and its combination.

Apart from ``screening`` so that the kinds need not know how their answers are combined.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

Outcome = Literal["ok", "hit", "error", "timeout"]
Mode = Literal["off", "shadow", "live"]
Effect = Literal["publish", "hold", "reject", "spam"]
"""What a hit asks for, in ascending severity."""
OnError = Literal["pass", "hold"]

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
MODES: tuple[Mode, ...] = get_args(Mode)
EFFECTS: tuple[Effect, ...] = get_args(Effect)
SEVERITY: dict[str, int] = {effect: place for place, effect in enumerate(EFFECTS)}


@dataclass(frozen=True, slots=True)
class Rule:
    """One version of one rule. ``told`` is for the author; ``""`` is the kind's own sentence."""

    key: str
    kind: str
    version: int
    mode: Mode
    effect: Effect
    on_error: OnError
    params: Mapping[str, Any]
    told: str = ""


@dataclass(frozen=True, slots=True)
class AuthorFacts:
    """What is known of who writes.

    ``email_domain`` is in lower case, ``""`` if no address was given. ``published_before`` counts
    comments that readers could read; ``approved`` and ``rejected`` count human decisions that
    stand, ``rejected`` those for reject or spam. ``trust`` is in 0..1. ``sanction`` is ``""`` or
    ``"hold"``. ``recent_seconds`` are the ages of recent comments; the one that is screened is not
    among them.
    """

    name: str = ""
    email_domain: str = ""
    url: str = ""
    published_before: int = 0
    approved: int = 0
    rejected: int = 0
    trust: float = 0.5
    sanction: str = ""
    recent_seconds: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An earlier comment much like this one; ``similarity`` in 0..1."""

    comment_id: int
    similarity: float
    same_author: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a rule may know of a comment.

    ``text`` is the cleaned source, ``hrefs`` the addresses linked in its HTML, in order.
    ``address`` is the client's IP address, which no signal repeats. ``honeypot`` came in a field
    that nobody sees. ``score`` is learned, in 0..1, 1 is spam; ``score_threshold`` was chosen for
    the site's precision; both are ``None`` without a model.
    """

    text: str
    hrefs: tuple[str, ...] = ()
    author: AuthorFacts = field(default_factory=AuthorFacts)
    address: str = ""
    honeypot: str = ""
    seconds_to_write: float | None = None
    neighbours: tuple[Neighbour, ...] = ()
    score: float | None = None
    score_threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What one kind says of one comment, with the figures it says it by."""

    hit: bool
    value: float | None = None
    threshold: float | None = None
    span: tuple[int, int] | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Signal:
    """What one version of one rule said of one text.

    ``span`` are offsets in code points of the text, end excluded. ``detail`` is short and never
    personal; for an error it is the class of what was raised.
    """

    rule: str
    rule_version: int
    kind: str
    mode: Mode
    effect: Effect
    outcome: Outcome
    value: float | None = None
    threshold: float | None = None
    span: tuple[int, int] | None = None
    detail: str = ""

    def as_json(self) -> dict[str, Any]:
        """Returns the signal as a dict of plain values, which ``from_json`` reads."""
        return {
            "rule": self.rule,
            "rule_version": self.rule_version,
            "kind": self.kind,
            "mode": self.mode,
            "effect": self.effect,
            "outcome": self.outcome,
            "value": self.value,
            "threshold": self.threshold,
            "span": None if self.span is None else list(self.span),
            "detail": self.detail,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Returns the signal that ``as_json`` wrote; members added later are passed over.

        Raises:
            ValueError: a member is missing, or is nothing that ``as_json`` writes.
        """
        try:
            span = stored.get("span")
            signal = cls(
                rule=str(stored["rule"]),
                rule_version=int(stored["rule_version"]),
                kind=str(stored["kind"]),
                mode=stored["mode"],
                effect=stored["effect"],
                outcome=stored["outcome"],
                value=_number(stored.get("value")),
                threshold=_number(stored.get("threshold")),
                span=None if span is None else (int(span[0]), int(span[1])),
                detail=str(stored.get("detail", "")),
            )
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(f"no signal: {error!r}") from error
        known = signal.mode in MODES and signal.effect in EFFECTS and signal.outcome in OUTCOMES
        if not known:
            raise ValueError("no signal: mode, effect or outcome is unknown")
        return signal


@dataclass(frozen=True, slots=True)
class Combined:
    """What all signals together ask for.

    ``publish`` lets through. ``reason`` is the key of the rule that decided, ``"contradiction"``,
    or ``""`` when no rule asked for anything. ``told`` is the sentence for the author, ``""`` when
    published.
    """

    effect: Effect
    reason: str
    told: str


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
