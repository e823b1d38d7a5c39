"""Who takes part in a thread, and who a name means."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Subquery

from comments.models import Comment, Participant, Participation
from comments.rules.names import name_key, name_skeleton

NAMES_SHOWN = 10


def matching_participants(*, thread_id: int, start: str) -> list[tuple[str, int | None]]:
    """Returns names in this thread that begin with ``start``, with their latest comment's number.

    One query, at most ``NAMES_SHOWN`` rows, in order of name. No address, no id.
    """
    latest = (
        Comment.objects.filter(
            thread_id=thread_id, author_id=OuterRef("participant_id"), visible=True
        )
        .order_by("-number")
        .values("number")[:1]
    )
    rows = Participation.objects.filter(thread_id=thread_id, name_key__startswith=name_key(start))
    return list(
        rows.annotate(latest=Subquery(latest))
        .filter(latest__isnull=False)
        .order_by("name_key", "participant_id")
        .values_list("name", "latest")[:NAMES_SHOWN]
    )


def who_is_meant(
    *,
    thread_id: int,
    keys: Collection[str],
    writer_id: int | None,
    answered_author_id: int | None,
) -> Mapping[str, int]:
    """Returns the participant for each name that means exactly one: one query.

    Only who has a comment that can be read takes part.
    Several of one name: the author of the comment replied to, else the only one with an
    account, else nobody. The writer is not meant by a name of his own.
    """
    if not keys:
        return {}
    found: dict[str, list[tuple[int, bool]]] = {}
    readable = Comment.objects.filter(
        thread_id=thread_id, author_id=OuterRef("participant_id"), visible=True
    )
    rows = (
        Participation.objects.filter(Exists(readable), thread_id=thread_id, name_key__in=keys)
        .exclude(participant_id=writer_id or 0)
        .values_list("name_key", "participant_id", "participant__user_id", "participant__subject")
    )
    for key, participant_id, user_id, subject in rows:
        found.setdefault(key, []).append((participant_id, user_id is not None or bool(subject)))
    meant: dict[str, int] = {}
    for key, people in found.items():
        ids = [participant_id for participant_id, _ in people]
        with_account = [participant_id for participant_id, account in people if account]
        if answered_author_id is not None and answered_author_id in ids:
            meant[key] = answered_author_id
        elif len(ids) == 1:
            meant[key] = ids[0]
        elif len(with_account) == 1:
            meant[key] = with_account[0]
    return meant


def latest_numbers(*, thread_id: int, participant_ids: Collection[int]) -> dict[int, int]:
    """Returns the number of the latest visible comment of each participant: one query."""
    if not participant_ids:
        return {}
    latest = (
        Comment.objects.filter(thread_id=thread_id, author_id=OuterRef("id"), visible=True)
        .order_by("-number")
        .values("number")[:1]
    )
    rows = (
        Participant.objects.filter(pk__in=participant_ids)
        .annotate(latest=Subquery(latest))
        .filter(latest__isnull=False)
        .values_list("pk", "latest")
    )
    return dict(rows)


def name_is_protected(*, site_id: int, name: str, participant_id: int | None) -> bool:
    """Returns whether ``name`` is, or looks like, the name of somebody protected on the site."""
    return (
        Participant.objects.filter(
            site_id=site_id, protected=True, name_skeleton=name_skeleton(name)
        )
        .exclude(pk=participant_id or 0)
        .exists()
    )


def staff_name_is_like(name: str) -> bool:
    """Returns whether ``name`` looks like the user name or full name of a member of staff.

    Staff is few: their names are read and folded here, so that a user renamed a moment ago is
    protected too. One query.
    """
    skeleton = name_skeleton(name)
    staff = get_user_model()._default_manager.filter(is_staff=True, is_active=True)
    for user in staff:
        full = getattr(user, "get_full_name", str)()
        if skeleton in {name_skeleton(text) for text in (user.get_username(), full) if text}:
            return True
    return False
