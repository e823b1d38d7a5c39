"""The site and the sessions of two moderators, for the tests in Chromium."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.sites.models import Site
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from tests.making import make_moderator


@pytest.fixture
def site(live_server: LiveServer) -> Site:
    """Returns the site, which goes when the database is emptied between tests."""
    found, _ = Site.objects.get_or_create(pk=1, defaults={"domain": "x", "name": "x"})
    return found


@pytest.fixture
def sessions(site: Site) -> dict[str, str]:
    """Returns the sessions of two moderators, by name."""
    made = {}
    for name in ("ida", "bo"):
        client = Client()
        client.force_login(make_moderator(name))
        made[name] = client.cookies[settings.SESSION_COOKIE_NAME].value
    return made
