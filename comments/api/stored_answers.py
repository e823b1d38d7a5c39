"""Public reads that were answered before are answered again, without all that led to the answer.

What a public read is answered depends on a few headers of the request, on the settings of the site
and on the thread. All but the thread are compared here as they are. Of the thread the database is
asked, each time: the read leaves a question, and its answer stands as long as that is answered
alike. So nothing is ever answered that is not true at the moment, whichever process wrote it; and
the bytes and headers are those that the way through all middleware and views gave.

So is the page of a thread, for those whom nobody knows: without the cookie of a session or of a
guest. What of it is of one request alone is put in anew (``comments/views/strangers.py``).

The middleware stands behind those whose headers are of one request alone, and before all others.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from hashlib import blake2s
from typing import Any, cast

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase, ResponseHeaders
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import ResolverMatch
from django.utils import timezone

from comments.api.middleware import OUTSIDE
from comments.conf import options
from comments.errors import Refusal
from comments.queries.pages import PageStore, page_store
from comments.queries.sites import API, profile_of, site_of
from comments.views.answers import PublicAnswer, Standing
from comments.views.language import language_wanted
from comments.views.strangers import Cuts, StrangersPage, cuts_of, own_values, with_values
from comments.views.viewers import COOKIE

ADDRESSES = (f"{API}/threads/", f"{API}/counts/")
"""Where there are answers that a question can be put to."""
LARGEST_BODY = 8192
"""Bytes of a body that is kept with its answer; larger ones are pages, and kept with those."""
READ = (
    *("HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "wsgi.url_scheme", "SCRIPT_NAME"),
    *("HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT", "HTTP_X_FORWARDED_PROTO"),
    *("HTTP_ACCEPT", "HTTP_ORIGIN", "HTTP_IF_NONE_MATCH"),
    "HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK",
)
"""What else of a request an answer may depend on: whatever any middleware or view reads of it."""
SAYS_MORE = ("HTTP_AUTHORIZATION", "HTTP_TRANSFER_ENCODING", "HTTP_X_HTTP_METHOD_OVERRIDE")
"""A request with one of these always goes the whole way."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """How a request was answered, and when it may be answered so again."""

    standing: Standing
    surroundings: tuple[Any, ...]
    status: int
    headers: ResponseHeaders
    body: bytes
    page_key: str
    match: ResolverMatch | None
    cuts: Cuts


class StoredAnswers:
    """Middleware: answers a public read as it was answered before, if that still stands."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answers."""
        key = _key_of(request)
        surroundings = _surroundings_of(request) if key is not None else None
        if key is None or surroundings is None:
            return self.get_response(request)
        store = page_store()
        kept = store.answers.get(key)
        if kept is not None and kept.surroundings == surroundings:
            answer = _again(kept, request, store)
            if answer is not None:
                return answer
        response = self.get_response(request)
        # Settings that were read anew meanwhile may have been read before or after it was made.
        if isinstance(response, PublicAnswer) and surroundings == _surroundings_of(request):
            _keep(key, request, response, surroundings, store)
        return response


def _surroundings_of(request: HttpRequest) -> tuple[Any, ...] | None:
    """Returns the settings that an answer may depend on; ``None`` where they cannot be read.

    What is to be said then is for the whole way to say.
    """
    try:
        site = site_of(request)
        return site.pk, site.domain, site.name, profile_of(site), options()
    except (Refusal, DatabaseError):
        return None


def _key_of(request: HttpRequest) -> str | None:
    """Returns a text that differs wherever two answers could; ``None`` for what is never kept."""
    path, meta = request.path_info, request.META
    is_public = path.startswith(ADDRESSES)
    if (
        not (is_public or _may_be_page(request))
        or request.method not in {"GET", "HEAD"}
        or meta.get("CONTENT_LENGTH", "") not in {"", "0"}
        or any(name in meta for name in SAYS_MORE)
    ):
        return None
    said = [meta.get(name) for name in READ]
    query = meta.get("QUERY_STRING", "")
    return repr((request.method, path, query, language_wanted(request), said))


def _may_be_page(request: HttpRequest) -> bool:
    """Returns whether this could be a page, and be shown as to somebody whom nobody knows."""
    return not (
        settings.CSRF_USE_SESSIONS
        or request.path_info.startswith(OUTSIDE)
        or settings.SESSION_COOKIE_NAME in request.COOKIES
        or COOKIE in request.COOKIES
    )


def _again(kept: _Kept, request: HttpRequest, store: PageStore) -> HttpResponse | None:
    """Returns the answer that was kept, ``None`` if it does not stand any more."""
    standing = kept.standing
    if standing.until is not None and standing.until <= timezone.now():
        return None
    if not standing.question.is_answered_alike():
        return None
    body = kept.body
    if kept.page_key:
        page = store.find(kept.page_key)
        if page is None:
            return None
        _, _, body = page.partition(b"\n")
    request.resolver_match = kept.match
    if kept.cuts:
        return _with_own_values(kept, body, request)
    answer = HttpResponse(body, status=kept.status)
    answer.headers = copy(kept.headers)
    return answer


def _with_own_values(kept: _Kept, page: bytes, request: HttpRequest) -> HttpResponse:
    """Returns a page with the values of this request, and the cookie that belongs to them."""
    _CSRF.process_request(request)
    body = with_values(page, kept.cuts, own_values(request, now=timezone.now()))
    answer = HttpResponse(body, status=kept.status)
    answer.headers = copy(kept.headers)
    return cast(HttpResponse, _CSRF.process_response(request, answer))


def _keep(
    key: str,
    request: HttpRequest,
    response: PublicAnswer,
    surroundings: tuple[Any, ...],
    store: PageStore,
) -> None:
    body = b"" if response.page_key else response.content
    cookies = set(response.cookies)
    cuts: Cuts = ()
    if isinstance(response, StrangersPage) and response.standing is not None:
        cuts = cuts_of(body, response.own)
        # By what it says, so that the cuts are those of the page that is found under this key.
        page = with_values(body, cuts, [" " * len(value) for value in response.own])
        response.page_key, body = blake2s(page, digest_size=16).hexdigest(), b""
        store.get_or_make(response.page_key, lambda: b"\n" + page)
        cookies.discard(settings.CSRF_COOKIE_NAME)
    if response.standing is None or cookies or len(body) > LARGEST_BODY:
        return
    headers = _Headers(dict(response.headers))
    kept = _Kept(
        standing=response.standing,
        surroundings=surroundings,
        status=response.status_code,
        headers=headers,
        body=body,
        page_key=response.page_key,
        match=request.resolver_match,
        cuts=cuts,
    )
    size = sum(len(name) + len(value) for name, value in headers.items()) + len(body)
    size += sum(len(repr(row)) for row in response.standing.question.rows)
    store.answers.keep(key, kept, size_bytes=size)


_CSRF = CsrfViewMiddleware(lambda _: HttpResponse())


class _Headers(ResponseHeaders):
    """Headers that are copied without looking at each again."""

    _store: dict[str, tuple[str, str]]

    def __copy__(self) -> _Headers:
        new = _Headers({})
        new._store = dict(self._store)
        return new
