"""Every read takes the same few queries in a thread of 10 comments and in one of 100,000.

One test, since filling the large thread is what it costs. Both threads end with a root that has a
reply with a reply, and such a chain stands below the other roots that are asked for: then a read
of the same kind has the same to do in both, and only the size is another.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.sites.models import Site
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.http import urlencode

from comments.actions.generating import generate_thread
from comments.actions.voting import cast_vote
from comments.models import Comment, Thread
from comments.queries import sites
from comments.queries.cursors import write_cursor
from comments.queries.listing import BEST_ROOTS, Shape, list_binding
from comments.queries.pages import page_store
from comments.queries.threads import ThreadHead, thread_by_key
from tests.making import comment_token, post

pytestmark = pytest.mark.django_db

SMALL, LARGE = 10, 100_000
SEED = 1
"""With it, the few comments of the small thread are two roots and a reply to the first."""
CHAIN = 2
"""Replies below each root that is asked for: one, and one to that."""

LIST = "/api/v1/threads/{key}/comments/"
TREE = LIST + "?shape=tree&limit=1&per_parent=50"
FLAT = LIST + "?limit=2"
THREAD = "/api/v1/threads/{key}/"

READS: dict[str, tuple[str, int]] = {
    "thread": (THREAD, 1),
    "thread by key": ("/api/v1/threads/?key={key}", 1),
    "thread by address": ("/api/v1/threads/?url={page}", 1),
    # One for the thread, one for the rows, three for what they name and who names them.
    "flat": (LIST, 3),
    "flat, middle page": (FLAT + "&cursor={flat_middle}", 3),
    "flat, page before": (FLAT + "&cursor={flat_before}", 3),
    "flat, last page": (FLAT + "&cursor={flat_last}", 3),
    "flat, newest": (FLAT + "&sort=newest", 3),
    # And one for the rest of the root that the page before ended in.
    "flat, newest, middle page": (FLAT + "&sort=newest&cursor={newest_middle}", 4),
    "flat, newest, last page": (FLAT + "&sort=newest&cursor={newest_last}", 4),
    # And one for what stands below the roots.
    "flat, best": (FLAT + "&sort=best", 4),
    "flat, best, second page": (FLAT + "&sort=best&cursor={flat_best_second}", 4),
    "flat, best, middle page": (FLAT + "&sort=best&cursor={flat_best_middle}", 4),
    "flat, best, last page": (FLAT + "&sort=best&limit=9&cursor={flat_best_last}", 4),
    "flat, since a number": (FLAT + "&since_number=3", 3),
    # And one for each level of replies.
    "tree": (TREE, 4),
    "tree, middle page": (TREE + "&cursor={tree_middle}", 4),
    "tree, last page": (TREE + "&cursor={tree_last}", 4),
    "tree, newest": (TREE + "&sort=newest", 4),
    "tree, newest, middle page": (TREE + "&sort=newest&cursor={tree_newest_middle}", 4),
    "tree, newest, last page": (TREE + "&sort=newest&cursor={tree_newest_last}", 4),
    "tree, best": (TREE + "&sort=best", 4),
    "tree, best, second page": (TREE + "&sort=best&cursor={tree_best_second}", 4),
    "tree, best, middle page": (TREE + "&sort=best&cursor={tree_best_middle}", 4),
    "tree, best, last page": (TREE + "&sort=best&cursor={tree_best_last}", 4),
    "comment": (LIST + "{middle}/", 3),
    "comment by id": ("/api/v1/comments/{middle_id}/", 3),
    "context of a root": (LIST + "{middle}/context/", 4),
    "context of a reply": (LIST + "{reply}/context/", 5),
    "replies": (LIST + "{middle}/replies/", 5),
    "changes, all": (THREAD + "changes/", 2),
    "changes, the last": (THREAD + "changes/?since={recent_version}", 2),
    "participants": (THREAD + "participants/?q=a", 2),
    "counts": ("/api/v1/counts/?key={key}&key=nothing", 1),
    "feed": ("/threads/{key}/feed.atom", 2),
    "feed of the site": ("/comments/feed.atom", 3),
}
"""What is read, and in how many queries."""

CONDITIONAL = ("thread", "flat", "tree, best", "context of a reply", "changes, all", "feed")
"""Reads that a client has already: one query each."""


def filled(size: int) -> dict[str, Any]:
    """Returns what the reads of ``READS`` ask for, in a new thread of about so many comments."""
    key = f"of-{size}"
    thread = generate_thread(site_id=1, key=key, comments=size - 3 * CHAIN - 1, seed=SEED)
    roots = Comment.objects.filter(thread=thread, depth=0, visible=True)
    first = roots.order_by("number")[0]
    middle = roots.filter(number__gte=thread.last_number // 2 + 1, total_count=0).order_by(
        "number"
    )[0]
    best = list(roots.order_by("-score", "number")[:2])
    last = post(thread, name="Zoe")
    asked = {one.number for one in (first, middle, *best, last.comment)}
    replies = {number: with_chain(thread, number) for number in asked if number is not None}
    assert middle.number is not None
    assert last.comment.number is not None
    cast_vote(
        comment_id=middle.pk, participant_id=last.participant.pk, value=1, now=middle.created_at
    )
    client = Client()
    client.get(f"/api/v1/threads/{key}/")  # shows the votes, once
    head = thread_by_key(site_id=1, key=key)
    return {
        "key": key,
        "page": head.page,
        "middle": middle.number,
        "middle_id": middle.pk,
        "reply": replies[middle.number],
        "recent_version": head.version - 5,
        "token": comment_token(last),
        **cursors(head, middle=middle.number, last=last.comment.number, best=best[0]),
    }


def with_chain(thread: Thread, number: int) -> int:
    """Returns the number of a new reply to a comment, which has a reply itself."""
    reply = post(thread, to=number).comment.number
    assert reply is not None
    post(thread, to=reply)
    return reply


def cursors(head: ThreadHead, *, middle: int, last: int, best: Comment) -> dict[str, str]:
    """Returns cursors into the middle and to the last page of each list."""
    comments = Comment.objects.filter(thread_id=head.id, reachable=True)

    def path(**lookups: Any) -> str:
        return bytes(comments.filter(**lookups).order_by("-path")[0].path or b"").hex()

    def cursor(position: list[Any], **shape: Any) -> str:
        return write_cursor(position, binding=list_binding(head, Shape(**shape)))

    roots = comments.filter(depth=0)
    first, second = roots.order_by("number").values_list("number", flat=True)[:2]
    before_middle = roots.filter(number__lt=middle).order_by("-number")[0].number
    before_last = roots.filter(number__lt=last).order_by("-number")[0].number
    after_middle = roots.filter(number__gt=middle).order_by("number")[0].number
    in_first = comments.filter(root_number=first).order_by("-path")[1]
    # Numbers of nobody: as many as are shown before the rest follows.
    passed = list(range(10**9, 10**9 + BEST_ROOTS))
    newest: dict[str, Any] = {"sort": "newest"}
    by_score: dict[str, Any] = {"sort": "best"}
    found = {
        "flat_middle": cursor(["n", path(number=middle)]),
        "flat_before": cursor(["p", path(number=middle)]),
        "flat_last": cursor(["n", path(number=last)]),
        "newest_middle": cursor(["n", path(root_number=after_middle)], **newest),
        "newest_last": cursor(["n", bytes(in_first.path or b"").hex()], **newest),
        "tree_middle": cursor(["n", before_middle], shape="tree"),
        "tree_last": cursor(["n", before_last], shape="tree"),
        "tree_newest_middle": cursor(["n", after_middle], shape="tree", **newest),
        "tree_newest_last": cursor(["n", second], shape="tree", **newest),
    }
    for shape in ("flat", "tree"):
        found |= {
            f"{shape}_best_second": cursor([[best.number], 0, None], shape=shape, **by_score),
            f"{shape}_best_middle": cursor([passed, before_middle, None], shape=shape, **by_score),
            f"{shape}_best_last": cursor([passed, before_last, None], shape=shape, **by_score),
        }
    return found


def queries_of(address: str, *, expected: int = 200, **headers: str) -> int:
    """Returns how many queries a read takes that no process has stored."""
    client = Client()
    page_store().clear()
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address, headers=headers)
    assert answer.status_code == expected, (address, answer.content[:300])
    return len(queries)


def counted(asked: dict[str, Any]) -> dict[str, int]:
    """Returns the number of queries of each read of one thread."""
    found = {name: queries_of(address.format(**asked)) for name, (address, _) in READS.items()}
    for name in CONDITIONAL:
        address = READS[name][0].format(**asked)
        etag = Client().get(address)["ETag"]
        headers = {"if-none-match": etag}
        found[f"{name}, 304"] = queries_of(address, expected=304, **headers)
    viewer = f"/api/v1/viewer/?{urlencode({'thread': asked['key']})}"
    found["viewer, a stranger"] = queries_of(viewer)
    found["viewer, a guest"] = queries_of(viewer, **asked["token"])
    return found


def test_each_read_takes_the_same_few_queries_in_a_thread_of_10_and_of_100_000_comments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Kept from the first request on, for longer than for a few seconds here.
    monkeypatch.setattr(sites, "KEEP_SECONDS", 3600)
    sites.profile_of(Site.objects.get_current())
    expected = {name: queries for name, (_, queries) in READS.items()}
    expected |= {f"{name}, 304": 1 for name in CONDITIONAL}
    expected |= {"viewer, a stranger": 1, "viewer, a guest": 5}
    # The large one first: PostgreSQL goes on checking foreign keys as it planned to when the tables
    # were small, which makes filling the large one take minutes.
    for size in (LARGE, SMALL):
        assert counted(filled(size)) == expected, size
