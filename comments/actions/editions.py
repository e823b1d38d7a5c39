"""Editions: selections as they were rendered, made when first needed and kept while they are true.

An edition is true while the versions of its threads are the ones it was made for. Rendering happens
outside any transaction; whoever marks a message as on its way compares the versions once more in
the same transaction.
"""

from __future__ import annotations

import logging
import traceback
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import F

from comments.mail import Composed, Splicer, compose_edition
from comments.models import Comment, Edition, Revision, Selection
from comments.queries.digests import AT_ONCE, news_of
from comments.queries.editions import edition_content, threads_version_of
from comments.rules.digesting import Item, News
from comments.rules.editions import CommentContent, EditionContent, PostContent

logger = logging.getLogger(__name__)

KEPT_BYTES = 48 * 1024 * 1024
"""Of templates in the memory of one sender."""


@dataclass(frozen=True, slots=True)
class Current:
    """A selection with the edition that is true of it, if anything of it can be read."""

    kind: str
    scope: str
    period: str
    items: tuple[Item, ...]
    """What was selected."""
    readable: frozenset[Item]
    """What of it can be read now."""
    threads: frozenset[int]
    threads_version: int
    edition_id: int | None
    """``None``: nothing of it can be read now."""
    news: tuple[News, ...]
    """Its items as they were published, to be compared with what a subscriber wants by now."""
    failure: str = ""
    """Why it cannot be rendered; there is no edition then."""


class Editions:
    """The editions that one sender knows. Not to be shared between threads."""

    def __init__(self) -> None:
        self._current: OrderedDict[int, Current] = OrderedDict()
        self._splicers: OrderedDict[int, tuple[Splicer, int]] = OrderedDict()
        self._bytes = 0

    def current(self, selection_id: int) -> Current | None:
        """Returns what is known of a selection; it may be out of date."""
        return self._current.get(selection_id)

    def forget(self, selection_id: int) -> None:
        """Forgets what is known of a selection, because it is out of date."""
        self._current.pop(selection_id, None)

    def render(self, selection_ids: Iterable[int], *, now: datetime) -> None:
        """Makes the editions of selections as they are now; one that fails stops no other."""
        for selection in Selection.objects.filter(pk__in=list(selection_ids)):
            self._current[selection.pk] = _rendered(selection, now=now)
        while len(self._current) > MOST_SELECTIONS:
            self._current.popitem(last=False)

    def splicer(self, edition_id: int) -> Splicer:
        """Returns what makes each subscriber's copy of an edition."""
        known = self._splicers.get(edition_id)
        if known is not None:
            self._splicers.move_to_end(edition_id)
            return known[0]
        template = bytes(Edition.objects.values_list("template", flat=True).get(pk=edition_id))
        splicer = Splicer(template)
        self._splicers[edition_id] = splicer, len(template)
        self._bytes += len(template)
        while self._bytes > KEPT_BYTES and len(self._splicers) > 1:
            _, (_, size) = self._splicers.popitem(last=False)
            self._bytes -= size
        return splicer


MOST_SELECTIONS = 10_000


def _composed(content: EditionContent) -> tuple[EditionContent, Composed]:
    """Returns a mail, and what it holds: all of it but comments that cannot be composed.

    ``check_digests`` names those as long as they can be read.
    """
    try:
        return content, compose_edition(content)
    except Exception:
        bad = {
            one.id for post in content.posts for one in post.comments if _is_bad(post, one, content)
        }
        left = [item for item in content.items if item[1] not in bad]
        if not bad or not left:
            raise
        logger.error("comments %s cannot be composed, and are left out", sorted(bad))
        posts = tuple(
            replace(post, comments=tuple(one for one in post.comments if one.id not in bad))
            for post in content.posts
        )
        shown = tuple(post for post in posts if post.comments or post.page_id is not None)
        content = replace(content, items=left, posts=shown)
        return content, compose_edition(content)


def _is_bad(post: PostContent, comment: CommentContent, content: EditionContent) -> bool:
    """Returns whether a comment by itself cannot be composed."""
    alone = replace(post, comments=(comment,), page_id=None)
    try:
        compose_edition(replace(content, items=[(post.thread_id, comment.id)], posts=(alone,)))
    except Exception:
        return True
    return False


def _shown_in(content: EditionContent) -> list[tuple[int, int]]:
    """Returns whose words an edition has, quoted ones too, and in which version of each comment."""
    comments = [comment for post in content.posts for comment in post.comments]
    shown = {(one.id, one.version) for one in comments}
    quoted = {(one.answers.id, one.answers.version) for one in comments if one.answers is not None}
    return sorted(shown | quoted)


def may_leave_again(edition: Edition, *, readable: Collection[Item]) -> bool:
    """Returns whether nothing that an edition shows was taken back since it was made.

    That is: all of it and all that it quotes can be read, and nobody but the author has changed the
    words. What an author improves after the copies have left is no reason to let one of them wait.

    Args:
        readable: what of it can be read now, and is wanted.
    """
    if not {(thread_id, comment_id) for thread_id, comment_id in edition.items} <= set(readable):
        return False
    versions = dict(edition.shown)
    ids = sorted(versions)
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        if Comment.objects.filter(pk__in=some, visible=True).count() < len(some):
            return False
        # By version: the clock of who changed a text may be another than that of who rendered it.
        by_others = Revision.objects.filter(comment__in=some).exclude(
            replaced_by=F("comment__author")
        )
        for pk, version in by_others.values_list("comment_id", "version"):
            if version >= versions[pk]:
                return False
    return True


def _rendered(selection: Selection, *, now: datetime) -> Current:
    items = tuple((thread_id, comment_id) for thread_id, comment_id in selection.items)
    # Before anything else is read: what changes meanwhile shows as another version later.
    threads_version = threads_version_of(items)
    edition_id, failure = None, ""
    readable: frozenset[Item] = frozenset()
    try:
        content = edition_content(selection)
        readable = frozenset(content.items)
        if content.items or not items:
            content, composed = _composed(content)
            edition, is_new = Edition.objects.get_or_create(
                selection=selection,
                fingerprint=composed.fingerprint,
                defaults={
                    "threads_version": threads_version,
                    "items": [list(item) for item in content.items],
                    "shown": _shown_in(content),
                    "subject": composed.subject,
                    "template": composed.template,
                    "made_at": now,
                },
            )
            if not is_new and edition.threads_version != threads_version:
                Edition.objects.filter(pk=edition.pk).update(threads_version=threads_version)
            edition_id = edition.pk
    except Exception as error:
        # Its own words may hold what people typed; the places in the code do not.
        frames = "".join(traceback.format_tb(error.__traceback__))
        failure = type(error).__name__
        logger.error("selection %d cannot be composed: %s\n%s", selection.pk, failure, frames)
    return Current(
        kind=selection.kind,
        scope=selection.scope,
        period=selection.period,
        items=items,
        readable=readable,
        threads=frozenset(thread_id for thread_id, _ in items),
        threads_version=threads_version,
        edition_id=edition_id,
        news=news_of(items),
        failure=failure,
    )
