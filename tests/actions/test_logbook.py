"""The record can only grow, and whoever changes it past the triggers is found."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import Error, connection, transaction
from django.test.utils import CaptureQueriesContext

from comments.actions.erasing import erase_comment
from comments.actions.moderating import Reasons, decide
from comments.actions.rebuilding import mismatches
from comments.actions.sanctioning import impose_sanction
from comments.actions.undoing import undo_decision
from comments.errors import NotFound
from comments.models import Comment, LogRow, LogText, Participant, Sanction, Thread
from comments.queries.learning import decided_texts
from comments.queries.logbook import (
    last_change,
    rows_without_chain,
    standing_decisions,
    verify_thread,
)
from comments.queries.queue import waiting_for
from comments.queries.simulating import _decided
from comments.rules.logbook import HASHED, Fault, row_hash
from tests.making import NOW, SOMEBODY, fresh, later, make_thread, post

pytestmark = pytest.mark.django_db


@pytest.fixture
def thread() -> Thread:
    """Returns a thread whose record has eight rows."""
    thread = make_thread()
    for step in range(4):
        comment = post(thread).comment
        decide(
            comment_id=comment.pk,
            action="reject",
            actor=SOMEBODY,
            now=later(step),
            reasons=Reasons("other", "Public.", "Note."),
        )
    return thread


def faults(thread: Thread) -> list[Fault]:
    return list(verify_thread(fresh(thread)))


def first_faults(thread: Thread) -> list[tuple[str, int, int | None, str]]:
    """Returns the first faults: of a chain that is said to be endless there may be as many."""
    found = islice(verify_thread(fresh(thread)), 20)
    return [(fault.kind, fault.position, fault.row_id, fault.detail) for fault in found]


def past_the_triggers(statement: str, *values: Any) -> None:
    """Runs a statement as somebody with the database in hand would."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            triggers = cursor.fetchall()
            for name, _ in triggers:
                cursor.execute(f"DROP TRIGGER {name}")
            cursor.execute(statement, values)
            for _, sql in triggers:
                cursor.execute(sql)
        else:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(statement, values)
            cursor.execute("SET session_replication_role = DEFAULT")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE comments_logrow SET reason = 'another'",
        "UPDATE comments_logrow SET actor_id = NULL, evidence = '{}'",
        "DELETE FROM comments_logrow",
        "UPDATE comments_logtext SET note = 'another'",
    ],
)
def test_the_database_refuses_to_change_the_record(thread: Thread, statement: str) -> None:
    before = list(LogRow.objects.order_by("pk").values())
    with pytest.raises(Error), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert list(LogRow.objects.order_by("pk").values()) == before
    assert faults(thread) == []


def test_the_same_values_once_more_are_no_change(thread: Thread) -> None:
    for row in LogRow.objects.all():
        row.save()
    assert faults(thread) == []


@pytest.mark.parametrize(
    "column",
    ["reason = 'x'", "to_status = 'approved'", "actor_id = 77", "revision = 9", "evidence = '{}'"],
)
def test_a_changed_row_is_found_and_named(thread: Thread, column: str) -> None:
    row = LogRow.objects.get(position=4)
    past_the_triggers(f"UPDATE comments_logrow SET {column} WHERE id = %s", row.pk)
    assert [(fault.kind, fault.position, fault.row_id) for fault in faults(thread)] == [
        ("changed", 4, row.pk)
    ]


@pytest.mark.parametrize("position", [1, 5, 8])
def test_a_missing_row_is_found_and_named(thread: Thread, position: int) -> None:
    row = LogRow.objects.get(position=position)
    past_the_triggers("DELETE FROM comments_logtext WHERE row_id = %s", row.pk)
    past_the_triggers("DELETE FROM comments_logrow WHERE id = %s", row.pk)
    assert [(fault.kind, fault.position) for fault in faults(thread)] == [("missing", position)]


@pytest.mark.parametrize("far", [2_000_000_000, 2**62])
def test_a_row_moved_far_away_is_one_hole_and_one_row_too_many(thread: Thread, far: int) -> None:
    row = LogRow.objects.get(position=5)
    past_the_triggers("UPDATE comments_logrow SET position = %s WHERE id = %s", far, row.pk)
    assert first_faults(thread) == [
        ("missing", 5, None, "there is no row at position 5"),
        ("inserted", far, row.pk, "the chain ends at position 8"),
    ]


