"""Requests that a page makes and that are held back, so that what happens meanwhile can be seen."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, Route


def hold(page: Page, address: Any, method: str = "GET") -> list[Route]:
    """Holds requests back; returns those that are.

    Args:
        address: a glob, or a regular expression.
    """
    held: list[Route] = []

    def take(route: Route) -> None:
        if route.request.method == method:
            held.append(route)
        else:
            route.fallback()

    page.route(address, take)
    return held


def first_of(page: Page, held: list[Route]) -> Route:
    """Returns the first request that is held back, once there is one."""
    for _ in range(500):
        if held:
            break
        page.wait_for_timeout(20)
    return held.pop(0)


def let_go(page: Page, held: list[Route]) -> None:
    """Lets requests through, and those that come."""
    for route in held:
        route.continue_()
    page.unroute_all()
