"""Deciding about many at once."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from comments.actions.moderating import Item, decide, decide_about
from comments.models import (
    Comment,
    LogRow,
)
from tests.admin.desking import (
    FRAGMENT,
    QUEUE,
    actor,
    held,
    text_of,
)
from tests.making import make_moderator, make_thread, post, stored

pytestmark = pytest.mark.django_db


def items(comments: list[Comment]) -> list[str]:
    return [f"{comment.pk}:{comment.version}" for comment in comments]


def test_bulk_counts_first_then_tells_of_each_and_is_undone_as_one(desk: Client) -> None:
    comments = held(12)
    asked = desk.post(f"{QUEUE}bulk/", {"items": items(comments), "action": "approve"})
    assert "Approve 12 comments?" in text_of(asked)
    assert Comment.objects.filter(status="held").count() == 12
    bo = make_moderator("bo")
    decide(comment_id=comments[5].pk, action="spam", actor=actor(bo), now=timezone.now())
    done = desk.post(
        f"{QUEUE}bulk/", {"items": items(comments), "action": "approve", "confirmed": "1"}
    )
    said = text_of(done)
    assert "11 of 12 approved" in said
    assert "Not changed: bo marked as spam it" in said
    assert Comment.objects.filter(status="approved").count() == 11
    batch = LogRow.objects.filter(kind="decision").exclude(batch="").values_list("batch").first()
    answer = desk.post(f"{QUEUE}undo/", {"batch": batch})
    assert "Undone: 11 of 11 decisions." in text_of(desk.get(answer["Location"]))
    assert Comment.objects.filter(status="held").count() == 11


def test_the_last_batch_is_undone_as_one_by_the_button(desk: Client, ida: User) -> None:
    comments = held(3)
    decide_about(
        items=[Item(comment.pk, comment.version) for comment in comments],
        action="spam",
        actor=actor(ida),
        now=timezone.now(),
    )
    assert "Undo: marked as spam 3 comments" in text_of(desk.get(QUEUE))
    assert desk.post(f"{QUEUE}undo/", headers=FRAGMENT).json() == {"go": QUEUE}
    assert Comment.objects.filter(status="held").count() == 3


def test_bulk_of_nothing_says_so(desk: Client) -> None:
    answer = desk.post(f"{QUEUE}bulk/", {"action": "approve"})
    assert answer.status_code == 400
    assert "Choose at least one comment" in text_of(answer)


def test_bulk_rejects_for_a_reason_and_takes_the_replies_along(desk: Client) -> None:
    thread = make_thread()
    roots = [post(thread, name=f"Root {n}").comment for n in range(2)]
    replies = [post(thread, name=f"Reply {n}", to=n + 1).comment for n in range(2)]
    chosen = items([stored(root) for root in roots])
    asked = desk.post(f"{QUEUE}bulk/", {"items": chosen, "action": "reject"})
    said = text_of(asked)
    assert "Replies to what goes away as chosen for each stay are folded go too" in said
    assert "2 Insult or threat" in said
    given = {"items": chosen, "action": "reject", "confirmed": "1", "reason": "insult"}
    desk.post(f"{QUEUE}bulk/", {**given, "replies": "remove", "note": "both"})
    assert [stored(root).replies_policy for root in roots] == ["remove", "remove"]
    assert not any(stored(reply).visible for reply in replies)
    rows = LogRow.objects.filter(kind="decision")
    assert {(row.reason, row.text.note) for row in rows} == {("insult", "both")}


def test_bulk_leaves_the_replies_as_each_comment_says_unless_told(desk: Client) -> None:
    root = post(make_thread()).comment
    chosen = {"items": items([stored(root)]), "action": "spam", "confirmed": "1"}
    Comment.objects.filter(pk=root.pk).update(replies_policy="collapse")
    desk.post(f"{QUEUE}bulk/", {**chosen, "replies": ""})
    assert (stored(root).status, stored(root).replies_policy) == ("spam", "collapse")


def test_bulk_asks_nothing_about_replies_where_there_are_none(desk: Client) -> None:
    waiting = {"items": items(held(2)), "action": "spam"}
    assert "Replies to what goes away" not in text_of(desk.post(f"{QUEUE}bulk/", waiting))
    answered = {"items": items([post(make_thread()).comment]), "action": "approve"}
    assert "Replies to what goes away" not in text_of(desk.post(f"{QUEUE}bulk/", answered))
