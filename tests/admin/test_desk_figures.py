"""The figures of the desk."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from comments.actions.moderating import decide
from tests.admin.desking import (
    QUEUE,
    actor,
    held,
    make_rule,
    text_of,
)
from tests.making import make_thread, post

pytestmark = pytest.mark.django_db


def test_the_figures_count_what_moderators_did(desk: Client, ida: User) -> None:
    make_rule()
    thread = make_thread()
    now = timezone.now()
    made = [
        post(thread, f"Cheap pills {n}.", name=f"Guest {n}", now=now - timedelta(minutes=10))
        for n in range(4)
    ]
    for n, action in enumerate(("spam", "spam", "approve")):
        comment = made[n].comment
        decide(comment_id=comment.pk, action=action, actor=actor(ida), now=now)  # type: ignore[arg-type]
    desk.post(f"{QUEUE}undo/")
    page = desk.get(f"{QUEUE}dashboard/")
    said = text_of(page)
    assert "Waiting now 2 " in said
    assert "Decided in 30 days 3 " in said
    assert "Median time to decision 10 min" in said
    assert "Undone 33.3 %" in said
    assert "Pills: 100 % (2 of 2)" in said
    assert page.content.decode().count('role="img"') == 3


def test_the_list_of_decisions_and_the_figures_take_the_same_queries_for_few_and_many(
    desk: Client, ida: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    desk.get(QUEUE)  # the site is asked for once and then remembered
    for count in (2, 40):
        for comment in held(count, key=f"t{count}"):
            decide(comment_id=comment.pk, action="approve", actor=actor(ida), now=timezone.now())
        with django_assert_num_queries(11):
            assert desk.get(f"{QUEUE}decisions/").status_code == 200
        with django_assert_num_queries(12):
            assert desk.get(f"{QUEUE}dashboard/").status_code == 200
