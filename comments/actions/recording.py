"""The part that every change of a thread shares: its lock, its version, its counters.

Nothing here begins a transaction; each function expects to run inside the one of an action, after
``lock_thread``. So numbers, versions and counters change under one row lock and cannot drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from comments.actions.announcing import announce_again
from comments.actions.storing import AT_ONCE, Store
from comments.errors import ThreadUnknown
from comments.models import Comment, Event, EventKind, RepliesPolicy, Thread
from comments.queries.statements import any_of, objects
from comments.queries.streams import NOTIFICATIONS
from comments.rules.moderation import is_readable
from comments.rules.threading import (
    Standing,
    depth_of,
    end_of_subtree,
    numbers_in,
    path_below,
    tally,
)


def lock_thread(thread_id: int, *, also: Sequence[str] = ()) -> Thread:
    """Returns the thread, locked until the transaction ends.

    On PostgreSQL that is the row's lock. On SQLite the transaction itself began as the only
    writer (``transaction_mode`` IMMEDIATE), so the row cannot change either.

    Args:
        also: expressions whose values, asked for under the lock, come as its ``also``.

    Raises:
        ThreadUnknown: there is no such thread (any more).
    """
    found = objects(Thread, "id = %s", [thread_id], locked="wait", also=also)
    if not found:
        raise ThreadUnknown()
    return found[0]


def record(
    thread: Thread,
    kind: EventKind,
    *,
    number: int | None,
    now: datetime,
    store: Store = AT_ONCE,
) -> None:
    """Raises the thread's version by one and writes the event of it."""
    thread.version += 1
    thread.changed_at = now
    thread.votes_changed = False
    thread.has_news = True
    store.insert(
        Event(thread_id=thread.pk, version=thread.version, kind=kind, number=number, at=now)
    )


def save_thread(thread: Thread, *, store: Store = AT_ONCE) -> None:
    """Writes back what ``record``, ``give_number`` and the counters changed on the thread, and
    calls the live streams if a version is among it.
    """
    store.update(
        thread,
        "version",
        "changed_at",
        "last_number",
        "last_position",
        "visible_count",
        "visible_roots",
        "votes_changed",
    )
    if thread.has_news:
        # Inside the transaction: it is heard when this commits, and not at all if it does not.
        store.call(NOTIFICATIONS, f"{thread.pk} {thread.version}")
    thread.has_news = False


def give_number(thread: Thread, comment: Comment, *, parent_is_fresh: bool = False) -> None:
    """Gives a comment that is published for the first time its number, path and position.

    Sets fields of ``comment`` without saving it. That one more stands below its parent is written
    by ``settle``, with the counters.

    Args:
        parent_is_fresh: the caller has read the parent under the thread's lock.
    """
    thread.last_number += 1
    comment.number = thread.last_number
    parent = comment.parent
    above = b""
    if parent is None:
        comment.position = thread.last_position
        thread.last_position += 1
    else:
        if not parent_is_fresh:
            parent.refresh_from_db()
        above = bytes(parent.path or b"")
        takes_along = parent.replies_policy == RepliesPolicy.REMOVE and not readable(parent)
        comment.hidden_above = parent.hidden_above + takes_along
        comment.position = parent.last_position
        comment.takes_place = True
    comment.path = path_below(above, number=comment.number)
    comment.depth = depth_of(comment.path)
    comment.root_number = numbers_in(comment.path)[0]


def readable(comment: Comment) -> bool:
    """Returns whether the comment's own state lets readers see it, ancestors apart."""
    return is_readable(
        status=comment.status,
        deleted=comment.deleted_at is not None,
        erased=comment.erased_at is not None,
    )


def settle(thread: Thread, comment: Comment, *, now: datetime, store: Store = AT_ONCE) -> None:
    """Brings visibility and every counter above and below in line with the comment's own state.

    Call it after any change of status, deletion or erasure of a numbered comment. Sets fields of
    ``comment`` and saves them, unless it is new and the caller saves it next; counters of the
    thread are set, not saved. What can be read again is announced; a first publication is not.
    """
    if comment.path is None:
        return
    before = _settled(comment)
    was_visible, was_total = comment.visible, comment.total_count
    comment.visible = readable(comment) and comment.hidden_above == 0
    takes_along = comment.replies_policy == RepliesPolicy.REMOVE
    # Below what has gone along itself nothing shows, but it counts when that comes back.
    if takes_along and (was_visible != comment.visible or comment.hidden_above):
        _take_along(thread, comment, now=now)
    comment.reachable = comment.hidden_above == 0 and (comment.visible or comment.total_count > 0)
    if not comment._state.adding and _settled(comment) != before:
        comment.save(update_fields=["visible", "reachable", "direct_count", "total_count"])
        if comment.visible and not was_visible:
            announce_again(thread, [comment.pk], now=now)
    own = int(comment.visible) - int(was_visible)
    all_ = own + comment.total_count - was_total
    _count_above(thread, comment, own=own, all_=all_, store=store)


