"""How many comments a second can be written, by one client and by sixteen.

    python tests/benchmarks/write.py [--database-url postgres://…]

Without ``--database-url``: on SQLite, then on PostgreSQL if it answers. Makes a temporary database,
fills a thread, and posts into that one thread through the production server: the worst case, since
all writers wait for one lock. Every third comment is a reply, every fifth mentions somebody.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.serving import (
    each_database,
    measure,
    print_command,
    print_row,
    request_bytes,
    served,
    temporary_database,
)

KEY = "written-in"
ADDRESS = f"/api/v1/threads/{KEY}/comments/"
WIDTHS = (10, 12, 13, 12, 12, 10, 10)
HEAD = ("clients", "written", "comments/s", "median ms", "95 % ms", "CPU ms", "queries")


def main() -> int:
    """Runs the benchmark and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--comments", type=int, default=1_000, help="in the thread before")
    parser.add_argument("--database-url", help="sqlite:// or the URL of a PostgreSQL server")
    parser.add_argument("--workers", type=int, default=2, help="processes of the server")
    parser.add_argument("--requests", type=int, default=800, help="for each line, at most")
    parser.add_argument("--seconds", type=float, default=15.0, help="for each line, at most")
    given = parser.parse_args()
    if given.database_url is None:
        return each_database(__file__)
    print_command(given.database_url)
    with temporary_database(given.database_url):
        from comments.actions.checking import check_thread
        from comments.actions.generating import generate_thread

        thread = generate_thread(site_id=1, key=KEY, comments=given.comments, seed=1)
        print_row(*HEAD, widths=WIDTHS)
        with served(workers=given.workers) as server:
            for clients in (1, 16):
                done = measure(
                    server,
                    [posts(f"{clients}-{client}") for client in range(clients)],
                    expected=201,
                    most_requests=given.requests,
                    most_seconds=given.seconds,
                )
                print_row(
                    clients,
                    done.requests,
                    round(done.per_second, 1),
                    done.wait_ms(0.5),
                    done.wait_ms(0.95),
                    done.cpu_ms,
                    queries_of_a_post(f"counted {clients}"),
                    widths=WIDTHS,
                )
        wrong = list(check_thread(thread.pk))
        print(f"check_threads: {len(wrong)} differences\n")
    return 1 if wrong else 0


def posts(name: str, addresses: Sequence[str] = (ADDRESS,)) -> Callable[[], bytes]:
    """Returns what makes one client's requests, each with another text, to one after the other."""
    turns = count()

    def make() -> bytes:
        turn = next(turns)
        address = addresses[turn % len(addresses)]
        body = body_of(name, turn, replies=address == ADDRESS)
        return request_bytes(address, method="POST", body=body)

    return make


def body_of(name: str, turn: int, *, replies: bool = True) -> bytes:
    """Returns a comment as a client sends it; ``replies`` answer the first of the thread."""
    text = f"Comment {turn} of client {name}: some words, as people write them, and no more."
    if turn % 5 == 1:
        text = f"@Ana {text}"
    parent = 1 if replies and turn % 3 == 2 else None
    comment = {"source": text, "parent": parent, "author": {"name": f"Client {name}"}}
    return json.dumps(comment).encode()


def queries_of_a_post(name: str) -> int:
    """Returns how many queries a comment takes, counted in this process, transactions included."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client()
    with CaptureQueriesContext(connection) as queries:
        client.post(ADDRESS, body_of(name, 0), content_type="application/json")
    return len(queries)


if __name__ == "__main__":
    sys.exit(main())
