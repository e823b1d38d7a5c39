"""The rows of a thread as HTML: by Jinja, which takes a fifth of the time of Django's templates.

A page has a hundred of them. All else is printed by Django's templates, those of the forms that
stand in a row among them: these come in by ``included``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.safestring import mark_safe
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from comments.views.rows import Row
from comments.views.showing import ThreadView

Include = Callable[[str, Row], str]
"""Returns the HTML of a template of Django's that stands in this row."""


def rows_html(thread: ThreadView, *, included: Include | None = None) -> str:
    """Returns the rows of a page, as a list.

    Args:
        included: needed where a form stands in a row.
    """
    return mark_safe(_template("rows").render(thread=thread, **_open(thread, included)))


def row_html(thread: ThreadView, row: Row, *, included: Include | None = None) -> str:
    """Returns one row, without what stands around it in a list."""
    one: Any = _template("comment").module
    return mark_safe(str(one.comment(row, **_open(thread, included))))


def _open(thread: ThreadView, included: Include | None) -> dict[str, Any]:
    """Returns which forms stand in rows."""
    showing = thread.showing
    return {
        "edit_id": showing.edit.comment_id if showing.edit is not None else None,
        "delete_id": showing.delete.pk if showing.delete is not None else None,
        "included": included,
    }


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("comments", "jinja2"),
        autoescape=True,
        auto_reload=settings.DEBUG,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )


def _template(name: str) -> Template:
    return _environment().get_template(f"comments/{name}.html")
