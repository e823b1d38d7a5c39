"""What becomes of a text, and what votes are worth."""

from __future__ import annotations

from itertools import product

import pytest

from comments.rules.moderation import EXPLANATIONS, is_readable, status_after, verdict_on_text
from comments.rules.voting import wilson_lower_bound


@pytest.mark.parametrize(("before", "failed", "trusted"), list(product([False, True], repeat=3)))
def test_verdict_on_every_combination(before: bool, failed: bool, trusted: bool) -> None:
    verdict = verdict_on_text(premoderation=before, rendering_failed=failed, trusted=trusted)
    held = failed or (before and not trusted)
    assert verdict.status == ("held" if held else "published")
    assert verdict.reason == ("" if not held else "rendering_failed" if failed else "premoderation")
    assert verdict.explanation == EXPLANATIONS.get(verdict.reason, "")


def test_each_action_gives_its_status() -> None:
    given = {action: status_after(action) for action in ("approve", "reject", "spam", "hold")}
    assert given == {"approve": "approved", "reject": "rejected", "spam": "spam", "hold": "held"}


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
