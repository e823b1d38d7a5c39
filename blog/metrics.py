"""``/metrics``: what all processes of this machine have counted, and what waits in the database.

It answers to ``Authorization: Bearer`` with ``METRICS_TOKEN`` alone, before any other middleware,
whatever the host name. Without that variable the settings leave this middleware out, and nothing is
counted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from hmac import compare_digest
from threading import local
from time import perf_counter
from typing import Any, cast

from django.conf import settings
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from blog.routes import METRICS, unmatched_route
from comments.metrics import Meters, collected, meters
from comments.queries.gauges import gauges

logger = logging.getLogger(__name__)

METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
BEARER = "Bearer "


class Metrics:
    """Middleware: answers the address, and counts every request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        # A label's counter is found by hash; prometheus_client would check the labels each time.
        self._known: dict[tuple[str, str, int], tuple[Any, Any, Any]] = {}
        connection_created.connect(_count_queries, dispatch_uid="metrics")

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answers 404 to those who do not know the token, as if there were no such address."""
        began, _thread.queries = perf_counter(), 0
        path = request.path_info
        response = _answer(request) if path == METRICS else self.get_response(request)
        match = request.resolver_match
        view = match.view_name if match is not None else unmatched_route(path)
        key = (request.method or "", view, response.status_code)
        requests, queries, seconds = self._known.get(key) or self._meet(key)
        requests.inc()
        queries.inc(_thread.queries)
        seconds.observe(perf_counter() - began)
        return response

    def _meet(self, key: tuple[str, str, int]) -> tuple[Any, Any, Any]:
        method, view, status = key
        on = cast(Meters, meters())
        counters = (
            on.requests.labels(method if method in METHODS else "other", view, status),
            on.queries.labels(view),
            on.seconds.labels(view),
        )
        if method in METHODS:  # others are without end
            self._known[key] = counters
        return counters


class _Thread(local):
    queries = 0
    """Of the request that this thread is at."""


_thread = _Thread()


def _count_queries(connection: Any, **_: Any) -> None:
    if _counted not in connection.execute_wrappers:  # it connects again
        connection.execute_wrappers.append(_counted)


def _counted(execute: Callable[..., Any], *args: Any) -> Any:
    _thread.queries += 1
    return execute(*args)


def _answer(request: HttpRequest) -> HttpResponse:
    given = request.headers.get("Authorization", "").encode()
    if not compare_digest(given, f"{BEARER}{settings.METRICS_TOKEN}".encode()):
        return HttpResponse(status=404)
    registry = CollectorRegistry()
    registry.register(_Collector())
    headers = {"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"}
    return HttpResponse(generate_latest(registry), headers=headers)


class _Collector(Collector):
    """Everything that is told."""

    def describe(self) -> list[Metric]:
        """Returns nothing, so that registering it does not collect."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yields what was counted, and what the database says at the moment, if it answers."""
        yield from collected()
        try:
            found = list(_gauges())
        except Exception:  # what was counted is told all the same
            logger.exception("metrics: the database")
            found = []
        yield GaugeMetricFamily(
            "rejoinder_database_up", "1: the database answers.", value=float(bool(found))
        )
        yield from found


def _gauges() -> Iterator[Metric]:
    families: dict[str, GaugeMetricFamily] = {}
    for gauge in gauges(now=timezone.now()):
        labels = {"site": str(gauge.site)} if gauge.site else {}
        labels.update([gauge.label] if gauge.label else [])
        if gauge.name not in families:
            name = f"rejoinder_{gauge.name}"
            families[gauge.name] = GaugeMetricFamily(name, gauge.help, labels=list(labels))
        families[gauge.name].add_metric(list(labels.values()), gauge.value)
    yield from families.values()
