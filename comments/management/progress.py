"""How far a command is, and where a further run goes on.

On a terminal that is one line that is written over; in a file, a line now and then.
"""

from __future__ import annotations

import signal
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import current_thread, main_thread
from time import monotonic
from traceback import clear_frames

from django.core.management.base import CommandError, OutputWrapper
from django.db.models import QuerySet, Sum

from comments.models import Thread

BAR = 24
EVERY_SECONDS = 0.2
LINE_SECONDS = 10
"""Between two lines in a file: what a process that is killed loses at most."""


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Lets SIGTERM, by which systemd and ``timeout`` end a command, do what Ctrl-C does."""
    if current_thread() is not main_thread():  # others cannot choose what a signal does
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Progress:
    """A bar for so many things; called with how many are done."""

    def __init__(
        self,
        out: OutputWrapper,
        *,
        total: int,
        noun: str = "comments",
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._out = out
        self._total = max(total, 1)
        self._noun = noun
        self._clock = clock
        self._began = self._shown = clock()
        self._is_terminal = bool(out.isatty())
        self._wide = 0
        self.skipped = 0
        """How many of those that are done an earlier run did."""

    def __call__(self, done: int, *, place: str = "") -> None:
        """Shows how far it is: a few times a second at most, in a file every few seconds.

        Args:
            place: the value of ``--after`` that goes on from here; a file has lines only with one.
        """
        now = self._clock()
        if self._is_terminal:
            waits = now - self._shown < EVERY_SECONDS and done < self._total
        else:
            waits = now - self._shown < LINE_SECONDS or not place
        if waits:
            return
        self._shown = now
        share = min(done / self._total, 1.0)
        rate = (done - self.skipped) / max(now - self._began, 1e-6)
        left = f", {max(self._total - done, 0) / rate:,.0f} s left" if rate else ""
        # Rounded down: all is not done before it is.
        line = f"{int(100 * share):3}% {done:,} {self._noun}, {rate:,.0f}/s{left}"
        if self._is_terminal:
            self._write(f"[{('#' * int(BAR * share)).ljust(BAR, '.')}] {line}")
        else:
            self._out.write(f"{line.lstrip()}; --after {place} goes on from here")
            self._out.flush()  # or it is lost with a process that is killed

    def clear(self) -> None:
        """Takes the line away, so that another can be written."""
        if self._wide:
            self._write("")
            self._out.write("\r", ending="")
            self._wide = 0

    def _write(self, line: str) -> None:
        self._out.write("\r" + line.ljust(self._wide), ending="")
        self._out.flush()
        self._wide = len(line)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a run has come: through a thread, or up to a ``number`` within it."""

    thread: int = 0
    number: int | None = None

    def __str__(self) -> str:
        return f"{self.thread}" if self.number is None else f"{self.thread}:{self.number}"


def add_after(parser: ArgumentParser, *, within: str) -> None:
    """Declares ``--after``.

    Args:
        within: what the number after the colon is.
    """
    parser.add_argument(
        "--after",
        type=_place,
        default=Place(),
        metavar="THREAD[:NUMBER]",
        help="go on after the thread of this id, or within it after NUMBER, which is "
        f"{within}; a run that is broken off names it, and its output every {LINE_SECONDS} s",
    )


def _place(text: str) -> Place:
    thread, colon, number = text.partition(":")
    if not (thread.isdecimal() and (number.isdecimal() or not colon)):
        raise ArgumentTypeError(f"{text!r} is no place; one is 7 or 7:1200.")
    return Place(int(thread), int(number) if colon else None)


class ThreadProgress:
    """Threads in order of id, with a bar for all that is in them.

    Args:
        after: where an earlier run has ended.
        of: the field of a thread that says how much that is.
    """

    def __init__(
        self,
        out: OutputWrapper,
        threads: QuerySet[Thread],
        *,
        after: Place,
        of: str = "last_number",
        noun: str = "comments",
    ) -> None:
        self.threads = 0
        """How many have been looked at, or are being."""
        self._of = of
        self._place = after
        last = after.thread if after.number is None else after.thread - 1
        self._queryset = threads.filter(pk__gt=last)
        total = self._queryset.aggregate(all=Sum(of))["all"] or 0
        self._bar = Progress(out, total=total, noun=noun)
        self._thread = self._before = 0
        self._goes_on = False

    @contextmanager
    def resumable(self) -> Iterator[None]:
        """Lets the command be broken off, and says how a further run goes on.

        Raises:
            CommandError: it was broken off.
        """
        try:
            with interrupted_by_sigterm():
                yield
        except KeyboardInterrupt as broken:
            # What its frames were reading would be open until the database is closed.
            clear_frames(broken.__traceback__)
            raise CommandError(f"Broken off; go on with --after {self._place}.") from None
        finally:
            self._bar.clear()

    def __iter__(self) -> Iterator[tuple[int, str, int]]:
        """Yields id and key of each thread, which is done when the next one is asked for, and
        the number within it that an earlier run has come to (0: none has).
        """
        threads = self._queryset.order_by("pk").values_list("pk", "key", self._of)
        while found := threads.filter(pk__gt=self._thread).first():
            self.threads += 1
            self._thread = found[0]
            begin = self._place.number or 0 if self._place.thread == self._thread else 0
            self._goes_on = begin > 0
            yield found[0], found[1], begin
            self._place = Place(self._thread)
            self._before += found[2]
            self._bar(self._before, place=str(self._place))

    def inside(self, done: int, number: int = 0) -> None:
        """Notes how much of the thread at hand is done, and up to which number (0: none yet)."""
        if self._goes_on:
            self._bar.skipped, self._goes_on = done, False
        if number:
            self._place = Place(self._thread, number)
        self._bar(self._before + done, place=str(self._place))

    def clear(self) -> None:
        """Takes the bar away, so that a line can be written."""
        self._bar.clear()
