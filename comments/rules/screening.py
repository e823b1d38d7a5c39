"""What all rules together make of a comment: every signal, their combination, and why.

Every enabled rule is evaluated on every comment and every signal is kept, also of those that were
let through; so a decision can be explained, and a rule can be tried on past comments before it
counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from comments.rules.screening_kinds import KINDS, LEARNED_SCORE
from comments.rules.screening_params import with_defaults
from comments.rules.screening_values import (
    EFFECTS,
    MODES,
    OUTCOMES,
    SEVERITY,
    AuthorFacts,
    Combined,
    Effect,
    Facts,
    Finding,
    Mode,
    Neighbour,
    OnError,
    Outcome,
    Rule,
    Signal,
)
from comments.words import gettext_noop

__all__ = [
    "CONTRADICTION",
    "EFFECTS",
    "MODES",
    "OUTCOMES",
    "SEVERITY",
    "AuthorFacts",
    "Combined",
    "Effect",
    "Explained",
    "Explanation",
    "Facts",
    "Mode",
    "Neighbour",
    "OnError",
    "Outcome",
    "Rule",
    "Signal",
    "combine",
    "evaluate_all",
    "explain",
]

CONTRADICTION = "contradiction"
"""The reason when rules ask for opposites; no rule may have it for a key."""

BUDGET_SECONDS = 0.05
"""For all rules on one comment, which somebody waits for."""

CONTRADICTION_TOLD = "Our checks disagree about it."
UNFINISHED_TOLD = "One of our checks could not be completed."
UNNAMED_TOLD = gettext_noop("One of our checks asks for a moderator.")

_REFUSING = frozenset({"reject", "spam"})

_VERBS: dict[Effect, str] = {
    "publish": "publish it",
    "hold": "hold it",
    "reject": "reject it",
    "spam": "call it spam",
}
_RESULTS: dict[Effect, str] = {
    "publish": "The comment was let through",
    "hold": "The comment was held",
    "reject": "The comment was rejected",
    "spam": "The comment was called spam",
}


# Evaluating


def evaluate_all(
    rules: Iterable[Rule],
    facts: Facts,
    *,
    clock: Callable[[], float] = time.perf_counter,
    budget_seconds: float = BUDGET_SECONDS,
) -> tuple[Signal, ...]:
    """Returns one signal for each rule whose mode is not off, in the order of the rules.

    Raises nothing: what a kind raises becomes an ``error`` with the class of it as detail. A rule
    whose turn comes after ``budget_seconds`` by ``clock`` becomes a ``timeout``. Rules with long
    lists come last, and reading a list is not counted: it is read once and then remembered.
    """
    enabled = [rule for rule in rules if rule.mode != "off"]
    prepared = [_prepared(rule) for rule in enabled]
    signals: dict[int, Signal] = {}
    started = clock()
    for place in sorted(range(len(enabled)), key=lambda place: _is_long(enabled[place])):
        rule, params = enabled[place], prepared[place]
        if isinstance(params, Exception):
            signals[place] = _failed(rule, params)
        elif clock() - started > budget_seconds:
            signals[place] = _signal(rule, "timeout", Finding(False))
        else:
            signals[place] = _evaluated(rule, facts, params)
    return tuple(signals[place] for place in range(len(enabled)))


def _is_long(rule: Rule) -> bool:
    return rule.kind in KINDS and KINDS[rule.kind].prepare is not None


def _prepared(rule: Rule) -> dict[str, Any] | Exception:
    """Returns a rule's parameters, defaults included, its lists read; or what that raised."""
    try:
        kind = KINDS[rule.kind]
        params = with_defaults(kind.params, rule.params)
        if kind.prepare is not None:
            kind.prepare(params)
    except Exception as error:
        return error
    return params


def _evaluated(rule: Rule, facts: Facts, params: Mapping[str, Any]) -> Signal:
    try:
        found = KINDS[rule.kind].evaluate(facts, params)
    except Exception as error:
        return _failed(rule, error)
    return _signal(rule, "hit" if found.hit else "ok", found)


