"""``manage.py verify_log``: looks for rows of the record that were changed, removed or added."""

from __future__ import annotations

from typing import Any

from django.contrib.sites.models import Site
from django.core.management.base import BaseCommand, CommandError, CommandParser

from comments.actions.checking import one_moment
from comments.management.progress import ThreadProgress
from comments.models import LogRow, Thread
from comments.queries.logbook import rows_without_chain, verify_site, verify_thread
from comments.rules.logbook import Fault


class Command(BaseCommand):
    """Follows every chain of the record from its first row to its end; changes nothing."""

    help = "Finds rows of the record of moderation that were changed, are missing or were inserted."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares where to go on."""
        parser.add_argument(
            "--after", type=int, default=0, help="go on after the chain of the thread of this id"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints each fault with the row's id and place.

        Raises:
            CommandError: there is one.
        """
        self.found = 0
        sites = Site.objects.order_by("pk").values_list("pk", flat=True)
        threads = Thread.objects.filter(pk__gt=options["after"])
        self.progress = ThreadProgress(self.stdout, threads, of="log_length", noun="rows")
        chains = 0
        for site_id in sites if not options["after"] else ():
            with one_moment():
                for fault in verify_site(site_id):
                    self._say(f"site {site_id}", fault)
            chains += 1
        with self.progress.resumable():
            for thread_id, _ in self.progress:
                with one_moment():
                    thread = Thread.objects.get(pk=thread_id)
                    for fault in verify_thread(thread, progress=self.progress.inside):
                        self._say(f"thread {thread.key}", fault)
                chains += 1
            for fault in rows_without_chain():
                self._say("no chain", fault)
        if self.found:
            raise CommandError(f"{self.found} faults in the record.")
        self.stdout.write(
            f"{LogRow.objects.count()} rows in {chains} chains, every one as written."
        )

    def _say(self, chain: str, fault: Fault) -> None:
        self.found += 1
        self.progress.clear()
        row = f"row {fault.row_id}" if fault.row_id is not None else "a row"
        self.stdout.write(f"{chain}, position {fault.position}: {fault.kind} {row}: {fault.detail}")
