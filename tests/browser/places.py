"""Where a thread is read and written: on the blog's own page, and on a page of another origin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.sites.models import Site
from playwright.sync_api import BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from blog.models import Post
from blog.publishing import save_post
from comments.models import Thread, ThreadState
from tests.browser.browsers import browser_of, new_page
from tests.browser.embedding import allow, page_elsewhere
from tests.making import NOW

KEY = "talk"
TALK = f"/posts/{KEY}/"
CUSTOMERS = "/posts/russia-and-the-new-me-part-iv/"
"""The customer's post (``customers_post``)."""
OWN, ELSEWHERE = "own", "elsewhere"

LIGHT_OR_DARK = '<meta name="color-scheme" content="light dark">'
"""How a host's page says that it follows its reader; one that says nothing is light."""

both_places = pytest.mark.parametrize("place", [OWN, ELSEWHERE])

Visit = Callable[..., Page]


def make_post(site: Site, slug: str, *, premoderation: bool = False) -> Thread:
    """Returns the thread of a new post."""
    made = Post(site=site, slug=slug, title=slug, body="<p>Text.</p>", published_on=NOW.date())
    save_post(made, state=ThreadState.OPEN, premoderation=premoderation, now=NOW)
    return made.thread


def make_talk(site: Site, *, premoderation: bool = False) -> Thread:
    """Returns the thread of the post that ``visitor`` opens."""
    return make_post(site, KEY, premoderation=premoderation)


@contextmanager
def visitor(
    chromium: str,
    live_server: LiveServer,
    place: str,
    *,
    attributes: str = "",
    lang: str = "en",
    **site: Any,
) -> Iterator[Visit]:
    """Gives a function that opens the thread at a place, in a fresh profile or in that of ``by``.

    What a page complains about in its console, breaks off at, or violates of its policy fails the
    test when it ends. An answer that refuses something, or that never came, is logged by Chromium
    too, and is no complaint.

    Args:
        attributes: of the component.
        lang: of the host's page.
        site: further settings of the site.
    """
    complaints: list[str] = []

    with page_elsewhere(live_server.url) as elsewhere:
        elsewhere.lang = lang
        elsewhere.head = LIGHT_OR_DARK
        elsewhere.body = elsewhere.thread(KEY, attributes)
        allow(elsewhere.origin, **site)
        own = f"{live_server.url}{TALK}"
        address = own if place == OWN else f"{elsewhere.origin}/"
        with browser_of(chromium) as browser:

            def visit(*, by: BrowserContext | None = None, **options: Any) -> Page:
                page = new_page(by or browser, complaints, **options)
                page.goto(address)
                # For axe, which takes a ground that no element has for white.
                page.evaluate("document.body.style.backgroundColor ||= 'canvas'")
                page.locator("#reply .cancel").wait_for(state="attached")
                return page

            yield visit
    assert complaints == []
