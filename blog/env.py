"""The environment: every setting of an installation, read in one place and nowhere else.

The README lists the variables. A value that cannot be read stops the process at once with a
sentence that names the variable.
"""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formataddr, parseaddr
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
import idna
from django.core.exceptions import ImproperlyConfigured

from blog.env_anymail import anymail_settings
from blog.env_databases import database_settings, replica_settings
from blog.env_file import read_env_file
from blog.env_values import LOG_LEVELS, choice, language, time_zone, truth
from blog.logs import FORMATTERS
from comments.rules.limits import read_limit
from comments.rules.sending import read_rate, read_window
from comments.rules.verp import LONGEST_LOCAL

ROOT = Path(__file__).resolve().parent.parent
LAST_PORT = 65535
MOST_NUMBER = 2**31 - 1
MOST_PROXIES = 20
MOST_DEPTH = 500
"""A path has four bytes for each level, and a row of an index in PostgreSQL 2,700."""
MOST_CONNECTIONS = 100
"""To the mail server, of one sender."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What the environment says; field names are the variables' names in lower case."""

    secret_key: str
    secret_key_is_set: bool
    """False: the key was made for this process alone. Good for commands, not to serve."""
    secret_key_fallbacks: list[str]
    debug: bool
    allowed_hosts: list[str]
    site_id: int | None
    site_url: str
    site_url_is_set: bool
    """False: it is the address of a first look."""
    site_name: str
    database: dict[str, Any]
    replicas: dict[str, dict[str, Any]]
    """Entries of ``DATABASES``, by their names there."""
    cache: dict[str, Any]
    page_cache_bytes: int
    audit_share: float
    stream_url: str
    """An origin, ``:PORT`` of the site's own host, or ``/`` for its own origin; empty: none."""
    stream_port: int | None
    streams_most: int
    streams_per_address: int
    trusted_proxies: int
    rate_limits: dict[str, str]
    cors_origins: list[str]
    secure_cookies: bool
    ssl_redirect: bool
    hsts_seconds: int
    max_comment_chars: int
    max_body_bytes: int
    max_depth: int
    deep_replies: str
    edit_window_seconds: int
    email_host: str
    """Empty: mails are files in ``outbox_dir``."""
    email_port: int
    email_user: str
    email_password: str
    email_tls: str
    mail_from: str
    mail_bounces: str
    """Where bounces and mails that unsubscribe go: an address, to which a tag is added."""
    message_id_domain: str
    mail_connections: int
    mail_rate: float
    """Messages a second; 0 is no limit."""
    mail_window: str
    """As ``50000/24h``; empty is no limit."""
    anymail: dict[str, Any]
    """django-anymail's settings, without the prefix; with no ``WEBHOOK_SECRET``, no webhooks."""
    outbox_dir: Path
    webhook_private: bool
    time_zone: str
    language: str
    log_level: str
    log_format: str
    """``text`` or ``json``."""
    log_requests: bool
    metrics_token: str
    """Whoever shows it may read ``/metrics``; empty: there is no such address."""
    metrics_dir: Path


RATE_LIMIT_DEFAULTS = {
    "RATE_LIMIT_POST_ADDRESS": "20/10m",
    "RATE_LIMIT_POST_PARTICIPANT": "10/10m",
    "RATE_LIMIT_VOTE_ADDRESS": "120/1m",
    "RATE_LIMIT_VOTE_PARTICIPANT": "60/1m",
    "RATE_LIMIT_PREVIEW_ADDRESS": "60/1m",
    "RATE_LIMIT_SUBSCRIBE_ADDRESS": "10/1h",
}
"""``count/window``; window is a number and s, m, h or d. An empty value lifts that one limit."""

EMAIL_PORTS = {"off": 25, "starttls": 587, "ssl": 465}
"""The usual port for each value of ``EMAIL_TLS`` (RFC 5321, 6409, 8314)."""


