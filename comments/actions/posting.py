"""Writing a comment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from django.core.cache import cache
from django.db import transaction

from comments.actions.announcing import announce_comment
from comments.actions.answering import Request, claim_answer
from comments.actions.linking import (
    LinkedText,
    add_links,
    link_older_texts,
    linked_again,
    linked_text,
    take_part,
)
from comments.actions.people import Writer, guest_participant, user_participant
from comments.actions.recording import give_number, lock_thread, record, save_thread, settle
from comments.actions.screening import Screened, screen_text, store_verdict
from comments.conf import options
from comments.errors import (
    DepthExceeded,
    DuplicateComment,
    ParentNotFound,
    ParentNotPublished,
    ThreadClosed,
)
from comments.models import Comment, EventKind, Participant, Thread, ThreadState
from comments.rules.moderation import EXPLANATIONS, READABLE, Verdict, verdict_on_text
from comments.rules.rendering import RENDERER_VERSION, clean_source
from comments.rules.threading import ancestor_path, attachment_depth, numbers_in
from comments.words import gettext_noop

SAME_TEXT_SECONDS = 600
"""The same text by the same name below the same parent is refused for this long."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A stored comment; ``verdict`` says whether and why it waits for a moderator."""

    comment: Comment
    participant: Participant
    verdict: Verdict
    note_said: str | None = None


def submit_comment(
    *,
    thread_id: int,
    writer: Writer,
    source: str,
    format: str,
    reply_to_number: int | None,
    now: datetime,
    request: Request | None = None,
) -> Submitted:
    """Stores a comment and publishes or holds it; links older texts that were waiting for it.

    Args:
        source: as typed; cleaned and measured here.
        format: ``plain`` or ``markdown``.
        reply_to_number: number of the comment answered, ``None`` for a root.
        request: what an ``Idempotency-Key`` stands for, if one came with it.

    Raises:
        ValidationFailed: the text or the guest's name is not acceptable.
        ThreadUnknown, ThreadClosed, ParentNotFound, ParentNotPublished, DepthExceeded,
        DuplicateComment: as their classes say. Nothing is stored.
        AnswerKnown: the request was answered before; it carries that answer.
        IdempotencyConflict: the key stands for another request.
    """
    cleaned = clean_source(source, max_chars=options().max_comment_chars)
    reply_to = (
        Comment.objects.filter(thread_id=thread_id, number=reply_to_number).first()
        if reply_to_number is not None
        else None
    )
    writer_id = writer.participant.pk if writer.participant is not None else None
    # Rendering is the slow part, so it is done before the lock, and for nothing if the lock
    # finds the thread closed.
    text = linked_text(
        thread_id=thread_id,
        source=cleaned,
        format=format,
        writer_id=writer_id,
        reply_to=reply_to,
    )
    screened = screen_text(
        thread_id=thread_id,
        writer=writer,
        source=cleaned,
        html=text.rendered.html,
        reply_to=reply_to,
        now=now,
    )
    submitted = _store(
        thread_id=thread_id,
        writer=writer,
        text=text,
        screened=screened,
        reply_to_number=reply_to_number,
        now=now,
        request=request,
    )
    if submitted.note_said:
        cache.set(submitted.note_said, 1, timeout=SAME_TEXT_SECONDS)
    if submitted.comment.number is not None:
        link_older_texts(thread_id=thread_id, number=submitted.comment.number, now=now)
    return submitted


@transaction.atomic(durable=True)
def _store(
    *,
    thread_id: int,
    writer: Writer,
    text: LinkedText,
    screened: Screened,
    reply_to_number: int | None,
    now: datetime,
    request: Request | None,
) -> Submitted:
    answer = claim_answer(request, now=now)
    thread = lock_thread(thread_id)
    check_open(thread)
    reply_to = _answered(thread, reply_to_number)
    note_said = _check_stranger_has_not_said(thread.pk, writer, text.source, reply_to_number)
    participant = _participant(thread, writer, now=now)
    text = linked_again(text, thread_id=thread.pk, writer_id=participant.pk, reply_to=reply_to)
    _check_not_said(thread, participant, text.source, reply_to, now=now)
    verdict = verdict_on_text(
        premoderation=thread.premoderation,
        rendering_failed=text.rendered.failed,
        trusted=writer.is_moderator,
        screened=screened.verdict,
    )
    comment = Comment(
        thread=thread,
        parent=_attachment(reply_to),
        reply_to=reply_to,
        author=participant,
        author_name=participant.name,
        author_url=participant.url,
        badges=_badges(thread, writer),
        source=text.source,
        format=text.format,
        html=text.rendered.html,
        renderer_version=RENDERER_VERSION,
        status=verdict.status,
        held_reason=verdict.reason,
        held_told="" if verdict.reason in EXPLANATIONS else verdict.explanation,
        created_at=now,
        written_at=now,
    )
    if verdict.status in READABLE:
        publish(thread, comment, now=now)
    else:
        comment.save()
    add_links(comment, rendered=text.rendered, known=text.known)
    store_verdict(thread, comment, screened=screened, verdict=verdict, from_status="", now=now)
    if answer is not None:
        answer.status = 201 if comment.number is not None else 202
        answer.participant_id = participant.pk
        answer.comment_id = comment.pk
        answer.save(update_fields=["status", "participant_id", "comment_id"])
    return Submitted(comment, participant, verdict, note_said)


