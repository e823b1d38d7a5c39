"""What a rule tried on past comments comes to: figures, and where moderators saw it otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappush, heappushpop
from typing import Any

from comments.rules.screening_values import Effect, Signal
from comments.rules.voting import wilson_lower_bound

WORST = 20


@dataclass(frozen=True, slots=True)
class Past:
    """A past comment, as far as the figures ask."""

    comment_id: int
    at: datetime
    refused: bool | None
    """What moderators decided about this text; ``None`` if they did not."""
    waited: bool
    """Whether it waited, or was refused, when it came."""
    known: bool = True
    """False: what the rule looks at was not kept of this comment."""


@dataclass(slots=True)
class Tally:
    """The figures of one rule, added up one comment at a time; their size does not grow."""

    effect: Effect
    comments: int = 0
    unknown: int = 0
    hits: int = 0
    errors: int = 0
    agreed: int = 0
    disagreed: int = 0
    extra: int = 0
    first: datetime | None = None
    last: datetime | None = None
    _worst: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)

    def add(self, past: Past, signal: Signal) -> None:
        """Adds what the rule says of one comment, in the order in which they came."""
        self.comments += 1
        self.first = past.at if self.first is None else min(self.first, past.at)
        self.last = past.at if self.last is None else max(self.last, past.at)
        if not past.known:
            self.unknown += 1
            return
        self.errors += signal.outcome in {"error", "timeout"}
        if signal.outcome != "hit":
            return
        self.hits += 1
        self.extra += self.effect != "publish" and not past.waited
        if past.refused is None:
            return
        if past.refused == (self.effect != "publish"):
            self.agreed += 1
            return
        self.disagreed += 1
        self._keep(past, signal)

    def _keep(self, past: Past, signal: Signal) -> None:
        """Keeps a disagreement if it is among the worst: those that the rule was surest about."""
        found = {
            "comment": past.comment_id,
            "decided": "refused" if past.refused else "approved",
            "value": signal.value,
            "threshold": signal.threshold,
        }
        # The newer one goes first among equals.
        entry = (_sureness(signal), past.comment_id, found)
        if len(self._worst) < WORST:
            heappush(self._worst, entry)
        else:
            heappushpop(self._worst, entry)

    def result(self) -> dict[str, Any]:
        """Returns the figures as plain values: shares in 0..1, times in ISO 8601.

        ``low`` and ``high`` are Wilson's 95 % interval of ``precision``, which is ``null`` while
        no hit was decided about; ``extra_holds_per_day`` counts hits that nothing else had held.
        ``worst`` are the disagreements that the rule was surest about.
        """
        decided = self.agreed + self.disagreed
        days = self.days
        return {
            "comments": self.comments,
            "unknown": self.unknown,
            "from": self.first.isoformat() if self.first else None,
            "to": self.last.isoformat() if self.last else None,
            "days": round(days, 2),
            "hits": self.hits,
            "errors": self.errors,
            "decided": decided,
            "agreed": self.agreed,
            "disagreed": self.disagreed,
            "undecided": self.hits - decided,
            "precision": self.agreed / decided if decided else None,
            "low": wilson_lower_bound(up=self.agreed, down=self.disagreed),
            "high": 1 - wilson_lower_bound(up=self.disagreed, down=self.agreed),
            "extra_holds": self.extra,
            "extra_holds_per_day": round(self.extra / days, 3),
            "worst": [found for _, _, found in sorted(self._worst, key=_worst_first)],
        }

    @property
    def days(self) -> float:
        """Returns over how many days the comments came; at least one."""
        if self.first is None or self.last is None:
            return 1.0
        return max(1.0, (self.last - self.first).total_seconds() / 86_400)


def _worst_first(entry: tuple[float, int, dict[str, Any]]) -> tuple[float, int]:
    sureness, comment_id, _ = entry
    return (-sureness, -comment_id)


def _sureness(signal: Signal) -> float:
    """Returns how far beyond its threshold a hit lies, as a share of the threshold."""
    if signal.value is None or signal.threshold is None:
        return 0.0
    return abs(signal.value - signal.threshold) / max(abs(signal.threshold), 1e-9)
