"""The rows of a thread in a template of Django's."""

from __future__ import annotations

from typing import Any

from django import template
from django.template.loader import get_template
from django.utils.safestring import mark_safe

from comments.views.markup import Include, row_html, rows_html
from comments.views.rows import Row

register = template.Library()


@register.simple_tag(takes_context=True)
def thread_rows(context: template.RequestContext) -> str:
    """Returns the comments of ``thread``."""
    return rows_html(context["thread"], included=_include(context))


@register.simple_tag(takes_context=True)
def thread_row(context: template.RequestContext, row: Row) -> str:
    """Returns one comment of ``thread``."""
    return row_html(context["thread"], row, included=_include(context))


def _include(context: template.RequestContext) -> Include:
    def included(name: str, row: Row) -> str:
        found: Any = get_template(name)
        with context.push(row=row):
            html: str = mark_safe(found.template.render(context))
            return html

    return included
