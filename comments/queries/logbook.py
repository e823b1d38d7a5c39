"""Reading the record: what was decided about a comment, and whether the chains are whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.sites.models import Site
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Value, When

from comments.models import ActorKind, Comment, LogKind, LogRow, LogText, SiteChain, Thread
from comments.queries.statements import objects_by_id
from comments.rules.logbook import HASHED, ChainedRow, End, Fault, faults_in, text_digest

STATE_KINDS = (LogKind.VERDICT, LogKind.DECISION, LogKind.UNDO, LogKind.FLAGS)
"""What changes a status, one comment a row."""
AT_ONCE = 100
"""Rows that are fetched in one go to be verified."""


def in_own_thread() -> Exists:
    """Returns the condition that a row stands in the chain of the thread its comment is in.

    Whoever decides by what the record says of a comment asks for it: a row that was put anywhere
    else has no effect. Asked of each row by itself, so that the index of comments still serves.
    """
    return Exists(
        Comment.objects.filter(
            pk=OuterRef("comment_id"),
            thread_id=OuterRef("thread_id"),
            thread__site_id=OuterRef("site_id"),
        )
    )


def standing_decisions(comment_id: int) -> QuerySet[LogRow]:
    """Returns the decisions of moderators about a comment that were not undone, newest first."""
    undone = LogRow.objects.filter(in_own_thread(), undoes_id=OuterRef("pk"))
    return (
        LogRow.objects.filter(in_own_thread(), comment_id=comment_id, kind=LogKind.DECISION)
        .exclude(Exists(undone))
        .order_by("-id")
    )


def last_change(comment_id: int) -> LogRow | None:
    """Returns the row that gave the comment its present status, ``None`` if it was imported."""
    rows = LogRow.objects.filter(in_own_thread(), comment_id=comment_id, kind__in=STATE_KINDS)
    return rows.order_by("-id").first()


def log_items(rows: Sequence[LogRow]) -> list[dict[str, Any]]:
    """Returns rows as plain values, with the names of moderators and the texts not erased.

    Two queries, however many rows.
    """
    users = names_of_users(
        row.actor_id for row in rows if row.actor_kind == ActorKind.MODERATOR and row.actor_id
    )
    texts = objects_by_id(LogText, [row.pk for row in rows])
    return [_item(row, users=users, text=texts.get(row.pk)) for row in rows]


def _item(row: LogRow, *, users: Mapping[int, str], text: LogText | None) -> dict[str, Any]:
    return {
        "id": row.pk,
        "at": row.at,
        "kind": row.kind,
        "by": {
            "kind": row.actor_kind,
            "id": row.actor_id,
            "name": users.get(row.actor_id) if row.actor_id is not None else None,
        },
        "comment": row.comment_id,
        "participant": row.participant_id,
        "rule": row.rule_key or None,
        "revision": row.revision,
        "version": row.comment_version,
        "action": row.action or None,
        "from": row.from_status or None,
        "to": row.to_status or None,
        "reason": row.reason or None,
        "public_reason": text.public_reason if text else "",
        "note": text.note if text else "",
        "evidence": row.evidence,
        "batch": row.batch or None,
        "undoes": row.undoes_id,
        "hash": row.row_hash,
    }


def names_of_users(ids: Iterable[int]) -> dict[int, str]:
    """Returns the names under which moderators are known to each other."""
    wanted = set(ids)
    if not wanted:
        return {}
    users = get_user_model()._default_manager.filter(pk__in=wanted)
    return {user.pk: user.get_full_name() or user.get_username() for user in users}


def verify_thread(
    thread: Thread, *, after: int = 0, progress: Callable[[int, int], None] = lambda *_: None
) -> Iterator[Fault]:
    """Yields what is wrong with the chain of a thread.

    Args:
        after: the position that an earlier run has come to. From a position that the chain does
            not have any more, it is followed from its first row.
        progress: called now and then with how many rows have been looked at, and the last position.
    """
    rows = LogRow.objects.filter(site_id=thread.site_id, thread_id=thread.pk)
    last = rows.filter(position=after).first() if after <= thread.log_length else None
    after, previous = (after, last.row_hash) if last else (0, "")
    chained = _chained(rows.filter(position__gt=after), after, progress)
    yield from faults_in(
        chained, after=after, previous=previous, length=thread.log_length, head=thread.log_head
    )


def verify_site(site_id: int) -> Iterator[Fault]:
    """Yields what is wrong with the chain of a site."""
    end = SiteChain.objects.filter(pk=site_id).first() or SiteChain(site_id=site_id)
    rows = LogRow.objects.filter(site_id=site_id, thread_id=0)
    yield from faults_in(_chained(rows), length=end.length, head=end.head)


def rows_without_chain() -> Iterator[Fault]:
    """Yields rows in no chain that there is, or in another than that of their comment's thread."""
    sites = Site.objects.filter(pk=OuterRef("site_id"))
    threads = Thread.objects.filter(pk=OuterRef("thread_id"), site_id=OuterRef("site_id"))
    comments = Comment.objects.filter(pk=OuterRef("comment_id"))
    elsewhere = comments.exclude(thread_id=OuterRef("thread_id"))
    why = Case(
        When(~Exists(sites), then=Value("there is no site {0.site_id}")),
        When(
            ~Q(thread_id=0) & ~Exists(threads),
            then=Value("site {0.site_id} has no thread {0.thread_id}"),
        ),
        When(Exists(elsewhere), then=Value("comment {0.comment_id} is in another thread")),
    )
    rows = LogRow.objects.annotate(why=why).filter(why__isnull=False).order_by("pk")
    for row in rows.iterator(AT_ONCE):
        yield Fault("inserted", row.position, row.pk, row.why.format(row))


def chain_ends() -> Iterator[End]:
    """Yields where each chain that has rows ends now; two queries."""
    sites = SiteChain.objects.order_by("pk").filter(length__gt=0)
    yield from map(End._make, sites.values_list("pk", Value(0), "length", "head").iterator())
    threads = Thread.objects.order_by("pk").filter(log_length__gt=0)
    ends = threads.values_list("site_id", "pk", "log_length", "log_head")
    yield from map(End._make, ends.iterator())


def lost_end(end: End) -> Fault | None:
    """Returns what is wrong with the row where a chain once ended; ``None`` if it is still there.

    In a chain without faults all rows up to this one are then those of that time.
    """
    row = LogRow.objects.filter(
        site_id=end.site_id, thread_id=end.thread_id, position=end.length
    ).first()
    if row is None:
        return Fault("missing", end.length, None, "the chain once ended here")
    if row.row_hash != end.head:
        return Fault("changed", end.length, row.pk, "another row stood here")
    return None


def _chained(
    rows: QuerySet[LogRow], after: int = 0, progress: Callable[[int, int], None] = lambda *_: None
) -> Iterator[ChainedRow]:
    """Yields rows with the digests of the texts that are still there; erased ones are right."""
    ordered = rows.select_related("text").order_by("position", "pk")
    # Few at once: the row of an adoption has up to two thousand runs in it.
    last = after
    for at, row in enumerate(ordered.iterator(chunk_size=AT_ONCE)):
        if at % AT_ONCE == 0:
            progress(after + at, last)
        text: LogText | None = getattr(row, "text", None)
        yield ChainedRow(
            row.pk,
            {name: getattr(row, name) for name in HASHED},
            row.previous_hash,
            row.row_hash,
            _digest(text) if text else None,
        )
        last = row.position


def _digest(text: LogText) -> str:
    return text_digest(salt=text.salt, public_reason=text.public_reason, note=text.note)
