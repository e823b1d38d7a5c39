"""What happens, counted for Prometheus; off unless ``METRICS_DIR`` of the settings says where.

All processes of a machine count into files of one directory, and whichever of them is asked adds
them up (prometheus_client's multiprocess mode). There a process is known by its id, so that each
one leaves files behind. Here it takes the lowest number that no living process has: files are as
many as processes at once, counters go on across restarts, and containers that share the directory
do not take each other's files.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache, partial
from itertools import count, product
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from django.db import transaction

from comments.conf import options
from comments.rules.moderation import ACTIONS
from comments.rules.sending import Verdict

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge, Metric

    from comments.models import LogRow

OPEN_STREAMS = "gauge_livesum_{number}.db"
"""The file of what is true of a living process alone."""


class Number:
    """The number of this process among those that count into a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process = self._number = -1

    def __call__(self) -> int:
        """Returns it; a process that has parted from another takes one of its own."""
        if self._process != os.getpid():
            self._number = next(free_numbers(self._directory))
            self._process = os.getpid()
        return self._number


def free_numbers(directory: Path, *, most: int | None = None) -> Iterator[int]:
    """Yields numbers that no living process has, and keeps each for this one until it is let go.

    What its last holder left that is true of a living process alone is deleted. A number is held by
    the lock of a file, which the system frees however a process ends.

    Args:
        most: look at so many numbers only, and let go of each that is free.
    """
    for number in range(most) if most is not None else count():
        lock = os.open(directory / f"{number}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        with suppress(FileNotFoundError):
            (directory / OPEN_STREAMS.format(number=number)).unlink()
        yield number
        if most is not None:
            os.close(lock)


class Meters:
    """The counters of this process."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
        # Loaded by who counts alone; the class of values is chosen before there is a counter.
        import prometheus_client
        from prometheus_client import values

        values.ValueClass = values.MultiProcessValue(Number(directory))
        self.directory = directory
        registry = prometheus_client.CollectorRegistry()
        counter = partial(prometheus_client.Counter, registry=registry)
        self.comments: Counter = counter(
            "rejoinder_comments", "Comments that were written, by what became of them.", ["status"]
        )
        self.holds: Counter = counter(
            "rejoinder_holds", "Comments that came to wait for a moderator, by why.", ["cause"]
        )
        self.decisions: Counter = counter(
            "rejoinder_decisions", "Decisions about comments.", ["kind", "action", "actor"]
        )
        self.deliveries: Counter = counter(
            "rejoinder_deliveries", "Tries to send a mail to a subscriber.", ["outcome"]
        )
        self.messages: Counter = counter(
            "rejoinder_messages", "Tries to send what a decision caused.", ["kind", "outcome"]
        )
        self.thread_reads: Counter = counter(
            "rejoinder_thread_reads",
            "Reads of a thread that a replica might answer, by what became of it.",
            ["outcome"],
        )
        self.open_streams: Gauge = prometheus_client.Gauge(
            "rejoinder_open_streams",
            "Readers who listen to a thread.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.requests: Counter = counter(
            "rejoinder_http_requests", "Requests.", ["method", "view", "status"]
        )
        self.queries: Counter = counter(
            "rejoinder_http_queries", "Database queries of requests.", ["view"]
        )
        self.seconds = prometheus_client.Histogram(
            "rejoinder_http_request_seconds",
            "Time until a request was answered.",
            ["view"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
            registry=registry,
        )
        self._tell_of_none()

    def _tell_of_none(self) -> None:
        """Begins at 0 what can be named before it happens: to go from nothing to 1 is no rise."""
        known: dict[Counter, Iterable[tuple[str, ...]]] = {
            self.comments: product(("published", "held", "rejected", "spam")),
            self.holds: product(("verdict", "flags", "decision", "undo")),
            self.decisions: [
                *product(("decision",), ACTIONS, ("moderator",)),
                ("undo", "undo", "moderator"),
                ("flags", "hold", "automation"),
            ],
            self.deliveries: product(get_args(Verdict)),
            self.messages: product(("mail", "webhook"), ("sent", "failed", "given_up")),
            self.thread_reads: product(("replica", "behind", "failed", "resting")),
        }
        for counter, all_labels in known.items():
            for labels in all_labels:
                counter.labels(*labels)


@lru_cache(maxsize=1)
def meters() -> Meters | None:
    """Returns the counters of this process, made with the first thing to count; ``None``: off."""
    directory = options().metrics_dir
    return Meters(Path(directory)) if directory else None


def collected() -> Iterator[Metric]:
    """Yields what all processes have counted; nothing where nobody counts."""
    on = meters()
    if on is None:
        return
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    # Those that have died have no open streams any more.
    for _ in free_numbers(on.directory, most=len(list(on.directory.glob("*.lock")))):
        pass
    collector = MultiProcessCollector(CollectorRegistry(), path=str(on.directory))
    yield from collector.collect()


def count_logged(row: LogRow) -> None:
    """Counts what a row of the record of moderation tells of, as soon as it is stored for good."""
    on = meters()
    if on is None:
        return

    def run() -> None:
        if row.kind == "verdict" and not row.from_status:  # the first one about a comment
            on.comments.labels(row.to_status).inc()
        if row.to_status == "held" and row.from_status != "held":
            on.holds.labels(row.kind).inc()
        if row.kind in {"decision", "undo", "flags"}:
            on.decisions.labels(row.kind, row.action, row.actor_kind).inc()

    transaction.on_commit(run)


def count_delivery(outcome: str) -> None:
    """Counts what came of trying to send a mail to a subscriber, once it is stored for good."""
    on = meters()
    if on is not None:
        transaction.on_commit(on.deliveries.labels(outcome).inc)


def count_message(kind: str, outcome: str) -> None:
    """Counts what came of trying to send a message that a decision caused.

    Args:
        kind: ``mail`` or ``webhook``.
        outcome: ``sent``, ``failed`` for now, or ``given_up``.
    """
    on = meters()
    if on is not None:
        transaction.on_commit(on.messages.labels(kind, outcome).inc)


def count_thread_read(outcome: str) -> None:
    """Counts a read of a thread where there are replicas.

    Args:
        outcome: ``replica`` has answered; or the primary, because the replica had another version
            (``behind``), has ``failed``, or is left alone after that (``resting``).
    """
    on = meters()
    if on is not None:
        on.thread_reads.labels(outcome).inc()


def show_streams(number: int) -> None:
    """Sets how many streams this process has open."""
    on = meters()
    if on is not None:
        on.open_streams.set(number)
