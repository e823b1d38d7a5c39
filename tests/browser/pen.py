"""How a test writes: the form and what is said about it, wherever the thread is shown."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from comments.models import Comment
from tests.browser.asking import asked_in_a_thread


def stored() -> list[str]:
    """Returns the texts of all comments, in order of time."""
    return asked_in_a_thread(
        lambda: list(Comment.objects.order_by("pk").values_list("source", flat=True))
    )


def stored_visible() -> int:
    """Returns how many comments can be read."""
    return asked_in_a_thread(lambda: Comment.objects.filter(visible=True).count())


def text_of(page: Page) -> Any:
    """Returns the field for the text."""
    return page.locator("#reply textarea[name=source]")


def write(page: Page, text: str, *, name: str = "Cy") -> None:
    """Fills in the form."""
    page.locator("#reply input[name=name]").fill(name)
    text_of(page).fill(text)


def press(page: Page, name: str) -> None:
    """Presses a button of the form."""
    page.locator("#reply").get_by_role("button", name=name, exact=True).click()


def reply_to(page: Page, number: int) -> None:
    """Opens the form below a comment."""
    page.locator(f"#comment-{number} [data-do=reply]").click()


def said(page: Page) -> Any:
    """Returns the region in which scripts say what happened."""
    return page.locator(".says[aria-live=polite]")


def warned(page: Page) -> Any:
    """Returns the region in which scripts say what went wrong."""
    return page.locator(".says[aria-live=assertive]")


def events_of(page: Page) -> Any:
    """Has the host's page note what the component tells it."""
    page.evaluate(
        """() => {
          window.told = [];
          for (const name of ["posted", "held", "edited", "deleted"])
            document.addEventListener(`comment-thread-${name}`, (event) =>
              window.told.push([name, event.detail.number]));
        }"""
    )
