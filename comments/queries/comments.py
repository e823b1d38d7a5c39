"""Comments as readers get them: rows joined with their mentions, references and replies.

``items_from`` takes rows of ``ROW`` and needs three queries however many there are: mentions with
the latest comment of whoever they name, references from these comments, references to them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from comments.errors import NotFound
from comments.models import Comment, Status, Thread
from comments.queries.sites import absolute, thread_path
from comments.queries.statements import any_of, fetch
from comments.queries.threads import ThreadHead
from comments.rules.threading import BYTES_PER_LEVEL
from comments.words import gettext_noop

REFERENCES_SHOWN = 50
"""At most this many back-links of one comment are listed; ``more_referrers`` tells of more."""


@dataclass(frozen=True, slots=True)
class ItemMention:
    """A mention; ``number`` is the latest comment of whoever is meant, if he can be told."""

    text: str
    start: int
    end: int
    number: int | None


@dataclass(slots=True)
class Item:
    """One comment, or the tombstone of one, as a reader may see it."""

    id: int
    number: int | None
    thread_key: str
    page: str
    thread_address: str
    """Of the thread in the API, with its origin."""
    parent: int | None
    root: int | None
    depth: int
    status: str
    tombstone: str | None
    """``author``, ``moderator`` or ``erasure``; ``None`` for a comment that can be read."""
    replies_policy: str
    author_id: int | None
    author_name: str
    author_url: str
    badges: list[str]
    html: str
    written_at: datetime | None
    published_at: datetime | None
    edited_at: datetime | None
    edits: int
    votes_up: int
    votes_down: int
    direct_count: int
    total_count: int
    version: int
    created_at: datetime
    path: bytes
    position: int
    """Among its siblings, from 0; a held comment has none and carries 0."""
    mentions: list[ItemMention] = field(default_factory=list)
    refers_to: list[int] = field(default_factory=list)
    referred_from: list[int] = field(default_factory=list)
    more_referrers: bool = False
    children: list[Item] = field(default_factory=list)
    shown: int = 0
    """How many of the ``total_count`` visible replies are in the same answer."""
    more_after: int | None = None
    """Position of the last direct reply shown, if further ones were cut; -1 if none is shown."""

    @property
    def state(self) -> str:
        """Returns the state for those who may see it; readers know ``published`` alone."""
        return Status.PUBLISHED if self.status == Status.APPROVED else self.status


ROW = (
    "id",
    "number",
    "reply_to__number",
    "root_number",
    "depth",
    "status",
    "visible",
    "deleted_at",
    "erased_at",
    "replies_policy",
    "author_id",
    "author_name",
    "author_url",
    "badges",
    "html",
    "written_at",
    "published_at",
    "edited_at",
    "edits",
    "votes_up",
    "votes_down",
    "direct_count",
    "total_count",
    "version",
    "created_at",
    "path",
    "position",
)
"""The columns that ``items_from`` reads."""

Row = dict[str, Any]


def rows_of(comments: QuerySet[Comment]) -> QuerySet[Comment, Row]:
    """Returns the rows of ``comments`` in the shape that ``items_from`` takes."""
    rows: QuerySet[Comment, Row] = comments.values(*ROW)
    return rows


def reachable_in(thread_id: int) -> QuerySet[Comment]:
    """Returns what a reader can reach in a thread: visible comments, tombstones that stand."""
    return Comment.objects.filter(thread_id=thread_id, reachable=True)


_WRITTEN = {"reply_to__number": "answered.number", "badges": "CAST(comment.badges AS text)"}
_COLUMNS = ", ".join(_WRITTEN.get(name, f"comment.{name}") for name in ROW)
_SELECT = (
    f"SELECT {_COLUMNS} FROM comments_comment comment"  # noqa: S608
    " LEFT JOIN comments_comment answered ON answered.id = comment.reply_to_id WHERE "
)


@dataclass(frozen=True, slots=True)
class Rows:
    """The comments of a list, as a statement written out: its columns are those of ``comment``."""

    conditions: str
    parameters: tuple[Any, ...]
    order: str = "comment.path"

    def where(self, condition: str, *parameters: Any) -> Rows:
        """Returns those of them that meet a condition too, with ``%s`` for each parameter."""
        return Rows(
            f"{self.conditions} AND {condition}", (*self.parameters, *parameters), self.order
        )

    def by(self, order: str) -> Rows:
        """Returns them in another order."""
        return Rows(self.conditions, self.parameters, order)

    def read(self, limit: int | None = None) -> list[Row]:
        """Returns the first ``limit`` of them, or all, in the shape that ``items_from`` takes."""
        statement = f"{_SELECT}{self.conditions} ORDER BY {self.order}"
        parameters = self.parameters
        if limit is not None:
            statement += " LIMIT %s"
            parameters = (*parameters, limit)
        return [_row(values) for values in fetch(statement, parameters)]


def _row(values: Sequence[Any]) -> Row:
    row = dict(zip(ROW, values, strict=True))
    row["badges"] = json.loads(row["badges"]) if row["badges"] != "[]" else []
    return row


def reachable_rows(thread_id: int) -> Rows:
    """Returns what a reader can reach in a thread, as ``reachable_in`` does, in reading order."""
    return Rows("comment.thread_id = %s AND comment.reachable", (thread_id,))


def items_from(rows: Iterable[Row], *, head: ThreadHead, own: bool = False) -> list[Item]:
    """Returns one item for each row, in their order: three queries.

    Args:
        rows: of ``rows_of``, all of the thread ``head``.
        own: the reader may see these comments though readers may not (their author, a
            moderator): what is not visible comes with its text instead of as a tombstone.
    """
    address = absolute(thread_path(head.key))
    page = head.page
    items = [_item(row, key=head.key, page=page, address=address, own=own) for row in rows]
    readable = {item.id: item for item in items if item.tombstone is None}
    numbered = {item.number: item for item in items if item.number is not None}
    if readable:
        _add_mentions(readable, thread_id=head.id)
        _add_references(readable)
    if numbered:
        _add_referrers(numbered, thread_id=head.id)
    return items


def _item(row: Row, *, key: str, page: str, address: str, own: bool) -> Item:
    path = bytes(row["path"]) if row["path"] is not None else b""
    item = Item(
        id=row["id"],
        number=row["number"],
        thread_key=key,
        page=page,
        thread_address=address,
        parent=row["reply_to__number"],
        root=int.from_bytes(path[:BYTES_PER_LEVEL], "big") if path else None,
        depth=row["depth"],
        status=row["status"],
        tombstone=None,
        replies_policy=row["replies_policy"],
        author_id=row["author_id"],
        author_name=row["author_name"],
        author_url=row["author_url"],
        badges=row["badges"],
        html=row["html"],
        written_at=row["written_at"],
        published_at=row["published_at"],
        edited_at=row["edited_at"],
        edits=row["edits"],
        votes_up=row["votes_up"],
        votes_down=row["votes_down"],
        direct_count=row["direct_count"],
        total_count=row["total_count"],
        version=row["version"],
        created_at=row["created_at"],
        path=path,
        position=row["position"] or 0,
    )
    gone = row["deleted_at"] is not None or row["erased_at"] is not None
    if row["visible"] or (own and not gone):
        return item
    item.tombstone = (
        "erasure" if row["erased_at"] else "author" if row["deleted_at"] else "moderator"
    )
    item.status = Status.PUBLISHED
    item.author_id = None
    item.author_name = item.author_url = item.html = ""
    item.badges = []
    item.written_at = item.published_at = item.edited_at = None
    item.edits = item.votes_up = item.votes_down = 0
    return item


def _add_mentions(items: dict[int, Item], *, thread_id: int) -> None:
    statement = f"""
        SELECT mention.comment_id, mention.text, mention.start, mention."end", (
            SELECT latest.number FROM comments_comment latest
            WHERE latest.thread_id = %s AND latest.author_id = mention.participant_id
                AND latest.visible
            ORDER BY latest.number DESC LIMIT 1
        )
        FROM comments_mention mention WHERE {any_of("mention.comment_id")}
        ORDER BY mention.comment_id, mention.start
    """  # noqa: S608
    for comment_id, text, start, end, number in fetch(statement, [thread_id, list(items)]):
        items[comment_id].mentions.append(ItemMention(text, start, end, number))


def _add_references(items: dict[int, Item]) -> None:
    statement = f"""
        SELECT comment_id, number FROM comments_reference
        WHERE {any_of("comment_id")} AND linked ORDER BY comment_id, start
    """  # noqa: S608
    for comment_id, number in fetch(statement, [list(items)]):
        refers_to = items[comment_id].refers_to
        if number not in refers_to:
            refers_to.append(number)


_REFERRERS_ON_POSTGRESQL = """
    SELECT wanted.number, referrer.number
    FROM unnest(%s::bigint[]) wanted(number)
    CROSS JOIN LATERAL (
        SELECT DISTINCT comment_id FROM comments_reference reference
        JOIN comments_comment naming ON naming.id = reference.comment_id AND naming.visible
            AND naming.number <> wanted.number
        WHERE reference.thread_id = %s AND reference.number = wanted.number AND reference.linked
        ORDER BY reference.comment_id LIMIT %s
    ) found
    JOIN comments_comment referrer ON referrer.id = found.comment_id
    ORDER BY referrer.number
