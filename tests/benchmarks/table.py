"""One table: every target of speed and size, what was measured, and what it is measured by.

    make bench                                   # on PostgreSQL if it answers, else on SQLite
    python tests/benchmarks/table.py [--database-url …] [--comments 1000000] [--strict]

Makes a temporary database with threads of 100 comments up to ``--comments``, asks the production
server, and asks an installation that does as little as can be (``yardsticks.py``) under the same
server in the same run. A read's figure is the CPU time of the server for a request, the least of
``--rounds``; what is compared is measured in turns, so that a busy machine is busy for both. Rates
of posts are of 8 clients on this machine, who take their share of it.

A line that cannot be had on this database says so. The exit code is 0 whatever the table says; with
``--strict`` it is 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from statistics import median
from threading import Thread as Clerk
from time import perf_counter, sleep
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.desk import session_of
from tests.benchmarks.read import key_of
from tests.benchmarks.serving import (
    POSTGRES,
    ROOT,
    SQLITE,
    Client,
    Measured,
    Server,
    answers,
    measure,
    print_command,
    request_bytes,
    served,
    temporary_database,
)
from tests.benchmarks.write import KEY as WRITTEN
from tests.benchmarks.write import posts, queries_of_a_post

YARDSTICKS = "tests.benchmarks.yardsticks:application"
POST = "page-of-a-post"
CLIENTS = 8
SPREAD = 50
"""Threads that posts are spread over, and that counts are asked for."""
LOOK_SECONDS = 0.05
"""Between two looks at the memory of a command."""
LOCKS = 100
"""Posts whose lock is timed."""
WIDTHS = (3, 56, 14, 34, 9, 10, 4)
HEAD = ("", "target", "measured", "yardstick", "ratio", "at most", "")


def main() -> int:
    """Runs the benchmark and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--comments", type=int, default=1_000_000, help="in the largest thread")
    parser.add_argument("--bulk", type=int, default=100_000, help="comments for commands in bulk")
    parser.add_argument("--held", type=float, default=0.1, help="share of the largest that waits")
    parser.add_argument("--load-seconds", type=float, default=40.0, help="3600: an hour of load")
    parser.add_argument("--seconds", type=float, default=0.6, help="of each measurement of a read")
    parser.add_argument("--post-seconds", type=float, default=5.0, help="of each of posts")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--targets", default="1,3,4,5,6,7", help="which parts; 1 is with 2")
    parser.add_argument("--database-url", help="sqlite:// or the URL of a PostgreSQL server")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a target is missed")
    given = parser.parse_args()
    if given.database_url is None:
        given.database_url = POSTGRES if answers(POSTGRES) else SQLITE
    print_command(given.database_url)
    began = perf_counter()
    table = Table()
    with temporary_database(given.database_url):
        run(given, table)
    table.print()
    print(f"\n{perf_counter() - began:.0f} s")
    return 1 if given.strict and table.missed else 0


def run(given: argparse.Namespace, table: Table) -> None:
    """Measures one target after the other."""
    from django.core.management import call_command

    call_command("collectstatic", interactive=False, verbosity=0)
    sizes = [size for size in (100, 10_000, 100_000) if size < given.comments] + [given.comments]
    for size in sizes:
        rate = fill(size, held=given.held if size == given.comments else 0.0)
    from tests.benchmarks.yardsticks import make_tables

    make_tables(SPREAD)
    parts: dict[str, Callable[[], None]] = {
        "1": lambda: reads(given, table, sizes),
        "3": lambda: pages(given, table),
        "4": lambda: writes(given, table),
        "5": lambda: lists(given, table),
        "6": lambda: sizes_of_process(given, table, sizes),
        "7": lambda: bulk(given, table, rate),
    }
    for target in given.targets.split(","):
        began = perf_counter()
        parts[target]()
        print(f"  … {perf_counter() - began:.0f} s", flush=True)


# --- the table ----------------------------------------------------------------------------------


@dataclass(slots=True)
class Line:
    """A target and what became of it; ``met`` is ``None`` where it cannot be had here."""

    target: int
    what: str
    measured: str
    yardstick: str
    ratio: str
    limit: str
    met: bool | None


