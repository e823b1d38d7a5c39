"""Pages of a thread, each at a cost that depends on what it shows and not on what is stored.

Three orders of the roots, one keyset each:

``oldest``  path upwards (reading order), or number upwards where only roots are listed.
``newest``  number of the root downwards, then path upwards.
``best``    score downwards. Votes move comments while somebody reads, so a keyset over the score
            would skip and repeat. The cursor therefore names the roots already shown; past
            ``BEST_ROOTS`` the rest follows in order of number.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Literal

from comments.errors import CursorInvalid, NotFound
from comments.queries.comments import (
    Item,
    Rows,
    count_shown,
    mark_hole,
    reachable_in,
    reachable_rows,
    tree_from,
    with_names,
)
from comments.queries.cursors import read_cursor, write_cursor
from comments.queries.statements import any_of
from comments.queries.threads import ThreadHead
from comments.rules.threading import BYTES_PER_LEVEL, end_of_subtree, numbers_in
from comments.words import gettext_noop

BEST_ROOTS = 300
"""How many roots are put in order of score before the rest follows in order of number."""
MAX_NODES = 500
"""The most comments in one answer of a tree."""
FEW_REPLIES = 150
"""So many replies below the roots of a page are read at once, whichever of them it shows."""
_LEVELS = 2
"""Levels of a tree, its roots among them, that one query for each of those below suffices for."""

Position = list[Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """What kind of list is asked for."""

    shape: Literal["flat", "tree"] = "flat"
    sort: Literal["oldest", "newest", "best"] = "oldest"
    limit: int = 50
    depth: int = 3
    per_parent: int = 3
    since_number: int | None = None
    most: int = MAX_NODES
    """The most comments in a tree, those on top apart."""

    def key(self) -> str:
        """Returns a text that differs wherever the answer could differ."""
        return "|".join(str(getattr(self, name)) for name in self.__dataclass_fields__)


@dataclass(slots=True)
class Page:
    """Some items of a list, and the cursors of its neighbours."""

    items: list[Item]
    next: str | None
    prev: str | None


def list_comments(*, head: ThreadHead, shape: Shape, cursor: str | None) -> Page:
    """Returns a page of a thread. Paging to the end gives each comment that was visible
    throughout exactly once, whatever is posted or voted meanwhile.

    Raises:
        CursorInvalid: the cursor is forged, or belongs to another list.
    """
    binding = list_binding(head, shape)
    at = read_cursor(cursor, binding=binding) if cursor else None
    base = reachable_rows(head)
    if shape.since_number is not None:
        base = base.where("comment.number > %s", shape.since_number)
    arrivals = shape.shape == "flat" and shape.since_number is not None
    by_number = shape.shape == "tree" or arrivals
    if shape.shape == "tree":
        base = base.where("comment.depth = 0")
    try:
        if shape.sort == "best" and not arrivals:
            rows, after, before = _best(base, at, shape=shape, flat=shape.shape == "flat")
        elif by_number:
            rows, after, before = _by_number(base, at, shape=shape)
        else:
            rows, after, before = _in_reading_order(base, at, shape=shape)
    except (ValueError, TypeError, IndexError):
        raise CursorInvalid() from None
    if shape.shape == "tree":
        items = _grow(rows, head=head, shape=shape)
    else:
        items = with_names(rows, head=head)
        count_shown(items)
    return Page(
        items,
        next=write_cursor(after, binding=binding) if after is not None else None,
        prev=write_cursor(before, binding=binding) if before is not None else None,
    )


def list_binding(head: ThreadHead, shape: Shape) -> str:
    """Returns what a cursor into a list is bound to."""
    return f"list|{head.id}|{shape.shape}|{shape.sort}|{shape.since_number}"


def list_replies(*, head: ThreadHead, number: int, shape: Shape, cursor: str | None) -> Page:
    """Returns a page of one branch: the direct replies of a comment, each with what is below it.

    Raises:
        NotFound: nobody can reach a comment of this number.
        CursorInvalid: the cursor is forged, or belongs to another branch.
    """
    parent_id = reachable_in(head.id).filter(number=number).values_list("id", flat=True).first()
    if parent_id is None:
        raise NotFound(gettext_noop("There is no such comment."))
    binding = f"replies|{parent_id}"
    at = read_cursor(cursor, binding=binding) if cursor else [-1]
    if len(at) != 1 or not isinstance(at[0], int):
        raise CursorInvalid()
    children = Rows(
        head,
        "comment.parent_id = %s AND comment.position > %s AND comment.reachable",
        (parent_id, at[0]),
        "comment.position",
    )
    rows = children.read(shape.limit + 1)
    page, more = rows[: shape.limit], len(rows) > shape.limit
    items = _grow(page, head=head, shape=shape)
    after = write_cursor([page[-1].position], binding=binding) if more else None
    return Page(items, next=after, prev=None)


def replies_cursor(item: Item) -> str | None:
    """Returns the cursor of the first reply of ``item`` that was cut, if one was."""
    if item.more_after is None:
        return None
    return write_cursor([item.more_after], binding=f"replies|{item.id}")


@dataclass(slots=True)
class Context:
    """What a permalink shows."""

    ancestors: list[Item]
    comment: Item


def context_of(*, head: ThreadHead, number: int, shape: Shape) -> Context:
    """Returns a comment with its ancestors, root first, and its first replies.

    Raises:
        NotFound: nobody can reach a comment of this number.
    """
    reachable = reachable_rows(head)
    found = reachable.where("comment.number = %s", number).read()
    if not found:
        raise NotFound(gettext_noop("There is no such comment."))
    above = list(numbers_in(found[0].path)[:-1])
    wanted = reachable.where(any_of("comment.number"), above).by("comment.depth")
    ancestors = wanted.read() if above else []
    below = _with_replies(found, head=head, shape=shape)
    with_names([*ancestors, *below], head=head)
    for item in ancestors:
        mark_hole(item)
    return Context(ancestors, tree_from(below)[0])


# --- orders -----------------------------------------------------------------------------------

Found = tuple[list[Item], Position | None, Position | None]
"""Comments of a page, position after it, position before it."""


def _cut(rows: list[Item], limit: int, *, backwards: bool) -> tuple[list[Item], bool]:
    """Returns the rows in order of reading, and whether there were more than ``limit``."""
    more = len(rows) > limit
    rows = rows[:limit]
    return (rows[::-1] if backwards else rows), more


def _neighbours(
    rows: list[Item], *, at: Position | None, more: bool, key: Any
) -> tuple[Position | None, Position | None]:
    """Returns the positions after and before a page: ``["n" | "p", *key of the outermost row]``."""
    if not rows:
        return None, None
    backwards = at is not None and at[0] == "p"
    has_next = True if backwards else more
    has_prev = more if backwards else at is not None
    return (
        ["n", *key(rows[-1])] if has_next else None,
        ["p", *key(rows[0])] if has_prev else None,
    )


def _by_number(base: Rows, at: Position | None, *, shape: Shape) -> Found:
    """Roots, or arrivals since a number: by number, which sorts parents before replies too."""
    downwards = shape.sort == "newest"
    backwards = at is not None and at[0] == "p"
    if at is not None:
        sign = "<" if downwards != backwards else ">"
        base = base.where(f"comment.number {sign} %s", int(at[1]))
    order = "comment.number DESC" if downwards != backwards else "comment.number"
    rows = base.by(order).read(shape.limit + 1)
    rows, more = _cut(rows, shape.limit, backwards=backwards)
    after, before = _neighbours(rows, at=at, more=more, key=lambda row: [row.number])
    return rows, after, before


def _in_reading_order(base: Rows, at: Position | None, *, shape: Shape) -> Found:
    backwards = at is not None and at[0] == "p"
    wanted = shape.limit + 1
    further = "comment.path < %s" if backwards else "comment.path > %s"
    order = "comment.path DESC" if backwards else "comment.path"
    path = bytes.fromhex(at[1]) if at is not None else b""
    if shape.sort == "oldest":
        if at is not None:
            base = base.where(further, path)
        rows = base.by(order).read(wanted)
    else:
        rows = []
        if at is not None:
            # The rest of the root that the last page ended in, then the roots beyond it: two
            # range scans of one index, where a condition with OR would walk the whole thread.
            root = numbers_in(path)[0]
            same = base.where("comment.root_number = %s", root).where(further, path)
            rows = same.by(order).read(wanted)
            base = base.where(f"comment.root_number {'>' if backwards else '<'} %s", root)
        if len(rows) < wanted:
            roots = "comment.root_number" if backwards else "comment.root_number DESC"
            rows += base.by(f"{roots}, {order}").read(wanted - len(rows))
    rows, more = _cut(rows, shape.limit, backwards=backwards)
    after, before = _neighbours(rows, at=at, more=more, key=lambda row: [row.path.hex()])
    return rows, after, before


def _best(base: Rows, at: Position | None, *, shape: Shape, flat: bool) -> Found:
    """Roots by score; ``at`` is ``[numbers shown, last number of the rest, path inside a root]``.

    In a flat list the page is filled root by root with everything below each.
    """
    shown: list[int] = list(at[0]) if at else []
    rest: int = int(at[1]) if at else 0
    inside: str | None = at[2] if at else None
    roots = base.where("comment.depth = 0")
    limit = shape.limit
    rows: list[Item] = []
    if inside is not None:
        path = bytes.fromhex(inside)
        end = end_of_subtree(path[:4])
        rows = base.where("comment.path > %s AND comment.path < %s", path, end).read(limit + 1)
        if len(rows) > limit:
            return rows[:limit], [shown, rest, rows[limit - 1].path.hex()], None
    wanted = limit - len(rows) + 1
    candidates: list[Item] = []
    room = BEST_ROOTS - len(shown)
    if room > 0:
        ranked = roots.by("comment.score DESC, comment.number")
        candidates = _unseen(ranked, seen=shown, wanted=min(wanted, room))
    # With fewer than wanted and room for more, the thread has no other root.
    if len(candidates) < wanted and len(candidates) >= room:
        further = roots.where("comment.number > %s", rest).by("comment.number")
        above = [*shown, *(_number(row) for row in candidates)]
        seen = [number for number in above if number > rest]
        candidates += _unseen(further, seen=seen, wanted=wanted - len(candidates))
    return _fill(base, rows, candidates, shown, rest, limit=limit, flat=flat)


def _unseen(roots: Rows, *, seen: Collection[int], wanted: int) -> list[Item]:
    """Returns the first ``wanted`` of these roots, in their order, that are not ``seen``.

    The database passes over those that are, hundreds maybe, within the index of the order.
    """
    if seen:
        roots = roots.where(f"NOT ({any_of('comment.number')})", list(seen))
    return roots.read(wanted)


def _number(item: Item) -> int:
    """Returns the number of a comment that readers can reach: it has one."""
    return item.number or 0


def _fill(
    base: Rows,
    rows: list[Item],
    candidates: Sequence[Item],
    shown: list[int],
    rest: int,
    *,
    limit: int,
    flat: bool,
) -> Found:
    """Puts roots on the page until it is full, in a flat list with everything below each."""

    def take(root: Item) -> None:
        nonlocal rest
        if len(shown) < BEST_ROOTS:
            shown.append(_number(root))
        else:
            rest = _number(root)

    if not flat:
        for root in candidates[:limit]:
            take(root)
        more = len(candidates) > limit
        return list(candidates[:limit]), ([shown, rest, None] if more else None), None
    below = _below(base, [root for root in candidates if root.total_count], limit=limit)
    for at, root in enumerate(candidates):
        if len(rows) >= limit:
            return rows, [shown, rest, None], None
        take(root)
        rows.append(root)
        for row in below.get(_number(root), ()):
            if len(rows) >= limit:
                return rows, [shown, rest, rows[-1].path.hex()], None
            rows.append(row)
        if len(rows) >= limit and at + 1 == len(candidates):
            break
    return rows, None, None


def _below(base: Rows, roots: Sequence[Item], *, limit: int) -> dict[int, list[Item]]:
    """Returns the replies below each root, as many as a page could need: one query.

    Only the roots whose replies fit on the page are read: their stored counts say how many.
    """
    wanted: list[int] = []
    room = limit
    for root in roots:
        wanted.append(_number(root))
        room -= root.total_count
        if room <= 0:
            break
    found: dict[int, list[Item]] = {}
    if not wanted:
        return found
    # The last root may hold a million replies: read no more than a page of it.
    *before, last = wanted
    if before:
        for row in _replies_of(base, before).read():
            found.setdefault(row.root or 0, []).append(row)
    replies = base.where("comment.depth > 0")
    for row in replies.where("comment.root_number = %s", last).read(limit + 1):
        found.setdefault(last, []).append(row)
    return found


def _grow(rows: list[Item], *, head: ThreadHead, shape: Shape) -> list[Item]:
    """Returns comments with their replies below them."""
    return tree_from(with_names(_with_replies(rows, head=head, shape=shape), head=head))


def _with_replies(rows: list[Item], *, head: ThreadHead, shape: Shape) -> list[Item]:
    """Returns comments and, level by level, the replies shown below them.

    Shows ``per_parent`` replies of each by the stored position, so a parent of a million replies
    costs what a parent of ten costs. A query for each level, or one for all where they are few.
    """
    found, level = list(rows), rows
    at_once = _few_below(rows, head=head) if shape.depth > _LEVELS else None
    for _ in range(shape.depth - 1):
        parents = [row for row in level if row.total_count]
        room = shape.most - len(found)
        if not parents or room <= 0:
            break
        if at_once is not None:
            level = _children_in(at_once, parents, shape.per_parent)[:room]
        else:
            children = Rows(
                head,
                f"{any_of('comment.parent_id')} AND comment.position < %s AND comment.reachable",
                ([row.id for row in parents], shape.per_parent),
                "comment.position, comment.parent_id",
            )
            level = children.read(room)
        found += level
    return found


def _few_below(rows: Sequence[Item], *, head: ThreadHead) -> dict[bytes, list[Item]] | None:
    """Returns all replies below some roots, by the path of what they stand below: one query.

    ``None`` where they are many, or these are no roots.
    """
    answered = [row for row in rows if row.total_count]
    few = 0 < sum(row.total_count for row in answered) <= FEW_REPLIES
    if not few or any(row.depth for row in answered):
        return None
    below = _replies_of(reachable_rows(head), [_number(row) for row in answered])
    replies = below.read(FEW_REPLIES + 1)  # tombstones are not counted
    if len(replies) > FEW_REPLIES:
        return None
    found: dict[bytes, list[Item]] = {}
    for reply in replies:
        found.setdefault(reply.path[:-BYTES_PER_LEVEL], []).append(reply)
    return found


def _children_in(
    found: dict[bytes, list[Item]], parents: Sequence[Item], per_parent: int
) -> list[Item]:
    """Returns the first direct replies of each parent, in the order of the query of a level."""
    children = [
        (child.position, parent.id, child)
        for parent in parents
        for child in found.get(parent.path, ())
        if child.position < per_parent
    ]
    return [child for _, _, child in sorted(children, key=itemgetter(0, 1))]


def _replies_of(base: Rows, roots: list[int]) -> Rows:
    """Returns all that stands below roots of these numbers, root by root in reading order."""
    replies = base.where("comment.depth > 0").where(any_of("comment.root_number"), roots)
    return replies.by("comment.root_number, comment.path")
