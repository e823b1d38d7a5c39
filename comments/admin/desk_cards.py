"""A comment as the desk shows it: made ready for the templates, which only print."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString

from comments.admin.desk_access import Desk
from comments.admin.desk_limits import Limits, limits_of
from comments.errors import AlreadyDecided, LeaseLost, Refusal, StaleVersion
from comments.models import Comment, LogRow, Screening, ScreeningRule
from comments.queries.logbook import last_change, log_items
from comments.queries.participants import sanctions_in_force
from comments.queries.queue import Waiting, waiting_for
from comments.queries.screening import plain_rule
from comments.rules.differences import Piece, word_differences
from comments.rules.reasons import REASONS, title_of_reason
from comments.rules.screening import Rule, Signal, explain

DONE = {
    "approve": "approved",
    "reject": "rejected",
    "spam": "marked as spam",
    "hold": "held",
    "remove": "removed",
    "restore": "restored",
    "undo": "undid a decision about",
}
STATES = {
    "held": "waiting",
    "published": "published",
    "approved": "approved",
    "rejected": "rejected",
    "spam": "spam",
}
WORDS_SHOWN = 6
MINUS = "\N{MINUS SIGN}"
HELD_BECAUSE = {
    "premoderation": "This page holds every comment.",
    "rendering_failed": "The text could not be laid out safely.",
    "flags": "Readers have reported it.",
    "moderator": "A moderator held it.",
    "audit": "Drawn by lot.",
    "contradiction": "Two rules disagree about it.",
    "sanctions": "Everything that its author writes waits.",
}


@dataclass(frozen=True, slots=True)
class SignalLine:
    """One signal in words: what the rule saw, and what would have been without the rule."""

    title: str
    sentence: str
    outcome: str
    watched: bool
    matched: str = ""
    without: str = ""


@dataclass(frozen=True, slots=True)
class Explained:
    """What the rules saw in a text, in words; those that say something first."""

    sentence: str
    told: str
    loud: Sequence[SignalLine]
    quiet: Sequence[SignalLine]


@dataclass(frozen=True, slots=True)
class Score:
    """What was learned from moderators says of a text: 0 to 1, 1 is spam, and by which words."""

    value: str
    words: Sequence[tuple[str, str, bool]]
    """Each with its weight, and whether it speaks for spam."""


@dataclass(slots=True)
class Card:
    """A comment on the desk; ``waiting`` is ``None`` if it does not wait (any more)."""

    desk: Desk
    comment: Comment
    waiting: Waiting | None = None
    explained: Explained | None = None
    difference: list[Piece] = field(default_factory=list)
    last: dict[str, Any] | None = None
    refusal: Refusal | None = None
    refused_action: str = ""
    said: str = ""
    """What the status line says about what has just been done."""
    undo_row: int | None = None
    titles: dict[str, str] = field(default_factory=dict)
    limits: Limits | None = None
    """What its author may not do; ``None`` where nobody knows who wrote it."""
    score: Score | None = None

    @property
    def blind(self) -> bool:
        """Returns whether what the rules saw is not shown, so that the moderator is not led."""
        return self.waiting is not None and self.waiting.item.blind

    @property
    def state(self) -> str:
        """Returns the status in words."""
        return STATES.get(self.comment.status, self.comment.status)

    @property
    def why(self) -> str:
        """Returns in a sentence why it waits."""
        if self.waiting is None:
            return ""
        if self.blind:
            return "Drawn by lot: judge by the text alone."
        reason = self.waiting.item.reason
        if reason in self.titles:
            return f"Held by the rule “{self.titles[reason]}”."
        return HELD_BECAUSE.get(reason) or f"Held: {title_of_reason(reason or 'no reason')}."

    @property
    def mine(self) -> bool:
        """Returns whether it is on the moderator's own desk."""
        found = self.waiting
        return found is not None and bool(found.leased_to) and self._holder == self.desk.user.pk

    @property
    def _holder(self) -> int | None:
        return self.waiting.item.leased_by_id if self.waiting else None

    @property
    def lease(self) -> str:
        """Returns on whose desk it is, and until when; empty if on nobody's."""
        if self.waiting is None or not self.waiting.leased_to:
            return ""
        whose = "your" if self.mine else f"{self.waiting.leased_to}’s"
        return f"on {whose} desk until {clock(self.waiting.item.leased_until)}"

    @property
    def flag_weight(self) -> float:
        """Returns the weight of all flags together."""
        return sum(flag.weight for flag in self.waiting.flags) if self.waiting else 0.0

    @property
    def has_replies(self) -> bool:
        """Returns whether somebody may have answered it: it had been published once."""
        return self.comment.number is not None

    @property
    def refusal_kind(self) -> str:
        """Returns which of the templates' sentences tells of the refusal."""
        for kind, name in (
            (AlreadyDecided, "decided"),
            (LeaseLost, "leased"),
            (StaleVersion, "edited"),
        ):
            if isinstance(self.refusal, kind):
                return name
        return "other"

    @property
    def decision(self) -> dict[str, Any] | None:
        """Returns what somebody else decided, in words, where the refusal carries it."""
        found = self.refusal.extra.get("decision") if self.refusal else None
        return in_words(found, desk=self.desk) if found else None


@lru_cache(maxsize=1)
def reason_choices() -> SafeString:
    """Returns the nine reasons to choose from: the same beside every comment, so made once."""
    reasons = list(enumerate(REASONS, start=1))
    return render_to_string("admin/moderation/reason_choices.html", {"reasons": reasons})


