"""What both benchmarks share: a database and a server of their own, clients, a table.

The clients run on the same machine and take their share of it, so requests per second say less than
CPU time for each request: that of all processes of the server, the database's own not counted.
"""

from __future__ import annotations

import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from time import perf_counter, sleep
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parents[2]
POSTGRES = os.environ.get("TEST_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
SQLITE = "sqlite://"
PATIENCE_SECONDS = 30
WARM_UP = 10
"""Requests before measuring begins."""


# --- databases ----------------------------------------------------------------------------------


def each_database(script: str) -> int:
    """Runs a script again for each database that answers here; returns the exit code."""
    code = 0
    for url in (SQLITE, POSTGRES):
        if url == POSTGRES and not answers(url):
            print(f"No PostgreSQL answers at {urlsplit(url).netloc} (TEST_DATABASE_URL).")
            continue
        again = [sys.executable, script, *sys.argv[1:], "--database-url", url]
        code |= subprocess.run(again, check=False).returncode
    return code


def answers(url: str) -> bool:
    """Returns whether a PostgreSQL server answers at this URL."""
    try:
        psycopg.connect(url, connect_timeout=3).close()
    except psycopg.Error:
        return False
    return True


@contextmanager
def temporary_database(url: str) -> Iterator[str]:
    """Gives the URL of a new, migrated database: a file, or one on the server that ``url`` names.

    Sets up Django on it in this process, so it can be used once in a process.
    """
    with _new_database(url) as new:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "blog.settings",
            "DATABASE_URL": new,
            "CACHE_URL": "locmemcache://benchmark",
            "SECRET_KEY": secrets.token_hex(32),
            "ALLOWED_HOSTS": "127.0.0.1,testserver",
            "SITE_ID": "1",
            "RATE_LIMITS": "off",
            "LOG_LEVEL": "WARNING",
            "DEBUG": "",
        }
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        call_command("migrate", verbosity=0)
        try:
            yield new
        finally:
            connections.close_all()


@contextmanager
def _new_database(url: str) -> Iterator[str]:
    if urlsplit(url).scheme == "sqlite":
        with tempfile.TemporaryDirectory(prefix="rejoinder-") as directory:
            yield f"sqlite:///{directory}/benchmark.sqlite3"
        return
    name = f"rejoinder_benchmark_{secrets.token_hex(4)}"
    create = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL(create).format(sql.Identifier(name)))
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))


# --- the server ---------------------------------------------------------------------------------


