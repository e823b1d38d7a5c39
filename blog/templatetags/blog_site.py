"""What every page of the blog says of the site, the pages of failures included."""

from __future__ import annotations

from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def site_name() -> str:
    """Returns the name of the site, from the environment."""
    return str(settings.ENVIRONMENT.site_name)
