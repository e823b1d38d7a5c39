"""``manage.py make_api_token``: a token by which a program acts for a user."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.sites.models import Site
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from comments.actions.signing_in import SCOPES, make_api_token


class Command(BaseCommand):
    """Makes an API token and prints it, the only time that it can be seen."""

    help = "Makes an API token for a user and prints it once; only its digest is stored."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares whose token, what it may do, and for how long."""
        parser.add_argument("username")
        parser.add_argument(
            "--scope",
            action="append",
            choices=SCOPES,
            required=True,
            help="what it may do; once for each, none implies another",
        )
        parser.add_argument("--label", default="", help="what it is for, as the admin shows it")
        parser.add_argument("--days", type=int, help="expires after so many (default: never)")
        parser.add_argument("--site", type=int, default=1, help="id of the site (default 1)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints the token, and nothing else to the standard output.

        Raises:
            CommandError: there is no such user or site, or an option is out of range.
        """
        users = get_user_model()
        user = users._default_manager.filter(
            **{users.USERNAME_FIELD: options["username"], "is_active": True}
        ).first()
        if user is None:
            raise CommandError(f"There is no active user {options['username']!r}.")
        if not Site.objects.filter(pk=options["site"]).exists():
            raise CommandError(f"There is no site {options['site']}.")
        days = options["days"]
        if days is not None and days < 1:
            raise CommandError("A token is valid for one day or more.")
        now = timezone.now()
        token = make_api_token(
            site_id=options["site"],
            user=user,
            label=options["label"][:80],
            scopes=options["scope"],
            now=now,
            expires_at=now + timedelta(days=days) if days else None,
        )
        self.stdout.write(token)
        self.stderr.write("Keep it: it is shown this once.")
