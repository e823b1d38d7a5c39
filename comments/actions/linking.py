"""Mentions and references: which names and numbers of a text are links, now and later.

What a text names is asked for before it is rendered. Rows of what it names stay with it, also of
what is nobody and nothing yet; when that somebody takes part, or that number is given, those rows
find the texts to render again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

from django.db import transaction

from comments.actions.recording import lock_thread, record, save_thread
from comments.actions.storing import AT_ONCE, Store
from comments.models import Comment, EventKind, Mention, Participation, Reference, Thread
from comments.queries.people import has_namesakes, latest_numbers, who_is_meant
from comments.queries.statements import fetch
from comments.rules.mentions import probe_of, scan
from comments.rules.names import name_key
from comments.rules.rendering import MentionTarget, Rendered, render

LOOKED_AT = 100
"""How many older comments are looked at in one step."""
RELINKED = 10
"""How many of them are rendered again in one transaction, for which the thread is locked."""
FEW = 4
"""Names and numbers of a text that are stored with it, and not by themselves."""
RENDER_SECONDS = 0.4
"""CPU time one rendering may take; past it the text is shown escaped and held."""


@dataclass(frozen=True, slots=True)
class Known:
    """Who and what the names and numbers of one text mean at this moment."""

    people: Mapping[str, int]
    numbers: frozenset[int]


def what_is_known(
    *, thread_id: int, source: str, writer_id: int | None, reply_to: Comment | None
) -> Known:
    """Returns what the text could link to: at most two queries, none for a plain text."""
    found = scan(source)
    people = who_is_meant(
        thread_id=thread_id,
        keys={key for candidate in found.mentions for key, _ in candidate.keys},
        writer_id=writer_id,
        answered_author_id=reply_to.author_id if reply_to is not None else None,
    )
    wanted = {reference.number for reference in found.references}
    if not wanted:  # an empty queryset would cost a third of a millisecond
        return Known(people, frozenset())
    numbers = Comment.objects.filter(thread_id=thread_id, number__in=wanted, reachable=True)
    return Known(people, frozenset(n for n in numbers.values_list("number", flat=True) if n))


def render_known(
    *, thread_id: int, source: str, format: str, known: Known, number: int | None = None
) -> Rendered:
    """Returns the text as HTML, linked to what is known: one query if it names anybody.

    Args:
        number: of the comment, if it has one already.
    """
    people = set(known.people.values())
    latest = latest_numbers(thread_id=thread_id, participant_ids=people, before=number)
    return render(
        source=source,
        format=format,
        names={key: MentionTarget(latest.get(who)) for key, who in known.people.items()},
        numbers=known.numbers,
        budget_seconds=RENDER_SECONDS,
    )


@dataclass(frozen=True, slots=True)
class LinkedText:
    """A source rendered with links to whoever and whatever was known at that moment."""

    source: str
    format: str
    known: Known
    rendered: Rendered


def linked_text(
    *,
    thread_id: int,
    source: str,
    format: str,
    writer_id: int | None,
    reply_to: Comment | None,
    kept: Mapping[str, int] | None = None,
    number: int | None = None,
) -> LinkedText:
    """Returns a cleaned source rendered for a thread; at most three queries.

    Args:
        kept: whom names meant in the text that this one replaces: they go on meaning them.
        number: of the comment, if it has one already.
    """
    known = what_is_known(
        thread_id=thread_id, source=source, writer_id=writer_id, reply_to=reply_to
    )
    known = Known({**known.people, **(kept or {})}, known.numbers)
    rendered = render_known(
        thread_id=thread_id, source=source, format=format, known=known, number=number
    )
    return LinkedText(source, format, known, rendered)


def linked_again(
    text: LinkedText,
    *,
    thread_id: int,
    writer_id: int | None,
    reply_to: Comment | None,
    kept: Mapping[str, int] | None = None,
    number: int | None = None,
) -> LinkedText:
    """Returns the text linked to who and what is there now, under the thread's lock.

    Whoever took part between rendering and the lock did not see this comment waiting for him, so
    it must look again itself. It is rendered again only if that made a difference.
    """
    known = what_is_known(
        thread_id=thread_id, source=text.source, writer_id=writer_id, reply_to=reply_to
    )
    known = Known({**known.people, **(kept or {})}, known.numbers)
    if known == text.known:
        return text
    rendered = render_known(
        thread_id=thread_id, source=text.source, format=text.format, known=known, number=number
    )
    return LinkedText(text.source, text.format, known, rendered)


def store_links(comment: Comment, *, rendered: Rendered, known: Known) -> None:
    """Replaces the rows of what a comment names by what its rendering found."""
    Mention.objects.filter(comment=comment).delete()
    Reference.objects.filter(comment=comment).delete()
    add_links(comment, rendered=rendered, known=known)


def add_links(
    comment: Comment, *, rendered: Rendered, known: Known, store: Store = AT_ONCE
) -> None:
    """Stores the rows of what a new comment names."""
    mentions, references = link_rows(
        thread_id=comment.thread_id, comment_id=comment.pk, rendered=rendered, known=known
    )
    rows = [*mentions, *references]
    if len(rows) <= FEW:
        for row in rows:
            store.insert(row)
    else:
        Mention.objects.bulk_create(mentions)
        Reference.objects.bulk_create(references)


def link_rows(
    *, thread_id: int, comment_id: int, rendered: Rendered, known: Known
) -> tuple[list[Mention], list[Reference]]:
    """Returns the rows, not stored, of what the rendering of a comment found."""
    mentions = [
        Mention(
            thread_id=thread_id,
            comment_id=comment_id,
            start=found.start,
            end=found.end,
            text=found.text[:320],
            probe=found.probe[:320],
            participant_id=known.people.get(found.key) if found.key is not None else None,
        )
        for found in rendered.mentions
    ]
    references = [
        Reference(
            thread_id=thread_id,
            comment_id=comment_id,
            start=found.start,
            end=found.end,
            number=found.number,
            linked=found.linked,
        )
        for found in rendered.references
    ]
    return mentions, references


_BY_LATEST_NAME = """
    ON CONFLICT (thread_id, participant_id) DO UPDATE
    SET name = EXCLUDED.name, name_key = EXCLUDED.name_key
    WHERE comments_participation.name <> EXCLUDED.name
