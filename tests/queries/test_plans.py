"""Which index SQLite takes for statements that would else read a whole thread.

Only SQLite says so in words that stay: PostgreSQL reads small tables from end to end, and rightly.
What is asserted is the index, for a thread that is small enough to be made for each test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from comments.actions.generating import generate_thread
from comments.actions.linking import _waiting
from comments.actions.recording import _take_along
from comments.models import Comment, Mention, Participant
from comments.queries.feeds import latest_in_thread, latest_on_site
from comments.queries.listing import Shape, list_comments
from comments.queries.logbook import last_change, standing_decisions
from comments.queries.threads import ThreadHead, thread_by_key
from comments.queries.viewer import own_comments, own_votes

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's plans are asserted"),
]

KEY = "planned"


class Plans:
    """Collects the plan of each SELECT that is executed meanwhile."""

    def __init__(self) -> None:
        self.lines: list[list[str]] = []

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        """Asks for the plan of a statement, and then executes it."""
        if sql.lstrip().startswith("SELECT"):
            # Around the wrapper, which would else be asked about its own question.
            found = context["cursor"].cursor.execute(f"EXPLAIN QUERY PLAN {sql}", params)
            self.lines.append([row[3] for row in found.fetchall()])
        return execute(sql, params, many, context)


def plans_of(run: Callable[[], object]) -> list[list[str]]:
    plans = Plans()
    with connection.execute_wrapper(plans):
        run()
    return plans.lines


def filled() -> ThreadHead:
    generate_thread(site_id=1, key=KEY, comments=600, seed=3)
    return thread_by_key(site_id=1, key=KEY)


def take_along(head: ThreadHead) -> None:
    root = Comment.objects.filter(thread_id=head.id, depth=1).order_by("-total_count")[0]
    with transaction.atomic():
        _take_along(root.thread, root, now=timezone.now())


def waiting(head: ThreadHead) -> object:
    newcomer = Comment.objects.filter(thread_id=head.id, visible=True, author__isnull=False)[0]
    return _waiting(newcomer, after=3)


def somebody() -> int:
    return Participant.objects.order_by("pk").values_list("pk", flat=True)[0]


def second_best(head: ThreadHead) -> None:
    shape = Shape(shape="tree", sort="best", limit=2)
    first = list_comments(head=head, shape=shape, cursor=None)
    assert first.next is not None
    assert list_comments(head=head, shape=shape, cursor=first.next).items


@pytest.mark.parametrize(
    ("index", "run"),
    [
        ("comment_branches (thread_id=? AND root_number=? AND path>? AND path<?)", take_along),
        (
            "comment_own (author_id=? AND thread_id=?)",
            lambda head: own_comments(head=head, participant_id=somebody()),
        ),
        (
            "comments_vote_participant_id",
            lambda head: own_votes(thread_id=head.id, participant_id=somebody()),
        ),
        ("mention_waiting (thread_id=? AND probe=?", waiting),
        ("comment_latest (published_at>?)", lambda _: latest_on_site(1)),
        ("comment_latest (published_at=?)", lambda _: latest_on_site(1)),
        ("comment_best_roots (thread_id=?)", second_best),
        ("log_of_comment (comment_id=?)", lambda _: last_change(1)),
        ("log_of_comment (comment_id=?)", lambda _: list(standing_decisions(1))),
        ("one_undo_per_decision (undoes_id=?)", lambda _: list(standing_decisions(1))),
        (
            "comment_answers (reply_to_id=?)",
            lambda _: list(Comment.objects.filter(reply_to_id__in=[1, 2])),
        ),
        (
            "mention_resolved (participant_id=?)",
            lambda _: list(Mention.objects.filter(participant_id__in=[1, 2])),
        ),
    ],
)
def test_statement_takes_the_index_that_was_made_for_it(
    index: str, run: Callable[[ThreadHead], object]
) -> None:
    head = filled()
    plans = plans_of(lambda: run(head))
    assert any(index in line for plan in plans for line in plan), plans


@pytest.mark.parametrize("run", [latest_in_thread, lambda _: latest_on_site(1)])
def test_a_feed_reads_the_latest_in_their_order_and_sorts_nothing(
    run: Callable[[ThreadHead], object],
) -> None:
    head = filled()
    lines = [line for plan in plans_of(lambda: run(head)) for line in plan]
    assert lines
    assert not [line for line in lines if line.startswith("SCAN") or "B-TREE" in line]


def test_the_feed_of_a_thread_asks_for_no_thread_and_looks_each_parent_up_by_its_id() -> None:
    head = filled()
    (plan,) = plans_of(lambda: latest_in_thread(head))
    assert plan == [
        "SEARCH comments_comment USING INDEX sqlite_autoindex_comments_comment_1"
        " (thread_id=? AND number>?)",
        "CORRELATED SCALAR SUBQUERY 1",
        "SEARCH U0 USING INTEGER PRIMARY KEY (rowid=?)",
    ]
