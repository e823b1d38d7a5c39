"""Mentions and references: who is meant, and what becomes a link later."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from comments.actions.changing import delete_comment, edit_comment
from comments.actions.people import GuestName, Writer
from comments.actions.posting import submit_comment
from comments.actions.threads import change_thread
from comments.models import Event, Mention, Participant, Reference
from tests.making import NOW, author_of, decide, fresh, later, make_thread, post, stored

pytestmark = pytest.mark.django_db


def meant(submitted: object) -> list[tuple[str, int | None]]:
    """Returns the mentions of a comment as text and participant."""
    rows = Mention.objects.filter(comment=stored(submitted)).order_by("start")  # type: ignore[arg-type]
    return list(rows.values_list("text", "participant_id"))


def test_mention_of_nobody_yet_becomes_a_link_when_somebody_of_that_name_takes_part() -> None:
    thread = make_thread()
    early = post(thread, "@Adam what do you say?", name="Bo")
    assert meant(early) == [("@Adam", None)]
    assert "<a" not in stored(early).html
    before = fresh(thread).version
    adam = post(thread, "Here I am.", name="Adam")
    assert meant(early) == [("@Adam", adam.participant.pk)]
    assert 'href="#comment-2"' in stored(early).html
    assert fresh(thread).version == before + 2
    assert Event.objects.get(thread=thread, version=before + 2).kind == "linked"


def test_held_newcomer_is_not_linked_before_he_is_published() -> None:
    thread = make_thread()
    early = post(thread, "@Adam?", name="Bo")
    change_thread(thread_id=thread.pk, now=later(1), premoderation=True)
    adam = post(thread, "Held.", name="Adam")
    assert meant(early) == [("@Adam", None)]
    decide(comment_id=adam.comment.pk, action="approve", now=later(1))
    assert meant(early) == [("@Adam", adam.participant.pk)]


def test_longest_name_of_the_thread_wins_however_it_is_written() -> None:
    thread = make_thread()
    ted = post(thread, name="Ted")
    belman = post(thread, name="Ted Belman")
    texts = ["@Ted Belman said", "@ted-belman said", "@TED BELMAN, yes", "@Ted said"]
    expected = [belman, belman, belman, ted]
    for text, person in zip(texts, expected, strict=True):
        assert [who for _, who in meant(post(thread, text, name="Zoe"))] == [person.participant.pk]


def test_two_guests_of_one_name_are_two_participants_and_the_answered_one_is_meant() -> None:
    thread = make_thread()
    first, second = post(thread, name="Adam"), post(thread, name="Adam")
    assert first.participant.pk != second.participant.pk
    assert meant(post(thread, "@Adam one", to=2)) == [("@Adam", second.participant.pk)]
    assert meant(post(thread, "@Adam two", to=1)) == [("@Adam", first.participant.pk)]
    ambiguous = post(thread, "@Adam three")
    assert meant(ambiguous) == [("@Adam", None)]
    assert "<a" not in stored(ambiguous).html


def test_of_two_of_one_name_the_one_with_an_account_is_meant(django_user_model: type) -> None:
    thread = make_thread()
    user = django_user_model.objects.create_user("Adam")  # type: ignore[attr-defined]
    post(thread, name="Adam")
    known = post(thread, user=user)
    assert meant(post(thread, "@Adam?", name="Zoe")) == [("@Adam", known.participant.pk)]


def test_resolved_mention_never_moves_to_a_later_namesake() -> None:
    thread = make_thread()
    first = post(thread, name="Adam")
    mention = post(thread, "@Adam and @Eve", name="Zoe")
    post(thread, name="Adam")
    post(thread, name="Eve")
    assert meant(mention)[0] == ("@Adam", first.participant.pk)
    assert meant(mention)[1][1] is not None


def test_reference_to_a_number_becomes_a_link_when_the_number_is_given() -> None:
    thread = make_thread()
    early = post(thread, "See #2 and >>3 and #99.")
    assert "<a" not in stored(early).html
    post(thread)
    assert 'data-ref="2"' in stored(early).html
    assert 'data-ref="3"' not in stored(early).html
    post(thread)
    assert 'data-ref="3"' in stored(early).html
    linked = Reference.objects.filter(comment=stored(early), linked=True)
    assert sorted(linked.values_list("number", flat=True)) == [2, 3]


def test_more_older_texts_than_one_transaction_takes_are_all_linked() -> None:
    thread = make_thread()
    for index in range(105):
        post(thread, f"{index}: where is @Adam?", name="Bo")
    adam = post(thread, name="Adam")
    assert Mention.objects.filter(participant=adam.participant).count() == 105
    assert fresh(thread).version == Event.objects.filter(thread=thread).count()


def test_edit_replaces_what_a_comment_names() -> None:
    thread = make_thread()
    ana = post(thread, name="Ana")
    second = post(thread, "@Ana #1", name="Bo")
    assert meant(second) == [("@Ana", ana.participant.pk)]
    edit_comment(
        comment_id=second.comment.pk,
        editor=author_of(second),
        source="Nobody.",
        format=None,
        version=1,
        now=later(1),
    )
    assert meant(second) == []
    assert not Reference.objects.filter(comment=second.comment).exists()


def test_offsets_are_code_points_of_the_source() -> None:
    thread = make_thread()
    post(thread, name="Ана")
    source = "🎉 привет, @Ана! See #1."
    second = post(thread, source, name="Bo")
    mention = Mention.objects.get(comment=second.comment)
    assert source[mention.start : mention.end] == "@Ана" == mention.text
    reference = Reference.objects.get(comment=second.comment)
    assert source[reference.start : reference.end] == "#1"


def test_participant_is_recognised_by_token_and_may_change_his_name() -> None:
    thread = make_thread()
    first = post(thread, name="Ana")
    second = post(thread, by=first.participant)
    assert second.participant.pk == first.participant.pk
    assert Participant.objects.count() == 1


def test_who_has_gone_is_not_meant_and_does_not_make_a_name_ambiguous() -> None:
    thread = make_thread()
    ghost = post(thread, name="Adam")
    delete_comment(comment_id=ghost.comment.pk, editor=author_of(ghost), version=1, now=later(1))
    waiting = post(thread, "@Adam, are you there?", name="Zoe")
    assert meant(waiting) == [("@Adam", None)]
    adam = post(thread, name="Adam")
    assert meant(waiting) == [("@Adam", adam.participant.pk)]
    assert meant(post(thread, "@Adam hi", name="Zoe")) == [("@Adam", adam.participant.pk)]


def test_edit_keeps_whom_a_name_meant_when_a_namesake_has_come() -> None:
    thread = make_thread()
    adam = post(thread, name="Adam")
    hello = post(thread, "@Adam hello", name="Zoe")
    post(thread, name="Adam")
    edit_comment(
        comment_id=hello.comment.pk,
        editor=author_of(hello),
        source="Well, @Adam, hello!",
        format=None,
        version=1,
        now=later(1),
    )
    assert meant(hello) == [("@Adam", adam.participant.pk)]
    assert 'href="#comment-1"' in stored(hello).html


def test_reference_to_a_tombstone_that_stands_again_becomes_a_link() -> None:
    thread = make_thread()
    root, reply = post(thread), post(thread, to=1)
    for gone in (reply, root):
        decide(comment_id=gone.comment.pk, action="reject", now=later(1))
    see = post(thread, "See #1.")
    assert "<a" not in stored(see).html
    decide(comment_id=reply.comment.pk, action="approve", now=later(2))
    assert 'data-ref="1"' in stored(see).html


def test_every_comment_of_one_who_is_there_already_leaves_older_texts_alone(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    thread = make_thread()
    adam = post(thread, name="Adam").participant
    post(thread, name="Adam")
    for index in range(30):
        post(thread, f"{index}: which @Adam?", name="Zoe")
    with django_assert_max_num_queries(35):
        post(thread, "It is me again.", by=adam)


def refuse_to_lock(*args: object) -> None:
    """Stands for the lock that texts are linked again under."""
    raise AssertionError("the thread is locked for texts that gain nothing")


def test_one_more_of_a_name_that_several_have_looks_at_no_text_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("comments.actions.linking.lock_thread", refuse_to_lock)
    thread = make_thread()
    post(thread, name="Sam")
    post(thread, name="Sam")
    counts = []
    for texts in (2, 60):
        for at in range(texts):
            post(thread, f"@Sam and @Sam {at}?", name=f"Guest {at}")
        with CaptureQueriesContext(connection) as queries:
            post(thread, name="Sam")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_what_cannot_be_linked_locks_nothing_for_somebody_with_an_account(
    django_user_model: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("comments.actions.linking.lock_thread", refuse_to_lock)
    thread = make_thread()
    for name in ("one", "two"):
        user = django_user_model.objects.create_user(name, first_name="Sam")  # type: ignore[attr-defined]
        post(thread, user=user)
    waiting = [post(thread, "@Sam?", name=f"Guest {at}") for at in range(15)]
    user = django_user_model.objects.create_user("three", first_name="Sam")  # type: ignore[attr-defined]
    post(thread, user=user)
    assert {who for text in waiting for _, who in meant(text)} == {None}


def test_who_takes_a_name_that_several_have_is_meant_by_answers_to_him() -> None:
    thread = make_thread()
    post(thread, name="Sam")
    post(thread, name="Sam")
    bob = post(thread, name="Bob")
    answer = post(thread, "@Sam, you said so.", to=bob.comment.number, name="Zoe")
    other = post(thread, "@Sam, and you?", name="Zoe")
    writer = Writer(participant=bob.participant, guest=GuestName("Sam"))
    submit_comment(
        thread_id=thread.pk,
        writer=writer,
        source="Sam now.",
        format="plain",
        reply_to_number=None,
        now=NOW,
    )
    assert meant(answer) == [("@Sam", bob.participant.pk)]
    assert meant(other) == [("@Sam", None)]


def test_a_name_that_only_its_writer_had_leads_to_the_next_who_has_it() -> None:
    thread = make_thread()
    sam = post(thread, name="Sam")
    alone = post(thread, "@Sam, is another of us here?", by=sam.participant)
    assert meant(alone) == [("@Sam", None)]
    second = post(thread, name="Sam")
    assert meant(alone) == [("@Sam", second.participant.pk)]


def test_among_more_namesakes_than_are_told_apart_only_the_answered_one_is_meant(
    django_user_model: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = make_thread()
    user = django_user_model.objects.create_user("Sam")  # type: ignore[attr-defined]
    known = post(thread, user=user)
    guests = [post(thread, name="Sam") for _ in range(4)]
    monkeypatch.setattr("comments.queries.people.NAMESAKES", 5)
    assert meant(post(thread, "@Sam?", name="Zoe")) == [("@Sam", known.participant.pk)]
    monkeypatch.setattr("comments.queries.people.NAMESAKES", 4)
    assert meant(post(thread, "@Sam?", name="Zoe")) == [("@Sam", None)]
    monkeypatch.setattr("comments.queries.people.NAMESAKES", 1)
    for guest in guests:
        answer = post(thread, "@Sam?", name="Zoe", to=guest.comment.number)
        assert meant(answer) == [("@Sam", guest.participant.pk)]
    own = post(thread, "@Sam?", by=guests[0].participant, to=guests[0].comment.number)
    assert meant(own) == [("@Sam", None)]


def test_an_edited_text_leads_to_what_was_said_before_it() -> None:
    thread = make_thread()
    adam = post(thread, name="Adam")
    hello = post(thread, "@Adam hello", name="Zoe")
    post(thread, "Later.", by=adam.participant)
    edit_comment(
        comment_id=hello.comment.pk,
        editor=author_of(hello),
        source="Well, @Adam, hello!",
        format=None,
        version=1,
        now=later(1),
    )
    assert 'href="#comment-1"' in stored(hello).html
