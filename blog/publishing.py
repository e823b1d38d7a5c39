"""Saving a post as it is edited in the admin: its HTML, and the thread below it.

Runs in the transaction that the admin has begun for the form.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from html import unescape

from django.utils.html import strip_tags
from django.utils.text import Truncator

from blog.models import Post
from comments.actions.announcing import announce_page
from comments.actions.people import reserve_name
from comments.actions.threads import alter_thread, open_thread
from comments.models import Thread, ThreadState
from comments.rules.rendering import render_article

LONGEST_EXCERPT = 500


def save_post(post: Post, *, state: ThreadState, premoderation: bool, now: datetime) -> None:
    """Makes the post's HTML anew and saves it; a new post gets its thread.

    Args:
        post: with its edited fields, saved or not.
        state: of the thread.
        premoderation: whether comments below the post wait for a moderator.

    Raises:
        ValidationFailed: the slug is that of another thread.
    """
    post.body_html = render_article(post.body)
    post.author_notes_html = render_article(post.author_notes)
    excerpt = Truncator(unescape(strip_tags(post.body_html))).chars(LONGEST_EXCERPT)
    is_new = post.pk is None
    if is_new:
        post.thread = open_thread(
            site_id=post.site_id,
            key=post.slug,
            url=post.get_absolute_url(),
            title=post.title,
            excerpt=excerpt,
            opened_at=datetime.combine(post.published_on, time(), tzinfo=UTC),
            state=state,
            premoderation=premoderation,
        )
    else:
        alter_thread(
            thread_id=post.thread_id,
            now=now,
            title=post.title,
            excerpt=excerpt,
            state=state,
            premoderation=premoderation,
        )
    post.save()
    if is_new:
        announce_page(post.thread, page_id=post.pk, now=now)


def settle_authors(post: Post, *, now: datetime) -> None:
    """Marks the users of a post's authors as hosts of its thread; reserves the authors' names."""
    thread: Thread = post.thread
    users = []
    for authorship in post.authorships.select_related("author"):
        reserve_name(site_id=post.site_id, name=authorship.author.name, now=now)
        if authorship.author.user_id is not None:
            users.append(authorship.author.user_id)
    thread.hosts.set(users)
