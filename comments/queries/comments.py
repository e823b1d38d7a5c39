"""Comments as readers get them: rows joined with their mentions, references and replies.

``Rows`` are comments as a statement written out, ``with_names`` adds to them what they name and
what names them: one query however many there are.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import itemgetter
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from comments.errors import NotFound
from comments.models import Comment, Status, Thread
from comments.queries.sites import absolute, thread_path
from comments.queries.statements import fetch
from comments.queries.threads import ThreadHead
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


@dataclass(frozen=True, slots=True)
class Place:
    """The thread that comments are in: its key, the address of its page, its own in the API."""

    key: str
    page: str
    address: str


@dataclass(slots=True)
class Item:
    """One comment, or the tombstone of one, as a reader may see it.

    After its place its first fields are the columns of a row, in their order.
    """

    place: Place
    id: int
    number: int | None
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


_SELECT = """
    SELECT comment.id, comment.number, answered.number, comment.root_number, comment.depth,
        comment.status,
        CASE WHEN comment.visible THEN NULL WHEN comment.erased_at IS NOT NULL THEN 'erasure'
            WHEN comment.deleted_at IS NOT NULL THEN 'author' ELSE 'moderator' END,
        comment.replies_policy, comment.author_id, comment.author_name, comment.author_url,
        CAST(comment.badges AS text), comment.html, comment.written_at, comment.published_at,
        comment.edited_at, comment.edits, comment.votes_up, comment.votes_down,
        comment.direct_count, comment.total_count, comment.version, comment.created_at,
        comment.path, comment.position
    FROM comments_comment comment
    LEFT JOIN comments_comment answered ON answered.id = comment.reply_to_id WHERE
"""


@dataclass(frozen=True, slots=True)
class Rows:
    """Comments of a thread, as a statement written out: its columns are those of ``comment``.

    With ``own`` the reader may see these comments though readers may not (their author, a
    moderator): what is not visible comes with its text instead of as a tombstone.
    """

    head: ThreadHead
    conditions: str
    parameters: tuple[Any, ...]
    order: str = "comment.path"
    own: bool = False

    def where(self, condition: str, *parameters: Any) -> Rows:
        """Returns those of them that meet a condition too, with ``%s`` for each parameter."""
        conditions = f"{self.conditions} AND {condition}"
        return replace(self, conditions=conditions, parameters=(*self.parameters, *parameters))

    def by(self, order: str) -> Rows:
        """Returns them in another order."""
        return replace(self, order=order)

    def read(self, limit: int | None = None) -> list[Item]:
        """Returns the first ``limit`` of them, or all, without what ``with_names`` adds."""
        statement = f"{_SELECT}{self.conditions} ORDER BY {self.order}"
        parameters = self.parameters
        if limit is not None:
            statement += " LIMIT %s"
            parameters = (*parameters, limit)
        place = _place_of(self.head)
        return [_item(values, place, own=self.own) for values in fetch(statement, parameters)]


def reachable_rows(head: ThreadHead) -> Rows:
    """Returns what a reader can reach in a thread, as ``reachable_in`` does, in reading order."""
    return Rows(head, "comment.thread_id = %s AND comment.reachable", (head.id,))


def reachable_in(thread_id: int) -> QuerySet[Comment]:
    """Returns what a reader can reach in a thread: visible comments, tombstones that stand."""
    return Comment.objects.filter(thread_id=thread_id, reachable=True)


def _place_of(head: ThreadHead) -> Place:
    return Place(head.key, head.page, absolute(thread_path(head.key)))


def _item(values: Sequence[Any], place: Place, *, own: bool) -> Item:
    item = Item(place, *values)
    badges: Any = item.badges  # as they are stored
    item.badges = [] if badges == "[]" else json.loads(badges)
    if item.number is None:
        item.root, item.path, item.position = None, b"", 0
    if item.tombstone is None:
        return item
    if own and item.tombstone == "moderator":
        item.tombstone = None
        return item
    item.status = Status.PUBLISHED
    item.author_id = None
    item.author_name = item.author_url = item.html = ""
    item.badges = []
    item.written_at = item.published_at = item.edited_at = None
    item.edits = item.votes_up = item.votes_down = 0
    return item


_NAMES = """
    SELECT 0, mention.comment_id, mention.start, mention."end", (
        SELECT latest.number FROM comments_comment latest
        WHERE latest.thread_id = %s AND latest.author_id = mention.participant_id
            AND latest.visible
        ORDER BY latest.number DESC LIMIT 1
    ), mention.text
    FROM {each} CROSS JOIN comments_mention mention WHERE mention.comment_id = each.value
    UNION ALL
    SELECT 1, reference.comment_id, reference.start, reference.number, NULL, NULL
    FROM {each} CROSS JOIN comments_reference reference
    WHERE reference.comment_id = each.value AND reference.linked
    UNION ALL
    SELECT 2, each.value, referrer.number, NULL, NULL, NULL
    FROM {each} CROSS JOIN {lateral}
    (
        SELECT DISTINCT reference.comment_id FROM comments_reference reference
        JOIN comments_comment naming ON naming.id = reference.comment_id AND naming.visible
            AND naming.number <> each.value
        WHERE reference.thread_id = %s AND reference.number = each.value AND reference.linked
        ORDER BY reference.comment_id LIMIT %s
    )
