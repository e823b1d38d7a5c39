"""Starts the production server, which ``make run`` and an operator use alike.

The server (``blog.serving``) replaces this process, so that it holds nothing of Django in its
parent and signals reach it directly: SIGTERM and Ctrl-C end it after the requests under way, and
SIGHUP lets new workers take the place of the old ones without a failed request.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper
from django.db import InterfaceError, OperationalError, ProgrammingError, connections
from django.http.request import validate_host
from django.urls import reverse

from blog.env import LAST_PORT, ROOT, port_named, read_environment, require_secret_key
from blog.models import Post
from comments.management.tables import explain

logger = logging.getLogger(__name__)

ALLOCATOR = {"MALLOC_ARENA_MAX": "2"}
"""For the C library of the server and of all that it begins: by itself it keeps memory apart for
each thread, which gains nothing where threads take turns, and costs a worker some megabytes."""
# As many as granian takes for sensible; each holds a connection to the database.
THREADS = min(8, 2 * (os.cpu_count() or 1) + 1)

HTTP_PORT = 80
PORTS_TRIED = 20
"""For streams, where no port was chosen."""


class LoggedOutput(OutputWrapper):
    """What a command writes, as lines of the log."""

    def __init__(self, level: int) -> None:
        super().__init__(sys.stderr)
        self._level = level

    def write(self, msg: str = "", *_: Any, **__: Any) -> None:  # type: ignore[override]
        """Logs it as one line."""
        logger.log(self._level, " ".join(msg.split()))


class ServerCommand(BaseCommand):
    """A command whose output is the log of a site, in lines of JSON where that is JSON."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if read_environment().log_format == "json":
            self.stdout, self.stderr = LoggedOutput(logging.INFO), LoggedOutput(logging.ERROR)


class Command(ServerCommand):
    """``manage.py serve``."""

    stream_port: int | None = None
    """Where the live streams are served, if they are."""

    help = "Serves the site with granian; --first-run makes a new installation ready before."
    requires_system_checks = ()  # after the port has been looked at

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares where to listen, and with how many processes and threads."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=port_number, default=8000)
        parser.add_argument(
            "--workers",
            type=int,
            default=1,
            help="processes; more than one wants CACHE_URL to name a Redis that they share",
        )
        parser.add_argument(
            "--threads", type=int, default=THREADS, help=f"of each process (default {THREADS})"
        )
        parser.add_argument(
            "--no-work",
            action="store_true",
            help="without a process for background work beside it: `manage.py work` runs elsewhere",
        )
        parser.add_argument(
            "--stream-port",
            type=port_number,
            default=read_environment().stream_port,
            help="of the live streams (default: STREAM_PORT, else the one after --port; with DEBUG "
            "or --first-run the next that is free)",
        )
        parser.add_argument(
            "--no-stream",
            action="store_true",
            help="without a process for live streams beside it: `manage.py stream` runs elsewhere, "
            "or nobody needs them",
        )
        parser.add_argument("--first-run", action="store_true", help="see manage.py first_run")

    def handle(self, *args: Any, **options: Any) -> None:
        """Replaces this process by the server; Ctrl-C before that ends it without a word.

        Raises:
            CommandError: the address cannot be listened at, or the project is not in order.
        """
        try:
            self._prepare(options)
        except KeyboardInterrupt:
            sys.exit(128 + signal.SIGINT)
        # Blocked until the server can hear it; a blocked signal stays so in what replaces us.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        command = [sys.executable, "-m", "blog.serving"]
        command += ["--host", options["host"], "--port", str(options["port"])]
        command += ["--workers", str(options["workers"]), "--threads", str(options["threads"])]
        command += ["--log-format", read_environment().log_format]
        command += [] if options["no_work"] else ["--work"]
        if self.stream_port is not None:
            command += ["--stream-port", str(self.stream_port)]
        for name, value in ALLOCATOR.items():
            os.environ.setdefault(name, value)
        # ``-m`` finds this package in the working directory, wherever the command was given.
        os.chdir(ROOT)
        os.execv(sys.executable, command)  # noqa: S606

    def _prepare(self, options: dict[str, Any]) -> None:
        """Looks at all that could be wrong, and says where the pages are."""
        host, port = options["host"], options["port"]
        try:
            require_secret_key()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None
        refuse_taken(host=host, port=port)
        self.stream_port = prepare_stream(options)
        if self.stream_port not in {None, options["stream_port"], port + 1}:
            taken = f"Port {port + 1} is taken: live streams are at port {self.stream_port}."
            self.stdout.write(taken)
        if options["first_run"]:
            # Not to the log, which holds no password.
            call_command("first_run", stdout=options.get("stdout"))
        self.check()
        try:
            self._say_addresses(host=host, port=port)
        except (OperationalError, InterfaceError, ProgrammingError) as error:
            explain(error)
        connections.close_all()

    def _say_addresses(self, *, host: str, port: int) -> None:
        """Prints where the newest post, the API's documentation and the admin are."""
        origin = shown_origin(host=host, port=port)
        post = Post.objects.first()
        if post is not None:
            self.stdout.write(f"The post   {origin}{post.get_absolute_url()}")
        self.stdout.write(f"The API    {origin}{reverse('docs')}")
        self.stdout.write(f"The admin  {origin}{reverse('admin:index')}")
        self.stdout.write("Ctrl-C stops the server.")
        self.stdout.flush()


