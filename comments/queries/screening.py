"""What the rules are asked about: which rules a site has, and the facts they look at."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import cast

from django.db.models import Q

from comments.models import (
    Comment,
    Participant,
    RuleMode,
    Sanction,
    ScreeningRule,
    TextSignature,
    Thread,
)
from comments.queries.learning import MARK, Learned, learned_under
from comments.queries.statements import fetch, objects
from comments.rules.screening import AuthorFacts, Effect, Mode, Neighbour, OnError, Rule
from comments.rules.screening_text import bands, similarity
from comments.rules.trust import Record, trust_in

MOST_NEIGHBOURS = 50
"""Comments with a like text that are compared, the newest of each band."""
MOST_PUBLISHED = 20
"""Earlier comments that are counted; no rule asks for more."""


def rules_for_thread(thread_id: int) -> tuple[list[Rule], Learned | None]:
    """Returns the rules of the thread's site that are not off, and what it has learned.

    One query, and one more when another model was learned than this process keeps.
    """
    rows = fetch(_RULES, [RuleMode.OFF.value, thread_id])
    rules = [
        Rule(
            key=key,
            kind=kind,
            version=version,
            mode=mode,
            effect=effect,
            on_error=on_error,
            params=json.loads(params),
            told=told,
        )
        for *_, key, kind, version, mode, effect, on_error, params, told in rows
        if key is not None
    ]
    return rules, learned_under(rows[0][: len(MARK)]) if rows else None


_RULES = f"""
    SELECT {", ".join(f"model.{name}" for name in MARK)}, rule.key, rule.kind, rule.version,
        rule.mode, rule.effect, rule.on_error, CAST(rule.params AS text), rule.told
    FROM comments_thread thread
    LEFT JOIN comments_learnedmodel model ON model.site_id = thread.site_id
    LEFT JOIN comments_screeningrule rule ON rule.site_id = thread.site_id AND rule.mode <> %s
    WHERE thread.id = %s ORDER BY rule.key
"""  # noqa: S608


def plain_rule(row: ScreeningRule, *, mode: Mode | None = None) -> Rule:
    """Returns a stored rule as the plain value that decides, in its own mode or in another one."""
    return Rule(
        key=row.key,
        kind=row.kind,
        version=row.version,
        mode=mode or cast(Mode, row.mode),
        effect=cast(Effect, row.effect),
        on_error=cast(OnError, row.on_error),
        params=row.params,
        told=row.told,
    )


def author_facts(
    participant: Participant | None,
    *,
    name: str,
    email: str,
    url: str,
    kinds: Iterable[str],
    recent_seconds: tuple[float, ...],
    sanction: str,
    now: datetime,
) -> AuthorFacts:
    """Returns what the rules may know of an author; at most one query."""
    domain = email.rpartition("@")[2].lower()
    if participant is None:
        return AuthorFacts(name=name, email_domain=domain, url=url, recent_seconds=recent_seconds)
    published = 0
    if "first_comment" in set(kinds):
        earlier = Comment.objects.filter(author=participant, visible=True)
        published = len(earlier.values_list("pk", flat=True)[:MOST_PUBLISHED])
    record = Record(participant.trust_good, participant.trust_bad, participant.trust_at)
    return AuthorFacts(
        name=name,
        email_domain=domain,
        url=url,
        published_before=published,
        approved=participant.approved_count,
        rejected=participant.rejected_count,
        trust=trust_in(record, now=now),
        sanction=sanction,
        recent_seconds=recent_seconds,
    )


def sanctions_of(participant_id: int, *, now: datetime) -> list[Sanction]:
    """Returns what limits somebody at the moment, the most severe first; one query."""
    found = objects(
        Sanction,
        'participant_id = %s AND lifted_at IS NULL AND ("until" IS NULL OR "until" > %s)',
        [participant_id, now],
    )
    severity = {Sanction.Kind.BAN: 0, Sanction.Kind.MUTE: 1, Sanction.Kind.HOLD: 2}
    return sorted(found, key=lambda sanction: severity[Sanction.Kind(sanction.kind)])


def neighbours(
    signature: tuple[int, ...],
    *,
    thread_id: int,
    author_id: int | None,
    except_id: int | None = None,
) -> tuple[Neighbour, ...]:
    """Returns comments of the site with a text like the one of the signature; one query."""
    if not signature:
        return ()
    alike = Q()
    for place, band in enumerate(bands(signature)):
        alike |= Q(**{f"band{place}": band})
    found = (
        TextSignature.objects.filter(
            alike, site_id=Thread.objects.filter(pk=thread_id).values("site_id")[:1]
        )
        .exclude(pk=except_id)
        .order_by("-comment_id")
        .values_list("comment_id", "hashes", "comment__author_id")[:MOST_NEIGHBOURS]
    )
    return tuple(
        Neighbour(
            comment_id=comment_id,
            similarity=similarity(signature, tuple(hashes)),
            same_author=author_id is not None and other == author_id,
        )
        for comment_id, hashes, other in found
    )
