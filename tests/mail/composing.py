"""Contents of mails as tests need them, and their copies as a mail program reads them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from typing import Any

from comments.mail import Composed, Splicer, Values, compose_edition
from comments.rules.editions import Answered, CommentContent, EditionContent, PostContent

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
TOKEN = "Zk3-_" + "x" * 27
ORIGIN = "https://blog.example"
VALUES = Values("ana@example.org", TOKEN, 17, 3, datetime(2026, 11, 24, 6, 0, 5, tzinfo=UTC))
BERLIN = timezone(timedelta(hours=1))


def comment(number: int = 1, html: str | None = None, **fields: Any) -> CommentContent:
    """Returns a comment, whose id is 1,000 more than its number."""
    values: dict[str, Any] = {
        "id": 1_000 + number,
        "version": 1,
        "number": number,
        "root_number": number,
        "author": "Ted",
        "html": html if html is not None else f"<p>Text number {number}.</p>",
        "link": f"{ORIGIN}/posts/a/?comment={number}#comment-{number}",
        "published_at": AT,
        "votes": 0,
        "replies": 0,
        **fields,
    }
    return CommentContent(**values)


def post(*comments: CommentContent, **fields: Any) -> PostContent:
    """Returns a post with comments; its page is no news."""
    values: dict[str, Any] = {
        "thread_id": 5,
        "title": "On bridges",
        "link": f"{ORIGIN}/posts/a/",
        "excerpt": "",
        "page_id": None,
        "comments": comments,
        "comment_count": len(comments),
        **fields,
    }
    return PostContent(**values)


def digest(*posts: PostContent, **fields: Any) -> EditionContent:
    """Returns what a daily digest is made of."""
    values: dict[str, Any] = {
        "kind": "digest",
        "scope": "digest",
        "period": "2026-11-23",
        "items": [],
        "threads_version": 1,
        "site_id": 1,
        "site_name": "The blog",
        "origin": ORIGIN,
        "digest_name": "The blog Daily Digest",
        "postal_address": "1 Main Street, Springfield",
        "posts": posts or (post(comment()),),
        **fields,
    }
    return EditionContent(**values)


def instant(*posts: PostContent, scope: str = "thread-5", **fields: Any) -> EditionContent:
    """Returns what a mail at once is made of."""
    values: dict[str, Any] = {"label": "comments on “On bridges”", "frequency": "instant"}
    made = digest(*posts, kind="instant", scope=scope, period="")
    return replace(made, **{**values, **fields})


def confirmation(scope: str = "confirm site daily", **fields: Any) -> EditionContent:
    """Returns what a mail that asks for confirmation is made of."""
    values: dict[str, Any] = {"label": "The blog Daily Digest", "frequency": "daily", **fields}
    return replace(digest(kind="confirmation", scope=scope, period=""), posts=(), **values)


def answer(number: int, html: str, author: str = "Ana") -> Answered:
    """Returns what a comment answers."""
    return Answered(number, 1, number, author, html)


def copy_of(content: EditionContent | Composed, values: Values = VALUES) -> bytes:
    """Returns somebody's copy."""
    composed = compose_edition(content) if isinstance(content, EditionContent) else content
    return Splicer(composed.template).message(values)


def parsed(copy: bytes | EditionContent) -> EmailMessage:
    """Returns a copy as a mail program reads it; nothing in it is wrong."""
    copy = copy_of(copy) if isinstance(copy, EditionContent) else copy
    message = BytesParser(policy=SMTP).parsebytes(copy)
    assert [part.defects for part in message.walk() if part.defects] == []
    assert [header.defects for header in message.values() if header.defects] == []
    return message


def parts_of(copy: bytes | EditionContent) -> tuple[str, str]:
    """Returns the HTML and the text of a copy."""
    message = parsed(copy)
    text, html = message.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    return html.get_content().replace("\r\n", "\n"), text.get_content().replace("\r\n", "\n")


def header_lines(copy: bytes) -> list[bytes]:
    """Returns the raw lines of the header."""
    return copy.partition(b"\r\n\r\n")[0].split(b"\r\n")


def header_names(copy: bytes) -> list[str]:
    """Returns the names of all headers, in their order."""
    return [
        line.partition(b":")[0].decode() for line in header_lines(copy) if line[:1] not in b" \t"
    ]


def is_sound(copy: bytes) -> None:
    """Checks what holds for the bytes of every copy, whatever is in it."""
    assert copy.isascii()
    assert b"\x00" not in copy
    assert re.search(rb"(?<!\r)\n|\r(?!\n)", copy) is None
    head, _, body = copy.partition(b"\r\n\r\n")
    assert max(map(len, head.split(b"\r\n"))) <= 998
    # RFC 2045, 6.7: 76 with the sign at the end of a line.
    assert max(map(len, body.split(b"\r\n"))) <= 76
