"""Deciding and undoing at the desk without a script."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from comments.actions.changing import edit_comment
from comments.actions.leasing import lease_next
from comments.actions.logbook import Actor
from comments.actions.moderating import Reasons, decide
from comments.models import (
    ActorKind,
    Comment,
    LogRow,
    QueueItem,
    RepliesPolicy,
)
from tests.admin.desking import (
    FRAGMENT,
    QUEUE,
    actor,
    held,
    send,
    text_of,
)
from tests.making import NOW, author_of, make_moderator, make_thread, post, stored

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("action", "status", "done"),
    [("approve", "approved", "Approved"), ("spam", "spam", "Marked as spam")],
)
def test_a_form_decides_and_leads_back_to_the_list_it_was_sent_from(
    desk: Client, action: str, status: str, done: str
) -> None:
    comment = held()[0]
    answer = send(desk, comment, action, back="why=held")
    assert (answer.status_code, answer["Location"]) == (302, f"{QUEUE}?why=held")
    assert stored(comment).status == status
    assert f"{done}: the comment by Guest 0." in text_of(desk.get(answer["Location"]))


def test_a_rejection_tells_the_author_the_sentence_of_its_reason(desk: Client) -> None:
    comment = held()[0]
    send(desk, comment, "reject", reason="insult", note="again")
    row = LogRow.objects.get(kind="decision")
    assert (row.action, row.reason) == ("reject", "insult")
    assert row.text.public_reason == "It attacks a person instead of what was said."
    assert row.text.note == "again"
    assert stored(comment).held_told == row.text.public_reason


def test_a_rejection_can_tell_the_author_something_else(desk: Client) -> None:
    comment = held()[0]
    send(desk, comment, "reject", reason="insult", public_reason=" Kindly, please. ")
    assert LogRow.objects.get(kind="decision").text.public_reason == "Kindly, please."


def test_replies_go_too_when_the_moderator_says_so(desk: Client) -> None:
    thread = make_thread()
    root = post(thread).comment
    reply = post(thread, to=1).comment
    decide(comment_id=root.pk, action="hold", actor=Actor(ActorKind.MODERATOR), now=NOW)
    send(desk, stored(root), "spam", replies="remove")
    assert stored(root).replies_policy == RepliesPolicy.REMOVE
    assert not stored(reply).visible


def test_holding_what_waits_leaves_it_waiting_and_gives_up_the_lease(
    desk: Client, ida: User
) -> None:
    comment = held()[0]
    lease_next(site_id=1, user_id=ida.pk, count=1, now=timezone.now())
    answer = send(desk, comment, "hold", headers=FRAGMENT)
    assert "Left waiting." in answer.content.decode()
    assert not LogRow.objects.filter(kind="decision").exists()
    assert QueueItem.objects.get().leased_by is None


def test_an_address_to_go_back_to_cannot_lead_elsewhere(desk: Client) -> None:
    comment = held()[0]
    answer = send(desk, comment, "approve", back="//evil.example/?a=b\r\nX: y")
    assert answer["Location"].startswith(f"{QUEUE}?")


@pytest.mark.parametrize("fragment", [False, True])
def test_second_moderator_is_told_who_decided_what_when_and_why(
    desk: Client, fragment: bool
) -> None:
    comment = held()[0]
    bo = make_moderator("bo")
    decide(
        comment_id=comment.pk,
        action="reject",
        actor=actor(bo),
        now=NOW,
        reasons=Reasons("off_topic", "Not here.", "see the rules"),
    )
    answer = send(desk, comment, "approve", headers=FRAGMENT if fragment else {})
    assert answer.status_code == 409
    said = text_of(answer)
    assert "Your decision was not carried out. bo rejected it (Off topic), 23 Nov 12:00" in said
    assert "Told the author: “Not here.”. Note: “see the rules”" in said
    assert "It is rejected now." in said
    assert stored(comment).status == "rejected"


def test_what_comes_back_says_how_many_wait_now(desk: Client) -> None:
    first, second, third = held(3)
    assert "3 waiting" in text_of(desk.get(QUEUE))
    assert "2 waiting" in text_of(send(desk, first, "approve", headers=FRAGMENT))
    decide(comment_id=second.pk, action="reject", actor=actor(make_moderator("bo")), now=NOW)
    refused = send(desk, second, "approve", headers=FRAGMENT)
    assert refused.status_code == 409
    assert "1 waiting" in text_of(refused)
    lease_next(site_id=1, user_id=User.objects.get(username="ida").pk, count=1, now=timezone.now())
    mine = {"back": "desk=mine", "headers": FRAGMENT}
    assert "1 on my desk" in text_of(send(desk, second, "approve", **mine))
    assert "0 on my desk" in text_of(send(desk, third, "approve", **mine))


def test_a_decision_about_an_earlier_text_is_refused_and_shows_the_new_one(desk: Client) -> None:
    thread = make_thread(premoderation=True)
    made = post(thread, "The old text.", name="Eve")
    edit_comment(
        comment_id=made.comment.pk,
        editor=author_of(made),
        source="The new text.",
        format=None,
        version=made.comment.version,
        now=NOW,
    )
    answer = send(desk, made.comment, "approve", headers=FRAGMENT)
    assert answer.status_code == 412
    said = text_of(answer)
    assert "Its author has changed the text since you saw it" in said
    assert "[removed: old ] [added: new ]" in said
    assert send(desk, stored(made), "approve").status_code == 302


def test_a_comment_on_a_colleagues_desk_is_refused_and_says_whose(desk: Client) -> None:
    comment = held()[0]
    bo = make_moderator("bo")
    until = timezone.now() + timedelta(seconds=180)
    lease_next(site_id=1, user_id=bo.pk, count=1, now=timezone.now())
    clock = f"{timezone.localtime(until):%H:%M}"
    assert f"on bo’s desk until {clock}" in text_of(desk.get(QUEUE))
    answer = send(desk, comment, "approve", headers=FRAGMENT)
    assert answer.status_code == 409
    assert f"bo has it on the desk until {clock} ." in text_of(answer)


def test_what_its_author_took_back_is_not_there(desk: Client) -> None:
    comment = held()[0]
    missing = Comment(pk=10**12, version=1)
    assert send(desk, missing, "approve").status_code == 404
    assert desk.get(f"{QUEUE}comments/{10**12}/").status_code == 404
    for wrong in ({"version": "x"}, {"comment": "9" * 40}, {"action": "fly"}):
        assert send(desk, comment, "approve", **wrong).status_code == 400


def test_the_last_decision_is_undone_by_one_press(desk: Client) -> None:
    comment = held()[0]
    send(desk, comment, "reject", reason="insult")
    assert "Undo: rejected the comment by Guest 0" in text_of(desk.get(QUEUE))
    answer = desk.post(f"{QUEUE}undo/", {"back": ""}, headers=FRAGMENT)
    assert "Undone: the comment by Guest 0." in answer.content.decode()
    assert "data-waiting" in answer.content.decode()
    assert stored(comment).status == "held"
    assert QueueItem.objects.filter(pk=comment.pk).exists()
    assert desk.post(f"{QUEUE}undo/", headers=FRAGMENT).json() == {
        "said": "There is nothing of yours to undo."
    }


def test_anybodys_decision_is_undone_from_the_list(desk: Client) -> None:
    comment = held()[0]
    bo = make_moderator("bo")
    _, row = decide(comment_id=comment.pk, action="spam", actor=actor(bo), now=timezone.now())
    assert "Nothing was decided yet." in text_of(desk.get(f"{QUEUE}decisions/"))
    page = text_of(desk.get(f"{QUEUE}decisions/?whose=all"))
    assert "bo marked as spam the comment by Guest 0" in page
    answer = desk.post(f"{QUEUE}undo/", {"row": row.pk, "to": "decisions"})
    assert answer["Location"] == f"{QUEUE}decisions/"
    assert stored(comment).status == "held"
    assert "undone" in text_of(desk.get(f"{QUEUE}decisions/?whose=all"))


def test_an_undo_that_comes_too_late_is_told_who_was_first(desk: Client, ida: User) -> None:
    comment = held()[0]
    _, row = decide(comment_id=comment.pk, action="spam", actor=actor(ida), now=timezone.now())
    decide(comment_id=comment.pk, action="approve", actor=actor(make_moderator("bo")), now=NOW)
    answer = desk.post(f"{QUEUE}undo/", {"row": row.pk, "comment": comment.pk}, headers=FRAGMENT)
    assert answer.status_code == 409
    assert "bo approved it" in text_of(answer)
