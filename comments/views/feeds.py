"""Atom feeds (RFC 4287) of a thread and of a site: conditional, and the same for everybody."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import blake2s
from urllib.parse import quote, urlsplit

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.feedgenerator import Atom1Feed
from django.utils.http import http_date
from django.utils.xmlutils import SimplerXMLGenerator
from django.views import View

from comments.conf import options
from comments.errors import NotFound
from comments.queries.feeds import Entry, latest_in_thread, latest_on_site, state_of_site
from comments.queries.pages import page_store
from comments.queries.sites import absolute, site_of
from comments.queries.threads import thread_by_key
from comments.views.links import page_address, relinked

RELEASE = "1"
"""Part of every ETag: raise it when the same comments make another feed."""
PUBLIC = "public, max-age=0, s-maxage=5, stale-while-revalidate=60"
LONGEST_KEY = 200
UNKNOWN = "Unknown"

# What XML 1.0 cannot hold, even escaped (2.2 Characters).
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class CommentsFeed(Atom1Feed):
    """Django's Atom with the whole text as content, and a time of change that is given."""

    def __init__(self, *, changed_at: datetime, title: str, link: str, address: str) -> None:
        """Makes an empty feed; ``link`` is the page, ``address`` the feed itself."""
        super().__init__(
            title=_in_xml(title), link=link, description="", feed_url=address, feed_guid=address
        )
        self.changed_at = changed_at

    def latest_post_date(self) -> datetime:
        """Returns when the feed last changed, which a removed comment changes too."""
        return self.changed_at

    def add_item_elements(self, handler: SimplerXMLGenerator, item: dict[str, object]) -> None:
        """Writes one entry."""
        super().add_item_elements(handler, item)
        handler.addQuickElement("content", str(item["html"]), {"type": "html"})

    def add_entry(self, entry: Entry, *, title: str) -> None:
        """Adds a comment. Without a date of its own it carries no ``published``."""
        address = page_address(entry.page, entry.number, last_number=entry.thread_last_number)

        def address_of(number: int) -> str:
            return page_address(entry.page, number, last_number=entry.thread_last_number)

        self.add_item(
            title=_in_xml(title),
            link=address,
            description=None,  # type: ignore[arg-type]  # no summary beside the content
            unique_id=_tag(entry),
            author_name=_in_xml(entry.author_name) or UNKNOWN,
            pubdate=entry.published_at,
            updateddate=entry.updated_at,
            html=_in_xml(relinked(entry.html, address_of=address_of)),
        )


def _in_xml(text: str) -> str:
    return _NOT_IN_XML.sub("\ufffd", text)


def _tag(entry: Entry) -> str:
    """Returns an id that stays when the thread is renamed (RFC 4151)."""
    host = urlsplit(options().site_url).hostname or "localhost"
    return f"tag:{host},{entry.thread_opened_at:%Y-%m-%d}:comment-{entry.id}"


def _named(entry: Entry) -> str:
    return f"#{entry.number} by {entry.author_name or UNKNOWN}"


class ThreadFeed(View):
    """The latest comments of one thread."""

    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        """Answers with the feed: one query if the reader, or this process, has it already."""
        if "\x00" in key or len(key) > LONGEST_KEY:
            raise Http404
        try:
            head = thread_by_key(site_id=site_of(request).pk, key=key)
        except NotFound as refusal:
            raise Http404(refusal.detail) from None

        def make() -> bytes:
            return _written(
                latest_in_thread(head),
                title=f"Comments on {head.title}",
                page=head.page,
                address=absolute(f"/threads/{quote(head.key)}/feed.atom"),
                changed_at=head.changed_at,
            )

        return _answer(request, f"feed|{head.id}|{head.version}", head.changed_at, make)


class SiteFeed(View):
    """The latest comments of the whole site."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Answers with the feed: one query if the reader, or this process, has it already."""
        try:
            site = site_of(request)
        except NotFound as refusal:
            raise Http404(refusal.detail) from None
        state = state_of_site(site.pk)
        changed_at = state.changed_at or datetime(1970, 1, 1, tzinfo=UTC)

        def make() -> bytes:
            return _written(
                latest_on_site(site.pk),
                title=f"Comments on {site.name}",
                page=absolute("/"),
                address=absolute("/comments/feed.atom"),
                changed_at=changed_at,
                with_thread=True,
            )

        marks = f"{state.threads}|{state.versions}|{changed_at.isoformat()}|{site.name}"
        return _answer(request, f"feed|site|{site.pk}|{marks}", changed_at, make)


def _answer(
    request: HttpRequest, name: str, changed_at: datetime, make: Callable[[], bytes]
) -> HttpResponse:
    """Returns a feed, or 304 to a reader that has it."""
    mark = blake2s(f"{RELEASE}|{options().site_url}|{name}".encode(), digest_size=12).hexdigest()
    changed = int(changed_at.timestamp())
    answer = get_conditional_response(request, etag=f'W/"{mark}"', last_modified=changed)
    if not isinstance(answer, HttpResponse):
        body = page_store().get_or_make(f"{name}|{mark}", make)
        answer = HttpResponse(body, content_type=CommentsFeed.content_type)
    answer.headers["ETag"] = f'W/"{mark}"'
    answer.headers["Last-Modified"] = http_date(changed)
    answer.headers["Cache-Control"] = PUBLIC
    # An answer names the origin that may read it, so that of one is not that of another.
    patch_vary_headers(answer, ["Origin"])
    return answer


def _written(
    entries: Sequence[Entry],
    *,
    title: str,
    page: str,
    address: str,
    changed_at: datetime,
    with_thread: bool = False,
) -> bytes:
    feed = CommentsFeed(changed_at=changed_at, title=title, link=page, address=address)
    for entry in entries:
        name = _named(entry)
        feed.add_entry(entry, title=f"{name} on {entry.thread_title}" if with_thread else name)
    return feed.writeString("utf-8").encode()
