"""What votes are worth."""

from __future__ import annotations

from math import sqrt

Z_95 = 1.959963984540054
"""Standard normal quantile of a two-sided 95 % interval."""

SHOW_VOTES_EVERY_SECONDS = 10
"""Votes alone raise a thread's version at most this often, so they cannot empty the cache."""


def wilson_lower_bound(*, up: int, down: int) -> float:
    """Returns the lower bound, in 0..1, of the share of up-votes at 95 % confidence.

    Wilson's score interval (E. B. Wilson, 1927, JASA 22:209-212). Without votes it is 0.
    """
    total = up + down
    if total == 0:
        return 0.0
    share = up / total
    z2 = Z_95 * Z_95
    middle = share + z2 / (2 * total)
    spread = Z_95 * sqrt((share * (1 - share) + z2 / (4 * total)) / total)
    return max(0.0, (middle - spread) / (1 + z2 / total))
