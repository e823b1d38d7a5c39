"""``manage.py subscription_status``: whether an address gets mail."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.sites.models import Site
from django.core.management.base import BaseCommand, CommandError, CommandParser

from comments.queries.subscribers import subscription_status
from comments.rules.subscribing import mail_address


class Command(BaseCommand):
    """``manage.py subscription_status``."""

    help = "Prints active, pending, unsubscribed, bounced or unknown."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares the address and the site."""
        parser.add_argument("address")
        parser.add_argument("--site", type=int, help="id; by default that of SITE_ID, else all")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints one word, or one line for each site where there are several.

        Raises:
            CommandError: it is no address, so nobody could be subscribed with it.
        """
        try:
            mail_address(options["address"])
        except ValueError as error:
            raise CommandError(f"{options['address']!r} is no address: {error}.") from None
        wanted = options["site"] or getattr(settings, "SITE_ID", None)
        sites = Site.objects.filter(pk=wanted) if wanted else Site.objects.order_by("pk")
        for site in sites:
            status = subscription_status(options["address"], site_id=site.pk)
            self.stdout.write(status if len(sites) == 1 else f"{site.domain} {status}")
