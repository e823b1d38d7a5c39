"""Readers' reports: each counts once, two are needed, and what a human approved stays."""

from __future__ import annotations

import pytest

from comments.actions.changing import edit_comment
from comments.actions.flagging import Reader, flag_comment, withdraw_flag
from comments.actions.rebuilding import mismatches
from comments.actions.sanctioning import impose_sanction
from comments.errors import FlagOnOwn, NotFound, Sanctioned
from comments.models import Comment, Flag, FlagReason, LogRow, Participant, QueueItem, Sanction
from comments.queries.logbook import verify_thread
from tests.making import SOMEBODY, author_of, decide, fresh, later, make_thread, post, stored

pytestmark = pytest.mark.django_db
SPAM = FlagReason.SPAM


def flag(comment: Comment, by: Participant | None, origin: str, *, at: float = 1) -> Flag:
    return flag_comment(
        comment_id=comment.pk,
        reader=Reader(by, origin),
        reason=SPAM,
        note="",
        now=later(at),
        site_id=1,
    )


def readers(thread_key: str, count: int) -> list[Participant]:
    thread = make_thread(thread_key)
    return [post(thread, name=f"Reader {n}").participant for n in range(count)]


def test_two_independent_readers_hold_a_comment_and_one_does_not() -> None:
    one, two = readers("others", 2)
    thread = make_thread()
    comment = post(thread).comment
    flag(comment, one, "10.0.0.1")
    assert stored(comment).status == "published"
    assert QueueItem.objects.get().why == "flagged"
    flag(comment, two, "10.0.0.2")
    held = stored(comment)
    assert (held.status, held.held_reason, held.visible) == ("held", "flags", False)
    assert fresh(thread).visible_count == 0
    row = LogRow.objects.get(kind="flags")
    assert (row.actor_kind, row.from_status, row.to_status) == ("automation", "published", "held")
    assert row.evidence["flags"] == [["spam", 1000], ["spam", 1000]]
    assert not list(verify_thread(fresh(thread)))
    assert not list(mismatches(thread.pk))


def test_readers_behind_one_address_count_as_one() -> None:
    comment = post(make_thread()).comment
    for reader in readers("others", 5):
        flag(comment, reader, "10.0.0.1")
    assert stored(comment).status == "published"


def test_flag_withdraw_flag_counts_once() -> None:
    reader = readers("others", 1)[0]
    comment = post(make_thread()).comment
    for _ in range(3):
        flag(comment, reader, "10.0.0.1")
        withdraw_flag(comment_id=comment.pk, reader=Reader(reader, "10.0.0.9"), now=later(2))
        assert not QueueItem.objects.exists()
    flag(comment, reader, "10.0.0.1")
    assert Flag.objects.count() == 1
    assert stored(comment).status == "published"


def test_unknown_readers_weigh_less_and_are_told_apart_by_address() -> None:
    comment = post(make_thread()).comment
    for n in range(3):
        flag(comment, None, f"10.0.0.{n}")
        flag(comment, None, f"10.0.0.{n}")
    assert Flag.objects.count() == 3
    assert stored(comment).status == "published"
    flag(comment, None, "10.0.0.9")
    assert stored(comment).status == "held"
    assert "10.0.0" not in "".join(Flag.objects.values_list("origin", flat=True))


def test_after_an_approval_the_same_revision_is_not_held_again() -> None:
    one, two, three, four = readers("others", 4)
    submitted = post(make_thread())
    comment = submitted.comment
    flag(comment, one, "10.0.0.1")
    flag(comment, two, "10.0.0.2")
    decide(comment_id=comment.pk, action="approve", now=later(5))
    assert set(Flag.objects.values_list("outcome", flat=True)) == {"disagreed"}
    flag(comment, three, "10.0.0.3")
    flag(comment, four, "10.0.0.4")
    assert stored(comment).status == "approved"
    assert QueueItem.objects.get().why == "flagged"
    edit_comment(
        comment_id=comment.pk,
        editor=author_of(submitted),
        source="Another text.",
        format=None,
        version=stored(comment).version,
        now=later(9),
    )
    assert QueueItem.objects.get().why == "flagged"
    flag(comment, three, "10.0.0.3", at=10)
    flag(comment, four, "10.0.0.4", at=10)
    assert stored(comment).status == "held"


def test_weight_follows_the_record_of_who_flags() -> None:
    good, bad = readers("others", 2)
    for n in range(6):
        comment = post(make_thread(f"thread-{n}")).comment
        flag(comment, good if n % 2 else bad, f"10.0.{n}.1")
        decide(comment_id=comment.pk, action="reject" if n % 2 else "approve", now=later(2))
    comment = post(make_thread()).comment
    assert flag(comment, good, "10.0.0.1").weight > 1 > flag(comment, bad, "10.0.0.2").weight


def test_nobody_flags_his_own_nor_what_he_cannot_read_nor_while_banned() -> None:
    submitted = post(make_thread())
    with pytest.raises(FlagOnOwn):
        flag(submitted.comment, submitted.participant, "10.0.0.1")
    hidden = post(make_thread("premoderated", premoderation=True)).comment
    with pytest.raises(NotFound):
        flag(hidden, None, "10.0.0.1")
    reader = readers("others", 1)[0]
    impose_sanction(
        participant_id=reader.pk, kind=Sanction.Kind.BAN, until=None, actor=SOMEBODY, now=later(0)
    )
    with pytest.raises(Sanctioned):
        flag(submitted.comment, reader, "10.0.0.1")
