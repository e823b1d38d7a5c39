"""How many digests a second leave, from the tables to a mail server that only takes them.

    python tests/benchmarks/mail.py --subscribers 20000 [--database-url postgres://…]

Without ``--database-url``: on SQLite, then on PostgreSQL if it answers. Makes a temporary database
with so many subscribers and a day's news, and runs ``manage.py send_digests`` against postfix's
``smtp-sink``: planning, looking again, marking, splicing, handing over and noting, each mail in a
state that a crash would find. Beside it stands postfix's own ``smtp-source``, which sends the same
number of mails of the same size out of memory and notes nothing.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.serving import (
    PATIENCE_SECONDS,
    ROOT,
    each_database,
    print_command,
    print_row,
    temporary_database,
)

NOW = datetime(2025, 11, 23, 12, tzinfo=UTC)
"""Over, whenever this runs: ``--at`` takes no time far ahead."""
MORNING = datetime(2025, 11, 24, 7, tzinfo=UTC)
AT_ONCE = 5_000
WIDTHS = (28, 12, 11, 11, 12, 12)
HEAD = ("", "mails", "seconds", "mails/s", "CPU ms each", "peak MB")


def main() -> int:
    """Runs the benchmark and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--subscribers", type=int, default=20_000)
    parser.add_argument("--comments", type=int, default=30, help="in the digest")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--database-url", help="sqlite:// or the URL of a PostgreSQL server")
    given = parser.parse_args()
    if shutil.which("smtp-sink", path=_PATH) is None:
        raise SystemExit("smtp-sink is not here; on Debian: apt-get install postfix")
    if given.database_url is None:
        return each_database(__file__)
    print_command(given.database_url)
    with temporary_database(given.database_url):
        write_news(given.comments)
        subscribe_many(given.subscribers)
        size = size_of_a_mail()
        print(f"A mail has {size:,} bytes; {given.connections} connections.")
        print_row(*HEAD, widths=WIDTHS)
        with sink() as port:
            ours = row("send_digests", given.subscribers, send_digests(given, port=port))
        with sink() as port:
            row("smtp-source", given.subscribers, smtp_source(given, size=size, port=port))
        left = left_over()
        print(f"sent: {given.subscribers - left:,}; left over: {left:,}\n")
    return int(left > 0 or ours <= 0)


_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"


@contextmanager
def sink() -> Iterator[int]:
    """Gives the port of an ``smtp-sink`` that takes everything and keeps nothing."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen(
        [shutil.which("smtp-sink", path=_PATH) or "", *user, f"127.0.0.1:{port}", "256"]
    )
    try:
        began = perf_counter()
        while True:
            with closing(socket.socket()) as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None or perf_counter() - began > PATIENCE_SECONDS:
                raise SystemExit("smtp-sink does not answer")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def write_news(comments: int) -> None:
    """Writes a post's page and comments on it, after everybody's last digest."""
    from comments.actions.announcing import announce_page, seal_publications
    from comments.actions.people import GuestName, Writer
    from comments.actions.posting import submit_comment
    from comments.actions.threads import open_thread
    from comments.models import PublicationOrder

    PublicationOrder.objects.create(site_id=1)
    thread = open_thread(site_id=1, key="news", url="/posts/news/", title="News", opened_at=NOW)
    announce_page(thread, page_id=1, now=NOW)
    for turn in range(comments):
        text = f"Comment {turn}. " + "Some words, as people write them below a post. " * 6
        submit_comment(
            thread_id=thread.pk,
            writer=Writer(guest=GuestName(f"Guest {turn}")),
            source=text,
            format="plain",
            reply_to_number=turn if turn % 3 else None,
            now=NOW,
        )
    seal_publications(site_id=1)


def subscribe_many(count: int) -> None:
    """Writes what confirming leaves behind, for many at once."""
    from django.db import connection

    from comments.models import Channel, Frequency, Subscriber, Subscription

    began = perf_counter()
    for start in range(0, count, AT_ONCE):
        people = Subscriber.objects.bulk_create(
            Subscriber(
                site_id=1,
                address=f"reader{number}@example.org",
                address_key=f"reader{number}@example.org",
                token=f"{number:032d}",
                created_at=NOW,
                confirmed_at=NOW,
            )
            for number in range(start, min(start + AT_ONCE, count))
        )
        Subscription.objects.bulk_create(
            Subscription(
                subscriber=one,
                frequency=Frequency.DAILY,
                state=Subscription.State.ACTIVE,
                asked_at=NOW,
                confirmed_at=NOW,
            )
            for one in people
        )
        Channel.objects.bulk_create(
            Channel(
                subscriber=one,
                kind=Channel.Kind.DIGEST,
                last_period=MORNING.date() - timedelta(days=1),
                due_at=MORNING,
            )
            for one in people
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum does, where it runs
    print(f"{count:,} subscribers written in {perf_counter() - began:.1f} s.")


def size_of_a_mail() -> int:
    """Returns how many bytes one of these mails has."""
    from comments.actions.previewing import preview_mail
    from comments.models import Subscriber

    mail = preview_mail(Subscriber.objects.earliest("pk").pk, at=MORNING)
    if mail is None:
        raise SystemExit("there is no news")
    return len(mail.message)


def send_digests(given: argparse.Namespace, *, port: int) -> list[str]:
    """Returns the command that plans and sends everything."""
    os.environ |= {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(port)}
    command = [sys.executable, "manage.py", "send_digests", "--at", MORNING.isoformat()]
    return [*command, "--connections", str(given.connections)]


def smtp_source(given: argparse.Namespace, *, size: int, port: int) -> list[str]:
    """Returns the command of postfix's own sender."""
    program = shutil.which("smtp-source", path=_PATH) or ""
    many = ["-s", str(given.connections), "-m", str(given.subscribers), "-l", str(size)]
    return [program, "-d", *many, "-f", "a@example.org", "-t", "b@example.org", f"127.0.0.1:{port}"]


def row(name: str, mails: int, command: list[str]) -> float:
    """Runs a command, prints its line, and returns how many mails left in a second."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        # Of this process alone: what getrusage says is the largest of all there were.
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = perf_counter() - began
    if process.returncode:
        raise SystemExit(f"{name} ended with {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    each = 1000 * cpu / mails
    peak = round(usage.ru_maxrss / 1024)
    print_row(name, mails, round(seconds, 2), round(mails / seconds), each, peak, widths=WIDTHS)
    return mails / seconds


def left_over() -> int:
    """Returns how many subscribers were not sent their digest."""
    from comments.models import Delivery, Subscriber

    sent = Delivery.objects.filter(kind="digest", state=Delivery.State.SENT).count()
    return Subscriber.objects.count() - sent


if __name__ == "__main__":
    sys.exit(main())
