"""What is told of a decision, when a message is tried again, and when it is given up."""

from __future__ import annotations

from typing import Literal

from comments.rules.moderation import READABLE

WAIT_SECONDS = 30
"""How long a message waits before it may leave, so that an undo can still stop it."""

RETRY_SECONDS = 300
"""Before the second try; longer than a try can take, so that nobody begins another meanwhile."""
LONGEST_RETRY_SECONDS = 6 * 3600
MOST_TRIES = 10
LONGEST_AGE_SECONDS = 48 * 3600

Seen = Literal["published", "held", "refused"]


def retry_seconds(tries: int) -> int:
    """Returns how long after the begin of a try the next one may begin; ``tries`` from 1."""
    return min(RETRY_SECONDS << (tries - 1), LONGEST_RETRY_SECONDS)


def is_given_up(*, tries: int, age_seconds: float) -> bool:
    """Returns whether a message that has just failed again is not tried any more."""
    return tries >= MOST_TRIES or age_seconds >= LONGEST_AGE_SECONDS


def seen_by_author(status: str) -> Seen:
    """Returns what the author of a comment sees of its status."""
    if status in READABLE:
        return "published"
    return "held" if status == "held" else "refused"


def concerns_author(*, from_status: str, to_status: str) -> bool:
    """Returns whether the author hears of a decision: it shows, takes away, or ends a wait."""
    return (from_status in READABLE) != (to_status in READABLE) or from_status == "held"
