"""The queue and the figures of the desk, as queries."""

from __future__ import annotations

from datetime import timedelta

import pytest

from comments.actions.changing import edit_comment
from comments.actions.flagging import Reader, flag_comment
from comments.actions.leasing import lease_next
from comments.actions.logbook import Actor
from comments.actions.moderating import Item, decide_about
from comments.actions.moderating import decide as decide_as
from comments.actions.undoing import undo_decision
from comments.errors import CursorInvalid
from comments.models import ActorKind, Comment, FlagReason, ScreeningRule
from comments.queries.dashboard import decisions, figures, last_decision, percentile
from comments.queries.queue import Filters, count_waiting, queue_page, waiting_for
from comments.rules.moderation import Action
from tests.making import NOW, author_of, later, make_moderator, make_thread, post

pytestmark = pytest.mark.django_db

ALL = Filters()


def held(count: int, *, key: str = "held") -> list[Comment]:
    thread = make_thread(key, premoderation=True)
    return [post(thread, name=f"Guest {n}", now=later(n)).comment for n in range(count)]


def as_moderator(name: str = "ida") -> Actor:
    return Actor(ActorKind.MODERATOR, make_moderator(name).pk)


def test_pages_follow_each_other_without_gap_or_repetition() -> None:
    comments = held(7)
    seen: list[int] = []
    cursor = None
    while True:
        page = queue_page(site_id=1, filters=ALL, now=NOW, cursor=cursor, limit=3)
        seen += [waiting.comment.pk for waiting in page.waiting]
        cursor = page.next
        if cursor is None:
            break
    assert seen == [comment.pk for comment in comments]


def test_a_page_goes_on_though_its_last_comment_was_decided_meanwhile() -> None:
    comments = held(5)
    page = queue_page(site_id=1, filters=ALL, now=NOW, limit=2)
    decide_as(comment_id=comments[1].pk, action="approve", actor=as_moderator(), now=NOW)
    rest = queue_page(site_id=1, filters=ALL, now=NOW, cursor=page.next, limit=9)
    assert [waiting.comment.pk for waiting in rest.waiting] == [one.pk for one in comments[2:]]


def test_a_cursor_belongs_to_its_filters() -> None:
    held(3)
    page = queue_page(site_id=1, filters=ALL, now=NOW, limit=1)
    with pytest.raises(CursorInvalid):
        queue_page(site_id=1, filters=Filters(why="held"), now=NOW, cursor=page.next)


def test_reported_comments_come_before_held_ones_and_filters_choose() -> None:
    waiting = held(2)
    thread = make_thread("open")
    loud = post(thread).comment
    reader = post(thread, name="Reader").participant
    flag_comment(
        comment_id=loud.pk,
        reader=Reader(reader, "10.0.0.1"),
        reason=FlagReason.SPAM,
        note="",
        now=NOW,
    )
    page = queue_page(site_id=1, filters=ALL, now=NOW)
    assert [one.comment.pk for one in page.waiting] == [loud.pk, *(one.pk for one in waiting)]
    assert [flag.reason for flag in page.waiting[0].flags] == ["spam"]
    for filters, count in (
        (Filters(why="flagged"), 1),
        (Filters(reason="premoderation"), 2),
        (Filters(thread_key="open"), 1),
        (Filters(why="held", thread_key="open"), 0),
    ):
        assert count_waiting(site_id=1, filters=filters) == count
    assert count_waiting(site_id=2, filters=ALL) == 0


def test_a_lease_is_shown_until_it_ends() -> None:
    comment = held(1)[0]
    lease_next(site_id=1, user_id=make_moderator("bo").pk, count=1, now=NOW)
    for seconds, name in ((179, "bo"), (181, "")):
        (found,) = waiting_for([comment.pk], site_id=1, now=later(seconds))
        assert found.leased_to == name


def test_the_text_before_the_last_edit_stands_beside_the_comment() -> None:
    made = post(make_thread(premoderation=True), "First.")
    for version, text in ((1, "Second."), (2, "Third.")):
        edit_comment(
            comment_id=made.comment.pk,
            editor=author_of(made),
            source=text,
            format=None,
            version=version,
            now=NOW,
        )
    (found,) = waiting_for([made.comment.pk], site_id=1, now=NOW)
    assert found.earlier is not None
    assert (found.earlier.source, found.comment.source) == ("Second.", "Third.")


# What was decided


