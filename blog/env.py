"""The environment: every setting of an installation, read in one place and nowhere else.

The README lists the variables. A value that cannot be read stops the process at once with a
sentence that names the variable.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from email.utils import formataddr, parseaddr
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from comments.rules.limits import read_limit

ROOT = Path(__file__).resolve().parent.parent


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
    site_name: str
    database: dict[str, Any]
    cache: dict[str, Any]
    page_cache_bytes: int
    audit_share: float
    trusted_proxies: int
    rate_limits: dict[str, str]
    cors_origins: list[str]
    secure_cookies: bool
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
    outbox_dir: Path
    webhook_private: bool
    time_zone: str
    language: str
    log_level: str


RATE_LIMIT_DEFAULTS = {
    "RATE_LIMIT_POST_ADDRESS": "20/10m",
    "RATE_LIMIT_POST_PARTICIPANT": "10/10m",
    "RATE_LIMIT_VOTE_ADDRESS": "120/1m",
    "RATE_LIMIT_VOTE_PARTICIPANT": "60/1m",
    "RATE_LIMIT_PREVIEW_ADDRESS": "60/1m",
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
    debug = env.bool("DEBUG", default=False)
    secret_key = env.str("SECRET_KEY", default="")
    site_id = env.str("SITE_ID", default="1")
    if site_id and not site_id.isdecimal():
        raise ImproperlyConfigured("SITE_ID must be a number, or empty to go by host name.")
    deep_replies = env.str("DEEP_REPLIES", default="attach")
    if deep_replies not in {"attach", "refuse"}:
        raise ImproperlyConfigured("DEEP_REPLIES must be attach or refuse.")
    limits_on = env.str("RATE_LIMITS", default="on").lower() not in {"off", "0", "false", "no"}
    rate_limits = (
        {name: env.str(name, default=value) for name, value in RATE_LIMIT_DEFAULTS.items()}
        if limits_on
        else {}
    )
    site_url = env.str("SITE_URL", default="http://127.0.0.1:8000").rstrip("/")
    site_name = env.str("SITE_NAME", default="Israpundit")
    email_user = env.str("EMAIL_USER", default="")
    email_tls = env.str("EMAIL_TLS", default="starttls" if email_user else "off").lower()
    if email_tls not in EMAIL_PORTS:
        raise ImproperlyConfigured("EMAIL_TLS must be starttls, ssl or off.")
    for name, value in rate_limits.items():
        try:
            read_limit(value)
        except ValueError as error:
            raise ImproperlyConfigured(f"{name}: {error}.") from None
    return Environment(
        secret_key=secret_key or secrets.token_urlsafe(50),
        secret_key_is_set=bool(secret_key),
        secret_key_fallbacks=env.list("SECRET_KEY_FALLBACKS", default=[]),
        debug=debug,
        allowed_hosts=env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"]),
        site_id=int(site_id) if site_id else None,
        site_url=site_url,
        site_name=site_name,
        database=_database(env),
        cache=_cache(env),
        audit_share=env.float("AUDIT_SHARE", default=0.01),
        page_cache_bytes=env.int("PAGE_CACHE_BYTES", default=64 * 1024 * 1024),
        trusted_proxies=env.int("TRUSTED_PROXIES", default=0),
        rate_limits=rate_limits,
        cors_origins=env.list("CORS_ORIGINS", default=[]),
        secure_cookies=env.bool("SECURE_COOKIES", default=False),
        max_comment_chars=env.int("MAX_COMMENT_CHARS", default=10_000),
        max_body_bytes=env.int("MAX_BODY_BYTES", default=256 * 1024),
        max_depth=env.int("MAX_DEPTH", default=50),
        deep_replies=deep_replies,
        edit_window_seconds=env.int("EDIT_WINDOW_SECONDS", default=15 * 60),
        email_host=env.str("EMAIL_HOST", default=""),
        email_port=_port(env, "EMAIL_PORT", default=EMAIL_PORTS[email_tls]),
        email_user=email_user,
        email_password=env.str("EMAIL_PASSWORD", default=""),
        email_tls=email_tls,
        mail_from=_mail_from(env, site_name=site_name, site_url=site_url),
        outbox_dir=Path(env.str("OUTBOX_DIR", default="") or ROOT / "outbox").absolute(),
        webhook_private=env.bool("WEBHOOK_PRIVATE", default=False),
        time_zone=env.str("TIME_ZONE", default="UTC"),
        language=env.str("LANGUAGE_CODE", default="en"),
        log_level=env.str("LOG_LEVEL", default="INFO"),
    )


def require_secret_key() -> None:
    """Refuses to serve under a key that the next process would not have.

    Raises:
        ImproperlyConfigured: ``SECRET_KEY`` is not set, and this is no debug mode.
    """
    environment = read_environment()
    if not environment.secret_key_is_set and not environment.debug:
        raise ImproperlyConfigured("SECRET_KEY is not set (`make run` makes one in var/).")


def _database(env: environ.Env) -> dict[str, Any]:
    """Returns Django's entry for ``DATABASE_URL``: SQLite or PostgreSQL, nothing else."""
    config: dict[str, Any] = env.db(
        "DATABASE_URL", default=f"sqlite:///{ROOT / 'var' / 'rejoinder.sqlite3'}"
    )
    engine = config["ENGINE"]
    options = config.setdefault("OPTIONS", {})
    if engine == "django.db.backends.sqlite3":
        # WAL lets readers go on while one writes. IMMEDIATE takes the write lock at BEGIN: a
        # deferred transaction that reads first cannot wait for it and fails with "locked".
        # A thread keeps its connection: opening one costs more than the look-up it is opened for.
        config["CONN_MAX_AGE"] = None
        options.update(
            {
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": (
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
                    "PRAGMA foreign_keys=ON; PRAGMA cache_size=-65536; PRAGMA mmap_size=268435456"
                ),
            }
        )
        return config
    if engine == "django.db.backends.postgresql":
        pool = str(options.pop("pool", "")).lower() in {"1", "true", "yes", "on"}
        if pool:
            options["pool"] = {"min_size": 1, "max_size": 16, "timeout": 10}
        else:
            config.setdefault("CONN_MAX_AGE", 60)
            config["CONN_HEALTH_CHECKS"] = True
        return config
    raise ImproperlyConfigured("DATABASE_URL must name SQLite or PostgreSQL.")


def _port(env: environ.Env, name: str, *, default: int) -> int:
    """Returns the TCP port that a variable names."""
    text = env.str(name, default="") or str(default)
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= 65535:  # noqa: PLR2004
        raise ImproperlyConfigured(f"{name} must be a number from 1 to 65535.")
    return int(text)


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
    config: dict[str, Any] = env.cache("CACHE_URL", default="locmemcache://rejoinder")
    if config["BACKEND"] not in {
        "django.core.cache.backends.locmem.LocMemCache",
        "django.core.cache.backends.redis.RedisCache",
    }:
        raise ImproperlyConfigured("CACHE_URL must be locmemcache:// or redis://.")
    config.setdefault("KEY_PREFIX", "rejoinder")
    return config