def _failed(rule: Rule, error: Exception) -> Signal:
    # The class alone: a message may quote the text.
    return _signal(rule, "error", Finding(False, detail=type(error).__name__))


def _signal(rule: Rule, outcome: Outcome, found: Finding) -> Signal:
    return Signal(
        rule=rule.key,
        rule_version=rule.version,
        kind=rule.kind,
        mode=rule.mode,
        effect=rule.effect,
        outcome=outcome,
        value=_stored(found.value),
        threshold=_stored(found.threshold),
        span=found.span,
        detail=found.detail,
    )


def _stored(number: float | None) -> float | None:
    """Returns the number as JSON can carry it: in double precision, without infinity."""
    with suppress(OverflowError):
        stored = None if number is None else float(number)
        return stored if stored is not None and isfinite(stored) else None
    return None


# Combining


@dataclass(frozen=True, slots=True)
class _Ask:
    """What one live signal asks for."""

    signal: Signal
    effect: Effect

    def precedence(self) -> tuple[int, bool, bool, str, int]:
        """Returns what the deciding one is least in; the order of rules is no part of it.

        The most severe; then a hit before a failure, what can be read off the comment before what
        was learned, and the first by key.
        """
        signal = self.signal
        return (
            -SEVERITY[self.effect],
            signal.outcome != "hit",
            signal.kind == LEARNED_SCORE,
            signal.rule,
            signal.rule_version,
        )


def combine(signals: Iterable[Signal], rules: Iterable[Rule]) -> Combined:
    """Returns what the signals of live rules together ask for.

    The most severe wins. A hit for publish beside one for reject or spam is a contradiction, and
    the comment is held. An error or timeout asks for a hold where its rule says so. A learned
    score asks for no more than a hold, unless a hit of another kind asks for reject or spam too.
    The order of signals and rules makes no difference. ``rules`` are those that gave the signals,
    in the same versions; of one that is not among them a failure means hold.
    """
    known = {(rule.key, rule.version): rule for rule in rules}
    asks = list(_asks([signal for signal in signals if signal.mode == "live"], known))
    if not asks:
        return Combined("publish", "", "")
    hits = {ask.effect for ask in asks if ask.signal.outcome == "hit"}
    if "publish" in hits and hits & _REFUSING:
        return Combined("hold", CONTRADICTION, CONTRADICTION_TOLD)
    deciding = min(asks, key=_Ask.precedence)
    if deciding.effect == "publish":
        return Combined("publish", deciding.signal.rule, "")
    return Combined(deciding.effect, deciding.signal.rule, _told(deciding.signal, known))


def _asks(live: Sequence[Signal], known: Mapping[tuple[str, int], Rule]) -> Iterator[_Ask]:
    backed = any(
        signal.outcome == "hit" and signal.effect in _REFUSING and signal.kind != LEARNED_SCORE
        for signal in live
    )
    for signal in live:
        if signal.outcome == "hit":
            capped = signal.kind == LEARNED_SCORE and signal.effect in _REFUSING and not backed
            yield _Ask(signal, "hold" if capped else signal.effect)
        elif signal.outcome != "ok" and _holds_on_error(signal, known):
            yield _Ask(signal, "hold")


def _holds_on_error(signal: Signal, known: Mapping[tuple[str, int], Rule]) -> bool:
    rule = known.get((signal.rule, signal.rule_version))
    return rule is None or rule.on_error == "hold"


def _told(signal: Signal, known: Mapping[tuple[str, int], Rule]) -> str:
    if signal.outcome != "hit":
        return UNFINISHED_TOLD
    rule = known.get((signal.rule, signal.rule_version))
    kind = KINDS.get(signal.kind)
    return (rule.told if rule else "") or (kind.default_told if kind else "") or UNNAMED_TOLD


# Explaining

