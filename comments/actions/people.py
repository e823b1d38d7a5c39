"""Participants: found by what they are recognised by, made when they first write."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, AbstractUser
from django.core.signing import BadSignature, Signer
from django.db import IntegrityError, transaction

from comments.errors import FieldError, ValidationFailed
from comments.models import Participant
from comments.queries.people import name_is_taken
from comments.rules.names import clean_name, name_key, name_skeleton
from comments.words import gettext_noop, ngettext_lazy

_TOKEN = Signer(salt="comments.participant")
LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class GuestName:
    """What a guest says of himself; only ``name`` is needed."""

    name: str
    email: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: a participant already recognised, a user, or a guest by what he says."""

    participant: Participant | None = None
    user: AbstractBaseUser | None = None
    guest: GuestName | None = None
    is_moderator: bool = False
    origin: str = ""
    """The group of addresses he comes from, if known; never stored with the comment."""
    address: str = ""
    """The address itself, for rules about ranges; never stored."""
    honeypot: str = ""
    """What came in a field that nobody sees."""
    seconds_to_write: float | None = None
    """From the form's first showing to its sending, if known."""


def token_of(participant: Participant) -> str:
    """Returns the secret by which a browser is recognised as this participant.

    It is signed, not stored: nothing at rest gives it away, and raising ``token_generation``
    makes it void.
    """
    token: str = _TOKEN.sign(f"{participant.pk}.{participant.token_generation}")
    return token


def participant_of_token(token: str, *, site_id: int) -> Participant | None:
    """Returns whose token this is; ``None`` for a forged, void or foreign one.

    A participant with a user has none: that user's session and API tokens can be ended.
    """
    try:
        value = _TOKEN.unsign(token)
        pk, generation = (int(part) for part in value.split("."))
    except (BadSignature, ValueError):
        return None
    return Participant.objects.filter(
        pk=pk, site_id=site_id, token_generation=generation, user=None
    ).first()


def name_for(text: str, *, pointer: str) -> str:
    """Returns a display name fit to be stored and shown.

    Raises:
        ValidationFailed: nothing of it can be seen, or it is longer than 80 characters.
    """
    name = clean_name(text)
    if not name or not name_key(name):
        raise ValidationFailed([FieldError(pointer, "required", gettext_noop("A name is needed."))])
    if len(name) > LONGEST_NAME:
        detail = ngettext_lazy(
            "A name has at most {number} character.",
            "A name has at most {number} characters.",
            LONGEST_NAME,
        )
        raise ValidationFailed([FieldError(pointer, "too_long", detail)])
    return name


def gives_taken_name(writer: Writer, *, thread_id: int) -> bool:
    """Returns whether a guest calls himself by a name that is somebody's: one query for a guest."""
    if writer.user is not None or writer.guest is None:
        return False
    known = writer.participant
    return name_is_taken(
        thread_id=thread_id,
        name=clean_name(writer.guest.name)[:LONGEST_NAME],
        participant_id=known.pk if known is not None else None,
    )


SAID = ("name", "name_key", "name_skeleton", "email", "url")
"""What a guest says of himself, and what follows from that."""
NOTED = ("email_changed_at", "email_verified_at")


def guest_participant(
    *, site_id: int, known: Participant | None, guest: GuestName, is_taken: bool, now: datetime
) -> tuple[Participant, bool]:
    """Returns the participant for a guest: the one his token names, else a new one.

    Asks and stores nothing. Comes with whether a known one is another than is stored, in ``SAID``
    or ``NOTED``: only those are to be stored then: another request may have voided his token.

    Args:
        is_taken: the name is that of staff or of somebody protected, or looks like it.

    Raises:
        ValidationFailed: ``#/author/name``: the name is not fit, or taken (``name_taken``).
    """
    name = name_for(guest.name, pointer="#/author/name")
    if is_taken:
        detail = gettext_noop("This name, or one that looks like it, belongs to somebody here.")
        raise ValidationFailed([FieldError("#/author/name", "name_taken", detail)])
    if known is None:
        known = Participant(site_id=site_id, created_at=now)
    before = [getattr(known, field) for field in SAID]
    _rename(known, name)
    if guest.email.casefold() != known.email.casefold():
        if known.email:
            known.email_changed_at = now
        known.email = guest.email
        known.email_verified_at = None
    known.url = guest.url
    return known, before != [getattr(known, field) for field in SAID]


def user_participant(*, site_id: int, user: AbstractBaseUser, now: datetime) -> Participant:
    """Returns the participant of a signed-in user, made when there is none yet."""
    name = clean_name(display_name(user))[:LONGEST_NAME] or f"user {user.pk}"
    found = Participant.objects.filter(site_id=site_id, user_id=user.pk).first()
    if found is None:
        made = Participant(site_id=site_id, user_id=user.pk, created_at=now)
        made.protected = bool(getattr(user, "is_staff", False))
        _rename(made, name)
        found = _save_or_find(made, user_id=user.pk)
    elif found.name != name:
        _rename(found, name)
        found.save()
    return found


def host_participant(
    *, site_id: int, subject: str, name: str, email: str, now: datetime
) -> Participant:
    """Returns the participant of a user of the host site, by the subject of the host's token.

    The host has signed the name and the address, so the address counts as verified.
    """
    found = Participant.objects.filter(site_id=site_id, subject=subject).first()
    clean = clean_name(name)[:LONGEST_NAME] or "guest"
    if found is not None and (found.name, found.email) == (clean, email):
        return found
    made = found or Participant(site_id=site_id, subject=subject, created_at=now)
    _rename(made, clean)
    if made.email and made.email != email:
        made.email_changed_at = now
    made.email = email
    made.email_verified_at = now if email else None
    if found is not None:
        found.save()
        return found
    return _save_or_find(made, subject=subject)


def reserve_name(*, site_id: int, name: str, now: datetime) -> Participant:
    """Returns a participant that holds ``name`` so that no guest may write under it."""
    key = name_key(clean_name(name))
    found = Participant.objects.filter(site_id=site_id, protected=True, name_key=key).first()
    if found is None:
        found = Participant(site_id=site_id, protected=True, created_at=now)
        _rename(found, clean_name(name))
        found.save()
    return found


def display_name(user: AbstractBaseUser) -> str:
    """Returns the name a user writes under: the full name, else the user name."""
    full = user.get_full_name() if isinstance(user, AbstractUser) else ""
    return full or user.get_username()


def _rename(participant: Participant, name: str) -> None:
    participant.name = name
    participant.name_key = name_key(name)[:320]
    participant.name_skeleton = name_skeleton(name)[:640]


def _save_or_find(made: Participant, **identity: object) -> Participant:
    """Saves a new participant; the one who was faster wins when two requests make the same."""
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError:
        return Participant.objects.get(site_id=made.site_id, **identity)
    return made
