"""``manage.py rebuild_states``: derives every status from the record and compares it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from comments.actions.rebuilding import mismatches
from comments.management.progress import Place, ThreadProgress, add_after
from comments.models import Thread


class Command(BaseCommand):
    """Compares every comment's status with the one that the record gives; changes nothing."""

    help = "Derives every status from the record of moderation and compares it with the tables."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the arguments."""
        parser.add_argument("--thread", help="Key of one thread; all threads without it.")
        add_after(parser, within="the id of the comment that it has come to")

    def handle(self, *args: Any, after: Place, thread: str | None = None, **options: Any) -> None:
        """Prints each difference.

        Raises:
            CommandError: there is one, or no such thread.
        """
        threads = Thread.objects.all()
        if thread is not None:
            threads = threads.filter(key=thread)
            if not threads:
                raise CommandError(f"There is no thread {thread!r}.")
        found = 0
        progress = ThreadProgress(self.stdout, threads, after=after)
        with progress.resumable():
            for thread_id, _, begin in progress:
                for one in mismatches(thread_id, after=begin, progress=progress.inside):
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
