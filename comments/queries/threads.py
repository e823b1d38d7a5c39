"""Finding a thread: by key, by the address of its page, by a former name of either."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django.db.models import Q

from comments.errors import FieldError, ThreadUnknown, ValidationFailed
from comments.models import Thread, ThreadAlias
from comments.queries.sites import absolute, own_origin
from comments.queries.statements import Question, asked, fetch
from comments.rules.threading import url_key
from comments.words import gettext_noop


@dataclass(frozen=True, slots=True)
class ThreadHead:
    """What every read of a thread needs; one query."""

    id: int
    key: str
    url: str
    title: str
    state: str
    premoderation: bool
    version: int
    visible_count: int
    visible_roots: int
    last_number: int
    opened_at: datetime
    changed_at: datetime
    votes_changed: bool

    @property
    def page(self) -> str:
        """Returns the absolute address of the page the thread belongs to."""
        return absolute(self.url)


_HEAD = tuple(ThreadHead.__dataclass_fields__)
# Every read begins with this one, and a 304 has little else to do: putting it together in the ORM
# each time would be half of what a 304 costs.
_COLUMNS = ", ".join(f'"{name}"' for name in _HEAD)
_BY_KEY = f'SELECT {_COLUMNS} FROM "{Thread._meta.db_table}" WHERE "site_id" = %s AND "key" = %s'  # noqa: S608


def thread_by_key(*, site_id: int, key: str) -> ThreadHead:
    """Returns the thread of this key, or the one that had it before: one query, or two.

    Raises:
        ThreadUnknown: there is none.
    """
    found = fetch(_BY_KEY, [site_id, key])
    if found:
        return ThreadHead(*found[0])
    row = (
        Thread.objects.filter(aliases__site_id=site_id, aliases__key=key)
        .exclude(key="")
        .values_list(*_HEAD)
        .first()
    )
    if row is None:
        raise ThreadUnknown()
    return ThreadHead(*row)


_STANDING = ("id", "version", "changed_at", "votes_changed")


def standing_question(*, site_id: int, head: ThreadHead) -> Question:
    """Returns what tells whether a thread is still as it was when ``head`` was read.

    A version names one state of it, so whatever readers were answered stands as long as this is
    answered alike. Other threads may get the same version of the same moment under its key.
    """
    columns = ", ".join(_STANDING)
    return Question(
        f'SELECT {columns} FROM "{Thread._meta.db_table}" WHERE "site_id" = %s AND "key" = %s',  # noqa: S608
        (site_id, head.key),
        [tuple(getattr(head, name) for name in _STANDING)],
    )


def thread_by_url(*, site_id: int, url: str) -> ThreadHead:
    """Returns the thread of the page at ``url``, however the address is written.

    Raises:
        ValidationFailed: ``url`` is no http(s) address.
        ThreadUnknown: no thread belongs to that page.
    """
    keys = page_keys(url)
    row = (
        Thread.objects.filter(site_id=site_id, url_key__in=keys).values_list(*_HEAD).first()
        or Thread.objects.filter(aliases__site_id=site_id, aliases__url_key__in=keys)
        .values_list(*_HEAD)
        .first()
    )
    if row is None:
        raise ThreadUnknown(gettext_noop("No thread belongs to this page."))
    return ThreadHead(*row)


def page_keys(url: str) -> tuple[str, ...]:
    """Returns the keys that a page's address may be stored under.

    A page of this installation is stored by its path alone, so that it keeps its thread when
    the installation moves to another origin.

    Raises:
        ValidationFailed: ``url`` is no http(s) address.
    """
    try:
        key = stored_key(url)
    except ValueError:
        detail = gettext_noop("An absolute http or https address is needed.")
        raise ValidationFailed([FieldError("#/url", "invalid", detail)]) from None
    own = urlsplit(own_origin()).netloc.lower().removeprefix("www.")
    if key == own or key.startswith((f"{own}/", f"{own}?")):
        return key, key.removeprefix(own) or "/"
    return (key,)


def stored_key(url: str) -> str:
    """Returns the ``url_key`` of a page's address, or of a path of this installation.

    Raises:
        ValueError: it is neither a path nor an http(s) address.
    """
    if url.startswith("/"):
        return url_key(f"http://x{url}").removeprefix("x") or "/"
    return url_key(url)


def counts_in(question: Question, *, keys: Collection[str]) -> dict[str, int]:
    """Returns the number of visible comments for each key, from what was answered."""
    found = dict(question.rows)
    return {key: found.get(key, 0) for key in keys}


def counts_question(*, site_id: int, keys: Collection[str]) -> Question:
    """Returns how many visible comments the threads of these keys have, asked: one query."""
    places = ", ".join(["%s"] * len(keys))
    return asked(
        f'SELECT "key", visible_count FROM "{Thread._meta.db_table}"'  # noqa: S608
        f' WHERE "site_id" = %s AND "key" IN ({places}) ORDER BY "key"',
        (site_id, *keys),
    )


def thread_exists(*, site_id: int, key: str) -> bool:
    """Returns whether the key is taken, by a thread or by a former name of one."""
    return (
        Thread.objects.filter(site_id=site_id, key=key).exists()
        or ThreadAlias.objects.filter(Q(site_id=site_id) & Q(key=key)).exists()
    )
