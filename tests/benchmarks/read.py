"""How much reading costs, in a small thread and in a large one: it should be the same.

    python tests/benchmarks/read.py --comments 100000 [--database-url postgres://…]

Without ``--database-url``: on SQLite, then on PostgreSQL if it answers. Makes a temporary database,
fills threads of 100 and of so many comments (more with ``--and-comments``), and asks the production
server. "stored" is a page that the server has made before; the lines below it are made anew for
each request, with the store of pages turned off.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.serving import (
    Client,
    Server,
    each_database,
    measure,
    print_command,
    print_row,
    request_bytes,
    served,
    temporary_database,
)

SMALL = 100
WIDTHS = (22, 12, 12, 11, 10, 9)
HEAD = ("read", "comments", "requests/s", "CPU ms", "queries", "KB")


def main() -> int:
    """Runs the benchmark and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--comments", type=int, default=100_000, help="in the large thread")
    parser.add_argument("--and-comments", type=int, help="in a third thread, as 1000000")
    parser.add_argument("--database-url", help="sqlite:// or the URL of a PostgreSQL server")
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1, help="processes of the server")
    parser.add_argument("--requests", type=int, default=600, help="for each line, at most")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each line, at most")
    given = parser.parse_args()
    if given.database_url is None:
        return each_database(__file__)
    print_command(given.database_url)
    with temporary_database(given.database_url):
        sizes = [size for size in (SMALL, given.comments, given.and_comments) if size]
        for size in sizes:
            fill(size)
        print_row(*HEAD, widths=WIDTHS)
        with served(workers=given.workers) as server:
            for size in sizes:
                ask_stored(server, size, given)
        with served(workers=given.workers, PAGE_CACHE_BYTES="0") as server:
            for name in CASES:
                for size in sizes:
                    row(server, name, path_of(name, size), size, given)
    print()
    return 0


def fill(size: int) -> None:
    """Makes a thread of so many comments."""
    from comments.actions.generating import generate_thread

    began = perf_counter()
    generate_thread(site_id=1, key=key_of(size), comments=size, seed=1)
    print(f"filled a thread with {size:,} comments in {perf_counter() - began:.1f} s", flush=True)


def key_of(size: int) -> str:
    """Returns the key of the thread of this size."""
    return f"of-{size}"


CASES = {
    "page of 50": "comments/",
    "page of 50, newest": "comments/?sort=newest",
    "page of 50, best": "comments/?sort=best",
    "tree": "comments/?shape=tree",
    "tree, newest": "comments/?shape=tree&sort=newest",
    "context": "comments/{number}/context/",
    "replies": "comments/{number}/replies/",
    "changes": "changes/?since={version}",
    "thread": "",
    "counts of 3": "counts",
}
"""What is read, below ``/api/v1/threads/{key}/``."""


def path_of(name: str, size: int) -> str:
    """Returns the address of a read of the thread of this size."""
    from comments.models import Comment, Thread

    if name.startswith("counts"):
        return "/api/v1/counts/?" + "&".join(f"key={key_of(other)}" for other in (1, size, SMALL))
    thread = Thread.objects.get(key=key_of(size))
    deepest = Comment.objects.filter(thread=thread, visible=True).order_by("-depth", "number")[0]
    answered = Comment.objects.filter(thread=thread, visible=True).order_by("-direct_count")[0]
    number = answered.number if name == "replies" else deepest.number
    below = CASES[name].format(number=number, version=max(0, thread.version - 50))
    return f"/api/v1/threads/{thread.key}/{below}"


def ask_stored(server: Server, size: int, given: argparse.Namespace) -> None:
    """Measures what a client gets that comes again, and one that comes after others."""
    path = path_of("page of 50", size)
    client = Client(server.port)
    status, head, body = client.ask(request_bytes(path))
    client.close()
    if status != 200 or not json.loads(body)["items"]:
        raise SystemExit(f"{path} was answered {status}")
    etag = head.partition(b"etag:")[2].split(b"\r\n")[0].strip().decode().replace("w/", "W/")
    row(server, "304", path, size, given, expected=304, headers={"If-None-Match": etag})
    row(server, "page of 50, stored", path, size, given)


def row(
    server: Server,
    name: str,
    path: str,
    size: int,
    given: argparse.Namespace,
    *,
    expected: int = 200,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Measures one kind of read and prints its line."""
    request = request_bytes(path, headers=headers)
    done = measure(
        server,
        [lambda: request] * given.clients,
        expected=expected,
        most_requests=given.requests,
        most_seconds=given.seconds,
    )
    made = name not in {"304", "page of 50, stored"}
    queries = queries_of(path, made=made, headers=headers)
    kilobytes = round(done.size_bytes / 1000, 1)
    print_row(name, size, round(done.per_second), done.cpu_ms, queries, kilobytes, widths=WIDTHS)


def queries_of(path: str, *, made: bool, headers: Mapping[str, str] | None) -> int:
    """Returns how many queries a read takes, counted in this process."""
    from django.db import connection
    from django.test import Client as DjangoClient
    from django.test.utils import CaptureQueriesContext

    from comments.queries.pages import page_store

    client = DjangoClient(headers=dict(headers or {}))
    client.get(path)
    if made:
        page_store().clear()
    with CaptureQueriesContext(connection) as queries:
        client.get(path)
    return len(queries)


if __name__ == "__main__":
    sys.exit(main())
