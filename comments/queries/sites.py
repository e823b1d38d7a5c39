"""Which site a request concerns, and what that site has of its own."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.contrib.sites.models import Site
from django.contrib.sites.shortcuts import get_current_site
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from comments.conf import options
from comments.errors import NotFound
from comments.language import chosen_language
from comments.models import SiteSettings
from comments.words import gettext_noop

API = "/api/v1"
KEEP_SECONDS = 10.0
"""How long a process goes on with settings it has read; an edit in the admin shows after that."""


@dataclass(frozen=True, slots=True)
class SiteProfile:
    """A site with its settings, as one process keeps it for a few seconds."""

    id: int
    name: str
    allowed_origins: frozenset[str]
    jwt_algorithm: str
    jwt_key: str
    digest_name: str
    language: str
    """Of its pages, feeds and mails."""


_origin: ContextVar[str | None] = ContextVar("origin", default=None)
_profiles: dict[int, tuple[float, SiteProfile]] = {}


def site_of(request: HttpRequest) -> Site:
    """Returns the site of a request: the one of ``SITE_ID``, else the one of the host name.

    Raises:
        NotFound: no site has this host name.
    """
    try:
        site = get_current_site(request)
    except (Site.DoesNotExist, ImproperlyConfigured):
        raise NotFound(gettext_noop("No site answers at this address.")) from None
    if not isinstance(site, Site):
        raise TypeError("django.contrib.sites must be installed")
    by_host = not getattr(settings, "SITE_ID", None)
    scheme = urlsplit(options().site_url).scheme
    _origin.set(f"{scheme}://{site.domain}" if by_host else None)
    return site


def profile_of(site: Site) -> SiteProfile:
    """Returns the site's settings; one query at most every ``KEEP_SECONDS`` for each process."""
    kept = _profiles.get(site.pk)
    if kept is not None and monotonic() - kept[0] < KEEP_SECONDS:
        return kept[1]
    row = SiteSettings.objects.filter(site_id=site.pk).first() or SiteSettings(site=site)
    profile = SiteProfile(
        id=site.pk,
        name=site.name,
        allowed_origins=_origins_in(row.allowed_origins),
        jwt_algorithm=row.jwt_algorithm,
        jwt_key=row.jwt_key,
        digest_name=name_of_digest(row.digest_name, site=site),
        language=chosen_language(row.language),
    )
    _profiles[site.pk] = (monotonic(), profile)
    return profile


def _origins_in(stored: object) -> frozenset[str]:
    """Returns the origins in a list; whatever else may be stored there lets nobody in."""
    listed = stored if isinstance(stored, list) else []
    return frozenset(origin for origin in listed if isinstance(origin, str))


def name_of_digest(chosen: str, *, site: Site) -> str:
    """Returns what the digest of a site is called, whether or not a name was chosen for it."""
    return chosen or gettext_noop("{site} Daily Digest", site=site.name)


def language_of(site: Site) -> str:
    """Returns the language of a site's pages, feeds and mails; asks as ``profile_of`` does."""
    return profile_of(site).language


def forget_profiles() -> None:
    """Forgets all kept settings: the next request reads them anew."""
    _profiles.clear()


def absolute(address: str) -> str:
    """Returns a path of this installation with its origin; an absolute address as it is."""
    return f"{own_origin()}{address}" if address.startswith("/") else address


def thread_path(key: str) -> str:
    """Returns the API's address of a thread, without origin."""
    return f"{API}/threads/{quote(key)}/"


def comment_path(key: str, number: int) -> str:
    """Returns the API's address of a published comment, without origin."""
    return f"{thread_path(key)}comments/{number}/"


def own_origin() -> str:
    """Returns the origin of the site in question: ``SITE_URL``, or the site's domain where the
    host name chooses the site.
    """
    return _origin.get() or options().site_url
