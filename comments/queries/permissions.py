"""Who may do what."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AbstractUser, AnonymousUser


def is_moderator(user: AbstractBaseUser | AnonymousUser | None) -> bool:
    """Returns whether a user may decide about comments: staff with the right to change them."""
    return (
        isinstance(user, AbstractUser)
        and user.is_active
        and user.is_staff
        and user.has_perm("comments.change_comment")
    )
