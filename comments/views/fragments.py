"""The thread's HTML for a script that puts it somewhere: the same templates, for nobody known.

The API answers with these where HTML is asked for. Nothing in them depends on who asks, so one
stored copy serves everybody, as with the JSON.
"""

from __future__ import annotations

from datetime import datetime

from django.http import QueryDict

from comments.errors import NotFound
from comments.queries.threads import ThreadHead
from comments.views.links import place_on
from comments.views.markup import rows_html, thread_html
from comments.views.showing import (
    Asked,
    Showing,
    ThreadView,
    comment_view,
    replies_view,
    thread_view,
)
from comments.views.viewers import Viewer


def section_html(*, head: ThreadHead, query: QueryDict, now: datetime, has_form: bool) -> str:
    """Returns a page of a thread with its header.

    Args:
        query: ``sort`` and ``cursor``, or ``comment`` for what a permalink shows.
        has_form: with the form, for a script that sends it to the API. By itself it works on the
            thread's own page alone, since only there it has a CSRF token: else a link leads there.

    Raises:
        Malformed, CursorInvalid: order or cursor are not ours.
        NotFound: nobody can reach the comment.
    """
    showing = Showing()
    view = thread_view(_asked(head, query=query, now=now, has_form=has_form), showing)
    if showing.status == NotFound.status:
        raise NotFound(showing.notice)
    return thread_html(view)


def comment_html(*, head: ThreadHead, number: int, now: datetime) -> str:
    """Returns the row of one comment, or of the tombstone that stands for it.

    Raises:
        NotFound: nobody can reach it.
    """
    return _rows(comment_view(_asked(head, now=now), number=number))


def replies_html(*, head: ThreadHead, number: int, cursor: str | None, now: datetime) -> str:
    """Returns the rows of further replies to a comment.

    Raises:
        NotFound: nobody can reach the comment.
        CursorInvalid: the cursor is of another branch.
    """
    return _rows(replies_view(_asked(head, now=now), number=number, cursor=cursor))


def _rows(view: ThreadView) -> str:
    return rows_html(view)


def _asked(
    head: ThreadHead, *, now: datetime, query: QueryDict | None = None, has_form: bool = False
) -> Asked:
    return Asked(
        head=head,
        viewer=Viewer(),
        place=place_on(head.page, last_number=head.last_number),
        query=query if query is not None else QueryDict(),
        now=now,
        is_written_here=has_form,
    )
