"""What moderation makes of a comment: pure tables of states and actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["held", "published", "approved", "rejected", "spam"]
Action = Literal["approve", "reject", "spam", "hold"]

READABLE: frozenset[Status] = frozenset({"published", "approved"})
"""The states in which a comment can be read, if it is neither deleted nor erased."""

STATUS_AFTER: dict[Action, Status] = {
    "approve": "approved",
    "reject": "rejected",
    "spam": "spam",
    "hold": "held",
}


def status_after(action: Action) -> Status:
    """Returns the status that a moderator's action gives, from whatever status before."""
    return STATUS_AFTER[action]


def is_readable(*, status: str, deleted: bool, erased: bool) -> bool:
    """Returns whether the comment's own state lets readers see it, ancestors apart."""
    return status in READABLE and not deleted and not erased


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a new text: its status; for a held one why, and what its author is told."""

    status: Status
    reason: str = ""
    explanation: str = ""


EXPLANATIONS = {
    "premoderation": "A moderator reads every comment on this page before it appears.",
    "rendering_failed": "The text could not be laid out safely; a moderator will look at it.",
}


def verdict_on_text(
    *, premoderation: bool, rendering_failed: bool, trusted: bool = False
) -> Verdict:
    """Returns what becomes of a new or edited text.

    A text that could not be rendered is held whoever wrote it; on a thread with premoderation
    every text is held but those of moderators (``trusted``).
    """
    if rendering_failed:
        reason = "rendering_failed"
    elif premoderation and not trusted:
        reason = "premoderation"
    else:
        return Verdict("published")
    return Verdict("held", reason, EXPLANATIONS[reason])
