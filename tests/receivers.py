"""Real servers for what leaves: one that takes mail, and one that takes webhooks."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

PATIENCE_SECONDS = 60


class _Threaded:
    """A server of ``socketserver`` in a thread, for the length of a ``with`` block."""

    server: Any

    @property
    def port(self) -> int:
        """Returns the port it listens at, on 127.0.0.1."""
        port: int = self.server.server_address[1]
        return port

    def __enter__(self) -> Self:
        self._thread = Thread(target=self.server.serve_forever, args=[0.01])
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.let_go.set()
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()

    def __init__(self) -> None:
        self.let_go = Event()
        """Set, it lets go of those whom a server keeps waiting on purpose."""


@dataclass(frozen=True, slots=True)
class Received:
    """A mail as it came: the envelope, and every byte."""

    sender: str
    recipients: list[str]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        """Returns it parsed."""
        return message_from_bytes(self.raw, policy=policy.default)


class MailServer(_Threaded):
    """Takes mail, or answers what a test wants.

    ``answers`` maps a verb (``MAIL``, ``RCPT``, ``DATA``, and ``.`` for the end of a message) to
    what is answered instead of yes; an empty answer hangs up. ``waits_after_dot`` keeps whoever has
    sent a whole message waiting.
    """

    def __init__(self) -> None:
        super().__init__()
        self.received: list[Received] = []
        self.answers: dict[str, str] = {}
        self.sessions = 0
        self.waits_after_dot = False
        self.server = ThreadingTCPServer(("127.0.0.1", 0), _MailSession)
        self.server.daemon_threads = True
        self.server.told = self


class _MailSession(StreamRequestHandler):
    def handle(self) -> None:
        """Speaks SMTP (RFC 5321) until the other side has enough."""
        told: MailServer = self.server.told  # type: ignore[attr-defined]
        told.sessions += 1
        sender, recipients = "", list[str]()
        self._say("220 ready")
        while line := self.rfile.readline():
            verb = line[:4].decode("ascii", "replace").strip().upper()
            answer = told.answers.get(verb, "354 go on" if verb == "DATA" else "250 yes")
            if verb == "MAIL":
                sender, recipients = _address_in(line), []
            if verb == "QUIT":
                return self._say("221 bye")
            if not answer:
                return None
            if verb == "RCPT" and answer.startswith("2"):
                recipients.append(_address_in(line))
            self._say(answer)
            if verb == "DATA" and answer.startswith("3"):
                raw = b"".join(iter(self.rfile.readline, b".\r\n")).replace(b"\r\n..", b"\r\n.")
                answer = told.answers.get(".", "250 taken")
                if answer[:1] in {"2", ""}:
                    told.received.append(Received(sender, recipients, raw))
                if told.waits_after_dot:
                    told.let_go.wait(PATIENCE_SECONDS)
                if not answer:
                    return None
                self._say(answer)
        return None

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


def _address_in(line: bytes) -> str:
    return line.decode().partition("<")[2].partition(">")[0]


@dataclass(frozen=True, slots=True)
class Posted:
    """A webhook as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


class HookServer(_Threaded):
    """Takes webhooks, and answers with ``status``.

    ``drips`` sends the beginning of an answer byte by byte and never comes to an end.
    """

    def __init__(self, *, certificate: Path | None = None) -> None:
        super().__init__()
        self.received: list[Posted] = []
        self.status = 200
        self.location = ""
        self.drips = False
        self.server = _QuietServer(("127.0.0.1", 0), _HookRequest)
        self.server.told = self
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )

    @property
    def url(self) -> str:
        """Returns where to post to."""
        return f"http://127.0.0.1:{self.port}/hook?x=1"


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    told: HookServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: clients that hang up are what some tests are about."""


class _HookRequest(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Keeps what came, and answers."""
        told: HookServer = self.server.told  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        told.received.append(Posted(self.path, dict(self.headers.items()), body))
        if told.drips:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not told.let_go.wait(0.02):
                self.wfile.write(b"x")
        self.send_response(told.status)
        if told.location:
            self.send_header("Location", told.location)
        self.end_headers()

    def do_GET(self) -> None:
        """Answers what follows a redirect as what comes by itself."""
        told: HookServer = self.server.told  # type: ignore[attr-defined]
        told.received.append(Posted(self.path, dict(self.headers.items()), b""))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""