class Table:
    """The lines so far."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    @property
    def missed(self) -> int:
        """Returns how many targets are missed."""
        return sum(line.met is False for line in self.lines)

    def times(
        self, target: int, what: str, value: float, yardstick: tuple[str, float], most: float
    ) -> None:
        """Adds a cost in ms that is at most so many times that of a yardstick."""
        name, least = yardstick
        self.add(
            target,
            what,
            f"{value:.2f} ms",
            f"{name}: {least:.2f}",
            f"{value / least:.2f}",
            f"{most:.3g} x",
            value <= most * least,
        )

    def share(
        self, target: int, what: str, value: float, yardstick: tuple[str, float], least: float
    ) -> None:
        """Adds a rate a second that is at least a share of that of a yardstick."""
        name, whole = yardstick
        self.add(
            target,
            what,
            f"{value:,.0f}/s",
            f"{name}: {whole:,.0f}/s",
            f"{value / whole:.0%}",
            f">= {least:.0%}",
            value >= least * whole,
        )

    def milliseconds(
        self, target: int, what: str, value: float, constant: float, most: float
    ) -> None:
        """Adds a cost in ms with a limit in ms, and how many constant views it comes to here."""
        self.add(
            target,
            what,
            f"{value:.2f} ms",
            f"(constant bytes: {constant:.2f})",
            f"({value / constant:.1f})",
            f"{most:g} ms",
            value <= most,
        )

    def most(self, target: int, what: str, value: float, unit: str, most: float) -> None:
        """Adds a figure with a limit of its own."""
        self.add(target, what, f"{value:,.2f} {unit}", "", "", f"{most:g} {unit}", value <= most)

    def add(  # noqa: PLR0917 (in the order of the columns)
        self,
        target: int,
        what: str,
        measured: str,
        yardstick: str = "",
        ratio: str = "",
        limit: str = "",
        met: bool | None = None,
    ) -> None:
        """Adds a line, and says so at once."""
        line = Line(target, what, measured, yardstick, ratio, limit, met)
        self.lines.append(line)
        print(f"  {target} {what}: {measured} {ratio}", flush=True)

    def print(self) -> None:
        """Prints the whole."""
        print()
        rows = [HEAD]
        for one in self.lines:
            met = {True: "yes", False: "NO", None: "-"}[one.met]
            rows.append(
                (str(one.target), one.what, one.measured, one.yardstick, one.ratio, one.limit, met)
            )
        for row in rows:
            cells = [
                cell.ljust(width) if at in {0, 1, 3, 6} else cell.rjust(width) + " "
                for at, (cell, width) in enumerate(zip(row, WIDTHS, strict=True))
            ]
            print(" ".join(cells).rstrip())
        print(f"{self.missed} of {len(self.lines)} missed")
        print("Limits in ms were set where a view of constant bytes takes 0.17 ms.")


# --- what is filled and asked -------------------------------------------------------------------


def fill(size: int, *, held: float) -> float:
    """Makes a thread of so many comments; returns how many a second."""
    from comments.actions.generating import generate_thread

    began = perf_counter()
    generate_thread(site_id=1, key=key_of(size), comments=size, seed=1, pending_share=held)
    rate = size / (perf_counter() - began)
    print(f"  filled a thread with {size:,} comments, {rate:,.0f} a second", flush=True)
    return rate


Ask = tuple[Server, bytes, int]
"""Where, what, and the status that is expected."""


def costs(given: argparse.Namespace, asked: Mapping[str, Ask]) -> dict[str, float]:
    """Returns the server's CPU time for each request in ms, the least of the rounds, in turns."""
    found: dict[str, float] = {}
    for _ in range(given.rounds):
        for name, (server, request, status) in asked.items():
            done = measure(
                server,
                [lambda request=request: request] * 2,  # type: ignore[misc]
                expected=status,
                most_requests=1_000_000,
                most_seconds=given.seconds,
            )
            found[name] = min(found.get(name, done.cpu_ms), done.cpu_ms)
    return found


def asked_once(
    server: Server, path: str, headers: Mapping[str, str] | None = None
) -> tuple[bytes, str]:
    """Returns the body of an answer, and its ETag."""
    client = Client(server.port)
    status, head, body = client.ask(request_bytes(path, headers=headers))
    client.close()
    if status != 200:
        raise SystemExit(f"{path} was answered {status}: {body[:300]!r}")
    etag = head.partition(b"etag:")[2].split(b"\r\n")[0].strip().decode().replace("w/", "W/")
    return body, etag


def constant(yardstick: Server, size: int) -> Ask:
    """Returns the request for so many constant bytes."""
    return yardstick, request_bytes(f"/constant/{size}/"), 200


