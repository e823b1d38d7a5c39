"""``manage.py check_threads``: counts again what is stored, and says what does not agree."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from comments.actions.checking import Difference, check_thread, repair_thread
from comments.management.progress import ThreadProgress
from comments.models import Thread


class Command(BaseCommand):
    """Compares every counter with what the states of the comments say."""

    help = "Counts everything in the threads again; names what differs and exits with 1."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares which threads, and whether to repair them."""
        parser.add_argument("--key", help="only the thread of this key (default: all)")
        parser.add_argument("--site", type=int, help="only threads of the site of this id")
        parser.add_argument(
            "--after", type=int, default=0, help="go on after the thread of this id"
        )
        parser.add_argument(
            "--repair",
            action="store_true",
            help="write what is expected; numbers, paths and versions are never written",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Checks the threads one after the other.

        Raises:
            CommandError: something differs in the end, or there is no such thread.
        """
        threads = Thread.objects.filter(pk__gt=options["after"])
        if options["key"] is not None:
            threads = threads.filter(key=options["key"])
        if options["site"] is not None:
            threads = threads.filter(site_id=options["site"])
        if options["key"] is not None and not threads:
            raise CommandError(f"There is no thread {options['key']!r}.")
        left = 0
        progress = ThreadProgress(self.stdout, threads)
        with progress.resumable():
            for thread_id, key in progress:
                differences = self._check(thread_id, progress)
                if differences and options["repair"]:
                    written = repair_thread(thread_id, now=timezone.now())
                    self.stdout.write(f"{key}: {written} values written")
                    differences = self._check(thread_id, progress)
                left += differences
        if left:
            raise CommandError(f"{left} values differ in {progress.threads} threads.")
        self.stdout.write(f"{progress.threads} threads are in order.")

    def _check(self, thread_id: int, progress: ThreadProgress) -> int:
        """Prints each difference; returns how many there are."""
        count = 0
        for difference in check_thread(thread_id, progress=progress.inside):
            progress.clear()
            self.stdout.write(_line(difference))
            count += 1
        return count


def _line(difference: Difference) -> str:
    if difference.number is not None:
        what = f" #{difference.number}"
    else:
        what = f" comment {difference.comment_id}" if difference.comment_id else ""
    return (
        f"{difference.thread}{what} {difference.field}:"
        f" stored {difference.stored}, expected {difference.expected}"
    )
