"""What a mail to subscribers holds, as plain values, and which of it is shown when not all fits.

Mail programs cut a mail off somewhere above 100,000 bytes of HTML, and with it the link to leave.
So what matters most is shown, and the rest is linked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

Item = tuple[int, int]
"""A thread and a comment in it; 0 is the page of the thread."""

MOST_CANDIDATES = 150
"""Comments that may be shown: more never fit."""
MOST_POSTS = 60


@dataclass(frozen=True, slots=True)
class Answered:
    """What a comment answers; readers can see it."""

    id: int
    version: int
    number: int
    author: str
    html: str


@dataclass(frozen=True, slots=True)
class CommentContent:
    """A comment that readers can see."""

    id: int
    version: int
    number: int
    root_number: int
    author: str
    html: str
    """As it is stored; empty where it is no candidate for being shown."""
    link: str
    published_at: datetime | None
    votes: int
    """Up less down."""
    replies: int
    answers: Answered | None = None


@dataclass(frozen=True, slots=True)
class PostContent:
    """A page with its comments that are news."""

    thread_id: int
    title: str
    link: str
    excerpt: str
    page_id: int | None
    """What the host calls the page, where the page itself is news."""
    comments: tuple[CommentContent, ...]
    """Those that may be shown, in reading order."""
    comment_count: int
    """All that are news."""


@dataclass(frozen=True, slots=True)
class EditionContent:
    """What one edition is made of: the same values make the same bytes."""

    kind: str
    scope: str
    period: str
    items: list[Item]
    """What of the selection can be read now, in its order."""
    threads_version: int
    """Sum of the versions of all threads of the selection."""
    site_id: int
    site_name: str
    origin: str
    digest_name: str
    postal_address: str
    language: str = "en"
    """That the mail is written in."""
    posts: tuple[PostContent, ...] = ()
    """Those with a new page first."""
    label: str = ""
    """What a subscription is of, as readers are told it; empty for a digest."""
    frequency: str = ""
    """Of the subscription that a mail asks to confirm."""


@dataclass(frozen=True, slots=True)
class ShownPost:
    """A post as far as it is shown."""

    post: PostContent
    comments: tuple[CommentContent, ...]

    @property
    def left_out(self) -> int:
        """Returns how many comments are not shown."""
        return self.post.comment_count - len(self.comments)


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of an edition."""

    posts: tuple[ShownPost, ...]
    posts_left_out: int
    comments_left_out: int
    """Of posts that are not shown at all."""


def standing(votes: int, replies: int) -> int:
    """Returns by what comments are ranked where not all can be shown: the greater, the earlier."""
    return votes + replies


def by_rank(comments: Iterable[CommentContent]) -> list[CommentContent]:
    """Returns comments by votes and replies; what is equal in that stays in its order."""
    return sorted(comments, key=lambda one: -standing(one.votes, one.replies))


def shown_within(
    posts: Sequence[PostContent],
    *,
    most_bytes: int,
    post_bytes: Callable[[PostContent], int],
    comment_bytes: Callable[[CommentContent], int],
) -> Shown:
    """Returns what is shown of posts when it may take so many bytes.

    New pages come first, then the posts with the most regarded comments; then the comments of all
    of them by votes and replies. What is shown stands in reading order.

    Args:
        post_bytes: what the head of a post takes.
        comment_bytes: what a comment takes.
    """
    left = most_bytes
    heads: list[PostContent] = []
    for post in _posts_by_rank(posts)[:MOST_POSTS]:
        size = post_bytes(post)
        if size > left:
            break
        left -= size
        heads.append(post)
    taken: set[int] = set()
    for comment in by_rank(comment for post in heads for comment in post.comments):
        size = comment_bytes(comment)
        if size > left:
            break
        left -= size
        taken.add(comment.id)
    chosen = {post.thread_id for post in heads}
    return Shown(
        posts=tuple(
            ShownPost(post, tuple(one for one in post.comments if one.id in taken))
            for post in posts
            if post.thread_id in chosen
        ),
        posts_left_out=len(posts) - len(heads),
        comments_left_out=sum(one.comment_count for one in posts if one.thread_id not in chosen),
    )


def _posts_by_rank(posts: Sequence[PostContent]) -> list[PostContent]:
    def rank(post: PostContent) -> tuple[bool, int]:
        best = max((standing(one.votes, one.replies) for one in post.comments), default=0)
        return post.page_id is None, -best

    return sorted(posts, key=rank)
