"""The page of a thread as all see it whom nobody knows.

It is the same for all of them, but for the token against forged requests, the keys of its forms and
the time they were shown. Those have the same length each time and are found by their value, which
nobody can guess and so nobody can have written.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template.loader import render_to_string

from comments.actions.voting import votes_show_at
from comments.queries.statements import Question
from comments.queries.threads import ThreadHead
from comments.views.answers import PublicAnswer, Standing
from comments.views.forms import new_key, opened_at
from comments.views.showing import Showing

PLACES = {"cursor", "sort", "comment"}
"""Parameters that say which comments are shown, and nothing else."""


class StrangersPage(PublicAnswer):
    """A page as all see it whom nobody knows; ``own`` are the values of this request in it.

    As ``own_values`` has them, empty where the page has no such form.
    """

    own: Sequence[str] = ()


def strangers_page(
    request: HttpRequest,
    template_name: str,
    context: dict[str, Any],
    *,
    head: ThreadHead,
    showing: Showing,
    question: Question,
) -> StrangersPage:
    """Returns the page; it stands as long as the question is answered alike.

    Args:
        question: asked before anything of the page was read.
    """
    token = get_token(request)
    page = render_to_string(template_name, {**context, "csrf_token": token}, request)
    answer = StrangersPage(page)
    until = votes_show_at(changed_at=head.changed_at) if head.votes_changed else None
    answer.standing = Standing(question, until=until)
    form, subscribe = showing.form, showing.subscribe
    answer.own = [
        token,
        form.opened if form is not None else "",
        form.key if form is not None else "",
        subscribe.key if subscribe is not None else "",
    ]
    return answer


def own_values(request: HttpRequest, *, now: datetime) -> list[str]:
    """Returns new values for a page: the CSRF token, when it was shown, the keys of two forms."""
    return [get_token(request), opened_at(now), new_key(), new_key()]


Cuts = Sequence[tuple[int, int, int]]
"""Where a page has values of its own, in order: beginning, end, and which of ``own_values``."""


def cuts_of(page: bytes, values: Sequence[str]) -> Cuts:
    """Returns where these values, in the order of ``own_values``, stand in a page."""
    found = []
    for which, value in enumerate(values):
        sought = value.encode()
        at = page.find(sought) if sought else -1
        while at >= 0:
            found.append((at, at + len(sought), which))
            at = page.find(sought, at + len(sought))
    return sorted(found)


def with_values(page: bytes, cuts: Cuts, values: Sequence[str]) -> bytes:
    """Returns a page with other values in place of those that it was made with."""
    whole, end = memoryview(page), 0
    pieces: list[bytes | memoryview] = []
    for begins, ends, which in cuts:
        pieces += [whole[end:begins], values[which].encode()]
        end = ends
    return b"".join([*pieces, whole[end:]])
