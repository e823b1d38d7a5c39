"""A mail server for tests, made of aiosmtpd: it takes mail, and misbehaves as a test wants.

Whatever it does it does at a named point of the conversation: ``mail``, ``rcpt``, ``data`` (before
it says to go on), ``end`` (the whole message is there), ``answered`` (after the yes to it).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from socket import create_connection
from ssl import SSLContext
from threading import Lock
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from django.test import override_settings

HANG_UP = "hang up"
"""In place of an answer: the connection is cut."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A mail as it came: the envelope, and every byte."""

    sender: str
    recipient: str
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        """Returns it parsed."""
        return message_from_bytes(self.raw, policy=policy.default)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A password as it came."""

    user: str
    password: str
    is_encrypted: bool


Script = Callable[[str, str], str | None]
"""From a point and the recipient to an answer, ``HANG_UP``, or ``None``: yes."""


def obliging(point: str, recipient: str) -> str | None:
    """Returns that there is nothing to object."""
    return None


class MailHost:
    """The server, for the length of a ``with`` block.

    Attributes:
        taken: what it has answered yes to, or has cut the connection after.
        script: asked at each point; may kill the sender, or wait.
        slow_seconds: how long it takes to answer a whole message.
        signed_in: the passwords that it was told; it takes any.
    """

    def __init__(
        self,
        *,
        pipelining: bool = True,
        starttls: SSLContext | None = None,
        ssl: SSLContext | None = None,
    ) -> None:
        """Makes a server.

        Args:
            starttls: for TLS when it is asked for.
            ssl: for TLS from the first byte on.
        """
        self.taken: list[Taken] = []
        self.signed_in: list[SignedIn] = []
        self.script: Script = obliging
        self.slow_seconds = 0.0
        self.sessions = 0
        self._pipelining = pipelining
        self._lock = Lock()
        self.starttls = starttls
        self._controller = _Controller(self, hostname="127.0.0.1", port=0, ssl_context=ssl)

    @property
    def port(self) -> int:
        """Returns the port it listens at, on 127.0.0.1."""
        found: int = self._controller.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        return found

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._controller.stop()

    # --- what aiosmtpd calls --------------------------------------------------------------------

    async def handle_EHLO(  # noqa: N802
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        """Says what it can."""
        session.host_name = hostname
        with self._lock:
            self.sessions += 1
        return [responses[0], "250-PIPELINING", *responses[1:]] if self._pipelining else responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answers to the sender."""
        answer = self._asked("mail", "", server)
        if answer is None or answer.startswith("2"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return answer or "250 2.1.0 yes"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answers to the recipient."""
        answer = self._asked("rcpt", address, server)
        if answer is None or answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer or "250 2.1.5 yes"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Answers to a whole message."""
        recipient = envelope.rcpt_tos[0]
        if self.slow_seconds:
            await asyncio.sleep(self.slow_seconds)
        # On a thread: a script that waits must not keep the other connections waiting.
        answer = await asyncio.get_running_loop().run_in_executor(
            None, self.script, "end", recipient
        )
        content = envelope.original_content
        assert isinstance(content, bytes)
        if answer is None or answer == HANG_UP or answer.startswith("2"):
            with self._lock:
                self.taken.append(Taken(str(envelope.mail_from), recipient, content))
        if answer == HANG_UP:
            _cut(server)
            return "421 4.3.0 gone"
        return answer or "250 2.0.0 taken"

    def sign_in(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """Takes any password, and writes it down."""
        assert isinstance(data, LoginPassword)
        is_encrypted = server.transport.get_extra_info("ssl_object") is not None  # type: ignore[union-attr]
        with self._lock:
            self.signed_in.append(
                SignedIn(data.login.decode(), data.password.decode(), is_encrypted)
            )
        return AuthResult(success=True, auth_data=data)

    def _asked(self, point: str, recipient: str, server: SMTP) -> str | None:
        answer = self.script(point, recipient)
        if answer == HANG_UP:
            _cut(server)
            return "421 4.3.0 gone"
        return answer


@contextmanager
def mail_host(
    *,
    pipelining: bool = True,
    starttls: SSLContext | None = None,
    ssl: SSLContext | None = None,
) -> Iterator[MailHost]:
    """Gives a mail server that Django's mail goes to meanwhile."""
    with (
        MailHost(pipelining=pipelining, starttls=starttls, ssl=ssl) as server,
        override_settings(
            EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
            EMAIL_HOST="127.0.0.1",
            EMAIL_PORT=server.port,
        ),
    ):
        yield server


def _cut(server: SMTP) -> None:
    transport = server.transport
    assert transport is not None
    transport.abort()  # type: ignore[attr-defined]


class _Smtp(SMTP):
    """Cuts, or asks the script, at points that aiosmtpd has no hook for."""

    def __init__(self, host: MailHost, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._host = host

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        """Asks before it says to go on."""
        recipient = (self.envelope.rcpt_tos or [""])[0] if self.envelope else ""
        answer = self._host.script("data", recipient) if recipient else None
        if answer == HANG_UP:
            _cut(self)
            return
        if answer is not None:
            await self.push(answer)
            return
        await super().smtp_DATA(arg)
        self._host.script("answered", recipient)


class _Controller(Controller):
    def __init__(self, host: MailHost, **kwargs: Any) -> None:
        super().__init__(host, **kwargs)
        self._host = host

    def factory(self) -> SMTP:
        """Returns what speaks with one client."""
        return _Smtp(
            self._host,
            self.handler,
            data_size_limit=10**7,
            enable_SMTPUTF8=False,
            tls_context=self._host.starttls,
            # It would take a password in plain words: none is to come.
            auth_require_tls=False,
            authenticator=self._host.sign_in,
        )

    def _trigger_server(self) -> None:
        """Connects once: aiosmtpd waits for that, at a port that it was told, and ours was not."""
        with create_connection(("127.0.0.1", self._host.port), timeout=60) as client:
            if self.ssl_context is None:  # otherwise nobody speaks before the handshake
                client.recv(1024)
