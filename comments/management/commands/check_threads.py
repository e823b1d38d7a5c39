"""``manage.py check_threads``: counts again what is stored, and says what does not agree."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from comments.actions.checking import Difference, check_thread, repair_thread
from comments.management.progress import ThreadProgress, add_after
from comments.models import Thread


class Command(BaseCommand):
    """Compares every counter with what the states of the comments say."""

    help = "Counts everything in the threads again; names what differs and exits with 1."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares which threads, and whether to repair them."""
        parser.add_argument("--key", help="only the thread of this key (default: all)")
        parser.add_argument("--site", type=int, help="only threads of the site of this id")
        add_after(parser, within="a root through whose branch it has come")
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
        threads = Thread.objects.all()
        if options["key"] is not None:
            threads = threads.filter(key=options["key"])
        if options["site"] is not None:
            threads = threads.filter(site_id=options["site"])
        if options["key"] is not None and not threads:
            raise CommandError(f"There is no thread {options['key']!r}.")
        left = 0
        progress = ThreadProgress(self.stdout, threads, after=options["after"])
        with progress.resumable():
            for thread_id, key, begin in progress:
                repair = options["repair"]
                differences = self._check(thread_id, begin, progress, to_be_repaired=repair)
                if differences and repair:
                    written = repair_thread(thread_id, after=begin, now=timezone.now())
                    self.stdout.write(f"{key}: {written} values written")
                    differences = self._check(thread_id, begin, progress)
                left += differences
        if left:
            raise CommandError(f"{left} values differ in {progress.threads} threads.")
        self.stdout.write(f"{progress.threads} threads are in order.")

    def _check(
        self, thread_id: int, after: int, progress: ThreadProgress, *, to_be_repaired: bool = False
    ) -> int:
        """Prints each difference; returns how many there are.

        A further run goes on before the first one that is to be repaired: it finds it again.
        """
        count = waiting = 0

        def inside(done: int, root: int) -> None:
            progress.inside(done, 0 if waiting else root)

        for difference in check_thread(thread_id, after=after, progress=inside):
            progress.clear()
            self.stdout.write(_line(difference))
            count += 1
            waiting += to_be_repaired and difference.repairable
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
