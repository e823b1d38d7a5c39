"""Who may open the moderation desk, and what each of its pages is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.http.request import QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from comments.actions.logbook import Actor
from comments.errors import NotFound
from comments.models import ActorKind
from comments.queries.permissions import Role, roles_of
from comments.queries.sites import site_of

FRAGMENT = "X-Desk-Fragment"
"""A request with this header is answered with one comment's markup, not with a page."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A moderator at the desk of a site."""

    request: HttpRequest
    user: AbstractUser
    site_id: int
    roles: frozenset[Role]
    now: datetime

    @property
    def may_decide(self) -> bool:
        """Returns whether there are buttons."""
        return "decide" in self.roles

    @property
    def may_sanction(self) -> bool:
        """Returns whether he may limit what people do, and look at private addresses."""
        return "sanction" in self.roles

    @property
    def actor(self) -> Actor:
        """Returns the moderator as the record names him."""
        return Actor(ActorKind.MODERATOR, self.user.pk)

    @property
    def wants_fragment(self) -> bool:
        """Returns whether the page's script asks, which puts the answer in place."""
        return FRAGMENT in self.request.headers

    @property
    def may_configure(self) -> bool:
        """Returns whether he may change how the site works."""
        return "configure" in self.roles

    def page(
        self, template: str, *, status: int = 200, folder: str = "moderation", **context: Any
    ) -> HttpResponse:
        """Returns a page of the desk in the frame of the admin."""
        whole = {
            **admin.site.each_context(self.request),
            "is_nav_sidebar_enabled": False,
            "desk": self,
            "now": self.now,
            **context,
        }
        return render(self.request, f"admin/{folder}/{template}", whole, status=status)


View = Callable[..., HttpResponseBase]


def desk_view(role: Role, *methods: str) -> Callable[[Callable[..., HttpResponse]], View]:
    """Makes a view of the desk: it gets a ``Desk`` in place of the request.

    A visitor who is not signed in is sent to the admin's sign-in. Others without the role ``view``
    find nothing, as at any address that does not exist.

    Args:
        role: what it takes beside ``view``.
        methods: of HTTP; GET if none is named.
    """

    def decorated(view: Callable[..., HttpResponse]) -> View:
        @never_cache
        @csrf_protect
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            user = request.user
            if not isinstance(user, AbstractUser):
                return redirect_to_login(request.get_full_path(), reverse("admin:login"))
            try:
                site_id = site_of(request).pk
            except NotFound:
                raise Http404 from None
            roles = roles_of(user, site_id=site_id)
            if not user.is_staff or "view" not in roles:
                raise Http404
            if role not in roles:
                raise PermissionDenied
            desk = Desk(request, user, site_id, roles, timezone.now())
            return view(desk, *args, **kwargs)

        return require_http_methods(list(methods) or ["GET", "HEAD"])(guarded)

    return decorated


def number_in(text: str | None) -> int | None:
    """Returns a row's id or a version out of what came with a request, ``None`` if it is none."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > len(str(2**62)):
        return None
    number = int(text)
    return number if number < 2**63 else None


def back_to_queue(desk: Desk) -> str:
    """Returns the address of the list that a form was sent from."""
    asked = QueryDict(desk.request.POST.get("back", "")[:1000]).urlencode()
    return reverse("desk:queue") + (f"?{asked}" if asked else "")