def clock(at: datetime | None) -> str:
    """Returns the time of day, as the site's clocks show it."""
    return f"{timezone.localtime(at):%H:%M}" if at else ""


def in_words(item: dict[str, Any], *, desk: Desk) -> dict[str, Any]:
    """Returns an item of the record with words for who, what and why beside its values."""
    by = item["by"]
    who = by["name"] or {"automation": "The rules", "author": "Its author"}.get(
        by["kind"], "A moderator" if by["kind"] == "moderator" else "An operator"
    )
    if by["kind"] == "moderator" and by["id"] == desk.user.pk:
        who = "You"
    return {
        **item,
        "who": who,
        "done": DONE.get(item["action"] or "", item["action"] or item["kind"]),
        "is_undo": item["kind"] == "undo",
        "reason_title": title_of_reason(item["reason"]) if item["reason"] else "",
        "state": STATES.get(item["to"] or "", item["to"] or ""),
    }


def explained(screening: Screening, rules: Sequence[tuple[Rule, str]], *, text: str) -> Explained:
    """Returns what was seen in a text as sentences; a signal that cannot be read is left out.

    Args:
        rules: of the site as they are now, each with its title.
    """
    signals = []
    for stored in screening.signals:
        try:
            signals.append(Signal.from_json(stored))
        except ValueError:
            continue
    titles = {rule.key: title for rule, title in rules}
    found = explain(signals, [rule for rule, _ in rules])
    lines = []
    for one in found.signals:
        signal = one.signal
        span = text[slice(*signal.span)] if signal.span else ""
        counted = signal.mode == "live" and signal.outcome != "ok"
        changed = counted and one.without.effect != found.combined.effect
        lines.append(
            SignalLine(
                title=titles.get(signal.rule) or one.title,
                sentence=one.sentence,
                outcome=signal.outcome,
                watched=signal.mode == "shadow",
                matched=span[:120],
                without=_WOULD[one.without.effect] if changed else "",
            )
        )
    return Explained(
        sentence=found.sentence,
        told=screening.told,
        loud=[line for line in lines if line.outcome != "ok"],
        quiet=[line for line in lines if line.outcome == "ok"],
    )


_WOULD = {
    "publish": "Without it the comment would have been published.",
    "hold": "Without it the comment would have been held.",
    "reject": "Without it the comment would have been rejected.",
    "spam": "Without it the comment would have been called spam.",
}


def score_of(screening: Screening) -> Score | None:
    """Returns the learned score of a text with its strongest words, ``None`` if it has none."""
    if screening.score is None:
        return None
    words = []
    for stored in screening.words:
        try:
            word, weight = str(stored[0]), round(float(stored[1]), 1)
        except (TypeError, ValueError, IndexError):
            continue
        if weight and word.strip():
            words.append((word[:40], f"{weight:+.1f}".replace("-", MINUS), weight > 0))
    return Score(f"{screening.score:.2f}", words[:WORDS_SHOWN])


def rules_of(site_id: int) -> list[tuple[Rule, str]]:
    """Returns every rule of a site with its title; one query."""
    rows = ScreeningRule.objects.filter(site_id=site_id).order_by("title")
    return [(plain_rule(row), row.title) for row in rows]


def cards(desk: Desk, found: Iterable[Waiting], rules: Sequence[tuple[Rule, str]]) -> list[Card]:
    """Returns what waits as cards. One query: what limits the authors."""
    titles = {rule.key: title for rule, title in rules}
    found = list(found)
    limited = sanctions_in_force(
        {one.comment.author_id for one in found if one.comment.author_id}, now=desk.now
    )
    made = []
    for waiting in found:
        comment = waiting.comment
        waiting.decisions = [in_words(item, desk=desk) for item in waiting.decisions]
        waiting.author_decisions = [in_words(item, desk=desk) for item in waiting.author_decisions]
        card = Card(desk, comment, waiting, titles=titles)
        if waiting.screening is not None and not waiting.item.blind:
            card.explained = explained(waiting.screening, rules, text=comment.source)
            card.score = score_of(waiting.screening)
        if comment.author is not None:
            in_force = limited.get(comment.author.pk, [])
            card.limits = limits_of(comment.author, in_force, user_id=desk.user.pk)
        if waiting.earlier is not None:
            card.difference = word_differences(waiting.earlier.source, comment.source)
        made.append(card)
    return made


def card_of(desk: Desk, comment_id: int) -> Card | None:
    """Returns one comment as it is now, whether it waits or not; ``None`` if there is none."""
    found = waiting_for([comment_id], site_id=desk.site_id, now=desk.now)
    if found:
        return cards(desk, found, rules_of(desk.site_id))[0]
    comment = (
        Comment.objects.select_related("thread", "author")
        .filter(pk=comment_id, thread__site_id=desk.site_id)
        .first()
    )
    if comment is None:
        return None
    card = Card(desk, comment)
    if comment.author is not None:
        mine = sanctions_in_force([comment.author.pk], now=desk.now).get(comment.author.pk, [])
        card.limits = limits_of(comment.author, mine, user_id=desk.user.pk)
    last = last_change(comment_id)
    if last is not None:
        card.last = in_words(log_items([last])[0], desk=desk)
        undone = LogRow.objects.filter(undoes_id=last.pk).exists()
        card.undo_row = last.pk if last.kind == "decision" and not undone else None
    return card
