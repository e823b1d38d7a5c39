"""Where a list goes on: opaque, signed, and good for the list it was made for only."""

from __future__ import annotations

from hashlib import blake2s
from typing import Any

from django.core.signing import BadSignature, Signer

from comments.errors import CursorInvalid
from comments.words import gettext_noop

_SALT = "comments.cursor"


def _mark(binding: str) -> str:
    return blake2s(binding.encode(), digest_size=6).hexdigest()


def write_cursor(position: list[Any], *, binding: str) -> str:
    """Returns a cursor that leads back to ``position`` (JSON values) of the list ``binding``."""
    signer = Signer(salt=_SALT)
    return str(signer.sign_object([_mark(binding), *position], compress=True))


def read_cursor(cursor: str, *, binding: str) -> list[Any]:
    """Returns the position in a cursor.

    Raises:
        CursorInvalid: it was not made here, or for another list than ``binding``.
    """
    try:
        value: list[Any] = Signer(salt=_SALT).unsign_object(cursor)
        mark, *position = value
    except (BadSignature, ValueError, TypeError):
        raise CursorInvalid() from None
    if mark != _mark(binding):
        raise CursorInvalid(gettext_noop("The cursor belongs to another list."))
    return position
