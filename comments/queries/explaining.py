"""Why a comment is where it is: what each rule saw, and what would have been without it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from comments.models import Comment, RuleVersion, Screening
from comments.rules.moderation import told
from comments.rules.screening import Combined, OnError, Rule, Signal, explain


def explanation(comment: Comment) -> dict[str, Any]:
    """Returns the explanation of the present revision as plain values; two queries.

    ``signals`` is empty for a text that no rule has looked at, as for an imported one.
    """
    screening = Screening.objects.filter(comment=comment, revision=comment.edits).first()
    signals = [Signal.from_json(one) for one in screening.signals] if screening else []
    found = explain(signals, _rules_then(comment, signals))
    return {
        "comment": comment.pk,
        "version": comment.version,
        "revision": comment.edits,
        "status": comment.status,
        "reason": comment.held_reason or None,
        "told": told(reason=comment.held_reason, sentence=comment.held_told),
        "combined": _combined(found.combined),
        "sentence": found.sentence,
        "signals": [
            {
                **one.signal.as_json(),
                "title": one.title,
                "sentence": one.sentence,
                "without": _combined(one.without),
                "with_it_live": _combined(one.with_it_live) if one.with_it_live else None,
            }
            for one in found.signals
        ],
    }


def _rules_then(comment: Comment, signals: Sequence[Signal]) -> list[Rule]:
    """Returns the rules in the versions that gave these signals."""
    stored = {
        (row.rule.key, row.version): row.fields
        for row in RuleVersion.objects.filter(
            rule__site__threads=comment.thread_id,
            rule__key__in={signal.rule for signal in signals},
        ).select_related("rule")
    }
    rules = []
    for signal in signals:
        fields = stored.get((signal.rule, signal.rule_version), {})
        rules.append(
            Rule(
                key=signal.rule,
                kind=signal.kind,
                version=signal.rule_version,
                mode=signal.mode,
                effect=signal.effect,
                on_error=cast(OnError, fields.get("on_error", "hold")),
                params=fields.get("params", {}),
                told=fields.get("told", ""),
            )
        )
    return rules


def _combined(combined: Combined) -> dict[str, str]:
    return {"effect": combined.effect, "reason": combined.reason, "told": combined.told}
