"""Filling a thread with made-up comments in bulk, for load tests.

The rows are those that the actions would have left, had the people of the plan written, voted and
moderated one after the other; a test lets them do that and compares. Here all rows are written at
once: COPY on PostgreSQL, prepared statements on SQLite, since a million comments through the
actions take hours.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction

from comments.actions.adopting import adopt_comments
from comments.actions.bulk import Behind, Table, analyse, moments_after, new_ids
from comments.actions.generating_texts import Texts
from comments.actions.linking import Known, link_rows
from comments.actions.posting import check_open
from comments.actions.recording import lock_thread, save_thread
from comments.actions.threads import open_thread
from comments.errors import FieldError, ValidationFailed
from comments.models import (
    Comment,
    Event,
    EventKind,
    Mention,
    Participant,
    Participation,
    Reference,
    Status,
    Thread,
    Vote,
)
from comments.rules.generated_texts import (
    Text,
    author_name,
    dice,
)
from comments.rules.generating import Fate, Plan, has_account, plan_thread
from comments.rules.mentions import scan
from comments.rules.names import name_key, name_skeleton
from comments.rules.rendering import (
    RENDERER_VERSION,
    MentionTarget,
)
from comments.rules.threading import path_below
from comments.rules.voting import SHOW_VOTES_EVERY_SECONDS, wilson_lower_bound

BEGINS = datetime(2025, 1, 1, tzinfo=UTC)
"""When the first comment was written: a fixed time, so that a seed gives the same rows."""
AT_ONCE = 5_000
"""How many comments are in memory as rows."""

_FILLED = (Comment, Event, Mention, Participant, Participation, Reference, Vote)
_HELD, _PUBLISHED, _APPROVED, _REJECTED = (
    status.value for status in (Status.HELD, Status.PUBLISHED, Status.APPROVED, Status.REJECTED)
)
_REJECTIONS = {Fate.REJECTED, Fate.COLLAPSED, Fate.REMOVED}
_POLICY = {Fate.COLLAPSED: "collapse", Fate.REMOVED: "remove"}


def generate_thread(
    *,
    site_id: int,
    key: str,
    comments: int,
    seed: int,
    pending_share: float = 0.0,
    progress: Callable[[int], None] = lambda _: None,
) -> Thread:
    """Returns a thread filled with made-up comments; made if there is none of this key.

    All of it is one transaction: a run that is broken off leaves nothing. The memory it takes is
    about 100 bytes for each comment.

    Args:
        comments: how many rows, those that wait for a moderator included.
        seed: the same one gives the same thread.
        pending_share: how many of them, 0 to 1, wait for a moderator and have no number.
        progress: called with how many are written.

    Raises:
        ValidationFailed: the thread has comments already, or the key is no slug.
        ThreadClosed: the thread takes no comments.
        ValueError: ``comments`` or ``pending_share`` is out of range.
    """
    thread = _fill(
        site_id=site_id,
        key=key,
        comments=comments,
        seed=seed,
        pending_share=pending_share,
        progress=progress,
    )
    analyse(*_FILLED)
    return thread


@transaction.atomic(durable=True)
def _fill(
    *,
    site_id: int,
    key: str,
    comments: int,
    seed: int,
    pending_share: float,
    progress: Callable[[int], None],
) -> Thread:
    thread = _empty_thread(site_id=site_id, key=key)
    plan = plan_thread(
        comments=comments,
        seed=seed,
        pending_share=pending_share,
        premoderated=thread.premoderation,
    )
    if connection.vendor == "postgresql":
        # Foreign keys are checked after each batch, not all of them kept in memory for the end.
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    _Filling(thread, plan, seed=seed).write(progress)
    save_thread(thread)
    adopt_comments(thread, now=thread.changed_at)
    return thread


def made_up_url(key: str) -> str:
    """Returns the address of a thread that was made to be filled; no page is there."""
    return f"/generated/{key}/"


def _empty_thread(*, site_id: int, key: str) -> Thread:
    """Returns the thread of this key, locked and without comments."""
    found = Thread.objects.filter(site_id=site_id, key=key).first()
    if found is None:
        try:
            Thread._meta.get_field("key").run_validators(key)
        except ValidationError:
            detail = "A key is made of letters, digits, - and _."
            raise ValidationFailed([FieldError("#/key", "invalid", detail)]) from None
        return open_thread(
            site_id=site_id,
            key=key,
            url=made_up_url(key),
            title=f"Generated thread {key}",
            opened_at=BEGINS,
        )
    thread = lock_thread(found.pk)
    check_open(thread)
    if Comment.objects.filter(thread=thread).exists():
        detail = f"The thread {key!r} has comments already; only an empty one is filled."
        raise ValidationFailed([FieldError("#/key", "taken", detail)])
    return thread


class _Filling:
    """One thread on its way from a plan to rows, in order of time."""

    def __init__(self, thread: Thread, plan: Plan, *, seed: int) -> None:
        self.thread = thread
        self.plan = plan
        self.rng = dice(seed, "votes")
        self.texts = Texts(plan, seed=seed)
        self.version_before = thread.version
        self.changed = 0
        self.events: list[tuple[Any, ...]] = []
        self.votes: list[tuple[Any, ...]] = []
        self.mentions: list[tuple[Any, ...]] = []
        self.references: list[tuple[Any, ...]] = []
        self.joined = bytearray(plan.people)
        self.person: list[int | None] = [None] * plan.people
        self.voters: list[int] = []
        self.moment = moments_after(BEGINS)
        self.comment_table = Table(
            Comment,
            "id thread number parent reply_to path root_number depth position last_position author "
            "author_name source format html renderer_version status held_reason deleted_at "
            "erased_at replies_policy hidden_above visible reachable created_at written_at "
            "published_at version direct_count total_count votes_up votes_down score",
        )
        self.event_table = Table(Event, "thread version kind number at")
        self.vote_table = Table(Vote, "comment participant value cast_at")
        self.mention_table = Table(Mention, "thread comment start end text probe participant")
        self.reference_table = Table(Reference, "thread comment start end number linked")

    def write(self, progress: Callable[[int], None]) -> None:
        """Writes all rows, and what becomes of the thread into its fields."""
        thread, plan = self.thread, self.plan
        self._write_people()
        self.ids = new_ids(Comment, plan.comments)
        turned_on = plan.premoderated and not thread.premoderation
        if turned_on:
            self._record(EventKind.STATE, None, at=0)
        rows: list[tuple[Any, ...]] = []
        with Behind() as behind:
            for i in range(plan.comments):
                rows.append(self._comment(i))
                self._live(i)
                if len(rows) == AT_ONCE:
                    self._flush(behind, rows)
                    rows = []
                    progress(i + 1)
            if turned_on:
                self._record(EventKind.STATE, None, at=plan.voted_at(plan.comments - 1) + 2)
            self._flush(behind, rows)
            behind.wait()
        progress(plan.comments)
        self._write_participations()
        thread.last_number = plan.numbers
        thread.last_position = plan.roots
        thread.visible_count, thread.visible_roots = plan.counted
        if thread.version > self.version_before:
            thread.changed_at = BEGINS + timedelta(seconds=self.changed)

    def _comment(self, i: int) -> tuple[Any, ...]:
        """Returns the row of comment ``i`` as it is in the end."""
        plan, fate = self.plan, self.plan.fate[i]
        author, parent, number = plan.author[i], plan.parent[i], plan.number[i]
        text, html = self._text(i)
        written = self.moment(plan.written[i])
        published = None
        if number:
            published = self.moment(plan.published_at(i)) if plan.premoderated else written
        gone = self.moment(plan.gone_at(i)) if fate else None
        erased = fate == Fate.ERASED
        parent_id = self.ids[parent] if parent >= 0 else None
        up, down = (plan.ups[i], plan.downs[i]) if number else (0, 0)
        return (
            self.ids[i],
            self.thread.pk,
            number or None,
            parent_id,
            parent_id,
            _path(plan, i) if number else None,
            plan.root[i] if number else None,
            plan.depth[i],
            plan.position[i] if number else None,
            plan.last_position[i],
            None if erased else self.person[author],
            "" if erased else author_name(author),
            "" if erased else text.source,
            text.format,
            "" if erased else html,
            RENDERER_VERSION,
            _status(plan, i),
            "" if number else "premoderation",
            gone if fate == Fate.DELETED else None,
            gone if erased else None,
            _POLICY.get(Fate(fate), "keep") if fate else "keep",
            plan.hidden_above[i],
            bool(plan.visible[i]),
            plan.reachable(i),
            written,
            written,
            published,
            1 + bool(number and plan.premoderated) + bool(fate),
            plan.direct_count[i],
            plan.total_count[i],
            up,
            down,
            wilson_lower_bound(up=up, down=down) if up or down else 0.0,
        )

    def _text(self, i: int) -> tuple[Text, str]:
        """Returns text and HTML of comment ``i``; notes whom and what it names."""
        plan = self.plan
        if i not in plan.mentions and i not in plan.references:
            return self.texts.in_bucket(self.texts.bucket(i))
        naming = self.texts.naming(i)
        latest = dict([plan.mentions[i]]) if i in plan.mentions else {}
        found = scan(naming.start)
        ranks = {
            key: rank
            for candidate in found.mentions
            for key, _ in candidate.keys
            if (rank := self.texts.rank_of(key)) is not None
            and self.joined[rank]
            and rank != plan.author[i]
        }
        known = Known(
            {key: person for key, rank in ranks.items() if (person := self.person[rank])},
            # Numbers that are not there yet are higher than any in the plan.
            frozenset(one.number for one in found.references if one.number <= plan.numbers),
        )
        rendered = naming.laid_out(
            names={key: MentionTarget(latest.get(rank) or None) for key, rank in ranks.items()},
            numbers=known.numbers,
        )
        if plan.fate[i] != Fate.ERASED:
            mentions, references = link_rows(
                thread_id=self.thread.pk,
                comment_id=self.ids[i],
                rendered=rendered,
                known=known,
            )
            self.mentions += [
                (*_place(one), one.text, one.probe, one.participant_id) for one in mentions
            ]
            self.references += [(*_place(one), one.number, one.linked) for one in references]
        return naming.text, rendered.html

    def _live(self, i: int) -> None:
        """Records what happened from comment ``i`` up to the next one."""
        plan = self.plan
        if plan.number[i]:
            self.joined[plan.author[i]] = True
            self._record(EventKind.PUBLISHED, plan.number[i], at=plan.published_at(i))
            if plan.ups[i] or plan.downs[i]:
                self._vote(i)
        for leaver in plan.leavers.get(i, ()):
            self._record(EventKind.REMOVED, plan.number[leaver], at=plan.gone_at(leaver))

    def _vote(self, i: int) -> None:
        plan, at = self.plan, self.plan.voted_at(i)
        moment = self.moment(at)
        voter = self.rng.randrange(len(self.voters))
        for place in range(plan.ups[i] + plan.downs[i]):
            voter = (voter + 1) % len(self.voters)
            if self.voters[voter] == self.person[plan.author[i]]:
                voter = (voter + 1) % len(self.voters)
            value = 1 if place < plan.ups[i] else -1
            self.votes.append((self.ids[i], self.voters[voter], value, moment))
            if at - self.changed >= SHOW_VOTES_EVERY_SECONDS:
                self._record(EventKind.VOTED, plan.number[i], at=at)
            else:
                self.thread.votes_changed = True

    def _record(self, kind: EventKind, number: int | None, *, at: int) -> None:
        self.thread.version += 1
        self.thread.votes_changed = False
        self.thread.has_news = True
        self.changed = at
        self.events.append(
            (self.thread.pk, self.thread.version, kind.value, number, self.moment(at))
        )

    def _flush(self, behind: Behind, rows: list[tuple[Any, ...]]) -> None:
        behind.write(
            (self.comment_table, rows),
            (self.event_table, self.events),
            (self.vote_table, self.votes),
            (self.mention_table, self.mentions),
            (self.reference_table, self.references),
        )
        self.events, self.votes, self.mentions, self.references = [], [], [], []

    def _write_people(self) -> None:
        plan = self.plan
        authors = set(plan.author)
        ranks = [rank for rank in range(plan.people) if rank in authors or has_account(rank)]
        table = Table(Participant, "id site subject name name_key name_skeleton created_at")
        rows = []
        for person, rank in zip(new_ids(Participant, len(ranks)), ranks, strict=True):
            self.person[rank] = person
            if has_account(rank):
                self.voters.append(person)
            subject = f"generated:{self.thread.key}:{rank}"[:255] if has_account(rank) else ""
            name = author_name(rank)
            key, skeleton = name_key(name), name_skeleton(name)
            begin = self.moment(0)
            rows.append((person, self.thread.site_id, subject, name, key, skeleton, begin))
        table.write(rows)

    def _write_participations(self) -> None:
        rows = [
            (self.thread.pk, self.person[rank], author_name(rank), name_key(author_name(rank)))
            for rank in range(self.plan.people)
            if self.joined[rank]
        ]
        Table(Participation, "thread participant name name_key").write(rows)


def _place(link: Mention | Reference) -> tuple[int, int, int, int]:
    return link.thread_id, link.comment_id, link.start, link.end


def _path(plan: Plan, i: int) -> bytes:
    path = b""
    for number in plan.path_numbers(i):
        path = path_below(path, number=number)
    return path


def _status(plan: Plan, i: int) -> str:
    if not plan.number[i]:
        return _HELD
    if plan.fate[i] in _REJECTIONS:
        return _REJECTED
    return _APPROVED if plan.premoderated else _PUBLISHED
