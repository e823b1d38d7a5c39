"""A thread and its forms in a template of Django's: what ``comments/views/markup.py`` prints."""

from __future__ import annotations

from typing import Any

from django import forms, template
from django.template.defaulttags import CsrfTokenNode

from comments.views.markup import errors_html, field_html, subscribe_html, thread_html

register = template.Library()


@register.simple_tag(takes_context=True)
def thread_section(context: template.RequestContext) -> str:
    """Returns ``thread`` with its header, its comments and the form for another one."""
    return thread_html(context["thread"], csrf=_csrf(context))


@register.simple_tag(takes_context=True)
def thread_subscribe(context: template.RequestContext) -> str:
    """Returns the form to subscribe to what is said in ``thread``."""
    return subscribe_html(context["thread"], csrf=_csrf(context))


@register.simple_tag
def form_errors(form: forms.BaseForm) -> str:
    """Returns what is wrong with a form, above its fields."""
    return errors_html(form)


@register.simple_tag
def form_field(field: forms.BoundField) -> str:
    """Returns a field with its label, and what is said of it."""
    return field_html(field)


def _csrf(context: template.RequestContext) -> str:
    """Returns the hidden field with the token of the page."""
    html: Any = CsrfTokenNode().render(context)
    return str(html)
