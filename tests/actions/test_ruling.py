"""Rules are data: versioned, in the record, tried on the past before they refuse anybody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sites.models import Site

from comments.actions.changing import edit_comment
from comments.actions.erasing import erase_comment
from comments.actions.logbook import Actor
from comments.actions.people import GuestName, Writer
from comments.actions.posting import submit_comment
from comments.actions.ruling import (
    change_rule,
    create_rule,
    install_default_rules,
    simulate_rule,
)
from comments.actions.undoing import undo_decision
from comments.errors import NotFound, SimulationNeeded, StaleVersion, ValidationFailed
from comments.models import (
    ActorKind,
    LogKind,
    LogRow,
    LogText,
    RuleVersion,
    ScreeningRule,
    Simulation,
    SiteSettings,
    Thread,
)
from comments.queries.logbook import verify_site
from comments.queries.simulating import simulate as look
from comments.rules.screening_kinds import KINDS
from tests.making import (
    NOW,
    SOMEBODY,
    author_of,
    decide,
    later,
    make_moderator,
    make_thread,
    post,
    stored,
)

pytestmark = pytest.mark.django_db

WORDS: dict[str, Any] = {
    "title": "Casinos",
    "kind": "words",
    "mode": "shadow",
    "effect": "reject",
    "on_error": "pass",
    "params": {"phrases": ["casino"]},
}


def make_rule(key: str = "casinos", **fields: Any) -> ScreeningRule:
    """Returns a new rule about a word."""
    return create_rule(site_id=1, key=key, fields={**WORDS, **fields}, actor=SOMEBODY, now=NOW)


def change(rule: ScreeningRule, *, days: float = 0, **changes: Any) -> ScreeningRule:
    """Returns the rule, changed some days later."""
    more = {name: changes.pop(name) for name in ("override", "note") if name in changes}
    return change_rule(
        rule_id=rule.pk,
        version=rule.version,
        changes=changes,
        actor=SOMEBODY,
        now=NOW + timedelta(days=days),
        **more,
    )


def simulate(rule: ScreeningRule, *, days: float = 0, most: int | None = None) -> Simulation:
    """Returns what a rule would have hit, tried some days later."""
    return simulate_rule(rule_id=rule.pk, actor=SOMEBODY, now=NOW + timedelta(days=days), most=most)


def decided(thread: Thread, *, refused: int, approved: int, text: str = "casino") -> None:
    """Makes comments with a word that moderators have decided about."""
    for count in range(refused + approved):
        comment = post(thread, f"A {text} of the number {count}{thread.key}.").comment
        action = "reject" if count < refused else "approve"
        decide(comment_id=comment.pk, action=action, now=later(60))  # type: ignore[arg-type]


def rows_about(rule: ScreeningRule) -> list[LogRow]:
    """Returns what the record says of a rule."""
    return list(LogRow.objects.filter(kind=LogKind.RULE, rule_key=rule.key).order_by("pk"))


# Versions


def test_a_new_rule_has_a_version_and_a_row_of_the_record() -> None:
    moderator = make_moderator()
    actor = Actor(ActorKind.MODERATOR, moderator.pk)
    rule = create_rule(site_id=1, key="casinos", fields=WORDS, actor=actor, now=NOW, note="Why.")
    version = RuleVersion.objects.get(rule=rule)
    assert (version.version, version.by_id) == (1, moderator.pk)
    # Parameters left out have their defaults, so that a version says all that it does.
    assert version.fields["params"] == {"phrases": ["casino"], "at_least": 1}
    (row,) = rows_about(rule)
    assert (row.action, row.actor_id, row.evidence["version"]) == ("create", moderator.pk, 1)
    assert LogText.objects.get(row=row).note == "Why."
    assert list(verify_site(1)) == []


def test_a_change_is_the_next_version_and_keeps_the_earlier_one() -> None:
    rule = change(make_rule(), params={"phrases": ["casino", "lottery"]}, title="Games")
    assert rule.version == 2
    fields = dict(RuleVersion.objects.filter(rule=rule).values_list("version", "fields"))
    assert fields[1]["params"]["phrases"] == ["casino"]
    assert fields[2]["params"]["phrases"] == ["casino", "lottery"]
    assert rows_about(rule)[-1].evidence["changed"] == ["params", "title"]


def test_a_change_of_nothing_makes_no_version() -> None:
    rule = make_rule()
    assert change(rule, title="Casinos", mode="shadow").version == 1
    assert len(rows_about(rule)) == 1


def test_a_change_of_an_older_version_is_refused() -> None:
    rule = make_rule()
    change(ScreeningRule.objects.get(pk=rule.pk), title="Somebody was first")
    with pytest.raises(StaleVersion) as refused:
        change(rule, title="Second")
    assert refused.value.extra["version"] == 2
    assert ScreeningRule.objects.get(pk=rule.pk).title == "Somebody was first"


def test_the_version_that_hit_stands_in_the_signal() -> None:
    thread = make_thread()
    rule = make_rule(mode="live", effect="hold")
    first = post(thread, "The casino.").comment
    change(rule, title="Other words")
    second = post(thread, "The casino again.").comment
    for comment, version in ((first, 1), (second, 2)):
        (signal,) = comment.screenings.get().signals
        assert (comment.status, signal["rule_version"]) == ("held", version)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"kind": "weather"}, "#/kind"),
        ({"mode": "loud"}, "#/mode"),
        ({"effect": "burn"}, "#/effect"),
        ({"on_error": "cry"}, "#/on_error"),
        ({"title": " "}, "#/title"),
        ({"title": "x" * 121}, "#/title"),
        ({"told": "x" * 301}, "#/told"),
        ({"params": {}}, "#/params/phrases"),
        ({"params": {"phrases": ["casino"], "most": 1}}, "#/params/most"),
        ({"kind": "first_comment", "params": {}, "effect": "spam"}, "#/effect"),
    ],
)
def test_a_field_that_is_not_acceptable_is_named(fields: dict[str, Any], pointer: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        make_rule(**fields)
    assert [error.pointer for error in refused.value.errors] == [pointer]
    assert not ScreeningRule.objects.exists()
    assert not LogRow.objects.filter(kind=LogKind.RULE).exists()


@pytest.mark.parametrize("key", ["", "Casinos", "a b", "x" * 65, "flags", "contradiction", "é"])
def test_a_key_that_cannot_be_one_is_refused(key: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        make_rule(key)
    assert refused.value.errors[0].pointer == "#/key"


def test_a_key_names_one_rule_of_a_site() -> None:
    make_rule()
    with pytest.raises(ValidationFailed) as refused:
        make_rule()
    assert refused.value.errors[0].code == "taken"
    other = Site.objects.create(domain="other.example", name="Other")
    create_rule(site_id=other.pk, key="casinos", fields=WORDS, actor=SOMEBODY, now=NOW)
    assert ScreeningRule.objects.count() == 2


def test_a_rule_of_another_site_is_not_there() -> None:
    rule = make_rule()
    with pytest.raises(NotFound):
        change_rule(rule_id=rule.pk, version=1, changes={}, actor=SOMEBODY, now=NOW, site_id=99)
    with pytest.raises(NotFound):
        simulate_rule(rule_id=rule.pk, actor=SOMEBODY, now=NOW, site_id=99)


# The gate


def test_a_rule_that_holds_goes_live_untried() -> None:
    assert make_rule(mode="live", effect="hold").mode == "live"


@pytest.mark.parametrize("effect", ["reject", "spam"])
def test_a_rule_that_refuses_does_not_go_live_untried(effect: str) -> None:
    with pytest.raises(SimulationNeeded):
        make_rule(mode="live", effect=effect)
    rule = make_rule(effect=effect)
    with pytest.raises(SimulationNeeded) as refused:
        change(rule, mode="live")
    assert refused.value.extra == {"simulation": None, "low": None, "precision": 0.9}
    assert ScreeningRule.objects.get(pk=rule.pk).mode == "shadow"


def test_a_rule_that_moderators_agreed_with_goes_live() -> None:
    SiteSettings.objects.create(site_id=1, rule_precision=0.6)
    decided(make_thread(), refused=8, approved=0)
    rule = make_rule()
    simulation = simulate(rule)
    # Wilson's lower end for 8 of 8: 8 / (8 + 1.96 ** 2).
    assert simulation.result["low"] == pytest.approx(0.6756, abs=1e-4)
    live = change(rule, mode="live")
    assert live.mode == "live"
    assert rows_about(rule)[-1].evidence["simulation"] == simulation.pk
    assert post(make_thread("b"), "A casino.").comment.status == "rejected"


def test_a_rule_that_moderators_disagreed_with_does_not_go_live() -> None:
    SiteSettings.objects.create(site_id=1, rule_precision=0.6)
    decided(make_thread(), refused=8, approved=2)
    rule = make_rule()
    simulate(rule)
    with pytest.raises(SimulationNeeded) as refused:
        change(rule, mode="live")
    assert refused.value.extra["low"] == pytest.approx(0.4902, abs=1e-4)


def test_hits_that_nobody_decided_about_say_nothing() -> None:
    SiteSettings.objects.create(site_id=1, rule_precision=0.5)
    thread = make_thread()
    for _ in range(30):
        post(thread, f"A casino {_}.")
    rule = make_rule()
    assert simulate(rule).result["hits"] == 30
    with pytest.raises(SimulationNeeded, match="nothing speaks for it"):
        change(rule, mode="live")


def test_a_simulation_counts_for_seven_days() -> None:
    SiteSettings.objects.create(site_id=1, rule_precision=0.6)
    decided(make_thread(), refused=8, approved=0)
    rule = make_rule()
    simulate(rule)
    with pytest.raises(SimulationNeeded, match="older than 7 days"):
        change(rule, days=7.001, mode="live")
    assert change(rule, days=6.999, mode="live").mode == "live"


def test_what_was_tried_must_hit_the_same_as_what_goes_live() -> None:
    SiteSettings.objects.create(site_id=1, rule_precision=0.6)
    decided(make_thread(), refused=8, approved=0)
    rule = make_rule()
    simulate(rule)
    other = change(rule, params={"phrases": ["the"]})
    with pytest.raises(SimulationNeeded, match="not been tried"):
        change(other, mode="live")
    # Another title or sentence hits the same, and so do the parameters that were tried.
    back = change(other, params={"phrases": ["casino"]}, title="Other words", told="Not here.")
    live = change(back, mode="live")
    with pytest.raises(SimulationNeeded):
        change(live, params={"phrases": ["a"]})


def test_a_simulation_of_a_rule_that_holds_says_nothing_for_one_that_refuses() -> None:
    SiteSettings.objects.create(site_id=1, rule_precision=0.6)
    decided(make_thread(), refused=8, approved=0)
    rule = make_rule(mode="live", effect="hold")
    simulate(rule)
    with pytest.raises(SimulationNeeded):
        change(rule, effect="reject")


def test_an_override_needs_a_reason_and_is_recorded() -> None:
    rule = make_rule()
    with pytest.raises(ValidationFailed) as refused:
        change(rule, mode="live", override=True, note="  ")
    assert refused.value.errors[0].pointer == "#/note"
    live = change(rule, mode="live", override=True, note="We are being flooded.")
    assert live.mode == "live"
    row = rows_about(rule)[-1]
    assert row.evidence["override"] is True
    assert row.evidence["lacked"] == "It has not been tried on past comments as it is now."
    assert LogText.objects.get(row=row).note == "We are being flooded."


def test_a_live_rule_that_refuses_can_be_renamed_and_switched_off() -> None:
    rule = change(make_rule(), mode="live", override=True, note="Now.")
    renamed = change(rule, title="Another title", on_error="hold")
    assert change(renamed, mode="off").mode == "off"


# Trying a rule on the past


def test_a_simulation_says_what_would_have_been_hit_and_what_was_decided() -> None:
    thread = make_thread()
    decided(thread, refused=3, approved=1)
    post(thread, "An undecided casino.")
    post(thread, "Nothing of the kind.")
    result = simulate(make_rule()).result
    assert (result["comments"], result["hits"], result["decided"]) == (6, 5, 4)
    assert (result["agreed"], result["disagreed"], result["undecided"]) == (3, 1, 1)
    assert result["precision"] == 0.75
    # Wilson, 3 of 4, by hand: 0.3006 and 0.9544.
    assert (result["low"], result["high"]) == (
        pytest.approx(0.3006, abs=1e-4),
        pytest.approx(0.9544, abs=1e-4),
    )
    # Nothing had held them, and they came within one day.
    assert result["extra_holds_per_day"] == 5


def test_a_simulation_changes_nothing() -> None:
    thread = make_thread()
    decided(thread, refused=1, approved=1)
    rule = make_rule(mode="off")
    before = list(Thread.objects.values()), LogRow.objects.count()
    simulate(rule)
    assert (list(Thread.objects.values()), LogRow.objects.count()) == before


def test_extra_holds_are_counted_for_each_day_and_without_what_waited_anyway() -> None:
    thread = make_thread()
    held = make_rule("held", mode="live", effect="hold")
    post(thread, "A casino that waits.")
    change(held, mode="off")
    for day in range(4):
        post(thread, f"A casino on day {day}.", now=NOW + timedelta(days=day))
    result = simulate(make_rule()).result
    assert (result["hits"], result["extra_holds"]) == (5, 4)
    assert result["extra_holds_per_day"] == pytest.approx(4 / 3, abs=1e-3)


def test_only_the_decision_that_stands_counts() -> None:
    thread = make_thread()
    one, other = post(thread, "One casino.").comment, post(thread, "Other casino.").comment
    decide(comment_id=one.pk, action="reject", now=later(1))
    decide(comment_id=one.pk, action="approve", now=later(2))
    decide(comment_id=other.pk, action="reject", now=later(1))
    row = LogRow.objects.filter(comment_id=other.pk, kind=LogKind.DECISION).get()
    undo_decision(row_id=row.pk, actor=SOMEBODY, now=later(3), site_id=1)
    result = simulate(make_rule()).result
    assert (result["agreed"], result["disagreed"], result["undecided"]) == (0, 1, 1)


def test_a_decision_about_an_earlier_text_says_nothing_of_the_present_one() -> None:
    posted = post(make_thread(), "One casino.")
    decide(comment_id=posted.comment.pk, action="reject", now=later(1))
    edit_comment(
        comment_id=posted.comment.pk,
        editor=author_of(posted),
        version=stored(posted).version,
        source="Still a casino.",
        format="plain",
        now=later(2),
    )
    result = simulate(make_rule()).result
    assert (result["hits"], result["decided"]) == (1, 0)


def test_the_worst_disagreements_are_those_the_rule_was_surest_about() -> None:
    thread = make_thread()
    for count in range(1, 31):
        comment = post(thread, f"Number {count}: " + "casino " * count).comment
        decide(comment_id=comment.pk, action="approve", now=later(1))
    result = simulate(make_rule()).result
    assert result["disagreed"] == 30
    assert [one["value"] for one in result["worst"]] == list(range(30, 10, -1))
    assert {one["decided"] for one in result["worst"]} == {"approved"}
    assert "casino" not in str(result), "texts of people stay out of what is kept"


def test_a_rule_that_publishes_agrees_with_approvals() -> None:
    thread = make_thread()
    decided(thread, refused=1, approved=3)
    rule = make_rule(
        kind="trusted_author", effect="publish", params={"min_approved": 1, "min_trust": 0.1}
    )
    writer = post(thread, "First.")
    decide(comment_id=writer.comment.pk, action="approve", now=later(100))
    again = post(thread, "Second.", by=writer.participant, now=later(200))
    decide(comment_id=again.comment.pk, action="approve", now=later(300))
    result = simulate(rule).result
    assert (result["hits"], result["agreed"], result["extra_holds"]) == (1, 1, 0)


def test_only_the_newest_comments_are_looked_at_if_so_many_are_asked_for() -> None:
    thread = make_thread()
    for count in range(7):
        post(thread, f"Casino {count}.")
    rule = make_rule()
    assert simulate(rule, most=3).result["comments"] == 3
    assert simulate(rule, most=100).result["comments"] == 7
    assert simulate(rule, most=None).result["comments"] == 7


def test_comments_of_other_sites_and_erased_ones_are_not_looked_at() -> None:
    thread = make_thread()
    kept, erased = post(thread, "A casino."), post(thread, "Another casino.")
    erase_comment(comment_id=erased.comment.pk, actor=SOMEBODY, now=later(1))
    other = Site.objects.create(domain="other.example", name="Other")
    rule = make_rule()
    assert simulate(rule).result["hits"] == 1
    there = create_rule(site_id=other.pk, key="x", fields=WORDS, actor=SOMEBODY, now=NOW)
    assert simulate(there).result["comments"] == 0
    assert stored(kept).erased_at is None


def test_first_comments_are_those_that_were_first_when_they_came() -> None:
    thread = make_thread()
    writer = post(thread, "First.")
    for _ in range(3):
        post(thread, by=writer.participant)
    post(thread, "A guest’s first one.")
    rule = make_rule(kind="first_comment", effect="hold", params={"published": 2})
    assert simulate(rule).result["hits"] == 3
    # Also for the newest alone: what was before them is asked for.
    assert simulate(rule, most=3).result["hits"] == 1


def test_a_flood_is_reckoned_from_the_times_of_the_past() -> None:
    thread = make_thread()
    writer = post(thread, "First.")
    for count in range(5):
        post(thread, by=writer.participant, now=later(10 * count))
    post(thread, by=writer.participant, now=later(10_000))
    rule = make_rule(kind="flood", effect="hold", params={"most": 3, "seconds": 60})
    assert simulate(rule).result["hits"] == 3


def test_copies_are_compared_with_what_came_before_them() -> None:
    thread = make_thread()
    text = "Exactly the same long text about what one can do for a better garden in spring. "
    for name in ("Ana", "Bo", "Cy"):
        post(thread, text + "Do it.", name=name)
    post(thread, "Something else entirely, about the weather of last winter and the snow in it.")
    rule = make_rule(
        kind="duplicates",
        effect="hold",
        params={"similarity": 0.9, "min_chars": 40, "authors": "others"},
    )
    assert simulate(rule).result["hits"] == 2


def test_refused_comments_of_an_author_count_from_the_decision_on() -> None:
    thread = make_thread()
    writer = post(thread, "Number 0.")
    for count in range(1, 4):
        post(thread, f"Number {count}.", by=writer.participant, now=later(count))
    for comment in writer.participant.comments.order_by("pk")[:2]:
        decide(comment_id=comment.pk, action="reject", now=later(100))
    post(thread, "Later.", by=writer.participant, now=later(200))
    rule = make_rule(kind="rejected_share", effect="hold", params={"min_count": 2, "share": 0.5})
    assert simulate(rule).result["hits"] == 1


def send(thread: Thread, text: str, **facts: Any) -> None:
    """Posts as a guest of whom more is known."""
    submit_comment(
        thread_id=thread.pk,
        writer=Writer(guest=GuestName("Ana", email="ana@mail.example"), **facts),
        source=text,
        format="plain",
        reply_to_number=None,
        now=NOW,
    )


def test_fields_and_times_of_forms_are_known_of_comments_that_were_screened() -> None:
    thread = make_thread()
    send(thread, "Before any rule.", seconds_to_write=1.0)
    make_rule("watched", kind="links", params={"most": 5})
    send(thread, "Quick.", seconds_to_write=1.0)
    send(thread, "Slow.", seconds_to_write=60.0)
    send(thread, "A bot.", honeypot="x", seconds_to_write=None)
    quick = make_rule("quick", kind="time_to_write", params={"min_seconds": 5})
    result = simulate(quick).result
    assert (result["hits"], result["unknown"]) == (1, 2)
    hidden = make_rule("hidden", kind="honeypot", params={})
    result = simulate(hidden).result
    assert (result["hits"], result["unknown"]) == (1, 1)


def test_addresses_are_never_kept_so_a_rule_about_them_is_judged_by_what_it_saw_itself() -> None:
    thread = make_thread()
    send(thread, "Before the rule.", address="192.0.2.7")
    rule = make_rule(kind="addresses", params={"ranges": ["192.0.2.0/24"]})
    send(thread, "While it watched.", address="192.0.2.8")
    send(thread, "From elsewhere.", address="198.51.100.1")
    result = simulate(rule).result
    assert (result["comments"], result["hits"], result["unknown"]) == (3, 1, 1)
    wider = change(rule, params={"ranges": ["198.51.100.0/24"]})
    assert simulate(wider).result["unknown"] == 3


def test_a_simulation_of_a_rule_that_is_changed_meanwhile_is_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rule = make_rule()

    def simulate_and_change(*args: Any, **kwargs: Any) -> dict[str, Any]:
        change(ScreeningRule.objects.get(pk=rule.pk), title="Meanwhile")
        return look(*args, **kwargs)

    monkeypatch.setattr("comments.actions.ruling.simulate", simulate_and_change)
    with pytest.raises(StaleVersion):
        simulate(rule)
    assert not Simulation.objects.exists()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_can_be_tried(kind: str) -> None:
    thread = make_thread()
    decided(thread, refused=1, approved=1)
    needed = {
        "phrases": ["casino"],
        "domains": ["example.com"],
        "ranges": ["192.0.2.0/24"],
        "min_seconds": 3,
    }
    params = {
        param.name: needed.get(param.name, param.default)
        for param in KINDS[kind].params
        if param.required
    }
    rule = make_rule(kind=kind, effect=KINDS[kind].effects[0], params=params)
    result = simulate(rule).result
    assert (result["comments"], result["errors"]) == (2, 0)


# What a new site begins with


def test_a_new_site_begins_with_rules_none_of_which_refuses() -> None:
    installed = install_default_rules(site_id=1, now=NOW)
    assert {rule.kind for rule in installed} >= {"links", "words", "honeypot", "learned_score"}
    assert {rule.effect for rule in installed} == {"hold"}
    assert LogRow.objects.filter(kind=LogKind.RULE).count() == len(installed)
    assert install_default_rules(site_id=1, now=NOW) == []


def test_an_honest_first_comment_passes_the_default_rules() -> None:
    install_default_rules(site_id=1, now=NOW)
    submitted = post(make_thread(), "I enjoyed this. See https://example.com/more for the rest.")
    assert submitted.comment.status == "published"


def test_advertising_does_not_pass_the_default_rules() -> None:
    install_default_rules(site_id=1, now=NOW)
    thread = make_thread()
    assert post(thread, "Get your CASINO BONUS now").comment.held_reason == "phrases"
    links = " ".join(f"https://example.com/{count}" for count in range(3))
    assert post(thread, links).comment.held_reason == "links"
