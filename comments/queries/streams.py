"""Where the live stream of a thread is, and which pages may listen to it."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings

from comments.conf import options
from comments.queries.sites import SiteProfile, own_origin, thread_path

NOTIFICATIONS = "comments_threads"
"""PostgreSQL's channel on which a transaction says that it raised a thread's version."""
OWN_ORIGIN = "/"


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

    The site's own pages are those of ``SITE_URL`` and of every host in ``ALLOWED_HOSTS``: streams
    may have a port of their own, so to a browser they are of another origin.
    """
    everywhere = getattr(settings, "CORS_ALLOWED_ORIGINS", ())
    if origin in {own_origin(), *profile.allowed_origins, *everywhere}:
        return True
    found = urlsplit(origin)
    host = f"[{found.hostname}]" if ":" in (found.hostname or "") else found.hostname
    return found.scheme in {"http", "https"} and any(
        host is not None and (host == known or (known[:1] == "." and f".{host}".endswith(known)))
        for known in map(str.lower, settings.ALLOWED_HOSTS)
    )
