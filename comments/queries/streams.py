"""Where the live stream of a thread is, and which pages may listen to it."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings

from comments.conf import options
from comments.queries.sites import SiteProfile, own_origin, thread_path
from comments.rules.origins import origin_named

NOTIFICATIONS = "comments_threads"
"""PostgreSQL's channel on which a transaction says that it raised a thread's version."""
OWN_ORIGIN = "/"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})


def stream_origin() -> str:
    """Returns where the streams of the site in question are; ``""`` where nobody serves them."""
    chosen = options().stream_url
    if chosen == OWN_ORIGIN:
        return own_origin()
    if not chosen.startswith(":"):
        return chosen
    own = urlsplit(own_origin())
    return f"{own.scheme}://{own.netloc.removesuffix(f':{own.port}')}{chosen}"


def stream_address(key: str) -> str:
    """Returns the address of a thread's stream; ``""`` where nobody serves streams."""
    origin = stream_origin()
    return f"{origin}{stream_path(key)}" if origin else ""


def stream_path(key: str) -> str:
    """Returns the address of a thread's stream, without origin."""
    return f"{thread_path(key)}stream/"


def may_listen(origin: str, *, profile: SiteProfile) -> bool:
    """Returns whether a page of that origin may listen: one of the site, or who may read the API.

    A page of the site needs to be let in only where streams are of another origin than it is;
    from its own, browsers send none. On one machine it goes by several names: ``SITE_URL`` is
    ``http://127.0.0.1:8000`` after ``make run``, and whoever opens ``http://localhost:8000`` is
    on the same page, which finds its streams at ``http://127.0.0.1:8001``. So where streams are at
    another port, the scheme and the port of ``SITE_URL`` are the site's by each loopback name that
    is in ``ALLOWED_HOSTS``, if it has one itself. No such page is on another machine.
    """
    everywhere = getattr(settings, "CORS_ALLOWED_ORIGINS", ())
    return origin in {*profile.allowed_origins, *everywhere, *_origins_of_the_site()}


def _origins_of_the_site() -> set[str]:
    """Returns the origins of the site's own pages, as browsers send them."""
    try:
        own = urlsplit(origin_named(own_origin()))
    except ValueError:
        return {own_origin()}
    hosts = {own.netloc.removesuffix(f":{own.port}")}
    if hosts <= LOOPBACK and options().stream_url.startswith(":"):
        hosts |= LOOPBACK & set(settings.ALLOWED_HOSTS)
    port = "" if own.port is None else f":{own.port}"
    return {f"{own.scheme}://{host}{port}" for host in hosts}
