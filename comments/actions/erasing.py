"""Erasing what a comment says and who wrote it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from comments.actions.logbook import OPERATOR, Actor, erase_texts, log_comment
from comments.actions.moderating import locked_comment
from comments.actions.queueing import take_off
from comments.actions.recording import record, save_thread, settle
from comments.models import (
    Comment,
    EventKind,
    Flag,
    IdempotentAnswer,
    LogKind,
    Mention,
    Reference,
    TextSignature,
)


@transaction.atomic(durable=True)
def erase_comment(*, comment_id: int, now: datetime, actor: Actor = OPERATOR) -> Comment:
    """Erases what a comment says and who wrote it, for good; its number and replies stay.

    What was written about it in the record goes too; the rows stay, and so does their chain.

    Raises:
        NotFound: there is no such comment.
    """
    thread, comment = locked_comment(comment_id)
    was_visible = comment.visible
    comment.erased_at = comment.erased_at or now
    comment.source = comment.html = comment.author_name = comment.author_url = ""
    comment.held_told = ""
    comment.author = None
    comment.badges = []
    comment.version += 1
    comment.save()
    comment.revisions.all().delete()
    comment.screenings.all().delete()
    Mention.objects.filter(comment=comment).delete()
    Reference.objects.filter(comment=comment).delete()
    TextSignature.objects.filter(comment=comment).delete()
    Flag.objects.filter(comment=comment).exclude(note="").update(note="")
    IdempotentAnswer.objects.filter(comment_id=comment.pk).delete()
    erase_texts(comment_id=comment.pk)
    take_off(comment)
    settle(thread, comment, now=now)
    if was_visible:
        record(thread, EventKind.REMOVED, number=comment.number, now=now)
        save_thread(thread)
    log_comment(
        thread,
        comment,
        LogKind.ERASED,
        actor=actor,
        now=now,
        from_status=comment.status,
        to_status=comment.status,
    )
    return comment
