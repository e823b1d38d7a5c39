"""Asking the database while a browser runs.

Playwright keeps an event loop in the thread of the test, and Django refuses queries beside one.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

T = TypeVar("T")


def asked_in_a_thread(question: Callable[[], T]) -> T:
    """Returns what a function answers that asks the database, from a thread of its own."""

    def answer() -> T:
        try:
            return question()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(answer).result()
