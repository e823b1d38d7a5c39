"""Decisions of moderators: what they change, when they are refused, and that undo restores."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from comments.actions.changing import Editor, delete_comment, edit_comment
from comments.actions.checking import check_thread
from comments.actions.leasing import lease_next, release_leases, renew_leases
from comments.actions.logbook import Actor
from comments.actions.moderating import Item, Reasons, decide, decide_about
from comments.actions.rebuilding import mismatches
from comments.actions.undoing import undo_batch, undo_decision
from comments.errors import (
    ActionImpossible,
    AlreadyDecided,
    LeaseLost,
    NotFound,
    StaleVersion,
)
from comments.models import (
    ActorKind,
    Comment,
    LogRow,
    LogText,
    Outgoing,
    Participant,
    QueueItem,
    RepliesPolicy,
    Thread,
)
from comments.queries.logbook import verify_thread
from tests.making import (
    NOW,
    SOMEBODY,
    author_of,
    fresh,
    later,
    make_moderator,
    make_thread,
    post,
    stored,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana() -> User:
    return make_moderator("mira")


@pytest.fixture
def bo() -> User:
    return make_moderator("noor")


def by(user: User) -> Actor:
    return Actor(ActorKind.MODERATOR, user.pk)


def state(thread: Thread) -> dict[str, Any]:
    """Returns everything about a thread's comments that a decision may change, but the clock."""
    columns = (
        "pk status held_reason held_told replies_policy hidden_above visible reachable "
        "direct_count total_count"
    )
    head = fresh(thread)
    return {
        "comments": list(
            Comment.objects.filter(thread=thread).order_by("pk").values_list(*columns.split())
        ),
        "counts": (head.visible_count, head.visible_roots),
        "queue": list(
            QueueItem.objects.order_by("pk").values_list(
                "pk", "why", "reason", "urgency", "entered_at"
            )
        ),
    }


def whole(thread: Thread) -> bool:
    """Returns whether the thread's record is unbroken and gives its states."""
    return not list(verify_thread(fresh(thread))) and not list(mismatches(thread.pk))


def test_a_decision_is_a_row_with_who_what_and_why(ana: User) -> None:
    thread = make_thread()
    comment = post(thread).comment
    _, row = decide(
        comment_id=comment.pk,
        action="reject",
        actor=by(ana),
        now=later(5),
        version=1,
        reasons=Reasons("insult", "Please stay polite.", "third time"),
    )
    assert (row.actor_id, row.action, row.from_status, row.to_status, row.reason) == (
        ana.pk,
        "reject",
        "published",
        "rejected",
        "insult",
    )
    text = LogText.objects.get(row=row)
    assert (text.public_reason, text.note) == ("Please stay polite.", "third time")
    assert stored(comment).held_told == "Please stay polite."
    assert whole(thread)


def test_second_moderator_is_told_someone_was_first(ana: User, bo: User) -> None:
    comment = post(make_thread()).comment
    decide(
        comment_id=comment.pk,
        action="spam",
        actor=by(ana),
        now=later(5),
        version=1,
        reasons=Reasons("spam_link", "It advertises."),
    )
    with pytest.raises(AlreadyDecided) as refused:
        decide(comment_id=comment.pk, action="approve", actor=by(bo), now=later(6), version=1)
    decision = refused.value.extra["decision"]
    assert decision["by"] == {"kind": "moderator", "id": ana.pk, "name": "mira"}
    assert (decision["action"], decision["to"], decision["at"]) == ("spam", "spam", later(5))
    assert (decision["reason"], decision["public_reason"]) == ("spam_link", "It advertises.")
    assert stored(comment).status == "spam"


def test_decision_on_a_text_that_was_edited_since_is_refused_as_stale(ana: User) -> None:
    submitted = post(make_thread())
    edit_comment(
        comment_id=submitted.comment.pk,
        editor=author_of(submitted),
        source="Another text.",
        format=None,
        version=1,
        now=later(3),
    )
    with pytest.raises(StaleVersion) as refused:
        decide(comment_id=submitted.comment.pk, action="reject", actor=by(ana), now=NOW, version=1)
    assert refused.value.extra["version"] == 2


@pytest.mark.parametrize(
    ("action", "kind"),
    [("remove", ActionImpossible), ("restore", ActionImpossible), ("hold", AlreadyDecided)],
)
def test_what_means_nothing_for_a_waiting_comment_is_refused(
    ana: User, action: Any, kind: type[Exception]
) -> None:
    comment = post(make_thread(premoderation=True)).comment
    with pytest.raises(kind):
        decide(comment_id=comment.pk, action=action, actor=by(ana), now=NOW)
    assert stored(comment).version == 1


