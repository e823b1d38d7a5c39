"""Screening: every rule of the site looks at every text; what each saw is kept.

The rules are asked before the thread is locked; what they came to is stored in the transaction that
stores the text.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2s, sha256

from django.conf import settings
from django.core.cache import cache

from comments.actions.logbook import RULES, log_comment
from comments.actions.people import Writer
from comments.actions.queueing import enqueue
from comments.actions.storing import AT_ONCE, Store
from comments.conf import options
from comments.errors import Sanctioned
from comments.models import (
    Comment,
    LogKind,
    Participant,
    QueueItem,
    RuleHit,
    Sanction,
    Screening,
    TextSignature,
    Thread,
)
from comments.queries.learning import Learned
from comments.queries.screening import (
    author_facts,
    neighbours,
    rules_for_thread,
    sanctions_of,
)
from comments.rules.moderation import Verdict
from comments.rules.screening import Facts, Rule, Signal, combine, evaluate_all
from comments.rules.screening_text import bands, linked_addresses, signature
from comments.words import gettext_noop, together

SHOWN_FROM = 0.5
"""Scores from which the strongest words are kept of a text that passes."""
LONGEST_WORD = 40
RECENT_KEPT = 50
RECENT_SECONDS = 24 * 60 * 60
HOLD_EVERYTHING = Rule(
    key="sanctions",
    kind="sanctions",
    version=1,
    mode="live",
    effect="hold",
    on_error="hold",
    params={},
)
"""What a site has without being asked: who is limited to waiting waits."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Screened:
    """What the rules saw in a text, and what they came to."""

    signals: tuple[Signal, ...]
    verdict: Verdict
    signature: tuple[int, ...] = ()
    score: float | None = None
    words: tuple[tuple[str, float], ...] = ()
    recent_key: str = ""
    seconds_to_write: float | None = None
    honeypot: bool = False


def screen_text(
    *,
    thread_id: int,
    writer: Writer,
    source: str,
    html: str,
    now: datetime,
    reply_to: Comment | None = None,
    comment: Comment | None = None,
) -> Screened:
    """Returns what the rules of the site see in a text. Writes nothing.

    Args:
        html: as the renderer made it; the links in it are those that readers would get.
        reply_to: the comment that it answers.
        comment: whose new revision the text is; ``None`` for a new comment.

    Raises:
        Sanctioned: the writer may not write at the moment; the sentence says until when.
    """
    participant = _participant(writer, thread_id=thread_id)
    sanction = "" if writer.is_moderator else check_sanctions(participant, now=now)
    rules, learned = rules_for_thread(thread_id)
    if sanction and all(rule.kind != "sanctions" for rule in rules):
        rules.append(HOLD_EVERYTHING)
    recent_key = _recent_key(participant, writer)
    if not rules and learned is None:
        return Screened((), Verdict("publish"), recent_key=recent_key)
    kinds = {rule.kind for rule in rules}
    said = writer.guest or participant
    known = {
        "text": source,
        "author": said.name if said else "",
        "parent_text": reply_to.source if reply_to else "",
    }
    score = _score(learned, known)
    own = signature(source) if "duplicates" in kinds else ()
    facts = Facts(
        text=source,
        hrefs=linked_addresses(html),
        author=author_facts(
            participant,
            name=said.name if said else "",
            email=said.email if said else "",
            url=said.url if said else "",
            kinds=kinds,
            recent_seconds=_recent(recent_key, now=now) if "flood" in kinds else (),
            sanction=sanction,
            now=now,
        ),
        score=score,
        score_threshold=learned.threshold if learned else None,
        address=writer.address,
        honeypot=writer.honeypot,
        seconds_to_write=writer.seconds_to_write,
        neighbours=neighbours(
            own,
            thread_id=thread_id,
            author_id=participant.pk if participant else None,
            except_id=comment.pk if comment else None,
        ),
    )
    signals = evaluate_all(rules, facts)
    combined = combine(signals, rules)
    verdict = Verdict(combined.effect, combined.reason, combined.told)
    return Screened(
        signals=signals,
        verdict=verdict,
        signature=own,
        score=score,
        words=_strongest_words(learned, known)
        if score is not None and _is_shown(score, verdict)
        else (),
        recent_key=recent_key,
        seconds_to_write=writer.seconds_to_write,
        honeypot=bool(writer.honeypot.strip()),
    )


def _score(learned: Learned | None, known: dict[str, str]) -> float | None:
    """Returns the learned score of a text, 1 is spam; ``None`` if there is none."""
    if learned is None or learned.model is None:
        return None
    try:
        return learned.model.score(**known)
    except Exception:
        # A comment is never lost for what was learned; the rule says "no model".
        logger.exception("A text could not be scored.")
        return None


def _strongest_words(
    learned: Learned | None, known: dict[str, str]
) -> tuple[tuple[str, float], ...]:
    if learned is None or learned.model is None:
        return ()
    found = learned.model.strongest_words(
        text=known["text"], author=known["author"], parent_text=known["parent_text"]
    )
    return tuple((word[:LONGEST_WORD], round(weight, 3)) for word, weight in found)


def _is_shown(score: float, verdict: Verdict) -> bool:
    """Returns whether a moderator may come to see the words: they cost as much as the score."""
    return verdict.effect != "publish" or score >= SHOWN_FROM


