"""Who calls: API tokens of users, and signed tokens of a host site's own users."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import jwt
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from comments.actions.people import host_participant
from comments.errors import AuthRequired
from comments.models import ApiToken, Participant, TokenUse
from comments.queries.sites import SiteProfile
from comments.words import gettext_noop

SCOPES = ("read", "write", "moderate", "admin")
LONGEST_LIFE = timedelta(minutes=10)
"""A host's token that is valid for longer than this is refused: it is for one request."""
CLOCKS_DIFFER_SECONDS = 30
LONGEST_CLAIM = 255
PREFIX = "rj_"
"""Begins every API token, so that scanners for leaked secrets know one."""


def make_api_token(
    *,
    site_id: int,
    user: AbstractBaseUser,
    label: str,
    scopes: Iterable[str],
    now: datetime,
    expires_at: datetime | None = None,
) -> str:
    """Returns a new token for ``user``: the only time it can be seen, as only its digest is kept.

    Raises:
        ValueError: a scope is none of ``SCOPES``.
    """
    wanted = sorted(set(scopes))
    if unknown := set(wanted) - set(SCOPES):
        raise ValueError(f"no such scope: {', '.join(sorted(unknown))}")
    token = PREFIX + secrets.token_urlsafe(32)
    ApiToken.objects.create(
        site_id=site_id,
        user_id=user.pk,
        label=label,
        digest=digest_of(token),
        scopes=wanted,
        created_at=now,
        expires_at=expires_at,
    )
    return token


def digest_of(token: str) -> str:
    """Returns what is stored of a token. It has 256 random bits, so no salt is needed."""
    return sha256(token.encode()).hexdigest()


def api_token(token: str, *, site_id: int, now: datetime) -> ApiToken:
    """Returns the row of a token that is valid now.

    Raises:
        AuthRequired: it is unknown, expired, revoked, of another site, or its user is inactive.
    """
    row = (
        ApiToken.objects.select_related("user")
        .filter(digest=digest_of(token), site_id=site_id, revoked_at=None)
        .first()
    )
    expired = row is not None and row.expires_at is not None and row.expires_at <= now
    if row is None or expired or not row.user.is_active:
        raise AuthRequired(gettext_noop("The API token is not valid."))
    return row


def sign_in_host_user(
    token: str, *, profile: SiteProfile, request_digest: str, now: datetime
) -> Participant:
    """Returns the participant for a host site's token (JWT, RFC 7519), which is used up by it.

    The algorithm is the one of the site's settings, never the one the token names (RFC 8725,
    3.1). ``exp``, ``sub`` and ``jti`` are needed, ``name`` and ``email`` are taken if there.

    Args:
        request_digest: of a request with an ``Idempotency-Key``: its retry may carry the same
            token. Empty for any other.

    Raises:
        AuthRequired: the site takes no such tokens, or this one is forged, expired, valid for
            too long, or used before.
    """
    if not profile.jwt_algorithm or not profile.jwt_key:
        raise AuthRequired(gettext_noop("This site takes no tokens of other sites."))
    try:
        claims = jwt.decode(
            token,
            profile.jwt_key,
            algorithms=[profile.jwt_algorithm],
            options={"require": ["exp", "sub", "jti"], "verify_aud": False, "verify_exp": False},
        )
        expires_at = datetime.fromtimestamp(int(claims["exp"]), tz=UTC)
    except (jwt.InvalidTokenError, jwt.InvalidKeyError, ValueError, TypeError, OverflowError):
        raise AuthRequired(gettext_noop("The token is not valid.")) from None
    slack = timedelta(seconds=CLOCKS_DIFFER_SECONDS)
    if not now - slack < expires_at <= now + LONGEST_LIFE + slack:
        raise AuthRequired(
            gettext_noop("The token has expired, or is valid for more than ten minutes.")
        )
    subject, jti = claims["sub"], claims["jti"]
    name, email = claims.get("name", ""), claims.get("email", "")
    texts_are_fit = (
        all(
            isinstance(text, str) and len(text) <= LONGEST_CLAIM and text.isprintable()
            for text in (subject, jti, name, email)
        )
        and subject
        and jti
    )
    if not texts_are_fit:
        raise AuthRequired(gettext_noop("The token's claims are not valid."))
    _use_up(profile.id, jti, request_digest=request_digest, expires_at=expires_at + slack)
    return host_participant(
        site_id=profile.id,
        subject=subject,
        name=name or subject,
        email=_address(email),
        now=now,
    )


def _address(text: str) -> str:
    """Returns a mail address, or nothing for a text that is none."""
    try:
        validate_email(text)
    except ValidationError:
        return ""
    return text


def _use_up(site_id: int, jti: str, *, request_digest: str, expires_at: datetime) -> None:
    try:
        with transaction.atomic():
            TokenUse.objects.create(
                site_id=site_id, jti=jti, request=request_digest, expires_at=expires_at
            )
    except IntegrityError:
        used = TokenUse.objects.filter(site_id=site_id, jti=jti).first()
        if used is None or not request_digest or used.request != request_digest:
            raise AuthRequired(gettext_noop("The token has been used before.")) from None


def forget_token_uses(*, now: datetime) -> int:
    """Deletes the uses of tokens that have expired since; returns how many."""
    deleted, _ = TokenUse.objects.filter(expires_at__lt=now).delete()
    return deleted
