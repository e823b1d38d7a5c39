"""What there is to know for sending messages: which are due, where to, and what has come since."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from time import monotonic
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sites.models import Site
from django.db.models import QuerySet

from comments.conf import options
from comments.models import Comment, Outgoing, Publication, SiteSettings, Thread
from comments.queries.sites import KEEP_SECONDS


def due(*, now: datetime, limit: int) -> QuerySet[Outgoing]:
    """Returns the messages that may leave, the longest due first."""
    waiting = Outgoing.objects.filter(state=Outgoing.State.WAITING, due_at__lte=now)
    return waiting.order_by("due_at")[:limit]


def lateness(*, now: datetime) -> timedelta:
    """Returns for how long the longest has waited that the worker should have done by now.

    That is sending what is due, and numbering what was published; each is looked up by an index.
    """
    due_at = due(now=now, limit=1).values_list("due_at", flat=True).first()
    # In the order of the index, which knows of these alone: the oldest of a site is its first.
    unsealed = Publication.objects.filter(position=None).order_by("site_id", "pk")
    times = [due_at, *unsealed.values_list("at", flat=True)[:MOST_LOOKED_AT]]
    return max([timedelta(), *(now - at for at in times if at is not None)])


MOST_LOOKED_AT = 500
"""Publications without a number; where there are more, these are late already."""


def newer_mail(outgoing: Outgoing) -> Outgoing | None:
    """Returns the latest later mail about the same comment that has left or still may."""
    found = Outgoing.objects.filter(
        comment_id=outgoing.comment_id,
        kind=outgoing.kind,
        row_id__gt=outgoing.row_id,
        state__in=[Outgoing.State.WAITING, Outgoing.State.SENT],
    )
    return found.order_by("-row_id").first()


def webhook_of(site_id: int) -> tuple[str, str]:
    """Returns the address and the secret of a site's webhook; empty where there is none."""
    found = SiteSettings.objects.filter(site_id=site_id)
    return found.values_list("webhook_url", "webhook_secret").first() or ("", "")


def has_webhook(*, site_id: int) -> bool:
    """Returns whether a site has a webhook; one query in ``KEEP_SECONDS`` for each process."""
    return _has_webhook(site_id, int(monotonic() / KEEP_SECONDS))


@lru_cache(maxsize=64)
def _has_webhook(site_id: int, period: int) -> bool:
    return bool(webhook_of(site_id)[0])


def forget_webhooks() -> None:
    """Forgets which sites have webhooks: the next decision asks anew."""
    _has_webhook.cache_clear()


def origin_of(site: Site) -> str:
    """Returns the origin of a site's addresses, asked outside any request: where host names choose
    the site, its own one is in it.
    """
    origin = options().site_url
    if not getattr(settings, "SITE_ID", None):
        origin = f"{urlsplit(origin).scheme}://{site.domain}"
    return origin


def page_of(thread: Thread, *, site: Site) -> str:
    """Returns the address of a thread's page, asked outside any request."""
    return f"{origin_of(site)}{thread.url}" if thread.url.startswith("/") else thread.url


def link_to(comment: Comment, *, site: Site) -> str:
    """Returns the address of a comment that can be read, else that of its page."""
    page = page_of(comment.thread, site=site)
    if not comment.visible:
        return page
    # Our own pages find a comment on whichever page of a long thread it is.
    join = "&" if "?" in page else "?"
    asked = f"{join}comment={comment.number}" if comment.thread.url.startswith("/") else ""
    return f"{page}{asked}#comment-{comment.number}"
