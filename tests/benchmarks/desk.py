"""How much the moderation desk costs when a tenth of all comments waits.

    python tests/benchmarks/desk.py --comments 1000000 [--database-url postgres://…]

Without ``--database-url``: on SQLite, then on PostgreSQL if it answers. Makes a temporary database
with one thread of so many comments, lets a moderator decide about some of them, and asks the
production server for the pages of the desk as that moderator.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.serving import (
    Server,
    each_database,
    measure,
    print_command,
    print_row,
    request_bytes,
    served,
    temporary_database,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import User

WIDTHS = (26, 10, 10, 10, 10, 9)
HEAD = ("page", "CPU ms", "median ms", "95 % ms", "queries", "KB")
KEY = "large"


def main() -> int:
    """Runs the benchmark and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--comments", type=int, default=100_000)
    parser.add_argument("--share", type=float, default=0.1, help="of the comments that wait")
    parser.add_argument("--decided", type=int, default=500, help="decisions beforehand")
    parser.add_argument("--database-url", help="sqlite:// or the URL of a PostgreSQL server")
    parser.add_argument("--requests", type=int, default=60, help="for each line, at most")
    parser.add_argument("--seconds", type=float, default=6.0, help="for each line, at most")
    given = parser.parse_args()
    if given.database_url is None:
        return each_database(__file__)
    print_command(given.database_url)
    with temporary_database(given.database_url):
        session = fill(given)
        print_row(*HEAD, widths=WIDTHS)
        with served(workers=1, PAGE_CACHE_BYTES="0") as server:
            for name, path in pages().items():
                row(server, name, path, session, given)
    print()
    return 0


def fill(given: argparse.Namespace) -> str:
    """Makes the thread and the decisions; returns the session of the moderator who made them."""
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.utils import timezone

    from comments.actions.generating import generate_thread
    from comments.actions.leasing import lease_next
    from comments.actions.logbook import Actor
    from comments.actions.moderating import decide
    from comments.models import ActorKind, QueueItem

    # Pages of the admin name their styles by hash, so those must have been collected.
    call_command("collectstatic", interactive=False, verbosity=0)
    began = perf_counter()
    generate_thread(site_id=1, key=KEY, comments=given.comments, seed=1, pending_share=given.share)
    user = User.objects.create_superuser("moderator")
    now = timezone.now()
    for place in range(given.decided):
        (comment_id,) = lease_next(site_id=1, user_id=user.pk, count=1, now=now)
        decide(
            comment_id=comment_id,
            action="spam" if place % 5 else "approve",
            actor=Actor(ActorKind.MODERATOR, user.pk),
            now=timezone.now(),
        )
    lease_next(site_id=1, user_id=user.pk, count=10, now=now)
    waiting = QueueItem.objects.count()
    print(
        f"{given.comments:,} comments, {waiting:,} of them waiting, {given.decided:,} decided, "
        f"in {perf_counter() - began:.1f} s",
        flush=True,
    )
    return session_of(user)


def session_of(user: User) -> str:
    """Returns the cookie of somebody who has signed in."""
    from django.conf import settings
    from django.test import Client

    client = Client()
    client.force_login(user)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def pages() -> dict[str, str]:
    """Returns the addresses that are asked for, by name."""
    from django.utils import timezone

    from comments.queries.queue import Filters, queue_page

    following = queue_page(site_id=1, filters=Filters(), now=timezone.now()).next
    queue = "/admin/moderation/"
    return {
        "first page": queue,
        "second page": f"{queue}?cursor={following}",
        "by why": f"{queue}?why=held",
        "by reason": f"{queue}?reason=premoderation",
        "by thread": f"{queue}?thread={KEY}",
        "nothing of the kind": f"{queue}?why=flagged",
        "my desk": f"{queue}?desk=mine",
        "my decisions": f"{queue}decisions/",
        "all decisions": f"{queue}decisions/?whose=all",
        "figures": f"{queue}dashboard/",
        "index of the admin": "/admin/",
    }


def row(server: Server, name: str, path: str, session: str, given: argparse.Namespace) -> None:
    """Measures one page and prints its line."""
    request = request_bytes(path, headers={"Cookie": session})
    done = measure(
        server,
        [lambda: request],
        expected=200,
        most_requests=given.requests,
        most_seconds=given.seconds,
    )
    print_row(
        name,
        done.cpu_ms,
        done.wait_ms(0.5),
        done.wait_ms(0.95),
        queries_of(path, session),
        round(done.size_bytes / 1000, 1),
        widths=WIDTHS,
    )


def queries_of(path: str, session: str) -> int:
    """Returns how many queries a page takes, counted in this process."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(headers={"cookie": session})
    client.get(path)
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path)
    if answer.status_code != 200:
        raise SystemExit(f"{path} was answered {answer.status_code}")
    return len(queries)


if __name__ == "__main__":
    sys.exit(main())