"""


def take_part(comment: Comment, *, store: Store = AT_ONCE) -> None:
    """Records that the author of a published comment takes part in its thread, by that name."""
    if comment.author_id is None:
        return
    row = Participation(
        thread_id=comment.thread_id,
        participant_id=comment.author_id,
        name=comment.author_name,
        name_key=name_key(comment.author_name),
    )
    store.insert(row, on_conflict=_BY_LATEST_NAME)


def waiting_for(newcomer: Comment) -> tuple[str, Sequence[Any]]:
    """Returns the query of older texts that may name this comment or its author."""
    return _WAITING, _waiting_parameters(newcomer, after=0)


def names_itself(comment: Comment, *, rendered: Rendered) -> bool:
    """Returns whether a comment that was given a number may name that, or its own author."""
    if comment.number is None:
        return False
    probe = probe_of(comment.author_name)[:320]
    return any(found.number == comment.number for found in rendered.references) or any(
        found.probe[:320] == probe for found in rendered.mentions
    )


def link_older_texts(newcomer: Comment, *, now: datetime) -> bool:
    """Links older comments that named this one or its author before they were there.

    Several transactions, each with the thread locked for ``RELINKED`` texts at most; none if
    nothing waits, which is the usual case. Returns whether any may have been linked.
    """
    after, linked = 0, False
    named_by = None
    while waiting := _waiting(newcomer, after=after):
        by_name = {comment_id for is_name, comment_id in waiting if is_name}
        if by_name and named_by is None:
            named_by = _named_by(newcomer)
        numbered = {comment_id for is_name, comment_id in waiting if not is_name}
        ids = sorted(numbered | by_name if named_by is not _NamedBy.NOBODY else numbered)
        if not ids:
            break
        ids = ids[:LOOKED_AT]
        gaining = _gaining(ids, newcomer, answers_alone=named_by is _NamedBy.ANSWERS)
        for begin in range(0, len(gaining), RELINKED):
            _link(thread_id=newcomer.thread_id, ids=gaining[begin : begin + RELINKED], now=now)
            linked = True
        after = ids[-1]
    return linked


@transaction.atomic(durable=True)
def _link(*, thread_id: int, ids: list[int], now: datetime) -> None:
    thread = lock_thread(thread_id)
    for comment in Comment.objects.filter(pk__in=ids).select_related("reply_to").order_by("pk"):
        relink(thread, comment, now=now)
    save_thread(thread)


def _waiting(newcomer: Comment, *, after: int) -> list[tuple[Any, ...]]:
    """Returns ids of comments above ``after`` that may name this one (0) or its author (1)."""
    return fetch(_WAITING, _waiting_parameters(newcomer, after=after))


def _waiting_parameters(newcomer: Comment, *, after: int) -> Sequence[Any]:
    number = newcomer.number if newcomer.reachable else None
    probe = None
    if newcomer.visible and newcomer.author_id is not None:
        probe = probe_of(newcomer.author_name)[:320]
    thread = newcomer.thread_id
    return thread, number, after, LOOKED_AT, thread, probe, after, LOOKED_AT


_WAITING = """
    SELECT 0, comment_id FROM (
        SELECT DISTINCT comment_id FROM comments_reference
        WHERE thread_id = %s AND number = %s AND NOT linked AND comment_id > %s
        ORDER BY comment_id LIMIT %s
    ) by_number
    UNION ALL
    SELECT 1, comment_id FROM (
        SELECT DISTINCT comment_id FROM comments_mention
        WHERE thread_id = %s AND probe = %s AND participant_id IS NULL AND comment_id > %s
        ORDER BY comment_id LIMIT %s
    ) by_name
