"""Opening, closing and renaming threads, and filling one with numbered comments from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from comments.actions.adopting import adopt_comments
from comments.actions.linking import linked_text, store_links
from comments.actions.recording import give_number, lock_thread, record, save_thread, settle
from comments.errors import FieldError, ValidationFailed
from comments.models import Comment, EventKind, Format, Status, Thread, ThreadAlias, ThreadState
from comments.queries.threads import stored_key, thread_exists
from comments.rules.rendering import RENDERER_VERSION, clean_source

LONGEST_IMPORT = 40_000
"""Characters of an imported comment: other systems allow more than ours."""


def open_thread(
    *,
    site_id: int,
    key: str,
    url: str,
    title: str,
    excerpt: str = "",
    opened_at: datetime,
    state: ThreadState = ThreadState.OPEN,
    premoderation: bool = False,
) -> Thread:
    """Returns a new thread for a page; to be called inside the action that makes the page.

    Args:
        key: a slug, unique on the site.
        url: absolute, or a path of this installation.

    Raises:
        ValidationFailed: the key is taken, or ``url`` is no address.
    """
    detail = f"There is a thread {key!r} already."
    taken = ValidationFailed([FieldError("#/key", "taken", detail)])
    if thread_exists(site_id=site_id, key=key):
        raise taken
    try:
        page = stored_key(url)
    except ValueError as error:
        raise ValidationFailed([FieldError("#/url", "invalid", str(error))]) from None
    try:
        thread = Thread.objects.create(
            site_id=site_id,
            key=key,
            url=url,
            url_key=page,
            title=title[:500],
            excerpt=excerpt,
            opened_at=opened_at,
            changed_at=opened_at,
            state=state,
            premoderation=premoderation,
        )
    except IntegrityError:  # somebody was making it at the same time
        raise taken from None
    record(thread, EventKind.OPENED, number=None, now=opened_at)
    save_thread(thread)
    return thread


@transaction.atomic(durable=True)
def change_thread(
    *,
    thread_id: int,
    now: datetime,
    state: ThreadState | None = None,
    premoderation: bool | None = None,
    title: str | None = None,
) -> Thread:
    """Opens or closes a thread, turns premoderation on or off, changes its title."""
    return alter_thread(
        thread_id=thread_id, now=now, state=state, premoderation=premoderation, title=title
    )


def alter_thread(
    *,
    thread_id: int,
    now: datetime,
    state: ThreadState | None = None,
    premoderation: bool | None = None,
    title: str | None = None,
    excerpt: str | None = None,
) -> Thread:
    """Does what ``change_thread`` does inside the transaction of an action that does more."""
    thread = lock_thread(thread_id)
    before = (thread.state, thread.premoderation, thread.title, thread.excerpt)
    thread.state = state or thread.state
    thread.premoderation = thread.premoderation if premoderation is None else premoderation
    thread.title = title if title is not None else thread.title
    thread.excerpt = excerpt if excerpt is not None else thread.excerpt
    if before != (thread.state, thread.premoderation, thread.title, thread.excerpt):
        thread.save(update_fields=["state", "premoderation", "title", "excerpt"])
        record(thread, EventKind.STATE, number=None, now=now)
        save_thread(thread)
    return thread


@transaction.atomic(durable=True)
def rename_thread(*, thread_id: int, key: str, url: str, now: datetime) -> Thread:
    """Gives a thread a new key and address; the old ones lead to it from then on.

    Raises:
        ValidationFailed: the key is taken, or ``url`` is no address.
    """
    thread = lock_thread(thread_id)
    page = stored_key(url)
    if key != thread.key:
        if thread_exists(site_id=thread.site_id, key=key):
            detail = f"There is a thread {key!r} already."
            raise ValidationFailed([FieldError("#/key", "taken", detail)])
        ThreadAlias.objects.create(site_id=thread.site_id, thread=thread, key=thread.key)
    if page != thread.url_key:
        ThreadAlias.objects.get_or_create(
            site_id=thread.site_id, url_key=thread.url_key, defaults={"thread": thread}
        )
    thread.key, thread.url, thread.url_key = key, url, page
    thread.save(update_fields=["key", "url", "url_key"])
    record(thread, EventKind.STATE, number=None, now=now)
    save_thread(thread)
    return thread


@dataclass(frozen=True, slots=True)
class NumberedText:
    """A comment from elsewhere; what is not known of it stays empty."""

    number: int
    source: str
    format: Format = Format.PLAIN
    author_name: str = ""
    written_at: datetime | None = None


def add_numbered_comments(
    *, thread: Thread, texts: Sequence[NumberedText], stored_at: datetime
) -> None:
    """Adds root comments that bring their numbers along; inside the importing transaction.

    Args:
        thread: locked, or made in this transaction, with no comments yet.
        texts: numbered 1, 2, 3… without a gap.
        stored_at: the clock of the import.

    Raises:
        ValidationFailed: a text is empty or too long; the pointer names its number.
        ValueError: the numbers do not go on from the thread's last one.
    """
    for text in texts:
        comment = Comment(
            thread=thread,
            author_name=text.author_name,
            source=clean_source(text.source, max_chars=LONGEST_IMPORT),
            format=text.format,
            status=Status.PUBLISHED,
            renderer_version=RENDERER_VERSION,
            created_at=stored_at,
            written_at=text.written_at,
            published_at=text.written_at,
        )
        linked = linked_text(
            thread_id=thread.pk,
            source=comment.source,
            format=comment.format,
            writer_id=None,
            reply_to=None,
        )
        comment.html = linked.rendered.html
        give_number(thread, comment)
        if comment.number != text.number:
            raise ValueError(f"number {text.number} stands where {comment.number} should")
        comment.save()
        settle(thread, comment, now=stored_at)
        store_links(comment, rendered=linked.rendered, known=linked.known)
        record(thread, EventKind.IMPORTED, number=comment.number, now=stored_at)
    save_thread(thread)
    adopt_comments(thread, now=stored_at)
