"""Who may do what."""

from __future__ import annotations

from typing import Literal, get_args

from django.contrib.auth.models import AbstractBaseUser, AbstractUser, AnonymousUser

from comments.models import Moderator

Role = Literal["view", "decide", "sanction", "configure"]
ALL_ROLES: frozenset[Role] = frozenset(get_args(Role))
NO_ROLES: frozenset[Role] = frozenset()


def is_moderator(user: AbstractBaseUser | AnonymousUser | None) -> bool:
    """Returns whether a user may decide about comments on every site: staff with that right."""
    return (
        isinstance(user, AbstractUser)
        and user.is_active
        and user.is_staff
        and user.has_perm("comments.change_comment")
    )


def roles_of(user: AbstractBaseUser | AnonymousUser | None, *, site_id: int) -> frozenset[Role]:
    """Returns what a user may do on the desk of a site.

    A superuser may do everything everywhere. A row of ``Moderator`` says it for one site; without
    one, staff with Django's right to change comments see the queue and decide on every site.
    """
    if not isinstance(user, AbstractUser) or not user.is_active:
        return NO_ROLES
    if user.is_superuser:
        return ALL_ROLES
    row = Moderator.objects.filter(user_id=user.pk, site_id=site_id).first()
    if row is not None:
        return frozenset(role for role in ALL_ROLES if getattr(row, role))
    return frozenset({"view", "decide"}) if is_moderator(user) else NO_ROLES
