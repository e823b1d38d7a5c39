"""One Chromium for all tests of a process: each test has profiles of its own in it.

Starting one takes as long as most tests do. While it runs, Playwright keeps an event loop in this
thread, beside which Django refuses queries; nothing here is asynchronous, so it is told not to.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}
WINDOWS = pytest.mark.parametrize("window", [PHONE, DESK], ids=["phone", "desk"])

USUAL = ("Failed to load resource",)
"""What Chromium logs of a page, or of an answer, that was asked for with a status of refusal."""

Opener = Callable[..., Page]

_running: list[tuple[Playwright, Browser]] = []


@contextmanager
def browser_of(path: str) -> Iterator[Browser]:
    """Gives the browser; the profiles that are opened in it meanwhile are closed afterwards.

    Args:
        path: of Chromium.
    """
    if not _running or not _running[0][1].is_connected():
        _running[:] = [_begin(path)]
    browser = _running[0][1]
    before = set(browser.contexts)
    try:
        yield browser
    finally:
        for context in browser.contexts:
            if context not in before:
                context.close()


def _begin(path: str) -> tuple[Playwright, Browser]:
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    playwright = sync_playwright().start()
    browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
    atexit.register(_end, playwright, browser)
    return playwright, browser


def _end(playwright: Playwright, browser: Browser) -> None:
    if browser.is_connected():
        browser.close()
    playwright.stop()


def new_page(
    profile: Browser | BrowserContext,
    complaints: list[str],
    *,
    usual: Collection[str] = USUAL,
    **options: Any,
) -> Page:
    """Returns a page that notes what it complains about in its console, breaks off at, or violates
    of its policy.

    Args:
        profile: the one that it is of; of a browser, a fresh one.
        usual: what is no complaint.
    """
    if isinstance(profile, Browser):
        profile = profile.new_context(**{"viewport": DESK, **options})
    page = profile.new_page()

    def complain(text: str) -> None:
        if not any(words in text for words in usual):
            complaints.append(text)

    def heard(message: Any) -> None:
        if message.type in {"error", "warning"}:
            complain(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: complain(error.stack or str(error)))
    return page


@contextmanager
def opener(
    path: str, origin: str, *, usual: Collection[str] = USUAL, **options: Any
) -> Iterator[Opener]:
    """Gives a function that opens an address of a server in a fresh profile; complaints fail the
    test when it ends.

    Args:
        options: of each profile that is not given others.
    """
    complaints: list[str] = []
    with browser_of(path) as browser:

        def open_(address: str = "/", *, browser: Browser = browser, **more: Any) -> Page:
            page = new_page(browser, complaints, usual=usual, **{**options, **more})
            page.goto(f"{origin}{address}")
            return page

        yield open_
    assert complaints == []


def overflow(page: Page) -> int:
    """Returns by how many pixels the page is wider than the window."""
    return int(page.locator("html").evaluate("it => it.scrollWidth - it.clientWidth"))
