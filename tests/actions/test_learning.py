"""What moderators decide is learned from, in the background, and nothing else is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sites.models import Site
from django.db import connection
from django.test.utils import CaptureQueriesContext

from comments.actions.changing import edit_comment
from comments.actions.erasing import erase_comment
from comments.actions.learning import FEWEST, refit, refit_due
from comments.actions.ruling import create_rule
from comments.actions.undoing import undo_decision
from comments.models import Comment, LearnedModel, LogKind, LogRow, SiteSettings, Thread
from comments.queries.learning import decided_texts, forget_models
from comments.queries.screening import rules_for_thread
from comments.rules.learning_data import available
from comments.rules.moderation import Action
from tests.making import NOW, SOMEBODY, author_of, decide, later, make_thread, post, stored

pytestmark = pytest.mark.django_db
needs_learning = pytest.mark.skipif(
    not available(), reason="scikit-learn, the extra learning, is not installed"
)
GOOD = "I read this post about the garden twice, and what you say of roses is right, number {}."
BAD = "Cheap pills and casino bonus at our shop, buy now number {}!"


def decided(thread: Thread, text: str, action: Action, *, at: float = 60) -> Comment:
    """Returns a comment that a moderator has decided about."""
    comment = post(thread, text).comment
    decide(comment_id=comment.pk, action=action, now=later(at))
    return comment


def teach(thread: Thread, *, good: int = 30, bad: int = 30) -> None:
    """Decides about so many comments of each kind, in turns."""
    for count in range(max(good, bad)):
        if count < good:
            decided(thread, GOOD.format(count), "approve")
        if count < bad:
            decided(thread, BAD.format(count), "spam")


def learned_rule(**fields: Any) -> None:
    """Makes a rule about the learned score."""
    given: dict[str, Any] = {
        "title": "Learned",
        "kind": "learned_score",
        "mode": "live",
        "effect": "hold",
        "on_error": "pass",
        "params": {"threshold": 0.5},
    }
    create_rule(
        site_id=1,
        key="learned",
        fields={**given, **fields},
        actor=SOMEBODY,
        now=NOW,
        override=True,
        note="For a test.",
    )


def labels() -> dict[str, int]:
    """Returns what would be learned from, by text."""
    return {one.text: one.label for one in decided_texts(1)}


# What is learned from


def test_only_what_humans_decided_is_learned_from() -> None:
    thread = make_thread()
    create_rule(
        site_id=1,
        key="pills",
        fields={
            "title": "Pills",
            "kind": "words",
            "mode": "live",
            "effect": "spam",
            "on_error": "pass",
            "params": {"phrases": ["pills"]},
        },
        actor=SOMEBODY,
        now=NOW,
        override=True,
        note="For a test.",
    )
    assert post(thread, "Pills by a rule.").comment.status == "spam"
    post(thread, "Nobody decided about this.")
    decided(thread, "Approved by somebody.", "approve")
    decided(thread, "Rejected by somebody.", "reject")
    decided(thread, "Spam, says somebody.", "spam")
    decided(thread, "To be looked at again.", "hold")
    assert labels() == {
        "Approved by somebody.": 0,
        "Rejected by somebody.": 1,
        "Spam, says somebody.": 1,
    }


def test_the_latest_decision_counts_and_an_undone_one_does_not() -> None:
    thread = make_thread()
    changed = decided(thread, "Changed.", "reject")
    decide(comment_id=changed.pk, action="approve", now=later(70))
    undone = decided(thread, "Undone.", "reject")
    row = LogRow.objects.filter(comment_id=undone.pk, kind=LogKind.DECISION).get()
    undo_decision(row_id=row.pk, actor=SOMEBODY, now=later(80), site_id=1)
    held = decided(thread, "Held again.", "approve")
    decide(comment_id=held.pk, action="hold", now=later(90))
    assert labels() == {"Changed.": 0}


def test_a_decision_belongs_to_the_text_that_was_seen() -> None:
    thread = make_thread()
    posted = post(thread, "First text.")
    for number, (action, following) in enumerate(
        [("approve", "Second text."), ("spam", "Third text."), ("approve", "Fourth text.")]
    ):
        decide(comment_id=posted.comment.pk, action=action, now=later(number))  # type: ignore[arg-type]
        edit_comment(
            comment_id=posted.comment.pk,
            editor=author_of(posted),
            version=stored(posted).version,
            source=following,
            format="plain",
            now=later(number + 0.5),
        )
    assert labels() == {"First text.": 0, "Second text.": 1, "Third text.": 0}


def test_the_name_and_what_was_answered_are_learned_from_too() -> None:
    thread = make_thread()
    post(thread, "The question.")
    comment = post(thread, "The answer.", name="Bo", to=1).comment
    decide(comment_id=comment.pk, action="approve", now=later(1))
    (one,) = decided_texts(1)
    assert (one.author, one.parent_text) == ("Bo", "The question.")


def test_what_was_erased_and_what_is_of_another_site_is_not_learned_from() -> None:
    thread = make_thread()
    erased = decided(thread, "To be erased.", "approve")
    decided(thread, "Kept.", "approve")
    erase_comment(comment_id=erased.pk, actor=SOMEBODY, now=later(100))
    other = Site.objects.create(domain="other.example", name="Other")
    assert labels() == {"Kept.": 0}
    assert list(decided_texts(other.pk)) == []


def test_reading_the_decisions_takes_as_many_queries_for_many_as_for_few() -> None:
    thread = make_thread()
    counts = []
    for _ in range(2):
        teach(thread, good=3, bad=3)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            list(decided_texts(1))
        counts.append(len(captured))
    assert counts == [3, 3]


# Fitting


@needs_learning
def test_it_is_fitted_from_enough_decisions_of_both_kinds() -> None:
    thread = make_thread()
    teach(thread, good=FEWEST + 1, bad=0)
    assert refit(site_id=1, now=NOW) is None
    assert refit_due(now=NOW) == []
    decided(thread, BAD.format(1), "reject")
    assert refit_due(now=later(5)) == [1]
    row = LearnedModel.objects.get()
    assert (row.version, row.decisions, row.spam, row.fitted_at) == (1, 12, 1, later(5))


@needs_learning
def test_it_is_fitted_anew_when_something_was_decided_or_undone_since() -> None:
    thread = make_thread()
    teach(thread, good=6, bad=6)
    assert refit_due(now=NOW) == [1]
    assert refit_due(now=NOW) == [], "nothing is new"
    last = decided(thread, "One more.", "approve", at=99)
    assert refit_due(now=NOW) == [1]
    row = LogRow.objects.filter(comment_id=last.pk, kind=LogKind.DECISION).get()
    undo_decision(row_id=row.pk, actor=SOMEBODY, now=later(100), site_id=1)
    assert refit_due(now=NOW) == [1]
    stored_row = LearnedModel.objects.get()
    assert (stored_row.version, stored_row.decisions) == (3, 12)


@needs_learning
def test_with_many_decisions_it_waits_for_a_share_of_new_ones() -> None:
    thread = make_thread()
    teach(thread, good=6, bad=6)
    refit_due(now=NOW)
    LearnedModel.objects.update(decisions=200)
    for count in range(9):
        decided(thread, f"New {count}.", "approve")
    assert refit_due(now=NOW) == []
    decided(thread, "The tenth.", "approve")
    assert refit_due(now=NOW) == [1]


@needs_learning
def test_another_precision_asks_for_another_threshold() -> None:
    teach(make_thread(), good=6, bad=6)
    refit_due(now=NOW)
    SiteSettings.objects.create(site_id=1, score_precision=0.8)
    assert refit_due(now=NOW) == [1]
    assert LearnedModel.objects.get().precision == 0.8


@needs_learning
def test_of_two_that_fit_at_once_one_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    teach(make_thread(), good=6, bad=6)
    from comments.actions import learning as action

    def fit_meanwhile(site_id: int) -> Any:
        monkeypatch.undo()
        assert refit(site_id=1, now=later(1)) is not None
        return decided_texts(site_id)

    for version in (1, 2):
        monkeypatch.setattr(action, "decided_texts", fit_meanwhile)
        assert refit(site_id=1, now=later(2)) is None
        row = LearnedModel.objects.get()
        assert (row.version, row.fitted_at) == (version, later(1))


# Scoring


@needs_learning
def test_a_text_like_those_refused_is_held_and_says_which_words_moved_it() -> None:
    thread = make_thread()
    teach(thread)
    refit(site_id=1, now=NOW)
    learned_rule()
    bad = post(thread, "Buy cheap pills at the casino now, bonus!").comment
    good = post(thread, "What you say of the garden and the roses is right.").comment
    assert (bad.status, bad.held_reason) == ("held", "learned")
    assert good.status == "published"
    screening = bad.screenings.get()
    assert (screening.score or 0) > 0.5
    assert screening.signals[0]["value"] == screening.score
    words = dict(screening.words)
    assert {"casino", "pills"} & words.keys()
    assert max(words.values()) > 0
    assert good.screenings.get().words == []


@needs_learning
@pytest.mark.parametrize("effect", ["reject", "spam"])
def test_a_learned_score_never_rejects_alone(effect: str) -> None:
    thread = make_thread()
    teach(thread)
    refit(site_id=1, now=NOW)
    learned_rule(effect=effect)
    assert post(thread, "Buy cheap pills at the casino now!").comment.status == "held"


@needs_learning
def test_a_score_that_is_watched_has_no_effect_and_one_without_a_rule_neither() -> None:
    thread = make_thread()
    teach(thread)
    refit(site_id=1, now=NOW)
    text = "Buy cheap pills at the casino now, number {}!"
    unruled = post(thread, text.format(1)).comment
    learned_rule(mode="shadow")
    watched = post(thread, text.format(2)).comment
    assert (unruled.status, watched.status) == ("published", "published")
    for comment in (unruled, watched):
        screening = comment.screenings.get()
        assert (screening.score or 0) > 0.5
        assert screening.words
    assert watched.screenings.get().signals[0]["outcome"] == "hit"


@needs_learning
def test_the_threshold_of_the_site_is_the_one_for_its_precision() -> None:
    thread = make_thread()
    teach(thread, good=60, bad=60)
    row = refit(site_id=1, now=NOW)
    assert row is not None
    assert row.threshold is not None
    learned_rule(params={"threshold": None})
    signal = post(thread, GOOD.format("new")).comment.screenings.get().signals[0]
    assert signal["threshold"] == pytest.approx(row.threshold)
    LearnedModel.objects.update(threshold=None, version=2)
    bad = post(thread, BAD.format("new")).comment
    assert bad.status == "published", "without a threshold nothing is held"


@needs_learning
def test_a_new_model_is_used_at_once_and_an_old_one_is_kept() -> None:
    thread = make_thread()
    teach(thread, good=6, bad=6)
    refit(site_id=1, now=NOW)
    first = rules_for_thread(thread.pk)[1]
    with CaptureQueriesContext(connection) as captured:
        assert rules_for_thread(thread.pk)[1] is first
    assert len(captured) == 1
    decided(thread, "One more.", "approve")
    refit(site_id=1, now=later(1))
    second = rules_for_thread(thread.pk)[1]
    assert second is not None
    assert second is not first


@needs_learning
def test_a_model_that_cannot_be_read_gives_no_score_and_loses_no_comment(
    caplog: pytest.LogCaptureFixture,
) -> None:
    thread = make_thread()
    teach(thread, good=6, bad=6)
    refit(site_id=1, now=NOW)
    learned_rule(on_error="hold")
    LearnedModel.objects.update(data=b"damaged")
    forget_models()
    assert post(thread, "A text.").comment.status == "published"
    assert post(thread, "Another text.").comment.screenings.get().score is None
    assert caplog.text.count("cannot be read") == 1


@needs_learning
def test_a_score_that_fails_loses_no_comment(monkeypatch: pytest.MonkeyPatch) -> None:
    thread = make_thread()
    teach(thread, good=6, bad=6)
    refit(site_id=1, now=NOW)

    def fail(*args: object, **kwargs: object) -> float:
        raise ZeroDivisionError

    monkeypatch.setattr("comments.rules.learning.Model.score", fail)
    assert post(thread, "A text.").comment.status == "published"


def test_without_scikit_learn_no_model_is_asked_for_and_nothing_learned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    thread = make_thread()
    teach(thread, good=6, bad=6)
    monkeypatch.setattr("comments.queries.learning.available", lambda: False)
    monkeypatch.setattr("comments.actions.learning.available", lambda: False)
    with CaptureQueriesContext(connection) as captured:
        assert rules_for_thread(thread.pk)[1] is None
        assert refit(site_id=1, now=NOW) is None
        assert refit_due(now=NOW + timedelta(days=1)) == []
    assert len(captured) == 1, "that of the rules"
    learned_rule()
    assert post(thread, "A text.").comment.status == "published"