def _settled(comment: Comment) -> tuple[bool, bool, int, int]:
    """Returns what ``settle`` sets of a comment."""
    return comment.visible, comment.reachable, comment.direct_count, comment.total_count


def set_policy(thread: Thread, comment: Comment, policy: str, *, now: datetime) -> None:
    """Changes what becomes of the replies of a comment, also of one that has gone away already."""
    if policy == comment.replies_policy:
        return
    involves_removal = RepliesPolicy.REMOVE in {policy, comment.replies_policy}
    comment.replies_policy = policy
    comment.save(update_fields=["replies_policy"])
    if comment.path is not None and not comment.visible and involves_removal:
        was_total = comment.total_count
        _take_along(thread, comment, now=now)
        comment.save(update_fields=["reachable", "direct_count", "total_count"])
        _count_above(thread, comment, own=0, all_=comment.total_count - was_total)


def _take_along(thread: Thread, comment: Comment, *, now: datetime) -> None:
    """Brings everything below a comment in line with whether its replies go where it goes."""
    path = bytes(comment.path or b"")
    # Root and depth say nothing that the path does not, but they are what an index has of the
    # paths that nobody can reach: without them the whole thread is read, under its lock.
    below = Comment.objects.filter(
        thread_id=comment.thread_id,
        root_number=numbers_in(path)[0],
        depth__gt=0,
        path__gt=path,
        path__lt=end_of_subtree(path),
    )
    rows = {
        bytes(row.path or b""): row
        for row in below.order_by("path").only(
            "path", "status", "deleted_at", "erased_at", "replies_policy", "visible"
        )
    }
    standings = [_standing(path, comment), *(_standing(at, row) for at, row in rows.items())]
    changed: list[Comment] = []
    shown: list[int] = []
    for result in tally(standings, hidden_above=comment.hidden_above):
        row = comment if result.path == path else rows[result.path]
        if row is not comment and result.visible and not row.visible:
            shown.append(row.pk)
        row.hidden_above = result.hidden_above
        row.visible = result.visible
        row.reachable = result.reachable
        row.direct_count = result.direct_count
        row.total_count = result.total_count
        if row is not comment:
            changed.append(row)
    fields = ["hidden_above", "visible", "reachable", "direct_count", "total_count"]
    Comment.objects.bulk_update(changed, fields, batch_size=500)
    if shown:
        announce_again(thread, shown, now=now)


def _standing(path: bytes, comment: Comment) -> Standing:
    return Standing(
        path=path,
        readable=readable(comment),
        takes_replies_along=comment.replies_policy == RepliesPolicy.REMOVE,
    )


def _count_above(
    thread: Thread, comment: Comment, *, own: int, all_: int, store: Store = AT_ONCE
) -> None:
    """Adds ``own`` to the direct and ``all_`` to the total counters of the ancestors and thread.

    Where the comment has just been given its place, its parent's next one comes after it.
    """
    takes, comment.takes_place = int(comment.takes_place), False
    if own == 0 and all_ == 0 and not takes:
        return
    thread.visible_count += all_
    *above, _ = numbers_in(bytes(comment.path or b""))
    if not above:
        thread.visible_roots += own
        return
    store.execute(
        _COUNT_ABOVE.format(any_of("number")),
        all_,
        above[-1],
        own,
        above[-1],
        takes,
        -all_,
        thread.pk,
        above,
    )


_COUNT_ABOVE = """
    UPDATE comments_comment SET
        total_count = total_count + %s,
        direct_count = direct_count + CASE WHEN number = %s THEN %s ELSE 0 END,
        last_position = last_position + CASE WHEN number = %s THEN %s ELSE 0 END,
        reachable = visible OR total_count > %s
    WHERE thread_id = %s AND {}
"""
