"""The comment system's entry in ``INSTALLED_APPS``."""

from django.apps import AppConfig


class CommentsConfig(AppConfig):
    """Threads of numbered comments: any Django project can install this app."""

    name = "comments"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listens to what mail providers tell; registers what ``check --deploy`` says."""
        from comments.checks import register_checks
        from comments.views.bounces import listen

        listen()
        register_checks()
