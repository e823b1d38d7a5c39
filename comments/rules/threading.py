"""Where a comment stands in its thread, and what each counter must be.

A path is bytes: for each level from the root down, the number of the comment at that level in
4 bytes, big endian. So bytes sort in reading order, siblings in order of number, and a comment's
ancestors are read off its own path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit

BYTES_PER_LEVEL = 4
HIGHEST_NUMBER = 2 ** (8 * BYTES_PER_LEVEL) - 1


def path_below(parent: bytes, *, number: int) -> bytes:
    """Returns the path of comment ``number`` below ``parent`` (``b""`` for a root)."""
    return parent + number.to_bytes(BYTES_PER_LEVEL, "big")


def numbers_in(path: bytes) -> tuple[int, ...]:
    """Returns the numbers from the root down to the comment itself."""
    return tuple(
        int.from_bytes(path[at : at + BYTES_PER_LEVEL], "big")
        for at in range(0, len(path), BYTES_PER_LEVEL)
    )


def depth_of(path: bytes) -> int:
    """Returns how many comments stand above this one."""
    return len(path) // BYTES_PER_LEVEL - 1


def end_of_subtree(path: bytes) -> bytes:
    """Returns the first path after everything below ``path``: ``path <= p < end`` is the subtree.

    Number 2**32 - 1 has no successor in 4 bytes; its subtree ends where a longer path would.
    """
    above, last = path[:-BYTES_PER_LEVEL], int.from_bytes(path[-BYTES_PER_LEVEL:], "big")
    if last == HIGHEST_NUMBER:
        return path + b"\xff" * BYTES_PER_LEVEL
    return path_below(above, number=last + 1)


def attachment_depth(reply_to_depth: int, *, max_depth: int) -> int:
    """Returns the depth of the ancestor-or-self of the answered comment that takes the reply.

    ``max_depth`` is the greatest depth a comment may have, 1 or more.
    """
    return min(reply_to_depth, max_depth - 1)


def ancestor_path(path: bytes, *, depth: int) -> bytes:
    """Returns the path of the ancestor at ``depth``, or the path itself at its own depth."""
    return path[: (depth + 1) * BYTES_PER_LEVEL]


@dataclass(frozen=True, slots=True)
class Standing:
    """What of a published comment decides every counter; rows come in order of path."""

    path: bytes
    readable: bool
    """Its own state lets it be read: published or approved, neither deleted nor erased."""
    takes_replies_along: bool
    """It is not readable, and its replies went away with it."""


@dataclass(slots=True)
class Tally:
    """What the stored counters of one comment must be."""

    path: bytes
    visible: bool
    hidden_above: int
    direct_count: int = 0
    total_count: int = 0

    @property
    def reachable(self) -> bool:
        """Visible, or a tombstone with visible replies below it."""
        return self.visible or self.total_count > 0


@dataclass(slots=True)
class _Open:
    tally: Tally
    hides_below: int
    children: list[Tally] = field(default_factory=list)


def tally(rows: Iterable[Standing], *, hidden_above: int = 0) -> Iterator[Tally]:
    """Yields the counters of each comment, replies before what they answer, from states alone.

    Args:
        rows: comments in order of path, ancestors included down from where ``rows`` begin.
        hidden_above: how many comments above the first row took their replies along.

    Keeps one comment for each level, so a thread of a million costs the memory of its depth.
    """
    open_: list[_Open] = []

    def close() -> Tally:
        done = open_.pop()
        if open_:
            above = open_[-1].tally
            above.direct_count += done.tally.visible
            above.total_count += done.tally.visible + done.tally.total_count
        return done.tally

    for row in rows:
        while open_ and not row.path.startswith(open_[-1].tally.path):
            yield close()
        hidden = open_[-1].hides_below if open_ else hidden_above
        own = Tally(path=row.path, visible=row.readable and hidden == 0, hidden_above=hidden)
        open_.append(_Open(own, hidden + (row.takes_replies_along and not row.readable)))
    while open_:
        yield close()


_IGNORED_PARAMETERS = ("utm_", "fbclid", "gclid", "replytocom")


def url_key(url: str) -> str:
    """Returns what two addresses of the same page share.

    Scheme, ``www.``, default port, fragment, trailing slash, order of parameters and tracking
    parameters do not count; the host's case does not count, the path's does (RFC 3986, 6.2).

    Raises:
        ValueError: ``url`` is no absolute http(s) address.
    """
    parts = urlsplit(url.strip())
    host = (parts.hostname or "").removeprefix("www.")
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError("not an absolute http or https address")
    port = parts.port if parts.port not in {None, 80, 443} else None
    query = sorted(
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if not name.startswith(_IGNORED_PARAMETERS)
    )
    place = host if port is None else f"{host}:{port}"
    tail = f"?{urlencode(query)}" if query else ""
    return f"{place}{parts.path.rstrip('/')}{tail}"
