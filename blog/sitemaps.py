"""What search engines are told: ``robots.txt``, and the sitemap that it names, in parts."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from hashlib import blake2s
from typing import Any
from urllib.parse import quote

from django.contrib.sitemaps.views import SitemapIndexItem
from django.contrib.sites.models import Site
from django.core.paginator import EmptyPage
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.http import http_date

from blog.models import Series
from comments.errors import NotFound
from comments.models import Thread
from comments.queries.feeds import state_of_site
from comments.queries.pages import page_store
from comments.queries.sites import absolute, site_of
from comments.views.sitemaps import OwnSitemap, ThreadSitemap

PUBLIC = "public, max-age=0, s-maxage=60, stale-while-revalidate=600"
XML = "application/xml; charset=utf-8"
PAGE = re.compile("[1-9][0-9]{0,8}")
ROBOTS = """User-agent: *
Allow: /api/v1/docs/
Disallow: /api/
Disallow: /admin/
Disallow: /subscriptions/
Disallow: /*?*reply_to=
Disallow: /*?*edit=
Disallow: /*?*delete=

Sitemap: {sitemap}
"""
"""Of a thread's page, what shows a form is left out; so are its parts as the API gives them."""


class PostPages(ThreadSitemap):
    """The posts. A thread that no post is for has no page here, whatever its address says."""

    def items(self) -> QuerySet[Thread, Any]:
        """Returns the threads of posts."""
        return super().items().filter(post__isnull=False)


class SitePages(OwnSitemap):
    """The pages that are neither posts nor any other page of a thread."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def items(self) -> list[str]:
        """Returns their paths: the list of posts, and each series."""
        slugs = Series.objects.filter(site=self.site).order_by("pk").values_list("slug", flat=True)
        return [reverse("home"), *(reverse("series", args=[slug]) for slug in slugs)]

    def location(self, item: str) -> str:
        """Returns the path as it is."""
        return item


SECTIONS: dict[str, Callable[[Site], OwnSitemap]] = {"pages": SitePages, "threads": PostPages}


def robots(request: HttpRequest) -> HttpResponse:
    """Answers with what programs may read, and where the sitemap is."""
    _site(request)
    text = ROBOTS.format(sitemap=absolute(reverse("sitemap")))
    return _answer(request, text.encode(), content_type="text/plain; charset=utf-8")


def index(request: HttpRequest) -> HttpResponse:
    """Answers with the addresses of all parts of the sitemap: two queries."""
    site = _site(request)
    parts = [SitemapIndexItem(_address("pages"))]
    for page, (_, latest) in enumerate(PostPages(site).paginator.numbers, start=1):
        # Django's template prints a date or a time; its class says otherwise.
        parts.append(SitemapIndexItem(_address("threads", page=page), latest))  # type: ignore[arg-type]
    return _answer(request, render_to_string("sitemap_index.xml", {"sitemaps": parts}).encode())


def part(request: HttpRequest, section: str) -> HttpResponse:
    """Answers with a part of the sitemap. A reader that has it costs one query."""
    site = _site(request)
    page = request.GET.get("p", "1")
    if section not in SECTIONS or not PAGE.fullmatch(page):
        raise Http404

    def make() -> bytes:
        try:
            urls = SECTIONS[section](site).get_urls(page=page)
        except EmptyPage as error:
            raise Http404 from error
        return render_to_string("sitemap.xml", {"urlset": urls}).encode()

    if section != "threads":
        return _answer(request, make())
    state = state_of_site(site.pk)
    name = f"sitemap|{absolute('/')}|{site.pk}|{page}|{state}"
    return _conditional(
        request,
        lambda: page_store().get_or_make(name, make),
        mark=_mark(name.encode()),
        changed_at=state.changed_at,
    )


def _site(request: HttpRequest) -> Site:
    try:
        return site_of(request)
    except NotFound as refusal:
        raise Http404(refusal.detail) from None


def _address(section: str, *, page: int = 1) -> str:
    address = absolute(reverse("sitemap-part", args=[quote(section)]))
    return address if page == 1 else f"{address}?p={page}"


def _mark(content: bytes) -> str:
    return f'W/"{blake2s(content, digest_size=12).hexdigest()}"'


def _answer(request: HttpRequest, body: bytes, *, content_type: str = XML) -> HttpResponse:
    """Returns a body that is made already, or 304 to a reader that has it."""
    return _conditional(request, lambda: body, mark=_mark(body), content_type=content_type)


def _conditional(
    request: HttpRequest,
    make: Callable[[], bytes],
    *,
    mark: str,
    changed_at: datetime | None = None,
    content_type: str = XML,
) -> HttpResponse:
    changed = int(changed_at.timestamp()) if changed_at is not None else None
    answer = get_conditional_response(request, etag=mark, last_modified=changed)
    if not isinstance(answer, HttpResponse):
        answer = HttpResponse(make(), content_type=content_type)
    answer.headers["ETag"] = mark
    if changed is not None:
        answer.headers["Last-Modified"] = http_date(changed)
    answer.headers["Cache-Control"] = PUBLIC
    return answer
