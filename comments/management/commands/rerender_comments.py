"""``manage.py rerender_comments``: stored HTML follows the renderer after it has changed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from comments.actions.rerendering import Rerendered, rerender_comments
from comments.models import Thread


class Command(BaseCommand):
    """Renders comments of an older renderer again, from their source."""

    help = "Renders comments of an older renderer again; can be broken off and run again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares which comments, and how many in one transaction."""
        parser.add_argument("--all", action="store_true", help="those of this renderer too")
        parser.add_argument("--key", help="only the thread of this key (default: all)")
        parser.add_argument("--site", type=int, help="only threads of the site of this id")
        parser.add_argument("--batch", type=int, default=200, help="comments at once (200)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Renders, batch after batch.

        Raises:
            CommandError: there is no such thread, or a text could not be rendered and stays.
        """
        if options["batch"] < 1:
            raise CommandError("A batch has one comment or more.")
        named = {"key": options["key"], "site_id": options["site"]}
        named = {field: value for field, value in named.items() if value is not None}
        thread_ids = None
        if named:
            thread_ids = list(Thread.objects.filter(**named).values_list("pk", flat=True))
            if not thread_ids:
                raise CommandError("There is no such thread.")
        outcome = rerender_comments(
            everything=options["all"],
            thread_ids=thread_ids,
            at_once=options["batch"],
            clock=timezone.now,
            progress=self._show if self.stdout.isatty() else lambda _: None,
        )
        self.stdout.write(f"{outcome.seen} comments rendered, {outcome.changed} changed.")
        if outcome.kept:
            raise CommandError(f"{outcome.kept} could not be rendered and stay as they were.")

    def _show(self, outcome: Rerendered) -> None:
        """Keeps one line of a terminal at how far it is."""
        self.stdout.write(f"\r{outcome.seen} rendered, {outcome.changed} changed\r", ending="")
        self.stdout.flush()
