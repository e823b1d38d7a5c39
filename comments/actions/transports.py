"""Ways that the bytes of a mail leave: an SMTP server, files, or another backend of Django.

A transport knows nothing of subscribers and of the database. It says of each message how far it
came and what was answered; what that means is decided in ``rules/sending.py``.
"""

from __future__ import annotations

import os
import re
import smtplib
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.utils import parseaddr
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.filebased import EmailBackend as FileBackend
from django.core.mail.backends.smtp import EmailBackend as SmtpBackend

from comments.rules.sending import Answer, Stage

COMMAND_SECONDS = 120
"""For each answer but the last (RFC 5321, 4.5.3.2, asks for 5 minutes; operators for less)."""
END_SECONDS = 600
"""For the answer to a whole message (RFC 5321, 4.5.3.2.6): who waits less sends it twice."""

_ENHANCED = re.compile(rb"\s*([245]\.\d{1,3}\.\d{1,3})\b")
_OK, _GO_ON = 250, 354
_SERVER_CLOSES = 421
_PERMANENT = 500


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message on its way."""

    key: str
    """Names the message; the same each time it is sent."""
    sender: str
    """Of the envelope, where bounces go."""
    recipient: str
    content: bytes
    """RFC 5322, lines ended by CRLF, 7 bits."""


class Transport(Protocol):
    """What takes messages, one after another; not to be shared between threads."""

    def send(self, parcel: Parcel) -> Answer:
        """Returns what came of a message. Never raises."""

    def close(self) -> None:
        """Ends the connection, if there is one."""


def new_transport(*, end_seconds: float = END_SECONDS) -> Transport:
    """Returns a transport for the backend that Django is configured with; opens nothing yet.

    Args:
        end_seconds: how long to wait for the answer to a whole message.
    """
    backend = get_connection()
    if isinstance(backend, SmtpBackend):
        return SmtpTransport(backend, end_seconds=end_seconds)
    if isinstance(backend, FileBackend):
        return FileTransport(Path(settings.EMAIL_FILE_PATH))
    return BackendTransport()


class SmtpTransport:
    """A connection to a mail server, opened for the first message and kept for those after it.

    Django's backend opens it (TLS, sign-in); the conversation about a message is ours, because
    ``smtplib.sendmail`` does not tell at which command a connection was lost. That makes the
    difference between a message to try again and one that is in doubt.
    """

    def __init__(self, backend: SmtpBackend, *, end_seconds: float) -> None:
        self._backend, self._end_seconds = backend, end_seconds
        self._smtp: smtplib.SMTP | None = None

    def close(self) -> None:
        """Says goodbye and hangs up."""
        with suppress(OSError):
            self._backend.close()
        self._smtp = self._backend.connection = None

    def _drop(self) -> None:
        """Hangs up on a server that is not to be talked to any more."""
        if self._backend.connection is not None:
            with suppress(OSError):
                self._backend.connection.close()
        self._smtp = self._backend.connection = None
        # Where TLS or the sign-in failed, Django keeps a connection that is half open.
        with suppress(OSError):
            self._backend.close()

    def send(self, parcel: Parcel) -> Answer:
        """Returns what the server answered to a message, and at which command."""
        smtp = self._smtp or self._open()
        if isinstance(smtp, Answer):
            return smtp
        conversation = _Conversation(smtp, end_seconds=self._end_seconds)
        try:
            answer = conversation.hand_over(parcel)
        except (OSError, ValueError) as error:  # smtplib's errors are OSErrors
            self._drop()
            return Answer(conversation.stage, failure=type(error).__name__)
        if answer.code == _SERVER_CLOSES or (answer.stage != "end" and not _has_reset(smtp)):
            self._drop()
        return answer

    def _open(self) -> smtplib.SMTP | Answer:
        """Returns a new connection, or what went wrong."""
        try:
            self._backend.open()
            smtp = self._backend.connection
            if smtp is None:
                return Answer("connect", failure="no connection")
            smtp.ehlo_or_helo_if_needed()
        except smtplib.SMTPResponseException as error:
            self._drop()
            return _answer("connect", error.smtp_code, error.smtp_error)
        except OSError as error:
            self._drop()
            return Answer("connect", failure=type(error).__name__)
        self._smtp = smtp
        return smtp


def _has_reset(smtp: smtplib.SMTP) -> bool:
    """Returns whether the server forgot the message that it refused and waits for the next one."""
    try:
        code, _ = smtp.rset()
    except OSError:
        return False
    return code == _OK


class _Conversation:
    """What is said about one message."""

    def __init__(self, smtp: smtplib.SMTP, *, end_seconds: float) -> None:
        self.stage: Stage = "mail"
        self._smtp, self._end_seconds = smtp, end_seconds

    def hand_over(self, parcel: Parcel) -> Answer:
        """Returns the answer that decided.

        Raises:
            OSError: the connection was lost, at ``stage``.
            ValueError: an address cannot be said to a server.
        """
        smtp = self._smtp
        _set_timeout(smtp, COMMAND_SECONDS)
        refused = self._ask_first(parcel)
        if refused is not None:
            return refused
        self.stage = "end"
        _set_timeout(smtp, self._end_seconds)
        smtp.send(_transparent(parcel.content) + b".\r\n")
        return _answer("end", *smtp.getreply())

    def _ask_first(self, parcel: Parcel) -> Answer | None:
        """Asks whether the server wants the message; returns its refusal.

        All questions leave in one packet where the server can take that (RFC 2920): a message then
        waits for two answers and not for four.
        """
        size = f" SIZE={len(parcel.content)}" if self._smtp.has_extn("size") else ""
        questions: list[tuple[Stage, str, int]] = [
            ("mail", f"MAIL FROM:<{_sayable(parcel.sender)}>{size}", _OK),
            ("rcpt", f"RCPT TO:<{_sayable(parcel.recipient)}>", _OK),
            ("data", "DATA", _GO_ON),
        ]
        at_once = self._smtp.has_extn("pipelining")
        if at_once:
            self._smtp.send("".join(f"{line}\r\n" for _, line, _ in questions))
        refused: Answer | None = None
        for stage, line, wanted in questions:
            if refused is None:
                self.stage = stage
            if not at_once:
                self._smtp.send(f"{line}\r\n")
            code, text = self._smtp.getreply()
            if refused is None and code != wanted and not (stage == "rcpt" and code == _OK + 1):
                refused = _answer(stage, code, text)
                if not at_once:
                    return refused
            elif refused is not None and stage == "data" and code == _GO_ON:
                # It waits for a message to nobody: an empty one ends that (RFC 2920, 3.1).
                self._smtp.send(".\r\n")
                self._smtp.getreply()
        return refused


def _transparent(content: bytes) -> bytes:
    """Returns a message with each dot that begins a line doubled (RFC 5321, 4.5.2)."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if content.startswith(b".") else stuffed


