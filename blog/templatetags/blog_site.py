"""What every page of the blog says of the site, the pages of failures included."""

from __future__ import annotations

from django import template
from django.conf import settings

from comments.views.feed_formats import one_line as in_one_line

register = template.Library()

LOCALES = {"en": "en_US", "he": "he_IL", "de": "de_DE", "ru": "ru_RU"}
"""Open Graph names a language with a country; those are where most of its readers are."""


@register.simple_tag
def site_name() -> str:
    """Returns the name of the site, from the environment."""
    return str(settings.ENVIRONMENT.site_name)


@register.filter
def one_line(text: str) -> str:
    """Returns a text for a line that others show: without line ends, and nothing reorders it."""
    return in_one_line(text)


@register.filter
def og_locale(language: str) -> str:
    """Returns a language as Open Graph writes it, as ``en_US``."""
    return LOCALES.get(language, language.replace("-", "_"))
