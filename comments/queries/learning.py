"""What is learned from, decisions with their texts; and what was learned, for scoring."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from comments.models import Comment, LearnedModel, LogKind, LogRow, Revision
from comments.queries.logbook import in_own_thread
from comments.rules.learning_data import Decided, ModelDamaged, available

if TYPE_CHECKING:
    from comments.rules.learning import Model

MOST_DECISIONS = 20_000
"""The latest; what moderators thought before is told by them too seldom to be worth the memory."""
MOST_KEPT = 8
"""Models that one process keeps; one takes some megabytes."""
BATCH = 500
STATUSES_OF_LABELS = (("approved",), ("rejected", "spam"))
"""What a moderator's decision makes of a comment that is no spam, and of one that is."""
_LABELS = {status: label for label, found in enumerate(STATUSES_OF_LABELS) for status in found}

logger = logging.getLogger(__name__)


def decided_texts(site_id: int) -> Iterator[Decided]:
    """Yields what moderators decided about each text that stands in the record, oldest first.

    Of each revision the latest decision that was not undone; none where that was to wait. With the
    text that was decided about, also if it was edited since. What was erased is left out. Three
    queries, and three for each ``BATCH`` texts.
    """
    rows = LogRow.objects.filter(in_own_thread(), site_id=site_id, kind=LogKind.DECISION)
    rows = rows.order_by("-at", "-pk")
    found = list(rows.values_list("pk", "comment_id", "revision", "to_status")[:MOST_DECISIONS])
    undone = set(
        LogRow.objects.filter(in_own_thread(), site_id=site_id, kind=LogKind.UNDO).values_list(
            "undoes_id", flat=True
        )
    )
    latest: dict[tuple[int, int], str] = {}
    for pk, comment_id, revision, status in found:
        if pk not in undone and comment_id is not None:
            latest.setdefault((comment_id, revision), status)
    wanted = [
        (*key, _LABELS[status]) for key, status in reversed(latest.items()) if status in _LABELS
    ]
    for start in range(0, len(wanted), BATCH):
        yield from _with_texts(wanted[start : start + BATCH])


def _with_texts(wanted: list[tuple[int, int, int]]) -> Iterator[Decided]:
    comments = (
        Comment.objects.filter(erased_at=None)
        .select_related("reply_to")
        .only("source", "author_name", "edits", "reply_to__source")
        .in_bulk({comment_id for comment_id, _, _ in wanted})
    )
    edited = {pk for pk, revision, _ in wanted if pk in comments and comments[pk].edits > revision}
    earlier: dict[int, list[str]] = defaultdict(list)
    for pk, source in (
        Revision.objects.filter(comment__in=edited)
        .order_by("pk")
        .values_list("comment_id", "source")
    ):
        earlier[pk].append(source)
    for comment_id, revision, label in wanted:
        comment = comments.get(comment_id)
        if comment is None:
            continue
        # Each edit put one text away, so the texts stand in the order of their revisions.
        texts = [*earlier[comment_id], comment.source]
        text = texts[revision] if comment_id in edited else comment.source
        answered = comment.reply_to.source if comment.reply_to else ""
        yield Decided((comment_id, revision), text, comment.author_name, answered, label)


@dataclass(frozen=True, slots=True)
class Learned:
    """The model of a site as one process keeps it; ``model`` is null if it cannot be read."""

    mark: tuple[object, ...]
    model: Model | None
    threshold: float | None


_kept: dict[int, Learned] = {}
_lock = Lock()


MARK = ("site_id", "version", "fitted_at", "newest_row_id", "threshold")
"""Columns that tell one model from the next; all are NULL where there is none."""


def learned_under(mark: tuple[Any, ...]) -> Learned | None:
    """Returns the model of these ``MARK``; ``None`` without one, or without scikit-learn.

    One query when it is another one than this process keeps.
    """
    site_id, *_, threshold = mark
    if site_id is None or not available():
        return None
    kept = _kept.get(site_id)
    if kept is not None and kept.mark == mark:
        return kept
    from comments.rules.learning import Model  # loads numpy, 11 MB: sites without a model do not

    data = bytes(LearnedModel.objects.values_list("data", flat=True).get(pk=site_id))
    model: Model | None = None
    try:
        model = Model.from_bytes(data)
    except ModelDamaged:
        logger.warning("The learned model of site %s cannot be read; there are no scores.", site_id)
    learned = Learned(mark=mark, model=model, threshold=threshold)
    with _lock:
        _kept.pop(site_id, None)
        _kept[site_id] = learned
        while len(_kept) > MOST_KEPT:
            del _kept[next(iter(_kept))]
    return learned


def forget_models() -> None:
    """Forgets all kept models: the next text has them read anew."""
    with _lock:
        _kept.clear()
