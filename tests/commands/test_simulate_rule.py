"""``manage.py simulate_rule`` prints what a rule would have done."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.contrib.sites.models import Site
from django.core.management import CommandError, call_command

from comments.actions.ruling import create_rule
from comments.models import Simulation
from tests.making import NOW, SOMEBODY, decide, later, make_thread, post

pytestmark = pytest.mark.django_db
FIELDS = {
    "title": "Casinos",
    "kind": "words",
    "mode": "shadow",
    "effect": "reject",
    "on_error": "pass",
    "params": {"phrases": ["casino"]},
}


def run(*args: str, **options: Any) -> str:
    """Returns what the command prints."""
    out = StringIO()
    call_command("simulate_rule", *args, stdout=out, **options)
    return out.getvalue()


def make(site_id: int = 1) -> None:
    """Makes the rule of a site."""
    create_rule(site_id=site_id, key="casinos", fields=FIELDS, actor=SOMEBODY, now=NOW)


def test_the_figures_and_the_worst_disagreements_are_printed() -> None:
    thread = make_thread()
    for count, action in enumerate(["reject", "reject", "reject", "approve"]):
        comment = post(thread, f"A casino\nof number {count}.").comment
        decide(comment_id=comment.pk, action=action, now=later(1))  # type: ignore[arg-type]
    post(thread, "An undecided casino.")
    make()
    printed = run("casinos")
    assert "Comments      5 in 1.0 days" in printed
    assert "agreed with 3, disagreed with 1, did not decide about 1" in printed
    assert "Precision     0.750, 95 % between 0.301 and 0.954" in printed
    assert "Extra holds   5 a day" in printed
    assert "approved      1  A casino of number 3." in printed
    assert Simulation.objects.get().result["hits"] == 5


def test_without_a_rule_the_rules_are_listed() -> None:
    make()
    assert "casinos" in run()
    assert not Simulation.objects.exists()


def test_a_rule_must_be_one() -> None:
    with pytest.raises(CommandError, match="no such rule"):
        run("casinos")
    make()
    other = Site.objects.create(domain="other.example", name="Other")
    make(other.pk)
    with pytest.raises(CommandError, match="--site"):
        run("casinos")
    assert "Hits          0" in run("casinos", site=other.pk)


def test_the_number_of_comments_can_be_chosen() -> None:
    thread = make_thread()
    for _ in range(3):
        post(thread)
    make()
    assert "Comments      2 in" in run("casinos", newest=2)
    assert "Comments      3 in" in run("casinos", newest=2, all=True)
    with pytest.raises(CommandError, match="--newest"):
        run("casinos", newest=0)
