"""How signals are gathered, combined and explained."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import count, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from comments.rules.screening import (
    CONTRADICTION,
    EFFECTS,
    MODES,
    OUTCOMES,
    UNFINISHED_TOLD,
    AuthorFacts,
    Combined,
    Effect,
    Facts,
    Mode,
    Neighbour,
    OnError,
    Outcome,
    Rule,
    Signal,
    combine,
    evaluate_all,
    explain,
)
from comments.rules.screening_kinds import KINDS

PARAMS: dict[str, dict[str, Any]] = {
    "words": {"phrases": ["viagra", "sex shop", "赌场"]},
    "link_domains": {"domains": ["evil.com", "bücher.de"]},
    "addresses": {"ranges": ["192.0.2.0/24", "2001:db8::/32"]},
    "mail_domains": {"domains": ["evil.com"]},
}


def rule(key: str, kind: str = "links", **more: Any) -> Rule:
    plain = Rule(key, kind, 1, "live", "hold", "pass", PARAMS.get(kind, {}))
    return replace(plain, **more)


def signal_of(of: Rule, outcome: Outcome = "hit") -> Signal:
    return Signal(of.key, of.version, of.kind, of.mode, of.effect, outcome)


ALL = [rule(name.replace("_", "-"), name) for name in KINDS]


# Evaluating


def test_every_rule_that_is_not_off_gives_a_signal_in_order() -> None:
    rules = [
        rule("b", "words"),
        rule("a", mode="off"),
        rule("c", mode="shadow", version=7, effect="spam"),
        rule("d", "honeypot"),
    ]
    signals = evaluate_all(rules, Facts("viagra"))
    assert [signal.rule for signal in signals] == ["b", "c", "d"]
    assert signals[0] == Signal("b", 1, "words", "live", "hold", "hit", 1, 1, (0, 6))
    assert signals[1] == Signal("c", 7, "links", "shadow", "spam", "ok", 0, 2)


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (rule("x", "astrology"), "KeyError"),
        (rule("x", "words", params={}), "KeyError"),
        (rule("x", "words", params={"phrases": [1]}), "TypeError"),
        (rule("x", "links", params={"most": "many"}), "TypeError"),
        (rule("x", "addresses", params={"ranges": ["x"]}), "ValueError"),
    ],
)
def test_rule_that_raises_is_an_error_and_the_others_are_asked(broken: Rule, error: str) -> None:
    signals = evaluate_all([broken, rule("y")], Facts("text", ("http://a.b",) * 3))
    assert [(signal.outcome, signal.detail) for signal in signals] == [
        ("error", error),
        ("hit", ""),
    ]


def test_error_names_the_class_and_not_the_text() -> None:
    facts = Facts("text", score=5.0)
    [signal] = evaluate_all([rule("x", "learned_score", params={"threshold": 0.5})], facts)
    assert (signal.outcome, signal.detail) == ("error", "ValueError")


def test_rule_after_the_budget_is_a_timeout_and_long_lists_come_last() -> None:
    ticks = count()
    rules = [rule("words", "words"), *(rule(f"r{place}") for place in range(5))]
    signals = evaluate_all(
        rules, Facts("viagra"), clock=lambda: next(ticks) * 0.02, budget_seconds=0.05
    )
    # Begun at 0.00; asked at 0.02 and 0.04, and no more from 0.06 on.
    assert [signal.outcome for signal in signals] == ["timeout", "ok", "ok"] + ["timeout"] * 3
    assert all(signal.rule == asked.key for signal, asked in zip(signals, rules, strict=True))


def test_time_to_read_a_list_is_not_counted() -> None:
    signals = evaluate_all(ALL, Facts("viagra"), clock=lambda: 1.0, budget_seconds=0.0)
    assert "timeout" not in {signal.outcome for signal in signals}


strange = st.floats() | st.integers()
hostile_facts = st.builds(
    Facts,
    text=st.text(st.characters(), max_size=200),
    hrefs=st.lists(st.text(st.characters(), max_size=40), max_size=4).map(tuple),
    author=st.builds(
        AuthorFacts,
        name=st.text(),
        email_domain=st.text(st.characters()),
        url=st.text(st.characters()),
        published_before=st.integers(),
        approved=st.integers(),
        rejected=st.integers(),
        trust=strange,
        sanction=st.text(max_size=5),
        recent_seconds=st.lists(strange, max_size=4).map(tuple),
    ),
    address=st.text(st.characters()) | st.ip_addresses().map(str),
    honeypot=st.text(st.characters()),
    seconds_to_write=st.none() | strange,
    neighbours=st.lists(
        st.builds(Neighbour, st.integers(), strange, st.booleans()), max_size=3
    ).map(tuple),
    score=st.none() | strange,
    score_threshold=st.none() | strange,
)


@given(hostile_facts)
def test_no_facts_break_the_evaluation_and_every_signal_can_be_stored(facts: Facts) -> None:
    signals = evaluate_all(ALL, facts, clock=lambda: 0.0)
    assert len(signals) == len(ALL)
    for signal in signals:
        stored = json.loads(json.dumps(signal.as_json(), allow_nan=False))
        assert Signal.from_json(stored) == signal
        if signal.span is not None:
            assert 0 <= signal.span[0] < signal.span[1] <= len(facts.text)
    explain(signals, ALL)


@given(st.text(st.characters(), min_size=1, max_size=12), st.integers(9_990, 10_000))
@settings(max_examples=25)
def test_ten_thousand_characters_of_anything_are_answered(unit: str, length: int) -> None:
    text = (unit * length)[:length]
    facts = Facts(text, hrefs=("http://" + text, text), honeypot=text, address=text)
    signals = evaluate_all(ALL, facts, clock=lambda: 0.0)
    assert {signal.outcome for signal in signals} <= {"ok", "hit"}


@pytest.mark.parametrize(
    "stored",
    [
        {},
        [],
        {**signal_of(rule("a")).as_json(), "outcome": "maybe"},
        {**signal_of(rule("a")).as_json(), "span": [1]},
        {**signal_of(rule("a")).as_json(), "value": "much"},
        {**signal_of(rule("a")).as_json(), "rule_version": None},
    ],
)
def test_what_is_no_signal_is_refused(stored: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        Signal.from_json(stored)


def test_member_of_a_later_version_is_passed_over() -> None:
    signal = signal_of(rule("a"))
    assert Signal.from_json({**signal.as_json(), "colour": "blue"}) == signal


# Combining

TOGETHER: dict[tuple[str, str], Effect] = {
    ("nothing", "nothing"): "publish",
    ("nothing", "publish"): "publish",
    ("nothing", "hold"): "hold",
    ("nothing", "reject"): "reject",
    ("nothing", "spam"): "spam",
    ("publish", "publish"): "publish",
    ("publish", "hold"): "hold",
    ("publish", "reject"): "hold",
    ("publish", "spam"): "hold",
    ("hold", "hold"): "hold",
    ("hold", "reject"): "reject",
    ("hold", "spam"): "spam",
    ("reject", "reject"): "reject",
    ("reject", "spam"): "spam",
    ("spam", "spam"): "spam",
}
CONTRADICTIONS = {("publish", "reject"), ("publish", "spam")}


def asked_by(mode: Mode, effect: Effect, outcome: Outcome, on_error: OnError) -> str:
    if mode != "live" or outcome == "ok":
        return "nothing"
    if outcome == "hit":
        return effect
    return "hold" if on_error == "hold" else "nothing"


ON_ERRORS: tuple[OnError, ...] = ("pass", "hold")
CELLS = list(product(MODES, EFFECTS, OUTCOMES, ON_ERRORS))


@pytest.mark.parametrize("first", CELLS)
def test_two_rules_together_ask_for_what_the_table_says(
    first: tuple[Mode, Effect, Outcome, OnError],
) -> None:
    for second in CELLS:
        rules = [
            rule(key, mode=mode, effect=effect, on_error=on_error)
            for key, (mode, effect, _, on_error) in zip("ab", (first, second), strict=True)
        ]
        signals = [
            signal_of(of, outcome)
            for of, (_, _, outcome, _) in zip(rules, (first, second), strict=True)
        ]
        asked = (asked_by(*first), asked_by(*second))
        pair = asked if asked in TOGETHER else asked[::-1]
        combined = combine(signals, rules)
        assert combined.effect == TOGETHER[pair], (first, second)
        assert (combined.reason == CONTRADICTION) == (pair in CONTRADICTIONS)
        assert (combined.reason == "") == (pair == ("nothing", "nothing"))
        assert bool(combined.told) == (combined.effect != "publish")


def test_nothing_asked_is_published() -> None:
    assert combine([], []) == Combined("publish", "", "")
    assert combine([signal_of(rule("a"), "ok")], [rule("a")]) == Combined("publish", "", "")


def test_rule_that_speaks_for_a_comment_is_its_reason() -> None:
    trusted = rule("regulars", "trusted_author", effect="publish")
    assert combine([signal_of(trusted)], [trusted]) == Combined("publish", "regulars", "")


def test_author_is_told_the_sentence_of_the_rule_or_of_its_kind() -> None:
    own = rule("a", told="Two links are enough.")
    assert combine([signal_of(own)], [own]) == Combined("hold", "a", "Two links are enough.")
    plain = rule("a")
    assert combine([signal_of(plain)], [plain]).told == KINDS["links"].default_told
    speaks_against = rule("a", "trusted_author")
    assert combine([signal_of(speaks_against)], [speaks_against]).told


@pytest.mark.parametrize("outcome", ["error", "timeout"])
def test_author_is_not_told_that_a_failed_rule_hit(outcome: Outcome) -> None:
    failed = rule("a", on_error="hold", effect="spam", told="You write spam.")
    assert combine([signal_of(failed, outcome)], [failed]) == Combined("hold", "a", UNFINISHED_TOLD)


def test_hit_decides_before_a_failure_and_before_what_was_learned() -> None:
    failed = rule("a", on_error="hold")
    learned = rule("b", "learned_score")
    links = rule("c")
    rules = [failed, learned, links]
    signals = [signal_of(failed, "error"), signal_of(learned), signal_of(links)]
    assert combine(signals, rules).reason == "c"
    assert combine(signals[:2], rules).reason == "b"


def test_failure_of_a_rule_nobody_knows_any_more_means_hold() -> None:
    gone = rule("a", on_error="pass")
    assert combine([signal_of(gone, "error")], [gone]).effect == "publish"
    assert combine([signal_of(gone, "error")], []).effect == "hold"
    assert combine([signal_of(gone, "error")], [replace(gone, version=2)]).effect == "hold"


def test_learned_score_asks_for_more_than_a_hold_only_beside_another_rule() -> None:
    learned = rule("learned", "learned_score", effect="spam")
    other = rule("words", "words", effect="reject")
    rules = [learned, other]
    assert combine([signal_of(learned)], rules).effect == "hold"
    assert combine([signal_of(learned), signal_of(other)], rules).effect == "spam"
    for outcome in ("ok", "error", "timeout"):
        assert combine([signal_of(learned), signal_of(other, outcome)], rules).effect == "hold"
    holding = replace(other, effect="hold")
    assert combine([signal_of(learned), signal_of(holding)], rules).effect == "hold"
    watched = replace(other, mode="shadow")
    assert combine([signal_of(learned), signal_of(watched)], rules).effect == "hold"
    second = rule("again", "learned_score", effect="spam")
    assert combine([signal_of(learned), signal_of(second)], rules).effect == "hold"


def test_learned_score_alone_is_no_contradiction_to_a_trusted_author() -> None:
    learned = rule("learned", "learned_score", effect="spam")
    trusted = rule("trusted", "trusted_author", effect="publish")
    combined = combine([signal_of(learned), signal_of(trusted)], [learned, trusted])
    assert (combined.effect, combined.reason) == ("hold", "learned")


some_rules = st.lists(
    st.builds(
        Rule,
        key=st.sampled_from([f"rule-{place}" for place in range(9)]),
        kind=st.sampled_from([*KINDS, "learned_score", "gone"]),
        version=st.integers(1, 3),
        mode=st.sampled_from(MODES),
        effect=st.sampled_from(EFFECTS),
        on_error=st.sampled_from(["pass", "hold"]),
        params=st.just({}),
        told=st.sampled_from(["", "Told."]),
    ),
    max_size=6,
    unique_by=lambda made: made.key,
)


@st.composite
def rules_and_signals(draw: st.DrawFn) -> tuple[list[Rule], list[Signal]]:
    rules = draw(some_rules)
    return rules, [signal_of(of, draw(st.sampled_from(OUTCOMES))) for of in rules]


@given(rules_and_signals(), st.randoms(use_true_random=False))
def test_order_makes_no_difference(drawn: tuple[list[Rule], list[Signal]], chance: Any) -> None:
    rules, signals = drawn
    combined = combine(signals, rules)
    chance.shuffle(rules)
    chance.shuffle(signals)
    assert combine(signals, rules) == combined


@given(rules_and_signals())
def test_learned_score_never_rejects_alone(drawn: tuple[list[Rule], list[Signal]]) -> None:
    rules, signals = drawn
    others = [signal for signal in signals if signal.kind != "learned_score"]
    if combine(signals, rules).effect in {"reject", "spam"}:
        assert combine(others, rules).effect in {"reject", "spam"}


@given(rules_and_signals())
def test_rules_that_are_only_watched_have_no_effect(
    drawn: tuple[list[Rule], list[Signal]],
) -> None:
    rules, signals = drawn
    live = [signal for signal in signals if signal.mode == "live"]
    assert combine(signals, rules) == combine(live, rules)


# Explaining


def without(signals: Sequence[Signal], key: str) -> list[Signal]:
    return [signal for signal in signals if signal.rule != key]


@given(rules_and_signals())
def test_without_is_the_combination_of_the_others(drawn: tuple[list[Rule], list[Signal]]) -> None:
    rules, signals = drawn
    explanation = explain(signals, rules)
    assert explanation.combined == combine(signals, rules)
    assert [said.signal for said in explanation.signals] == signals
    for said in explanation.signals:
        others = [other for other in rules if other.key != said.signal.rule]
        assert said.without == combine(without(signals, said.signal.rule), others)
        if said.signal.mode == "shadow":
            live = [
                replace(signal, mode="live") if signal is said.signal else signal
                for signal in signals
            ]
            assert said.with_it_live == combine(live, rules)
        else:
            assert said.with_it_live is None


def test_explanation_reads_as_sentences() -> None:
    rules = [
        rule("links", params={"most": 1}),
        rule("words", "words", mode="shadow", effect="spam"),
        rule("learned", "learned_score", on_error="hold"),
        rule("trap", "honeypot"),
        rule("gone", "astrology"),
    ]
    facts = Facts("viagra", ("http://a.b",) * 3, score=7.0)
    explanation = explain(evaluate_all(rules, facts), rules)
    assert explanation.sentence == "The comment was held by the rule links."
    assert [(said.title, said.sentence) for said in explanation.signals] == [
        (
            "Number of links",
            "Links in the text: 3, let through: 1. So the rule asks to hold it.",
        ),
        (
            "Words and phrases",
            "Listed words and phrases in the text: 1. "
            "The rule is only watched; live it would ask to call it spam.",
        ),
        (
            "Learned from moderators",
            "The rule failed (ValueError). So the rule asks to hold it.",
        ),
        (
            "Field that nobody sees",
            "The field that nobody sees was left empty. So the rule asks for nothing.",
        ),
        ("astrology", "The rule failed (KeyError). Where it fails, it lets pass."),
    ]
    links, words, *_ = explanation.signals
    assert links.without == Combined("hold", "learned", UNFINISHED_TOLD)
    assert words.with_it_live == Combined("spam", "words", KINDS["words"].default_told)


@pytest.mark.parametrize(
    ("kind", "facts", "sentence"),
    [
        ("learned_score", Facts("x"), "There was no learned score to look at."),
        (
            "learned_score",
            Facts("x", score=0.4),
            "The learned score is not looked at yet: there are too few decisions for a threshold.",
        ),
        (
            "learned_score",
            Facts("x", score=0.4, score_threshold=0.9),
            "The learned score is 0.4; looked at from 0.9.",
        ),
        ("duplicates", Facts("x"), "The text is too short to be compared with others."),
        (
            "rejected_share",
            Facts("x"),
            "Moderators have decided about too few comments of the author.",
        ),
        ("addresses", Facts("x"), "It is not known from which address the comment came."),
        ("mail_domains", Facts("x"), "The author gave no mail address."),
        (
            "time_to_write",
            Facts("x"),
            "It is not known how long the comment took to write.",
        ),
    ],
)
def test_what_a_rule_could_not_know_is_said_as_that(kind: str, facts: Facts, sentence: str) -> None:
    rules = [one for one in ALL if one.kind == kind]
    (said,) = explain(evaluate_all(rules, facts), rules).signals
    assert said.sentence == f"{sentence} So the rule asks for nothing."


@given(hostile_facts)
def test_no_sentence_has_a_hole_where_a_figure_is_missing(facts: Facts) -> None:
    for said in explain(evaluate_all(ALL, facts, clock=lambda: 0.0), ALL).signals:
        assert "unknown" not in said.sentence
        assert "None" not in said.sentence
        assert not re.search(r"\bis [;,.]|: [;,.]| from \.|below \.", said.sentence), said.sentence


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("outcome", ["ok", "hit"])
def test_a_stored_signal_without_figures_is_explained_too(kind: str, outcome: Outcome) -> None:
    of = rule("any", kind)
    (said,) = explain([signal_of(of, outcome)], [of]).signals
    assert not re.search(r"[:;,] *[;,.]| (is|from|below) *[;,.]", said.sentence), said.sentence


def test_explanation_of_a_contradiction_says_so() -> None:
    rules = [
        rule("trusted", "trusted_author", effect="publish"),
        rule("words", "words", effect="reject"),
    ]
    explanation = explain([signal_of(of) for of in rules], rules)
    assert explanation.combined.reason == CONTRADICTION
    assert explanation.sentence.startswith("The comment was held: one rule asks to publish it")
    trusted, words = explanation.signals
    assert trusted.without.effect == "reject"
    assert words.without == Combined("publish", "trusted", "")


def test_explanation_of_nothing_says_so() -> None:
    assert (
        explain([], []).sentence == "The comment was let through: no live rule asks for anything."
    )
