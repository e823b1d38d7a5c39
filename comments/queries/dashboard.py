"""What moderators have done: their last decisions, and the figures of the desk.

The number of queries does not depend on how much was decided. What is read is bounded by days and
by rows; a site that decides more often than that sees the latest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil
from statistics import median
from typing import Any

from django.db.models import Count, Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from comments.models import ActorKind, Comment, LogKind, LogRow, QueueItem, RuleHit, ScreeningRule
from comments.queries.logbook import log_items
from comments.rules.voting import wilson_lower_bound

DAYS = 30
MOST_DECISIONS = 20_000
MOST_HITS = 50_000
LISTED = 50
UNDO_HOURS = 24
"""How old a moderator's last decision may be to be offered for undoing by one press."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of the record as the list of decisions shows it."""

    item: dict[str, Any]
    comment: Comment | None
    undone: bool
    batch_size: int = 1

    @property
    def can_be_undone(self) -> bool:
        """Returns whether it is a decision that nobody has undone."""
        return self.item["kind"] == LogKind.DECISION and not self.undone


def last_decision(*, site_id: int, user_id: int, now: datetime) -> Listed | None:
    """Returns a moderator's last decision that stands, with the size of its batch."""
    since = now - timedelta(hours=UNDO_HOURS)
    row = _decided_by(user_id, site_id=site_id, since=since).exclude(_undone()).first()
    if row is None:
        return None
    size = LogRow.objects.filter(batch=row.batch).exclude(batch="").count() if row.batch else 1
    listed = _listed([row])[0]
    return Listed(listed.item, listed.comment, undone=False, batch_size=size)


def decisions(
    *, site_id: int, now: datetime, user_id: int | None = None, before: datetime | None = None
) -> tuple[list[Listed], datetime | None]:
    """Returns decisions and undos, newest first, and from when on the list goes on.

    Args:
        user_id: of one moderator, whose decisions of the last ``DAYS`` days are listed; of all
            moderators if ``None``.
        before: only older ones.
    """
    if user_id is not None:
        rows = _decided_by(user_id, site_id=site_id, since=now - timedelta(days=DAYS))
    else:
        # One kind, so that the index gives the order; what was undone says so in its own line.
        rows = LogRow.objects.filter(site_id=site_id, kind=LogKind.DECISION).order_by("-at", "-pk")
    if before is not None:
        rows = rows.filter(at__lt=before)
    found = list(rows[: LISTED + 1])
    following = found[LISTED - 1].at if len(found) > LISTED else None
    return _listed(found[:LISTED]), following


def _decided_by(user_id: int, *, site_id: int, since: datetime) -> QuerySet[LogRow]:
    return LogRow.objects.filter(
        site_id=site_id,
        kind=LogKind.DECISION,
        at__gte=since,
        actor_kind=ActorKind.MODERATOR,
        actor_id=user_id,
    ).order_by("-at", "-pk")


def _undone() -> Exists:
    return Exists(LogRow.objects.filter(undoes_id=OuterRef("pk")))


def _listed(rows: Sequence[LogRow]) -> list[Listed]:
    """Returns rows with their comments and whether they were undone; four queries."""
    undone = set(
        LogRow.objects.filter(undoes_id__in=[row.pk for row in rows]).values_list(
            "undoes_id", flat=True
        )
    )
    ids = {row.comment_id for row in rows if row.comment_id is not None}
    comments = Comment.objects.select_related("thread").in_bulk(ids)
    return [
        Listed(item, comments.get(item["comment"] or 0), undone=item["id"] in undone)
        for item in log_items(rows)
    ]


@dataclass(frozen=True, slots=True)
class Day:
    """What was decided on one day, and how long it had waited, in seconds."""

    day: date
    by_status: Mapping[str, int]
    undone: int
    median_seconds: float | None
    p95_seconds: float | None

    @property
    def decided(self) -> int:
        """Returns how many decisions there were."""
        return sum(self.by_status.values())


