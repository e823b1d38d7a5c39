"""Every refusal as a problem document (RFC 9457), whoever raised it."""

from __future__ import annotations

import logging
from typing import Any

import orjson
from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import DatabaseError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions as drf
from rest_framework.response import Response

from comments.errors import (
    AuthRequired,
    FieldError,
    Forbidden,
    Malformed,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    RateLimited,
    Refusal,
    ServerError,
    TooLarge,
    Unavailable,
    UnsupportedMediaType,
    ValidationFailed,
)
from comments.language import translated
from comments.queries.replicas import READ_ONLY
from comments.queries.sites import absolute

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger("comments.api")

_TRANSLATED: list[tuple[type[Exception], type[Refusal]]] = [
    (Http404, NotFound),
    (drf.NotFound, NotFound),
    (drf.MethodNotAllowed, MethodNotAllowed),
    (drf.UnsupportedMediaType, UnsupportedMediaType),
    (drf.NotAcceptable, NotAcceptable),
    (drf.NotAuthenticated, AuthRequired),
    (drf.AuthenticationFailed, AuthRequired),
    (drf.PermissionDenied, Forbidden),
    (PermissionDenied, Forbidden),
    (RequestDataTooBig, TooLarge),
    (drf.ParseError, Malformed),
    (SuspiciousOperation, Malformed),
    (BadRequest, Malformed),
]


def refusal_for(error: Exception) -> Refusal:
    """Returns the refusal that an exception stands for; ``ServerError`` for the unforeseen."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, drf.ValidationError):
        return ValidationFailed(list(_field_errors(error.detail, "#")))
    for kind, refusal in _TRANSLATED:
        if isinstance(error, kind):
            return refusal()
    if isinstance(error, DatabaseError) and _may_pass(error):
        return Unavailable(retry_after=1)
    return ServerError()


def _may_pass(error: DatabaseError) -> bool:
    """Returns whether the store is busy or away, or does not take anything at the moment.

    That is SQLite's lock; of PostgreSQL the classes 08, 40, 53 and 57, and what has no code, since
    no server has answered; and a primary that is none any more, which is no ``OperationalError``.
    """
    state = getattr(error.__cause__, "sqlstate", "other")
    if state == READ_ONLY:
        return True
    if not isinstance(error, OperationalError):
        return False
    return "locked" in str(error) or state is None or state[:2] in {"08", "40", "53", "57"}


def _field_errors(detail: Any, pointer: str) -> list[FieldError]:
    """Returns DRF's nested errors as a flat list with JSON pointers (RFC 6901)."""
    if isinstance(detail, dict):
        found: list[FieldError] = []
        for name, below in detail.items():
            at = pointer if name == "non_field_errors" else f"{pointer}/{_escaped(str(name))}"
            found += _field_errors(below, at)
        return found
    if isinstance(detail, list):
        return [error for below in detail for error in _field_errors(below, pointer)]
    # Said now: what has passed through the framework is no sentence that could be said later.
    return [FieldError(pointer, getattr(detail, "code", "invalid"), translated(str(detail)))]


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def document(refusal: Refusal, *, instance: str) -> dict[str, Any]:
    """Returns the members of the problem document for a refusal."""
    body: dict[str, Any] = {
        "type": absolute(f"/problems/{refusal.code}/"),
        "title": translated(refusal.title),
        "status": refusal.status,
        "detail": translated(refusal.detail),
        "instance": instance,
        "code": refusal.code,
    }
    if isinstance(refusal, ValidationFailed):
        body["errors"] = [
            {"pointer": error.pointer, "code": error.code, "detail": translated(error.detail)}
            for error in refusal.errors
        ]
    body.update(refusal.extra)
    return body


def headers(refusal: Refusal) -> dict[str, str]:
    """Returns the headers that belong to a refusal."""
    found = {"Cache-Control": "no-store"}
    if isinstance(refusal, RateLimited):
        found["Retry-After"] = str(refusal.retry_after_seconds)
    elif isinstance(refusal, Unavailable):
        found["Retry-After"] = "1"
    elif isinstance(refusal, AuthRequired):
        found["WWW-Authenticate"] = 'Bearer realm="api", Comment realm="api"'
    return found


def answer_exception(error: Exception, context: dict[str, Any]) -> Response:
    """Returns DRF's answer for whatever a view raised; what was not foreseen is logged whole."""
    refusal = refusal_for(error)
    request = context["request"]
    if isinstance(refusal, ServerError | Unavailable):
        log.exception("%s %s failed", request.method, request.path, exc_info=error)
    response = Response(
        document(refusal, instance=request.path),
        status=refusal.status,
        headers=headers(refusal),
        content_type=MEDIA_TYPE,
    )
    if isinstance(error, drf.MethodNotAllowed):
        response["Allow"] = ", ".join(context["view"].allowed_methods)
    return response


def problem_response(refusal: Refusal, request: HttpRequest) -> HttpResponse:
    """Returns a refusal as a plain Django response, for what DRF never sees."""
    return HttpResponse(
        orjson.dumps(document(refusal, instance=request.path)),
        status=refusal.status,
        headers=headers(refusal),
        content_type=MEDIA_TYPE,
    )
