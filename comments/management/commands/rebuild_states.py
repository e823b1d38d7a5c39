"""``manage.py rebuild_states``: derives every status from the record and compares it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from comments.actions.rebuilding import mismatches
from comments.models import Thread


class Command(BaseCommand):
    """Compares every comment's status with the one that the record gives; changes nothing."""

    help = "Derives every status from the record of moderation and compares it with the tables."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the arguments."""
        parser.add_argument("--thread", help="Key of one thread; all threads without it.")

    def handle(self, *args: Any, thread: str | None = None, **options: Any) -> None:
        """Prints each difference.

        Raises:
            CommandError: there is one, or no such thread.
        """
        threads = Thread.objects.order_by("pk")
        if thread is not None:
            threads = threads.filter(key=thread)
            if not threads:
                raise CommandError(f"There is no thread {thread!r}.")
        found = 0
        for thread_id in threads.values_list("pk", flat=True):
            for one in mismatches(thread_id):
                found += 1
                self.stdout.write(
                    f"{one.thread}: comment {one.comment_id} is {one.stored or 'not there'}, "
                    f"the record says {one.derived or 'nothing'}"
                )
        if found:
            raise CommandError(f"{found} differences in {len(threads)} threads.")
        self.stdout.write(f"Every status in {len(threads)} threads is the one the record gives.")
