"""The feeds of a thread and of a site: conditional, the same for everybody, in two formats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2s
from urllib.parse import quote, urlsplit

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import http_date
from django.utils.translation import gettext
from django.views import View

from comments.conf import options
from comments.errors import NotFound
from comments.language import speaking
from comments.queries.feeds import Entry, latest_in_thread, latest_on_site, state_of_site
from comments.queries.pages import page_store
from comments.queries.replicas import read_version
from comments.queries.sites import absolute, language_of, site_of
from comments.queries.threads import thread_by_key
from comments.views import feed_formats
from comments.views.feed_formats import Answered, Feed, FeedItem
from comments.views.links import page_address, relinked

RELEASE = "2"
"""Part of every ETag: raise it when the same comments make another feed."""
PUBLIC = "public, max-age=0, s-maxage=5, stale-while-revalidate=60"
LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write a feed."""

    ending: str
    content_type: str
    write: Callable[[Feed], bytes]


ATOM = Format("atom", feed_formats.ATOM, feed_formats.atom)
JSON = Format("json", feed_formats.JSON, feed_formats.json_feed)


class ThreadFeed(View):
    """The latest comments of one thread."""

    format = ATOM

    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        """Answers with the feed: one query if the reader, or this process, has it already."""
        if "\x00" in key or len(key) > LONGEST_KEY:
            raise Http404
        try:
            site = site_of(request)
            head = thread_by_key(site_id=site.pk, key=key)
        except NotFound as refusal:
            raise Http404(refusal.detail) from None
        language = language_of(site)

        def make() -> Feed:
            address = f"/threads/{quote(head.key)}/feed"
            return Feed(
                title=gettext("Comments on %(title)s") % {"title": head.title},
                page=head.page,
                atom_address=absolute(f"{address}.atom"),
                json_address=absolute(f"{address}.json"),
                language=language,
                changed_at=head.changed_at,
                items=_items(read_version(head=head, make=lambda: latest_in_thread(head))),
            )

        name = f"feed|{self.format.ending}|{language}|{head.id}|{head.version}"
        return _answer(
            request, self.format, make, name=name, changed_at=head.changed_at, language=language
        )


class SiteFeed(View):
    """The latest comments of the whole site."""

    format = ATOM

    def get(self, request: HttpRequest) -> HttpResponse:
        """Answers with the feed: one query if the reader, or this process, has it already."""
        try:
            site = site_of(request)
        except NotFound as refusal:
            raise Http404(refusal.detail) from None
        language = language_of(site)
        state = state_of_site(site.pk)
        changed_at = state.changed_at or datetime(1970, 1, 1, tzinfo=UTC)

        def make() -> Feed:
            return Feed(
                title=gettext("Comments on %(name)s") % {"name": site.name},
                page=absolute("/"),
                atom_address=absolute("/comments/feed.atom"),
                json_address=absolute("/comments/feed.json"),
                language=language,
                changed_at=changed_at,
                items=_items(latest_on_site(site.pk), with_thread=True),
            )

        marks = f"{state.threads}|{state.versions}|{changed_at.isoformat()}|{site.name}"
        name = f"feed|{self.format.ending}|{language}|site|{site.pk}|{marks}"
        return _answer(
            request, self.format, make, name=name, changed_at=changed_at, language=language
        )


def _answer(
    request: HttpRequest,
    format: Format,
    make: Callable[[], Feed],
    *,
    name: str,
    changed_at: datetime,
    language: str,
) -> HttpResponse:
    """Returns a feed, or 304 to a reader that has it.

    Args:
        name: of this state of the feed, in this format and language.
        changed_at: when it last changed.
    """
    mark = blake2s(f"{RELEASE}|{options().site_url}|{name}".encode(), digest_size=12).hexdigest()
    changed = int(changed_at.timestamp())

    def written() -> bytes:
        with speaking(language):
            return format.write(make())

    answer = get_conditional_response(request, etag=f'W/"{mark}"', last_modified=changed)
    if not isinstance(answer, HttpResponse):
        body = page_store().get_or_make(f"{name}|{mark}", written)
        answer = HttpResponse(body, content_type=format.content_type)
    answer.headers["ETag"] = f'W/"{mark}"'
    answer.headers["Last-Modified"] = http_date(changed)
    answer.headers["Cache-Control"] = PUBLIC
    # An answer names the origin that may read it, so that of one is not that of another.
    patch_vary_headers(answer, ["Origin"])
    return answer


def _items(entries: Sequence[Entry], *, with_thread: bool = False) -> list[FeedItem]:
    return [_item(entry, with_thread=with_thread) for entry in entries]


def _item(entry: Entry, *, with_thread: bool) -> FeedItem:
    def address_of(number: int) -> str:
        return page_address(entry.page, number, last_number=entry.thread_last_number)

    name = entry.author_name or gettext("Unknown")
    if with_thread:
        title = gettext("#{number} by {name} on {title}")
    else:
        title = gettext("#{number} by {name}")
    has_parent = entry.parent_id is not None and entry.parent_number is not None
    return FeedItem(
        id=_tag(entry, f"comment-{entry.id}"),
        address=address_of(entry.number),
        title=title.format(number=entry.number, name=name, title=entry.thread_title),
        author_name=name,
        author_url=entry.author_url if entry.author_url.startswith(("http:", "https:")) else "",
        html=relinked(entry.html, address_of=address_of),
        # Without a date of its own it carries none.
        published_at=entry.published_at,
        updated_at=entry.updated_at,
        answered=(
            Answered(
                _tag(entry, f"comment-{entry.parent_id}"), address_of(entry.parent_number or 0)
            )
            if has_parent
            else Answered(_tag(entry, f"thread-{entry.thread_id}"), entry.page)
        ),
    )


def _tag(entry: Entry, what: str) -> str:
    """Returns an id that stays when the thread is renamed (RFC 4151)."""
    host = urlsplit(options().site_url).hostname or "localhost"
    return f"tag:{host},{entry.thread_opened_at:%Y-%m-%d}:{what}"
