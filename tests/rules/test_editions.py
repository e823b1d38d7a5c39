"""Which posts and comments of an edition are shown when not all fit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from comments.rules.editions import CommentContent, PostContent, Shown, by_rank, shown_within
from tests.mail.composing import comment, post


def fitted(*posts: PostContent, most: int) -> Shown:
    """Returns what is shown where a post takes 10 and a comment 5."""
    return shown_within(posts, most_bytes=most, post_bytes=lambda _: 10, comment_bytes=lambda _: 5)


def numbers(shown: Shown) -> list[list[int]]:
    return [[one.number for one in post.comments] for post in shown.posts]


def test_all_is_shown_where_there_is_room() -> None:
    shown = fitted(post(comment(1), comment(2)), post(comment(3), thread_id=6), most=35)
    assert numbers(shown) == [[1, 2], [3]]
    assert (shown.posts_left_out, shown.comments_left_out) == (0, 0)
    assert [one.left_out for one in shown.posts] == [0, 0]


def test_what_is_regarded_most_is_shown_in_reading_order() -> None:
    one = post(comment(1, votes=3), comment(2, votes=-1), comment(3, votes=1, replies=9))
    assert numbers(fitted(one, most=20)) == [[1, 3]]
    assert numbers(fitted(one, most=15)) == [[3]]
    assert fitted(one, most=15).posts[0].left_out == 2


def test_comments_that_were_no_candidates_are_counted() -> None:
    assert fitted(post(comment(1), comment_count=38), most=99).posts[0].left_out == 37


def test_new_posts_come_before_regarded_ones() -> None:
    loud = post(comment(1, votes=99), comment(2, votes=98), thread_id=1)
    quiet = post(page_id=7, thread_id=2)
    shown = fitted(loud, quiet, most=19)
    assert [one.post.page_id for one in shown.posts] == [7]
    assert (shown.posts_left_out, shown.comments_left_out) == (1, 2)


def test_posts_with_regarded_comments_come_before_others() -> None:
    posts = [post(comment(n, votes=n), thread_id=n) for n in range(1, 6)]
    assert [one.post.thread_id for one in fitted(*posts, most=20).posts] == [4, 5]


def test_equals_keep_their_order() -> None:
    ranked = by_rank([comment(2), comment(1), comment(3, votes=1)])
    assert [one.number for one in ranked] == [3, 2, 1]


VOTES = st.lists(st.lists(st.integers(-5, 5), max_size=6), max_size=8)


@given(VOTES, st.integers(0, 200))
def test_the_bound_holds_and_nothing_is_lost_count_of(votes: list[list[int]], most: int) -> None:
    number = iter(range(1, 1_000))
    posts = [
        post(*(comment(next(number), votes=one) for one in some), thread_id=thread_id)
        for thread_id, some in enumerate(votes)
    ]
    shown = fitted(*posts, most=most)
    comments: list[CommentContent] = [one for part in shown.posts for one in part.comments]
    assert 10 * len(shown.posts) + 5 * len(comments) <= most
    assert len(shown.posts) + shown.posts_left_out == len(posts)
    left = sum(one.left_out for one in shown.posts) + shown.comments_left_out
    assert len(comments) + left == sum(map(len, votes))
