"""A name for each request: in its answer, and in every line of the log that is written for it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from secrets import token_hex
from time import perf_counter

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from blog.logs import request_id
from blog.routes import unmatched_route

logger = logging.getLogger("blog.requests")

HEADER = "X-Request-ID"
_WELL_FORMED = re.compile(r"[A-Za-z0-9_.-]{8,128}\Z", re.ASCII)


class RequestIds:
    """Middleware: takes the name that a trusted proxy gave, or gives one.

    With ``LOG_REQUESTS`` it writes a line for each request, which names the route and not the
    address: nothing that a reader has typed.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._trusts = bool(settings.REJOINDER["TRUSTED_PROXIES"])
        self._writes = settings.LOG_REQUESTS

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answers as the rest does, with the name in the header ``X-Request-ID``."""
        began = perf_counter()
        given = request.META.get("HTTP_X_REQUEST_ID", "") if self._trusts else ""
        name = given if given and _WELL_FORMED.match(given) else token_hex(16)
        # Until the next request of this thread: Django writes of a failure after all middleware.
        request_id.set(name)
        response = self.get_response(request)
        if self._writes:
            _write(request, response, seconds=perf_counter() - began)
        response.headers[HEADER] = name
        return response


def _write(request: HttpRequest, response: HttpResponseBase, *, seconds: float) -> None:
    match = request.resolver_match
    fields = {
        "method": request.method,
        "route": f"/{match.route}" if match is not None else unmatched_route(request.path_info),
        "status": response.status_code,
        "milliseconds": round(seconds * 1_000, 1),
    }
    said = " ".join(str(value) for value in fields.values())
    logger.info("%s ms", said, extra={"fields": fields})
