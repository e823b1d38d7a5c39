"""One Chromium for all tests of a process: each test has profiles of its own in it.

Starting one takes as long as most tests do. While it runs, Playwright keeps an event loop in this
thread, beside which Django refuses queries; nothing here is asynchronous, so it is told not to.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Playwright, sync_playwright

ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]

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
