"""``manage.py verify_log``: looks for rows of the record that were changed, removed or added."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.contrib.sites.models import Site
from django.core.management.base import BaseCommand, CommandError, CommandParser

from comments.management.progress import Place, ThreadProgress, add_after
from comments.models import LogRow, Thread
from comments.queries.logbook import (
    chain_ends,
    lost_end,
    rows_without_chain,
    verify_site,
    verify_thread,
)
from comments.queries.moments import one_moment
from comments.rules.logbook import End, Fault


class Command(BaseCommand):
    """Follows every chain of the record from its first row to its end; changes nothing."""

    help = "Finds rows of the record of moderation that were changed, are missing or were inserted."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares where to go on, and the files of ends."""
        add_after(parser, within="the position in its chain that it has come to")
        parser.add_argument(
            "--ends", type=Path, help="a file of --write-ends: what was there then must be there"
        )
        parser.add_argument(
            "--write-ends", type=Path, help="where all is well, writes the end of each chain here"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints each fault with the row's id and place.

        Raises:
            CommandError: there is one, or a file cannot be read or written.
        """
        self.found = 0
        sites = Site.objects.order_by("pk").values_list("pk", flat=True)
        after = options["after"]
        self.progress = ThreadProgress(
            self.stdout, Thread.objects.all(), after=after, of="log_length", noun="rows"
        )
        chains = ends = 0
        # Before hours of work: a file that cannot be read is known at once.
        for end in _ends_in(options["ends"]):
            ends += 1
            if fault := lost_end(end):
                self._say(f"site {end.site_id}, thread {end.thread_id}", fault)
        with self.progress.resumable():
            for site_id in sites if after == Place() else ():
                with one_moment():
                    for fault in verify_site(site_id):
                        self._say(f"site {site_id}", fault)
                chains += 1
            for thread_id, _, begin in self.progress:
                with one_moment():
                    thread = Thread.objects.get(pk=thread_id)
                    inside = self.progress.inside
                    for fault in verify_thread(thread, after=begin, progress=inside):
                        self._say(f"thread {thread.key}", fault)
                chains += 1
            for fault in rows_without_chain():
                self._say("no chain", fault)
        if self.found:
            raise CommandError(f"{self.found} faults in the record.")
        self.stdout.write(
            f"{LogRow.objects.count()} rows in {chains} chains, every one as written."
        )
        if options["ends"] is not None:
            self.stdout.write(f"{ends} ends of {options['ends']} are still there.")
        if options["write_ends"] is not None:
            _write_ends(options["write_ends"])

    def _say(self, chain: str, fault: Fault) -> None:
        self.found += 1
        self.progress.clear()
        row = f"row {fault.row_id}" if fault.row_id is not None else "a row"
        self.stdout.write(f"{chain}, position {fault.position}: {fault.kind} {row}: {fault.detail}")


def _ends_in(path: Path | None) -> Iterator[End]:
    if path is None:
        return
    try:
        with path.open(encoding="ascii", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield End.from_line(line)
                except ValueError:
                    raise CommandError(f"Line {number} of {path} is no end of a chain.") from None
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None


def _write_ends(path: Path) -> None:
    """Writes a whole new file beside the old one first, which would be missed."""
    beside = path.with_name(f"{path.name}.new")
    try:
        with beside.open("w", encoding="ascii") as file:
            file.writelines(f"{end}\n" for end in chain_ends())
        beside.replace(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
