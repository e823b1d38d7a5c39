"""Writing, changing and deleting: numbers, versions, counters, tombstones."""

from __future__ import annotations

import pytest

from comments.actions.changing import delete_comment, edit_comment
from comments.actions.erasing import erase_comment
from comments.actions.threads import change_thread
from comments.errors import (
    DepthExceeded,
    DuplicateComment,
    EditWindowExpired,
    Forbidden,
    NotFound,
    ParentNotFound,
    ParentNotPublished,
    StaleVersion,
    ThreadClosed,
    ValidationFailed,
)
from comments.models import Comment, Event, RepliesPolicy, Revision, Status, ThreadState
from comments.rules.threading import numbers_in
from tests.making import MODERATOR, author_of, decide, fresh, later, make_thread, post, stored

pytestmark = pytest.mark.django_db


def test_numbers_and_versions_rise_by_one_with_each_published_comment() -> None:
    thread = make_thread()
    numbers = [post(thread).comment.number for _ in range(3)]
    assert numbers == [1, 2, 3]
    versions = list(Event.objects.filter(thread=thread).values_list("version", "kind", "number"))
    assert versions == [
        (1, "opened", None),
        (2, "published", 1),
        (3, "published", 2),
        (4, "published", 3),
    ]
    assert fresh(thread).version == 4
    assert fresh(thread).last_number == 3


def test_reply_stands_below_what_it_answers_and_is_counted_there() -> None:
    thread = make_thread()
    post(thread)
    post(thread, to=1)
    third = stored(post(thread, to=2))
    assert numbers_in(bytes(third.path or b"")) == (1, 2, 3)
    assert (third.depth, third.root_number, third.position) == (2, 1, 0)
    root = Comment.objects.get(thread=thread, number=1)
    assert (root.direct_count, root.total_count) == (1, 2)
    assert (fresh(thread).visible_count, fresh(thread).visible_roots) == (3, 1)


def test_reply_deeper_than_fifty_is_stored_below_the_deepest_and_keeps_its_parent() -> None:
    thread = make_thread()
    post(thread)
    for number in range(1, 53):
        post(thread, to=number)
    deep = Comment.objects.get(thread=thread, number=53)
    above = Comment.objects.get(thread=thread, number=52)
    assert deep.depth == above.depth == 50
    assert deep.reply_to_id == above.pk
    assert deep.parent_id == above.parent_id
    assert Comment.objects.get(thread=thread, number=1).total_count == 52


def test_site_may_refuse_deeper_replies(settings: object) -> None:
    settings.REJOINDER = {**settings.REJOINDER, "MAX_DEPTH": 1, "DEEP_REPLIES": "refuse"}  # type: ignore[attr-defined]
    thread = make_thread()
    post(thread)
    post(thread, to=1)
    with pytest.raises(DepthExceeded):
        post(thread, to=2)
    assert fresh(thread).last_number == 2


def test_premoderation_holds_without_a_number_and_approval_gives_the_next_one() -> None:
    thread = make_thread(premoderation=True)
    first = post(thread)
    assert (first.comment.status, first.comment.number) == (Status.HELD, None)
    assert first.verdict.reason == "premoderation"
    second = post(thread)
    assert fresh(thread).version == 1
    assert decide(comment_id=second.comment.pk, action="approve", now=later(60)).number == 1
    assert decide(comment_id=first.comment.pk, action="approve", now=later(61)).number == 2
    assert stored(first).published_at == later(61)
    assert fresh(thread).visible_count == 2


def test_spam_that_is_never_published_takes_no_number() -> None:
    thread = make_thread(premoderation=True)
    spam = post(thread)
    decide(comment_id=spam.comment.pk, action="spam", now=later(1))
    good = post(thread)
    assert decide(comment_id=good.comment.pk, action="approve", now=later(2)).number == 1
    assert stored(spam).number is None


def test_rejected_comment_keeps_its_number_and_gets_it_back() -> None:
    thread = make_thread()
    first = post(thread)
    post(thread)
    decide(comment_id=first.comment.pk, action="reject", now=later(1))
    assert not stored(first).reachable
    assert post(thread).comment.number == 3
    decide(comment_id=first.comment.pk, action="approve", now=later(2))
    assert (stored(first).number, stored(first).reachable) == (1, True)
    assert fresh(thread).visible_count == 3


def test_removed_comment_with_replies_leaves_a_tombstone_and_without_nothing() -> None:
    thread = make_thread()
    root, _ = post(thread), post(thread, to=1)
    lonely = post(thread)
    decide(comment_id=root.comment.pk, action="reject", now=later(1))
    decide(comment_id=lonely.comment.pk, action="reject", now=later(1))
    assert (stored(root).visible, stored(root).reachable) == (False, True)
    assert (stored(lonely).visible, stored(lonely).reachable) == (False, False)
    assert (fresh(thread).visible_count, fresh(thread).visible_roots) == (1, 0)


