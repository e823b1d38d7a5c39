"""Finding a thread: by key, by the address of its page, by a former name of either."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db import connection
from django.db.models import Q

from comments.errors import FieldError, ThreadUnknown, ValidationFailed
from comments.models import Thread, ThreadAlias
from comments.queries.sites import absolute, own_origin
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
_TIMES = tuple(at for at, name in enumerate(_HEAD) if name.endswith("_at"))


def thread_by_key(*, site_id: int, key: str) -> ThreadHead:
    """Returns the thread of this key, or the one that had it before: one query, or two.

    Raises:
        ThreadUnknown: there is none.
    """
    with connection.cursor() as cursor:
        cursor.execute(_BY_KEY, [site_id, key])
        found = cursor.fetchone()
    if found is not None:
        return _head_of_stored(found)
    row = (
        Thread.objects.filter(aliases__site_id=site_id, aliases__key=key)
        .exclude(key="")
        .values_list(*_HEAD)
        .first()
    )
    if row is None:
        raise ThreadUnknown()
    return ThreadHead(*row)


def _head_of_stored(row: Sequence[Any]) -> ThreadHead:
    """Returns a head from a row as it is stored: SQLite's times say no time zone."""
    values = list(row)
    if connection.vendor == "sqlite":
        for at in _TIMES:
            values[at] = values[at].replace(tzinfo=connection.timezone)
    return ThreadHead(*values)


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


def thread_counts(*, site_id: int, keys: Collection[str]) -> dict[str, int]:
    """Returns the number of visible comments for each key, 0 for an unknown one: one query."""
    found = dict(
        Thread.objects.filter(site_id=site_id, key__in=keys).values_list("key", "visible_count")
    )
    return {key: found.get(key, 0) for key in keys}


def thread_exists(*, site_id: int, key: str) -> bool:
    """Returns whether the key is taken, by a thread or by a former name of one."""
    return (
        Thread.objects.filter(site_id=site_id, key=key).exists()
        or ThreadAlias.objects.filter(Q(site_id=site_id) & Q(key=key)).exists()
    )