@contextmanager
def servers(*, workers: int = 1, **environment: str) -> Iterator[tuple[Server, Server]]:
    """Gives the product and the yardsticks, each on a server of its own."""
    with (
        served(workers=workers, **environment) as product,
        served(workers=workers, application=YARDSTICKS) as yardstick,
    ):
        yield product, yardstick


def address(size: int, query: str, below: str = "") -> str:
    """Returns the address of the list of a thread, or of one ``below`` it."""
    return f"/api/v1/threads/{key_of(size)}/comments/{below}?{query}"


# --- 1 and 2: reads -----------------------------------------------------------------------------

FLAT = "limit=100"


def tree_query(server: Server, size: int) -> str:
    """Returns the query of a tree of about 100 comments: whole conversations, as many as fit."""
    body, _ = asked_once(server, address(size, "shape=tree&limit=100"))
    nodes, roots = 0, 0
    for item in json.loads(body)["items"]:
        nodes += _nodes(item)
        if nodes > 100 and roots:
            break
        roots += 1
    return f"shape=tree&limit={roots}"


def _nodes(item: dict[str, Any]) -> int:
    return 1 + sum(map(_nodes, item["children"]))


def middle_and_last(size: int) -> dict[str, str]:
    """Returns the queries of the middle and of the last page of the flat list."""
    from comments.models import Comment
    from comments.queries.cursors import write_cursor
    from comments.queries.listing import Shape, list_binding
    from comments.queries.threads import thread_by_key

    head = thread_by_key(site_id=1, key=key_of(size))
    comments = Comment.objects.filter(thread_id=head.id, reachable=True)
    found = {
        "middle": comments.filter(depth=0, number__gte=head.last_number // 2).order_by("number")[0],
        "last": comments.order_by("-path")[100],
    }
    return {
        name: f"{FLAT}&cursor="
        + write_cursor(
            ["n", bytes(one.path or b"").hex()], binding=list_binding(head, Shape(limit=100))
        )
        for name, one in found.items()
    }


def reads(given: argparse.Namespace, table: Table, sizes: Sequence[int]) -> None:
    """Measures lists of 100 comments: made anew, stored, and known to the client."""
    asked: dict[str, Ask] = {}
    largest = sizes[-1]
    with servers(PAGE_CACHE_BYTES="0") as (product, yardstick):
        bytes_of: dict[str, int] = {}
        for size in sizes:
            queries = {"flat": FLAT, "tree": tree_query(product, size)}
            if size == largest:
                queries |= middle_and_last(size)
            for name, query in queries.items():
                path = address(size, query)
                asked[f"{name} {size}"] = product, request_bytes(path), 200
                bytes_of[f"{name} {size}"] = len(asked_once(product, path)[0])
        for name, size in bytes_of.items():
            asked[f"constant {name}"] = constant(yardstick, size)
        cost = costs(given, asked)
    for shape in ("flat", "tree"):
        for size in sizes:
            name = f"{shape} {size}"
            what = f"{shape}, 100 of {size:,}, made anew"
            table.times(1, what, cost[name], ("constant bytes", cost[f"constant {name}"]), 8)
        smallest = ("of 100", cost[f"{shape} 100"])
        table.times(1, f"{shape}, of {largest:,}", cost[f"{shape} {largest}"], smallest, 1.2)
    for name in ("middle", "last"):
        first = ("first page", cost[f"flat {largest}"])
        table.times(1, f"{name} page of {largest:,}", cost[f"{name} {largest}"], first, 1.2)
    with servers() as (product, yardstick):
        path = address(largest, FLAT)
        body, etag = asked_once(product, path)
        known = request_bytes(path, headers={"If-None-Match": etag})
        cost = costs(
            given,
            {
                "stored": (product, request_bytes(path), 200),
                "constant": constant(yardstick, len(body)),
                "304": (product, known, 304),
            },
        )
    bytes_ = ("constant bytes", cost["constant"])
    table.times(2, "100 comments, stored", cost["stored"], bytes_, 3)
    table.times(2, "100 comments, stored: as far as it goes", cost["stored"], bytes_, 1.5)
    table.times(2, "304", cost["304"], bytes_, 2.5)


# --- 3: HTML ------------------------------------------------------------------------------------


def pages(given: argparse.Namespace, table: Table) -> None:
    """Measures the HTML of 100 comments: what scripts get, and the whole page of a post."""
    from django.utils import timezone

    from blog.models import Post
    from blog.publishing import save_post
    from comments.actions.generating import generate_thread
    from comments.models import ThreadState

    post = Post(
        site_id=1,
        slug=POST,
        title="A post",
        body="<p>Text.</p>",
        published_on=timezone.now().date(),
    )
    save_post(post, state=ThreadState.OPEN, premoderation=False, now=timezone.now())
    generate_thread(site_id=1, key=POST, comments=100, seed=1)
    as_json = f"/api/v1/threads/{POST}/comments/?{FLAT}"
    as_html = f"/api/v1/threads/{POST}/comments/"
    html = {"Accept": "text/html"}
    cost: dict[str, dict[str, float]] = {}
    for name, size_bytes in {"made": "0", "stored": str(8 * 1024 * 1024)}.items():
        with servers(PAGE_CACHE_BYTES=size_bytes) as (product, yardstick):
            size = len(asked_once(product, as_html, html)[0])
            cost[name] = costs(
                given,
                {
                    "json": (product, request_bytes(as_json), 200),
                    "html": (product, request_bytes(as_html, headers=html), 200),
                    "page": (product, request_bytes(f"/posts/{POST}/", headers=html), 200),
                    "constant": constant(yardstick, size),
                },
            )
    stored = ("JSON, stored", cost["stored"]["json"])
    table.times(3, "HTML of the thread, stored", cost["stored"]["html"], stored, 1.5)
    made, bytes_ = cost["made"], cost["made"]["constant"]
    table.milliseconds(3, "HTML of the thread, made anew", made["html"], bytes_, 8)
    table.times(3, "page of the post, stored", cost["stored"]["page"], stored, 1.5)
    table.milliseconds(3, "page of the post, made anew", made["page"], bytes_, 8)


# --- 4: posts -----------------------------------------------------------------------------------


def writes(given: argparse.Namespace, table: Table) -> None:
    """Measures posts of 8 clients, and counts what came of them."""
    from django.utils import timezone

    from comments.actions.checking import check_thread
    from comments.actions.threads import open_thread
    from comments.models import Comment, Thread

    large = "written-in-100000"
    keys = [WRITTEN, large, *(f"spread-{number}" for number in range(SPREAD))]
    for key in keys:
        open_thread(site_id=1, key=key, url=f"/{key}/", title=key, opened_at=timezone.now())
    from comments.actions.generating import generate_thread

    generate_thread(site_id=1, key=WRITTEN, comments=1, seed=2)
    size = min(100_000, given.comments)
    generate_thread(site_id=1, key=large, comments=size, seed=2)
    before = Comment.objects.filter(thread__key__in=keys).count()
    api = [f"/api/v1/threads/{key}/comments/" for key in keys]
    done: dict[str, Measured] = {}
    with servers(workers=2) as (product, yardstick):
        for name, server, addresses in (
            ("bare, one", yardstick, ["/bare/0/"]),
            ("one", product, api[:1]),
            ("large", product, api[1:2]),
            ("bare, spread", yardstick, [f"/bare/{number}/" for number in range(SPREAD)]),
            ("spread", product, api[2:]),
        ):
            done[name] = measure(
                server,
                [posts(f"{name} {client}", addresses) for client in range(CLIENTS)],
                expected=201,
                most_requests=1_000_000,
                most_seconds=given.post_seconds,
            )
    bare = ("bare transaction", done["bare, one"].per_second)
    table.share(4, "posts, 8 clients, one thread", done["one"].per_second, bare, 0.6)
    bare = ("bare transaction", done["bare, spread"].per_second)
    table.share(4, f"posts, 8 clients, {SPREAD} threads", done["spread"].per_second, bare, 0.6)
    empty = ("an empty thread", done["one"].cpu_ms)
    table.times(4, f"a post into a thread of {size:,}", done["large"].cpu_ms, empty, 1.1)
    table.times(
        4,
        "a post, CPU",
        done["one"].cpu_ms,
        ("bare transaction", done["bare, one"].cpu_ms),
        1 / 0.6,
    )
    held = lock_ms(WRITTEN)
    if held is None:
        table.add(4, "thread locked", "", "SQLite has one lock for all")
    else:
        table.most(4, "thread locked, median", held, "ms", 2)
    before += LOCKS + 1 if held is not None else 1  # of lock_ms, and the one that is counted
    table.add(4, "statements of a post", str(queries_of_a_post("counted")), "asserted in tests")
    sent = sum(done[name].requests + done[name].warmed_up for name in ("one", "large", "spread"))
    threads = Thread.objects.filter(key__in=keys)
    wrong = sum(1 for thread in threads for _ in check_thread(thread.pk))
    stored = Comment.objects.filter(thread__in=threads).count() - before
    lost = sent - stored
    table.add(
        4,
        "lost, or with a number of another",
        f"{lost} of {sent:,}",
        f"check_threads: {wrong} differ",
        limit="0",
        met=lost == 0 and wrong == 0,
    )


def lock_ms(key: str) -> float | None:
    """Returns how long a post holds the thread's lock: the median of ``LOCKS``, in a row."""
    from django.db import connection
    from django.utils import timezone

    from comments.actions import posting, recording
    from comments.actions.people import GuestName, Writer
    from comments.models import Thread

    if connection.vendor != "postgresql":
        return None
    locked, times = 0.0, []
    lock = recording.lock_thread

    def noting(thread_id: int, **more: Any) -> Thread:
        nonlocal locked
        thread = lock(thread_id, **more)
        locked = perf_counter()
        return thread

    commit = connection._commit  # type: ignore[attr-defined]

    def committed() -> None:
        nonlocal locked
        commit()
        if locked:
            times.append(perf_counter() - locked)
        locked = 0.0

    posting.lock_thread = noting  # type: ignore[attr-defined]
    connection._commit = committed  # type: ignore[attr-defined]
    try:
        thread_id = Thread.objects.get(key=key).pk
        for turn in range(LOCKS):
            posting.submit_comment(
                thread_id=thread_id,
                writer=Writer(guest=GuestName(f"Locker {turn}")),
                source=f"What was written in turn {turn}.",
                format="plain",
                reply_to_number=None,
                now=timezone.now(),
            )
    finally:
        posting.lock_thread = lock  # type: ignore[attr-defined]
        connection._commit = commit  # type: ignore[attr-defined]
    return 1000 * median(times)


# --- 5: counts and the queue --------------------------------------------------------------------


def lists(given: argparse.Namespace, table: Table) -> None:
    """Measures the counts of 50 pages, and the first page of the moderation queue."""
    from django.contrib.auth.models import User

    from comments.models import QueueItem

    keys = "&".join(f"key=spread-{number}" for number in range(SPREAD))
    counts, queue = f"/api/v1/counts/?{keys}", "/api/v1/moderation/queue/"
    session = {"Cookie": session_of(User.objects.create_superuser("moderator"))}
    with servers() as (product, yardstick):
        size = len(asked_once(product, counts)[0])
        asked_once(product, queue, session)
        cost = costs(
            given,
            {
                "counts": (product, request_bytes(counts), 200),
                "constant": constant(yardstick, size),
                "queue": (product, request_bytes(queue, headers=session), 200),
            },
        )
    yardstick_ = ("constant bytes", cost["constant"])
    table.times(5, f"counts of {SPREAD} pages, one query", cost["counts"], yardstick_, 3)
    waiting = QueueItem.objects.count()
    what = f"queue, first page of {waiting:,} held"
    table.milliseconds(5, what, cost["queue"], cost["constant"], 4)


# --- 6: memory, start, installed size -----------------------------------------------------------


def sizes_of_process(given: argparse.Namespace, table: Table, sizes: Sequence[int]) -> None:
    """Measures a worker under load, the start of the server, and what is installed."""
    began = perf_counter()
    with served(workers=1) as product:
        asked_once(product, "/api/v1/threads/?key=" + key_of(100))
        start_seconds, start_cpu = perf_counter() - began, product.cpu_seconds()
        half, end = under_load(product, sizes[-1], given.load_seconds)
    minutes = f"{given.load_seconds / 60:.1f} min"
    table.most(6, f"memory of a worker after {minutes} of load", end, "MB", 120)
    table.add(
        6,
        "growth in the second half",
        f"{end - half:+.1f} MB",
        f"half-way: {half:.0f} MB",
        f"{end / half:.2f}",
        "1.03 x",
        end <= 1.03 * half,
    )
    table.add(
        6,
        "cold start to the first answer",
        f"{start_seconds:.2f} s",
        f"CPU {start_cpu:.2f} s",
        "",
        "1.5 s",
        start_seconds <= 1.5,
    )
    table.most(6, "installed, without optional extras", installed_megabytes(), "MB", 130)


def under_load(server: Server, size: int, seconds: float) -> tuple[float, float]:
    """Returns the memory in MB after half of so long a load, and at its end.

    The load is pages of many cursors, trees, HTML and posts: more than the store of pages holds.
    """
    from comments.actions.generating import generate_thread
    from comments.models import Thread

    last = Thread.objects.get(key=key_of(size)).last_number
    if not Thread.objects.filter(key=WRITTEN).exists():
        generate_thread(site_id=1, key=WRITTEN, comments=1, seed=2)
    end = perf_counter() + seconds
    failed: list[bytes] = []

    def work(turn: int) -> None:
        client = Client(server.port)
        make_post = posts(f"load {turn}")
        while perf_counter() < end and not failed:
            turn += 97
            number = 1 + turn * 7919 % last
            for path, headers in (
                (address(size, f"{FLAT}&since_number={number}"), {}),
                (address(size, f"shape=tree&since_number={number}"), {}),
                (address(size, "", f"{number}/context/"), {"Accept": "text/html"}),
            ):
                status, _, body = client.ask(request_bytes(path, headers=headers))
                if status not in {200, 404}:  # nobody can reach a comment of this number
                    failed.append(body)
            status, _, body = client.ask(make_post())
            if status != 201:
                failed.append(body)
        client.close()

    clerks = [Clerk(target=work, args=(turn,)) for turn in range(4)]
    for clerk in clerks:
        clerk.start()
    sleep(seconds / 2)
    half = server.megabytes()
    for clerk in clerks:
        clerk.join()
    if failed:
        raise SystemExit(f"An answer under load: {failed[0][:300]!r}")
    return half, server.megabytes()


def installed_megabytes() -> float:
    """Returns the size of all files of the project's dependencies here, extras left out."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    waiting, size = [_named(one) for one in project["dependencies"]], 0
    seen: set[tuple[str, frozenset[str] | None]] = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            found = distribution(name)
        except PackageNotFoundError:  # of another platform
            continue
        if (name, None) not in seen:
            seen.add((name, None))
            paths = (Path(str(file.locate())) for file in found.files or ())
            size += sum(path.stat().st_size for path in paths if path.is_file())
        for one in found.requires or ():
            extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", one)
            if extra is None or extra[1] in extras:
                waiting.append(_named(one))
    return size / 1e6


def _named(requirement: str) -> tuple[str, frozenset[str]]:
    found = re.match(r"([A-Za-z0-9._-]+)\s*(?:\[([^]]*)\])?", requirement)
    if found is None:
        raise SystemExit(f"no requirement: {requirement}")
    return found[1].lower(), frozenset(filter(None, (found[2] or "").replace(" ", "").split(",")))


# --- 7: in bulk ---------------------------------------------------------------------------------


def bulk(given: argparse.Namespace, table: Table, rate: float) -> None:
    """Measures the commands that go through all comments: how fast, and in how much memory."""
    from django.db import connection

    on_postgresql = connection.vendor == "postgresql"
    table.add(
        7,
        f"generate_thread, {given.comments:,} comments",
        f"{rate:,.0f}/s",
        "",
        "",
        ">= 20,000/s",
        rate >= 20_000 if on_postgresql else None,
    )
    small = 10_000 if given.bulk > 10_000 else 100
    key, small_key = key_of(given.bulk), key_of(small)
    if given.bulk not in {100, 10_000, 100_000, given.comments}:
        fill(given.bulk, held=0.0)
    for name, arguments in {
        "rerender_comments": ["--all", "--key"],
        "check_threads": ["--key"],
        "rebuild_states": ["--thread"],
    }.items():
        _, less = command([name, *arguments, small_key])
        seconds, most = command([name, *arguments, key])
        table.add(
            7,
            f"{name}, {given.bulk:,} comments",
            f"{given.bulk / seconds:,.0f}/s",
            f"{most:.0f} MB; of {small:,}: {less:.0f} MB",
            f"{most / less:.2f}",
            "1.25 x",
            most <= 1.25 * less,
        )
    from comments.models import LogRow

    rows = LogRow.objects.count()
    seconds, most = command(["verify_log"])
    table.add(
        7,
        f"verify_log, {rows:,} rows",
        f"{rows / seconds:,.0f}/s",
        f"{most:.0f} MB",
        "",
        "120 MB",
        most <= 120,
    )


def command(arguments: Sequence[str]) -> tuple[float, float]:
    """Runs a command; returns seconds, and the most memory that it had, in MB.

    By the kernel's high-water mark while it runs: what ``wait4`` says begins with the memory of
    the process that started it.
    """
    began = perf_counter()
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    most = 0.0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        _, found, rest = status.partition("VmHWM:")
        if found:
            most = max(most, int(rest.split()[0]) / 1024)
        sleep(LOOK_SECONDS)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed")
    return perf_counter() - began, most


if __name__ == "__main__":
    sys.exit(main())
