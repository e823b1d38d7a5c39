"""Decisions of moderators about comments.

Each item is one transaction: the thread's lock, the check of what the moderator saw, the change, a
row of the record, and what follows from it (the queue, flags, trust, mail to the author).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import uuid4

from django.db import transaction

from comments.actions.crediting import settle_flags, settle_trust
from comments.actions.linking import link_older_texts, take_part
from comments.actions.logbook import Actor, log_comment
from comments.actions.outgoing import plan_outgoing
from comments.actions.posting import publish
from comments.actions.queueing import enqueue, place_of, take_off
from comments.actions.recording import lock_thread, record, save_thread, set_policy, settle
from comments.errors import (
    ActionImpossible,
    AlreadyDecided,
    LeaseLost,
    NotFound,
    Refusal,
    StaleVersion,
)
from comments.models import (
    ActorKind,
    Comment,
    EventKind,
    LogKind,
    LogRow,
    QueueItem,
    RepliesPolicy,
    Thread,
)
from comments.queries.logbook import last_change, log_items, names_of_users
from comments.rules.moderation import READABLE, Action, Status, status_after
from comments.rules.threading import numbers_in


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why somebody decides: a code, what the author is told, what only moderators read."""

    code: str = ""
    public: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A comment to decide about; ``version`` as the moderator saw it."""

    comment_id: int
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one item: the comment and the row of the record, or why nothing did."""

    comment_id: int
    comment: Comment | None = None
    row: LogRow | None = None
    refusal: Refusal | None = None


NO_REASONS = Reasons()


def decide_about(
    *,
    items: Sequence[Item],
    action: Action,
    actor: Actor,
    now: datetime,
    site_id: int | None = None,
    reasons: Reasons = NO_REASONS,
    replies_policy: RepliesPolicy | None = None,
) -> tuple[str, list[Result]]:
    """Decides about several comments, each by itself; returns the batch and a result for each.

    An item that is refused changes nothing and stops no other. The batch is undone by its name.
    """
    batch = uuid4().hex
    results = []
    for item in items:
        try:
            comment, row = decide(
                comment_id=item.comment_id,
                action=action,
                actor=actor,
                now=now,
                version=item.version,
                site_id=site_id,
                reasons=reasons,
                replies_policy=replies_policy,
                batch=batch,
            )
        except Refusal as refusal:
            results.append(Result(item.comment_id, refusal=refusal))
        else:
            results.append(Result(item.comment_id, comment, row))
    return batch, results


def decide(
    *,
    comment_id: int,
    action: Action,
    actor: Actor,
    now: datetime,
    version: int | None = None,
    site_id: int | None = None,
    reasons: Reasons = NO_REASONS,
    replies_policy: RepliesPolicy | None = None,
    batch: str = "",
) -> tuple[Comment, LogRow]:
    """Changes a comment's status; a comment approved for the first time gets its number.

    Args:
        version: of the comment, as the moderator saw it; ``None`` decides whatever it is now.
        site_id: comments of other sites do not exist for this moderator; ``None`` for all.
        replies_policy: what becomes of its replies; ``None`` leaves what is stored.

    Raises:
        NotFound: there is no such comment, or its author took it back.
        AlreadyDecided: somebody was first, or it is so already; carries that decision.
        StaleVersion: its author has changed it since ``version``.
        LeaseLost: a colleague has it on the desk.
        ActionImpossible: as its class says.
    """
    comment, row = _decide(
        comment_id=comment_id,
        action=action,
        actor=actor,
        now=now,
        version=version,
        site_id=site_id,
        reasons=reasons,
        replies_policy=replies_policy,
        batch=batch,
    )
    link_what_stands_again(comment, now=now)
    return comment, row


def link_what_stands_again(comment: Comment, *, now: datetime) -> None:
    """Links older texts that refer to a comment that can be read again, or to what is above it."""
    if comment.visible:
        # Tombstones above it stand again, so references to them lead somewhere again too.
        above = numbers_in(bytes(comment.path or b""))
        for found in Comment.objects.filter(thread_id=comment.thread_id, number__in=above):
            link_older_texts(found, now=now)


