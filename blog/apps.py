"""The blog's entry in ``INSTALLED_APPS``."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class BlogConfig(AppConfig):
    """The site, its posts and their pages."""

    name = "blog"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Names the site of a new installation once ``migrate`` has made it."""
        from blog.naming import name_migrated_site

        post_migrate.connect(name_migrated_site, sender=self)
