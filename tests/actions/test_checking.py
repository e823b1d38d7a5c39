"""Checking threads: whatever the actions do is in order, and whatever is not in order is found."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from comments.actions.changing import Editor, delete_comment
from comments.actions.checking import (
    RANGES_NAMED,
    Difference,
    check_thread,
    repair_thread,
)
from comments.actions.erasing import erase_comment
from comments.actions.generating import generate_thread
from comments.actions.threads import change_thread
from comments.actions.voting import cast_vote
from comments.errors import Refusal
from comments.models import (
    Comment,
    Event,
    Participant,
    Participation,
    RepliesPolicy,
    Thread,
    Vote,
)
from comments.queries.moments import one_moment
from comments.rules.threading import path_below
from tests.making import decide, fresh, later, make_thread, post

pytestmark = pytest.mark.django_db


def found_in(thread: Thread) -> set[tuple[int | None, str]]:
    """Returns number and field of everything that is not in order."""
    return {(one.number, one.field) for one in check_thread(thread.pk)}


@pytest.fixture
def thread() -> Thread:
    """Returns a thread with four comments: 1, 2 below 1, 3 below 2, and 4."""
    thread = make_thread()
    post(thread, name="Ana")
    for to in (1, 2, None):
        post(thread, name=f"Bo {to}", to=to)
    for number, value in ((1, 1), (1, -1), (3, 1)):
        voter = post_elsewhere(name=f"Voter {number} {value}")
        comment = Comment.objects.get(thread=thread, number=number)
        cast_vote(comment_id=comment.pk, participant_id=voter.pk, value=value, now=later(1))
    return fresh(thread)


def post_elsewhere(*, name: str) -> Participant:
    """Returns a participant who wrote in another thread."""
    other = Thread.objects.filter(key="another").first() or make_thread("another")
    return post(other, name=name).participant


@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_actions_do_is_in_order(seed: int) -> None:
    rng = Random(seed)
    thread = make_thread(premoderation=seed % 3 == 2)
    people: list[Participant] = []
    done = 0
    for step in range(70):
        comments = list(Comment.objects.filter(thread=thread).order_by("pk"))
        chosen = rng.choice(comments) if comments else None
        kind = rng.choice(("post", "post", "reply", "reply", "decide", "delete", "erase", "vote"))
        try:
            if kind == "post" or chosen is None:
                who = rng.choice(people) if people and rng.random() < 0.4 else None
                names = f"@{rng.choice(people).name} #{step}" if people else ""
                text = f"{step} {names}"
                people.append(post(thread, text, name=f"P{step}", by=who).participant)
            elif kind == "reply":
                people.append(post(thread, name=f"P{step}", to=chosen.number).participant)
            elif kind == "decide":
                decide(
                    comment_id=chosen.pk,
                    action=rng.choice(("approve", "reject", "spam", "hold")),
                    replies_policy=rng.choice([None, *RepliesPolicy]),
                    now=later(step),
                )
            elif kind == "delete":
                editor = Editor(participant=chosen.author, is_moderator=rng.random() < 0.5)
                delete_comment(
                    comment_id=chosen.pk, editor=editor, version=chosen.version, now=later(step)
                )
            elif kind == "erase":
                erase_comment(comment_id=chosen.pk, now=later(step))
            else:
                value = rng.choice([1, -1, None])
                voter = rng.choice(people).pk
                cast_vote(
                    comment_id=chosen.pk, participant_id=voter, value=value, now=later(7 * step)
                )
            done += 1
        except Refusal:
            continue
        if step % 35 == 0:
            change_thread(thread_id=thread.pk, premoderation=seed % 2 == 1, now=later(step))
        if step % 5 == 4:
            assert list(check_thread(thread.pk)) == [], (seed, step)
    assert done > 35


WRONG: list[tuple[str, Any, int | None]] = [
    ("visible", False, 3),
    ("reachable", False, 4),
    ("hidden_above", 2, 2),
    ("direct_count", 7, 1),
    ("total_count", 0, 2),
    ("position", 5, 4),
    ("last_position", 9, 1),
    ("votes_up", 3, 1),
    ("votes_down", 3, 2),
    ("score", 0.5, 3),
]


@pytest.mark.parametrize(("field", "value", "number"), WRONG)
def test_wrong_value_of_a_comment_is_found_and_repaired(
    thread: Thread, field: str, value: Any, number: int
) -> None:
    comment = Comment.objects.get(thread=thread, number=number)
    right = getattr(comment, field)
    Comment.objects.filter(pk=comment.pk).update(**{field: value})
    [found] = check_thread(thread.pk)
    assert (found.number, found.field, found.expected) == (number, field, right)
    assert found.stored == value
    assert repair_thread(thread.pk, now=later(9)) == 1
    assert list(check_thread(thread.pk)) == []
    comment.refresh_from_db()
    assert getattr(comment, field) == right


@pytest.mark.parametrize("field", ["visible_count", "visible_roots", "last_position"])
def test_wrong_counter_of_a_thread_is_found_and_repaired(thread: Thread, field: str) -> None:
    right = getattr(thread, field)
    Thread.objects.filter(pk=thread.pk).update(**{field: right + 3})
    expected = Difference(thread.key, None, field, right + 3, right, repairable=True)
    assert list(check_thread(thread.pk)) == [expected]
    assert repair_thread(thread.pk, now=later(9)) == 1
    assert getattr(fresh(thread), field) == right
    assert list(check_thread(thread.pk)) == []


def test_repairing_gives_readers_a_new_version_once(thread: Thread) -> None:
    before = thread.version
    Comment.objects.filter(thread=thread).update(total_count=50, votes_up=9)
    assert repair_thread(thread.pk, now=later(9)) == 8
    assert fresh(thread).version == before + 1
    assert Event.objects.get(thread=thread, version=before + 1).at == later(9)
    assert repair_thread(thread.pk, now=later(10)) == 0
    assert fresh(thread).version == before + 1


def test_votes_that_are_not_counted_at_all_are_found(thread: Thread) -> None:
    Comment.objects.filter(thread=thread, number=1).update(votes_up=0, votes_down=0, score=0)
    assert found_in(thread) == {(1, "votes_up"), (1, "votes_down"), (1, "score")}
    Vote.objects.filter(comment__thread=thread).delete()
    assert found_in(thread) == {(3, "votes_up"), (3, "score")}


def test_author_who_is_not_noted_as_taking_part_is_found_and_noted(thread: Thread) -> None:
    Participation.objects.filter(thread=thread, name="Ana").delete()
    assert found_in(thread) == {(1, "participation")}
    assert repair_thread(thread.pk, now=later(9)) == 1
    assert Participation.objects.get(thread=thread, name="Ana").name_key == "ana"
    assert list(check_thread(thread.pk)) == []


def test_missing_numbers_and_versions_are_named_and_never_written(thread: Thread) -> None:
    Comment.objects.filter(thread=thread, number=4).update(number=8, path=path_below(b"", number=8))
    Comment.objects.filter(thread=thread, number=8).update(root_number=8)
    Event.objects.filter(thread=thread, version=3).delete()
    lines = [(one.field, one.stored, one.expected) for one in check_thread(thread.pk)]
    assert lines == [
        ("last_number", 4, 8),
        ("number", "missing", "4 to 7"),
        ("version", "missing", "3"),
    ]
    assert repair_thread(thread.pk, now=later(9)) == 0
    assert fresh(thread).version == thread.version
    assert fresh(thread).last_number == 4


def test_version_that_no_event_stands_for_is_found(thread: Thread) -> None:
    Thread.objects.filter(pk=thread.pk).update(version=thread.version + 2)
    [found] = check_thread(thread.pk)
    assert (found.field, found.stored) == ("version", thread.version + 2)
    assert found.expected == thread.version


def test_only_the_first_gaps_are_named_one_by_one(thread: Thread) -> None:
    for at in range(100):
        Event.objects.create(thread=thread, version=100 + 2 * at, kind="state", at=later(1))
    named = [one for one in check_thread(thread.pk) if one.stored == "missing"]
    assert len(named) == RANGES_NAMED


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"depth": 2}, {(2, "depth")}),
        ({"root_number": 4}, {(2, "root_number")}),
        ({"parent": None}, {(2, "parent_id")}),
        ({"path": path_below(b"", number=9) + path_below(b"", number=2)}, None),
        ({"path": b"\0\0\0"}, None),
        ({"path": path_below(b"", number=1)}, None),
    ],
)
def test_comment_in_the_wrong_place_is_found(
    thread: Thread, change: dict[str, Any], found: set[tuple[int, str]] | None
) -> None:
    Comment.objects.filter(thread=thread, number=2).update(**change)
    if found is None:
        assert (2, "path") in found_in(thread)
    else:
        assert found_in(thread) == found


def test_waiting_comment_has_no_counters_and_no_published_state(thread: Thread) -> None:
    Thread.objects.filter(pk=thread.pk).update(premoderation=True)
    held = post(thread, name="Waits").comment
    assert list(check_thread(thread.pk)) == []
    Comment.objects.filter(pk=held.pk).update(visible=True, total_count=3)
    assert {(one.comment_id, one.field) for one in check_thread(thread.pk)} == {
        (held.pk, "visible"),
        (held.pk, "total_count"),
    }
    assert repair_thread(thread.pk, now=later(9)) == 2
    Comment.objects.filter(pk=held.pk).update(status="published")
    [found] = check_thread(thread.pk)
    assert (found.field, found.comment_id, found.repairable) == ("number", held.pk, False)


def test_whoever_goes_on_after_any_root_finds_what_a_whole_check_finds_there() -> None:
    thread = generate_thread(site_id=1, key="gone-on-with", comments=400, seed=3)
    numbered = Comment.objects.filter(thread=thread)
    root_of: dict[int | None, Any] = dict(numbered.values_list("number", "root_number"))
    roots = sorted(set(root_of.values()))
    root_of[None] = roots[-1] + 1  # what is wrong with the thread itself is always found
    answered = numbered.filter(total_count__gt=3, depth__lt=2).order_by("-number")[:12]
    assert {one.depth for one in answered} == {0, 1}
    for one in answered:
        decide(
            comment_id=one.pk, action="reject", replies_policy=RepliesPolicy.REMOVE, now=later(0)
        )
    for root in roots:
        assert list(check_thread(thread.pk, after=root)) == []

    numbered.filter(number__in=[50, 200, 350]).update(total_count=77)
    Thread.objects.filter(pk=thread.pk).update(visible_count=1, visible_roots=2, last_position=3)
    whole = list(check_thread(thread.pk))
    assert len(whole) == 6
    for root in roots:
        left = [one for one in whole if root_of[one.number] > root]
        assert list(check_thread(thread.pk, after=root)) == left


def test_a_repair_that_goes_on_gives_the_thread_the_counts_of_all(thread: Thread) -> None:
    Thread.objects.filter(pk=thread.pk).update(visible_count=9, visible_roots=9, last_position=9)
    Comment.objects.filter(thread=thread, number=4).update(position=7)
    assert repair_thread(thread.pk, after=1, now=later(9)) == 4
    assert list(check_thread(thread.pk)) == []


def test_other_threads_do_not_count(thread: Thread) -> None:
    other = generate_thread(site_id=1, key="other", comments=50, seed=1)
    Comment.objects.filter(thread=other).update(total_count=99)
    assert list(check_thread(thread.pk)) == []


def test_check_reads_and_locks_nothing(thread: Thread) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert list(check_thread(thread.pk)) == []
    # PostgreSQL reads in pieces from a cursor that is declared first.
    assert all(query["sql"].startswith(("SELECT", "DECLARE")) for query in queries)
    assert not any("FOR UPDATE" in query["sql"] for query in queries)


@pytest.mark.django_db(transaction=True)
def test_everything_read_in_a_check_is_of_one_moment() -> None:
    thread = make_thread()
    post(thread)
    with one_moment():
        assert Thread.objects.get(pk=thread.pk).last_number == 1
    # A check that is not read to its end lets go of its moment.
    Comment.objects.filter(thread=thread).update(total_count=5, direct_count=5)
    differences = check_thread(thread.pk)
    assert next(differences).stored == 5
    differences.close()  # type: ignore[attr-defined]
    assert post(thread).comment.number == 2
    if connection.vendor == "postgresql":
        with one_moment(), connection.cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            assert cursor.fetchone()[0] == "repeatable read"


def test_many_comments_take_few_statements() -> None:
    thread = generate_thread(site_id=1, key="k", comments=3_000, seed=1)
    with CaptureQueriesContext(connection) as queries:
        assert list(check_thread(thread.pk)) == []
    assert len(queries) < 15
