"""The site and the sessions of two moderators, for the tests in Chromium."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.contrib.sites.models import Site
from django.core.signals import request_finished, request_started
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from blog.importing import digest_of, import_document
from blog.seed import decode_document, parse_document
from comments.models import Thread
from tests.browser.embedding import Elsewhere, page_elsewhere
from tests.browser.places import make_talk
from tests.conftest import ROOT
from tests.making import make_moderator, post

LONGEST_ANSWER = 20  # seconds
QUIET_FOR = 3  # looks, 10 ms apart


@pytest.fixture(autouse=True)
def _no_answer_under_way(request: pytest.FixtureRequest) -> Iterator[None]:
    """Waits after a test until the server has answered whatever a closed page still asked.

    A request that meets the emptying of the tables fails it, and writes into the next test.
    """
    if "live_server" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("transactional_db")  # emptied after this fixture's end
    under_way: list[None] = []

    def starts(**_: object) -> None:
        under_way.append(None)

    def ends(**_: object) -> None:
        if under_way:  # else it began before this test
            under_way.pop()

    request_started.connect(starts)
    request_finished.connect(ends)
    yield
    latest = time.monotonic() + LONGEST_ANSWER
    quiet = 0
    while quiet < QUIET_FOR:
        assert time.monotonic() < latest, "a request is still being answered"
        quiet = 0 if under_way else quiet + 1
        time.sleep(0.01)
    request_started.disconnect(starts)
    request_finished.disconnect(ends)


@pytest.fixture
def site(live_server: LiveServer) -> Site:
    """Returns the site, which goes when the database is emptied between tests."""
    found, _ = Site.objects.get_or_create(pk=1, defaults={"domain": "x", "name": "x"})
    return found


@pytest.fixture
def customers_post(site: Site) -> None:
    """Imports the customer's post into the database that the server reads."""
    data = (ROOT / "fixtures" / "israpundit.txt").read_bytes()
    document = parse_document(decode_document(data))
    import_document(site=site, document=document, digest=digest_of(data))


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


@pytest.fixture
def elsewhere(live_server: LiveServer) -> Iterator[Elsewhere]:
    """Returns a page on another origin."""
    with page_elsewhere(live_server.url) as page:
        yield page