def test_tombstone_goes_when_its_last_visible_reply_goes() -> None:
    thread = make_thread()
    root, reply = post(thread), post(thread, to=1)
    decide(comment_id=root.comment.pk, action="reject", now=later(1))
    decide(comment_id=reply.comment.pk, action="spam", now=later(2))
    assert not stored(root).reachable
    decide(comment_id=reply.comment.pk, action="approve", now=later(3))
    assert stored(root).reachable


@pytest.mark.parametrize("policy", list(RepliesPolicy))
def test_undone_removal_restores_every_counter_under_each_policy(policy: RepliesPolicy) -> None:
    thread = make_thread()
    post(thread)
    root = Comment.objects.get(thread=thread, number=1)
    post(thread, to=1)
    branch = post(thread, to=2)
    post(thread, to=3)
    rejected = post(thread, to=3)
    decide(comment_id=rejected.comment.pk, action="reject", now=later(1))

    def state() -> list[tuple[object, ...]]:
        fields = ("number", "visible", "reachable", "direct_count", "total_count", "hidden_above")
        return list(Comment.objects.order_by("number").values_list(*fields))

    before, count = state(), fresh(thread).visible_count
    middle = Comment.objects.get(thread=thread, number=2)
    decide(comment_id=middle.pk, action="reject", now=later(2), replies_policy=policy)
    left = Comment.objects.filter(thread=thread, visible=True).count()
    assert left == fresh(thread).visible_count == (1 if policy == "remove" else 3)
    assert stored(root).total_count == left - 1
    assert stored(branch).reachable == (policy != "remove")
    decide(comment_id=middle.pk, action="approve", now=later(3))
    assert state() == before
    assert fresh(thread).visible_count == count


def test_policy_changed_after_removal_takes_hold_of_the_replies() -> None:
    thread = make_thread()
    root, reply = post(thread), post(thread, to=1)
    decide(comment_id=root.comment.pk, action="reject", now=later(1))
    decide(
        comment_id=root.comment.pk,
        action="reject",
        now=later(2),
        replies_policy=RepliesPolicy.REMOVE,
    )
    assert not stored(reply).reachable
    assert fresh(thread).visible_count == 0
    decide(
        comment_id=root.comment.pk, action="reject", now=later(3), replies_policy=RepliesPolicy.KEEP
    )
    assert stored(reply).visible
    assert fresh(thread).visible_count == 1


def test_reply_approved_below_a_branch_that_was_taken_along_stays_hidden_with_it() -> None:
    thread = make_thread()
    root = post(thread)
    change_thread(thread_id=thread.pk, now=later(1), premoderation=True)
    held = post(thread, to=1)
    decide(
        comment_id=root.comment.pk,
        action="reject",
        now=later(2),
        replies_policy=RepliesPolicy.REMOVE,
    )
    decide(comment_id=held.comment.pk, action="approve", now=later(3))
    assert (stored(held).number, stored(held).visible) == (2, False)
    decide(comment_id=root.comment.pk, action="approve", now=later(4))
    assert stored(held).visible
    assert fresh(thread).visible_count == 2


def test_edit_keeps_the_old_text_as_a_revision_and_raises_both_versions() -> None:
    thread = make_thread()
    first = post(thread, "Before.")
    edited = edit_comment(
        comment_id=first.comment.pk,
        editor=author_of(first),
        source="After.",
        format=None,
        version=1,
        now=later(30),
    ).comment
    assert (edited.source, edited.edits, edited.version) == ("After.", 1, 2)
    assert "After." in edited.html
    assert edited.edited_at == later(30)
    revision = Revision.objects.get(comment=edited)
    assert (revision.version, revision.source) == (1, "Before.")
    assert Event.objects.filter(thread=thread, kind="edited", number=1).count() == 1


def test_author_may_not_edit_after_the_window_or_once_answered() -> None:
    thread = make_thread()
    first, second = post(thread), post(thread)
    post(thread, to=1)
    with pytest.raises(EditWindowExpired):
        _edit(first.comment, author_of(first), later(30))
    _edit(second.comment, author_of(second), later(900))
    with pytest.raises(EditWindowExpired):
        _edit(second.comment, author_of(second), later(901), version=2)
    _edit(first.comment, MODERATOR, later(5000))


def _edit(comment: Comment, editor: object, now: object, version: int = 1) -> None:
    edit_comment(
        comment_id=comment.pk,
        editor=editor,  # type: ignore[arg-type]
        source="Changed.",
        format=None,
        version=version,
        now=now,  # type: ignore[arg-type]
    )


def test_edit_of_a_version_that_is_no_more_is_refused_and_names_the_present_one() -> None:
    thread = make_thread()
    first = post(thread)
    _edit(first.comment, author_of(first), later(1))
    with pytest.raises(StaleVersion) as refused:
        _edit(first.comment, author_of(first), later(2))
    assert refused.value.extra["version"] == 2