@dataclass(frozen=True, slots=True)
class Precision:
    """How often moderators agreed with a rule where both have spoken."""

    key: str
    title: str
    agreed: int
    total: int

    @property
    def share(self) -> float:
        """Returns the share of hits that moderators agreed with."""
        return self.agreed / self.total

    @property
    def low(self) -> float:
        """Returns the lower end of Wilson's 95 % interval."""
        return wilson_lower_bound(up=self.agreed, down=self.total - self.agreed)

    @property
    def high(self) -> float:
        """Returns the upper end: what is left beside the lower end of the opposite."""
        return 1 - wilson_lower_bound(up=self.total - self.agreed, down=self.agreed)


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of the desk, of the last ``DAYS`` days."""

    waiting: Mapping[str, int]
    oldest: datetime | None
    days: Sequence[Day]
    decided: int
    undone: int
    median_seconds: float | None
    p95_seconds: float | None
    rules: Sequence[Precision]
    cut: bool
    """Whether there were more decisions than are read."""

    @property
    def total_waiting(self) -> int:
        """Returns how much waits."""
        return sum(self.waiting.values())

    @property
    def undo_rate(self) -> float | None:
        """Returns the share of decisions that were undone."""
        return self.undone / self.decided if self.decided else None


def figures(*, site_id: int, now: datetime) -> Figures:
    """Returns the figures of a site's desk; six queries."""
    items = QueueItem.objects.filter(site_id=site_id)
    waiting = dict(items.order_by("why").values_list("why").annotate(count=Count("pk")))
    oldest = items.order_by("entered_at").values_list("entered_at", flat=True).first()
    today = timezone.localdate(now)
    first = today - timedelta(days=DAYS - 1)
    since = timezone.make_aware(datetime.combine(first, datetime.min.time()))
    decided = LogRow.objects.filter(site_id=site_id, kind=LogKind.DECISION, at__gte=since)
    rows = list(
        decided.order_by("-at").values_list(
            "pk", "at", "to_status", "evidence", "comment_id", "revision"
        )[: MOST_DECISIONS + 1]
    )
    undone = set(
        LogRow.objects.filter(site_id=site_id, kind=LogKind.UNDO, at__gte=since).values_list(
            "undoes_id", flat=True
        )
    )
    cut = len(rows) > MOST_DECISIONS
    rows = rows[:MOST_DECISIONS]
    days = _days(rows, undone=undone, first=first, today=today)
    waits = (_waited(at, evidence) for _, at, _, evidence, *_ in rows)
    waited = [seconds for seconds in waits if seconds is not None]
    stand: dict[tuple[int, int], str] = {}
    for pk, _, status, _, comment_id, revision in rows:
        if pk not in undone and comment_id is not None:
            # Newest first: the latest one about a revision counts.
            stand.setdefault((comment_id, revision), status)
    return Figures(
        waiting=waiting,
        oldest=oldest,
        days=days,
        decided=len(rows),
        undone=sum(1 for pk, *_ in rows if pk in undone),
        median_seconds=median(waited) if waited else None,
        p95_seconds=percentile(waited, 0.95),
        rules=_precisions(site_id=site_id, stand=stand, decided=decided),
        cut=cut,
    )


def _days(
    rows: Iterable[tuple[Any, ...]], *, undone: set[int | None], first: date, today: date
) -> list[Day]:
    counts: dict[date, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    undos: dict[date, int] = defaultdict(int)
    waits: dict[date, list[float]] = defaultdict(list)
    for pk, at, status, evidence, *_ in rows:
        day = timezone.localdate(at)
        counts[day][status] += 1
        undos[day] += pk in undone
        seconds = _waited(at, evidence)
        if seconds is not None:
            waits[day].append(seconds)
    all_days = [first + timedelta(days=count) for count in range((today - first).days + 1)]
    return [
        Day(
            day=day,
            by_status=dict(counts[day]),
            undone=undos[day],
            median_seconds=median(waits[day]) if waits[day] else None,
            p95_seconds=percentile(waits[day], 0.95),
        )
        for day in all_days
    ]


def _waited(at: datetime, evidence: Any) -> float | None:
    """Returns how long a comment had waited when it was decided, ``None`` if it did not wait."""
    place = evidence.get("place") if isinstance(evidence, dict) else None
    entered = parse_datetime(place["entered_at"]) if place else None
    return max(0.0, (at - entered).total_seconds()) if entered else None


def percentile(values: Sequence[float], share: float) -> float | None:
    """Returns the least value that ``share`` of all do not exceed (nearest rank)."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * share) - 1)]


def _precisions(
    *, site_id: int, stand: Mapping[tuple[int, int], str], decided: QuerySet[LogRow]
) -> list[Precision]:
    """Returns for each rule how often decisions that stand agreed with its hits."""
    rules = {
        key: (title, effect)
        for key, title, effect in ScreeningRule.objects.filter(site_id=site_id).values_list(
            "key", "title", "effect"
        )
    }
    hits = (
        RuleHit.objects.filter(site_id=site_id, comment__in=decided.values("comment_id"))
        .order_by("-pk")
        .values_list("rule_key", "comment_id", "revision")[:MOST_HITS]
    )
    agreed: dict[str, int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    for key, comment_id, revision in hits:
        status = stand.get((comment_id, revision))
        if status not in {"approved", "rejected", "spam"}:
            continue
        welcome = rules.get(key, ("", "hold"))[1] == "publish"
        total[key] += 1
        agreed[key] += (status == "approved") == welcome
    found = [Precision(key, rules.get(key, (key, ""))[0], agreed[key], total[key]) for key in total]
    return sorted(found, key=lambda one: (-one.total, one.key))
