"""Handing a message to whoever takes it on: a mail server, or the receiver of a webhook.

Slow, and it may fail: never to be called inside a transaction. What is raised carries no address
and no word of the other side, because those stand in its answers ("550 <ana@…> unknown").
"""

from __future__ import annotations

import os
import re
import smtplib
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from http.client import HTTPConnection, HTTPException
from threading import Event, Timer
from time import monotonic
from types import TracebackType
from typing import Self

from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from comments.rules.webhooks import Target, is_public, outcome_of, target_of

CONNECT_SECONDS = 5
TOTAL_SECONDS = 10
PERMANENT = 500
"""From this SMTP code on, a server says that it will never take the message (RFC 5321, 4.2.1)."""

_ENHANCED = re.compile(rb"\A[245]\.\d{1,3}\.\d{1,3}\b")
"""How the text of an SMTP answer begins where the server says more exactly why (RFC 3463)."""


class Undelivered(Exception):
    """A message was not taken on, or nobody knows whether it was.

    Attributes:
        why: for the operator, without personal data.
        for_good: another try would come to the same.
        perhaps_left: the other side may have taken it on all the same.
    """

    def __init__(self, why: str, *, for_good: bool = False, perhaps_left: bool = False) -> None:
        super().__init__(why)
        self.why, self.for_good, self.perhaps_left = why, for_good, perhaps_left


class Mailbox:
    """The way to the mail server: opened for the first message and kept for those after it."""

    def __init__(self) -> None:
        self.is_out_of_reach = False
        """The server could not be reached, so that there is no sense in further messages now."""
        self._connection: BaseEmailBackend | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self._connection is not None:
            with suppress(OSError):  # which every exception of smtplib is
                self._connection.close()

    def send(self, message: EmailMessage) -> None:
        """Returns when the mail server has taken the message on.

        Raises:
            Undelivered: it has not, or nobody knows.
        """
        self._connection = connection = self._connection or get_connection()
        try:
            connection.open()
        except OSError as error:
            self.is_out_of_reach = True
            self._close()
            raise Undelivered(_why(error)) from None
        try:
            connection.send_messages([message])
        except OSError as error:
            self._close()
            raise _undelivered(error) from None


def _undelivered(error: OSError) -> Undelivered:
    code = _answer_in(error)[0]
    if code is None:
        # Cut off, or too slow: perhaps after the last dot.
        return Undelivered(_why(error), perhaps_left=True)
    return Undelivered(_why(error), for_good=code >= PERMANENT)


def _answer_in(error: OSError) -> tuple[int | None, bytes]:
    """Returns code and text of a mail server's answer; no code where it has given none."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        answers = list(error.recipients.values())
        return answers[0] if answers else (None, b"")
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        return error.smtp_code, text if isinstance(text, bytes) else text.encode()
    return None, b""


def _why(error: Exception) -> str:
    code, text = _answer_in(error) if isinstance(error, OSError) else (None, b"")
    exact = _ENHANCED.match(text)
    said = [str(code)] if code is not None else []
    return " ".join([type(error).__name__, *said, *([exact[0].decode()] if exact else [])])


def post_json(*, url: str, body: bytes, headers: Mapping[str, str], allow_private: bool) -> None:
    """Returns when the receiver has answered with a 2xx. Follows no redirect.

    The name is resolved once, and what is checked is what is connected to: a name that leads
    elsewhere at the second look gains nothing.

    Args:
        url: ASCII.
        allow_private: also to addresses that are not of the public internet.

    Raises:
        Undelivered: the address is not allowed, or the receiver cannot be reached, is too slow, or
            answers with something else.
    """
    try:
        target = target_of(url)
    except ValueError as error:
        raise Undelivered(str(error), for_good=True) from None
    began = monotonic()
    with closing(_connected(target, allow_private=allow_private)) as plain:
        try:
            with _hung_up(plain, after_seconds=TOTAL_SECONDS - (monotonic() - began)):
                status = _posted(plain, target, body=body, headers=headers)
        except (OSError, HTTPException, ValueError) as error:
            raise Undelivered(_why(error), perhaps_left=True) from None
    outcome = outcome_of(status)
    if outcome != "sent":
        raise Undelivered(f"HTTP {status}", for_good=outcome == "failed", perhaps_left=True)


def _connected(target: Target, *, allow_private: bool) -> socket.socket:
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Undelivered(_why(error)) from None
    if not allow_private and not all(is_public(str(address[0])) for *_, address in found):
        raise Undelivered("the address is not public (WEBHOOK_PRIVATE)", for_good=True)
    until = monotonic() + CONNECT_SECONDS
    why = "no address"
    for family, kind, protocol, _, address in found:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(max(until - monotonic(), 0.01))
            connection.connect(address)
        except OSError as error:
            connection.close()
            why = _why(error)
        else:
            return connection
    raise Undelivered(why)


@contextmanager
def _hung_up(connection: socket.socket, *, after_seconds: float) -> Iterator[None]:
    """Ends a connection after a time, whatever is going on over it.

    The timeout of a socket is for each piece that comes: one byte every nine seconds would hold us
    for ever.

    Raises:
        TimeoutError: the time was over before the block was.
    """
    own = socket.socket(fileno=os.dup(connection.fileno()))
    is_over = Event()

    def hang_up() -> None:
        is_over.set()
        with suppress(OSError):
            own.shutdown(socket.SHUT_RDWR)

    watchdog = Timer(max(after_seconds, 0.01), hang_up)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()
        watchdog.join()
        own.close()
    # What an answer was cut off in the midst of may look whole.
    if is_over.is_set():
        raise TimeoutError


def _posted(
    plain: socket.socket, target: Target, *, body: bytes, headers: Mapping[str, str]
) -> int:
    """Returns the status of the answer; the rest of it is not read."""
    plain.settimeout(TOTAL_SECONDS)
    connection = HTTPConnection(target.host, target.port)
    connection.sock = plain
    if target.scheme == "https":
        connection.sock = _tls().wrap_socket(plain, server_hostname=target.host)
    with closing(connection):
        connection.request(
            "POST", target.path, body=body, headers={"Host": target.authority, **headers}
        )
        with closing(connection.getresponse()) as response:
            return response.status


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
