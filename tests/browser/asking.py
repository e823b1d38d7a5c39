"""Asking the database while a browser runs, and having a page ask what has changed there.

Playwright keeps an event loop in the thread of the test, and Django refuses queries beside one.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import sleep
from typing import Any, TypeVar

from django.db import OperationalError, connections
from playwright.sync_api import Page

T = TypeVar("T")
TRIES = 40


def asked_in_a_thread(question: Callable[[], T]) -> T:
    """Returns what a function answers that asks the database, from a thread of its own."""

    def answer() -> T:
        tries_left = TRIES
        while True:
            try:
                return question()
            except OperationalError as error:
                # A database in memory refuses at once what another thread reads or writes.
                tries_left -= 1
                if "is locked" not in str(error) or not tries_left:
                    raise
                sleep(0.05)
            finally:
                connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(answer).result()


def until(page: Page, condition: Callable[[], Any]) -> None:
    """Returns when something is true of the other end, or of a page whose policy lets nobody
    evaluate a text, as ``wait_for_function`` does when it looks again.
    """
    for _ in range(400):
        if condition():
            return
        page.wait_for_timeout(25)
    raise AssertionError("it never came to that")


def meanwhile(page: Page, act: Callable[[], object]) -> None:
    """Does something elsewhere, and lets the page hear of it."""
    asked_in_a_thread(act)
    let_it_ask(page)


def let_it_ask(page: Page) -> None:
    """Makes a page ask what has changed, again and again: the script that does may come late."""
    page.evaluate(
        "globalThis.asking ??= setInterval(() => dispatchEvent(new Event('online')), 250)"
    )
