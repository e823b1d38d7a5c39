"""Who looks at a page: a signed-in user, a guest by the cookie of his browser, or nobody known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.sites.models import Site
from django.http import HttpRequest, HttpResponse

from comments.actions.changing import Editor
from comments.actions.limiting import address_of, spend, whole_address_of
from comments.actions.people import (
    Writer,
    display_name,
    participant_of_token,
    token_of,
    user_participant,
)
from comments.actions.voting import WRITE_FIRST
from comments.errors import AuthRequired
from comments.models import Participant
from comments.queries.permissions import is_moderator

COOKIE = "comments_guest"
COOKIE_SECONDS = 365 * 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks; a user who never wrote here has no participant yet."""

    participant: Participant | None = None
    user: AbstractBaseUser | None = None
    is_moderator: bool = False

    @property
    def is_known(self) -> bool:
        """Returns whether the viewer can be told from others."""
        return self.participant is not None or self.user is not None

    @property
    def has_account(self) -> bool:
        """Returns whether somebody else vouches for the name, so that it is not asked for."""
        who = self.participant
        by_participant = who is not None and (who.user_id is not None or bool(who.subject))
        return self.user is not None or by_participant

    @property
    def participant_id(self) -> int | None:
        """Returns the id of the viewer's comments' author."""
        return self.participant.pk if self.participant is not None else None

    @property
    def name(self) -> str:
        """Returns the name that the viewer writes under; ``""`` for nobody known."""
        if self.user is not None:
            return display_name(self.user)
        return self.participant.name if self.participant is not None else ""

    @property
    def address(self) -> str:
        """Returns where somebody with an account can be mailed; ``""`` where nobody knows."""
        if not self.has_account:
            return ""
        by_host = self.participant.email if self.participant is not None else ""
        return by_host or str(getattr(self.user, "email", ""))

    @property
    def editor(self) -> Editor:
        """Returns the viewer as somebody who changes comments."""
        return Editor(
            participant=self.participant,
            is_moderator=self.is_moderator,
            user_id=self.user.pk if self.user is not None else None,
        )

    def writer_from(self, request: HttpRequest) -> Writer:
        """Returns the viewer as the writer of a comment that a request brings.

        A guest's name, and what the form knows of its own filling in, come in beside.
        """
        return Writer(
            participant=self.participant,
            user=self.user,
            is_moderator=self.is_moderator,
            origin=address_of(request),
            address=whole_address_of(request),
        )

    def as_participant(self, *, site: Site, now: datetime) -> Participant:
        """Returns the viewer as a participant, made for a user who never wrote.

        Raises:
            AuthRequired: nobody known looks.
        """
        if self.participant is not None:
            return self.participant
        if self.user is None:
            raise AuthRequired(WRITE_FIRST)
        return user_participant(site_id=site.pk, user=self.user, now=now)

    def spend(self, limit: str, request: HttpRequest) -> None:
        """Counts a request against the limits of its address and of the viewer, as the API does.

        Raises:
            RateLimited: one of them is reached.
        """
        spend(f"{limit}_ADDRESS", who=address_of(request))
        if self.user is not None:
            spend(f"{limit}_PARTICIPANT", who=f"user:{self.user.pk}")
        elif self.participant is not None:
            spend(f"{limit}_PARTICIPANT", who=f"participant:{self.participant.pk}")


def viewer_of(request: HttpRequest, *, site: Site) -> Viewer:
    """Returns who looks; a forged, void or foreign cookie is nobody. At most one query more than
    the session needs."""
    user = getattr(request, "user", None)
    if isinstance(user, AbstractBaseUser) and user.is_authenticated:
        participant = Participant.objects.filter(site_id=site.pk, user_id=user.pk).first()
        return Viewer(participant, user, is_moderator(user))
    token = request.COOKIES.get(COOKIE, "")
    return Viewer(participant_of_token(token, site_id=site.pk) if token else None)


def remember_guest(response: HttpResponse, participant: Participant) -> None:
    """Lets the browser keep who this guest is; no script can read it, no other site send it."""
    response.set_cookie(
        COOKIE,
        token_of(participant),
        max_age=COOKIE_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def forget_guest(response: HttpResponse) -> None:
    """Lets the browser forget who this guest is; his comments stay."""
    response.delete_cookie(COOKIE, samesite="Lax")
