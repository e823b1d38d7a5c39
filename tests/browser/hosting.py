"""A host's page with the thread of the site: opened, heard of, signed in to."""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import jwt
from django.contrib.sites.models import Site
from django.utils import timezone
from playwright.sync_api import Page, expect

from comments.models import Thread
from tests.browser.browsers import Opener
from tests.browser.browsers import opener as opener_at
from tests.browser.embedding import Elsewhere, allow
from tests.browser.places import make_post
from tests.making import post

SECRET = "a-secret-of-the-host-that-is-long-enough"
REFUSED = ("Failed to load resource", "blocked by CORS policy")
"""What Chromium logs of each answer that is a refusal, whoever handles it."""

ADVISED = (*REFUSED, "<comment-")
"""The same where an element says on the console what its host's developer can mend."""


def talk_elsewhere(site: Site, elsewhere: Elsewhere) -> Thread:
    """Returns a thread of three comments, which the other origin may show, and does."""
    thread = make_post(site, "talk")
    post(thread, "First.", name="Ana")
    post(thread, "I agree with #1.", name="Bo", to=1)
    post(thread, "שלום לכולם", name="Cy")
    allow(elsewhere.origin, jwt_algorithm="HS256", jwt_key=SECRET)
    elsewhere.body = elsewhere.thread("talk")
    return thread


def opener(
    path: str, elsewhere: Elsewhere, *, usual: Collection[str] | None = None
) -> AbstractContextManager[Opener]:
    """Gives a function that opens the page in a fresh profile; complaints fail the test."""
    return opener_at(path, elsewhere.origin, usual=usual or REFUSED)


def heard_of(page: Page, name: str) -> list[Any]:
    """Returns what the host's page heard under a name."""
    return [detail for kind, detail in page.evaluate("heard") if kind == f"comment-thread-{name}"]


def wait_to_hear(page: Page, names: str) -> None:
    """Waits until the page has heard of something; its policy forbids to wait by a string."""
    expect(page.locator("body")).to_have_attribute("data-heard", re.compile(names))


def token(**claims: Any) -> str:
    """Returns a token of the host for its own user."""
    told = {
        "sub": "u-1",
        "name": "Hana",
        "jti": "one",
        "exp": timezone.now() + timedelta(minutes=5),
    }
    return jwt.encode({**told, **claims}, SECRET, algorithm="HS256")
