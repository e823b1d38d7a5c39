"""Requests per second, CPU and queries of the reads, for a small and a large thread in one run.

python tests/benchmarks/read.py --comments 100000 [--database-url postgres://…]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

from serving import Server, heading, manage, prepared, served

SMALL = 100


@dataclass(frozen=True, slots=True)
class Read:
    """One kind of read: ``make_anew`` asks for another page each time, so none is stored."""

    name: str
    path: str
    make_anew: bool = False
    known: bool = False


READS = [
    Read("304 (version known)", "comments/", known=True),
    Read("200 (stored page)", "comments/"),
    Read("flat, made anew", "comments/?limit=50", make_anew=True),
    Read("newest, made anew", "comments/?sort=newest&limit=50", make_anew=True),
    Read("best, made anew", "comments/?sort=best&limit=50", make_anew=True),
    Read("tree, made anew", "comments/?shape=tree&limit=20", make_anew=True),
    Read("context, made anew", "comments/50/context/?limit=50", make_anew=True),
    Read("changes, made anew", "changes/?since=50", make_anew=True),
]


def measure(server: Server, key: str, read: Read, seconds: float) -> tuple[float, float]:
    """Returns requests per second and milliseconds of the server's CPU for each, one client."""
    connection = server.connect()
    path = f"/api/v1/threads/{key}/{read.path}"
    headers: dict[str, str] = {}
    if read.known:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        headers = {"If-None-Match": answer.headers["ETag"]}
    sign = "&" if "?" in path else "?"
    done, cpu, began = 0, server.cpu_seconds(), time.monotonic()
    while time.monotonic() - began < seconds:
        # since_number and depth are part of a page's name: another value, another page.
        other = f"{sign}per_parent={done % 50 + 1}&depth={done // 50 % 10 + 1}"
        connection.request("GET", path + other if read.make_anew else path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status not in {200, 304}:
            raise RuntimeError(f"{answer.status} for {path}")
        done += 1
    elapsed = time.monotonic() - began
    return done / elapsed, (server.cpu_seconds() - cpu) / done * 1000


QUERIES = """
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
client = Client()
client.get("/api/v1/counts/?key=x")
for path in {paths!r}:
    with CaptureQueriesContext(connection, ) as queries:
        assert client.get(path, headers={{"host": "127.0.0.1"}}).status_code == 200, path
    print(len(queries))
"""


def count_queries(environment: dict[str, str], key: str) -> list[int]:
    """Returns the number of queries of each read in a new process, where nothing is stored."""
    paths = [f"/api/v1/threads/{key}/{read.path}" for read in READS]
    code = QUERIES.format(paths=paths)
    output = manage({**environment, "PAGE_CACHE_BYTES": "0"}, "shell", "-v0", "-c", code)
    return [int(line) for line in output.split()]


def main() -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comments", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each measurement")
    parser.add_argument("--database-url", help="of a PostgreSQL server; default: SQLite")
    options = parser.parse_args()
    print(heading())
    sizes = {"small": SMALL, "large": options.comments}
    with prepared(options.database_url) as environment:
        for key, comments in sizes.items():
            began = time.monotonic()
            arguments = ["--key", key, "--comments", str(comments), "--seed", "1"]
            manage(environment, "generate_thread", *arguments)
            print(f"{comments:,} comments generated in {time.monotonic() - began:.1f} s")
        queries = {key: count_queries(environment, key) for key in sizes}
        print(f"{'':22}" + "".join(f"{f'{n:,} comments':>34}" for n in sizes.values()))
        print(f"{'read':22}" + f"{'requests/s':>14}{'CPU ms':>10}{'queries':>10}" * 2)
        with served(environment) as server:
            for at, read in enumerate(READS):
                row = f"{read.name:22}"
                for key in sizes:
                    rate, cpu = measure(server, key, read, options.seconds)
                    # A version that is known, and a stored page, need the look-up alone.
                    count = 1 if not read.make_anew else queries[key][at]
                    row += f"{rate:14,.0f}{cpu:10.2f}{count:10}"
                print(row)


if __name__ == "__main__":
    main()
