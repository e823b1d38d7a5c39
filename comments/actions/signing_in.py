"""Who calls: API tokens of users, and signed tokens of a host site's own users."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from comments.actions.people import host_participant
from comments.errors import AuthRequired
from comments.models import ApiToken, Participant, TokenUse
from comments.queries.sites import SiteProfile
from comments.rules.names import clean_name, name_key
from comments.words import gettext_noop

SCOPES = ("read", "write", "moderate", "admin")
LONGEST_LIFE = timedelta(minutes=10)
"""A host's token that is valid for longer than this is refused: it is for one request."""
CLOCKS_DIFFER_SECONDS = 30
LONGEST_CLAIM = 255
CLAIMS_OF_THE_LIBRARY = ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")
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
    3.1). ``exp``, ``sub``, ``jti`` and ``name`` are needed; ``email`` is taken if it is one.

    Args:
        request_digest: of a request with an ``Idempotency-Key``: its retry may carry the same
            token. Empty for any other.

    Raises:
        AuthRequired: the site takes no such tokens, or this one is forged, expired, valid for
            too long, incomplete, or used before; ``detail`` says which.
    """
    if not profile.jwt_algorithm or not profile.jwt_key:
        raise AuthRequired(gettext_noop("This site takes no tokens of other sites."))
    claims = _signed_claims(token, profile=profile)
    expires_at = _expiry(claims, now=now)
    subject, jti = _text(claims, "sub"), _text(claims, "jti")
    name, email = _name(claims), _text(claims, "email", is_needed=False)
    slack = timedelta(seconds=CLOCKS_DIFFER_SECONDS)
    _use_up(profile.id, jti, request_digest=request_digest, expires_at=expires_at + slack)
    return host_participant(
        site_id=profile.id,
        subject=subject,
        name=name,
        email=_address(email),
        now=now,
    )


def _signed_claims(token: str, *, profile: SiteProfile) -> dict[str, Any]:
    """Returns what a token says, if the host site has signed it.

    Raises:
        AuthRequired: it has not, or there is no reading it.
    """
    import jwt  # loads 8 MB of cryptography, which sites without a host never need

    try:
        return jwt.decode(
            token,
            profile.jwt_key,
            algorithms=[profile.jwt_algorithm],
            # Claims are looked at one by one below, with the time of the request.
            options={f"verify_{name}": False for name in CLAIMS_OF_THE_LIBRARY},  # type: ignore[arg-type]
        )
    except jwt.InvalidAlgorithmError:
        detail = gettext_noop(
            "The token is not signed by {algorithm}, the only algorithm that this site takes.",
            algorithm=str(profile.jwt_algorithm),
        )
    except (jwt.InvalidSignatureError, jwt.InvalidKeyError):
        detail = gettext_noop("The token's signature does not fit the key of this site.")
    except (jwt.InvalidTokenError, ValueError, TypeError):
        detail = gettext_noop("The token is neither an API token nor a JWT.")
    raise AuthRequired(detail)


def _expiry(claims: dict[str, Any], *, now: datetime) -> datetime:
    """Returns when a token expires.

    Raises:
        AuthRequired: it has, or not for more than ten minutes, or its time has not come.
    """
    slack = timedelta(seconds=CLOCKS_DIFFER_SECONDS)
    expires_at = _time(claims, "exp")
    if expires_at is None:
        raise AuthRequired(gettext_noop("The token lacks the claim {claim}.", claim="exp"))
    if expires_at <= now - slack:
        raise AuthRequired(gettext_noop("The token has expired."))
    if expires_at > now + LONGEST_LIFE + slack:
        raise AuthRequired(gettext_noop("The token is valid for more than ten minutes."))
    for claim in ("nbf", "iat"):
        begins_at = _time(claims, claim)
        if begins_at is not None and begins_at > now + slack:
            raise AuthRequired(
                gettext_noop("The token is not valid yet: its {claim} lies ahead.", claim=claim)
            )
    return expires_at


def _time(claims: dict[str, Any], claim: str) -> datetime | None:
    """Returns the time that a claim says; ``None`` where there is none.

    Raises:
        AuthRequired: it says something else.
    """
    if claims.get(claim) is None:
        return None
    try:
        return datetime.fromtimestamp(int(claims[claim]), tz=UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        detail = gettext_noop(
            "The token's {claim} has to be a time in seconds since 1970.", claim=claim
        )
        raise AuthRequired(detail) from None


def _text(claims: dict[str, Any], claim: str, *, is_needed: bool = True) -> str:
    """Returns the text that a claim says; ``""`` where there is none and none is needed.

    Raises:
        AuthRequired: it is missing, or is no text that can be stored.
    """
    text = claims.get(claim)
    if text is None and is_needed:
        raise AuthRequired(gettext_noop("The token lacks the claim {claim}.", claim=claim))
    text = "" if text is None else text
    is_fit = isinstance(text, str) and len(text) <= LONGEST_CLAIM and text.isprintable()
    if not is_fit or (is_needed and not text):
        detail = gettext_noop(
            "The token's {claim} has to be a printable text of 1 to {most} characters.",
            claim=claim,
            most=LONGEST_CLAIM,
        )
        raise AuthRequired(detail)
    return str(text)


def _name(claims: dict[str, Any]) -> str:
    """Returns the name to write under. ``sub`` is no substitute: it may be what nobody may read.

    Raises:
        AuthRequired: there is none that anybody could see.
    """
    name = _text(claims, "name", is_needed=False)
    if not name_key(clean_name(name)):
        detail = gettext_noop("The token says no name to write under: it needs the claim name.")
        raise AuthRequired(detail)
    return name


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