def read_environment() -> Environment:
    """Returns the settings that the environment names, with defaults for a first look.

    Raises:
        ImproperlyConfigured: a variable is missing or cannot be read; the message names it.
    """
    env = environ.Env()
    read_env_file()
    debug = truth(env, "DEBUG")
    secret_key = env.str("SECRET_KEY", default="")
    site_id = env.str("SITE_ID", default="1")
    if site_id and not site_id.isdecimal():
        raise ImproperlyConfigured("SITE_ID must be a number, or empty to go by host name.")
    rate_limits = (
        {name: env.str(name, default=value) for name, value in RATE_LIMIT_DEFAULTS.items()}
        if truth(env, "RATE_LIMITS", default=True)
        else {}
    )
    site_url = env.str("SITE_URL", default="http://127.0.0.1:8000").rstrip("/")
    site_name = env.str("SITE_NAME", default="Israpundit")
    email_user = env.str("EMAIL_USER", default="")
    email_tls = choice(
        env, "EMAIL_TLS", list(EMAIL_PORTS), default="starttls" if email_user else "off"
    )
    for name, value in rate_limits.items():
        try:
            read_limit(value)
        except ValueError as error:
            raise ImproperlyConfigured(f"{name}: {error}.") from None
    mail_from = _mail_from(env, site_name=site_name, site_url=site_url)
    mail_domain = _ascii_domain(parseaddr(mail_from)[1].rpartition("@")[2])
    return Environment(
        secret_key=secret_key or secrets.token_urlsafe(50),
        secret_key_is_set=bool(secret_key),
        secret_key_fallbacks=env.list("SECRET_KEY_FALLBACKS", default=[]),
        debug=debug,
        allowed_hosts=env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"]),
        site_id=int(site_id) if site_id else None,
        site_url=site_url,
        site_url_is_set=bool(env.str("SITE_URL", default="")),
        site_name=site_name,
        database=database_settings(env, default=f"sqlite:///{ROOT / 'var' / 'rejoinder.sqlite3'}"),
        replicas=replica_settings(env),
        cache=_cache(env),
        audit_share=_share(env, "AUDIT_SHARE", default=0.01),
        page_cache_bytes=_whole(env, "PAGE_CACHE_BYTES", default=8 * 1024 * 1024),
        stream_url=_stream_url(env, by_host=not site_id),
        stream_port=_port(env, "STREAM_PORT", default=0) if env.str("STREAM_PORT", "") else None,
        streams_most=_whole(env, "STREAMS_MOST", default=5_000),
        streams_per_address=_whole(env, "STREAMS_PER_ADDRESS", default=100),
        trusted_proxies=_whole(env, "TRUSTED_PROXIES", default=0, most=MOST_PROXIES),
        rate_limits=rate_limits,
        cors_origins=env.list("CORS_ORIGINS", default=[]),
        secure_cookies=truth(env, "SECURE_COOKIES"),
        ssl_redirect=truth(env, "SSL_REDIRECT"),
        hsts_seconds=_whole(env, "HSTS_SECONDS", default=0),
        max_comment_chars=_whole(env, "MAX_COMMENT_CHARS", default=10_000, least=1),
        max_body_bytes=_whole(env, "MAX_BODY_BYTES", default=256 * 1024, least=1),
        max_depth=_whole(env, "MAX_DEPTH", default=50, most=MOST_DEPTH),
        deep_replies=choice(env, "DEEP_REPLIES", ("attach", "refuse"), default="attach"),
        edit_window_seconds=_whole(env, "EDIT_WINDOW_SECONDS", default=15 * 60),
        email_host=env.str("EMAIL_HOST", default=""),
        email_port=_port(env, "EMAIL_PORT", default=EMAIL_PORTS[email_tls]),
        email_user=email_user,
        email_password=env.str("EMAIL_PASSWORD", default=""),
        email_tls=email_tls,
        mail_from=mail_from,
        mail_bounces=_mail_bounces(env, domain=mail_domain),
        message_id_domain=_message_id_domain(env, domain=mail_domain),
        mail_connections=_whole(env, "MAIL_CONNECTIONS", default=4, least=1, most=MOST_CONNECTIONS),
        mail_rate=_mail_rate(env),
        mail_window=_mail_window(env),
        anymail=anymail_settings(),
        outbox_dir=Path(env.str("OUTBOX_DIR", default="") or ROOT / "outbox").absolute(),
        webhook_private=truth(env, "WEBHOOK_PRIVATE"),
        time_zone=time_zone(env),
        language=language(env),
        log_level=choice(env, "LOG_LEVEL", LOG_LEVELS, default="INFO"),
        log_format=choice(env, "LOG_FORMAT", list(FORMATTERS), default="text"),
        log_requests=truth(env, "LOG_REQUESTS"),
        metrics_token=_metrics_token(env),
        metrics_dir=Path(env.str("METRICS_DIR", default="") or ROOT / "var" / "metrics").absolute(),
    )