@dataclass(slots=True)
class Server:
    """The production server, running."""

    port: int
    process: subprocess.Popen[bytes]

    def cpu_seconds(self) -> float:
        """Returns the CPU time that its processes have taken so far (Linux, ``proc(5)``)."""
        ticks = 0
        for pid in _family(self.process.pid):
            values = (
                Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            )
            ticks += int(values[11]) + int(values[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def megabytes(self) -> float:
        """Returns the memory that its largest process has in use (Linux, ``proc(5)``)."""
        return max(rss_megabytes(pid) for pid in _family(self.process.pid))


def rss_megabytes(pid: int) -> float:
    """Returns the memory that a process has in use (Linux, ``proc(5)``)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            yield from _family(int(child))


@contextmanager
def served(
    *, workers: int, application: str = "blog.wsgi:application", **environment: str
) -> Iterator[Server]:
    """Gives a server on the database of this process, with more variables in its environment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--log-level", "error"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", str(workers)]
    command += ["--blocking-threads", "4", "--no-access-log", application]
    # Here: the module is of a Django project, which scripts without one import this file before.
    from blog.management.commands.serve import ALLOCATOR

    variables = {**ALLOCATOR, **os.environ, **environment}
    process = subprocess.Popen(command, cwd=ROOT, env=variables)
    try:
        wait_for_port(port, process)
        yield Server(port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Returns when a server that is starting takes connections.

    Raises:
        SystemExit: it ended, or took too long.
    """
    for _ in range(PATIENCE_SECONDS * 20):
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        sleep(0.05)
    raise SystemExit("The server did not start.")


# --- clients ------------------------------------------------------------------------------------


class Client:
    """A connection that is kept, with as little work for each request as there can be."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> tuple[int, bytes, bytes]:
        """Returns status, head and body of the answer to a request."""
        self._socket.sendall(request)
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        head, body = data[:end].lower(), data[end + 4 :]
        _, found, rest = head.partition(b"content-length:")
        length = int(rest.split(b"\r\n", 1)[0]) if found else 0
        while len(body) < length:
            body += self._more()
        return int(head[9:12]), head, body

    def _more(self) -> bytes:
        data = self._socket.recv(262_144)
        if not data:
            raise ConnectionError("the server hung up")
        return data

    def close(self) -> None:
        """Hangs up."""
        self._socket.close()


def request_bytes(
    path: str,
    *,
    method: str = "GET",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Returns a request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: application/json"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass(slots=True)
class Measured:
    """What a run of many requests came to."""

    requests: int
    seconds: float
    cpu_seconds: float
    size_bytes: int
    waits: list[float] = field(default_factory=list)
    warmed_up: int = 0
    """Requests before that, answered as expected."""

    @property
    def per_second(self) -> float:
        """Returns the requests answered in a second."""
        return self.requests / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Returns the server's CPU time for a request, in milliseconds."""
        return 1000 * self.cpu_seconds / self.requests

    def wait_ms(self, share: float) -> float:
        """Returns how long, in milliseconds, this share of the requests took at most."""
        return 1000 * sorted(self.waits)[min(len(self.waits) - 1, int(share * len(self.waits)))]


def measure(
    server: Server,
    requests_of: Sequence[Callable[[], bytes]],
    *,
    expected: int,
    most_requests: int,
    most_seconds: float,
) -> Measured:
    """Returns what clients came to that ask again and again, one for each of ``requests_of``.

    Ends after so many requests altogether, or so many seconds, whichever comes first.

    Raises:
        SystemExit: an answer had another status than ``expected``.
    """
    wrong: list[tuple[int, bytes]] = []
    waits: list[float] = []
    size = 0

    def work(make: Callable[[], bytes], count: int) -> None:
        nonlocal size
        client = Client(server.port)
        try:
            for _ in range(count):
                asked = perf_counter()
                if asked > end or wrong:
                    break
                status, _, body = client.ask(make())
                waits.append(perf_counter() - asked)
                size = len(body)
                if status != expected:
                    wrong.append((status, body))
        finally:
            client.close()

    end = perf_counter() + most_seconds
    work(requests_of[0], WARM_UP)
    warmed_up = len(waits)
    waits.clear()
    each = max(1, most_requests // len(requests_of))
    threads = [Thread(target=work, args=(make, each)) for make in requests_of]
    cpu, began = server.cpu_seconds(), perf_counter()
    end = began + most_seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = perf_counter() - began
    if wrong:
        raise SystemExit(f"An answer was {wrong[0][0]}, not {expected}: {wrong[0][1][:500]!r}")
    return Measured(len(waits), seconds, server.cpu_seconds() - cpu, size, waits, warmed_up)


# --- output -------------------------------------------------------------------------------------


def print_command(database_url: str) -> None:
    """Prints what was called, so that a table says how it came about; no password is in it."""
    script = Path(sys.argv[0]).resolve()
    name = script.relative_to(ROOT) if script.is_relative_to(ROOT) else script
    shown = without_password(database_url)
    arguments = [argument.replace(database_url, shown) for argument in sys.argv[1:]]
    print(f"$ python {name} {shlex.join(arguments)}", flush=True)


def without_password(database_url: str) -> str:
    """Returns a URL that leads to the same database, for whoever needs no password there."""
    begin, slashes, rest = database_url.partition("://")
    place, slash, more = rest.partition("/")
    user, at, host = place.rpartition("@")
    return f"{begin}{slashes}{user.partition(':')[0]}{at}{host}{slash}{more}"


def print_row(*cells: object, widths: Sequence[int]) -> None:
    """Prints a line of a table: the first cell on the left, numbers on the right."""
    first, *rest = cells
    line = str(first).ljust(widths[0])
    for cell, width in zip(rest, widths[1:], strict=True):
        text = (
            f"{cell:,.2f}"
            if isinstance(cell, float)
            else f"{cell:,}"
            if isinstance(cell, int)
            else str(cell)
        )
        line += text.rjust(width)
    print(line, flush=True)
