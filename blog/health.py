"""``/health/live`` and ``/health/ready``: for whoever decides where requests go.

They answer before any other middleware, whatever the host name, so that a probe needs no more than
the process: ``live`` asks nobody. ``ready`` looks at what requests need; a worker that is late and
a Redis that is away are named, but take no server out of service: no request fails by them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from secrets import token_hex
from time import monotonic

from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from blog.routes import LIVE, READY
from comments.management.tables import missing_migrations
from comments.queries.outgoing import lateness

logger = logging.getLogger(__name__)

CACHE_KEY = "health"
LATE_SECONDS = 15 * 60
"""Longer than a timer that calls ``manage.py work --once`` lets things wait."""


class Health:
    """Middleware: answers the two addresses, and passes on all others."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answers GET and HEAD: 200, or 503 where a request could not be served."""
        if request.path_info not in {LIVE, READY}:
            return self.get_response(request)
        if request.method not in {"GET", "HEAD"}:
            return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
        answer = JsonResponse({"status": "ok"}) if request.path_info == LIVE else ready()
        answer.headers["Cache-Control"] = "no-store"
        return answer


def ready() -> JsonResponse:
    """Returns what each part that requests need came to: its status, and how long it took (ms)."""
    checks: dict[str, dict[str, object]] = {}
    for name, check in CHECKS.items():
        began = monotonic()
        try:
            found = check()
        except Exception:  # whatever it is, this process cannot serve
            logger.exception("health: %s", name)
            found = {"status": "failed"}
        checks[name] = {**found, "ms": round((monotonic() - began) * 1_000, 1)}
    failed = any(found["status"] == "failed" for found in checks.values())
    whole = {"status": "failed" if failed else "ok", "checks": checks}
    return JsonResponse(whole, status=503 if failed else 200)


def _database() -> dict[str, object]:
    on_postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only" if on_postgresql else "SELECT 1")
        [found] = cursor.fetchone()
    if found != "on":
        return {"status": "ok"}
    # A connection may keep that from when it began; a pool would hand it out again for an hour.
    connection.connection.close()
    connection.close()
    return {"status": "failed", "read_only": True}


def _cache() -> dict[str, object]:
    value = token_hex(8)
    key = f"{CACHE_KEY}-{value}"
    cache.set(key, value, timeout=10)
    if cache.get(key) != value:
        return {"status": "failed"}
    return {"status": "away" if getattr(cache, "is_away", False) else "ok"}


def _migrations() -> dict[str, object]:
    missing = missing_migrations()
    return {"status": "failed" if missing else "ok", "missing": missing}


def _worker() -> dict[str, object]:
    seconds = lateness(now=timezone.now()).total_seconds()
    status = "late" if seconds > LATE_SECONDS else "ok"
    return {"status": status, "lag_seconds": round(seconds, 1)}


CHECKS: dict[str, Callable[[], dict[str, object]]] = {
    "database": _database,
    "cache": _cache,
    "migrations": _migrations,
    "worker": _worker,
}