def require_secret_key() -> None:
    """Refuses to serve under a key that the next process would not have.

    Raises:
        ImproperlyConfigured: ``SECRET_KEY`` is not set, and this is no debug mode.
    """
    environment = read_environment()
    if not environment.secret_key_is_set and not environment.debug:
        raise ImproperlyConfigured("SECRET_KEY is not set (`make run` makes one in var/).")


def _metrics_token(env: environ.Env) -> str:
    """Returns ``METRICS_TOKEN``."""
    text: str = env.str("METRICS_TOKEN", default="")
    if text and not re.match(r"[!-~]{16,}\Z", text, re.ASCII):
        raise ImproperlyConfigured("METRICS_TOKEN must have 16 characters or more, and no spaces.")
    return text


def _whole(
    env: environ.Env, name: str, *, default: int, least: int = 0, most: int = MOST_NUMBER
) -> int:
    """Returns the whole number that a variable is."""
    text = env.str(name, default="").strip() or str(default)
    if not text.isascii() or not text.isdecimal() or not least <= int(text) <= most:
        raise ImproperlyConfigured(f"{name} must be a whole number from {least} to {most}.")
    return int(text)


def _share(env: environ.Env, name: str, *, default: float) -> float:
    """Returns the number from 0 to 1 that a variable is."""
    text = env.str(name, default="").strip() or str(default)
    if not _SHARE.match(text) or float(text) > 1:
        raise ImproperlyConfigured(f"{name} must be a number from 0 to 1, as 0.01.")
    return float(text)


_SHARE = re.compile(r"[0-9]{0,3}\.?[0-9]{1,9}\Z", re.ASCII)


def _port(env: environ.Env, name: str, *, default: int) -> int:
    """Returns the TCP port that a variable names."""
    try:
        return port_named(env.str(name, default="") or str(default))
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a number from 1 to {LAST_PORT}.") from None


def port_named(text: str) -> int:
    """Returns the TCP port that a text names.

    Raises:
        ValueError: it names none.
    """
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= LAST_PORT:
        raise ValueError(text)
    return int(text)


def _stream_url(env: environ.Env, *, by_host: bool) -> str:
    """Returns ``STREAM_URL``.

    Args:
        by_host: whether the host name says which site is meant.
    """
    text: str = env.str("STREAM_URL", default="").strip()
    if text in {"", "/"} or _STREAM_PORT.match(text):
        return text
    text = text.rstrip("/").lower()
    if not _ORIGIN.match(text):
        raise ImproperlyConfigured(
            "STREAM_URL must be an origin, as https://live.example.org, or :PORT for another port "
            "of the site's own host, or / for its own origin."
        )
    if by_host:
        raise ImproperlyConfigured("With an empty SITE_ID, STREAM_URL must be :PORT or /.")
    return text


_STREAM_PORT = re.compile(r":[1-9][0-9]{0,4}\Z", re.ASCII)
_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?\Z", re.ASCII)


