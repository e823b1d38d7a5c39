"""What would hurt in production and lies in the environment: ``manage.py check --deploy``.

The application has checks of its own (``comments/checks.py``), and so has Django.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.contrib.sites.models import Site
from django.core import checks
from django.core.cache import cache
from django.core.checks import CheckMessage
from django.http.request import validate_host

from blog.env import read_environment
from comments.checks import asked

NO_KEY = "blog.E001"
NO_SITE = "blog.E002"
FOREIGN_HOST = "blog.E003"
NO_FOLDER = "blog.E004"
REDIRECT_LOOP = "blog.W001"
ANY_HOST = "blog.W002"
NO_CACHE = "blog.W003"


def register_checks() -> None:
    """Registers the checks, which run with ``--deploy`` alone."""
    for check in (check_key, check_hosts, check_site, check_folders, check_cache):
        checks.register(check, deploy=True)


def check_key(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Returns an error if the next process would not know what this one signs."""
    if read_environment().secret_key_is_set:
        return []
    hint = "`serve` does not begin without it. Fifty random letters or more, the same for all."
    return [checks.Error("SECRET_KEY is not set.", hint=hint, id=NO_KEY)]


def check_hosts(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> Iterator[CheckMessage]:
    """Yields what is wrong with the names that requests may come by."""
    environment = read_environment()
    host = urlsplit(environment.site_url).hostname or ""
    if "*" in environment.allowed_hosts:
        yield checks.Warning(
            "ALLOWED_HOSTS allows every name.",
            hint="Whoever asks by a name of his own gets pages with links there. Name your hosts.",
            id=ANY_HOST,
        )
    elif not validate_host(host, environment.allowed_hosts):
        yield checks.Error(
            f"ALLOWED_HOSTS refuses {host}, the host of SITE_URL.",
            hint="No link in a mail or a feed would work. Add it there.",
            id=FOREIGN_HOST,
        )
    if environment.ssl_redirect and not environment.trusted_proxies:
        yield checks.Warning(
            "SSL_REDIRECT is on, and TRUSTED_PROXIES is 0.",
            hint="What a proxy says of https is ignored then, so that a browser that came by it is "
            "sent there again and again. Set it to the number of your proxies.",
            id=REDIRECT_LOOP,
        )


def check_site(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Returns an error if ``SITE_ID`` names none; nothing without a database that can be asked."""
    number = read_environment().site_id
    sites = {site.pk for site in asked(Site.objects.all())}
    if number is None or not sites or number in sites:
        return []
    hint = "Every page would be refused. The admin lists them, below Sites."
    return [checks.Error(f"There is no site {number}, as SITE_ID has it.", hint=hint, id=NO_SITE)]


def check_folders(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> Iterator[CheckMessage]:
    """Yields an error for each folder that this user cannot write to."""
    environment = read_environment()
    folders = {"METRICS_DIR": environment.metrics_dir} if environment.metrics_token else {}
    if not environment.email_host:
        folders["OUTBOX_DIR"] = environment.outbox_dir
    for name, folder in folders.items():
        if not _is_writable(folder):
            yield checks.Error(
                f"{name}, {folder}, cannot be written to.",
                hint="It must belong to the user that the server runs as.",
                id=NO_FOLDER,
            )


def _is_writable(folder: Path) -> bool:
    """Returns whether files can be made there; what is not there yet is made with its parents."""
    there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def check_cache(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Returns a warning if the Redis of ``CACHE_URL`` does not answer."""
    cache.set(f"check-{token_hex(8)}", 1, timeout=1)
    if not getattr(cache, "is_away", False):
        return []
    hint = "Each process counts limits for itself until it does."
    return [checks.Warning("The Redis of CACHE_URL does not answer.", hint=hint, id=NO_CACHE)]