def _set_timeout(smtp: smtplib.SMTP, seconds: float) -> None:
    if smtp.sock is not None:
        smtp.sock.settimeout(seconds)


def _sayable(address: str) -> str:
    """Returns an address as it may stand in a command.

    Raises:
        ValueError: it would be more than one address, or more than one command.
    """
    if not address.isascii() or not address.isprintable() or set(address) & set(" <>"):
        raise ValueError("an address cannot be said to a mail server")
    return address


def _answer(stage: Stage, code: int, text: bytes | str) -> Answer:
    if code < 0:  # smtplib's way to say that the line was no answer
        return Answer(stage, failure="not an answer")
    exact = _ENHANCED.match(text if isinstance(text, bytes) else text.encode("ascii", "replace"))
    return Answer(stage, code, exact[1].decode() if exact else "")


class FileTransport:
    """Mails as files that mail programs open; the same message written again is the same file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, parcel: Parcel) -> Answer:
        """Returns when the file is whole and on the disk."""
        place = self._folder / f"{parcel.key}.eml"
        unfinished = place.with_suffix(".part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                file.write(parcel.content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(place)
        except OSError as error:
            return Answer("connect", failure=type(error).__name__)
        return Answer("end", _OK)

    def close(self) -> None:
        """Does nothing."""


class BackendTransport:
    """Another backend of Django, such as one of a provider's API.

    It makes a message of its own out of the parts; what it does with them is its business.
    """

    def __init__(self) -> None:
        self._backend = get_connection()

    def send(self, parcel: Parcel) -> Answer:
        """Returns what came of a message; an error is taken for one before anything left."""
        try:
            sent = self._backend.send_messages([_composed(parcel)])
        except Exception as error:
            # Whatever a provider's library raises must stop no other message.
            code = getattr(error, "status_code", None)
            is_refusal = isinstance(code, int) and code >= _PERMANENT
            return Answer("data" if is_refusal else "mail", failure=type(error).__name__)
        return Answer("end", _OK) if sent else Answer("data", failure="not sent")

    def close(self) -> None:
        """Ends the backend's connection, if it has any."""
        with suppress(OSError):
            self._backend.close()


_SET_ANYHOW = {"from", "to", "subject", "mime-version", "content-type"}


def _composed(parcel: Parcel) -> EmailMultiAlternatives:
    parsed = message_from_bytes(parcel.content, policy=policy.default)
    text, html = (parsed.get_body([kind]) for kind in ("plain", "html"))
    message = EmailMultiAlternatives(
        subject=str(parsed["Subject"] or ""),
        body=text.get_content() if text is not None else "",
        from_email=str(parsed["From"] or ""),
        to=[parseaddr(str(parsed["To"] or ""))[1] or parcel.recipient],
        headers={
            name: str(value)
            for name, value in parsed.items()
            if name.lower() not in _SET_ANYHOW
            and not name.lower().startswith("content-transfer-encoding")
        },
    )
    if html is not None:
        message.attach_alternative(html.get_content(), "text/html")
    return message
