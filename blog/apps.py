"""The blog's entry in ``INSTALLED_APPS``."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class BlogConfig(AppConfig):
    """The site, its posts and their pages."""

    name = "blog"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Registers checks, and names the site of a new installation once ``migrate`` made it."""
        from blog.checks import register_checks
        from blog.naming import name_migrated_site

        register_checks()
        post_migrate.connect(name_migrated_site, sender=self)
