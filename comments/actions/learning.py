"""Learning anew from what moderators decided, in the background."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.sites.models import Site
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from comments.models import LearnedModel, LogKind, LogRow, SiteSettings
from comments.queries.learning import STATUSES_OF_LABELS, decided_texts
from comments.rules.learning import REFIT_EACH_UNTIL, REFIT_GROWTH, Learner
from comments.rules.learning_data import available

FEWEST = 10
"""Decisions below which there is nothing to learn."""


def refit_due(*, now: datetime) -> list[int]:
    """Learns anew for each site where enough was decided since; returns their ids.

    Up to ``REFIT_EACH_UNTIL`` decisions each new one is enough, from then on a share of
    ``REFIT_GROWTH``; another precision in the site's settings is too. Two queries where nothing is
    due, and up to three for each site.
    """
    if not available():
        return []
    models = LearnedModel.objects.defer("data").in_bulk()
    asked = dict(SiteSettings.objects.values_list("site_id", "score_precision"))
    fitted = []
    for site_id in Site.objects.order_by("pk").values_list("pk", flat=True):
        last = models.get(site_id)
        precision = asked.get(site_id, _default_precision())
        if _is_due(site_id, last, precision=precision) and refit(site_id=site_id, now=now):
            fitted.append(site_id)
    return fitted


def _is_due(site_id: int, last: LearnedModel | None, *, precision: float) -> bool:
    if last is not None and last.precision != precision:
        return True
    needed = FEWEST if last is None else 1
    if last is not None and last.decisions > REFIT_EACH_UNTIL:
        needed = max(1, round(REFIT_GROWTH * last.decisions))
    rows = _rows(site_id).filter(pk__gt=last.newest_row_id if last else 0)
    if last is None and not all(
        rows.filter(to_status__in=statuses).exists() for statuses in STATUSES_OF_LABELS
    ):
        return False
    return len(rows.values_list("pk", flat=True)[:needed]) >= needed


def refit(*, site_id: int, now: datetime) -> LearnedModel | None:
    """Learns from all decisions of a site, and stores what was learned with its threshold.

    ``None`` without scikit-learn, with too few decisions, with those of one kind only, or if
    somebody else stored a newer one meanwhile. Fits outside any transaction: it takes seconds.
    """
    if not available():
        return None
    last = LearnedModel.objects.defer("data").filter(pk=site_id).first()
    newest = _rows(site_id).order_by("-pk").values_list("pk", flat=True).first() or 0
    settings = SiteSettings.objects.filter(site_id=site_id).first()
    precision = settings.score_precision if settings else _default_precision()
    decided = list(decided_texts(site_id))
    spam = sum(one.label for one in decided)
    if len(decided) < FEWEST or not 0 < spam < len(decided):
        return None
    learner = Learner()
    learner.learn_all(decided)
    fields: dict[str, Any] = {
        "threshold": learner.threshold_for_precision(precision),
        "data": learner.model.to_bytes(),
        "fitted_at": now,
        "newest_row_id": newest,
        "decisions": len(decided),
        "spam": spam,
        "precision": precision,
    }
    return _store(site_id, last, fields)


def _store(site_id: int, last: LearnedModel | None, fields: dict[str, Any]) -> LearnedModel | None:
    """Stores a model if the one it follows is still the last."""
    if last is not None:
        rows = LearnedModel.objects.filter(pk=site_id, version=last.version)
        if not rows.update(version=last.version + 1, **fields):
            return None
    else:
        try:
            with transaction.atomic():
                LearnedModel.objects.create(site_id=site_id, version=1, **fields)
        except IntegrityError:
            return None
    return LearnedModel.objects.get(pk=site_id)


def _rows(site_id: int) -> QuerySet[LogRow]:
    return LogRow.objects.filter(site_id=site_id, kind__in=[LogKind.DECISION, LogKind.UNDO])


def _default_precision() -> float:
    return float(SiteSettings().score_precision)
