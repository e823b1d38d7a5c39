"""What a request passes through on its way, and what an API request does not.

Public reads of the API and the feeds must neither read nor set a cookie, so that one stored copy
serves everybody. The API's other addresses sign their callers in by themselves.

The pages behind the secret in a mail know nobody by a cookie either: whoever has the secret may do
there what they do. The mail program that unsubscribes by one click (RFC 8058) sends neither cookie
nor origin, so the check against forged requests would refuse it; and there is nothing to forge
without the secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from corsheaders.conf import conf
from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponseForbidden
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware

from comments.errors import Refusal
from comments.queries.sites import profile_of, site_of

OUTSIDE = ("/api/", "/threads/", "/comments/feed.atom", "/problems/", "/subscriptions/")
"""Addresses that never see a session."""


def _is_outside(request: HttpRequest) -> bool:
    return request.path_info.startswith(OUTSIDE)


class _OutsideApi:
    """Steps aside for the API and the feeds."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if _is_outside(request):
            passed: HttpResponseBase = self.get_response(request)  # type: ignore[attr-defined]
            return passed
        answer: HttpResponseBase = super().__call__(request)  # type: ignore[misc]
        return answer


class SessionOutsideApi(_OutsideApi, SessionMiddleware):
    """Django's sessions, for pages."""

    def process_request(self, request: HttpRequest) -> None:
        """Begins the session; a key that Django never makes (NUL, say) is no key."""
        if not request.COOKIES.get(settings.SESSION_COOKIE_NAME, "x").isalnum():
            del request.COOKIES[settings.SESSION_COOKIE_NAME]
        super().process_request(request)


class SignInOutsideApi(_OutsideApi, AuthenticationMiddleware):
    """Django's ``request.user``, for pages."""


class MessagesOutsideApi(_OutsideApi, MessageMiddleware):
    """Django's messages, for pages."""


class CsrfOutsideApi(_OutsideApi, CsrfViewMiddleware):
    """Django's CSRF check, for pages; the API checks where it accepts a session."""

    def process_view(
        self,
        request: HttpRequest,
        callback: Callable[..., Any],
        callback_args: tuple[Any, ...],
        callback_kwargs: dict[str, Any],
    ) -> HttpResponseForbidden | None:
        """Returns the refusal of a forged request, for pages."""
        if _is_outside(request):
            return None
        return super().process_view(request, callback, callback_args, callback_kwargs)


class SiteCorsMiddleware(CorsMiddleware):
    """Cross-origin answers (Fetch standard, CORS protocol) for the origins of the site alone."""

    def is_enabled(self, request: HttpRequest) -> bool:
        """Returns whether the address is one that other origins may be let in to."""
        return re.match(conf.CORS_URLS_REGEX, request.path_info) is not None

    def check_signal(self, request: HttpRequest) -> bool:
        """Returns whether the site lists the origin; takes the place of the library's signal."""
        origin = request.headers.get("origin")
        if not origin:
            return False
        try:
            return origin in profile_of(site_of(request)).allowed_origins
        except Refusal:
            return False
