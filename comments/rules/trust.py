"""What a record of decisions is worth: the trust in an author, the weight of a reader's flag.

A share with few observations says little, so each is taken with a Beta prior (Gelman and others,
Bayesian Data Analysis, section 2.4): the posterior mean moves from the prior to the share seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

HALF_LIFE_DAYS = 180.0
"""After so many days a decision counts half."""
PRIOR_GOOD, PRIOR_BAD = 1.0, 1.0
FLAG_PRIOR_AGREED, FLAG_PRIOR_DISAGREED = 2.0, 2.0
LEAST_FLAG, MOST_FLAG = 0.1, 1.5
UNKNOWN_FLAG = 0.5
"""Weight of a flag by somebody who cannot be recognised again."""


@dataclass(frozen=True, slots=True)
class Record:
    """Sums of decisions about somebody's comments, faded to the time ``at``."""

    good: float = 0.0
    bad: float = 0.0
    at: datetime | None = None

    def faded(self, now: datetime) -> Record:
        """Returns the record at a later time; an earlier one changes nothing."""
        if self.at is None or now <= self.at:
            return Record(self.good, self.bad, self.at or now)
        factor = fading(since=self.at, now=now)
        return Record(self.good * factor, self.bad * factor, now)

    def with_decision(
        self, *, good: bool, decided_at: datetime, now: datetime, sign: int
    ) -> Record:
        """Returns the record with a decision added (``sign`` 1) or taken out again (-1).

        Fading is linear, so a decision taken out later leaves no trace of itself.
        """
        faded = self.faded(now)
        worth = sign * fading(since=decided_at, now=now)
        return Record(
            max(0.0, faded.good + worth) if good else faded.good,
            faded.bad if good else max(0.0, faded.bad + worth),
            faded.at,
        )


def fading(*, since: datetime, now: datetime) -> float:
    """Returns what something of ``since`` is worth now, 0 to 1."""
    days = max(0.0, (now - since).total_seconds() / 86_400)
    return float(0.5 ** (days / HALF_LIFE_DAYS))


def trust_in(record: Record, *, now: datetime) -> float:
    """Returns the trust in an author, 0 to 1; 0.5 for one about whom nothing was decided."""
    faded = record.faded(now)
    total = faded.good + faded.bad + PRIOR_GOOD + PRIOR_BAD
    return (faded.good + PRIOR_GOOD) / total


def flag_weight(*, agreed: int, disagreed: int) -> float:
    """Returns what a flag counts, by how often moderators agreed with the one who flags.

    Between ``LEAST_FLAG`` and ``MOST_FLAG``; 1 for somebody with no record.
    """
    share = (agreed + FLAG_PRIOR_AGREED) / (
        agreed + disagreed + FLAG_PRIOR_AGREED + FLAG_PRIOR_DISAGREED
    )
    return min(MOST_FLAG, max(LEAST_FLAG, 2 * share))


def flags_hide(
    *, weights: dict[str, float], origins: dict[str, str], threshold: float, at_least: int = 2
) -> bool:
    """Returns whether flags are enough to hold a comment until a moderator has looked.

    Args:
        weights: of each flagger.
        origins: from which group of addresses each flagged; flaggers who share one count as one.
        at_least: independent flaggers that it takes, whatever their weight.
    """
    best: dict[str, float] = {}
    for flagger, weight in weights.items():
        origin = origins.get(flagger) or flagger
        best[origin] = max(weight, best.get(origin, 0.0))
    return len(best) >= max(2, at_least) and sum(best.values()) >= threshold