"""


class _NamedBy(Enum):
    """Which older texts a name may lead from to somebody who takes part by it from now on."""

    ALL = auto()
    ANSWERS = auto()
    """To him: of several people of one name, whoever is answered is meant."""
    NOBODY = auto()


def _named_by(newcomer: Comment) -> _NamedBy:
    """Returns which of the texts that wait for this name may mean the author of a new comment.

    Texts that wait for a name which somebody had before wait because it is ambiguous: looking at
    them again with each comment by that name would let a flood of mentions slow everybody down.
    One of two namesakes may have written the text, and does not mean himself.
    """
    earlier = Comment.objects.filter(
        thread_id=newcomer.thread_id,
        author_id=newcomer.author_id,
        number__lt=newcomer.number,
        visible=True,
    )
    if earlier.filter(author_name=newcomer.author_name).exists():
        return _NamedBy.NOBODY
    author = newcomer.author
    is_guest = author is not None and author.user_id is None and not author.subject
    is_one_of_many = is_guest and has_namesakes(
        thread_id=newcomer.thread_id,
        name=newcomer.author_name,
        participant_id=newcomer.author_id or 0,
        most=2,
    )
    if not is_one_of_many:
        return _NamedBy.ALL
    return _NamedBy.ANSWERS if earlier.exists() else _NamedBy.NOBODY


def _gaining(ids: list[int], newcomer: Comment, *, answers_alone: bool) -> list[int]:
    """Returns those of ``ids`` whose text is linked to more than before, without any lock.

    A first word in common brings many ("@Guest 5" for every guest); reading the text tells them
    apart far cheaper than asking whom it means.

    Args:
        answers_alone: a name counts in answers to the newcomer's author only.
    """
    key = name_key(newcomer.author_name)
    found: list[int] = []
    older = Comment.objects.filter(pk__in=ids).select_related("reply_to").order_by("pk")
    for comment in older:
        may_name = not answers_alone or (
            comment.reply_to is not None and comment.reply_to.author_id == newcomer.author_id
        )
        text = scan(comment.source)
        named = may_name and any(key == n for one in text.mentions for n, _ in one.keys)
        numbered = any(one.number == newcomer.number for one in text.references)
        if (named or numbered) and _links_to_more(comment):
            found.append(comment.pk)
    return found


def relink(thread: Thread, comment: Comment, *, now: datetime) -> bool:
    """Renders a comment again from its source; returns whether that changed its HTML.

    A name that was resolved keeps its participant: what a mention means never moves. A text that
    cannot be rendered any more keeps what it has.
    """
    if not _links_to_more(comment):
        return False
    known, rendered = render_again(comment)
    if rendered.failed or rendered.html == comment.html:
        return False
    replace_html(thread, comment, rendered=rendered, known=known, now=now)
    return True


def _links_to_more(comment: Comment) -> bool:
    """Returns whether a stored text names somebody, or a number, that it is not linked to yet."""
    known = _known_now(comment)
    are_linked = known.numbers <= _linked(comment)
    return not (are_linked and known.people.keys() <= resolved_names(comment).keys())


def render_again(comment: Comment) -> tuple[Known, Rendered]:
    """Returns a stored comment rendered from its source, and what its names and numbers mean."""
    known = _known_now(comment)
    known = Known({**known.people, **resolved_names(comment)}, known.numbers | _linked(comment))
    rendered = render_known(
        thread_id=comment.thread_id,
        source=comment.source,
        format=comment.format,
        known=known,
        number=comment.number,
    )
    return known, rendered


def replace_html(
    thread: Thread, comment: Comment, *, rendered: Rendered, known: Known, now: datetime
) -> None:
    """Stores another rendering of the same source; raises the thread's version if it is visible."""
    store_links(comment, rendered=rendered, known=known)
    comment.html = rendered.html
    comment.save(update_fields=["html"])
    if comment.visible:
        record(thread, EventKind.LINKED, number=comment.number, now=now)


def _known_now(comment: Comment) -> Known:
    return what_is_known(
        thread_id=comment.thread_id,
        source=comment.source,
        writer_id=comment.author_id,
        reply_to=comment.reply_to,
    )


def resolved_names(comment: Comment) -> dict[str, int]:
    """Returns whom the names in a stored comment mean, by ``name_key``."""
    return {
        name_key(mention.text.removeprefix("@")): mention.participant_id
        for mention in comment.mentions.all()
        if mention.participant_id is not None
    }


def _linked(comment: Comment) -> set[int]:
    return {reference.number for reference in comment.references.all() if reference.linked}
