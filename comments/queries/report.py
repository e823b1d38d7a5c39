"""How well rules and the learned score do: from decisions about comments that were drawn by lot.

What moderators see is what the rules held, so their decisions alone say nothing of what passed. One
comment in a hundred comes to them by lot, whatever the rules said, and without saying it: among
these the share of bad ones, and of bad ones that a rule hit, is what it is among all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from comments.models import LearnedModel, LogKind, LogRow, RuleHit, Screening, ScreeningRule
from comments.rules.voting import wilson_lower_bound

MOST_DECISIONS = 50_000
FEW = 30
"""Bad comments drawn below which recall is a guess."""
_REFUSED = {"approved": False, "rejected": True, "spam": True}

Text = tuple[int, int]
"""Id of a comment, and which revision of it."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What moderators decided, as it stands: whether each text was refused."""

    all: Mapping[Text, bool]
    drawn: Mapping[Text, bool]
    """Those of them that came by lot."""


def report(*, site_id: int, now: datetime, days: int) -> dict[str, Any]:
    """Returns the figures of the last days as plain values; seven queries.

    Shares are ``{"share", "low", "high", "of", "count"}``: in 0..1 with Wilson's 95 % interval,
    ``share`` null where there is nothing to count. ``precision`` and ``recall`` are from comments
    drawn by lot, ``seen`` is the precision among all that was decided about, which is biased
    towards what the rules held. For a rule that speaks for comments, both are about approvals.
    """
    since = now - timedelta(days=days)
    decided = _decided(site_id, since=since)
    return {
        "days": days,
        "decided": len(decided.all),
        "drawn": share(decided.drawn.values()),
        "few": sum(decided.drawn.values()) < FEW,
        "rules": _rules(site_id, since=since, decided=decided),
        "model": _model(site_id, decided=decided),
    }


def share(right: Iterable[bool]) -> dict[str, Any]:
    """Returns a share of yes with its interval."""
    answers = list(right)
    count, of = sum(answers), len(answers)
    return {
        "share": count / of if of else None,
        "low": wilson_lower_bound(up=count, down=of - count),
        "high": 1 - wilson_lower_bound(up=of - count, down=count),
        "count": count,
        "of": of,
    }


def _decided(site_id: int, *, since: datetime) -> Decided:
    """Returns the latest decision of each text that was not undone; two queries."""
    rows = LogRow.objects.filter(site_id=site_id, at__gte=since)
    undone = set(rows.filter(kind=LogKind.UNDO).values_list("undoes_id", flat=True))
    found: dict[Text, bool | None] = {}
    by_lot: set[Text] = set()
    decisions = rows.filter(kind=LogKind.DECISION).order_by("-at", "-pk")
    for pk, comment_id, revision, status, evidence in decisions.values_list(
        "pk", "comment_id", "revision", "to_status", "evidence"
    )[:MOST_DECISIONS]:
        if pk in undone or comment_id is None:
            continue
        text = (comment_id, revision)
        found.setdefault(text, _REFUSED.get(status))
        # The first decision is the blind one; a later one about the same text may correct it.
        if (evidence.get("place") or {}).get("blind"):
            by_lot.add(text)
    known = {text: refused for text, refused in found.items() if refused is not None}
    return Decided(known, {text: known[text] for text in by_lot if text in known})


def _rules(site_id: int, *, since: datetime, decided: Decided) -> list[dict[str, Any]]:
    """Returns the figures of each rule in each mode in which it hit; rules that hit nothing too."""
    hit: dict[tuple[str, str], set[Text]] = defaultdict(set)
    rules = {
        rule.key: rule
        for rule in ScreeningRule.objects.filter(site_id=site_id).only(
            "key", "title", "effect", "mode"
        )
    }
    for rule in rules.values():
        if rule.mode != "off":
            hit[rule.key, rule.mode] = set()
    ids = {comment_id for comment_id, _ in decided.all}
    for key, mode, comment_id, revision in RuleHit.objects.filter(
        site_id=site_id, comment__in=ids
    ).values_list("rule_key", "mode", "comment_id", "revision"):
        hit[key, mode].add((comment_id, revision))
    lines = []
    for (key, mode), texts in sorted(hit.items()):
        rule_now = rules.get(key)
        welcome = rule_now is not None and rule_now.effect == "publish"
        wanted = {text: refused != welcome for text, refused in decided.drawn.items()}
        lines.append(
            {
                "rule": key,
                "title": rule_now.title if rule_now else key,
                "mode": mode,
                "precision": share(wanted[text] for text in texts if text in wanted),
                "recall": share(text in texts for text, is_so in wanted.items() if is_so),
                "seen": share(
                    decided.all[text] != welcome for text in texts if text in decided.all
                ),
            }
        )
    return lines


def _model(site_id: int, *, decided: Decided) -> dict[str, Any] | None:
    """Returns the figures of the learned score at the threshold of the site."""
    row = LearnedModel.objects.filter(pk=site_id).defer("data").first()
    if row is None:
        return None
    ids = {comment_id for comment_id, _ in decided.drawn}
    scores = {
        (comment_id, revision): score or 0.0
        for comment_id, revision, score in Screening.objects.filter(
            comment__in=ids, score__isnull=False
        ).values_list("comment_id", "revision", "score")
        if (comment_id, revision) in decided.drawn
    }
    precision = recall = share([])
    if row.threshold is not None:
        above = {text for text, score in scores.items() if score >= row.threshold}
        precision = share(decided.drawn[text] for text in above)
        recall = share(text in above for text in scores if decided.drawn[text])
    ranked = sorted(scores, key=lambda text: (-scores[text], text))
    return {
        "version": row.version,
        "fitted_at": row.fitted_at,
        "decisions": row.decisions,
        "threshold": row.threshold,
        "asked_precision": row.precision,
        "scored": len(scores),
        "precision": precision,
        "recall": recall,
        "average_precision": average_precision([decided.drawn[text] for text in ranked]),
    }


def average_precision(ranked: list[bool]) -> float | None:
    """Returns the mean of the precision at each bad one of a ranking, the surest first.

    ``None`` without bad ones.
    """
    found, total = 0, 0.0
    for place, bad in enumerate(ranked, start=1):
        if bad:
            found += 1
            total += found / place
    return total / found if found else None
