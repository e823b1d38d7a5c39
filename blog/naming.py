"""The name and the domain of a new installation's site, as the environment has them.

Mails, feeds and what subscribers agree to name the site as its row does, and Django makes that row
with ``example.com`` in it. Who has set ``SITE_URL`` has said what belongs there.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.apps import apps as installed
from django.apps.registry import Apps
from django.conf import settings
from django.contrib.sites.models import Site
from django.db import DEFAULT_DB_ALIAS

LONGEST_NAME = 50
BY_DJANGO = {"domain": "example.com", "name": "example.com"}


def name_new_site(*, using: str = DEFAULT_DB_ALIAS) -> None:
    """Names the site that is served, while it is called as Django calls a new one.

    What somebody has named is left alone; nothing happens where another site has the domain.
    """
    environment = settings.ENVIRONMENT
    domain = urlsplit(environment.site_url).netloc
    sites = Site._default_manager.using(using)
    if not sites.filter(domain=domain).exists():
        unnamed = sites.filter(pk=settings.SITE_ID or 1, **BY_DJANGO)
        unnamed.update(domain=domain, name=environment.site_name[:LONGEST_NAME])


def name_migrated_site(*, using: str, apps: Apps = installed, **_: Any) -> None:
    """Does it after ``migrate`` and ``flush``, where ``SITE_URL`` is set.

    Without it nobody has said what the site is called: a wrong name would look like a right one.
    """
    if settings.ENVIRONMENT.site_url_is_set and "site" in apps.all_models["sites"]:
        name_new_site(using=using)
