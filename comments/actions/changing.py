"""Changing and deleting a comment, by its author or a moderator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from django.db import transaction

from comments.actions.linking import (
    LinkedText,
    linked_again,
    linked_text,
    resolved_names,
    store_links,
)
from comments.actions.logbook import Actor, log_comment
from comments.actions.moderating import decide
from comments.actions.people import Writer
from comments.actions.posting import Submitted, check_open
from comments.actions.queueing import take_off
from comments.actions.recording import lock_thread, record, save_thread, settle
from comments.actions.screening import Screened, note_written, screen_text, store_verdict
from comments.conf import options
from comments.errors import EditWindowExpired, Forbidden, NotFound, StaleVersion
from comments.models import ActorKind, Comment, EventKind, LogKind, Participant, Revision
from comments.rules.moderation import (
    EXPLANATIONS,
    READABLE,
    Status,
    status_of_revision,
    verdict_on_text,
)
from comments.rules.rendering import RENDERER_VERSION, clean_source
from comments.words import gettext_noop


@dataclass(frozen=True, slots=True)
class Editor:
    """Who changes a comment: its author, by participant, or a moderator."""

    participant: Participant | None
    is_moderator: bool = False
    user_id: int | None = None
    address: str = ""
    """That the change came from, for rules about ranges; never stored."""

    def is_author_of(self, comment: Comment) -> bool:
        """Returns whether the editor wrote the comment."""
        return self.participant is not None and comment.author_id == self.participant.pk


def edit_comment(
    *, comment_id: int, editor: Editor, source: str, format: str | None, version: int, now: datetime
) -> Submitted:
    """Replaces the text of a comment and keeps the old one as a revision; screens it again.

    Args:
        version: of the comment, as the editor has seen it.
        format: ``None`` keeps the present one.

    Raises:
        NotFound: there is no such comment for this editor, or it was deleted.
        StaleVersion: it has changed since ``version``.
        EditWindowExpired: its author may no longer change it.
        ThreadClosed, ValidationFailed: as their classes say.
    """
    cleaned = clean_source(source, max_chars=options().max_comment_chars)
    before = comment_for(comment_id, editor=editor)
    text = linked_text(
        thread_id=before.thread_id,
        source=cleaned,
        format=format or before.format,
        writer_id=before.author_id,
        reply_to=before.reply_to,
        kept=resolved_names(before),
        number=before.number,
    )
    screened = screen_text(
        thread_id=before.thread_id,
        writer=Writer(
            participant=before.author,
            is_moderator=editor.is_moderator,
            address=editor.address if editor.is_author_of(before) else "",
        ),
        source=cleaned,
        html=text.rendered.html,
        reply_to=before.reply_to,
        now=now,
        comment=before,
    )
    submitted = _replace(
        comment_id=comment_id,
        thread_id=before.thread_id,
        editor=editor,
        text=text,
        screened=screened,
        version=version,
        now=now,
    )
    note_written(screened, now=now)
    return submitted


@transaction.atomic(durable=True)
def _replace(
    *,
    comment_id: int,
    thread_id: int,
    editor: Editor,
    text: LinkedText,
    screened: Screened,
    version: int,
    now: datetime,
) -> Submitted:
    thread = lock_thread(thread_id)
    comment = comment_for(comment_id, editor=editor)
    check_version(comment, version)
    if not editor.is_moderator:
        check_open(thread)
        check_may_edit(comment, now=now)
    text = linked_again(
        text,
        thread_id=thread.pk,
        writer_id=comment.author_id,
        reply_to=comment.reply_to,
        kept=resolved_names(comment),
        number=comment.number,
    )
    Revision.objects.create(
        comment=comment,
        version=comment.version,
        source=comment.source,
        format=comment.format,
        html=comment.html,
        replaced_at=now,
        replaced_by=editor.participant,
    )
    was_visible = comment.visible
    verdict = verdict_on_text(
        premoderation=thread.premoderation,
        rendering_failed=text.rendered.failed,
        trusted=editor.is_moderator,
        screened=screened.verdict,
    )
    comment.source = text.source
    comment.format = text.format
    comment.html = text.rendered.html
    comment.renderer_version = RENDERER_VERSION
    comment.edits += 1
    comment.edited_at = now
    comment.version += 1
    from_status = comment.status
    if not editor.is_moderator or verdict.effect != "publish":
        comment.status = status_of_revision(cast(Status, comment.status), verdict.effect)
    if comment.status in READABLE:
        comment.held_reason = comment.held_told = ""
    elif verdict.effect != "publish":
        comment.held_reason = verdict.reason
        comment.held_told = "" if verdict.reason in EXPLANATIONS else verdict.explanation
    elif comment.status != from_status:
        comment.held_reason, comment.held_told = "moderator", ""
    comment.save()
    store_links(comment, rendered=text.rendered, known=text.known)
    settle(thread, comment, now=now)
    store_verdict(
        thread, comment, screened=screened, verdict=verdict, from_status=from_status, now=now
    )
    if comment.visible:
        record(thread, EventKind.EDITED, number=comment.number, now=now)
    elif was_visible:
        record(thread, EventKind.REMOVED, number=comment.number, now=now)
    save_thread(thread)
    if comment.author is None:
        raise NotFound()
    return Submitted(comment, comment.author, verdict)


def delete_comment(*, comment_id: int, editor: Editor, version: int, now: datetime) -> Comment:
    """Takes a comment away for its author or a moderator; a tombstone stays above replies.

    By its author it counts as deleted; a guest may do so within the edit window and until
    somebody has replied, somebody with an account at any time. By a moderator it is removed, which
    is a decision like any other.

    Raises:
        NotFound, StaleVersion, EditWindowExpired, ThreadClosed: as their classes say.
        AlreadyDecided, LeaseLost: another moderator is, or was, at it.
    """
    found = comment_for(comment_id, editor=editor)
    if editor.is_author_of(found):
        return _take_back(comment_id=comment_id, editor=editor, version=version, now=now)
    check_version(found, version)
    comment, _ = decide(
        comment_id=comment_id,
        action="remove" if found.status in READABLE else "reject",
        actor=Actor(ActorKind.MODERATOR, editor.user_id),
        now=now,
        version=version,
    )
    return comment


@transaction.atomic(durable=True)
def _take_back(*, comment_id: int, editor: Editor, version: int, now: datetime) -> Comment:
    found = comment_for(comment_id, editor=editor)
    thread = lock_thread(found.thread_id)
    comment = comment_for(comment_id, editor=editor)
    check_version(comment, version)
    was_visible = comment.visible
    if not editor.is_moderator:
        check_open(thread)
        check_may_delete(comment, now=now)
    comment.deleted_at = now
    comment.version += 1
    comment.save(update_fields=["deleted_at", "version"])
    settle(thread, comment, now=now)
    take_off(comment)
    if was_visible:
        record(thread, EventKind.REMOVED, number=comment.number, now=now)
        save_thread(thread)
    log_comment(
        thread,
        comment,
        LogKind.DELETED,
        actor=Actor(ActorKind.AUTHOR, comment.author_id),
        now=now,
        from_status=comment.status,
        to_status=comment.status,
    )
    return comment


def comment_for(comment_id: int, *, editor: Editor) -> Comment:
    """Returns the comment if the editor wrote it or moderates.

    Raises:
        NotFound: there is none, it is gone, or it is neither his nor readable.
        Forbidden: it can be read, but is not his.
    """
    comment = (
        Comment.objects.select_related("thread", "author", "reply_to").filter(pk=comment_id).first()
    )
    if comment is None or comment.deleted_at is not None or comment.erased_at is not None:
        raise NotFound(gettext_noop("There is no such comment."))
    if not (editor.is_moderator or editor.is_author_of(comment)):
        if comment.visible:
            raise Forbidden(gettext_noop("Only its author and moderators may change a comment."))
        raise NotFound(gettext_noop("There is no such comment."))
    return comment


def check_version(comment: Comment, version: int) -> None:
    """Refuses a change that was made for another version.

    Raises:
        StaleVersion: with ``version``, the one that stands now.
    """
    if comment.version != version:
        raise StaleVersion(version=comment.version)


def check_may_edit(comment: Comment, *, now: datetime) -> None:
    """Refuses its author a change after the edit window, or once somebody has replied.

    Raises:
        EditWindowExpired: one of the two.
    """
    if comment.total_count > 0:
        raise EditWindowExpired(
            gettext_noop("Somebody has replied, so this comment stays as it is.")
        )
    if now > comment.created_at + timedelta(seconds=options().edit_window_seconds):
        raise EditWindowExpired()


def check_may_delete(comment: Comment, *, now: datetime) -> None:
    """Refuses a guest to delete what he may no longer edit; an account may always delete.

    Raises:
        EditWindowExpired: a guest is too late, or somebody has replied.
    """
    author = comment.author
    if author is None or (author.user_id is None and not author.subject):
        check_may_edit(comment, now=now)
