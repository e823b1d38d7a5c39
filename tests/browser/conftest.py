"""The site and the sessions of two moderators, for the tests in Chromium."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.sites.models import Site
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from comments.models import Thread
from tests.browser.places import make_talk
from tests.making import make_moderator, post


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


@pytest.fixture
def talk(site: Site) -> Thread:
    """Returns a post's thread with a comment of Ana's and Bo's reply."""
    thread = make_talk(site)
    post(thread, "Rivers run to the sea.", name="Ana Müller")
    post(thread, "Second thoughts.", name="Bo", to=1)
    return thread
