"""Moving stored comments to the present renderer, always from their source.

Each batch is a transaction for each thread in it, and what is done carries the renderer's new
version: a run that is broken off goes on where it was, and one too many changes nothing. One that
renders everything goes on after the comment that it is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from comments.actions.linking import render_again, replace_html
from comments.actions.recording import lock_thread, save_thread
from comments.models import Comment
from comments.rules.rendering import RENDERER_VERSION


@dataclass(slots=True)
class Rerendered:
    """What became of the comments so far: ``kept`` could not be rendered and stay as they were."""

    seen: int = 0
    changed: int = 0
    kept: int = 0
    last_id: int = field(default=0, compare=False)
    """Of the last comment that is done: there a run that was broken off goes on."""


def rerender_comments(
    *,
    everything: bool,
    thread_ids: list[int] | None,
    at_once: int,
    clock: Callable[[], datetime],
    after_id: int = 0,
    progress: Callable[[Rerendered], None] = lambda _: None,
) -> Rerendered:
    """Renders comments again and stores what differs; returns how many there were.

    What readers see changes with a new version of the thread, and only where the HTML changed.
    Resolved mentions stay with whom they mean.

    Args:
        everything: also those that the present renderer made.
        thread_ids: ``None`` for all threads.
        at_once: comments of a batch: so long, at most, a thread is locked.
        after_id: only comments of a higher id.
    """
    outcome = Rerendered(last_id=after_id)
    comments = comments_to_render(everything=everything, thread_ids=thread_ids).order_by("pk")
    while batch := list(
        comments.filter(pk__gt=outcome.last_id).values_list("pk", "thread_id")[:at_once]
    ):
        of_thread: dict[int, list[int]] = defaultdict(list)
        for comment_id, thread_id in batch:
            of_thread[thread_id].append(comment_id)
        for thread_id, ids in of_thread.items():
            _rerender(
                thread_id=thread_id, ids=ids, everything=everything, now=clock(), outcome=outcome
            )
        outcome.last_id = batch[-1][0]
        progress(outcome)
    return outcome


def comments_to_render(*, everything: bool, thread_ids: list[int] | None) -> QuerySet[Comment]:
    """Returns what ``rerender_comments`` goes through, in no order."""
    comments = Comment.objects.all()
    if not everything:
        comments = comments.filter(renderer_version__lt=RENDERER_VERSION)
    if thread_ids is not None:
        comments = comments.filter(thread_id__in=thread_ids)
    return comments


@transaction.atomic(durable=True)
def _rerender(
    *, thread_id: int, ids: list[int], everything: bool, now: datetime, outcome: Rerendered
) -> None:
    thread = lock_thread(thread_id)
    done: list[int] = []
    # Asked again under the lock: another run may have done them since.
    waiting = comments_to_render(everything=everything, thread_ids=[thread_id])
    comments = waiting.filter(pk__in=ids).order_by("pk").select_related("reply_to")
    for comment in comments.prefetch_related("mentions", "references"):
        outcome.seen += 1
        if comment.erased_at is None:
            known, rendered = render_again(comment)
            if rendered.failed:
                outcome.kept += 1
                continue
            if rendered.html != comment.html:
                outcome.changed += 1
                replace_html(thread, comment, rendered=rendered, known=known, now=now)
        done.append(comment.pk)
    Comment.objects.filter(pk__in=done).update(renderer_version=RENDERER_VERSION)
    save_thread(thread)