def stream_source(*, stream_url: str, site_url: str, by_host: bool) -> list[str]:
    """Returns what a Content-Security-Policy must name beside ``'self'`` for the live streams."""
    if not stream_url.startswith(":"):
        return [stream_url] if stream_url not in {"", "/"} else []
    site = urlsplit(site_url)
    host = "*" if by_host else site.netloc.removesuffix(f":{site.port}")
    return [f"{site.scheme}://{host}{stream_url}"]


def _mail_from(env: environ.Env, *, site_name: str, site_url: str) -> str:
    """Returns ``MAIL_FROM``, by default an address at the host of ``SITE_URL``."""
    given: str = env.str("MAIL_FROM", default="")
    if not given:
        host = urlsplit(site_url).hostname or ""
        return formataddr((site_name, f"comments@{_mail_domain(host)}"))
    local, at, domain = parseaddr(given)[1].rpartition("@")
    if not (local and at and domain) or not given.isprintable():
        raise ImproperlyConfigured("MAIL_FROM must be an address, or a name and <an address>.")
    return given


def _mail_domain(host: str) -> str:
    """Returns the domain of an address at a host; an IP address is none."""
    try:
        ip_address(host)
    except ValueError:
        return host or "localhost"
    return "localhost"


def _cache(env: environ.Env) -> dict[str, Any]:
    """Returns Django's entry for ``CACHE_URL``: memory of the process, or Redis."""
    config: dict[str, Any] = {}
    with suppress(ImproperlyConfigured, ValueError):  # which do not name the variable
        config = env.cache("CACHE_URL", default="locmemcache://rejoinder")
    if config.get("BACKEND") == "django.core.cache.backends.redis.RedisCache":
        config["BACKEND"] = "blog.caching.SharedCache"
    elif config.get("BACKEND") != "django.core.cache.backends.locmem.LocMemCache":
        raise ImproperlyConfigured("CACHE_URL must be locmemcache:// or redis://.")
    # The reader of URLs leaves it in lower case, which Django does not know.
    config["KEY_PREFIX"] = config.pop("key_prefix", "rejoinder")
    return config


def _ascii_domain(domain: str) -> str:
    """Returns a domain as mail servers are told it (RFC 5891)."""
    try:
        return domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return domain


def _mail_bounces(env: environ.Env, *, domain: str) -> str:
    """Returns ``MAIL_BOUNCES``, by default ``bounces@`` the domain of ``MAIL_FROM``."""
    given: str = env.str("MAIL_BOUNCES", default="") or f"bounces@{domain}"
    local, at, host = given.rpartition("@")
    # It is said to mail servers as it stands here, so nothing in it may mean anything to them.
    is_plain = given.isascii() and given.isprintable() and not set(given) & set(' <>"(),:;\\[]')
    if not (local and at and host and is_plain) or "@" in local or len(local) > LONGEST_LOCAL:
        raise ImproperlyConfigured(
            "MAIL_BOUNCES must be an address without a name, with at most "
            f"{LONGEST_LOCAL} characters before the @, since a tag is added to them."
        )
    return given


def _message_id_domain(env: environ.Env, *, domain: str) -> str:
    """Returns ``MESSAGE_ID_DOMAIN``, by default the domain of ``MAIL_FROM``."""
    given: str = env.str("MESSAGE_ID_DOMAIN", default="") or domain
    if not _DOMAIN.match(given):
        raise ImproperlyConfigured("MESSAGE_ID_DOMAIN must be a domain, as example.org.")
    return given


_DOMAIN = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\Z")


def _mail_rate(env: environ.Env) -> float:
    """Returns ``MAIL_RATE``, in messages a second; 0 is no limit."""
    try:
        return read_rate(env.str("MAIL_RATE", default=""))
    except ValueError as error:
        raise ImproperlyConfigured(f"MAIL_RATE: {error}.") from None


def _mail_window(env: environ.Env) -> str:
    """Returns ``MAIL_WINDOW`` as it is written."""
    text: str = env.str("MAIL_WINDOW", default="").strip()
    try:
        read_window(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"MAIL_WINDOW: {error}.") from None
    return text
