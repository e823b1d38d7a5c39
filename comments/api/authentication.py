"""Who is calling: a token, a session, or nobody.

The API does not pass through Django's session and CSRF middleware, so what a view does not ask
for here it does not know, and a public read cannot depend on who reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.sites.models import Site
from django.http import HttpRequest, HttpResponse
from rest_framework.authentication import CSRFCheck

from comments.actions.changing import Editor
from comments.actions.people import Writer, participant_of_token, user_participant
from comments.actions.signing_in import PREFIX, SCOPES, api_token, sign_in_host_user
from comments.errors import AuthRequired, Forbidden
from comments.models import Participant
from comments.queries.permissions import is_moderator
from comments.queries.sites import profile_of
from comments.views.viewers import COOKIE
from comments.words import gettext_noop

SAFE = {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. ``scopes`` are all for a session, those of the token for an API token."""

    participant: Participant | None = None
    user: AbstractBaseUser | None = None
    scopes: frozenset[str] = frozenset()

    @property
    def is_known(self) -> bool:
        """Returns whether the caller can be told from others."""
        return self.participant is not None or self.user is not None

    @property
    def is_moderator(self) -> bool:
        """Returns whether the caller may decide about other people's comments."""
        return "moderate" in self.scopes and is_moderator(self.user)

    @property
    def label(self) -> str:
        """Returns a text that is the same for all requests of one caller."""
        if self.user is not None:
            return f"user:{self.user.pk}"
        return f"participant:{self.participant.pk}" if self.participant else "guest"

    def need(self, scope: str) -> None:
        """Refuses an API token without the scope.

        Raises:
            Forbidden: it names the scope.
        """
        if self.user is not None and scope not in self.scopes:
            raise Forbidden(gettext_noop("The API token lacks the scope “{scope}”.", scope=scope))

    def as_participant(self, *, site: Site, now: datetime) -> Participant:
        """Returns the participant that the caller acts as, made for a user who never wrote.

        Raises:
            AuthRequired: the caller is nobody.
        """
        if self.participant is not None:
            return self.participant
        if self.user is None:
            raise AuthRequired()
        return user_participant(site_id=site.pk, user=self.user, now=now)

    def as_editor(self, *, site: Site) -> Editor:
        """Returns the caller as somebody who may change comments: his own, or all.

        Raises:
            AuthRequired: the caller is nobody.
        """
        if not self.is_known:
            raise AuthRequired()
        participant = self.participant
        if participant is None and self.user is not None:
            participant = Participant.objects.filter(site=site, user_id=self.user.pk).first()
        return Editor(
            participant=participant,
            is_moderator=self.is_moderator,
            user_id=self.user.pk if self.user is not None else None,
        )

    def as_writer(self) -> Writer:
        """Returns the caller as the writer of a new comment; a guest's name comes in beside."""
        return Writer(participant=self.participant, user=self.user, is_moderator=self.is_moderator)


NOBODY = Caller()


def caller_of(request: HttpRequest, *, site: Site, now: datetime) -> Caller:
    """Returns who calls, by the ``Authorization`` header, else by the cookies of our own pages.

    Raises:
        AuthRequired: a token came with the request and is not valid.
        Forbidden: a cookie came with a change, and without a CSRF token.
    """
    scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    token = token.strip()
    if scheme.lower() == "comment":
        participant = participant_of_token(token, site_id=site.pk)
        if participant is None:
            raise AuthRequired(gettext_noop("The comment token is not valid."))
        return Caller(participant=participant)
    if scheme.lower() == "bearer":
        return _bearer(token, request, site=site, now=now)
    if scheme:
        raise AuthRequired(gettext_noop("Use the scheme Bearer or Comment."))
    return _session(request) or _guest(request, site=site)


def is_from_own_page(request: HttpRequest) -> bool:
    """Returns whether a script of one of our own pages sent this: it has the page's CSRF token."""
    has_token = "X-CSRFToken" in request.headers and "Authorization" not in request.headers
    return has_token and _csrf_problem(request) is None


def _bearer(token: str, request: HttpRequest, *, site: Site, now: datetime) -> Caller:
    if token.startswith(PREFIX):
        row = api_token(token, site_id=site.pk, now=now)
        return Caller(user=row.user, scopes=frozenset(row.scopes))
    key = request.headers.get("Idempotency-Key", "")
    digest = sha256(f"{request.method} {request.path} {key}".encode()).hexdigest() if key else ""
    participant = sign_in_host_user(token, profile=profile_of(site), request_digest=digest, now=now)
    return Caller(participant=participant)


def _guest(request: HttpRequest, *, site: Site) -> Caller:
    """Returns the guest whom our own pages know by a cookie; a void one is nobody's."""
    token = request.COOKIES.get(COOKIE, "")
    participant = participant_of_token(token, site_id=site.pk) if token else None
    if participant is None:
        return NOBODY
    if request.method not in SAFE:
        _check_csrf(request)
    return Caller(participant=participant)


def _session(request: HttpRequest) -> Caller | None:
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if not key or not key.isalnum():  # Django's are; NUL would reach the database as an error
        return None
    store = import_module(settings.SESSION_ENGINE).SessionStore
    request.session = store(key)
    user = get_user(request)
    if not user.is_authenticated or not isinstance(user, AbstractBaseUser):
        return None
    if request.method not in SAFE:
        _check_csrf(request)
    return Caller(user=user, scopes=frozenset(SCOPES))


def _check_csrf(request: HttpRequest) -> None:
    if problem := _csrf_problem(request):
        detail = gettext_noop("This page was opened too long ago, or is not ours. Load it again.")
        raise Forbidden(detail, csrf=problem)


def _csrf_problem(request: HttpRequest) -> str | None:
    def answer(_: HttpRequest) -> HttpResponse:
        return HttpResponse()

    check = CSRFCheck(answer)
    check.process_request(request)
    reason: Any = check.process_view(request, answer, (), {})
    return str(reason) if reason else None
