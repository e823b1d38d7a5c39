"""The product's settings, read from ``settings.REJOINDER`` of the project that installs it."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from email.utils import parseaddr
from typing import Any

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of the comment system; each field's upper-case name is its key in the dictionary."""

    site_url: str = "http://127.0.0.1:8000"
    """Origin of absolute links in answers and feeds, without a slash at the end."""
    max_comment_chars: int = 10_000
    max_body_bytes: int = 256 * 1024
    max_depth: int = 50
    """The greatest ``depth`` of a comment; a root has depth 0."""
    deep_replies: str = "attach"
    """``attach`` puts a deeper reply under the deepest allowed ancestor, ``refuse`` refuses it."""
    edit_window_seconds: int = 15 * 60
    trusted_proxies: int = 0
    """How many proxies in front add to ``X-Forwarded-For``; 0 takes the socket's address."""
    rate_limits: dict[str, str] = field(default_factory=dict)
    flag_threshold: float = 1.8
    """Weight of the open reports of a comment at which it is held; one from somebody new is 1."""
    audit_share: float = 0.0
    """Of all comments, so many are put before moderators by lot, 0 to 1."""
    page_cache_bytes: int = 8 * 1024 * 1024
    replicas: list[str] = field(default_factory=list)
    """Names in ``DATABASES`` of streaming replicas of PostgreSQL, to read threads on;
    ``DATABASE_ROUTERS`` then needs ``comments.queries.replicas.ReplicaRouter``."""
    metrics_dir: str = ""
    """Directory that processes count into (``comments/metrics.py``). Empty: nothing is counted."""
    stream_url: str = ""
    """Where readers find the live streams: an origin; ``:PORT`` for another port of the site's own
    host; ``/`` for the site's own origin. Empty: nobody serves streams, and readers ask."""
    streams_most: int = 5_000
    """Open streams of one process; who comes then is told to come again."""
    streams_per_address: int = 100
    """Open streams of one address, or of one /64 of IPv6; 0 is no limit."""
    mail_bounces: str = ""
    """Where bounces and mails that unsubscribe go; a tag is added to its local part. Empty means
    ``bounces@`` the domain of ``DEFAULT_FROM_EMAIL``."""
    message_id_domain: str = ""
    """Empty means the domain of ``DEFAULT_FROM_EMAIL``."""
    mail_connections: int = 4
    """To the mail server, of one sender."""
    mail_rate: float = 0.0
    """Messages a second of one sender; 0 is no limit."""
    mail_window: str = ""
    """Messages in any so long a time, of all senders, as ``50000/24h``; empty is no limit."""


def options() -> Options:
    """Returns the settings as they are now (tests override them)."""
    given = getattr(settings, "REJOINDER", {})
    kept = _kept
    if kept is not None and kept[0] == given and kept[1] == settings.DEFAULT_FROM_EMAIL:
        return kept[2]
    return _read(given, settings.DEFAULT_FROM_EMAIL)


def _read(given: dict[str, Any], default_from_email: str) -> Options:
    """Returns the settings, and keeps them with what they were read from: a page of comments asks
    for them hundreds of times.
    """
    global _kept  # noqa: PLW0603
    known = {item.name.upper(): item.name for item in fields(Options)}
    found = Options(**{known[key]: value for key, value in given.items()})
    domain = parseaddr(default_from_email)[1].rpartition("@")[2] or "localhost"
    found = replace(
        found,
        mail_bounces=found.mail_bounces or f"bounces@{domain}",
        message_id_domain=found.message_id_domain or domain,
    )
    _kept = (deepcopy(given), default_from_email, found)
    return found


_kept: tuple[dict[str, Any], str, Options] | None = None
