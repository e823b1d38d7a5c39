"""What an address answers when it cannot: a problem document below ``/api/``, else a page.

These run when something has gone wrong already, so the pages ask no database and no session.
"""

from __future__ import annotations

import logging
import sys
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from comments.api.problems import headers, problem_response, refusal_for
from comments.errors import (
    Forbidden,
    Malformed,
    NotFound,
    Refusal,
    ServerError,
    TooLarge,
    Unavailable,
)
from comments.language import translated
from comments.words import gettext_noop

log = logging.getLogger("blog.failures")

SENTENCES: dict[type[Refusal], str] = {
    Malformed: gettext_noop("Your browser sent something that this site cannot read."),
    TooLarge: gettext_noop("What you sent is larger than this site takes."),
    Forbidden: gettext_noop("You may not see this page, or not do this."),
    NotFound: gettext_noop(
        "There is nothing at this address. It may have been mistyped, or be gone."
    ),
    Unavailable: gettext_noop(
        "Too much is going on here at the moment. Please try again in a few seconds."
    ),
    ServerError: gettext_noop(
        "The fault is ours, and it has been written down. Please try again later."
    ),
}


def _answer(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    if request.path.startswith("/api/"):
        return problem_response(refusal, request)
    context: dict[str, object] = {
        "refusal": refusal,
        "sentence": translated(SENTENCES.get(type(refusal), refusal.detail)),
    }
    answer = HttpResponse(status=refusal.status, headers=headers(refusal))
    try:
        if refusal.status >= ServerError.status:
            context["text"] = _text_sent(request)
        answer.content = render_to_string("blog/refusal.html", context).encode()
    except Exception:
        log.exception("the page of a failure could not be made")
        answer.headers["Content-Type"] = "text/plain; charset=utf-8"
        answer.content = f"{HTTPStatus(refusal.status).phrase}\n".encode()
    return answer


def _text_sent(request: HttpRequest) -> str:
    """Returns the text of a form that was sent, so that a fault of ours loses nothing."""
    return request.POST.get("source", "") if request.method == "POST" else ""


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answers 400, or 413 to a body that is larger than the site takes."""
    refusal = refusal_for(exception)
    return _answer(request, refusal if refusal.status < ServerError.status else Malformed())


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answers 403."""
    return _answer(request, Forbidden())


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answers 404."""
    return _answer(request, NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    """Answers 503 where the store was busy, else 500; Django has logged what happened."""
    error = sys.exc_info()[1]  # Django calls this while it handles the exception
    refusal = refusal_for(error) if isinstance(error, Exception) else ServerError()
    return _answer(request, refusal if isinstance(refusal, Unavailable) else ServerError())
