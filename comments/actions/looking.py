"""How things stand in the transaction that marks messages as on their way: what is still wanted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from comments.actions.editions import Current, Editions
from comments.models import Channel, Delivery, Subscription, Thread
from comments.queries.digests import readers_of
from comments.queries.subscribers import last_position
from comments.rules.digesting import Item, Reader, still_wanted, wants_all

Kind = Delivery.Kind


@dataclass(frozen=True, slots=True)
class Look:
    """How things stand in the transaction that marks messages: three queries for all of them."""

    readers: dict[int, Reader]
    versions: dict[int, int]
    told_up_to: dict[int, int]
    """How far the digests have come of those who are told something at once."""
    awaited: dict[int, tuple[str, str]]
    """State and frequency of the subscriptions that messages ask about."""

    @classmethod
    def at(cls, rows: Collection[Delivery], *, editions: Editions) -> Look:
        news = {row.subscriber_id: row.subscriber for row in rows if row.kind != Kind.CONFIRMATION}
        asked = [row.subscription_id or 0 for row in rows if row.kind == Kind.CONFIRMATION]
        threads: set[int] = set()
        for selection_id in {row.selection_id for row in rows}:
            current = editions.current(selection_id)
            threads |= current.threads if current is not None else set()
        return cls(
            readers=readers_of(list(news.values())) if news else {},
            versions=dict(Thread.objects.filter(pk__in=threads).values_list("pk", "version"))
            if threads
            else {},
            told_up_to=dict(
                Channel.objects.filter(
                    kind=Channel.Kind.DIGEST,
                    subscriber__in=[row.subscriber_id for row in rows if row.kind == Kind.INSTANT],
                ).values_list("subscriber_id", "cursor")
            )
            if any(row.kind == Kind.INSTANT for row in rows)
            else {},
            awaited={
                pk: (state, frequency)
                for pk, state, frequency in Subscription.objects.filter(pk__in=asked).values_list(
                    "pk", "state", "frequency"
                )
            }
            if asked
            else {},
        )

    def is_true(self, current: Current) -> bool:
        """Returns whether nothing has changed in the threads that something shows."""
        found = sum(self.versions.get(pk, 0) for pk in current.threads)
        return found == current.threads_version

    def wants_anything(self, row: Delivery) -> bool:
        """Returns whether a message has news, and its subscriber wants any."""
        return row.subscriber_id in self.readers and row.kind != Kind.CONFIRMATION

    def wanted_of(self, row: Delivery, current: Current) -> list[Item]:
        """Returns what of a selection its subscriber still wants."""
        reader = self.readers.get(row.subscriber_id)
        if reader is None:
            return []
        if row.kind == Kind.DIGEST and wants_all(reader, after=row.after_position):
            return list(current.items)
        return still_wanted(
            current.items,
            news=current.news,
            reader=reader,
            is_instant=row.kind == Kind.INSTANT,
            told_up_to=self._told_up_to(row),
            readable=current.readable,
        )

    def _told_up_to(self, row: Delivery) -> int:
        if row.state == Delivery.State.IN_DOUBT:
            # It counts as received, so that no digest has what it holds, however far it has come.
            return last_position(site_id=row.site_id)
        return self.told_up_to.get(row.subscriber_id, 0)

    def is_awaited(self, row: Delivery, current: Current) -> bool:
        """Returns whether a question still stands, or what it tells is still so."""
        state, frequency = self.awaited.get(row.subscription_id or 0, ("", ""))
        wanted = "active" if current.scope.startswith("already ") else "pending"
        # Another frequency is another question: it has a mail of its own.
        return state == wanted and current.scope.endswith(f" {frequency}")
