"""Messages that decisions cause: they wait a little, so that an undo can still stop them.

A row says what is to be told, and is the only memory of it: a sender claims it by compare-and-swap,
talks to the other side without any transaction or lock, and stores what came of it. One that is
killed in between leaves a row that is due again later; the message then has the same Message-ID (or
delivery id), by which the other side knows it.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from time import monotonic
from typing import Literal

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.encoding import iri_to_uri

from comments.actions.delivering import Mailbox, Undelivered, post_json
from comments.mail import DecisionLetter, compose_decision, token_of
from comments.metrics import count_message
from comments.models import Comment, LogRow, Outgoing, Thread
from comments.queries.outgoing import due, has_webhook, link_to, newer_mail, webhook_of
from comments.queries.sites import language_of
from comments.rules.moderation import READABLE, told
from comments.rules.outgoing import (
    WAIT_SECONDS,
    concerns_author,
    is_given_up,
    retry_seconds,
    seen_by_author,
)
from comments.rules.reasons import public_reason
from comments.rules.webhooks import DELIVERY_HEADER, SIGNATURE_HEADER, body_of, signature

logger = logging.getLogger(__name__)

Kind = Literal["mail", "webhook"]
Clock = Callable[[], datetime]
WAITING = Outgoing.State.WAITING

PERHAPS = "perhaps sent: "
"""Begins ``error`` while nobody knows whether the other side has the message."""


def plan_outgoing(thread: Thread, comment: Comment, row: LogRow, *, now: datetime) -> None:
    """Plans what a decision causes: the mail to the author, and the webhook of the site.

    No mail about what the author cannot see a change of. A webhook that was set up in the last
    seconds may not hear of it yet.
    """
    kinds: list[Kind] = []
    if concerns_author(from_status=row.from_status, to_status=row.to_status):
        kinds.append("mail")
    if has_webhook(site_id=thread.site_id):
        kinds.append("webhook")
    plan_again(thread, comment, row, kinds=kinds, now=now)


def plan_again(
    thread: Thread, comment: Comment, row: LogRow, *, kinds: Collection[Kind], now: datetime
) -> None:
    """Plans messages of these kinds; mail goes only to an address that was verified."""
    Outgoing.objects.bulk_create(
        Outgoing(
            site_id=thread.site_id,
            kind=kind,
            row_id=row.pk,
            comment=comment,
            due_at=now + timedelta(seconds=WAIT_SECONDS),
        )
        for kind in kinds
        if kind != "mail" or _address_of(comment)
    )


def cancel_outgoing(row: LogRow) -> list[Kind]:
    """Cancels what a decision has caused; returns what has left already, or may have.

    A sender claims a row by changing it, so of the two that come at once one sees the other.
    """
    planned = Outgoing.objects.filter(row_id=row.pk)
    cancelled = {"state": Outgoing.State.CANCELLED}
    planned.filter(state=WAITING).exclude(error__startswith=PERHAPS).update(**cancelled)
    left: list[Kind] = [
        "mail" if one.kind == "mail" else "webhook"
        for one in planned.order_by("pk")
        if one.state == Outgoing.State.SENT or one.error.startswith(PERHAPS)
    ]
    planned.filter(state=WAITING).update(**cancelled)
    return left


def _address_of(comment: Comment) -> str:
    """Returns the verified address of the author, or nothing."""
    author = comment.author
    return author.email if author is not None and author.email_verified_at is not None else ""


def always() -> bool:
    """Returns that there is no reason to stop."""
    return True


def send_due(*, now: datetime, limit: int = 100, go_on: Callable[[], bool] = always) -> int:
    """Sends what is due, at most ``limit`` messages; returns how many left.

    Any number of senders may do this at once. A message that fails stops no other.

    Args:
        now: the time at the beginning; it goes on while messages are sent.
        go_on: asked before each message.
    """
    began = monotonic()

    def clock() -> datetime:
        return now + timedelta(seconds=monotonic() - began)

    sent = 0
    with Mailbox() as mailbox:
        for outgoing in due(now=now, limit=limit):
            if not go_on():
                break
            if outgoing.kind == "mail" and mailbox.is_out_of_reach:
                continue
            if _claim(outgoing, now=clock()):
                sent += _send(outgoing, mailbox=mailbox, clock=clock)
    return sent


def _claim(outgoing: Outgoing, *, now: datetime) -> bool:
    """Takes a message for this sender until the time of its next try; false if another did."""
    seen = {"state": WAITING, "due_at": outgoing.due_at, "tries": outgoing.tries}
    tries = outgoing.tries + 1
    return bool(
        Outgoing.objects.filter(pk=outgoing.pk, **seen).update(
            tries=tries,
            due_at=now + timedelta(seconds=retry_seconds(tries)),
            error=f"{PERHAPS}try {tries} has no outcome",
        )
    )


def _send(seen: Outgoing, *, mailbox: Mailbox, clock: Clock) -> bool:
    """Sends one claimed message and stores what came of it; returns whether it left.

    Args:
        seen: as it was before it was claimed.
    """
    row = LogRow.objects.select_related("text").get(pk=seen.row_id)
    try:
        deliver = _prepared(seen, row, mailbox=mailbox, now=clock())
        if deliver is None:
            return False
        deliver()
    except Undelivered as error:
        failure = error
    except Exception as error:
        # Its own words may hold an address; the places in the code do not.
        frames = "".join(traceback.format_tb(error.__traceback__))
        why = type(error).__name__
        logger.error("%s %d cannot be composed: %s\n%s", seen.kind, seen.pk, why, frames)
        failure = Undelivered(f"cannot be composed: {why}")
    else:
        Outgoing.objects.filter(pk=seen.pk).update(
            state=Outgoing.State.SENT, sent_at=clock(), error=""
        )
        count_message(seen.kind, "sent")
        return True
    _store_failure(seen, row, failure, now=clock())
    return False


def _store_failure(seen: Outgoing, row: LogRow, failure: Undelivered, *, now: datetime) -> None:
    tries = seen.tries + 1
    gives_up = failure.for_good or is_given_up(
        tries=tries, age_seconds=(now - row.at).total_seconds()
    )
    in_doubt = failure.perhaps_left or seen.error.startswith(PERHAPS)
    # Where an undo has cancelled it meanwhile, it stays cancelled.
    Outgoing.objects.filter(pk=seen.pk, state=WAITING).update(
        state=Outgoing.State.FAILED if gives_up else WAITING,
        due_at=now + timedelta(seconds=retry_seconds(tries)),
        error=f"{PERHAPS if in_doubt else ''}{failure.why}"[:200],
    )
    outcome = "given up" if gives_up else "to be tried again"
    count_message(seen.kind, "given_up" if gives_up else "failed")
    logger.warning("%s %d, try %d: %s; %s", seen.kind, seen.pk, tries, failure.why, outcome)


def _prepared(
    seen: Outgoing, row: LogRow, *, mailbox: Mailbox, now: datetime
) -> Callable[[], None] | None:
    """Returns what sends a claimed message; ``None`` where it is not to leave, or not yet."""
    outgoing = (
        Outgoing.objects.select_related("site", "comment__thread", "comment__author")
        .filter(pk=seen.pk, state=WAITING)
        .first()
    )
    if outgoing is None:  # undone since it was claimed
        return None
    key = f"{outgoing.pk}:{row.row_hash}"
    if outgoing.kind == "webhook":
        return _prepared_post(outgoing, row, key=key, seen=seen, now=now)
    newer = newer_mail(outgoing)
    if newer is not None and newer.state == WAITING:
        # Either that one says it all, or an undo cancels it and this one is right again.
        Outgoing.objects.filter(pk=seen.pk, state=WAITING).update(
            due_at=newer.due_at + timedelta(seconds=1), tries=seen.tries, error=seen.error
        )
        return None
    if newer is not None or not _is_so(outgoing.comment, row):
        _cancel(seen)
        return None
    message = _letter(outgoing, row, key=key)
    return lambda: mailbox.send(message)


def _is_so(comment: Comment, row: LogRow) -> bool:
    """Returns whether the author may be told of a decision: it still is as that left it."""
    return (
        comment.deleted_at is None
        and comment.erased_at is None
        and bool(_address_of(comment))
        and seen_by_author(comment.status) == seen_by_author(row.to_status)
    )


def _cancel(seen: Outgoing) -> None:
    Outgoing.objects.filter(pk=seen.pk, state=WAITING).update(
        state=Outgoing.State.CANCELLED, error=seen.error
    )


def _letter(outgoing: Outgoing, row: LogRow, *, key: str) -> EmailMessage:
    comment = outgoing.comment
    letter = DecisionLetter(
        site=outgoing.site.name,
        title=comment.thread.title,
        state=seen_by_author(row.to_status),
        was_readable=row.from_status in READABLE,
        number=comment.number,
        reason=_told(comment, row),
        source=comment.source,
        link=link_to(comment, site=outgoing.site),
        language=language_of(outgoing.site),
    )
    return compose_decision(
        letter,
        to=_address_of(comment),
        key=key,
        at=row.at + timedelta(seconds=WAIT_SECONDS),
    )


def _told(comment: Comment, row: LogRow) -> str:
    """Returns what the author is told of why: what the page tells, or what the moderator wrote."""
    written = row.text.public_reason if hasattr(row, "text") else ""
    if row.to_status in READABLE:
        return written
    return told(
        reason=comment.held_reason,
        sentence=comment.held_told or public_reason(row.reason, written=written),
    )


def _prepared_post(
    outgoing: Outgoing, row: LogRow, *, key: str, seen: Outgoing, now: datetime
) -> Callable[[], None] | None:
    """Returns what posts a decision to the site's webhook; ``None`` where there is none now.

    Unlike mail it tells of each decision, also of one that another has followed.
    """
    url, secret = webhook_of(outgoing.site_id)
    if not url or outgoing.comment.erased_at is not None:
        _cancel(seen)
        return None
    delivery = token_of(key)
    body = body_of(
        {
            "id": delivery,
            "type": "comment.decided",
            "at": row.at.isoformat(),
            "site": outgoing.site.domain,
            "thread": outgoing.comment.thread.key,
            "comment": {
                "id": outgoing.comment_id,
                "number": outgoing.comment.number,
                "state": row.to_status,
            },
            "action": row.action,
            "reason": row.reason,
            "public_reason": row.text.public_reason if hasattr(row, "text") else "",
            "by": {"kind": row.actor_kind},
        }
    )
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Rejoinder",
        DELIVERY_HEADER: delivery,
    }
    if secret:
        headers[SIGNATURE_HEADER] = signature(secret=secret, body=body, at=int(now.timestamp()))
    private = bool(getattr(settings, "WEBHOOK_PRIVATE", False))
    return lambda: post_json(url=iri_to_uri(url), body=body, headers=headers, allow_private=private)
