"""Comments per second over HTTP with 1 and with 16 clients, and the queries of one comment.

python tests/benchmarks/write.py [--database-url postgres://…]
"""

from __future__ import annotations

import argparse
import json
import threading
import time

from serving import Server, heading, manage, prepared, served

HEADERS = {"Content-Type": "application/json"}


def post(server: Server, *, client: int, clients: int, until: float, done: list[int]) -> None:
    """Posts comments until a time; every third one answers an earlier one."""
    connection = server.connect()
    number = 0
    while time.monotonic() < until:
        body = {
            "source": f"Comment {number} of client {client} of {clients}, see #1.",
            "author": {"name": f"Client {client}"},
            "parent": 1 if number % 3 == 2 else None,  # noqa: PLR2004
        }
        connection.request("POST", "/api/v1/threads/busy/comments/", json.dumps(body), HEADERS)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 201:  # noqa: PLR2004
            raise RuntimeError(content.decode())
        number += 1
    done.append(number)


QUERIES = """
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
client = Client()
for text in ("first", "See #1 and @Ana."):
    with CaptureQueriesContext(connection) as queries:
        body = {"source": text, "author": {"name": "Ana"}}
        answer = client.post("/api/v1/threads/busy/comments/", body,
            content_type="application/json", headers={"host": "127.0.0.1"})
        assert answer.status_code == 201, answer.content
print(len(queries))
"""


def main() -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each measurement")
    parser.add_argument("--database-url", help="of a PostgreSQL server; default: SQLite")
    options = parser.parse_args()
    print(heading())
    with prepared(options.database_url) as environment:
        manage(environment, "generate_thread", "--key", "busy", "--comments", "100", "--seed", "1")
        print(
            f"queries of one comment: {manage(environment, 'shell', '-v0', '-c', QUERIES).strip()}"
        )
        print(f"{'clients':>8}{'comments/s':>14}{'CPU ms each':>14}")
        with served(environment) as server:
            for clients in (1, 16):
                done: list[int] = []
                cpu, began = server.cpu_seconds(), time.monotonic()
                until = began + options.seconds
                shared = {"clients": clients, "until": until, "done": done}
                threads = [
                    threading.Thread(target=post, args=(server,), kwargs={"client": n, **shared})
                    for n in range(clients)
                ]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                if len(done) != clients:
                    raise RuntimeError("a client failed")
                rate = sum(done) / (time.monotonic() - began)
                each = (server.cpu_seconds() - cpu) / sum(done) * 1000
                print(f"{clients:8}{rate:14,.0f}{each:14.1f}")
        print(manage(environment, "check_threads").strip())


if __name__ == "__main__":
    main()