def test_a_comment_of_another_site_does_not_exist_for_a_moderator(ana: User) -> None:
    comment = post(make_thread()).comment
    with pytest.raises(NotFound):
        decide(comment_id=comment.pk, action="spam", actor=by(ana), now=NOW, site_id=77)


@pytest.mark.parametrize("policy", list(RepliesPolicy))
@pytest.mark.parametrize("action", ["reject", "spam", "hold", "remove", "approve"])
def test_undo_restores_exactly_what_was(ana: User, action: Any, policy: RepliesPolicy) -> None:
    thread = make_thread()
    root = post(thread).comment
    reply = post(thread, to=1).comment
    post(thread, to=reply.number)
    before = state(thread)
    _, row = decide(
        comment_id=root.pk, action=action, actor=by(ana), now=later(1), replies_policy=policy
    )
    assert state(thread) != before
    undo_decision(row_id=row.pk, actor=by(ana), now=later(2))
    assert state(thread) == before
    assert whole(thread)


def test_undo_of_an_approval_gives_the_place_on_the_queue_back_and_keeps_the_number(
    ana: User,
) -> None:
    thread = make_thread(premoderation=True)
    comment = post(thread).comment
    before = QueueItem.objects.values().get()
    _, row = decide(comment_id=comment.pk, action="approve", actor=by(ana), now=later(60))
    assert not QueueItem.objects.exists()
    undo_decision(row_id=row.pk, actor=by(ana), now=later(90))
    assert QueueItem.objects.values().get() == before
    again = stored(comment)
    assert (again.status, again.held_reason, again.number) == ("held", "premoderation", 1)
    assert fresh(thread).visible_count == 0
    decide(comment_id=comment.pk, action="approve", actor=by(ana), now=later(100))
    assert stored(comment).number == 1
    assert post(thread, user=ana, is_moderator=True).comment.number == 2


def test_undone_decisions_are_undone_once_and_in_reverse(ana: User, bo: User) -> None:
    comment = post(make_thread()).comment
    _, first = decide(comment_id=comment.pk, action="hold", actor=by(ana), now=later(1))
    _, second = decide(comment_id=comment.pk, action="spam", actor=by(bo), now=later(2))
    with pytest.raises(AlreadyDecided) as refused:
        undo_decision(row_id=first.pk, actor=by(ana), now=later(3))
    assert refused.value.extra["decision"]["id"] == second.pk
    undo_decision(row_id=second.pk, actor=by(ana), now=later(4))
    assert stored(comment).status == "held"
    with pytest.raises(ActionImpossible):
        undo_decision(row_id=second.pk, actor=by(ana), now=later(5))
    undo_decision(row_id=first.pk, actor=by(ana), now=later(6))
    assert stored(comment).status == "published"
    assert whole(comment.thread)


def test_undo_after_an_edit_is_refused(ana: User) -> None:
    submitted = post(make_thread())
    _, row = decide(comment_id=submitted.comment.pk, action="approve", actor=by(ana), now=later(1))
    edit_comment(
        comment_id=submitted.comment.pk,
        editor=author_of(submitted),
        source="Another text.",
        format=None,
        version=2,
        now=later(3),
    )
    assert stored(submitted).status == "published"
    with pytest.raises(StaleVersion):
        undo_decision(row_id=row.pk, actor=by(ana), now=later(4))


def test_a_batch_has_a_result_for_each_item_and_one_undo(ana: User, bo: User) -> None:
    thread = make_thread()
    comments = [post(thread).comment for _ in range(4)]
    decide(comment_id=comments[1].pk, action="spam", actor=by(bo), now=later(1))
    before = state(thread)
    items = [Item(comment.pk, 1) for comment in comments] + [Item(10**9, 1)]
    batch, results = decide_about(items=items, action="reject", actor=by(ana), now=later(2))
    assert [type(result.refusal) for result in results] == [
        type(None),
        AlreadyDecided,
        type(None),
        type(None),
        NotFound,
    ]
    assert [stored(comment).status for comment in comments] == [
        "rejected",
        "spam",
        "rejected",
        "rejected",
    ]
    _, undone = undo_batch(batch=batch, actor=by(ana), now=later(3))
    assert [result.refusal for result in undone] == [None] * 3
    assert state(thread) == before
    assert whole(thread)


def test_nobody_decides_on_what_a_colleague_has_on_the_desk(ana: User, bo: User) -> None:
    thread = make_thread(premoderation=True)
    comment = post(thread).comment
    assert lease_next(site_id=1, user_id=bo.pk, count=10, now=later(0)) == [comment.pk]
    with pytest.raises(LeaseLost) as refused:
        decide(comment_id=comment.pk, action="approve", actor=by(ana), now=later(100), version=1)
    assert refused.value.extra["lease"] == {"by": "noor", "until": later(180)}
    decide(comment_id=comment.pk, action="approve", actor=by(ana), now=later(181), version=1)
    with pytest.raises(AlreadyDecided):
        decide(comment_id=comment.pk, action="reject", actor=by(bo), now=later(182), version=1)


