"""The JSON of the contract, made from what the queries return."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from comments.conf import options
from comments.language import translated
from comments.models import Comment
from comments.queries.comments import Item
from comments.queries.listing import Page, replies_cursor
from comments.queries.sites import API, absolute, comment_path, thread_path
from comments.queries.streams import stream_address
from comments.queries.threads import ThreadHead
from comments.rules.moderation import told
from comments.views.links import feed_path

SORTS = ("oldest", "newest", "best")


def thread_json(head: ThreadHead) -> dict[str, Any]:
    """Returns a thread with its counters, limits and addresses."""
    path = absolute(thread_path(head.key))
    return {
        "key": head.key,
        "url": head.page,
        "title": head.title,
        "state": head.state,
        "version": head.version,
        "count": head.visible_count,
        "root_count": head.visible_roots,
        "next_number": head.last_number + 1,
        "moderation": "before" if head.premoderation else "after",
        "sorts": list(SORTS),
        "limits": {
            "comment_chars": options().max_comment_chars,
            "depth": options().max_depth,
            "edit_window_seconds": options().edit_window_seconds,
        },
        "links": {
            "self": path,
            "comments": f"{path}comments/",
            "changes": f"{path}changes/",
            "participants": f"{path}participants/",
            "stream": stream_address(head.key) or None,
            "feed": absolute(feed_path(head.key)),
            "page": head.page,
        },
    }


def comment_json(item: Item, *, source: str | None = None, nested: bool = False) -> dict[str, Any]:
    """Returns one comment or tombstone.

    Args:
        source: its text, for those who may edit it.
        nested: whether ``children`` belong to the answer.
    """
    gone = item.tombstone is not None
    body: dict[str, Any] = {
        "id": item.id,
        "number": item.number,
        "thread": item.place.key,
        "parent": item.parent,
        "root": item.root,
        "depth": item.depth,
        "state": item.state,
        "author": None
        if gone
        else {
            "name": item.author_name or None,
            "url": item.author_url or None,
            "badges": item.badges,
        },
        "html": None if gone else item.html,
        "written_at": item.written_at,
        "published_at": item.published_at,
        "edited_at": item.edited_at,
        "edits": item.edits,
        "votes": {"up": item.votes_up, "down": item.votes_down},
        "mentions": [
            {
                "text": mention.text,
                "start": mention.start,
                "end": mention.end,
                "number": mention.number,
            }
            for mention in item.mentions
        ],
        "references": {
            "to": item.refers_to,
            "from": item.referred_from,
            "more": item.more_referrers,
        },
        "replies": {
            "count": item.total_count,
            "direct": item.direct_count,
            "shown": item.shown,
            "next": _next_replies(item),
            "policy": item.replies_policy,
        },
        "tombstone": {"by": item.tombstone} if gone else None,
        "version": item.version,
        "links": _links(item),
    }
    if source is not None:
        body["source"] = source
    if nested:
        body["children"] = [comment_json(child, nested=True) for child in item.children]
    return body


def _next_replies(item: Item) -> str | None:
    cursor = replies_cursor(item)
    if cursor is None or item.number is None:
        return None
    return f"{comment_path(item.place.key, item.number)}replies/?cursor={quote(cursor)}"


def _links(item: Item) -> dict[str, str]:
    if item.number is None:
        return {"self": absolute(f"{API}/comments/{item.id}/"), "page": item.place.page}
    path = f"{item.place.address}comments/{item.number}/"
    return {
        "self": path,
        "page": f"{item.place.page}#comment-{item.number}",
        "context": f"{path}context/",
    }


def page_json(
    head: ThreadHead, page: Page, *, path: str, query: dict[str, str], limit: int, nested: bool
) -> tuple[dict[str, Any], str]:
    """Returns a list, and its ``Link`` header (RFC 8288) or ``""``.

    Args:
        path: of the list, without origin.
        query: parameters of the request that belong into the addresses of other pages.
    """
    neighbours = {"next": page.next, "prev": page.prev}
    addresses = {
        rel: None if cursor is None else _address(path, {**query, "cursor": cursor})
        for rel, cursor in neighbours.items()
    }
    body = {
        "thread": {
            "key": head.key,
            "version": head.version,
            "count": head.visible_count,
            "root_count": head.visible_roots,
            "state": head.state,
            "next_number": head.last_number + 1,
        },
        "items": [comment_json(item, nested=nested) for item in page.items],
        "page": {**addresses, "limit": limit},
    }
    link = ", ".join(f'<{url}>; rel="{rel}"' for rel, url in addresses.items() if url)
    return body, link


def _address(path: str, query: dict[str, str]) -> str:
    text = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    return f"{absolute(path)}?{text}"


def held_json(comment: Comment) -> dict[str, str]:
    """Returns why a comment cannot be read, and the sentence its author is told."""
    sentence = told(reason=comment.held_reason, sentence=comment.held_told)
    reason = comment.held_reason or comment.status
    return {"reason": reason, "explanation": translated(sentence)}