def test_rows_missing_at_an_end_that_is_far_away_are_one_range(thread: Thread) -> None:
    far = 2_000_000_000
    Thread.objects.filter(pk=thread.pk).update(log_length=far)
    row = LogRow.objects.get(position=5)
    past_the_triggers("UPDATE comments_logrow SET position = %s WHERE id = %s", far - 1, row.pk)
    assert first_faults(thread)[:2] == [
        ("missing", 5, None, "there is no row at position 5"),
        ("missing", 9, None, "there is no row at position 9 to 1999999998"),
    ]
    assert first_faults(thread)[-1] == (
        "missing",
        far,
        None,
        "there is no row at position 2000000000",
    )


def test_an_end_set_back_leaves_rows_too_many_and_another_last_one(thread: Thread) -> None:
    Thread.objects.filter(pk=thread.pk).update(log_length=7)
    row = LogRow.objects.get(position=8)
    assert first_faults(thread) == [
        ("inserted", 8, row.pk, "the chain ends at position 7"),
        ("changed", 7, None, "the last row is not the one that the end names"),
    ]


def test_an_inserted_row_is_found_and_named(thread: Thread) -> None:
    last = LogRow.objects.get(position=8)
    last.pk, last.position = None, 9
    last.save(force_insert=True)
    assert [(fault.kind, fault.position, fault.row_id) for fault in faults(thread)] == [
        ("inserted", 9, last.pk)
    ]


def test_a_row_with_a_new_hash_breaks_the_chain_behind_it(thread: Thread) -> None:
    row = LogRow.objects.get(position=4)
    past_the_triggers("UPDATE comments_logrow SET row_hash = %s WHERE id = %s", "0" * 64, row.pk)
    assert {fault.position for fault in faults(thread)} == {4, 5}


def test_whoever_goes_on_within_a_chain_finds_what_is_wrong_behind(thread: Thread) -> None:
    past_the_triggers("UPDATE comments_logrow SET reason = 'x' WHERE position = %s", 2)
    gone = LogRow.objects.get(position=4).pk
    past_the_triggers("DELETE FROM comments_logtext WHERE row_id = %s", gone)
    past_the_triggers("DELETE FROM comments_logrow WHERE id = %s", gone)
    whole = faults(thread)
    assert [fault.position for fault in whole] == [2, 4]
    for after in (1, 2, 3, 5, 8):
        found = list(verify_thread(fresh(thread), after=after))
        assert found == [fault for fault in whole if fault.position > after]
    for not_there in (4, 9):  # nothing says what came before
        assert list(verify_thread(fresh(thread), after=not_there)) == whole


def test_a_changed_text_is_found(thread: Thread) -> None:
    row = LogRow.objects.get(position=2)
    past_the_triggers("UPDATE comments_logtext SET note = 'x' WHERE row_id = %s", row.pk)
    assert [(fault.kind, fault.row_id) for fault in faults(thread)] == [("changed", row.pk)]


def test_erasure_takes_the_texts_and_leaves_the_chain_valid(thread: Thread) -> None:
    comment = Comment.objects.get(thread=thread, number=2)
    texts = LogText.objects.filter(row__comment_id=comment.pk)
    assert texts.get().note == "Note."
    erase_comment(comment_id=comment.pk, now=later(9))
    assert not texts.exists()
    assert faults(thread) == []
    assert list(mismatches(thread.pk)) == []


def test_a_status_written_past_the_actions_is_found(thread: Thread) -> None:
    comment = Comment.objects.get(thread=thread, number=3)
    Comment.objects.filter(pk=comment.pk).update(status="approved")
    out = StringIO()
    with pytest.raises(CommandError, match="1 differences"):
        call_command("rebuild_states", stdout=out)
    assert f"comment {comment.pk} is approved, the record says rejected" in out.getvalue()


