"""``manage.py stream``: the live streams of threads; ``manage.py serve`` runs one beside itself.

The server is part of this very process, so that it can be told to end its streams before it waits
for them, and notices when the process that began it is gone. Any number of these may run at once.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import signal
from contextlib import suppress
from copy import deepcopy
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, CommandParser
from django.db import connections
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server

from blog.env import require_secret_key
from blog.management.commands.serve import ServerCommand, port_number, refuse_taken
from comments.conf import options

LOOK_SECONDS = 0.5
"""How often the process looks whether the one that began it still is there."""
STOP_SECONDS = 3
"""How long connections have to close; who does not read what he was sent holds nobody up."""
SPARE_CONNECTIONS = 500
"""More than streams may be open: who is one too many has to be told so."""
SPARE_FILES = 200
SMALLEST_BUFFER = 8192
"""Of granian, for each connection. A reader who does not read must not fill our memory."""


class Command(ServerCommand):
    """``manage.py stream``."""

    help = "Serves the live streams of threads until it is told to stop."
    requires_system_checks = ()  # the server has made them

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares where to listen."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=port_number, default=8001)
        parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        """Serves until SIGTERM, Ctrl-C, or the end of the process that began this one.

        Raises:
            CommandError: the address cannot be listened at, or the project is not in order.
        """
        try:
            require_secret_key()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None
        refuse_taken(host=options["host"], port=options["port"])
        connections.close_all()
        # Who began this one with Ctrl-C held back tells it to end by SIGTERM.
        asyncio.run(serve(options["host"], options["port"], parent=options["parent"]))
        # Threads that wait for a database that is away are not waited for.
        os._exit(0)


async def serve(host: str, port: int, *, parent: int | None) -> None:
    """Serves the streams until the process is told to stop, and then ends them."""
    from blog.asgi import application

    connections_at_most = (options().streams_most or 100_000) + SPARE_CONNECTIONS
    allow_files(connections_at_most + SPARE_FILES)
    server = Server(
        application,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=4096,
        backpressure=connections_at_most,
        http1_settings=HTTP1Settings(max_buffer_size=SMALLEST_BUFFER),
        log_level=LogLevels.error,
        log_dictconfig=deepcopy(settings.LOGGING),  # granian adds to it
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    serving = loop.create_task(server.serve())
    while not stop.is_set() and not serving.done():
        if parent is not None and os.getppid() != parent:
            break
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await stop.wait()
    # Before the server, which waits for each connection.
    await application.end()
    server.stop()  # type: ignore[no-untyped-call]
    await asyncio.wait({serving}, timeout=STOP_SECONDS)
    if serving.done():
        serving.result()


def allow_files(wanted: int) -> None:
    """Lets this process have as many open files as it needs, where the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
