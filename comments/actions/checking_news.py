"""Whether anybody's mails passed something over that was his: what was lost, found on the tables.

The planner's own rules say what of the order belongs to whom, and which way: what a subscriber
wants now, of all that was published since he began and up to where his channel stands. Each of it
has to be in some mail to him, whatever became of that mail; one that expired counts until a later
one of its kind has taken over what it had.

Left alone is what cannot be told from the tables:

- what was retracted at any time (the order has a second row of it, or it cannot be read now);
- what may be his own: its author has his address, or another one than then, or one that was
  verified after it was published, or he has ever asked for the answers to that author;
- for whoever is told of answers, what was edited, or mentions him before he was there;
- conversations that he has ever left.

Only the newest ``LOOKED_AT`` publications of a site are looked at: those that mails are made of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from django.db.models import Exists, F, Min, OuterRef, Q

from comments.actions.checking_mails import name_of
from comments.actions.claiming import NOT_WANTED, NOTHING_LEFT
from comments.models import (
    Channel,
    Delivery,
    Mention,
    Mute,
    PostOffice,
    Publication,
    Selection,
    Subscription,
)
from comments.queries.digests import AT_ONCE as VALUES_AT_ONCE
from comments.queries.digests import NewsReader, readers_of
from comments.rules.digesting import (
    Item,
    News,
    Reader,
    digest_items,
    instant_items,
    wants_all,
)
from comments.rules.names import name_key
from comments.rules.subscribing import address_key

AT_ONCE = 1_000
LOOKED_AT = 2_000
KEPT = 10_000
"""Answers that are kept: subscribers who have had the same mails miss the same."""

Mails = tuple[int, ...]
"""Selections, sorted."""
Conversation = tuple[int, int | None]
"""A thread, and the number of the root."""


def lost_news(*, site_id: int, last: int) -> Iterator[str]:
    """Yields a line for each thing that a subscriber was owed and that no mail to him holds.

    Args:
        last: the last position of the site.
    """
    news = _News(site_id=site_id, after=max(last - LOOKED_AT, 0), last=last)
    if not news.owed:
        return
    found = Channel.objects.filter(subscriber__site_id=site_id)
    marked_up_to = PostOffice.objects.filter(site_id=site_id).values_list(
        "instant_position", flat=True
    )
    marked = next(iter(marked_up_to), 0)
    channels = found.select_related("subscriber").order_by("pk").iterator(chunk_size=AT_ONCE)
    while some := list(islice(channels, AT_ONCE)):
        people = {channel.subscriber_id: channel.subscriber for channel in some}
        readers = readers_of(list(people.values()))
        mails = _selections_of(list(people), after=news.after)
        himself = _participants_of(list(people))
        left = _left_by(list(people))
        for channel in some:
            pk, subscriber = channel.subscriber_id, channel.subscriber
            if pk not in readers:
                continue
            is_instant = channel.kind == Channel.Kind.INSTANT
            is_kept_back = subscriber.paused_at or subscriber.suppressed_at
            is_looked_at = not is_instant or is_kept_back or channel.due_at is not None
            for item in news.missing(
                readers[pk],
                is_instant=is_instant,
                # Where nobody looks for what is to be told at once, it has been.
                cursor=channel.cursor if is_looked_at else max(channel.cursor, marked),
                himself=himself[pk],
                left=left[pk],
                mails=tuple(sorted(mails[pk])),
            ):
                yield (
                    f"subscriber {pk}: {name_of(item)} was published for him, and no mail holds it"
                )


def _selections_of(subscribers: Sequence[int], *, after: int) -> dict[int, set[int]]:
    """Returns which contents mails to each were to have, whatever became of them.

    Without those that others have taken over, or that were cancelled because nothing in them was
    wanted, or could be read, just then.
    """
    state = Delivery.State
    rows = (
        Delivery.objects.filter(subscriber__in=subscribers, to_position__gt=after)
        .exclude(state=state.CANCELLED, error__in=["", NOT_WANTED, NOTHING_LEFT])
        .exclude(state=state.EXPIRED, taken_over_at__isnull=False)
    )
    mails = defaultdict(set)
    for subscriber_id, selection_id in rows.values_list("subscriber_id", "selection_id").iterator(
        chunk_size=AT_ONCE
    ):
        mails[subscriber_id].add(selection_id)
    return mails


def _left_by(subscribers: Sequence[int]) -> dict[int, set[Conversation]]:
    """Returns the conversations that each has ever left."""
    found = defaultdict[int, set[Conversation]](set)
    mutes = Mute.objects.filter(subscriber__in=subscribers)
    for subscriber_id, thread_id, root in mutes.values_list(
        "subscriber_id", "thread_id", "root_number"
    ):
        found[subscriber_id].add((thread_id, root))
    return found


def _participants_of(subscribers: Sequence[int]) -> dict[int, set[int]]:
    """Returns as whom each has ever asked for answers."""
    found = defaultdict(set)
    asked = Subscription.objects.filter(subscriber__in=subscribers, participant__isnull=False)
    for subscriber_id, participant_id in asked.values_list("subscriber_id", "participant_id"):
        found[subscriber_id].add(participant_id)
    return found


@dataclass(frozen=True, slots=True)
class _Facts:
    """What says of a publication to whom it was not news for sure."""

    author_key: str
    """Of the address that its author has now, verified or not."""
    was_edited: bool
    answered_id: int | None
    """Whose comment it answers."""
    named: frozenset[int]
    """Whom it mentioned when it was published: they had written in the thread by that name."""


def _facts_of(*, site_id: int, after: int) -> dict[int, _Facts]:
    """Returns the facts of what was never retracted, by position."""
    again = Publication.objects.filter(comment_id=OuterRef("comment_id"), again=True)
    found = Publication.objects.filter(
        ~Exists(again),
        site_id=site_id,
        position__gt=after,
        again=False,
    ).exclude(
        Q(comment__author__email_verified_at__gt=F("at"))
        | Q(comment__author__email_changed_at__gt=F("at"))
    )
    named = _named_then(site_id=site_id, after=after)
    return {
        position: _Facts(
            author_key=address_key(email) if email else "",
            was_edited=edited_at is not None,
            answered_id=answered_id,
            named=frozenset(named[position]),
        )
        for position, email, edited_at, answered_id in found.values_list(
            *("position", "comment__author__email"),
            *("comment__edited_at", "comment__reply_to__author_id"),
        )
    }


def _named_then(*, site_id: int, after: int) -> dict[int, set[int]]:
    """Returns whom each publication mentions, by position, who was there before it to be mentioned.

    Whoever came later, or was hidden for a while, may be mentioned only since then.
    """
    published = Q(comment__publications__again=False, comment__publications__position__gt=after)
    mentions = Mention.objects.filter(
        published, comment__publications__site_id=site_id, participant__isnull=False
    )
    again = Publication.objects.filter(comment_id=OuterRef("comment_id"), again=True)
    earlier = (
        Publication.objects.filter(
            ~Exists(again),
            site_id=site_id,
            position__isnull=False,
            comment__visible=True,
            thread__in=mentions.values("thread_id"),
            comment__author__in=mentions.values("participant_id"),
        )
        .values_list("thread_id", "comment__author_id", "comment__author_name")
        .annotate(Min("position"))
    )
    came = dict[tuple[int, int, str], int]()
    for thread_id, author_id, name, position in earlier:
        key = thread_id, author_id, name_key(name)
        came[key] = min(position, came.get(key, position))
    found = defaultdict[int, set[int]](set)
    rows: Iterable[Any] = mentions.values_list(
        "comment__publications__position", "thread_id", "participant_id", "text"
    )
    for position, thread_id, participant_id, text in rows:
        key = thread_id, participant_id, name_key(text.removeprefix("@"))
        if came.get(key, position) < position:
            found[position].add(participant_id)
    return found


class _News:
    """What was first published last, and has been there to read ever since."""

    def __init__(self, *, site_id: int, after: int, last: int) -> None:
        self.after = after
        self._facts = _facts_of(site_id=site_id, after=after)
        interval = NewsReader(site_id=site_id).between(after, last)
        self.owed = tuple(
            one for one in interval.news if one.visible and one.position in self._facts
        )
        self._authors = {self._facts[one.position].author_key for one in self.owed}
        self._interval = replace(
            interval,
            news=self.owed,
            by_thread={
                pk: tuple(one for one in some if one.visible and one.position in self._facts)
                for pk, some in interval.by_thread.items()
            },
        )
        self._items: dict[int, frozenset[Item]] = {}
        self._missing: dict[tuple[int, int, Mails], list[Item]] = {}

    def missing(
        self,
        reader: Reader,
        *,
        is_instant: bool,
        cursor: int,
        himself: set[int],
        left: set[Conversation],
        mails: Mails,
    ) -> list[Item]:
        """Returns what a reader was to be told this way, and is in none of these selections.

        Args:
            himself: the participants that he is, or was.
            left: the conversations that he has left, or had.
        """
        began = max(reader.wishes[0].began, self.after)
        is_plain = (
            not is_instant
            and not himself
            and not left
            and wants_all(reader, after=began)
            and reader.address_key not in self._authors
        )
        if not is_plain:
            possible = [
                one
                for one in self._interval.within(reader)
                if (one.thread_id, one.root_number) not in left
                and self._is_sure(one, reader, himself)
            ]
            return self._find(possible, reader, is_instant=is_instant, cursor=cursor, mails=mails)
        # The same for all of these readers, however many there are.
        key = (began, cursor, mails)
        if key not in self._missing:
            if len(self._missing) > KEPT:
                self._missing.clear()
            self._missing[key] = self._find(
                self.owed, reader, is_instant=False, cursor=cursor, mails=mails
            )
        return self._missing[key]

    def _find(
        self,
        news: Iterable[News],
        reader: Reader,
        *,
        is_instant: bool,
        cursor: int,
        mails: Mails,
    ) -> list[Item]:
        covered = [one for one in news if one.position <= cursor]
        owed = digest_items(covered, reader)
        if is_instant:
            owed = [item for some in instant_items(covered, reader).values() for item in some]
        if not owed:
            return []
        self._look_up(mails)
        held = {item for pk in mails for item in self._items[pk]}
        return [item for item in owed if item not in held]

    def _is_sure(self, one: News, reader: Reader, himself: set[int]) -> bool:
        facts = self._facts[one.position]
        if facts.author_key == reader.address_key or one.author_id in himself:
            return False
        # Answers stand; a mention may have come later than what it is in.
        mentioned = one.concerns - {facts.answered_id} - facts.named
        return not himself or not (facts.was_edited or himself & mentioned)

    def _look_up(self, mails: Mails) -> None:
        if len(self._items) > KEPT // 10:
            self._items.clear()
        wanted = [pk for pk in mails if pk not in self._items]
        for start in range(0, len(wanted), VALUES_AT_ONCE):
            some = Selection.objects.filter(pk__in=wanted[start : start + VALUES_AT_ONCE])
            for pk, items in some.values_list("pk", "items"):
                self._items[pk] = frozenset((thread, comment) for thread, comment in items)
