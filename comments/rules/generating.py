"""The shape of a made-up thread: who writes what, when, to whom, and what becomes of it.

For load tests and for looking at a large thread. The figures below were measured on real threads;
a thread of any size has them, and the same seed gives the same thread. What is decided here is a
history that writers, voters and moderators could have made, step by step; storing it in bulk is
for ``comments.actions.generating``.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import accumulate
from math import ceil
from random import Random

from comments.rules.generated_texts import chance, dice

REPLIES_SHARE = 0.27
BUSIEST_SHARE = 0.25
DEEPEST = 13
GOES_AWAY = 0.02
VOTED_ON = 0.15
MENTIONS_SHARE = 0.02
REFERENCES_SHARE = 0.01
WITHOUT_TARGET_SHARE = 0.001
"""How many name somebody who never writes, and as many a number that is never given."""

SPREAD_SECONDS = 300 * 24 * 3600
"""From the first comment to the last of a large thread."""
LEAST_GAP = 4
"""Seconds between two comments: approval, votes and a removal come between them."""
LATE = 14
"""Seconds after a comment when votes on it raise the version of the thread."""


class Fate(IntEnum):
    """What becomes of a published comment in the end."""

    STAYS = 0
    DELETED = 1
    REJECTED = 2
    COLLAPSED = 3
    REMOVED = 4
    """Rejected, and its replies go with it."""
    ERASED = 5


@dataclass(slots=True)
class Plan:
    """A thread's history; ``i`` counts comments from 0 in order of time. About 60 bytes for each.

    ``-1`` stands for nobody and nothing in ``parent``, 0 in ``number``.
    """

    comments: int
    premoderated: bool
    """Each comment was held first; those not ``held`` any more were approved a second later."""
    people: int
    author: array[int]
    parent: array[int]
    held: bytearray
    number: array[int]
    fate: bytearray
    gone_after: dict[int, int]
    """The comment after which a comment went away."""
    leavers: dict[int, list[int]]
    """The comments that went away after a comment, in that order."""
    written: array[int]
    """Seconds since the first comment."""
    late: bytearray
    """Votes came more than ten seconds after the comment, so that they raised the version."""
    ups: bytearray
    downs: bytearray
    mentions: dict[int, tuple[int, int]]
    """Author meant (-1: somebody who never writes) and his latest visible number (0: none)."""
    references: dict[int, int]
    length_rank: array[int]

    depth: bytearray
    root: array[int]
    position: array[int]
    last_position: array[int]
    hidden_above: bytearray
    visible: bytearray
    direct_count: array[int]
    total_count: array[int]
    roots: int = 0
    numbers: int = 0
    counted: list[int] = field(default_factory=lambda: [0, 0])
    """Visible comments, and visible roots."""

    def published_at(self, i: int) -> int:
        """Returns when a comment was published, in seconds since the first was written."""
        return self.written[i] + self.premoderated

    def voted_at(self, i: int) -> int:
        """Returns when the votes on a comment were cast."""
        return self.written[i] + (LATE if self.late[i] else 2)

    def gone_at(self, i: int) -> int:
        """Returns when a comment went away."""
        return self.voted_at(self.gone_after[i]) + 1

    def path_numbers(self, i: int) -> list[int]:
        """Returns the numbers from the root down to a published comment."""
        numbers = []
        while i >= 0:
            numbers.append(self.number[i])
            i = self.parent[i]
        return numbers[::-1]

    def reachable(self, i: int) -> bool:
        """Returns whether a reader reaches the comment, or its tombstone, in the end."""
        return bool(self.visible[i]) or self.total_count[i] > 0


def has_account(author: int) -> bool:
    """Returns whether an author signs in: he may delete at any time, and vote."""
    return author % 3 == 0


def plan_thread(
    *, comments: int, seed: int, pending_share: float = 0.0, premoderated: bool = False
) -> Plan:
    """Returns the history of a thread: the same for the same arguments.

    Args:
        comments: how many are stored, held ones included; 1 or more.
        pending_share: which share of them still waits for a moderator, 0 to 1.
        premoderated: the thread holds each comment first; so it does where some still wait.

    Raises:
        ValueError: an argument is out of range.
    """
    if comments < 1 or not 0 <= pending_share <= 1:
        raise ValueError("a thread has one comment or more, and a share is from 0 to 1")
    plan = _empty(comments, seed=seed, pending_share=pending_share)
    plan.premoderated = premoderated or pending_share > 0
    _live(plan, seed=seed)
    _count(plan)
    return plan


def _empty(comments: int, *, seed: int, pending_share: float) -> Plan:
    """Returns a plan in which each comment has what does not depend on the others."""
    rng = dice(seed, "who and when")
    people = max(8, round(comments**0.6))
    busiest = round(BUSIEST_SHARE * comments)
    weights = list(accumulate(1 / (rank + 1) for rank in range(1, people)))
    others = rng.choices(range(1, people), cum_weights=weights, k=comments - busiest)
    author = array("I", [0] * busiest + others)
    rng.shuffle(author)
    length_rank = array("I", range(comments))
    rng.shuffle(length_rank)
    mean_gap = max(8.0, min(3600.0, SPREAD_SECONDS / comments))
    written = array("q", bytes(8 * comments))
    late, ups, downs = bytearray(comments), bytearray(comments), bytearray(comments)
    accounts = ceil(people / 3)
    at = 0
    for i in range(comments):
        written[i] = at
        gap = LEAST_GAP + int(rng.expovariate(1 / mean_gap))
        late[i] = gap > LATE + LEAST_GAP and chance(rng, 0.3)
        at += gap
        if chance(rng, VOTED_ON):
            # One fewer than there are accounts: nobody votes on his own.
            for _ in range(min(accounts - 1, 1 + int(rng.expovariate(0.5)))):
                (ups if chance(rng, 0.8) else downs)[i] += 1
    zeros, small = bytes(4 * comments), bytes(comments)
    return Plan(
        comments=comments,
        premoderated=False,
        people=people,
        author=author,
        parent=array("i", b"\xff" * (4 * comments)),
        held=_marked(comments, round(pending_share * comments), rng, first=0),
        number=array("I", zeros),
        fate=bytearray(small),
        gone_after={},
        leavers={},
        written=written,
        late=late,
        ups=ups,
        downs=downs,
        mentions={},
        references={},
        length_rank=length_rank,
        depth=bytearray(small),
        root=array("I", zeros),
        position=array("I", zeros),
        last_position=array("I", zeros),
        hidden_above=bytearray(small),
        visible=bytearray(small),
        direct_count=array("I", zeros),
        total_count=array("I", zeros),
    )


def _marked(size: int, count: int, rng: Random, *, first: int) -> bytearray:
    """Returns ``size`` marks, ``count`` of them set, none before ``first``."""
    marks = bytearray(size)
    for i in rng.sample(range(first, size), min(count, size - first)):
        marks[i] = 1
    return marks


class _Now:
    """What of a plan is true at the moment it has come to."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.gone = bytearray(plan.comments)
        self.latest_of = array("i", b"\xff" * (4 * plan.people))
        self.earlier_by_author = array("i", b"\xff" * (4 * plan.comments))

    def sees(self, i: int) -> bool:
        """Returns whether comment ``i`` can be read now."""
        plan = self.plan
        if not plan.number[i] or self.gone[i]:
            return False
        i = plan.parent[i]
        while i >= 0:
            if self.gone[i] == Fate.REMOVED:
                return False
            i = plan.parent[i]
        return True

    def seen_from(self, i: int) -> int:
        """Returns ``i``, or the nearest one before it that can be read now; -1 if none can."""
        while i >= 0 and not self.sees(i):
            i -= 1
        return i

    def publish(self, i: int, number: int) -> None:
        """Notes that a comment has come, with its number."""
        self.plan.number[i] = number
        author = self.plan.author[i]
        self.earlier_by_author[i] = self.latest_of[author]
        self.latest_of[author] = i

    def latest_number(self, author: int) -> int:
        """Returns the number of an author's latest comment that can be read; 0 if none can."""
        i = self.latest_of[author]
        while i >= 0 and not self.sees(i):
            i = self.earlier_by_author[i]
        return self.plan.number[i] if i >= 0 else 0


