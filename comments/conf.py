"""The product's settings, read from ``settings.REJOINDER`` of the project that installs it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

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
    page_cache_bytes: int = 64 * 1024 * 1024


def options() -> Options:
    """Returns the settings as they are now (tests override them)."""
    given = getattr(settings, "REJOINDER", {})
    known = {item.name.upper(): item.name for item in fields(Options)}
    return Options(**{known[key]: value for key, value in given.items()})
