"""Whatever is done in whatever order, what is counted is what readers can reach."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from comments.actions.changing import delete_comment, edit_comment
from comments.actions.checking import check_thread
from comments.actions.erasing import erase_comment
from comments.actions.flagging import Reader, flag_comment, withdraw_flag
from comments.actions.moderating import decide
from comments.actions.posting import Submitted
from comments.actions.rebuilding import mismatches
from comments.actions.undoing import undo_decision
from comments.errors import Refusal
from comments.models import (
    Comment,
    FlagReason,
    LogKind,
    LogRow,
    QueueItem,
    RepliesPolicy,
    Thread,
)
from comments.queries.logbook import verify_thread
from tests.making import SOMEBODY, author_of, fresh, later, make_thread, post, stored

pytestmark = pytest.mark.django_db
WHICH = st.integers(0, 5)


class Desk(RuleBasedStateMachine):
    """Readers, authors and moderators at one thread; after every step the tables must agree."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = ExitStack()
        self.submitted: list[Submitted] = []
        self.clock = 0.0

    @initialize(premoderation=st.booleans())
    def begin(self, premoderation: bool) -> None:
        self.inside.enter_context(self._kept_apart())
        self.thread = make_thread("any-order", premoderation=premoderation)
        self.flaggers = [
            post(make_thread(f"elsewhere-{n}"), name=f"Reader {n}").participant for n in range(3)
        ]

    def teardown(self) -> None:
        self.inside.close()

    @staticmethod
    @contextmanager
    def _kept_apart() -> Iterator[None]:
        """Takes everything back that an example wrote."""
        whole: Any = transaction.atomic()
        whole._from_testcase = True  # as Django's own: actions may begin durably inside
        with whole:
            yield
            transaction.set_rollback(True)

    def now(self) -> Any:
        self.clock += 1
        return later(self.clock)

    def some(self, which: int) -> Comment:
        return stored(self.submitted[which % len(self.submitted)])

    def attempt(self, act: Any) -> Any:
        """Acts; a refusal must have changed nothing."""
        before = self.tables()
        try:
            return act()
        except Refusal:
            assert self.tables() == before
            return None

    def tables(self) -> Any:
        return [
            list(Comment.objects.filter(thread=self.thread).order_by("pk").values()),
            list(Thread.objects.filter(pk=self.thread.pk).values()),
            list(QueueItem.objects.order_by("pk").values()),
            LogRow.objects.count(),
        ]

    @rule()
    def write(self) -> None:
        self.submitted.append(post(self.thread, now=self.now()))

    @precondition(lambda self: self.submitted)
    @rule(which=WHICH)
    def reply(self, which: int) -> None:
        number = self.some(which).number
        if number is not None:
            made = self.attempt(lambda: post(self.thread, to=number, now=self.now()))
            if made:
                self.submitted.append(made)

    @precondition(lambda self: self.submitted)
    @rule(
        which=WHICH,
        action=st.sampled_from(
            ["approve", "approve", "reject", "spam", "hold", "remove", "restore"]
        ),
        policy=st.sampled_from([None, *RepliesPolicy]),
    )
    def decide(self, which: int, action: Any, policy: RepliesPolicy | None) -> None:
        comment = self.some(which)
        self.attempt(
            lambda: decide(
                comment_id=comment.pk,
                action=action,
                actor=SOMEBODY,
                now=self.now(),
                version=comment.version,
                replies_policy=policy,
            )
        )

    @precondition(lambda self: self.submitted)
    @rule(which=WHICH)
    def undo(self, which: int) -> None:
        rows = LogRow.objects.filter(thread_id=self.thread.pk, kind=LogKind.DECISION)
        found = list(rows.order_by("-pk"))
        if found:
            row = found[which % min(2, len(found))]
            done = self.attempt(
                lambda: undo_decision(row_id=row.pk, actor=SOMEBODY, now=self.now())
            )
            if done:
                comment = Comment.objects.get(pk=row.comment_id or 0)
                assert comment.status == row.from_status
                assert comment.replies_policy == row.evidence["policy"][0]

    @precondition(lambda self: self.submitted)
    @rule(which=WHICH)
    def edit(self, which: int) -> None:
        submitted = self.submitted[which % len(self.submitted)]
        self.attempt(
            lambda: edit_comment(
                comment_id=submitted.comment.pk,
                editor=author_of(submitted),
                source=f"Edited at {self.clock}.",
                format=None,
                version=stored(submitted).version,
                now=self.now(),
            )
        )

    @precondition(lambda self: self.submitted)
    @rule(which=WHICH)
    def delete(self, which: int) -> None:
        submitted = self.submitted[which % len(self.submitted)]
        self.attempt(
            lambda: delete_comment(
                comment_id=submitted.comment.pk,
                editor=author_of(submitted),
                version=stored(submitted).version,
                now=self.now(),
            )
        )

    @precondition(lambda self: self.submitted)
    @rule(which=WHICH)
    def erase(self, which: int) -> None:
        self.attempt(lambda: erase_comment(comment_id=self.some(which).pk, now=self.now()))

    @precondition(lambda self: self.submitted)
    @rule(which=WHICH, reader=st.integers(0, 2), withdraw=st.booleans())
    def flag(self, which: int, reader: int, withdraw: bool) -> None:
        by = Reader(self.flaggers[reader], f"10.0.0.{reader}")
        comment_id = self.some(which).pk
        if withdraw:
            self.attempt(lambda: withdraw_flag(comment_id=comment_id, reader=by, now=self.now()))
        else:
            self.attempt(
                lambda: flag_comment(
                    comment_id=comment_id,
                    reader=by,
                    reason=FlagReason.SPAM,
                    note="",
                    now=self.now(),
                )
            )

    @invariant()
    def counters_equal_a_recount(self) -> None:
        assert list(check_thread(self.thread.pk)) == []

    @invariant()
    def the_record_is_whole_and_gives_every_status(self) -> None:
        assert list(verify_thread(fresh(self.thread))) == []
        assert list(mismatches(self.thread.pk)) == []

    @invariant()
    def what_is_held_waits_and_what_is_gone_does_not(self) -> None:
        comments = Comment.objects.filter(thread=self.thread)
        there = comments.filter(deleted_at=None, erased_at=None)
        held = set(there.filter(status="held").values_list("pk", flat=True))
        waiting = set(QueueItem.objects.filter(thread=self.thread).values_list("pk", flat=True))
        assert held <= waiting
        assert waiting <= set(there.values_list("pk", flat=True))


def test_any_order_of_acts_leaves_the_tables_in_agreement() -> None:
    run_state_machine_as_test(
        Desk,
        settings=settings(
            max_examples=12,
            stateful_step_count=30,
            suppress_health_check=list(HealthCheck),
        ),
    )
