"""Streams that a test opens, delays and leaves silent; the real ones are in ``streaming``.

What a browser does with a connection is the same whoever is at its other end, and the real process
neither hangs nor falls silent when a test would like it to.
"""

from __future__ import annotations

import json
import select
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from threading import Event, Thread


@dataclass
class Streams:
    """Where streams are asked for, and what they do."""

    port: int = 0
    hang: bool = False
    """Whether the next ones are accepted and never answered."""
    refuse: bool = False
    asked: list[str] = field(default_factory=list)
    """The address of each that was asked for."""
    connections: list[socket] = field(default_factory=list)
    """Of those that are there just now."""
    is_over: Event = field(default_factory=Event)

    @property
    def origin(self) -> str:
        """Returns what ``STREAM_URL`` says."""
        return f"http://127.0.0.1:{self.port}"

    def tell(self, version: int) -> None:
        """Tells all who listen of a change."""
        data = json.dumps({"version": version, "kind": "published", "number": None})
        for connection in self.connections:
            connection.sendall(f"id: {version}\nevent: change\ndata: {data}\n\n".encode())


@contextmanager
def fake_streams() -> Iterator[Streams]:
    """Gives the streams of a test."""
    streams = Streams()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answers as it is told to, and stays until one of both leaves."""
            streams.asked.append(self.path)
            if streams.refuse:
                self.send_error(503)
                return
            streams.connections.append(self.connection)
            if not streams.hang:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream; charset=utf-8")
                self.send_header("Access-Control-Allow-Origin", "*")
                self.end_headers()
                self.wfile.write(b"retry: 1000\n\n")
            with suppress(OSError):
                while not streams.is_over.is_set():
                    readable, _, _ = select.select([self.connection], [], [], 0.05)
                    if readable and not self.connection.recv(1024):
                        break
            streams.connections.remove(self.connection)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    streams.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield streams
    finally:
        streams.is_over.set()
        server.shutdown()
        server.server_close()
        thread.join()
