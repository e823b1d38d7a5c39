"""How the rows of the record are chained: what is hashed, and how a broken chain is told.

The hash of a row is SHA-256 (FIPS 180-4) over the hash of the row before and the row's own columns
as canonical JSON: keys sorted, no white space, UTF-8. Personal text enters it only as the SHA-256
of a random salt and the text, so erasing salt and text leaves every hash as it was and tells nobody
what was written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple, Self

from comments.rules.series import span

FORMAT = 1
"""Part of every hash; rises when what is hashed changes, and rows keep the one they came with."""

HASHED = (
    "site_id",
    "thread_id",
    "position",
    "at",
    "kind",
    "actor_kind",
    "actor_id",
    "comment_id",
    "participant_id",
    "rule_key",
    "revision",
    "comment_version",
    "action",
    "from_status",
    "to_status",
    "reason",
    "text_digest",
    "evidence",
    "batch",
    "undoes_id",
)
"""The columns that a hash covers, all but the hashes themselves."""


def row_hash(columns: Mapping[str, Any], *, previous_hash: str) -> str:
    """Returns the hash of a row, 64 hexadecimal digits.

    Args:
        columns: a value for each name of ``HASHED``; ``at`` as an aware datetime.
        previous_hash: of the row before in the same chain, ``""`` for the first one.
    """
    plain = {name: _plain(columns[name]) for name in HASHED}
    text = json.dumps(
        [FORMAT, previous_hash, plain], ensure_ascii=False, separators=(",", ":"), sort_keys=True
    )
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def text_digest(*, salt: str, public_reason: str, note: str) -> str:
    """Returns what stands for a text in the chain; ``""`` where nothing was written."""
    if not public_reason and not note:
        return ""
    text = json.dumps([salt, public_reason, note], ensure_ascii=False, separators=(",", ":"))
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value


def runs(
    statuses: Iterable[tuple[int, str]], *, at_most: int = 2_000
) -> Iterator[list[tuple[str, int, int]]]:
    """Yields the statuses of many comments as runs of ``(status, first id, last id)``, in pieces.

    Args:
        statuses: id and status of comments of one thread, by rising id. A run covers all those of
            the thread between its ids.
        at_most: runs in one piece.
    """
    piece: list[tuple[str, int, int]] = []
    for comment_id, status in statuses:
        if piece and piece[-1][0] == status:
            piece[-1] = (status, piece[-1][1], comment_id)
            continue
        if len(piece) == at_most:
            yield piece
            piece = []
        piece.append((status, comment_id, comment_id))
    if piece:
        yield piece


@dataclass(frozen=True, slots=True)
class ChainedRow:
    """A row as it is stored."""

    id: int
    columns: Mapping[str, Any]
    previous_hash: str
    row_hash: str
    digest_of_text: str | None = None
    """``None`` where nothing was written, or it was erased."""


class End(NamedTuple):
    """Where a chain ended at some time; ``thread_id`` is 0 for the chain of a site."""

    site_id: int
    thread_id: int
    length: int
    head: str

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Returns the end that ``str`` has made a line of.

        Raises:
            ValueError: it is no such line.
        """
        *numbers, head = line.split()
        site_id, thread_id, length = map(int, numbers)
        return cls(site_id, thread_id, length, head)

    def __str__(self) -> str:
        return " ".join(map(str, self))


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a chain: ``changed``, ``missing`` or ``inserted``, and which row.

    ``row_id`` is ``None`` for what is not there: the rows of a range that begins at ``position``.
    """

    kind: str
    position: int
    row_id: int | None
    detail: str


def faults_in(
    rows: Iterable[ChainedRow], *, after: int = 0, previous: str = "", length: int, head: str
) -> Iterator[Fault]:
    """Yields what is wrong with one chain.

    Args:
        rows: in order of position, then of id.
        after, previous: position and hash of the row before the first of them.
        length, head: what is stored about its end.
    """
    expected = after + 1
    for row in rows:
        position = row.columns["position"]
        if row.digest_of_text not in {None, row.columns["text_digest"]}:
            yield Fault("changed", position, row.id, "its text is not the one written")
        if position < expected:
            yield Fault("inserted", position, row.id, "stands twice at its position")
            continue
        if position > length:
            yield Fault("inserted", position, row.id, f"the chain ends at position {length}")
            continue
        yield from _missing(expected, position - 1)
        followed = position == expected
        expected = position + 1
        computed = row_hash(row.columns, previous_hash=row.previous_hash)
        if computed != row.row_hash:
            yield Fault("changed", position, row.id, "its columns do not give its hash")
        elif followed and row.previous_hash != previous:
            yield Fault("changed", position, row.id, "it does not follow from the row before")
        previous = row.row_hash
    yield from _missing(expected, length)
    if expected == length + 1 and previous != head:
        yield Fault("changed", length, None, "the last row is not the one that the end names")


def _missing(first: int, last: int) -> Iterator[Fault]:
    """Yields one fault for a whole range of positions, which may be as long as a number can say."""
    if first <= last:
        yield Fault("missing", first, None, f"there is no row at position {span(first, last)}")
