"""One request, one effect: what an ``Idempotency-Key`` stands for.

The key is claimed in the transaction that stores the comment, so of two requests with one key the
second finds the first's row, whichever process it runs in. After
draft-ietf-httpapi-idempotency-key-header-07.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from comments.errors import IdempotencyConflict, Refusal
from comments.models import IdempotentAnswer
from comments.queries.statements import fetch

KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as its key stands for it; ``fingerprint`` is a digest of caller, path and body."""

    site_id: int
    key: str
    fingerprint: str


class AnswerKnown(Refusal):
    """The request was answered before; ``answer`` is what it was answered."""

    code = "answer_known"
    status = 200
    title = "This request was answered before."

    def __init__(self, answer: IdempotentAnswer) -> None:
        super().__init__()
        self.answer = answer


def claim_answer(request: Request | None, *, now: datetime) -> IdempotentAnswer | None:
    """Returns a row for the answer of a new request; ``None`` if it came without a key.

    Raises:
        AnswerKnown: the same request was answered in the last 24 hours.
        IdempotencyConflict: the key stands for another request.
    """
    if request is None:
        return None
    claimed = fetch(
        _CLAIM,
        [request.site_id, request.key, request.fingerprint, now, now - KEPT],
        try_connection=False,
    )
    if claimed:
        return IdempotentAnswer(pk=claimed[0][0], site_id=request.site_id, key=request.key)
    answer = IdempotentAnswer.objects.get(site_id=request.site_id, key=request.key)
    if answer.fingerprint != request.fingerprint:
        raise IdempotencyConflict()
    raise AnswerKnown(answer)


_CLAIM = """
    INSERT INTO comments_idempotentanswer (site_id, key, fingerprint, status, created_at)
    VALUES (%s, %s, %s, 0, %s)
    ON CONFLICT (site_id, key) DO UPDATE SET fingerprint = EXCLUDED.fingerprint, status = 0,
        body = NULL, comment_id = NULL, participant_id = NULL, created_at = EXCLUDED.created_at
    WHERE comments_idempotentanswer.created_at < %s
    RETURNING id
"""
"""A request with the same key that is answered at this moment is waited for."""


def keep_answer(request: Request | None, *, body: Mapping[str, Any]) -> None:
    """Writes down what a request was answered, without the token in it."""
    if request is not None:
        IdempotentAnswer.objects.filter(site_id=request.site_id, key=request.key).update(
            body={name: value for name, value in body.items() if name != "token"}
        )


def forget_answers(*, now: datetime) -> int:
    """Deletes the answers older than 24 hours; returns how many."""
    deleted, _ = IdempotentAnswer.objects.filter(created_at__lt=now - KEPT).delete()
    return deleted
