"""``manage.py moderation_report``: precision and recall of each rule and of the learned score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.sites.models import Site
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from comments.queries.report import FEW, report


class Command(BaseCommand):
    """Prints the figures; changes nothing."""

    help = (
        "Precision and recall of each rule and of the learned score, without bias: from decisions "
        "about comments that were drawn by lot (AUDIT_SHARE)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares the site and the days."""
        parser.add_argument("--site", type=int, help="its id; without it, every site")
        parser.add_argument("--days", type=int, default=30, help="to look back (default 30)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints one table for each site.

        Raises:
            CommandError: there is no such site, or no such number of days.
        """
        if not 1 <= options["days"] <= 36_500:  # noqa: PLR2004
            raise CommandError("--days is a number from 1 on.")
        sites = Site.objects.order_by("pk")
        if options["site"] is not None:
            sites = sites.filter(pk=options["site"])
        if not sites:
            raise CommandError("There is no such site.")
        for site in sites:
            found = report(site_id=site.pk, now=timezone.now(), days=options["days"])
            self._print(site, found)

    def _print(self, site: Site, found: dict[str, Any]) -> None:
        say = self.stdout.write
        drawn = found["drawn"]
        say(f"{site.domain}, last {found['days']} days: {found['decided']} texts decided about.")
        say(f"Drawn by lot: {drawn['of']}, of which refused: {_share(drawn)}.")
        if found["few"]:
            say(f"Fewer than {FEW} of those drawn were refused, so recall is hardly known.")
        rows = [
            (
                line["rule"],
                line["mode"],
                _share(line["precision"]),
                _share(line["recall"]),
                _share(line["seen"]),
            )
            for line in found["rules"]
        ]
        model = found["model"]
        if model is not None:
            said = (
                "no threshold" if model["threshold"] is None else f"from {model['threshold']:.3f}"
            )
            rows.append(
                ("learned score", said, _share(model["precision"]), _share(model["recall"]), "")
            )
        head = ("rule", "mode", "precision", "recall", "precision of all decided")
        for line in _table([head, *rows]):
            say(line)
        if model is not None:
            average = model["average_precision"]
            said = "not known" if average is None else f"{average:.3f}"
            say(
                f"Learned from {model['decisions']} decisions; average precision over "
                f"{model['scored']} scored texts that were drawn: {said}."
            )


def _share(found: dict[str, Any]) -> str:
    """Returns a share with its interval and counts."""
    if found["share"] is None:
        return "–"
    return (
        f"{found['share']:.3f} ({found['low']:.3f}–{found['high']:.3f}) "
        f"{found['count']}/{found['of']}"
    )


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Returns the rows in columns."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
