"""A thread and its forms as HTML: by Jinja, which takes a fifth of the time of Django's templates.

Only what stands around them is printed by Django's templates, which have this by the tags of
``comments/templatetags/comment_thread.py``. The words are in the templates as in those of Django,
by ``{% translate %}``; a sentence with values is ``_('…') % {…}``, which escapes the values.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from django.forms import BaseForm, BoundField
from django.template.utils import get_app_template_dirs
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from comments.language import current_language, direction
from comments.views.compiling import Compiler, Translate
from comments.views.showing import ThreadView


def thread_html(thread: ThreadView, *, csrf: str = "") -> str:
    """Returns a thread with its header, its comments and the form for another one.

    Args:
        csrf: the field that a form of the page is sent with, as HTML.
    """
    return _page("section", thread, csrf=csrf)


def subscribe_html(thread: ThreadView, *, csrf: str = "") -> str:
    """Returns the form to subscribe, as ``thread_html`` does the thread."""
    return _page("subscribe", thread, csrf=csrf)


def rows_html(thread: ThreadView) -> str:
    """Returns the rows alone, as a list."""
    return _page("rows", thread)


def errors_html(form: BaseForm) -> str:
    """Returns what is wrong with a form, above its fields."""
    fields: Any = _template("fields").module
    return mark_safe(str(fields.errors(form)))


def field_html(field: BoundField) -> str:
    """Returns a field with its label, and what is said of it."""
    fields: Any = _template("fields").module
    return mark_safe(str(fields.field(field)))


def _page(name: str, thread: ThreadView, *, csrf: str = "") -> str:
    return mark_safe(_template(name).render(thread=thread, csrf=mark_safe(csrf)))


def _template(name: str) -> Template:
    return _environment(current_language()).get_template(f"comments/{name}.html")


@cache
def _environment(language: str) -> Environment:
    """Returns the templates in a language, which is the one that is spoken now.

    They are looked for in the apps in their order, so that a project's app that stands before
    ``comments`` may have its own.
    """
    environment = Compiler(
        loader=FileSystemLoader(get_app_template_dirs("jinja2")),
        autoescape=True,
        auto_reload=settings.DEBUG,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        extensions=[Translate],
    )
    words = {"_": _said, "language": language, "direction": direction()}
    environment.globals.update(words)
    return environment


def _said(text: str) -> Markup:
    """Returns a sentence, in which there may be elements; into it only what is escaped comes."""
    return Markup(gettext(text))  # noqa: S704