"""
_REFERRERS_ON_SQLITE = """
    SELECT wanted.value, referrer.number
    FROM json_each(%s) wanted
    CROSS JOIN comments_reference found ON found.id IN (
        SELECT min(reference.id) FROM comments_reference reference
        JOIN comments_comment naming ON naming.id = reference.comment_id AND naming.visible
            AND naming.number <> wanted.value
        WHERE reference.thread_id = %s AND reference.number = wanted.value AND reference.linked
        GROUP BY reference.comment_id
        ORDER BY reference.comment_id LIMIT %s
    )
    JOIN comments_comment referrer ON referrer.id = found.comment_id
    ORDER BY referrer.number
"""


def _add_referrers(items: dict[int, Item], *, thread_id: int) -> None:
    """Adds the first back-links of each comment, ``REFERENCES_SHOWN`` at most: one query.

    A limit for each of many numbers is beyond the ORM: it is a lateral join on PostgreSQL and a
    correlated subquery on SQLite. Both read no more of the index than they give.
    """
    on_postgresql = connection.vendor == "postgresql"
    statement = _REFERRERS_ON_POSTGRESQL if on_postgresql else _REFERRERS_ON_SQLITE
    rows = fetch(statement, [list(items), thread_id, REFERENCES_SHOWN + 1])
    for number, referrer in rows:
        item = items[number]
        if referrer in item.referred_from:
            continue
        if len(item.referred_from) < REFERENCES_SHOWN:
            item.referred_from.append(referrer)
        else:
            item.more_referrers = True


def tree_from(items: Sequence[Item], *, roots: int | None = None) -> list[Item]:
    """Returns the items that stand at the top, each with its ``children``, holes marked.

    Args:
        items: each after the one it stands below, siblings in order.
        roots: depth of the top; ``None`` takes that of the first item.
    """
    if not items:
        return []
    top_depth = items[0].depth if roots is None else roots
    by_path: dict[bytes, Item] = {item.path: item for item in items}
    top: list[Item] = []
    for item in items:
        if item.depth == top_depth:
            top.append(item)
        else:
            by_path[item.path[:-4]].children.append(item)
    for item in reversed(items):
        item.shown = sum(child.shown + (child.tombstone is None) for child in item.children)
        mark_hole(item)
    return top


def mark_hole(item: Item) -> None:
    """Sets ``more_after`` where replies of ``item`` itself are missing from ``children``.

    A reply that is shown answers for what is cut below it; so the hole of ``item`` is what no
    child accounts for.
    """
    accounted = sum(child.total_count + (child.tombstone is None) for child in item.children)
    if accounted < item.total_count:
        item.more_after = item.children[-1].position if item.children else -1


def count_shown(items: Sequence[Item]) -> None:
    """Sets ``shown`` of each item of a flat page to the visible replies below it on that page."""
    by_path: dict[bytes, Item] = {item.path: item for item in items}
    below: dict[bytes, int] = defaultdict(int)
    for item in items:
        if item.tombstone is None:
            for end in range(4, len(item.path), 4):
                below[item.path[:end]] += 1
    for path, shown in below.items():
        if path in by_path:
            by_path[path].shown = shown


def comment_by_number(*, head: ThreadHead, number: int) -> Item:
    """Returns one comment of a thread, as readers see it.

    Raises:
        NotFound: nobody can reach a comment of this number.
    """
    rows = reachable_rows(head.id).where("comment.number = %s", number).read()
    if not rows:
        raise NotFound(gettext_noop("There is no such comment."))
    item = items_from(rows, head=head)[0]
    mark_hole(item)
    return item


def head_of(comment: Comment) -> ThreadHead:
    """Returns the head of a comment's thread, from the loaded thread."""
    thread: Thread = comment.thread
    return ThreadHead(**{name: getattr(thread, name) for name in ThreadHead.__dataclass_fields__})


def item_of(comment: Comment, *, own: bool) -> Item:
    """Returns a comment as an item; ``own`` shows its text to its author or a moderator."""
    rows = Rows("comment.id = %s", (comment.pk,)).read()
    item = items_from(rows, head=head_of(comment), own=own)[0]
    mark_hole(item)
    return item


def new_item(comment: Comment) -> Item:
    """Returns a comment that names nobody and nothing, and is not named, as it was just stored.

    For its author, who is shown its text. No query.
    """
    row: Row = {name: getattr(comment, name) for name in ROW if name not in _WRITTEN}
    row["reply_to__number"] = comment.reply_to.number if comment.reply_to else None
    row["badges"] = comment.badges
    head = head_of(comment)
    address = absolute(thread_path(head.key))
    item = _item(row, key=head.key, page=head.page, address=address, own=True)
    mark_hole(item)
    return item
