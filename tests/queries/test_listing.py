"""Pages of a thread: complete, each comment once, at a constant number of queries."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from pytest_django import DjangoAssertNumQueries

from comments.actions.voting import cast_vote
from comments.errors import CursorInvalid
from comments.models import Comment, Thread
from comments.queries.comments import Item
from comments.queries.listing import (
    Page,
    Shape,
    context_of,
    list_comments,
    list_replies,
    replies_cursor,
)
from comments.queries.threads import ThreadHead, thread_by_key
from tests.making import decide, later, make_thread, post

pytestmark = pytest.mark.django_db

Sort = Literal["oldest", "newest", "best"]
SORTS: tuple[Sort, ...] = ("oldest", "newest", "best")


def head(thread: Thread) -> ThreadHead:
    return thread_by_key(site_id=thread.site_id, key=thread.key)


def grown_thread(*, comments: int = 40, seed: int = 1, removed: int = 6) -> Thread:
    """Returns a thread of a random shape with votes and tombstones."""
    rng = random.Random(seed)
    thread = make_thread(f"grown-{comments}-{seed}")
    made = []
    for number in range(1, comments + 1):
        to = rng.randint(1, number - 1) if number > 1 and rng.random() < 0.6 else None
        made.append(post(thread, to=to, name=f"Guest {number}"))
    for submitted in rng.sample(made, removed):
        decide(comment_id=submitted.comment.pk, action="reject", now=later(1))
    voters = [made[0].participant, made[1].participant]
    for submitted in made[2:]:
        comment = Comment.objects.get(pk=submitted.comment.pk)
        if comment.visible and rng.random() < 0.4:
            for voter in voters[: rng.randint(1, 2)]:
                cast_vote(
                    comment_id=comment.pk,
                    participant_id=voter.pk,
                    value=rng.choice([1, 1, -1]),
                    now=later(2),
                )
    return thread


def pages(thread: Thread, shape: Shape) -> Iterator[Page]:
    cursor = None
    while True:
        page = list_comments(head=head(thread), shape=shape, cursor=cursor)
        yield page
        cursor = page.next
        if cursor is None:
            return


def numbers(items: list[Item]) -> list[int]:
    return [item.number for item in items if item.number is not None]


def reading_order(thread: Thread, sort: Sort) -> list[int]:
    """Returns the order by its definition: all rows in memory, sorted."""
    rows = list(Comment.objects.filter(thread=thread, reachable=True))
    roots = {row.number: row for row in rows if row.depth == 0}

    def key(row: Comment) -> tuple[Any, ...]:
        root = roots[row.root_number]
        first = {"oldest": root.number or 0, "newest": -(root.number or 0), "best": -root.score}
        return (first[sort], root.number, bytes(row.path or b""))

    return [row.number for row in sorted(rows, key=key) if row.number]


def test_flat_pages_give_the_whole_thread_in_order() -> None:
    thread = grown_thread()
    for shape in (Shape(sort=sort, limit=limit) for sort in SORTS for limit in (1, 2, 7, 100)):
        found = [n for page in pages(thread, shape) for n in numbers(page.items)]
        assert found == reading_order(thread, shape.sort), shape


@pytest.mark.parametrize("sort", ["oldest", "newest"])
def test_previous_pages_lead_back_to_the_beginning(sort: Sort) -> None:
    thread = grown_thread()
    shape = Shape(sort=sort, limit=6)
    forwards = [numbers(page.items) for page in pages(thread, shape)]
    *_, last = pages(thread, shape)
    backwards, cursor = [numbers(last.items)], last.prev
    while cursor is not None:
        page = list_comments(head=head(thread), shape=shape, cursor=cursor)
        backwards.append(numbers(page.items))
        cursor = page.prev
    assert [n for page in reversed(backwards) for n in page] == [n for p in forwards for n in p]


@pytest.mark.parametrize("sort", SORTS)
def test_comments_and_votes_between_pages_make_none_skipped_or_repeated(sort: Sort) -> None:
    thread = grown_thread()
    before = set(reading_order(thread, sort))
    voter = post(thread, name="Voter").participant
    rng = random.Random(7)
    found: list[int] = []
    for page in pages(thread, Shape(sort=sort, limit=4)):
        found += numbers(page.items)
        post(thread, to=None, name="Late")
        target = Comment.objects.filter(thread=thread, visible=True, depth=0).order_by("?").first()
        if target is not None and target.author_id != voter.pk:
            value = rng.choice([1, -1])
            cast_vote(comment_id=target.pk, participant_id=voter.pk, value=value, now=later(3))
        if len(found) > 200:
            break
    assert len(found) == len(set(found))
    assert before <= set(found)


def walk(items: list[Item]) -> Iterator[Item]:
    for item in items:
        yield item
        yield from walk(item.children)


@pytest.mark.parametrize("sort", SORTS)
def test_tree_shows_every_cut_as_a_hole_that_leads_to_the_rest(sort: Sort) -> None:
    thread = grown_thread(comments=60, seed=3)
    shape = Shape(shape="tree", sort=sort, limit=5, depth=2, per_parent=1)
    seen: list[int] = []

    def follow(items: list[Item]) -> None:
        for item in walk(items):
            seen.append(item.number or 0)
            assert (item.shown < item.total_count) == bool(
                sum(1 for below in walk([item]) if below.more_after is not None)
            )
            cursor = replies_cursor(item)
            while cursor is not None:
                page = list_replies(
                    head=head(thread), number=item.number or 0, shape=shape, cursor=cursor
                )
                follow(page.items)
                cursor = page.next

    roots: list[int] = []
    for page in pages(thread, shape):
        assert all(item.depth == 0 for item in page.items)
        roots += numbers(page.items)
        follow(page.items)
    assert roots == [n for n in reading_order(thread, sort) if n in set(roots)]
    assert sorted(seen) == sorted(reading_order(thread, "oldest"))


def test_tree_answer_holds_at_most_500_comments() -> None:
    thread = make_thread()
    for number in range(1, 41):
        post(thread, name=f"Root {number}")
    for number in range(1, 41):
        for _ in range(13):
            post(thread, to=number)
    shape = Shape(shape="tree", limit=40, depth=3, per_parent=50)
    page = list_comments(head=head(thread), shape=shape, cursor=None)
    assert sum(1 for _ in walk(page.items)) == 500
    assert sum(item.total_count - item.shown for item in page.items) == 40 + 40 * 13 - 500


@pytest.mark.parametrize("sort", SORTS)
def test_replies_read_at_once_are_those_that_are_read_level_by_level(
    sort: Sort, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = grown_thread(comments=60, seed=3, removed=9)
    shapes = [
        Shape(shape="tree", sort=sort, limit=limit, depth=depth, per_parent=per_parent, most=most)
        for limit in (3, 50)
        for depth in (1, 3, 4, 10)
        for per_parent in (1, 2, 50)
        for most in (4, 17, 500)
    ]
    at_once = [list(pages(thread, shape)) for shape in shapes]
    monkeypatch.setattr("comments.queries.listing.FEW_REPLIES", 0)
    for shape, found in zip(shapes, at_once, strict=True):
        assert found == list(pages(thread, shape)), shape


def test_replies_are_read_at_once_up_to_a_bound_that_tombstones_count_for(
    django_assert_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = make_thread()
    for to in (None, 1, 2, 3, 3):
        post(thread, to=to)
    gone = Comment.objects.get(thread=thread, number=2)
    decide(comment_id=gone.pk, action="reject", now=later(1))
    shape, known = Shape(shape="tree", depth=6), head(thread)
    # Below the root are three comments that can be read, and a tombstone.
    for few, queries in ((4, 3), (3, 6), (2, 5)):
        monkeypatch.setattr("comments.queries.listing.FEW_REPLIES", few)
        with django_assert_num_queries(queries):
            page = list_comments(head=known, shape=shape, cursor=None)
        assert numbers(list(walk(page.items))) == [1, 2, 3, 4, 5]


def test_since_number_lists_arrivals_in_order() -> None:
    thread = grown_thread(removed=0)
    shape = Shape(since_number=30, limit=4)
    found = [n for page in pages(thread, shape) for n in numbers(page.items)]
    assert found == list(range(31, 41))


def test_cursor_of_another_list_thread_or_forger_is_refused() -> None:
    thread, other = grown_thread(), grown_thread(seed=2)
    cursor = list_comments(head=head(thread), shape=Shape(limit=2), cursor=None).next
    assert cursor is not None
    for shape in (Shape(sort="newest"), Shape(sort="best"), Shape(shape="tree")):
        with pytest.raises(CursorInvalid):
            list_comments(head=head(thread), shape=shape, cursor=cursor)
    with pytest.raises(CursorInvalid):
        list_comments(head=head(other), shape=Shape(), cursor=cursor)
    for forged in ("x", cursor + "A", cursor[:-1], "ä:ö", "::", "\ud800", "\x00", cursor[::-1]):
        with pytest.raises(CursorInvalid):
            list_comments(head=head(thread), shape=Shape(), cursor=forged)


def test_context_is_ancestors_comment_and_first_replies() -> None:
    thread = make_thread()
    post(thread)
    for number in range(1, 5):
        post(thread, to=number)
    post(thread, to=3)
    found = context_of(head=head(thread), number=3, shape=Shape(shape="tree"))
    assert numbers(found.ancestors) == [1, 2]
    assert found.comment.number == 3
    assert numbers(found.comment.children) == [4, 6]


QUERIES = [
    (Shape(), 2),
    (Shape(sort="newest"), 2),
    (Shape(sort="best", limit=5), 4),
    (Shape(since_number=3), 2),
    (Shape(shape="tree"), 3),
]


def test_number_of_queries_is_the_same_for_a_small_and_a_large_thread(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for comments in (20, 80):
        known = head(grown_thread(comments=comments, seed=5, removed=2))
        for shape, queries in QUERIES:
            with django_assert_num_queries(queries, info=f"{comments} comments: {shape}"):
                assert list_comments(head=known, shape=shape, cursor=None).items