def check_sanctions(participant: Participant | None, *, now: datetime) -> str:
    """Returns ``hold`` if everything that somebody writes waits, else ``""``.

    Raises:
        Sanctioned: he may not write at all; with ``until``, null where no end is set.
    """
    if participant is None or participant.pk is None:
        return ""
    for found in sanctions_of(participant.pk, now=now):
        if found.kind == Sanction.Kind.HOLD:
            return "hold"
        until = f"{found.until:%Y-%m-%d %H:%M} UTC" if found.until else ""
        sentence = gettext_noop("You may not write here.")
        if until:
            sentence = gettext_noop("You may not write here until {time}.", time=until)
        raise Sanctioned(
            together(sentence, found.public_reason) if found.public_reason else sentence,
            until=found.until,
            public_reason=found.public_reason,
        )
    return ""


def store_verdict(
    thread: Thread,
    comment: Comment,
    *,
    screened: Screened,
    verdict: Verdict,
    from_status: str,
    now: datetime,
    store: Store = AT_ONCE,
) -> None:
    """Stores what the rules saw in the present revision, a row of the record, a place on the queue.

    Inside the transaction that stores the text; ``from_status`` is empty for a new one.
    """
    signals = [signal.as_json() for signal in screened.signals]
    if signals or screened.score is not None:
        row = Screening(
            comment_id=comment.pk,
            revision=comment.edits,
            at=now,
            effect=screened.verdict.effect,
            reason=screened.verdict.reason,
            told=verdict.explanation[:500],
            signals=signals,
            score=screened.score,
            words=screened.words,
            seconds_to_write=screened.seconds_to_write,
            honeypot=screened.honeypot,
        )
        store.insert(row)
    hits = [signal for signal in screened.signals if signal.outcome == "hit"]
    for signal in hits:
        hit = RuleHit(
            site_id=thread.site_id,
            rule_key=signal.rule,
            rule_version=signal.rule_version,
            mode=signal.mode,
            comment_id=comment.pk,
            revision=comment.edits,
            at=now,
        )
        store.insert(hit)
    if screened.signature:
        _store_signature(thread, comment, screened.signature, store=store)
    log_comment(
        thread,
        comment,
        LogKind.VERDICT,
        actor=RULES,
        now=now,
        store=store,
        action=verdict.effect,
        from_status=from_status,
        to_status=comment.status,
        reason=verdict.reason,
        evidence={
            "hits": [f"{signal.rule}:{signal.rule_version}" for signal in hits],
            "signals": _digest(signals) if signals else "",
        },
    )
    drawn = is_drawn(comment.pk, comment.edits, share=options().audit_share)
    if comment.status == "held":
        enqueue(
            thread,
            comment,
            why=QueueItem.Why.HELD,
            reason=comment.held_reason,
            now=now,
            blind=drawn,
            store=store,
        )
    elif drawn:
        enqueue(
            thread,
            comment,
            why=QueueItem.Why.AUDIT,
            reason="audit",
            now=now,
            blind=True,
            store=store,
        )
    elif from_status:
        # What readers reported goes on waiting, whatever its author makes of it.
        QueueItem.objects.filter(pk=comment.pk).exclude(why=QueueItem.Why.FLAGGED).delete()


def is_drawn(comment_id: int, revision: int, *, share: float) -> bool:
    """Returns whether the lot falls on a revision; nobody outside can foresee it."""
    if share <= 0:
        return False
    drawn = blake2s(f"{comment_id}:{revision}".encode(), key=_secret(), digest_size=8).digest()
    return int.from_bytes(drawn, "big") < share * 2**64


def _secret() -> bytes:
    return sha256(f"moderation:{settings.SECRET_KEY}".encode()).digest()


def origin_key(origin: str) -> str:
    """Returns what stands for a group of addresses where it must be told from others; 32 digits."""
    return blake2s(origin.encode(), key=_secret(), digest_size=16).hexdigest()


def _digest(signals: list[dict[str, object]]) -> str:
    text = json.dumps(signals, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()


def _store_signature(
    thread: Thread, comment: Comment, hashes: tuple[int, ...], *, store: Store
) -> None:
    band0, band1, band2, band3 = bands(hashes)
    row = TextSignature(
        comment_id=comment.pk,
        site_id=thread.site_id,
        hashes=list(hashes),
        band0=band0,
        band1=band1,
        band2=band2,
        band3=band3,
    )
    if comment.edits:
        TextSignature.objects.filter(pk=comment.pk).delete()
    store.insert(row)


def _participant(writer: Writer, *, thread_id: int) -> Participant | None:
    if writer.user is not None:
        return Participant.objects.filter(site__threads=thread_id, user_id=writer.user.pk).first()
    return writer.participant


def _recent_key(participant: Participant | None, writer: Writer) -> str:
    """Returns under what the times of recent comments are kept; ``""`` for nobody known."""
    if participant is not None:
        return f"recent:p{participant.pk}"
    return f"recent:{origin_key(writer.origin)}" if writer.origin else ""


def _recent(key: str, *, now: datetime) -> tuple[float, ...]:
    if not key:
        return ()
    return tuple(now.timestamp() - at for at in cache.get(key, ()))


def note_written(screened: Screened, *, now: datetime) -> None:
    """Notes when its writer wrote this text, which was stored: how fast somebody writes."""
    key = screened.recent_key
    if not key:
        return
    kept = (*cache.get(key, ()), now.timestamp())[-RECENT_KEPT:]
    cache.set(key, kept, timeout=RECENT_SECONDS)