def test_two_who_ask_for_work_get_different_comments(ana: User, bo: User) -> None:
    thread = make_thread(premoderation=True)
    ids = [post(thread, now=later(n)).comment.pk for n in range(5)]
    assert lease_next(site_id=1, user_id=ana.pk, count=2, now=later(10)) == ids[:2]
    assert lease_next(site_id=1, user_id=bo.pk, count=9, now=later(10)) == ids[2:]
    assert lease_next(site_id=1, user_id=ana.pk, count=3, now=later(20)) == ids[:2]
    assert renew_leases(site_id=1, user_id=ana.pk, comment_ids=ids, now=later(60)) == ids[:2]
    assert lease_next(site_id=1, user_id=bo.pk, count=9, now=later(195)) == ids[2:]
    release_leases(site_id=1, user_id=ana.pk)
    assert lease_next(site_id=1, user_id=bo.pk, count=9, now=later(200)) == [*ids[2:], *ids[:2]]


def test_mail_of_a_decision_waits_and_an_undo_cancels_it(ana: User) -> None:
    thread = make_thread(premoderation=True)
    submitted = post(thread)
    Participant.objects.filter(pk=submitted.participant.pk).update(
        email="ana@example.org", email_verified_at=NOW
    )
    _, row = decide(comment_id=submitted.comment.pk, action="approve", actor=by(ana), now=later(1))
    mail = Outgoing.objects.get()
    assert (mail.row_id, mail.state, mail.due_at) == (row.pk, "waiting", later(31))
    undo_decision(row_id=row.pk, actor=by(ana), now=later(20))
    assert Outgoing.objects.get().state == "cancelled"


def test_trust_comes_from_decisions_that_stand(ana: User) -> None:
    thread = make_thread()
    first = post(thread)
    second = post(thread, by=first.participant)

    def figures() -> tuple[int, int, float, float]:
        author = Participant.objects.get(pk=first.participant.pk)
        return (
            author.approved_count,
            author.rejected_count,
            round(author.trust_good, 6),
            round(author.trust_bad, 6),
        )

    now = NOW + timedelta(days=1)
    _, row = decide(comment_id=first.comment.pk, action="approve", actor=by(ana), now=now)
    decide(comment_id=second.comment.pk, action="spam", actor=by(ana), now=now)
    assert figures() == (1, 1, 1.0, 1.0)
    decide(comment_id=second.comment.pk, action="reject", actor=by(ana), now=now)
    assert figures() == (1, 1, 1.0, 1.0)
    much_later = now + timedelta(days=180)
    undo_decision(row_id=row.pk, actor=by(ana), now=much_later)
    assert figures() == (0, 1, 0.0, 0.5)
    author = Participant.objects.get(pk=first.participant.pk)
    assert len(author.last_decisions) == 2
    assert row.pk not in author.last_decisions


def test_a_removal_by_a_moderator_over_the_author_door_is_a_decision(ana: User) -> None:
    comment = post(make_thread()).comment
    delete_comment(
        comment_id=comment.pk,
        editor=Editor(participant=None, is_moderator=True, user_id=ana.pk),
        version=1,
        now=later(1),
    )
    row = LogRow.objects.filter(kind="decision").get()
    assert (row.actor_id, row.action, row.to_status) == (ana.pk, "remove", "rejected")


def test_removal_with_replies_below_what_has_gone_along_counts_when_that_comes_back() -> None:
    thread = make_thread()
    for above in (None, 1, 2, 3):
        post(thread, to=above)
    ids = {comment.number: comment.pk for comment in Comment.objects.filter(thread=thread)}
    for at, number in enumerate((1, 3)):
        decide(
            comment_id=ids[number],
            action="reject",
            actor=SOMEBODY,
            replies_policy=RepliesPolicy.REMOVE,
            now=later(1 + at),
        )
        assert not list(check_thread(thread.pk))
    assert Comment.objects.get(pk=ids[4]).hidden_above == 2
    decide(comment_id=ids[1], action="approve", actor=SOMEBODY, now=later(4))
    assert not list(check_thread(thread.pk))
    visible = Comment.objects.filter(thread=thread, visible=True)
    assert set(visible.values_list("number", flat=True)) == {1, 2}
    decide(comment_id=ids[3], action="approve", actor=SOMEBODY, now=later(5))
    assert not list(check_thread(thread.pk))
    assert fresh(thread).visible_count == 4
