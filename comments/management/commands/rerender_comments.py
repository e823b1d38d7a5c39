"""``manage.py rerender_comments``: stored HTML follows the renderer after it has changed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from comments.actions.rerendering import Rerendered, comments_to_render, rerender_comments
from comments.management.progress import Progress, interrupted_by_sigterm
from comments.models import Thread


class Command(BaseCommand):
    """Renders comments of an older renderer again, from their source."""

    help = "Renders comments of an older renderer again; can be broken off and run again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares which comments, and how many in one transaction."""
        parser.add_argument("--all", action="store_true", help="those of this renderer too")
        parser.add_argument("--key", help="only the thread of this key (default: all)")
        parser.add_argument("--site", type=int, help="only threads of the site of this id")
        parser.add_argument(
            "--after", type=int, default=0, help="go on after the comment of this id"
        )
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
        waiting = comments_to_render(everything=options["all"], thread_ids=thread_ids)
        total = waiting.filter(pk__gt=options["after"]).count()
        progress = Progress(self.stdout, total=total)
        last_id = options["after"]

        def show(outcome: Rerendered) -> None:
            nonlocal last_id
            last_id = outcome.last_id
            progress(outcome.seen, place=str(last_id))

        try:
            with interrupted_by_sigterm():
                outcome = rerender_comments(
                    everything=options["all"],
                    thread_ids=thread_ids,
                    at_once=options["batch"],
                    clock=timezone.now,
                    after_id=options["after"],
                    progress=show,
                )
        except KeyboardInterrupt:
            progress.clear()
            raise CommandError(f"Broken off; go on with --after {last_id}.") from None
        progress.clear()
        self.stdout.write(f"{outcome.seen} comments rendered, {outcome.changed} changed.")
        if outcome.kept:
            raise CommandError(f"{outcome.kept} could not be rendered and stay as they were.")
