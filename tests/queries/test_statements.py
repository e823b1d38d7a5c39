"""Statements that are written out: rows are what the ORM would give, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from comments.models import Comment, Thread
from comments.queries.statements import Question, any_of, asked, fetch
from comments.queries.threads import standing_question, thread_by_key
from tests.making import NOW, make_thread, post

pytestmark = pytest.mark.django_db

COLUMNS = "id, title, last_number, premoderation, changed_at"
STATEMENT = f"SELECT {COLUMNS} FROM comments_thread WHERE site_id = %s ORDER BY id"


def threads() -> list[Thread]:
    made = [
        make_thread("one", title="Καλημέρα, 'quoted' %s", now=NOW + timedelta(microseconds=120)),
        make_thread("two", premoderation=True),
    ]
    post(made[0])
    return made


def as_the_orm_gives() -> list[tuple[object, ...]]:
    return list(Thread.objects.order_by("pk").values_list(*COLUMNS.split(", ")))


def test_rows_are_those_of_the_orm_with_aware_times() -> None:
    threads()
    assert fetch(STATEMENT, [1]) == as_the_orm_gives()
    assert fetch(STATEMENT, [2]) == []


def test_any_of_takes_none_one_and_many_numbers() -> None:
    thread = make_thread()
    numbers = [post(thread, name=f"Guest {at}").comment.number for at in range(4)]
    statement = f"SELECT number FROM comments_comment WHERE {any_of('number')} ORDER BY number"
    for wanted in ([], numbers[:1], numbers):
        assert [row[0] for row in fetch(statement, [wanted])] == wanted


def test_a_question_is_answered_alike_until_something_changes() -> None:
    first, second = threads()
    question = asked(STATEMENT, (1,))
    assert question.is_answered_alike()
    for changed in (
        {"title": "Another"},
        {"last_number": 9},
        {"premoderation": True},
        {"changed_at": NOW + timedelta(microseconds=121)},
    ):
        Thread.objects.filter(pk=first.pk).update(**changed)
        assert not question.is_answered_alike(), changed
        question = asked(STATEMENT, (1,))
        assert question.is_answered_alike(), changed
    Thread.objects.filter(pk=second.pk).update(site_id=1, key="renamed")
    assert question.is_answered_alike()


def test_what_a_thread_stands_on_is_what_its_head_says() -> None:
    first, _ = threads()
    question = standing_question(site_id=1, head=thread_by_key(site_id=1, key=first.key))
    assert question.is_answered_alike()
    assert asked(question.statement, question.parameters).rows == question.rows


def test_nothing_is_the_value_that_it_is() -> None:
    comment = post(make_thread()).comment
    statement = "SELECT number, edited_at, source FROM comments_comment WHERE id = %s"
    question = asked(statement, (comment.pk,))
    assert question.rows[0][1] is None
    assert question.is_answered_alike()
    Comment.objects.filter(pk=comment.pk).update(edited_at=NOW)
    assert not question.is_answered_alike()


@pytest.mark.django_db(transaction=True)
def test_a_question_that_gets_no_answer_is_not_answered_alike() -> None:
    assert not Question("SELECT nothing FROM nowhere WHERE 1 = %s", (1,), []).is_answered_alike()
    make_thread()
    question = asked(STATEMENT, (1,))
    assert question.is_answered_alike()


@pytest.mark.postgres
def test_times_in_another_style_are_no_answer() -> None:
    threads()
    question = asked(STATEMENT, (1,))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL DateStyle = 'German'")
    assert not question.is_answered_alike()
