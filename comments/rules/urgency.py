"""Which of the comments that wait is looked at first."""

from __future__ import annotations

MOST_URGENT = 1000


def urgency_of(*, why: str, weight: float = 0.0, visible: bool = False) -> int:
    """Returns the urgency of a waiting comment, 0 to ``MOST_URGENT``; more is sooner.

    What readers can see and have reported comes first, by the weight of their flags; then what
    flags took away; then what was held, the oldest first; what was drawn by lot comes last.
    """
    if why == "flagged":
        return min(MOST_URGENT, (500 if visible else 300) + round(100 * weight))
    return 0 if why == "audit" else 100
