"""What the mails of one selection hold, as it can be read now.

A selection may name many thousand comments. All are looked at, to know which can be read; only
those that may be shown are read with their texts. However many there are, the number of queries is
the same.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.sites.models import Site
from django.db import connection
from django.db.models import Sum
from django.db.models.expressions import RawSQL

from comments.language import chosen_language
from comments.models import Comment, Publication, Selection, SiteSettings, Subscription, Thread
from comments.queries.outgoing import link_to, origin_of, page_of
from comments.queries.sites import name_of_digest
from comments.queries.subscribers import label_of
from comments.rules.editions import (
    MOST_CANDIDATES,
    Answered,
    CommentContent,
    EditionContent,
    Item,
    PostContent,
    standing,
)

SOME = 1
"""Any id: the wording of a subscription to answers does not depend on whose they are."""


def threads_version_of(items: Iterable[Item]) -> int:
    """Returns the sum of the versions of all threads of these items: one query.

    While it is the same, nothing that can be read in them has changed.
    """
    found = Thread.objects.filter(pk__in=_among({thread_id for thread_id, _ in items}))
    return found.aggregate(sum=Sum("version"))["sum"] or 0


def edition_content(selection: Selection) -> EditionContent:
    """Returns what can be read now of a selection: seven queries at most.

    Comments that readers cannot see are left out; so is whatever has been deleted.

    Raises:
        ValueError: it is to ask for confirmation, and its scope says not of what.
        Thread.DoesNotExist: what is to be confirmed is of a thread that has been deleted.
    """
    site = selection.site
    own = SiteSettings.objects.filter(site=site).first() or SiteSettings(site=site)
    digest = name_of_digest(own.digest_name, site=site)
    wanted: list[Item] = [(thread_id, comment_id) for thread_id, comment_id in selection.items]
    # Before the comments: what changes in between shows as another version later.
    threads = _threads_of(wanted)
    rows = _rows_of(wanted)
    readable = [
        item
        for item in dict.fromkeys(wanted)
        if item[0] in threads and (not item[1] or item in rows)
    ]
    label, frequency = _wish_of(selection, threads, digest=digest)
    return EditionContent(
        kind=selection.kind,
        scope=selection.scope,
        period=selection.period,
        items=readable,
        threads_version=sum(thread.version for thread in threads.values()),
        site_id=site.pk,
        site_name=site.name,
        origin=origin_of(site),
        digest_name=digest,
        postal_address=own.postal_address,
        language=chosen_language(own.language),
        posts=_posts_of(readable, threads, rows, site=site),
        label=label,
        frequency=frequency,
    )


def _among(ids: Iterable[int]) -> RawSQL:
    """Returns a subquery of these ids: one value, where a list would be as many as there are."""
    listed = sorted(ids)
    if connection.vendor == "postgresql":
        return RawSQL("SELECT unnest(%s::bigint[])", [listed])
    return RawSQL("SELECT value FROM json_each(%s)", [json.dumps(listed)])


def _threads_of(items: Iterable[Item]) -> dict[int, Thread]:
    found = Thread.objects.filter(pk__in=_among({thread_id for thread_id, _ in items}))
    return {thread.pk: thread for thread in found}


@dataclass(frozen=True, slots=True)
class _Row:
    """A comment without its text."""

    id: int
    thread_id: int
    standing: int


def _rows_of(items: Iterable[Item]) -> dict[Item, _Row]:
    """Returns the comments among items that readers can see, each thread's in reading order."""
    found = Comment.objects.filter(
        pk__in=_among({comment_id for _, comment_id in items if comment_id}), visible=True
    )
    columns = found.order_by("thread_id", "path").values_list(
        "id", "thread_id", "votes_up", "votes_down", "total_count"
    )
    return {
        (thread_id, pk): _Row(pk, thread_id, standing(up - down, replies))
        for pk, thread_id, up, down, replies in columns
    }


def _posts_of(
    readable: list[Item], threads: dict[int, Thread], rows: dict[Item, _Row], *, site: Site
) -> tuple[PostContent, ...]:
    """Returns the threads of items: those whose page is news first, each kind in its order."""
    pages = _page_ids(thread_id for thread_id, comment_id in readable if not comment_id)
    shown = defaultdict(list)
    counts = defaultdict[int, int](int)
    for row in rows.values():
        counts[row.thread_id] += 1
    for comment in _comments_of(rows, site=site):
        shown[comment[0]].append(comment[1])
    order = dict.fromkeys(thread_id for thread_id, _ in readable)
    return tuple(
        PostContent(
            thread_id=thread_id,
            title=threads[thread_id].title,
            link=page_of(threads[thread_id], site=site),
            excerpt=threads[thread_id].excerpt,
            page_id=pages.get(thread_id),
            comments=tuple(shown[thread_id]),
            comment_count=counts[thread_id],
        )
        for thread_id in sorted(order, key=lambda thread_id: thread_id not in pages)
    )


def _page_ids(thread_ids: Iterable[int]) -> dict[int, int | None]:
    """Returns, for threads whose page is news, what the host calls the page."""
    found = Publication.objects.filter(thread_id__in=_among(thread_ids), comment=None)
    return dict(found.values_list("thread_id", "page_id"))


def _comments_of(rows: dict[Item, _Row], *, site: Site) -> list[tuple[int, CommentContent]]:
    """Returns the comments that may be shown, each with its thread's id, in reading order."""
    ranked = sorted(rows.values(), key=lambda row: -row.standing)[:MOST_CANDIDATES]
    found = (
        Comment.objects.filter(pk__in=_among(row.id for row in ranked), visible=True)
        .select_related("thread", "reply_to")
        .order_by("thread_id", "path")
    )
    return [(comment.thread_id, _content_of(comment, site=site)) for comment in found]


def _content_of(comment: Comment, *, site: Site) -> CommentContent:
    answered = comment.reply_to
    published_at: datetime | None = comment.published_at
    return CommentContent(
        id=comment.pk,
        version=comment.version,
        number=comment.number or 0,
        root_number=comment.root_number or comment.number or 0,
        author=comment.author_name,
        html=comment.html,
        link=link_to(comment, site=site),
        published_at=published_at,
        votes=comment.votes_up - comment.votes_down,
        replies=comment.total_count,
        answers=(
            Answered(
                id=answered.pk,
                version=answered.version,
                number=answered.number or 0,
                author=answered.author_name,
                html=answered.html,
            )
            if answered is not None and answered.visible
            else None
        ),
    )


def _wish_of(selection: Selection, threads: dict[int, Thread], *, digest: str) -> tuple[str, str]:
    """Returns what a subscription is of, as readers are told it, and how often mail comes."""
    if selection.kind == "digest":
        return "", ""
    scope, frequency = selection.scope, "instant"
    if selection.kind == "confirmation":
        _, scope, frequency = selection.scope.split(" ")
    thread = None
    if scope.startswith("thread-"):
        pk = int(scope.removeprefix("thread-"))
        thread = threads.get(pk) or Thread.objects.get(pk=pk)
    elif scope not in {"site", "answers"}:
        raise ValueError(f"there is no scope {scope!r}")
    subscription = Subscription(
        thread=thread, participant_id=SOME if scope == "answers" else None, frequency=frequency
    )
    return label_of(subscription, digest=digest), frequency
