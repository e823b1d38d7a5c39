"""What is on whose desk."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from comments.actions.leasing import LEASE_SECONDS, MOST_LEASED, lease_next
from comments.actions.moderating import decide
from comments.models import (
    QueueItem,
)
from comments.queries.queue import Filters
from tests.admin.desking import QUEUE, actor, approve, held, text_of
from tests.making import NOW, later, make_moderator

pytestmark = pytest.mark.django_db


def test_next_ten_puts_ten_on_the_desk_and_putting_back_frees_them(desk: Client, ida: User) -> None:
    held(12)
    answer = desk.post(f"{QUEUE}next/")
    assert answer["Location"] == f"{QUEUE}?desk=mine"
    page = desk.get(answer["Location"])
    assert page.content.decode().count("<article") == 10
    assert "on your desk until" in text_of(page)
    desk.post(f"{QUEUE}put-back/")
    assert not QueueItem.objects.filter(leased_by=ida).exists()


def test_renewing_keeps_the_lease_and_tells_where_the_others_are(desk: Client, ida: User) -> None:
    comments = held(4)
    now = timezone.now() - timedelta(seconds=120)
    lease_next(site_id=1, user_id=ida.pk, count=2, now=now)
    lease_next(site_id=1, user_id=make_moderator("bo").pk, count=1, now=now)
    approve(comments[3])
    ids = [comment.pk for comment in comments]
    answer = desk.post(f"{QUEUE}renew/", {"mine": ids[:2], "shown": ids}).json()
    assert answer["mine"] == ids[:2]
    sentences = [answer["shown"][str(pk)] for pk in ids]
    assert sentences[0].startswith("on your desk until ")
    assert sentences[2].startswith("on bo’s desk until ")
    assert sentences[3] == "does not wait any more"
    renewed = QueueItem.objects.get(pk=ids[0]).leased_until
    assert renewed is not None
    assert renewed > timezone.now() + timedelta(seconds=170)


def test_next_ten_takes_what_the_filters_choose_and_goes_on_taking_it(
    desk: Client, ida: User
) -> None:
    first, other = held(12, key="one"), held(12, key="two")
    page = text_of(desk.get(f"{QUEUE}?thread=two"))
    assert "n Next ten of these" in page
    answer = desk.post(f"{QUEUE}next/", {"back": "thread=two&cursor=x"})
    assert answer["Location"] == f"{QUEUE}?desk=mine&thread=two"
    assert leased_by(ida) == {comment.pk for comment in other[:10]}
    page = text_of(desk.get(answer["Location"]))
    assert "“Next ten of these” takes only: in the thread “two”." in page
    assert "10 on my desk" in page
    for comment in other[:9]:
        decide(comment_id=comment.pk, action="spam", actor=actor(ida), now=timezone.now())
    desk.post(f"{QUEUE}next/", {"back": "desk=mine&thread=two"})
    assert leased_by(ida) == {comment.pk for comment in other[9:]}
    desk.post(f"{QUEUE}next/", {"back": "desk=mine&why=held&reason=premoderation"})
    assert leased_by(ida) == {comment.pk for comment in [*first[:7], *other[9:]]}
    answer = desk.post(f"{QUEUE}next/", {"back": "why=flagged"})
    assert answer["Location"] == f"{QUEUE}?why=flagged"
    assert "Nothing like that waits" in text_of(desk.get(answer["Location"]))


def leased_by(user: User) -> set[int]:
    """Returns the ids of the comments on somebody's desk."""
    return set(QueueItem.objects.filter(leased_by=user).values_list("pk", flat=True))


def test_filters_put_no_more_on_a_desk_than_fits(ida: User) -> None:
    held(40, key="one")
    held(40, key="two")
    for key, count in (("one", 40), ("two", 10)):
        filters = Filters(thread_key=key)
        taken = lease_next(site_id=1, user_id=ida.pk, count=40, now=NOW, filters=filters)
        assert len(taken) == count
    assert len(leased_by(ida)) == MOST_LEASED


def test_what_lies_on_the_desk_is_renewed_though_the_filters_leave_it_out(ida: User) -> None:
    held(1, key="one")
    (other,) = held(1, key="two")
    lease_next(site_id=1, user_id=ida.pk, count=10, now=NOW, filters=Filters(thread_key="one"))
    asked = Filters(thread_key="two")
    taken = lease_next(site_id=1, user_id=ida.pk, count=10, now=later(100), filters=asked)
    assert taken == [other.pk]
    assert QueueItem.objects.filter(leased_until=later(100 + LEASE_SECONDS)).count() == 2


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_filter_by_thread_waits_for_no_thread(ida: User) -> None:
    """A thread's row is the lock of all writing in it."""
    found = held(2, key="one")
    writer = connection.copy()
    try:
        writer.set_autocommit(False)
        with writer.cursor() as cursor:
            cursor.execute("SELECT 1 FROM comments_thread FOR UPDATE")
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        filters = Filters(thread_key="one")
        taken = lease_next(site_id=1, user_id=ida.pk, count=2, now=NOW, filters=filters)
        assert sorted(taken) == sorted(comment.pk for comment in found)
    finally:
        writer.close()
        connection.close()
