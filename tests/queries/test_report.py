"""Precision and recall of rules and of the learned score, from comments drawn by lot."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.contrib.sites.models import Site
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from comments.actions.ruling import create_rule
from comments.actions.undoing import undo_decision
from comments.models import LearnedModel, LogKind, LogRow, QueueItem, Screening
from comments.queries.report import average_precision, report
from comments.rules.moderation import Action
from tests.api.test_moderation import Desk
from tests.making import NOW, SOMEBODY, decide, later, make_thread, post

pytestmark = pytest.mark.django_db


@pytest.fixture
def everything_is_drawn(settings: Any) -> None:
    """Lets the lot fall on every comment."""
    settings.REJOINDER = {**settings.REJOINDER, "AUDIT_SHARE": 1.0}


def nothing_is_drawn(settings: Any) -> None:
    """Lets the lot fall on no comment from here on."""
    settings.REJOINDER = {**settings.REJOINDER, "AUDIT_SHARE": 0.0}


def casinos(**fields: Any) -> None:
    """Makes a live rule that holds what names a casino."""
    given = {
        "title": "Casinos",
        "kind": "words",
        "mode": "live",
        "effect": "hold",
        "on_error": "pass",
        "params": {"phrases": ["casino"]},
    }
    create_rule(site_id=1, key="casinos", fields={**given, **fields}, actor=SOMEBODY, now=NOW)


def play(*played: tuple[str, Action]) -> None:
    """Posts texts, and decides about each."""
    thread = make_thread()
    for count, (text, action) in enumerate(played):
        comment = post(thread, f"{text} {count}").comment
        decide(comment_id=comment.pk, action=action, now=later(count))


PLAYED: tuple[tuple[str, Action], ...] = (
    ("A casino", "spam"),
    ("A casino", "spam"),
    ("A casino", "reject"),
    ("A casino", "approve"),
    ("Pills", "spam"),
    ("Weather", "approve"),
    ("Weather", "approve"),
)
"""The rule hits four, three of them rightly, and misses one of the four that are bad."""


def test_precision_and_recall_of_a_rule(everything_is_drawn: None) -> None:
    casinos()
    play(*PLAYED)
    found = report(site_id=1, now=later(60), days=30)
    assert (found["decided"], found["few"]) == (7, True)
    assert (found["drawn"]["count"], found["drawn"]["of"]) == (4, 7)
    (line,) = found["rules"]
    assert (line["rule"], line["mode"]) == ("casinos", "live")
    assert (line["precision"]["count"], line["precision"]["of"]) == (3, 4)
    assert (line["recall"]["count"], line["recall"]["of"]) == (3, 4)
    # Wilson, 3 of 4, by hand: 0.3006 and 0.9544.
    assert line["recall"]["low"] == pytest.approx(0.3006, abs=1e-4)
    assert line["recall"]["high"] == pytest.approx(0.9544, abs=1e-4)


def test_what_was_not_drawn_counts_only_where_it_says_so(
    everything_is_drawn: None, settings: Any
) -> None:
    casinos()
    play(*PLAYED[3:])
    nothing_is_drawn(settings)
    thread = make_thread("b")
    for count in range(5):
        comment = post(thread, f"A casino {count}").comment
        decide(comment_id=comment.pk, action="spam", now=later(10))
    (line,) = report(site_id=1, now=later(60), days=30)["rules"]
    assert (line["precision"]["count"], line["precision"]["of"]) == (0, 1)
    assert (line["seen"]["count"], line["seen"]["of"]) == (5, 6)
    assert (line["recall"]["count"], line["recall"]["of"]) == (0, 1)


def test_a_decision_that_was_undone_or_is_older_does_not_count(everything_is_drawn: None) -> None:
    casinos()
    play(("A casino", "spam"), ("A casino", "approve"))
    row = LogRow.objects.filter(kind=LogKind.DECISION).latest("pk")
    undo_decision(row_id=row.pk, actor=SOMEBODY, now=later(50), site_id=1)
    (line,) = report(site_id=1, now=later(60), days=30)["rules"]
    assert (line["precision"]["count"], line["precision"]["of"]) == (1, 1)
    assert report(site_id=1, now=later(60 + 86_400), days=1)["decided"] == 0


def test_a_later_decision_corrects_the_blind_one(everything_is_drawn: None) -> None:
    casinos()
    play(("A casino", "approve"))
    comment_id = LogRow.objects.filter(kind=LogKind.DECISION).get().comment_id or 0
    decide(comment_id=comment_id, action="spam", now=later(50))
    (line,) = report(site_id=1, now=later(60), days=30)["rules"]
    assert (line["precision"]["count"], line["precision"]["of"]) == (1, 1)


def test_a_rule_that_hit_nothing_is_listed_with_nothing_to_say(everything_is_drawn: None) -> None:
    casinos(mode="shadow")
    play(("Pills", "spam"))
    (line,) = report(site_id=1, now=later(60), days=30)["rules"]
    assert line["precision"]["share"] is None
    assert (line["recall"]["count"], line["recall"]["of"]) == (0, 1)


def test_the_learned_score_at_its_threshold(everything_is_drawn: None) -> None:
    casinos()
    play(*PLAYED)
    # What the score was is set here; that it is stored is the business of test_learning.
    for screening, score in zip(
        Screening.objects.order_by("pk"), [0.9, 0.8, 0.3, 0.7, 0.6, 0.1, 0.2], strict=True
    ):
        screening.score = score
        screening.save()
    LearnedModel.objects.create(
        site_id=1,
        version=1,
        data=b"",
        fitted_at=NOW,
        newest_row_id=1,
        decisions=100,
        spam=50,
        precision=0.9,
        threshold=0.65,
    )
    model = report(site_id=1, now=later(60), days=30)["model"]
    assert (model["precision"]["count"], model["precision"]["of"]) == (2, 3)
    assert (model["recall"]["count"], model["recall"]["of"]) == (2, 4)
    # Bad ones stand at places 1, 2, 4 and 5 of the ranking.
    assert model["average_precision"] == pytest.approx((1 + 1 + 3 / 4 + 4 / 5) / 4)


@pytest.mark.parametrize(
    ("ranked", "expected"),
    [([], None), ([False], None), ([True], 1.0), ([False, True], 0.5)],
)
def test_average_precision(ranked: list[bool], expected: float | None) -> None:
    assert average_precision(ranked) == expected


def test_the_number_of_queries_does_not_grow(everything_is_drawn: None) -> None:
    casinos()
    counts: list[int] = []
    for _ in range(2):
        thread = make_thread(f"t{len(counts)}")
        for count in range(5):
            comment = post(thread, f"A casino {count}").comment
            decide(comment_id=comment.pk, action="spam", now=later(count))
        with CaptureQueriesContext(connection) as captured:
            report(site_id=1, now=later(60), days=30)
        counts.append(len(captured))
    assert counts == [5, 5]


def run(*args: str) -> str:
    """Returns what the command prints."""
    out = StringIO()
    call_command("moderation_report", *args, stdout=out)
    return out.getvalue()


def test_the_command_prints_a_table(everything_is_drawn: None, monkeypatch: Any) -> None:
    casinos()
    play(*PLAYED)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later(60))
    printed = run()
    assert "Drawn by lot: 7, of which refused: 0.571 (0.250–0.842) 4/7." in printed
    assert "recall is hardly known" in printed
    row = next(line for line in printed.splitlines() if line.startswith("casinos"))
    assert row.split()[1:5] == ["live", "0.750", "(0.301–0.954)", "3/4"]
    assert not QueueItem.objects.exists()


def test_the_command_names_what_is_not_there() -> None:
    with pytest.raises(CommandError, match="no such site"):
        run("--site", "99")
    with pytest.raises(CommandError, match="--days"):
        run("--days", "0")
    assert Site.objects.count() == 1


def test_the_report_over_the_api(everything_is_drawn: None) -> None:
    casinos()
    mira = Desk("mira")
    found = mira.get("report/?days=7").json()
    assert (found["days"], found["rules"][0]["rule"], found["model"]) == (7, "casinos", None)
    assert mira.get("report/?days=0").status_code == 422