def test_commands_say_that_all_is_well_or_name_what_is_not(thread: Thread) -> None:
    participant = post(make_thread("another")).participant
    impose_sanction(
        participant_id=participant.pk,
        kind=Sanction.Kind.BAN,
        until=None,
        actor=SOMEBODY,
        now=NOW,
    )
    out = StringIO()
    call_command("verify_log", stdout=out)
    call_command("rebuild_states", stdout=out)
    assert "10 rows in 3 chains, every one as written." in out.getvalue()
    assert "Every status in 2 threads is the one the record gives." in out.getvalue()
    row = LogRow.objects.get(thread_id=0)
    past_the_triggers("UPDATE comments_logrow SET action = 'mute' WHERE id = %s", row.pk)
    out = StringIO()
    with pytest.raises(CommandError, match="1 faults"):
        call_command("verify_log", stdout=out)
    assert f"site 1, position 1: changed row {row.pk}" in out.getvalue()


# --- chains whose ends were made to fit ---------------------------------------------------------


def fit_end(thread: Thread) -> None:
    """Lets the thread name the last row that there is as the end, as an attacker would."""
    last = LogRow.objects.filter(thread_id=thread.pk).latest("position")
    Thread.objects.filter(pk=thread.pk).update(log_length=last.position, log_head=last.row_hash)


def cut(thread: Thread) -> None:
    past_the_triggers("DELETE FROM comments_logtext WHERE row_id IN (%s)", last_row(thread).pk)
    past_the_triggers("DELETE FROM comments_logrow WHERE id = %s", last_row(thread).pk)
    fit_end(thread)


def last_row(thread: Thread) -> LogRow:
    return LogRow.objects.filter(thread_id=thread.pk).latest("position")


def chain_anew(thread: Thread) -> None:
    """Changes a row and gives all behind it hashes that fit."""
    previous = ""
    for row in LogRow.objects.filter(thread_id=thread.pk).order_by("position"):
        if row.position == 4:
            row.reason = "x"
        columns = {name: getattr(row, name) for name in HASHED}
        hashes = previous, row_hash(columns, previous_hash=previous)
        past_the_triggers(
            "UPDATE comments_logrow SET reason = %s, previous_hash = %s, row_hash = %s"
            " WHERE id = %s",
            *(row.reason, *hashes, row.pk),
        )
        previous = hashes[1]
    fit_end(thread)


def verified(**options: Any) -> str:
    out = StringIO()
    try:
        call_command("verify_log", stdout=out, **options)
    except CommandError as error:
        return f"{out.getvalue()}{error}"
    return out.getvalue()


@pytest.mark.parametrize(
    ("forged", "told"),
    [
        (cut, "position 8: missing a row: the chain once ended here"),
        (chain_anew, "position 8: changed row"),
    ],
)
def test_only_ends_kept_elsewhere_show_a_chain_that_was_made_to_fit(
    thread: Thread, forged: Callable[[Thread], None], told: str, tmp_path: Path
) -> None:
    ends = tmp_path / "ends"
    verified(write_ends=ends)
    forged(thread)
    assert "every one as written" in verified()
    before = ends.read_text()
    found = verified(ends=ends, write_ends=ends)
    assert f"site 1, thread {thread.pk}, {told}" in found
    assert found.endswith("1 faults in the record.")
    assert ends.read_text() == before


def test_a_decision_that_was_cut_off_still_shows_in_the_status(thread: Thread) -> None:
    cut(thread)
    (found,) = mismatches(thread.pk)
    assert (found.stored, found.derived) == ("rejected", "published")


def test_chains_that_went_on_still_have_their_ends_of_before(
    thread: Thread, tmp_path: Path
) -> None:
    ends = tmp_path / "ends"
    impose_sanction(
        participant_id=post(make_thread("another")).participant.pk,
        kind=Sanction.Kind.BAN,
        until=None,
        actor=SOMEBODY,
        now=NOW,
    )
    make_thread("without-rows")
    verified(write_ends=ends)
    assert ends.read_text().count("\n") == 3
    post(thread)
    assert f"3 ends of {ends} are still there." in verified(ends=ends, write_ends=ends)
    assert f"1 {thread.pk} 9 {last_row(thread).row_hash}\n" in ends.read_text()