def _live(plan: Plan, *, seed: int) -> None:
    """Lets the thread happen: who answers whom, names whom, and goes away when."""
    rng = dice(seed, "what happens")
    size = plan.comments
    replies = _marked(size, round(REPLIES_SHARE * size), rng, first=1)
    now = _Now(plan)
    # In most threads nobody goes on for thirteen levels; in a large one somebody does.
    chain = range(0)
    if sum(replies) > 2 * DEEPEST:
        start = sum(replies) // 2
        chain = range(start, start + DEEPEST)
    seen_replies, last_reply = 0, -1
    leaving: dict[int, list[int]] = {}
    for i in range(size):
        if replies[i]:
            goes_on = chain.start < seen_replies < chain.stop
            wanted = last_reply if goes_on else _answered(now, i, last_reply, rng)
            target = _takes_reply(now, wanted, before=i)
            plan.parent[i] = target
            if not plan.held[i]:
                last_reply = i
                seen_replies += 1
        _name(now, i, rng)
        if not plan.held[i]:
            plan.numbers += 1
            _stand(plan, i)
            now.publish(i, plan.numbers)
            if chance(rng, GOES_AWAY):
                after = min(size - 1, i + 1 + int(rng.expovariate(1 / 40)))
                leaving.setdefault(after, []).append(i)
        for leaver in leaving.pop(i, ()):
            if now.sees(leaver):
                _go(plan, now, leaver, after=i, rng=rng)