NOTHING_TO_GO_BY = {
    "too short to compare": "The text is too short to be compared with others.",
    "too few decisions": "Moderators have decided about too few comments of the author.",
    "no address": "It is not known from which address the comment came.",
    "no mail address": "The author gave no mail address.",
    "not measured": "It is not known how long the comment took to write.",
    "no model": "There was no learned score to look at.",
    "no threshold yet": (
        "The learned score is not looked at yet: there are too few decisions for a threshold."
    ),
}
"""What a moderator reads where a finding's ``detail`` says that a kind had nothing to go by."""


@dataclass(frozen=True, slots=True)
class Explained:
    """One signal in words.

    ``without`` is the combination if this rule were off; for a rule that is only watched that is
    what was. ``with_it_live`` is the combination if a watched rule counted, ``None`` for others.
    """

    signal: Signal
    title: str
    sentence: str
    without: Combined
    with_it_live: Combined | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Every signal, the combination, and both as sentences for a moderator."""

    combined: Combined
    sentence: str
    signals: tuple[Explained, ...]


def explain(signals: Iterable[Signal], rules: Iterable[Rule]) -> Explanation:
    """Returns every signal as a sentence, in the order given, and what they came to.

    For each rule also what they would have come to without it, and for a watched one what they
    would have come to with it live. ``rules`` as for ``combine``.
    """
    told = tuple(signals)
    known = tuple(rules)
    on_errors = {(rule.key, rule.version): rule for rule in known}
    combined = combine(told, known)
    explained = []
    for signal in told:
        others = [other for other in told if other.rule != signal.rule]
        live = combine([*others, replace(signal, mode="live")], known)
        explained.append(
            Explained(
                signal=signal,
                title=_title(signal),
                sentence=f"{_fact(signal)} {_consequence(signal, on_errors)}",
                without=combine(others, known),
                with_it_live=live if signal.mode == "shadow" else None,
            )
        )
    return Explanation(combined, _summary(combined), tuple(explained))


def _title(signal: Signal) -> str:
    kind = KINDS.get(signal.kind)
    return kind.title if kind else signal.kind


def _fact(signal: Signal) -> str:
    kind = KINDS.get(signal.kind)
    if signal.outcome == "error":
        return f"The rule failed ({signal.detail or 'unknown error'})."
    if signal.outcome == "timeout":
        return "There was no time left for the rule."
    if kind is None:
        return "The rule hit." if signal.outcome == "hit" else "The rule did not hit."
    if signal.outcome == "ok" and signal.detail in NOTHING_TO_GO_BY:
        return NOTHING_TO_GO_BY[signal.detail]
    sentence = kind.seen if signal.outcome == "hit" else kind.unseen
    figures = {"value": signal.value, "threshold": signal.threshold}
    if any(figure is None and f"{{{name}}}" in sentence for name, figure in figures.items()):
        # A signal of an older version, or one that was cut short.
        return "The rule hit." if signal.outcome == "hit" else "It is not known what the rule saw."
    return sentence.format(**{name: _shown(figure) for name, figure in figures.items()})


def _consequence(signal: Signal, known: Mapping[tuple[str, int], Rule]) -> str:
    if signal.outcome == "ok":
        return "So the rule asks for nothing."
    if signal.outcome == "hit":
        asked = _VERBS[signal.effect]
    elif _holds_on_error(signal, known):
        asked = _VERBS["hold"]
    else:
        return "Where it fails, it lets pass."
    if signal.mode == "live":
        return f"So the rule asks to {asked}."
    return f"The rule is only watched; live it would ask to {asked}."


def _summary(combined: Combined) -> str:
    result = _RESULTS[combined.effect]
    if combined.reason == CONTRADICTION:
        return f"{result}: one rule asks to publish it, another one to refuse it."
    if combined.reason:
        return f"{result} by the rule {combined.reason}."
    return f"{result}: no live rule asks for anything."


def _shown(number: float | None) -> str:
    """Returns a number as a sentence carries it, two digits after the point at most."""
    return "" if number is None else f"{number:.2f}".rstrip("0").rstrip(".")