def shown_origin(*, host: str, port: int) -> str:
    """Returns an origin that answers to its name: the site's, or one at an allowed host."""
    environment = read_environment()
    if environment.site_url_is_set:
        return environment.site_url
    named = f"[{host}]" if ":" in host else host
    if not validate_host(named, settings.ALLOWED_HOSTS):
        named = next(iter(settings.ALLOWED_HOSTS), "localhost").removeprefix(".")
    return f"http://{named}:{port}"


def prepare_stream(options: dict[str, Any]) -> int | None:
    """Returns the port to serve live streams at, or ``None`` for no streams.

    Without ``STREAM_URL`` readers find them at a port of the site's own host. So there are none
    where readers reach the site through a proxy, of which nobody here knows what it passes on.
    What the server and its processes are to know of it is left in the environment.

    Raises:
        CommandError: the port that was asked for is taken.
    """
    environment = read_environment()
    host, port = options["host"], options["port"]
    site = urlsplit(environment.site_url)
    is_reached_directly = site.scheme == "http" and (site.port or HTTP_PORT) == port
    if options["no_stream"] or not (environment.stream_url or is_reached_directly):
        return None
    chosen: int | None = options["stream_port"]
    if chosen is None and (environment.debug or options["first_run"]):
        chosen = free_port(host=host, after=port)
    else:
        # A proxy would look for streams where they are not.
        chosen = chosen or port + 1
        refuse_taken(host=host, port=chosen, named="STREAM_PORT= or --stream-port")
    if not environment.stream_url:
        os.environ["STREAM_URL"] = f":{chosen}"
    return chosen


def free_port(*, host: str, after: int) -> int:
    """Returns the first port after another one that is free to listen at.

    Raises:
        CommandError: none of those that were tried is.
    """
    for port in range(after + 1, after + 1 + PORTS_TRIED):
        with suppress(CommandError):
            refuse_taken(host=host, port=port)
            return port
    raise CommandError(f"No port after {after} is free for streams: see STREAM_PORT, --no-stream.")


def port_number(text: str) -> int:
    """Returns the TCP port that a text names.

    Raises:
        argparse.ArgumentTypeError: it names none.
    """
    try:
        return port_named(text)
    except ValueError:
        wrong = f"{text!r} is no port; one is a number up to {LAST_PORT}"
        raise argparse.ArgumentTypeError(wrong) from None


def refuse_taken(*, host: str, port: int, named: str = "PORT= (make run) or --port") -> None:
    """Returns when the address is free to listen at.

    Args:
        named: by what another port is chosen.

    Raises:
        CommandError: another program listens there, or this machine has no such address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server does: connections of a server that has just stopped are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise CommandError(
                f"Cannot listen at {host}:{port}: {reason}. Choose another port with {named}."
            ) from error
