"""What becomes of a text, who may change a status to what, and what votes are worth."""

from __future__ import annotations

from itertools import product

import pytest

from comments.rules.moderation import (
    ACTIONS,
    ACTOR_KINDS,
    EXPLANATIONS,
    SEVERITY,
    STATUSES,
    TABLE,
    Effect,
    Status,
    Verdict,
    is_readable,
    status_after,
    status_of_new_text,
    status_of_revision,
    told,
    verdict_on_text,
)
from comments.rules.voting import wilson_lower_bound

# Rows are actions, columns held, published, approved, rejected, spam.
BY_MODERATOR = """
approve  approved     approved  approved!  approved  approved
reject   rejected     rejected  rejected   rejected! rejected
spam     spam         spam      spam       spam      spam!
hold     held!        held      held       held      held
remove   unreadable   rejected  rejected   rejected! spam!
restore  unreadable   published! approved! approved  approved
"""
BY_AUTOMATION = """
approve  never  never     never  never  never
reject   human  rejected  human  human  human
spam     human  spam      human  human  human
hold     human  held      human  human  human
remove   never  never     never  never  never
restore  never  never     never  never  never
"""
WORDS = {"unreadable": "not_readable", "never": "not_allowed", "human": "human_decided"}


def cells(table: str, actor: str) -> dict[tuple[str, str, str], str]:
    """Returns a table as written above; an exclamation mark says that it is so already."""
    expected: dict[tuple[str, str, str], str] = {}
    for line in table.strip().splitlines():
        action, *row = line.split()
        for status, word in zip(STATUSES, row, strict=True):
            outcome = "already" if word.endswith("!") else WORDS.get(word, word)
            expected[status, action, actor] = outcome
    return expected


def test_every_cell_of_the_table_is_as_written() -> None:
    never = dict.fromkeys(product(STATUSES, ACTIONS, ("author", "reader")), "not_allowed")
    expected = cells(BY_MODERATOR, "moderator") | cells(BY_AUTOMATION, "automation") | never
    assert set(TABLE) == set(product(STATUSES, ACTIONS, ACTOR_KINDS))
    assert {cell: status_after(*cell) for cell in TABLE} == expected


@pytest.mark.parametrize("status", ["approved", "rejected", "spam", "held"])
def test_automation_never_changes_what_a_human_has_or_must_look_at(status: Status) -> None:
    assert {status_after(status, action, "automation") for action in ACTIONS} <= {
        "human_decided",
        "not_allowed",
    }


def test_a_new_text_has_the_status_of_what_screening_came_to() -> None:
    effects: list[Effect] = ["publish", "hold", "reject", "spam"]
    assert [status_of_new_text(effect) for effect in effects] == [
        "published",
        "held",
        "rejected",
        "spam",
    ]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("published", "published held rejected spam"),
        ("approved", "published held rejected spam"),
        ("held", "held held rejected spam"),
        ("rejected", "held held rejected spam"),
        ("spam", "held held rejected spam"),
    ],
)
def test_a_new_revision_is_screened_again(status: Status, expected: str) -> None:
    effects: list[Effect] = ["publish", "hold", "reject", "spam"]
    assert [status_of_revision(status, effect) for effect in effects] == expected.split()


@pytest.mark.parametrize(("before", "failed", "trusted"), list(product([False, True], repeat=3)))
def test_verdict_on_every_combination(before: bool, failed: bool, trusted: bool) -> None:
    verdict = verdict_on_text(premoderation=before, rendering_failed=failed, trusted=trusted)
    held = failed or (before and not trusted)
    assert verdict.status == ("held" if held else "published")
    assert verdict.reason == ("" if not held else "rendering_failed" if failed else "premoderation")
    assert verdict.explanation == EXPLANATIONS.get(verdict.reason, "")


@pytest.mark.parametrize("effect", list(SEVERITY))
def test_rules_count_unless_something_is_more_severe_or_a_moderator_writes(effect: Effect) -> None:
    publishes = effect == "publish"
    screened = Verdict(effect) if publishes else Verdict(effect, "links", "Too many links.")
    assert (
        verdict_on_text(premoderation=False, rendering_failed=False, screened=screened) == screened
    )
    waits = verdict_on_text(premoderation=True, rendering_failed=False, screened=screened)
    assert waits.effect == max("hold", effect, key=lambda one: SEVERITY[one])
    assert waits.reason == ("premoderation" if effect == "publish" else "links")
    trusted = verdict_on_text(
        premoderation=True, rendering_failed=False, screened=screened, trusted=True
    )
    assert trusted == Verdict("publish")


def test_an_author_is_told_the_stored_sentence_else_the_usual_one() -> None:
    assert told(reason="links", sentence="Too many links.") == "Too many links."
    assert told(reason="premoderation", sentence="") == EXPLANATIONS["premoderation"]
    assert told(reason="unknown", sentence="") == ""


@pytest.mark.parametrize("status", ["held", "published", "approved", "rejected", "spam"])
def test_only_published_and_approved_can_be_read_and_only_while_they_are_there(status: str) -> None:
    expected = status in {"published", "approved"}
    assert is_readable(status=status, deleted=False, erased=False) == expected
    assert not is_readable(status=status, deleted=True, erased=False)
    assert not is_readable(status=status, deleted=False, erased=True)


def test_wilson_bound_is_that_of_the_formula() -> None:
    # Computed by hand from the formula for 10 of 10, 1 of 1 and 5 of 10.
    assert wilson_lower_bound(up=10, down=0) == pytest.approx(0.7224672, abs=1e-6)
    assert wilson_lower_bound(up=1, down=0) == pytest.approx(0.2065493, abs=1e-6)
    assert wilson_lower_bound(up=5, down=5) == pytest.approx(0.2365931, abs=1e-6)
    assert wilson_lower_bound(up=0, down=0) == 0.0
    assert wilson_lower_bound(up=0, down=7) == pytest.approx(0.0)


def test_more_votes_of_the_same_share_rank_higher() -> None:
    ranked = [wilson_lower_bound(up=9 * n, down=n) for n in (1, 2, 10, 100)]
    assert ranked == sorted(ranked)