def test_the_last_decision_is_ones_own_and_stands() -> None:
    one, two = held(2)
    ida, bo = as_moderator("ida"), as_moderator("bo")
    decide_as(comment_id=one.pk, action="approve", actor=ida, now=later(1))
    _, row = decide_as(comment_id=two.pk, action="spam", actor=ida, now=later(2))
    assert ida.id is not None
    assert bo.id is not None
    found = last_decision(site_id=1, user_id=ida.id, now=later(3))
    assert found is not None
    assert found.item["comment"] == two.pk
    undo_decision(row_id=row.pk, actor=bo, now=later(3))
    found = last_decision(site_id=1, user_id=ida.id, now=later(4))
    assert found is not None
    assert found.item["comment"] == one.pk
    assert last_decision(site_id=1, user_id=bo.id, now=later(4)) is None
    assert last_decision(site_id=2, user_id=ida.id, now=later(4)) is None
    assert last_decision(site_id=1, user_id=ida.id, now=NOW + timedelta(days=2)) is None


def test_the_last_decision_knows_the_size_of_its_batch() -> None:
    ida = as_moderator()
    items = [Item(comment.pk) for comment in held(3)]
    decide_about(items=items, action="spam", actor=ida, now=NOW)
    found = last_decision(site_id=1, user_id=ida.id or 0, now=later(1))
    assert found is not None
    assert found.batch_size == 3


def test_the_list_says_what_was_undone() -> None:
    ida = as_moderator()
    _, row = decide_as(comment_id=held(1)[0].pk, action="spam", actor=ida, now=later(1))
    listed, following = decisions(site_id=1, now=later(2))
    assert following is None
    assert [(one.undone, one.can_be_undone) for one in listed] == [(False, True)]
    undo_decision(row_id=row.pk, actor=ida, now=later(3))
    listed, _ = decisions(site_id=1, now=later(4), user_id=ida.id)
    assert [(one.undone, one.can_be_undone) for one in listed] == [(True, False)]


# The figures


def test_figures_of_a_desk_where_nothing_happened_are_empty() -> None:
    found = figures(site_id=1, now=NOW)
    assert (found.total_waiting, found.oldest, found.decided) == (0, None, 0)
    assert (found.undo_rate, found.median_seconds, found.p95_seconds) == (None, None, None)
    assert (len(found.days), list(found.rules)) == (30, [])


def test_times_to_decision_are_counted_from_when_a_comment_began_to_wait() -> None:
    comments = held(4)
    ida = as_moderator()
    for place, comment in enumerate(comments):
        decide_as(
            comment_id=comment.pk, action="approve", actor=ida, now=later(place + 10 * (place + 1))
        )
    found = figures(site_id=1, now=later(100))
    assert (found.median_seconds, found.p95_seconds) == (25, 40)
    assert found.days[-1].by_status == {"approved": 4}


def test_a_rule_is_as_precise_as_moderators_say() -> None:
    for key, effect in (("pills", "hold"), ("friends", "publish")):
        ScreeningRule.objects.create(
            site_id=1,
            key=key,
            title=key.title(),
            kind="words",
            mode="shadow",
            effect=effect,
            params={"phrases": ["cheap pills"]},
            changed_at=NOW,
        )
    thread = make_thread(premoderation=True)
    ida = as_moderator()
    made = [post(thread, f"Cheap pills {n}.", name=f"G {n}").comment for n in range(5)]
    actions: list[Action] = ["spam", "reject", "spam", "approve", "spam"]
    rows = [
        decide_as(comment_id=comment.pk, action=action, actor=ida, now=NOW)[1]
        for comment, action in zip(made, actions, strict=True)
    ]
    undo_decision(row_id=rows[4].pk, actor=ida, now=later(1))
    found = {rule.key: rule for rule in figures(site_id=1, now=later(2)).rules}
    assert (found["pills"].agreed, found["pills"].total) == (3, 4)
    assert (found["friends"].agreed, found["friends"].total) == (1, 4)
    # By Wilson's formula for 3 of 4.
    assert found["pills"].low == pytest.approx(0.3006, abs=0.0005)
    assert found["pills"].high == pytest.approx(0.9544, abs=0.0005)


def test_percentiles_are_values_that_were_seen() -> None:
    assert percentile([], 0.95) is None
    assert percentile([3.0], 0.95) == 3.0
    assert percentile([float(n) for n in range(1, 101)], 0.95) == 95.0
