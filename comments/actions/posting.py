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
    names_itself,
    take_part,
    waiting_for,
)
from comments.actions.people import (
    NOTED,
    SAID,
    Writer,
    gives_taken_name,
    guest_participant,
    user_participant,
)
from comments.actions.recording import give_number, lock_thread, record, save_thread, settle
from comments.actions.screening import Screened, note_written, screen_text, store_verdict
from comments.actions.storing import AT_ONCE, Store, Together, next_id
from comments.conf import options
from comments.errors import (
    DepthExceeded,
    DuplicateComment,
    ParentNotFound,
    ParentNotPublished,
    ThreadClosed,
)
from comments.models import Comment, EventKind, Participant, Thread, ThreadState
from comments.queries.statements import fetch, objects
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
    is_linked: bool = True
    """Whether it names anybody or anything, or may do so."""
    is_awaited: bool = True
    """Whether an older text, or its own, may name it or its author from now on."""


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
    reply_to = _numbered(thread_id, reply_to_number)
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
    is_name_taken = gives_taken_name(writer, thread_id=thread_id)
    said = _said_by_stranger(thread_id, writer, cleaned, reply_to_number)
    submitted = _store(
        thread_id=thread_id,
        writer=writer,
        text=text,
        screened=screened,
        is_name_taken=is_name_taken,
        reply_to_number=reply_to_number,
        said=said,
        now=now,
        request=request,
    )
    note_written(screened, now=now)
    if said is not None:
        cache.set(said, 1, timeout=SAME_TEXT_SECONDS)
    if submitted.is_awaited:
        link_older_texts(submitted.comment, now=now)
    return submitted


@transaction.atomic(durable=True)
def _store(
    *,
    thread_id: int,
    writer: Writer,
    text: LinkedText,
    screened: Screened,
    is_name_taken: bool,
    reply_to_number: int | None,
    said: str | None,
    now: datetime,
    request: Request | None,
) -> Submitted:
    answer = claim_answer(request, now=now)
    thread = lock_thread(thread_id, also=(next_id(Comment), next_id(Participant)))
    check_open(thread)
    reply_to = _answered(thread, reply_to_number)
    if said is not None and cache.get(said):
        raise DuplicateComment()
    store = Together()
    comment_id, new_id = thread.also
    participant = _participant(
        thread, writer, new_id=new_id, is_name_taken=is_name_taken, now=now, store=store
    )
    text = linked_again(text, thread_id=thread.pk, writer_id=participant.pk, reply_to=reply_to)
    if participant.pk != new_id:
        _check_not_said(thread, participant, text.source, reply_to, now=now)
    verdict = verdict_on_text(
        premoderation=thread.premoderation,
        rendering_failed=text.rendered.failed,
        trusted=writer.is_moderator,
        screened=screened.verdict,
    )
    comment = Comment(
        pk=comment_id,
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
    store.insert(comment)
    if verdict.status in READABLE:
        publish(thread, comment, now=now, store=store)
    add_links(comment, rendered=text.rendered, known=text.known, store=store)
    store_verdict(
        thread, comment, screened=screened, verdict=verdict, from_status="", now=now, store=store
    )
    if answer is not None:
        answer.status = 201 if comment.number is not None else 202
        answer.participant_id = participant.pk
        answer.comment_id = comment.pk
        store.update(answer, "status", "participant_id", "comment_id")
    asking = waiting_for(comment) if comment.number is not None else None
    is_awaited = store.write(asking=asking) or names_itself(comment, rendered=text.rendered)
    is_linked = bool(text.rendered.mentions or text.rendered.references)
    return Submitted(comment, participant, verdict, is_linked, is_awaited)


def publish(thread: Thread, comment: Comment, *, now: datetime, store: Store = AT_ONCE) -> None:
    """Gives a comment its number and makes it readable; saves the thread.

    A comment that is there already is saved too; a new one is for the caller to store.
    """
    is_new = comment._state.adding
    give_number(thread, comment, parent_is_fresh=is_new)
    comment.published_at = now
    settle(thread, comment, now=now, store=store)
    if not is_new:
        comment.save()
    announce_comment(thread, comment, now=now, store=store)
    take_part(comment, store=store)
    record(thread, EventKind.PUBLISHED, number=comment.number, now=now, store=store)
    save_thread(thread, store=store)


def check_open(thread: Thread) -> None:
    """Refuses a change of a thread that takes none.

    Raises:
        ThreadClosed: the thread is closed or archived.
    """
    if thread.state != ThreadState.OPEN:
        raise ThreadClosed()


def _numbered(thread_id: int, number: int | None) -> Comment | None:
    if number is None:
        return None
    found = objects(Comment, "thread_id = %s AND number = %s", [thread_id, number])
    return found[0] if found else None


def _answered(thread: Thread, number: int | None) -> Comment | None:
    if number is None:
        return None
    found = _numbered(thread.pk, number)
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


def _participant(
    thread: Thread,
    writer: Writer,
    *,
    new_id: int,
    is_name_taken: bool,
    now: datetime,
    store: Store,
) -> Participant:
    if writer.user is not None:
        return user_participant(site_id=thread.site_id, user=writer.user, now=now)
    known = writer.participant
    if writer.guest is not None:
        guest, is_other = guest_participant(
            site_id=thread.site_id,
            known=known,
            guest=writer.guest,
            is_taken=is_name_taken,
            now=now,
        )
        if known is None:
            guest.pk = new_id
            store.insert(guest)
        elif is_other:
            store.update(guest, *SAID, *NOTED)
        return guest
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
    since = now - timedelta(seconds=SAME_TEXT_SECONDS)
    condition, answered = "reply_to_id IS NULL", []
    if reply_to is not None:
        condition, answered = "reply_to_id = %s", [reply_to.pk]
    parameters = [thread.pk, participant.pk, since, source, *answered]
    if fetch(f"{_SAID_BEFORE} AND {condition} LIMIT 1", parameters):
        raise DuplicateComment()


_SAID_BEFORE = """
    SELECT 1 FROM comments_comment
    WHERE thread_id = %s AND author_id = %s AND created_at >= %s AND source = %s
        AND deleted_at IS NULL
"""


def _said_by_stranger(
    thread_id: int, writer: Writer, source: str, reply_to_number: int | None
) -> str | None:
    """Returns where it is noted that a guest without a token has said this; ``None`` for others.

    Such a guest is somebody new each time, so he is told by name, address and text for a while.
    """
    if writer.guest is None or writer.participant is not None or not writer.origin:
        return None
    said = repr((thread_id, reply_to_number, writer.guest.name, source, writer.origin))
    return f"said:{sha256(said.encode()).hexdigest()}"


def _badges(thread: Thread, writer: Writer) -> list[str]:
    badges = []
    if writer.user is not None and thread.hosts.filter(pk=writer.user.pk).exists():
        badges.append("author")
    if writer.is_moderator:
        badges.append("moderator")
    return badges
