"""What open streams cost, and how soon a change is in all of them.

    python tests/benchmarks/streams.py [--streams 2000] [--database-url postgres://…]

Without ``--database-url``: on SQLite, then on PostgreSQL if it answers. Makes a temporary database,
opens streams at one process of ``manage.py stream``, and writes comments, one after another: each
as soon as all streams have been told of the one before. All streams are on one thread (the worst
case for a change), or spread over ``--threads`` (the worst case for looking which of them moved).

A delay is from the end of the transaction to when a reader has the event. The readers run on the
same machine, in the process that writes, and take their share of it.
"""

from __future__ import annotations

import argparse
import os
import resource
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, sleep

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.serving import (
    ROOT,
    Server,
    each_database,
    print_command,
    print_row,
    rss_megabytes,
    temporary_database,
    wait_for_port,
)

WIDTHS = (9, 9, 9, 11, 11, 11, 11, 11, 13)
HEAD = (
    "streams",
    "threads",
    "changes",
    "RSS, none",
    "RSS, all",
    "median ms",
    "99 % ms",
    "worst ms",
    "CPU µs each",
)
PATIENCE_SECONDS = 30.0
SPARE_FILES = 200


def main() -> int:
    """Runs the benchmark and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--streams", type=int, default=2_000)
    parser.add_argument("--threads", type=int, default=100, help="in the second line")
    parser.add_argument("--changes", type=int, default=30)
    parser.add_argument("--database-url", help="sqlite:// or the URL of a PostgreSQL server")
    options = parser.parse_args()
    if options.database_url is None:
        return each_database(__file__)
    print_command(options.database_url)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(options.streams + SPARE_FILES, hard), hard))
    with temporary_database(options.database_url):
        keys = make_threads(options.threads)
        print_row(*HEAD, widths=WIDTHS)
        for some in (keys[:1], keys):
            with streaming(options.streams) as server:
                run(server, keys=some, streams=options.streams, changes=options.changes)
    return 0


def run(server: Server, *, keys: list[str], streams: int, changes: int) -> None:
    """Opens streams, writes, and prints a line of the table."""
    before = rss_megabytes(server.process.pid)
    readers = Readers(server.port, [keys[at % len(keys)] for at in range(streams)])
    cpu, delays = server.cpu_seconds(), []
    for turn in range(changes):
        key = keys[turn % len(keys)]
        done = write(key, turn)
        delays += [max(at - done, 0.0) for at in readers.told(key)]
    delays.sort()
    share = (server.cpu_seconds() - cpu) / len(delays)
    print_row(
        streams,
        len(keys),
        changes,
        f"{before:.0f} MB",
        f"{rss_megabytes(server.process.pid):.0f} MB",
        1000 * delays[len(delays) // 2],
        1000 * delays[int(0.99 * (len(delays) - 1))],
        1000 * delays[-1],
        1_000_000 * share,
        widths=WIDTHS,
    )
    readers.close()


def make_threads(count: int) -> list[str]:
    """Returns the keys of new threads."""
    from django.utils import timezone

    from comments.actions.threads import open_thread

    keys = [f"thread-{number}" for number in range(count)]
    for key in keys:
        now = timezone.now()
        open_thread(site_id=1, key=key, url=f"/{key}/", title="A thread", opened_at=now)
    return keys


def write(key: str, turn: int) -> float:
    """Writes a comment; returns when that was done."""
    from django.utils import timezone

    from comments.actions.people import GuestName, Writer
    from comments.actions.posting import submit_comment
    from comments.models import Thread

    submit_comment(
        thread_id=Thread.objects.get(key=key).pk,
        writer=Writer(guest=GuestName(f"Guest {turn}")),
        source=f"What was written in turn {turn}.",
        format="plain",
        reply_to_number=None,
        now=timezone.now(),
    )
    return perf_counter()


@contextmanager
def streaming(streams: int) -> Iterator[Server]:
    """Gives a server of streams on the database of this process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    limits = {"STREAMS_MOST": str(streams), "STREAMS_PER_ADDRESS": "0"}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "stream", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, **limits},
    )
    try:
        wait_for_port(port, process)
        yield Server(port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


class Readers:
    """Open streams, all read by one thread."""

    def __init__(self, port: int, keys: list[str]) -> None:
        self._selector = selectors.DefaultSelector()
        self._count = dict.fromkeys(keys, 0)
        for key in keys:
            self._count[key] += 1
            one = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
            path = f"/api/v1/threads/{key}/stream/"
            one.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            self._selector.register(one, selectors.EVENT_READ, key)
        self._wait_for(b"event: hello", len(keys))
        sleep(1)  # what is done once for each thread is over

    def told(self, key: str) -> list[float]:
        """Returns when each stream of a thread was told of a change."""
        return self._wait_for(b"event: change", self._count[key])

    def _wait_for(self, mark: bytes, count: int) -> list[float]:
        """Returns when so many streams got something with a mark.

        Raises:
            SystemExit: they did not, or got something else.
        """
        times: list[float] = []
        end = perf_counter() + PATIENCE_SECONDS
        while len(times) < count:
            for key, _ in self._selector.select(timeout=1):
                stream = key.fileobj
                if not isinstance(stream, socket.socket):
                    raise SystemExit("Only sockets were registered.")
                data = stream.recv(65_536)
                if not data:
                    raise SystemExit("A stream was ended.")
                times += [perf_counter()] * data.count(mark)
            if perf_counter() > end:
                raise SystemExit(f"Only {len(times)} of {count} streams were told.")
        return times

    def close(self) -> None:
        """Hangs up everywhere."""
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()


if __name__ == "__main__":
    raise SystemExit(main())
