"""Whether anybody's digests passed something over that was his: what was lost, found on the tables.

It can be told for those who want all: their digest is of the whole site, it always was, they have
never been told at once and have never left a conversation. For them each thing that was published
between where they began and where their digest stands has to be in some mail, whatever became of
that mail. Left alone is what was retracted at any time (the order has a second row of it, or it
cannot be read now), and what they wrote themselves.

Only the newest ``LOOKED_AT`` publications of a site are looked at: those that digests are made of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from django.db.models import Exists, F, OuterRef, Q

from comments.models import (
    Channel,
    Consent,
    Delivery,
    Frequency,
    Publication,
    Selection,
    Subscription,
)
from comments.queries.digests import AT_ONCE as VALUES_AT_ONCE
from comments.rules.digesting import Item
from comments.rules.subscribing import address_key

AT_ONCE = 1_000
LOOKED_AT = 2_000
KEPT = 10_000
"""Answers that are kept: subscribers who have had the same mails miss the same."""

Row = dict[str, Any]


def lost_news(*, site_id: int, last: int) -> Iterator[str]:
    """Yields a line for each thing that a subscriber was owed and that no mail to him holds.

    Args:
        last: the last position of the site.
    """
    news = _News(site_id=site_id, after=max(last - LOOKED_AT, 0))
    if not news.rows:
        return
    channels = _of_those_who_want_all(site_id).iterator(chunk_size=AT_ONCE)
    while some := list(islice(channels, AT_ONCE)):
        mails = _selections_of([row["subscriber_id"] for row in some], after=news.after)
        for row in some:
            pk = row["subscriber_id"]
            for one in news.missing(row, tuple(sorted(mails[pk]))):
                if _is_own(one, row):
                    continue
                what = f"comment {one['comment_id']}"
                if one["comment_id"] is None:
                    what = f"the page of thread {one['thread_id']}"
                yield f"subscriber {pk}: {what} was published for him, and no mail holds it"


def _of_those_who_want_all(site_id: int) -> Any:
    own = Subscription.objects.filter(subscriber_id=OuterRef("subscriber_id"))
    other = own.filter(state=Subscription.State.ACTIVE).exclude(thread=None, participant=None)
    to_site = own.filter(thread=None, participant=None, state=Subscription.State.ACTIVE)
    at_once = Channel.objects.filter(
        subscriber_id=OuterRef("subscriber_id"), kind=Channel.Kind.INSTANT
    )
    about_conversations = Consent.objects.filter(
        subscriber_id=OuterRef("subscriber_id"), subscription=None
    )
    found = Channel.objects.filter(
        Exists(to_site.filter(switches=[]).exclude(frequency=Frequency.INSTANT)),
        ~Exists(other),
        ~Exists(at_once),
        ~Exists(about_conversations),
        subscriber__site_id=site_id,
        kind=Channel.Kind.DIGEST,
    )
    began = to_site.values("began")[:1]
    return (
        found.annotate(began=began, address_key=F("subscriber__address_key"))
        .order_by("pk")
        .values("subscriber_id", "cursor", "began", "address_key")
    )


def _selections_of(subscribers: Sequence[int], *, after: int) -> dict[int, set[int]]:
    """Returns which contents mails to each were to have, in whatever state they are."""
    found = Delivery.objects.filter(subscriber__in=subscribers, to_position__gt=after)
    mails = defaultdict(set)
    for subscriber_id, selection_id in found.values_list("subscriber_id", "selection_id"):
        mails[subscriber_id].add(selection_id)
    return mails


def _is_own(one: Row, row: Row) -> bool:
    email = one["comment__author__email"]
    if email and address_key(str(email)) == row["address_key"]:
        return True
    author_id = one["comment__author_id"]
    own = Subscription.objects.filter(subscriber=row["subscriber_id"], participant=author_id)
    return author_id is not None and own.exists()


class _News:
    """What was first published last, and has been there to read ever since."""

    def __init__(self, *, site_id: int, after: int) -> None:
        again = Publication.objects.filter(comment_id=OuterRef("comment_id"), again=True)
        found = Publication.objects.filter(
            ~Exists(again),
            Q(comment=None) | Q(comment__visible=True),
            site_id=site_id,
            position__isnull=False,
            position__gt=after,
            again=False,
        )
        self.after = after
        self.rows: list[Row] = list(
            found.order_by("position").values(
                *("position", "thread_id", "comment_id"),
                *("comment__author_id", "comment__author__email"),
            )
        )
        self._items: dict[int, frozenset[Item]] = {}
        self._missing: dict[tuple[int, int, tuple[int, ...]], list[Row]] = {}

    def missing(self, row: Row, mails: tuple[int, ...]) -> list[Row]:
        """Returns what of it is in none of these selections, and should be."""
        key = (max(row["began"], self.after), row["cursor"], mails)
        if key not in self._missing:
            if len(self._missing) > KEPT:
                self._missing.clear()
            self._missing[key] = self._find(*key)
        return self._missing[key]

    def _find(self, began: int, cursor: int, mails: tuple[int, ...]) -> list[Row]:
        held = {item for pk in mails for item in self._held(mails, pk)}
        return [
            row
            for row in self.rows
            if began < row["position"] <= cursor
            and (row["thread_id"], row["comment_id"] or 0) not in held
        ]

    def _held(self, mails: tuple[int, ...], pk: int) -> frozenset[Item]:
        if pk not in self._items:
            if len(self._items) > KEPT // 10:
                self._items.clear()
            wanted = [one for one in mails if one not in self._items]
            for start in range(0, len(wanted), VALUES_AT_ONCE):
                some = Selection.objects.filter(pk__in=wanted[start : start + VALUES_AT_ONCE])
                for found, items in some.values_list("pk", "items"):
                    self._items[found] = frozenset((thread, comment) for thread, comment in items)
        return self._items[pk]
