"""``manage.py rebuild_states``: derives every status from the record and compares it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from comments.actions.rebuilding import mismatches
from comments.management.progress import ThreadProgress
from comments.models import Thread


class Command(BaseCommand):
    """Compares every comment's status with the one that the record gives; changes nothing."""

    help = "Derives every status from the record of moderation and compares it with the tables."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the arguments."""
        parser.add_argument("--thread", help="Key of one thread; all threads without it.")
        parser.add_argument(
            "--after", type=int, default=0, help="go on after the thread of this id"
        )

    def handle(self, *args: Any, thread: str | None = None, after: int = 0, **options: Any) -> None:
        """Prints each difference.

        Raises:
            CommandError: there is one, or no such thread.
        """
        threads = Thread.objects.filter(pk__gt=after)
        if thread is not None:
            threads = threads.filter(key=thread)
            if not threads:
                raise CommandError(f"There is no thread {thread!r}.")
        found = 0
        progress = ThreadProgress(self.stdout, threads)
        with progress.resumable():
            for thread_id, _ in progress:
                for one in mismatches(thread_id, progress=progress.inside):
                    found += 1
                    progress.clear()
                    self.stdout.write(
                        f"{one.thread}: comment {one.comment_id} is {one.stored or 'not there'}, "
                        f"the record says {one.derived or 'nothing'}"
                    )
        if found:
            raise CommandError(f"{found} differences in {progress.threads} threads.")
        self.stdout.write(
            f"Every status in {progress.threads} threads is the one the record gives."
        )
