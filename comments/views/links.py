"""Addresses on the page of a thread, and the links to comments inside rendered texts.

The renderer links ``#7`` to ``#comment-7``, which leads somewhere only where comment 7 is on the
same page. Wherever a text is shown without it, the link is given the address of its own page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from urllib.parse import quote, quote_plus

from django.http import HttpRequest, QueryDict
from django.utils.encoding import escape_uri_path
from django.utils.html import escape
from django.utils.http import escape_leading_slashes

PAGE_SIZE = 50
"""A thread of so many comments is shown whole, on one page; of a longer one, trees are cut."""

OURS = ("comment", "reply_to", "edit", "delete", "cursor", "sort", "done")
"""Parameters that say what of a thread is shown; any other belongs to the host's page."""

# The renderer alone writes this: in a text "<" is escaped, in an attribute the quotes are.
_LINK = re.compile(r'(<a (?:class="mention" )?href=)"#comment-(\d{1,18})"')


@dataclass(frozen=True, slots=True)
class Place:
    """The page of a thread as it was asked for: its path, and the parameters of the host."""

    path: str
    kept: QueryDict
    last_number: int
    is_elsewhere: bool = False
    """The address that was asked for is not the page's: addresses are whole."""

    def with_(self, fragment: str = "", **ours: object) -> str:
        """Returns an address of this page, relative to it, with these parameters of ours."""
        # Written out: a page asks for five of these for each comment.
        said = [
            f"{name}={value if isinstance(value, int) else quote_plus(str(value))}"
            for name, value in ours.items()
            if value is not None
        ]
        if self.kept:
            kept = self.kept.copy()
            for name in (name for name, value in ours.items() if value is not None):
                kept.pop(name, None)
            said = [kept.urlencode(), *said] if kept else said
        text = f"?{'&'.join(said)}" if said else self.path
        if said and self.is_elsewhere:
            text = f"{self.path}{text}"
        return f"{text}#{fragment}" if fragment else text

    def saying(self, done: str) -> Place:
        """Returns the same place, whose addresses say what was done; ``""`` for nothing."""
        if not done:
            return self
        kept = self.kept.copy()
        kept["done"] = done
        return replace(self, kept=kept)

    def of_comment(self, number: int) -> str:
        """Returns the address of a comment, whichever page of the thread holds it."""
        if self.last_number <= PAGE_SIZE:
            return self.with_(f"comment-{number}")
        return self.with_(f"comment-{number}", comment=number)


def feed_path(key: str) -> str:
    """Returns the address of a thread's Atom feed, without origin."""
    return f"/threads/{quote(key)}/feed.atom"


def place_of(request: HttpRequest, *, last_number: int) -> Place:
    """Returns where on the page of a thread a request asks for something."""
    kept = request.GET.copy()
    for name in OURS:
        kept.pop(name, None)
    path = escape_leading_slashes(escape_uri_path(request.path))
    return Place(path, kept, last_number)


def place_on(page: str, *, last_number: int) -> Place:
    """Returns the page of a thread for a text that is shown elsewhere.

    Args:
        page: its absolute address.
    """
    path, _, query = page.partition("?")
    return Place(path, QueryDict(query, mutable=True), last_number, is_elsewhere=True)


def relinked(html: str, *, address_of: Callable[[int], str], here: Container[int] = ()) -> str:
    """Returns rendered HTML whose links to comments lead to them from where it is shown.

    Args:
        address_of: from a number to an address.
        here: numbers that are on the same page, whose links stay.
    """

    def address(found: re.Match[str]) -> str:
        number = int(found[2])
        return found[0] if number in here else f'{found[1]}"{escape(address_of(number))}"'

    return _LINK.sub(address, html)


def page_address(page: str, number: int, *, last_number: int) -> str:
    """Returns the address of a comment from anywhere, whichever page of the thread holds it."""
    if last_number <= PAGE_SIZE:
        return f"{page}#comment-{number}"
    join = "&" if "?" in page else "?"
    return f"{page}{join}comment={number}#comment-{number}"
