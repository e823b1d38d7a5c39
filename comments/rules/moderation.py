"""What moderation makes of a comment: pure tables of states and actions.

``status`` is what moderation says and nothing else; that its author took a comment back, or that it
was erased, are facts of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

from comments.words import gettext_noop

Status = Literal["held", "published", "approved", "rejected", "spam"]
Action = Literal["approve", "reject", "spam", "hold", "remove", "restore"]
ActorKind = Literal["moderator", "automation", "author", "reader"]
Effect = Literal["publish", "hold", "reject", "spam"]
Refused = Literal["already", "not_readable", "human_decided", "not_allowed"]

STATUSES: tuple[Status, ...] = get_args(Status)
ACTIONS: tuple[Action, ...] = get_args(Action)
ACTOR_KINDS: tuple[ActorKind, ...] = get_args(ActorKind)

READABLE: frozenset[Status] = frozenset({"published", "approved"})
"""The states in which a comment can be read, if it is neither deleted nor erased."""

_BY_MODERATOR: Mapping[Action, Mapping[Status, Status | Refused]] = {
    "approve": {
        "held": "approved",
        "published": "approved",
        "approved": "already",
        "rejected": "approved",
        "spam": "approved",
    },
    "reject": {
        "held": "rejected",
        "published": "rejected",
        "approved": "rejected",
        "rejected": "already",
        "spam": "rejected",
    },
    "spam": {
        "held": "spam",
        "published": "spam",
        "approved": "spam",
        "rejected": "spam",
        "spam": "already",
    },
    "hold": {
        "held": "already",
        "published": "held",
        "approved": "held",
        "rejected": "held",
        "spam": "held",
    },
    # Takes away what can be read; what waits is rejected instead.
    "remove": {
        "held": "not_readable",
        "published": "rejected",
        "approved": "rejected",
        "rejected": "already",
        "spam": "already",
    },
    # Brings back what was taken away; what waits is approved instead.
    "restore": {
        "held": "not_readable",
        "published": "already",
        "approved": "already",
        "rejected": "approved",
        "spam": "approved",
    },
}

_BY_AUTOMATION: Mapping[Action, Status] = {"hold": "held", "reject": "rejected", "spam": "spam"}


def _cell(status: Status, action: Action, actor: ActorKind) -> Status | Refused:
    if actor == "moderator":
        return _BY_MODERATOR[action][status]
    if actor != "automation" or action not in _BY_AUTOMATION:
        return "not_allowed"
    # A human decided about this revision, or the comment waits for one.
    return _BY_AUTOMATION[action] if status == "published" else "human_decided"


TABLE: Mapping[tuple[Status, Action, ActorKind], Status | Refused] = {
    cell: _cell(*cell) for cell in product(STATUSES, ACTIONS, ACTOR_KINDS)
}
"""What an action of somebody makes of a revision in a status: the new status, or why it is refused.

``already``: it is so. ``not_readable``: nobody can read it, so it can be neither removed nor
restored. ``human_decided``: it is a human's to decide. ``not_allowed``: never for this actor.
"""


def status_after(status: Status, action: Action, actor: ActorKind) -> Status | Refused:
    """Returns the status that an action gives, or the word for why it is refused (``TABLE``)."""
    return TABLE[status, action, actor]


def status_of_new_text(effect: Effect) -> Status:
    """Returns the status of a new comment that screening came to ``effect`` on."""
    return _OF_EFFECT[effect]


def status_of_revision(status: Status, effect: Effect) -> Status:
    """Returns the status of a comment whose author edited it.

    What could be read is screened like a new text: the earlier approval was about another text.
    What waits goes on waiting; what was rejected waits again, so that a mended text can be let in.
    """
    if effect in {"reject", "spam"} or status in READABLE:
        return _OF_EFFECT[effect]
    return "held"


_OF_EFFECT: Mapping[Effect, Status] = {
    "publish": "published",
    "hold": "held",
    "reject": "rejected",
    "spam": "spam",
}


def is_readable(*, status: str, deleted: bool, erased: bool) -> bool:
    """Returns whether the comment's own state lets readers see it, ancestors apart."""
    return status in READABLE and not deleted and not erased


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a text; unless it is published also why, and what its author is told."""

    effect: Effect
    reason: str = ""
    explanation: str = ""

    @property
    def status(self) -> Status:
        """Returns the status of a new comment with this verdict."""
        return status_of_new_text(self.effect)


EXPLANATIONS = {
    "premoderation": gettext_noop(
        "A moderator reads every comment on this page before it appears."
    ),
    "rendering_failed": gettext_noop(
        "The text could not be laid out safely; a moderator will look at it."
    ),
    "flags": gettext_noop("Readers have reported this comment; a moderator will look at it."),
    "moderator": gettext_noop("A moderator will look at this comment again."),
}


def told(*, reason: str, sentence: str) -> str:
    """Returns what an author is told: the sentence stored for him, else the usual one."""
    return sentence or EXPLANATIONS.get(reason, "")


SEVERITY: Mapping[Effect, int] = {"publish": 0, "hold": 1, "reject": 2, "spam": 3}


def verdict_on_text(
    *,
    premoderation: bool,
    rendering_failed: bool,
    trusted: bool = False,
    screened: Verdict | None = None,
) -> Verdict:
    """Returns what becomes of a new or edited text.

    A text that could not be rendered is held whoever wrote it; on a thread with premoderation
    every text is held but those of moderators (``trusted``), whom no rule holds up either. Of
    several reasons the most severe counts, and among equals that of the rules, which says most.

    Args:
        screened: what the rules came to; ``None`` where none was asked.
    """
    verdicts = [Verdict("publish")]
    if screened is not None and not trusted:
        verdicts.append(screened)
    if rendering_failed:
        verdicts.append(Verdict("hold", "rendering_failed", EXPLANATIONS["rendering_failed"]))
    if premoderation and not trusted:
        verdicts.append(Verdict("hold", "premoderation", EXPLANATIONS["premoderation"]))
    return max(verdicts, key=lambda verdict: SEVERITY[verdict.effect])