"""
# A limit for each of many numbers is beyond the ORM: it is a lateral join on PostgreSQL and a
# correlated subquery on SQLite. Both read no more of the index than they give.
_NAMES_ON = {
    "postgresql": _NAMES.format(each="unnest(%s::bigint[]) AS each(value)", lateral="LATERAL")
    + "found JOIN comments_comment referrer ON referrer.id = found.comment_id",
    "sqlite": _NAMES.format(
        each="json_each(%s) AS each", lateral="comments_comment referrer ON referrer.id IN"
    ),
}
_MENTION, _REFERENCE = 0, 1


def with_names(items: list[Item], *, head: ThreadHead) -> list[Item]:
    """Returns the items with whom they mention, what they refer to and what refers to them.

    The first back-links of each, ``REFERENCES_SHOWN`` at most. One query, none for no items.
    """
    readable = {item.id: item for item in items if item.tombstone is None}
    numbered = {item.number: item for item in items if item.number is not None}
    if not items:
        return items
    ids = list(readable)
    given = [head.id, ids, ids, list(numbered), head.id, REFERENCES_SHOWN + 1]
    # Put in order here: asked for it, SQLite reads the whole index of references in that order.
    found = sorted(fetch(_NAMES_ON[connection.vendor], given), key=itemgetter(0, 1, 2))
    for kind, of, at, end, latest, text in found:
        if kind == _MENTION:
            readable[of].mentions.append(ItemMention(text, at, end, latest))
        elif kind == _REFERENCE:
            if end not in readable[of].refers_to:
                readable[of].refers_to.append(end)
        elif len(numbered[of].referred_from) < REFERENCES_SHOWN:
            numbered[of].referred_from.append(at)
        else:
            numbered[of].more_referrers = True
    return items


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
    found = reachable_rows(head).where("comment.number = %s", number).read()
    if not found:
        raise NotFound(gettext_noop("There is no such comment."))
    return _alone(found, head=head)


def _alone(items: list[Item], *, head: ThreadHead) -> Item:
    (item,) = with_names(items, head=head)
    mark_hole(item)
    return item


def head_of(comment: Comment) -> ThreadHead:
    """Returns the head of a comment's thread, from the loaded thread."""
    thread: Thread = comment.thread
    return ThreadHead(**{name: getattr(thread, name) for name in ThreadHead.__dataclass_fields__})


def item_of(comment: Comment, *, own: bool) -> Item:
    """Returns a comment as an item; ``own`` shows its text to its author or a moderator."""
    head = head_of(comment)
    return _alone(Rows(head, "comment.id = %s", (comment.pk,), own=own).read(), head=head)


def new_item(comment: Comment) -> Item:
    """Returns a comment that names nobody and nothing, and is not named, as it was just stored.

    For its author, who is shown its text. No query.
    """
    item = Item(
        place=_place_of(head_of(comment)),
        id=comment.pk,
        number=comment.number,
        parent=comment.reply_to.number if comment.reply_to else None,
        root=comment.root_number,
        depth=comment.depth,
        status=comment.status,
        tombstone=None,
        replies_policy=comment.replies_policy,
        author_id=comment.author_id,
        author_name=comment.author_name,
        author_url=comment.author_url,
        badges=comment.badges,
        html=comment.html,
        written_at=comment.written_at,
        published_at=comment.published_at,
        edited_at=comment.edited_at,
        edits=comment.edits,
        votes_up=comment.votes_up,
        votes_down=comment.votes_down,
        direct_count=comment.direct_count,
        total_count=comment.total_count,
        version=comment.version,
        created_at=comment.created_at,
        path=bytes(comment.path or b""),
        position=comment.position or 0,
    )
    mark_hole(item)
    return item
