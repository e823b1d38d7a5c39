"""The bytes of a stream (HTML Living Standard, 9.2, "Server-sent events")."""

from __future__ import annotations

import orjson

from comments.queries.events import Change

HEARTBEAT = b":\n\n"
"""A comment: it tells proxies, and us, that both ends are still there."""


def change_frame(change: Change) -> bytes:
    """Returns the event for one version of a thread."""
    data = {"version": change.version, "kind": change.kind, "number": change.number}
    return _frame("change", version=change.version, data=data)


def hello_frame(version: int) -> bytes:
    """Returns what a stream without a past begins with."""
    return _frame("hello", version=version, data={"version": version})


def reset_frame(version: int) -> bytes:
    """Returns what tells a reader to fetch everything anew, and to go on from ``version``."""
    return _frame("reset", version=version, data={"version": version})


def retry_frame(milliseconds: int) -> bytes:
    """Returns what tells a browser how long to wait before it connects again."""
    return b"retry: %d\n\n" % milliseconds


def _frame(event: str, *, version: int, data: dict[str, object]) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (version, event.encode(), orjson.dumps(data))