def test_nobody_changes_a_comment_of_somebody_else() -> None:
    thread = make_thread()
    first, second = post(thread), post(thread)
    with pytest.raises(Forbidden):
        _edit(first.comment, author_of(second), later(1))
    change_thread(thread_id=thread.pk, now=later(1), premoderation=True)
    held = post(thread)
    with pytest.raises(NotFound):
        _edit(held.comment, author_of(second), later(1))


def test_guest_deletes_within_the_window_and_until_somebody_replied() -> None:
    thread = make_thread()
    first, second = post(thread), post(thread)
    post(thread, to=1)
    with pytest.raises(EditWindowExpired):
        delete_comment(
            comment_id=first.comment.pk, editor=author_of(first), version=1, now=later(1)
        )
    delete_comment(comment_id=second.comment.pk, editor=author_of(second), version=1, now=later(1))
    assert stored(second).deleted_at == later(1)
    assert not stored(second).reachable
    with pytest.raises(NotFound):
        _edit(second.comment, author_of(second), later(2))


def test_account_deletes_at_any_time_and_its_tombstone_names_the_author(
    django_user_model: type,
) -> None:
    user = django_user_model.objects.create_user("bo")  # type: ignore[attr-defined]
    thread = make_thread()
    first = post(thread, user=user)
    post(thread, to=1)
    delete_comment(
        comment_id=first.comment.pk, editor=author_of(first), version=1, now=later(99_999)
    )
    assert stored(first).reachable
    assert not stored(first).visible


def test_erasure_leaves_nothing_but_the_place() -> None:
    thread = make_thread()
    first = post(thread, "My secret @Ana #1", name="Carol")
    _edit(first.comment, author_of(first), later(1))
    post(thread, to=1)
    erased = erase_comment(comment_id=first.comment.pk, now=later(5))
    assert (erased.source, erased.html, erased.author_name, erased.author) == ("", "", "", None)
    assert erased.revisions.count() == 0
    assert erased.mentions.count() == 0
    assert stored(first).reachable
    assert fresh(thread).visible_count == 1


def test_closed_thread_takes_no_comment_edit_or_deletion_by_its_author() -> None:
    thread = make_thread()
    first = post(thread)
    change_thread(thread_id=thread.pk, now=later(1), state=ThreadState.CLOSED)
    with pytest.raises(ThreadClosed):
        post(thread)
    with pytest.raises(ThreadClosed):
        _edit(first.comment, author_of(first), later(2))
    with pytest.raises(ThreadClosed):
        delete_comment(
            comment_id=first.comment.pk, editor=author_of(first), version=1, now=later(2)
        )
    assert Event.objects.filter(thread=thread, kind="state").count() == 1


def test_reply_needs_a_parent_that_can_be_read_in_this_thread() -> None:
    thread, other = make_thread(), make_thread("other")
    post(other)
    with pytest.raises(ParentNotFound):
        post(thread, to=1)
    gone = post(thread)
    decide(comment_id=gone.comment.pk, action="reject", now=later(1))
    with pytest.raises(ParentNotPublished):
        post(thread, to=1)
    assert fresh(thread).last_number == 1


def test_same_text_by_the_same_person_at_the_same_place_is_refused_for_ten_minutes() -> None:
    thread = make_thread()
    ana = post(thread, "+1").participant
    with pytest.raises(DuplicateComment):
        post(thread, "+1", by=ana, now=later(599))
    post(thread, "+1", by=post(thread, name="Ana").participant, now=later(599))
    post(thread, "+1", by=ana, to=1, now=later(599))
    post(thread, "+1", by=ana, now=later(601))
    assert fresh(thread).visible_count == 5


@pytest.mark.parametrize(
    ("source", "code"),
    [("", "required"), (" \n\t ", "required"), ("x" * 10_001, "too_long"), ("a\x00b", None)],
)
def test_text_that_is_not_acceptable_stores_nothing(source: str, code: str | None) -> None:
    thread = make_thread()
    with pytest.raises(ValidationFailed) as refused:
        post(thread, source)
    assert refused.value.errors[0].pointer == "#/source"
    assert code is None or refused.value.errors[0].code == code
    assert Comment.objects.count() == 0


def test_ten_thousand_characters_are_accepted() -> None:
    assert post(make_thread(), "x" * 10_000).comment.number == 1


def test_edit_on_a_premoderated_thread_is_held_again_and_keeps_its_number() -> None:
    thread = make_thread(premoderation=True)
    first = post(thread)
    decide(comment_id=first.comment.pk, action="approve", now=later(1))
    _edit(first.comment, author_of(first), later(2), version=2)
    assert (stored(first).status, stored(first).number) == (Status.HELD, 1)
    assert fresh(thread).visible_count == 0
    decide(comment_id=first.comment.pk, action="approve", now=later(3))
    assert fresh(thread).visible_count == 1
