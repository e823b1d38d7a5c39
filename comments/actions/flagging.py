"""Readers' reports of comments, and what follows when there are enough of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.db import transaction
from django.db.models import Count, Q

from comments.actions.logbook import RULES, log_comment
from comments.actions.moderating import apply, locked_comment
from comments.actions.queueing import enqueue, place_of, take_off
from comments.actions.screening import check_sanctions, origin_key
from comments.conf import options
from comments.errors import FlagOnOwn, NotFound
from comments.models import (
    Comment,
    Flag,
    FlagReason,
    LogKind,
    Participant,
    QueueItem,
    RepliesPolicy,
    Thread,
)
from comments.rules.moderation import Status, status_after
from comments.rules.trust import UNKNOWN_FLAG, flag_weight, flags_hide
from comments.words import gettext_noop

LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reports: a participant if he is known, and the group of addresses he comes from."""

    participant: Participant | None
    origin: str


@transaction.atomic(durable=True)
def flag_comment(
    *,
    comment_id: int,
    reader: Reader,
    reason: FlagReason,
    note: str,
    now: datetime,
    site_id: int | None = None,
) -> Flag:
    """Stores a reader's report of a comment; his next one replaces it, so that he counts once.

    The comment is held when the reports that are open weigh enough and come from at least two
    independent readers; not when a moderator has approved this revision.

    Raises:
        NotFound: the reader cannot read such a comment.
        FlagOnOwn: he wrote it.
        Sanctioned: he may not write at the moment, and so not report either.
    """
    thread, comment = _readable(comment_id, site_id=site_id)
    participant = reader.participant
    check_sanctions(participant, now=now)
    if participant is not None and participant.pk == comment.author_id:
        raise FlagOnOwn()
    fields = {
        "origin": origin_key(reader.origin),
        "revision": comment.edits,
        "reason": reason,
        "note": note.strip()[:LONGEST_NOTE],
        "at": now,
        "withdrawn_at": None,
        "weight": _weight(participant),
    }
    found = _flag_of(comment, reader)
    if found is None:
        flag = Flag(comment=comment, participant=participant, **fields)
    else:
        flag = found
        if flag.revision != comment.edits:
            flag.outcome = Flag.Outcome.OPEN
        for name, value in fields.items():
            setattr(flag, name, value)
    flag.save()
    _weigh(thread, comment, now=now)
    return flag


@transaction.atomic(durable=True)
def withdraw_flag(
    *, comment_id: int, reader: Reader, now: datetime, site_id: int | None = None
) -> None:
    """Withdraws a reader's report; without one, nothing happens.

    A comment that was held because of it waits for a moderator all the same.

    Raises:
        NotFound: there is no such comment on the site.
    """
    thread, comment = locked_comment(comment_id, site_id=site_id)
    flag = _flag_of(comment, reader)
    if flag is None or flag.withdrawn_at is not None:
        if not comment.visible:
            raise NotFound(gettext_noop("There is no such comment."))
        return
    flag.withdrawn_at = now
    flag.save(update_fields=["withdrawn_at"])
    if comment.visible:
        _weigh(thread, comment, now=now)


def _readable(comment_id: int, *, site_id: int | None) -> tuple[Thread, Comment]:
    thread, comment = locked_comment(comment_id, site_id=site_id)
    if not comment.visible:
        raise NotFound(gettext_noop("There is no such comment."))
    return thread, comment


def _flag_of(comment: Comment, reader: Reader) -> Flag | None:
    flags = Flag.objects.filter(comment=comment)
    if reader.participant is not None:
        return flags.filter(participant=reader.participant).first()
    return flags.filter(participant=None, origin=origin_key(reader.origin)).first()


def _weight(participant: Participant | None) -> float:
    if participant is None:
        return UNKNOWN_FLAG
    record = Flag.objects.filter(participant=participant).aggregate(
        agreed=Count("pk", filter=Q(outcome=Flag.Outcome.AGREED)),
        disagreed=Count("pk", filter=Q(outcome=Flag.Outcome.DISAGREED)),
    )
    return flag_weight(agreed=record["agreed"], disagreed=record["disagreed"])


def _weigh(thread: Thread, comment: Comment, *, now: datetime) -> None:
    """Brings the queue, and what readers can see, in line with the open flags of a comment."""
    flags = list(
        Flag.objects.filter(
            comment=comment, revision=comment.edits, withdrawn_at=None, outcome=Flag.Outcome.OPEN
        ).order_by("pk")
    )
    if not flags:
        QueueItem.objects.filter(pk=comment.pk, why=QueueItem.Why.FLAGGED).delete()
        return
    weight = sum(flag.weight for flag in flags)
    whom = {str(flag.pk): flag for flag in flags}
    hide = flags_hide(
        weights={key: flag.weight for key, flag in whom.items()},
        origins={key: flag.origin for key, flag in whom.items()},
        threshold=options().flag_threshold,
    )
    # What a human approved in this revision goes on being read until a human looks again.
    if hide and status_after(cast(Status, comment.status), "hold", "automation") == "held":
        _hold(thread, comment, flags=flags, now=now)
    enqueue(
        thread,
        comment,
        why=QueueItem.Why.FLAGGED,
        reason="flags",
        now=now,
        weight=weight,
    )


def _hold(thread: Thread, comment: Comment, *, flags: list[Flag], now: datetime) -> None:
    place = place_of(comment)
    policy = RepliesPolicy(comment.replies_policy)
    apply(
        thread,
        comment,
        status="held",
        policy=policy,
        held_reason="flags",
        told="",
        now=now,
    )
    take_off(comment)
    log_comment(
        thread,
        comment,
        LogKind.FLAGS,
        actor=RULES,
        now=now,
        action="hold",
        from_status="published",
        to_status="held",
        reason="flags",
        evidence={
            "policy": [policy, policy],
            "place": place,
            "flags": [[flag.reason, round(flag.weight * 1000)] for flag in flags],
        },
    )