@transaction.atomic(durable=True)
def _decide(
    *,
    comment_id: int,
    action: Action,
    actor: Actor,
    now: datetime,
    version: int | None,
    site_id: int | None,
    reasons: Reasons,
    replies_policy: RepliesPolicy | None,
    batch: str,
) -> tuple[Comment, LogRow]:
    thread, comment = locked_comment(comment_id, site_id=site_id)
    if comment.deleted_at is not None or comment.erased_at is not None:
        raise NotFound("Its author has taken this comment back.")
    if version is not None and version != comment.version:
        raise overtaken(comment, version=version)
    _check_lease(comment, actor=actor, now=now)
    policy = replies_policy or RepliesPolicy(comment.replies_policy)
    outcome = status_after(cast(Status, comment.status), action, "moderator")
    status: str = outcome
    if outcome == "already":
        if policy == comment.replies_policy or comment.status in READABLE | {"held"}:
            raise _already(comment)
        status = comment.status
    elif outcome in {"not_readable", "human_decided", "not_allowed"}:
        raise ActionImpossible(f"A comment that is {comment.status} cannot be {_DONE[action]}.")
    evidence = {
        "policy": [comment.replies_policy, policy],
        "held_reason": comment.held_reason,
        "place": place_of(comment),
    }
    from_status = comment.status
    apply(
        thread,
        comment,
        status=status,
        policy=policy,
        held_reason="moderator" if status == "held" else "",
        told=reasons.public if status not in READABLE else "",
        now=now,
    )
    row = log_comment(
        thread,
        comment,
        LogKind.DECISION,
        actor=actor,
        now=now,
        action=action,
        from_status=from_status,
        to_status=comment.status,
        reason=reasons.code,
        public_reason=reasons.public,
        note=reasons.note,
        evidence=evidence,
        batch=batch,
    )
    if comment.status == "held":
        enqueue(thread, comment, why=QueueItem.Why.HELD, reason="moderator", now=now)
    else:
        take_off(comment)
    settle_flags(comment)
    settle_trust(comment, now=now)
    plan_outgoing(thread, comment, row, now=now)
    return comment, row


_DONE = {
    "approve": "approved",
    "reject": "rejected",
    "spam": "marked as spam",
    "hold": "held",
    "remove": "removed",
    "restore": "restored",
}


def apply(
    thread: Thread,
    comment: Comment,
    *,
    status: str,
    policy: RepliesPolicy,
    held_reason: str,
    told: str,
    now: datetime,
) -> None:
    """Gives a comment its new status and policy, and brings all that follows in line."""
    comment.held_reason, comment.held_told = held_reason, told
    if status in READABLE and comment.number is None:
        comment.status = status
        comment.replies_policy = policy
        comment.version += 1
        publish(thread, comment, now=now)
        return
    was_visible, was_count = comment.visible, thread.visible_count
    set_policy(thread, comment, policy, now=now)
    comment.status = status
    comment.version += 1
    comment.save(update_fields=["status", "replies_policy", "held_reason", "held_told", "version"])
    settle(thread, comment, now=now)
    if comment.visible:
        take_part(comment)
    if comment.visible != was_visible or thread.visible_count != was_count:
        kind = EventKind.RESTORED if comment.visible else EventKind.REMOVED
        record(thread, kind, number=comment.number, now=now)
        save_thread(thread)


def overtaken(comment: Comment, *, version: int) -> Refusal:
    """Returns the refusal of what was meant for another version: by a decision, or by an edit."""
    last = last_change(comment.pk)
    humans = {LogKind.DECISION, LogKind.UNDO, LogKind.FLAGS}
    if last is not None and last.kind in humans and last.comment_version > version:
        return AlreadyDecided(
            sentence(last), decision=log_items([last])[0], version=comment.version
        )
    return StaleVersion(version=comment.version)


def _already(comment: Comment) -> Refusal:
    last = last_change(comment.pk)
    detail = f"The comment is {comment.status} already."
    if last is None:
        return AlreadyDecided(detail, version=comment.version)
    return AlreadyDecided(detail, decision=log_items([last])[0], version=comment.version)


def sentence(row: LogRow) -> str:
    """Returns in a sentence who decided what."""
    who = "The rules"
    if row.actor_kind == ActorKind.MODERATOR and row.actor_id is not None:
        who = names_of_users([row.actor_id]).get(row.actor_id, "A moderator")
    elif row.actor_kind == ActorKind.OPERATOR:
        who = "An operator"
    done = "undid a decision" if row.kind == LogKind.UNDO else f"chose {row.action}"
    return f"{who} {done}; the comment is now {row.to_status}."


def _check_lease(comment: Comment, *, actor: Actor, now: datetime) -> None:
    item = QueueItem.objects.filter(pk=comment.pk, leased_until__gt=now).first()
    if item is not None and item.leased_by_id is not None and item.leased_by_id != actor.id:
        name = names_of_users([item.leased_by_id]).get(item.leased_by_id, "A colleague")
        raise LeaseLost(
            f"{name} has this comment on the desk.",
            lease={"by": name, "until": item.leased_until},
        )


def locked_comment(comment_id: int, *, site_id: int | None = None) -> tuple[Thread, Comment]:
    """Returns a comment with its thread locked until the transaction ends.

    Raises:
        NotFound: there is no such comment, or it is of another site than ``site_id``.
    """
    found = Comment.objects.filter(pk=comment_id)
    if site_id is not None:
        found = found.filter(thread__site_id=site_id)
    thread_id = found.values_list("thread_id", flat=True).first()
    if thread_id is None:
        raise NotFound("There is no such comment.")
    thread = lock_thread(thread_id)
    return thread, Comment.objects.select_related("author", "parent").get(pk=comment_id)