def publish(thread: Thread, comment: Comment, *, now: datetime) -> None:
    """Gives a comment its number and makes it readable; saves it and the thread."""
    give_number(thread, comment)
    comment.published_at = now
    settle(thread, comment, now=now)
    comment.save()
    announce_comment(thread, comment, now=now)
    take_part(comment)
    record(thread, EventKind.PUBLISHED, number=comment.number, now=now)
    save_thread(thread)


def check_open(thread: Thread) -> None:
    """Refuses a change of a thread that takes none.

    Raises:
        ThreadClosed: the thread is closed or archived.
    """
    if thread.state != ThreadState.OPEN:
        raise ThreadClosed()


def _answered(thread: Thread, number: int | None) -> Comment | None:
    if number is None:
        return None
    found = Comment.objects.filter(thread=thread, number=number).select_related("author").first()
    if found is None:
        raise ParentNotFound(
            gettext_noop("There is no comment #{number} in this thread.", number=number)
        )
    if not found.visible:
        raise ParentNotPublished(
            gettext_noop("Comment #{number} cannot be read, so it takes no reply.", number=number)
        )
    return found


def _attachment(reply_to: Comment | None) -> Comment | None:
    """Returns what the reply stands below: the comment answered, or its deepest allowed ancestor.

    Raises:
        DepthExceeded: the site refuses deeper replies instead.
    """
    if reply_to is None:
        return None
    depth = attachment_depth(reply_to.depth, max_depth=options().max_depth)
    if depth == reply_to.depth:
        return reply_to
    if options().deep_replies == "refuse":
        raise DepthExceeded()
    # By number: no index has the paths of what nobody can reach.
    *_, number = numbers_in(ancestor_path(bytes(reply_to.path or b""), depth=depth))
    return Comment.objects.get(thread_id=reply_to.thread_id, number=number)


def _participant(thread: Thread, writer: Writer, *, now: datetime) -> Participant:
    if writer.user is not None:
        return user_participant(site_id=thread.site_id, user=writer.user, now=now)
    known = writer.participant
    if writer.guest is not None:
        return guest_participant(site_id=thread.site_id, known=known, guest=writer.guest, now=now)
    if known is None:
        raise ValueError("a writer is a user, a participant or a guest")
    return known


def _check_not_said(
    thread: Thread,
    participant: Participant,
    source: str,
    reply_to: Comment | None,
    *,
    now: datetime,
) -> None:
    said = Comment.objects.filter(
        thread=thread,
        author=participant,
        created_at__gte=now - timedelta(seconds=SAME_TEXT_SECONDS),
        reply_to=reply_to,
        deleted_at=None,
        source=source,
    )
    if said.exists():
        raise DuplicateComment()


def _check_stranger_has_not_said(
    thread_id: int, writer: Writer, source: str, reply_to_number: int | None
) -> str | None:
    """Returns where to note that a guest without a token has said this; ``None`` for others.

    Such a guest is somebody new each time, so he is told by name, address and text for a while.

    Raises:
        DuplicateComment: it is noted there already.
    """
    if writer.guest is None or writer.participant is not None or not writer.origin:
        return None
    said = repr((thread_id, reply_to_number, writer.guest.name, source, writer.origin))
    key = f"said:{sha256(said.encode()).hexdigest()}"
    if cache.get(key):
        raise DuplicateComment()
    return key


def _badges(thread: Thread, writer: Writer) -> list[str]:
    badges = []
    if writer.user is not None and thread.hosts.filter(pk=writer.user.pk).exists():
        badges.append("author")
    if writer.is_moderator:
        badges.append("moderator")
    return badges