def _stand(plan: Plan, i: int) -> None:
    """Gives a published comment its place among its siblings."""
    parent = plan.parent[i]
    if parent < 0:
        plan.root[i] = plan.numbers
        plan.position[i] = plan.roots
        plan.roots += 1
        return
    plan.depth[i] = plan.depth[parent] + 1
    plan.root[i] = plan.root[parent]
    plan.position[i] = plan.last_position[parent]
    plan.last_position[parent] += 1


def _answered(now: _Now, i: int, last_reply: int, rng: Random) -> int:
    """Returns what comment ``i`` answers: mostly what has just been said."""
    plan = now.plan
    recent = i - 1 - int(rng.expovariate(1 / 25))
    last, beside = (last_reply, plan.parent[last_reply]) if last_reply >= 0 else (recent, recent)
    candidates = (last, recent, beside, rng.randrange(i))
    return rng.choices(candidates, weights=(40, 35, 18, 7))[0]


def _takes_reply(now: _Now, wanted: int, *, before: int) -> int:
    """Returns a comment near the wanted one that can be answered now; -1 if none can."""
    target = now.seen_from(max(0, wanted))
    if target < 0:
        target = now.seen_from(before - 1)
    while target >= 0 and now.plan.depth[target] >= DEEPEST:
        target = now.seen_from(now.plan.parent[target])
    return target


def _name(now: _Now, i: int, rng: Random) -> None:
    """Decides whether the text of comment ``i`` names a person or a number."""
    plan = now.plan
    if plan.length_rank[i] == plan.comments - 1:
        return  # the longest text is as long as it is
    die = rng.random()
    if die < MENTIONS_SHARE:
        about = plan.parent[i] if plan.parent[i] >= 0 else i - 1 - int(rng.expovariate(1 / 25))
        about = now.seen_from(max(0, min(i - 1, about))) if i else -1
        if about >= 0 and plan.author[about] != plan.author[i]:
            meant = plan.author[about]
            plan.mentions[i] = (meant, now.latest_number(meant))
        return
    die -= MENTIONS_SHARE
    if die < REFERENCES_SHARE:
        about = now.seen_from(max(0, i - 1 - int(rng.expovariate(1 / 40)))) if i else -1
        if about >= 0:
            plan.references[i] = plan.number[about]
        return
    die -= REFERENCES_SHARE
    if die < WITHOUT_TARGET_SHARE:
        plan.mentions[i] = (-1, 0)
    elif die < 2 * WITHOUT_TARGET_SHARE:
        plan.references[i] = 10 * plan.comments + rng.randrange(10_000, 100_000)


def _go(plan: Plan, now: _Now, i: int, *, after: int, rng: Random) -> None:
    """Lets a comment go away after another one has come."""
    if has_account(plan.author[i]) and chance(rng, 0.5):
        fate = Fate.DELETED
    else:
        kinds = (Fate.REJECTED, Fate.COLLAPSED, Fate.REMOVED, Fate.ERASED)
        fate = rng.choices(kinds, weights=(60, 15, 20, 5))[0]
    plan.fate[i] = now.gone[i] = fate
    plan.gone_after[i] = after
    plan.leavers.setdefault(after, []).append(i)


def _count(plan: Plan) -> None:
    """Sets every counter to what it is in the end; a parent stands before its replies."""
    for i in range(plan.comments):
        if not plan.number[i]:
            continue
        parent = plan.parent[i]
        if parent >= 0:
            plan.hidden_above[i] = plan.hidden_above[parent] + (plan.fate[parent] == Fate.REMOVED)
        plan.visible[i] = plan.fate[i] == Fate.STAYS and plan.hidden_above[i] == 0
    for i in reversed(range(plan.comments)):
        if not plan.number[i]:
            continue
        parent, visible = plan.parent[i], plan.visible[i]
        plan.counted[0] += visible
        if parent >= 0:
            plan.direct_count[parent] += visible
            plan.total_count[parent] += visible + plan.total_count[i]
        else:
            plan.counted[1] += visible
