"""Adding rows to the record.

Nothing here begins a transaction: a row belongs to the change that it tells of. The chain of a
thread goes on under the thread's lock, the chain of a site under the lock of its end.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from comments.actions.storing import AT_ONCE, Store
from comments.metrics import count_logged
from comments.models import ActorKind, Comment, LogKind, LogRow, LogText, SiteChain, Thread
from comments.rules.logbook import HASHED, row_hash, runs, text_digest


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: a kind, and the id that belongs to it."""

    kind: ActorKind
    id: int | None = None


RULES = Actor(ActorKind.AUTOMATION)
OPERATOR = Actor(ActorKind.OPERATOR)


def log_comment(
    thread: Thread,
    comment: Comment,
    kind: LogKind,
    *,
    actor: Actor,
    now: datetime,
    store: Store = AT_ONCE,
    **columns: Any,
) -> LogRow:
    """Adds a row about a comment to the chain of its thread, which the caller has locked.

    Where it is stored later, its id is not known.
    """
    return _in_thread(
        thread,
        kind,
        actor=actor,
        now=now,
        store=store,
        comment_id=comment.pk,
        revision=comment.edits,
        comment_version=comment.version,
        **columns,
    )


def _in_thread(
    thread: Thread,
    kind: LogKind,
    *,
    actor: Actor,
    now: datetime,
    store: Store = AT_ONCE,
    **columns: Any,
) -> LogRow:
    row = _row(
        store=store,
        site_id=thread.site_id,
        thread_id=thread.pk,
        position=thread.log_length + 1,
        previous_hash=thread.log_head,
        kind=kind,
        actor=actor,
        now=now,
        **columns,
    )
    thread.log_length, thread.log_head = row.position, row.row_hash
    store.update(thread, "log_length", "log_head")
    return row


def log_adopted(thread: Thread, statuses: Iterable[tuple[int, str]], *, now: datetime) -> None:
    """Records the statuses of comments that came without having been screened.

    Args:
        statuses: id and status, by rising id; all of the thread's comments between the ids.
    """
    for piece in runs(statuses):
        _in_thread(
            thread,
            LogKind.ADOPTED,
            actor=OPERATOR,
            now=now,
            evidence={"runs": [list(run) for run in piece]},
        )


def log_site(
    site_id: int,
    kind: LogKind,
    *,
    actor: Actor,
    now: datetime,
    **columns: Any,
) -> LogRow:
    """Adds a row to the chain of a site, locking its end until the transaction ends."""
    SiteChain.objects.bulk_create([SiteChain(site_id=site_id)], ignore_conflicts=True)
    chain = SiteChain.objects.select_for_update().get(pk=site_id)
    row = _row(
        site_id=site_id,
        thread_id=0,
        position=chain.length + 1,
        previous_hash=chain.head,
        kind=kind,
        actor=actor,
        now=now,
        **columns,
    )
    SiteChain.objects.filter(pk=site_id).update(length=row.position, head=row.row_hash)
    return row


def _row(
    *,
    kind: LogKind,
    actor: Actor,
    now: datetime,
    previous_hash: str,
    public_reason: str = "",
    note: str = "",
    store: Store = AT_ONCE,
    **columns: Any,
) -> LogRow:
    salt = secrets.token_hex(16) if public_reason or note else ""
    row = LogRow(
        kind=str(kind.value),
        actor_kind=str(actor.kind.value),
        actor_id=actor.id,
        at=now,
        previous_hash=previous_hash,
        text_digest=text_digest(salt=salt, public_reason=public_reason, note=note),
        **columns,
    )
    row.row_hash = row_hash(
        {name: getattr(row, name) for name in HASHED}, previous_hash=previous_hash
    )
    store.insert(row)
    count_logged(row)
    if salt:
        LogText.objects.create(row=row, salt=salt, public_reason=public_reason, note=note)
    return row


def erase_texts(*, comment_id: int) -> None:
    """Erases what people wrote in the record about a comment; the chain stays valid."""
    LogText.objects.filter(row__comment_id=comment_id).delete()
