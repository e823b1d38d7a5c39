"""``manage.py check_digests``: proves on the tables what subscribers were promised."""

from __future__ import annotations

from typing import Any

from django.contrib.sites.models import Site
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from comments.actions.checking_digests import check_digests
from comments.actions.checking_mails import Report


class Command(BaseCommand):
    """``manage.py check_digests``."""

    help = "Looks whether each subscriber got each thing once; names what is wrong, exits with 1."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares the site."""
        parser.add_argument("--site", type=int, help="only the site of this id (default: all)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints a line for each thing that is wrong.

        Raises:
            CommandError: something is, or there is no such site.
        """
        sites = Site.objects.order_by("pk")
        if options["site"] is not None:
            sites = sites.filter(pk=options["site"])
            if not sites.exists():
                raise CommandError(f"There is no site {options['site']}.")
        report, wrong = Report(), 0
        for site in sites:
            for line in check_digests(site_id=site.pk, report=report, now=timezone.now()):
                self.stdout.write(line)
                wrong += 1
        looked = f"{report.deliveries:,} deliveries of {report.subscribers:,} subscribers"
        if wrong:
            raise CommandError(f"{wrong} wrong among {looked}.")
        self.stdout.write(f"In order: {looked}.")