@pytest.mark.parametrize("line", ["1 2 x 4", "1 2", "\n", "\xff"])
def test_a_file_that_has_other_lines_is_refused(thread: Thread, line: str, tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    verified(write_ends=ends)
    ends.write_text(ends.read_text() + line)
    assert verified(ends=ends) == f"Line 2 of {ends} is no end of a chain."


def test_files_that_cannot_be_are_named(thread: Thread, tmp_path: Path) -> None:
    away = tmp_path / "away" / "ends"
    assert verified(ends=away) == f"{away} cannot be read: No such file or directory."
    assert verified(write_ends=away).endswith(
        f"{away} cannot be written: No such file or directory."
    )


# --- rows that were put where no action writes them ---------------------------------------------

ASTRAY = {
    "a site that is not there": {"site_id": 77, "thread_id": 0},
    "the chain of the site": {"thread_id": 0},
    "a thread that is not there": {"thread_id": 10**9},
    "its thread, of another site": {"site_id": 77},
    "another thread": {"thread_id": -1},
}
"""Where the row is put, as ``forge`` takes it; -1 is a thread that is there."""


def forge(comment: Comment, **columns: Any) -> LogRow:
    """Puts a decision about a comment into the record, which no trigger refuses."""
    if columns.get("thread_id") == -1:
        columns["thread_id"] = make_thread("elsewhere").pk
    placed = {"site_id": 1, "thread_id": comment.thread_id, "position": 99, "at": later(99)}
    decided = {
        "kind": "decision",
        "action": "approve",
        "from_status": "held",
        "to_status": "approved",
        "evidence": {"policy": ["keep", "keep"], "held_reason": "", "place": None},
    }
    return LogRow.objects.create(
        comment_id=comment.pk, row_hash="0" * 64, **{**placed, **decided, **columns}
    )


@pytest.fixture
def held() -> Comment:
    """Returns a comment that a moderator has held: the second row of its chain."""
    comment = post(make_thread("with-one")).comment
    decide(comment_id=comment.pk, action="hold", actor=SOMEBODY, now=NOW)
    return Comment.objects.get(pk=comment.pk)


@pytest.mark.parametrize("place", ASTRAY.values(), ids=ASTRAY)
def test_a_row_beside_the_chain_of_its_comment_is_found(
    held: Comment, place: dict[str, Any]
) -> None:
    row = forge(held, **place)
    out = StringIO()
    with pytest.raises(CommandError, match="faults in the record"):
        call_command("verify_log", stdout=out)
    assert f"no chain, position 99: inserted row {row.pk}: " in out.getvalue()


@pytest.mark.parametrize("place", ASTRAY.values(), ids=ASTRAY)
def test_a_row_beside_the_chain_of_its_comment_has_no_effect(
    held: Comment, place: dict[str, Any]
) -> None:
    real = LogRow.objects.get(comment_id=held.pk, kind="decision")
    row = forge(held, **place)
    assert last_change(held.pk) == real
    assert list(standing_decisions(held.pk)) == [real]
    assert _decided([held]) == {(held.pk, 0): "held"}
    assert list(decided_texts(1)) == []
    (waiting,) = waiting_for([held.pk], site_id=1, now=NOW)
    assert [item["id"] for item in waiting.decisions] == [real.pk]
    with pytest.raises(NotFound):
        undo_decision(row_id=row.pk, actor=SOMEBODY, now=NOW)
    decide(comment_id=held.pk, action="reject", actor=SOMEBODY, now=NOW)
    author = Participant.objects.get(pk=held.author_id or 0)
    assert (author.trust_good, author.approved_count, author.rejected_count) == (0, 0, 1)
    undo_decision(row_id=real.pk + 2, actor=SOMEBODY, now=NOW)
    author.refresh_from_db()
    assert (author.trust_bad, author.rejected_count) == (0, 0)


@pytest.mark.parametrize("place", ASTRAY.values(), ids=ASTRAY)
def test_an_undo_beside_the_chain_of_its_comment_undoes_nothing(
    held: Comment, place: dict[str, Any]
) -> None:
    real = LogRow.objects.get(comment_id=held.pk, kind="decision")
    forge(held, **place, kind="undo", undoes_id=real.pk)
    assert list(standing_decisions(held.pk)) == [real]
    assert last_change(held.pk) == real


def test_rows_in_no_chain_are_named_without_being_kept(held: Comment) -> None:
    forge(held, site_id=77, thread_id=0)
    forge(held, thread_id=10**9)
    forge(held, thread_id=-1)
    with CaptureQueriesContext(connection) as queries:
        named = [fault.detail for fault in rows_without_chain()]
    assert named == [
        "there is no site 77",
        "site 1 has no thread 1000000000",
        f"comment {held.pk} is in another thread",
    ]
    assert len(queries) == 1
