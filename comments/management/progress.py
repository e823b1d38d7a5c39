"""How far a command is: one line of a terminal that is written over, and nothing anywhere else."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from time import monotonic

from django.core.management.base import CommandError, OutputWrapper
from django.db.models import QuerySet, Sum

from comments.models import Thread

BAR = 24
EVERY_SECONDS = 0.2


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

    def __call__(self, done: int) -> None:
        """Shows how far it is, a few times a second at most."""
        now = self._clock()
        if not self._is_terminal or (now - self._shown < EVERY_SECONDS and done < self._total):
            return
        self._shown = now
        share = min(done / self._total, 1.0)
        rate = done / max(now - self._began, 1e-6)
        left = f", {max(self._total - done, 0) / rate:,.0f} s left" if rate else ""
        # Rounded down: all is not done before it is.
        bar = ("#" * int(BAR * share)).ljust(BAR, ".")
        self._write(f"[{bar}] {int(100 * share):3}% {done:,} {self._noun}, {rate:,.0f}/s{left}")

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


class ThreadProgress:
    """Threads in order of id, with a bar for all that is in them.

    Args:
        of: the field of a thread that says how much that is.
    """

    def __init__(
        self,
        out: OutputWrapper,
        threads: QuerySet[Thread],
        *,
        of: str = "last_number",
        noun: str = "comments",
    ) -> None:
        self.threads = 0
        """How many have been looked at, or are being."""
        self._of = of
        self._queryset = threads
        self._bar = Progress(out, total=threads.aggregate(all=Sum(of))["all"] or 0, noun=noun)
        self._before = self._finished = 0

    @contextmanager
    def resumable(self) -> Iterator[None]:
        """Lets the command be broken off, and says how a further run goes on.

        Raises:
            CommandError: it was broken off.
        """
        try:
            with interrupted_by_sigterm():
                yield
        except KeyboardInterrupt:
            raise CommandError(f"Broken off; go on with --after {self._finished}.") from None
        finally:
            self._bar.clear()

    def __iter__(self) -> Iterator[tuple[int, str]]:
        """Yields id and key of each thread, which is done when the next one is asked for."""
        threads = self._queryset.order_by("pk").values_list("pk", "key", self._of)
        while found := threads.filter(pk__gt=self._finished).first():
            self.threads += 1
            yield found[0], found[1]
            self._finished = found[0]
            self._before += found[2]
            self._bar(self._before)

    def inside(self, done: int) -> None:
        """Notes how much of the thread at hand is done."""
        self._bar(self._before + done)

    def clear(self) -> None:
        """Takes the bar away, so that a line can be written."""
        self._bar.clear()
