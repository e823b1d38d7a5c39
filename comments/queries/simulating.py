"""Past comments as the rules would have been told of them, oldest first, and what was decided.

What was never kept cannot be told again: addresses of clients are not stored, so a rule about them
is judged by what it said while it was watched. Fields and times of forms are kept since they are
asked for. Trust, sanctions and earlier comments are those of the moment at which a comment came,
as far as their rows still stand.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, F, QuerySet

from comments.models import Comment, LearnedModel, LogKind, LogRow, RuleVersion, Sanction, Screening
from comments.queries.logbook import in_own_thread
from comments.rules.moderation import READABLE
from comments.rules.ruling import RuleFields, hits_alike
from comments.rules.screening import AuthorFacts, Facts, Neighbour, Rule, Signal, evaluate_all
from comments.rules.screening_text import bands, linked_addresses, signature, similarity
from comments.rules.simulating import Past, Tally
from comments.rules.trust import Record, trust_in

BATCH = 500
MOST_ALIKE = 50
"""Comments with a like text that are compared, the newest of each band; as when screening."""
MOST_TIMES = 50
"""Times of earlier comments of an author that are remembered; as when screening."""
NEVER_KEPT = frozenset({"addresses"})
"""Kinds that look at what is not stored: judged by the signals of their own watched versions."""
OF_THE_FORM = frozenset({"honeypot", "time_to_write"})

_REFUSED = {"approved": False, "rejected": True, "spam": True}


def simulate(
    rule: Rule, fields: RuleFields, *, rule_id: int, site_id: int, most: int | None
) -> dict[str, Any]:
    """Returns what a rule would have hit among the newest ``most`` comments of a site, all if null.

    Shapes as in ``Tally.result``. Writes nothing. Some queries for each ``BATCH`` comments; memory
    grows with the number of authors only, and with texts for the kind that compares them.
    """
    comments = Comment.objects.filter(thread__site_id=site_id, erased_at=None)
    newest = comments.order_by("-pk").values_list("pk", flat=True)
    first = newest[most - 1 : most].first() if most else None
    tally = Tally(effect=rule.effect)
    walk = _Walk(rule, site_id=site_id, versions=_versions_alike(rule_id, fields))
    after = (first or 1) - 1
    while batch := list(
        comments.filter(pk__gt=after).select_related("thread", "author").order_by("pk")[:BATCH]
    ):
        for past, signal in walk.look(batch):
            tally.add(past, signal)
        after = batch[-1].pk
    return tally.result()


def _versions_alike(rule_id: int, fields: RuleFields) -> set[int]:
    """Returns the versions of a rule that hit the same as these fields."""
    stored = RuleVersion.objects.filter(rule_id=rule_id).values_list("version", "fields")
    return {version for version, was in stored if hits_alike(RuleFields(**was), fields)}


@dataclass(slots=True)
class _AuthorPast:
    """What is known of an author up to the comment at hand."""

    published: int = 0
    times: deque[datetime] = field(default_factory=lambda: deque(maxlen=MOST_TIMES))
    decisions: list[tuple[datetime, bool]] = field(default_factory=list)
    """When, and whether it was for a comment; oldest first."""
    sanctions: list[Sanction] = field(default_factory=list)


class _Walk:
    """Goes through past comments and remembers what a rule may ask about earlier ones."""

    def __init__(self, rule: Rule, *, site_id: int, versions: set[int]) -> None:
        self.rule = rule
        self.versions = versions
        self.authors: dict[int, _AuthorPast] = {}
        self.alike: dict[tuple[int, int], deque[tuple[int, tuple[int, ...], int | None]]] = {}
        self.threshold: float | None = None
        if rule.kind == "learned_score":
            found = LearnedModel.objects.filter(pk=site_id).values_list("threshold", flat=True)
            self.threshold = found.first()

    def look(self, batch: Sequence[Comment]) -> Iterator[tuple[Past, Signal]]:
        """Yields what the rule says of each comment, with what became of it."""
        decided = _decided(batch)
        verdicts = _verdicts(batch)
        screenings = {
            one.comment_id: one
            for one in Screening.objects.filter(comment__in=batch, revision=F("comment__edits"))
        }
        self._meet_authors(batch)
        for comment in batch:
            screening = screenings.get(comment.pk)
            known, signal = self._signal(comment, screening)
            status = decided.get((comment.pk, comment.edits))
            yield (
                Past(
                    comment_id=comment.pk,
                    at=comment.created_at,
                    refused=_REFUSED.get(status) if status else None,
                    waited=verdicts.get((comment.pk, comment.edits), comment.status)
                    not in READABLE,
                    known=known,
                ),
                signal,
            )
            self._pass(comment)

    def _signal(self, comment: Comment, screening: Screening | None) -> tuple[bool, Signal]:
        """Returns whether the rule can know, and what it says."""
        if self.rule.kind in NEVER_KEPT:
            kept = self._recorded(screening)
            return kept is not None, kept or self._evaluated(comment, screening)
        known = True
        if self.rule.kind in OF_THE_FORM:
            known = screening is not None
            if self.rule.kind == "time_to_write":
                known = screening is not None and screening.seconds_to_write is not None
        elif self.rule.kind == "learned_score":
            known = screening is not None and screening.score is not None
        return known, self._evaluated(comment, screening)

    def _recorded(self, screening: Screening | None) -> Signal | None:
        """Returns what the rule itself said of a comment, in a version that hits the same."""
        for stored in screening.signals if screening else ():
            signal = Signal.from_json(stored)
            if signal.rule == self.rule.key and signal.rule_version in self.versions:
                return signal
        return None

    def _evaluated(self, comment: Comment, screening: Screening | None) -> Signal:
        facts = Facts(
            text=comment.source,
            hrefs=linked_addresses(comment.html),
            author=self._author_facts(comment),
            honeypot="filled" if screening and screening.honeypot else "",
            seconds_to_write=screening.seconds_to_write if screening else None,
            neighbours=self._neighbours(comment),
            score=screening.score if screening else None,
            score_threshold=self.threshold,
        )
        (signal,) = evaluate_all([self.rule], facts, budget_seconds=float("inf"))
        return signal

    # Authors

    def _meet_authors(self, batch: Sequence[Comment]) -> None:
        """Reads what was before the batch about authors who have not come up yet."""
        new = {c.author_id for c in batch if c.author_id is not None} - self.authors.keys()
        for author_id in new:
            self.authors[author_id] = _AuthorPast()
        if not new:
            return
        earlier = Comment.objects.filter(author__in=new, pk__lt=batch[0].pk)
        if self.rule.kind == "first_comment":
            counted = earlier.filter(visible=True).values_list("author").annotate(n=Count("pk"))
            for author_id, count in counted.order_by():
                self.authors[author_id].published = count
        elif self.rule.kind == "flood":
            for author_id, at in earlier.order_by("pk").values_list("author_id", "created_at"):
                self.authors[author_id].times.append(at)
        elif self.rule.kind in {"rejected_share", "trusted_author"}:
            self._read_decisions(new)
        elif self.rule.kind == "sanctions":
            held = Sanction.objects.filter(participant__in=new, kind=Sanction.Kind.HOLD)
            for sanction in held:
                self.authors[sanction.participant_id].sanctions.append(sanction)

    def _read_decisions(self, new: set[int]) -> None:
        written = dict(Comment.objects.filter(author__in=new).values_list("pk", "author_id"))
        theirs = Comment.objects.filter(author__in=new)
        rows = LogRow.objects.filter(in_own_thread(), comment_id__in=theirs)
        for (comment_id, _), (status, at) in _standing(rows).items():
            refused = _REFUSED.get(status)
            if refused is not None:
                self.authors[written[comment_id] or 0].decisions.append((at, not refused))
        for author_id in new:
            self.authors[author_id].decisions.sort()

    def _author_facts(self, comment: Comment) -> AuthorFacts:
        person = comment.author
        past = self.authors.get(comment.author_id or 0, _AuthorPast())
        then = comment.created_at
        before = [(at, good) for at, good in past.decisions if at < then]
        record = Record()
        for at, good in before:
            record = record.with_decision(good=good, decided_at=at, now=at, sign=1)
        held = any(
            sanction.at <= then
            and (sanction.lifted_at is None or sanction.lifted_at > then)
            and (sanction.until is None or sanction.until > then)
            for sanction in past.sanctions
        )
        return AuthorFacts(
            name=comment.author_name,
            email_domain=person.email.rpartition("@")[2].lower() if person else "",
            url=comment.author_url,
            published_before=past.published,
            approved=sum(good for _, good in before),
            rejected=sum(not good for _, good in before),
            trust=trust_in(record, now=then),
            sanction="hold" if held else "",
            recent_seconds=tuple((then - at).total_seconds() for at in past.times),
        )

    def _pass(self, comment: Comment) -> None:
        """Counts a comment among the earlier ones of its author."""
        past = self.authors.get(comment.author_id or 0)
        if past is not None:
            past.published += comment.visible
            past.times.append(comment.created_at)

    # Like texts

    def _neighbours(self, comment: Comment) -> tuple[Neighbour, ...]:
        """Returns earlier comments with a like text, and remembers this one for later ones."""
        own = signature(comment.source) if self.rule.kind == "duplicates" else ()
        if not own:
            return ()
        found: dict[int, Neighbour] = {}
        for place, band in enumerate(bands(own)):
            same = self.alike.setdefault((place, band), deque(maxlen=MOST_ALIKE))
            for other_id, signed, author_id in same:
                if other_id not in found:
                    found[other_id] = Neighbour(
                        comment_id=other_id,
                        similarity=similarity(own, signed),
                        same_author=author_id is not None and author_id == comment.author_id,
                    )
            same.append((comment.pk, own, comment.author_id))
        return tuple(found.values())


def _decided(batch: Sequence[Comment]) -> dict[tuple[int, int], str]:
    """Returns what moderators made of each comment and revision, if that stands; one query."""
    ids = [comment.pk for comment in batch]
    rows = LogRow.objects.filter(in_own_thread(), comment_id__in=ids)
    return {key: status for key, (status, _) in _standing(rows).items()}


def _verdicts(batch: Sequence[Comment]) -> dict[tuple[int | None, int], str]:
    """Returns what each text became when it came, by comment and revision; one query."""
    ids = [comment.pk for comment in batch]
    rows = LogRow.objects.filter(in_own_thread(), comment_id__in=ids, kind=LogKind.VERDICT)
    return {
        (comment_id, revision): status
        for comment_id, revision, status in rows.values_list("comment_id", "revision", "to_status")
    }


def _standing(rows: QuerySet[LogRow]) -> dict[tuple[int, int], tuple[str, datetime]]:
    """Returns status and time of the latest decision of each revision that was not undone."""
    wanted = rows.filter(kind__in=[LogKind.DECISION, LogKind.UNDO]).order_by("pk")
    decisions: dict[int | None, tuple[tuple[int, int], str, datetime]] = {}
    for pk, kind, comment_id, revision, status, at, undoes in wanted.values_list(
        "pk", "kind", "comment_id", "revision", "to_status", "at", "undoes_id"
    ):
        if kind == LogKind.DECISION:
            decisions[pk] = ((comment_id or 0, revision), status, at)
        else:
            decisions.pop(undoes, None)
    # In the order of their rows, so the latest of a revision is what remains.
    return {key: (status, at) for key, status, at in decisions.values()}
