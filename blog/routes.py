"""What a request is called in the log and in figures where it met no view.

A pattern of ours or one of a few words, never what somebody asked for: else anybody could fill the
figures with names, and the log with what he typed.
"""

from __future__ import annotations

from django.conf import settings

METRICS = "/metrics"
LIVE = "/health/live"
READY = "/health/ready"
BEFORE_VIEWS = frozenset({METRICS, LIVE, READY})
STATIC = str(settings.STATIC_URL)
UNMATCHED = "unmatched"
"""No such address; or one that middleware has answered: another host, HTTP that leads to HTTPS."""


def unmatched_route(path: str) -> str:
    """Returns the route of a request that no view has answered."""
    if path in BEFORE_VIEWS:
        return path
    return STATIC if path.startswith(STATIC) else UNMATCHED
