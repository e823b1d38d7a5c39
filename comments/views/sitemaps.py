"""The pages of a site's threads as a sitemap of ``django.contrib.sitemaps``, for any host.

A host gives ``ThreadSitemap`` to Django's views beside sitemaps of its own.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from django.contrib.sitemaps import Sitemap
from django.contrib.sites.models import Site
from django.core.paginator import Page, Paginator
from django.db.models import F, Max, Q, QuerySet
from django.utils.encoding import iri_to_uri

from comments.models import Thread
from comments.queries.sites import own_origin


class OwnSitemap(Sitemap):  # type: ignore[type-arg]  # generic in the stubs only
    """A sitemap whose addresses begin as all absolute links of this installation do."""

    def get_protocol(self, protocol: str | None = None) -> str:
        """Returns the scheme of ``SITE_URL``."""
        return urlsplit(own_origin()).scheme

    def get_domain(self, site: Any = None) -> str:
        """Returns the host and the port of ``SITE_URL``, or those of the site."""
        return urlsplit(own_origin()).netloc


class Windows(Paginator):  # type: ignore[type-arg]  # the same
    """Pages by ranges of ids: no page is counted through, and a full one keeps its threads."""

    def __init__(self, threads: QuerySet[Thread, Any], per_page: int) -> None:
        """Cuts ``threads`` after every ``per_page`` ids."""
        super().__init__(threads, per_page)
        self.threads = threads

    @cached_property
    def numbers(self) -> list[tuple[int, datetime]]:
        """Returns each range that has threads, from 0, with their latest change: one query."""
        of_range = self.threads.annotate(range=(F("pk") - 1) / self.per_page).values("range")
        latest = of_range.annotate(latest=Max("changed_at")).order_by("range")
        return [(row["range"], row["latest"]) for row in latest.values("range", "latest")]

    @property
    def num_pages(self) -> int:
        """Returns how many pages there are; one, if there is no thread."""
        return max(1, len(self.numbers))

    def page(self, number: int | str) -> Page:  # type: ignore[type-arg]
        """Returns the threads of a page.

        Raises:
            EmptyPage, PageNotAnInteger: there is no such page.
        """
        valid = self.validate_number(number)
        at = self.numbers[valid - 1][0] if self.numbers else 0
        first = at * self.per_page
        found = self.threads.filter(pk__gt=first, pk__lte=first + self.per_page)
        return Page(list(found), valid, self)


class ThreadSitemap(OwnSitemap):
    """The pages of a site's threads, each with the time at which its thread last changed.

    Pages of other origins are left out: a sitemap speaks for its own alone. Further pages of a long
    thread are found by their links.
    """

    def __init__(self, site: Site | None = None) -> None:
        """Makes the sitemap of a site; ``None`` is the site of ``SITE_ID``."""
        self.site = site or Site.objects.get_current()

    def items(self) -> QuerySet[Thread, Any]:
        """Returns the threads, with no more of each than is needed."""
        here = Q(url__startswith="/") | Q(url__startswith=f"{own_origin()}/")
        threads = Thread.objects.filter(here, site=self.site).exclude(url__startswith="//")
        return threads.only("url", "changed_at").order_by("pk")

    @cached_property
    def paginator(self) -> Windows:
        """Returns the pages of the sitemap, of ``limit`` threads at most."""
        return Windows(self.items(), self.limit)

    def location(self, item: Thread) -> str:
        """Returns the path of the page, escaped."""
        address: str = iri_to_uri(item.url.removeprefix(own_origin()))
        return address

    def lastmod(self, item: Thread) -> datetime:
        """Returns when the thread last changed."""
        return item.changed_at

    def get_latest_lastmod(self) -> datetime | None:
        """Returns when a thread last changed."""
        return max((latest for _, latest in self.paginator.numbers), default=None)
