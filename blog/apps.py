"""The blog's entry in ``INSTALLED_APPS``."""

from django.apps import AppConfig


class BlogConfig(AppConfig):
    """The site, its posts and their pages."""

    name = "blog"
    default_auto_field = "django.db.models.BigAutoField"
