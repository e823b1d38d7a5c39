"""What the desk shows of a comment that waits, and in how many queries."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from comments.actions.changing import Editor, edit_comment
from comments.actions.erasing import erase_comment
from comments.actions.flagging import Reader, flag_comment
from comments.actions.leasing import lease_next
from comments.actions.logbook import Actor
from comments.actions.moderating import Reasons, decide
from comments.models import (
    ActorKind,
    Comment,
    FlagReason,
    QueueItem,
    Thread,
)
from tests.admin.desking import (
    FRAGMENT,
    QUEUE,
    actor,
    approve,
    held,
    make_rule,
    send,
    text_of,
)
from tests.making import NOW, author_of, make_thread, post, stored

pytestmark = pytest.mark.django_db


def test_the_most_urgent_comes_first_and_filters_choose(desk: Client) -> None:
    waiting = held(2)
    thread = make_thread("open")
    loud = post(thread, "Loud.", name="Eve")
    reader = post(thread, name="Reader").participant
    flag_comment(
        comment_id=loud.comment.pk,
        reader=Reader(reader, "10.0.0.1"),
        reason=FlagReason.ABUSE,
        note="calls me names",
        now=NOW,
    )
    page = text_of(desk.get(QUEUE))
    places = [page.index(text) for text in ("Loud.", waiting[0].source, waiting[1].source)]
    assert places == sorted(places)
    assert "1 report, weight 1.0" in page
    assert "insult, threat or harassment: “calls me names”, by Reader, weight 1.0" in page
    for asked, count in (
        ("why=held", 2),
        ("why=flagged", 1),
        ("reason=premoderation", 2),
        ("thread=open", 1),
        ("thread=none", 0),
    ):
        assert desk.get(f"{QUEUE}?{asked}").content.decode().count("<article") == count, asked


def test_a_comment_stands_with_its_parent_siblings_and_the_authors_last_decisions(
    desk: Client, ida: User
) -> None:
    thread = make_thread()
    parent = post(thread, "The parent says this.", name="Bo").comment
    post(thread, "A sibling.", name="Cid", to=1)
    answer = post(thread, "An answer.", name="Dora", to=1)
    before = post(thread, "Her other comment.", by=answer.participant).comment
    decide(
        comment_id=before.pk,
        action="reject",
        actor=actor(ida),
        now=NOW,
        reasons=Reasons("insult", "Be kind.", "second time"),
    )
    decide(comment_id=answer.comment.pk, action="hold", actor=actor(ida), now=NOW)
    page = text_of(desk.get(QUEUE))
    assert "Answers Bo #1 The parent says this." in page
    assert "#2 Cid : A sibling." in page
    assert "Dora: 0 approved, 1 rejected" in page
    assert "You rejected it (Insult or threat), 23 Nov" in page
    assert "Told the author: “Be kind.”. Note: “second time”" in page
    assert parent.source in page


def test_an_answer_to_somebody_unknown_is_said_as_that(desk: Client, ida: User) -> None:
    thread = make_thread()
    parent = post(thread, "The parent says this.", name="Bo").comment
    answer = post(thread, "An answer.", name="Dora", to=1).comment
    decide(comment_id=answer.pk, action="hold", actor=actor(ida), now=NOW)
    Comment.objects.filter(pk=parent.pk).update(author_name="")
    page = text_of(desk.get(QUEUE))
    assert "Answers #1, by somebody unknown The parent says this." in page
    erase_comment(comment_id=parent.pk, now=NOW)
    page = text_of(desk.get(QUEUE))
    assert "Answers #1, by somebody unknown Its text was erased." in page
    assert " unknown #" not in page


def test_a_comment_of_nobody_known_is_one_by_somebody_unknown(desk: Client) -> None:
    (waiting,) = held()
    Comment.objects.filter(pk=waiting.pk).update(author_name="")
    page = desk.get(QUEUE).content.decode()
    assert 'aria-label="Choose the comment by somebody unknown"' in page
    assert ">Unknown<" in page
    assert "by somebody unknown." in text_of(send(desk, waiting, "approve", headers=FRAGMENT))


def test_without_a_model_the_learned_score_is_said_to_be_missing(desk: Client) -> None:
    make_rule(key="learned", title="Learned", kind="learned_score", params={"threshold": None})
    make_rule()
    post(make_thread(), "Cheap pills here.", name="Eve")
    page = text_of(desk.get(QUEUE))
    assert "Learned : There was no learned score to look at." in page


def test_a_rule_that_failed_says_so_once(desk: Client) -> None:
    make_rule(key="old", title="Old", kind="astrology", on_error="hold", params={})
    post(make_thread(), "Hello.", name="Eve")
    assert text_of(desk.get(QUEUE)).count("KeyError") == 1


def test_the_explanation_names_what_each_rule_saw(desk: Client) -> None:
    make_rule()
    comment = post(make_thread(), "Cheap pills here.", name="Eve").comment
    assert comment.status == "held"
    page = text_of(desk.get(QUEUE))
    assert "Held by the rule “Pills”." in page
    assert "The comment was held by the rule pills." in page
    assert "It matched Cheap pills" in page
    assert "Without it the comment would have been published." in page
    assert "The author was told" in page


def test_a_signal_that_nobody_can_read_any_more_does_not_close_the_desk(desk: Client) -> None:
    make_rule()
    comment = post(make_thread(), "Cheap pills here.").comment
    screening = comment.screenings.get()
    screening.signals = [{"rule": "older"}, *screening.signals, 7]
    screening.save()
    assert "It matched Cheap pills" in text_of(desk.get(QUEUE))


def test_what_was_drawn_by_lot_is_shown_without_what_the_rules_saw(desk: Client) -> None:
    make_rule()
    comment = post(make_thread(), "Cheap pills here.").comment
    QueueItem.objects.filter(pk=comment.pk).update(blind=True)
    comment.screenings.update(score=0.987, words=[["casino", 2.0]])
    page = text_of(desk.get(QUEUE))
    assert "Drawn by lot: judge by the text alone." in page
    assert "the rule" not in page[page.index("Drawn by lot: judge") :]
    assert "The author was told" not in page
    assert "0.99" not in page
    assert "casino" not in page
    assert "It matched" not in page


def test_the_learned_score_stands_with_the_words_that_moved_it_most(desk: Client) -> None:
    make_rule()
    comment = post(make_thread(), "Cheap pills here.").comment
    words = [["casino", 2.13], ["bonus", 1.4], ["thanks", -0.8], ["the", 0.01], "nonsense", [7]]
    comment.screenings.update(score=0.934, words=words)
    said = text_of(desk.get(QUEUE)).replace(" ,", ",")
    moved = "moved most by: casino +2.1, bonus +1.4, thanks −0.8"
    assert f"Learned score 0.93 — {moved} (1 is spam)" in said
    comment.screenings.update(words=[])
    assert "Learned score 0.93 (1 is spam)" in text_of(desk.get(QUEUE))
    comment.screenings.update(score=None)
    assert "Learned score" not in text_of(desk.get(QUEUE))


def test_words_of_a_score_that_are_markup_stay_text(desk: Client) -> None:
    make_rule()
    comment = post(make_thread(), "Cheap pills here.").comment
    comment.screenings.update(score=0.5, words=[["<b>pills</b>", 1.0]])
    page = desk.get(QUEUE).content.decode()
    assert "&lt;b&gt;pills" in page
    assert "<b>pills" not in page


def test_the_button_that_holds_says_leave_waiting_where_a_comment_is_held(desk: Client) -> None:
    held()
    assert "h Leave waiting" in text_of(desk.get(QUEUE))
    QueueItem.objects.all().delete()
    thread = make_thread("open")
    loud = post(thread, "Loud.", name="Eve")
    reader = post(thread, name="Reader").participant
    flag_comment(
        comment_id=loud.comment.pk,
        reader=Reader(reader, "10.0.0.1"),
        reason=FlagReason.ABUSE,
        note="",
        now=NOW,
    )
    said = text_of(desk.get(QUEUE))
    assert "h Hold" in said
    assert "Leave waiting" not in said


def test_an_edited_comment_shows_what_the_edit_changed(desk: Client) -> None:
    thread = make_thread(premoderation=True)
    made = post(thread, "I like the old book.", name="Ana")
    edit_comment(
        comment_id=made.comment.pk,
        editor=author_of(made),
        source="I like the new book.",
        format=None,
        version=made.comment.version,
        now=NOW,
    )
    page = desk.get(QUEUE).content.decode()
    assert 'the <del><span class="visually-hidden">[removed: </span>old<' in page
    assert '</del> <ins><span class="visually-hidden">[added: </span>new<' in page


def test_a_text_that_is_markup_stays_text(desk: Client) -> None:
    thread = make_thread(premoderation=True)
    post(thread, "<script>alert(1)</script> <img src=x onerror=alert(1)>", name="<b>Eve</b>")
    page = desk.get(QUEUE).content.decode()
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "<b>Eve" not in page


@pytest.mark.parametrize("shown", ["", "?why=held", "?desk=mine"])
def test_the_number_of_queries_does_not_grow_with_what_waits(
    desk: Client, ida: User, shown: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_rule()
    thread = busy_thread(5)
    lease_next(site_id=1, user_id=ida.pk, count=3, now=timezone.now())
    desk.get(QUEUE)  # the site is asked for once and then remembered
    with django_assert_num_queries(24):
        assert desk.get(QUEUE + shown).status_code == 200
    busy_thread(195, thread=thread)
    lease_next(site_id=1, user_id=ida.pk, count=50, now=timezone.now())
    with django_assert_num_queries(24):
        assert desk.get(QUEUE + shown).status_code == 200


def busy_thread(count: int, *, thread: Thread | None = None) -> Thread:
    """Returns a thread in which so many comments wait, each with all that there can be about it."""
    thread = thread or make_thread("busy")
    author = post(thread, name="Root").participant
    for n in range(count):
        made = post(thread, f"Cheap pills, part {n} of {count}.", name=f"Guest {n}", to=1)
        comment = made.comment
        if n < 25:
            approve(comment)
            decide(comment_id=comment.pk, action="hold", actor=Actor(ActorKind.MODERATOR), now=NOW)
            edit_comment(
                comment_id=comment.pk,
                editor=Editor(participant=made.participant, is_moderator=True),
                source=f"Dear pills, part {n} of {count}.",
                format=None,
                version=stored(comment).version,
                now=NOW,
            )
    assert author.pk
    return thread
