"""Handing bytes to a mail server: what it answered, and how far the message had come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core import mail
from django.test import override_settings

from comments.actions import transports
from comments.actions.transports import (
    BackendTransport,
    FileTransport,
    Parcel,
    SmtpTransport,
    new_transport,
)
from comments.rules.sending import verdict_on
from tests.smtp_server import HANG_UP, MailHost, mail_host

CONTENT = (
    b"From: Site <site@example.org>\r\nTo: ana@example.org\r\nSubject: News\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n.a dot\r\n..two\r\nend\r\n.\r\nafter\r\n"
)


def parcel(recipient: str = "ana@example.org", content: bytes = CONTENT) -> Parcel:
    return Parcel("a1", "bounces+d1.abc@example.org", recipient, content)


@pytest.fixture(params=[True, False], ids=["pipelining", "one by one"])
def host(request: pytest.FixtureRequest) -> Iterator[MailHost]:
    with mail_host(pipelining=request.param) as server:
        yield server


@pytest.fixture
def transport(host: MailHost) -> Iterator[SmtpTransport]:
    made = new_transport()
    assert isinstance(made, SmtpTransport)
    yield made
    made.close()


def refusing(point: str, answer: str, *, once: bool = False) -> object:
    seen: list[str] = []

    def script(at: str, recipient: str) -> str | None:
        if at != point or (once and seen):
            return None
        seen.append(at)
        return answer

    return script


def test_the_bytes_arrive_as_they_are_and_the_connection_is_kept(
    host: MailHost, transport: SmtpTransport
) -> None:
    for number in range(3):
        answer = transport.send(parcel(f"a{number}@example.org"))
        assert (answer.stage, answer.code, answer.exact) == ("end", 250, "2.0.0")
    assert [one.raw for one in host.taken] == [CONTENT] * 3
    assert [one.recipient for one in host.taken] == [f"a{n}@example.org" for n in range(3)]
    assert {one.sender for one in host.taken} == {"bounces+d1.abc@example.org"}
    assert host.sessions == 1


@pytest.mark.parametrize(
    ("point", "reply", "verdict"),
    [
        ("rcpt", "550 5.1.1 nobody", "bad_address"),
        ("rcpt", "451 4.7.1 later", "deferred"),
        ("mail", "550 not you", "refused"),
        ("data", "554 5.7.1 no", "refused"),
        ("end", "451 4.3.0 later", "deferred"),
        ("end", "552 5.2.2 full", "bounced"),
    ],
)
def test_a_refusal_is_understood_and_the_next_message_is_taken(
    host: MailHost, transport: SmtpTransport, point: str, reply: str, verdict: str
) -> None:
    host.script = refusing(point, reply, once=True)  # type: ignore[assignment]
    answer = transport.send(parcel())
    assert (answer.stage, answer.code) == (point, int(reply[:3]))
    assert verdict_on(answer) == verdict
    assert verdict_on(transport.send(parcel("bob@example.org"))) == "sent"
    assert [one.recipient for one in host.taken] == ["bob@example.org"]
    assert host.sessions == 1


@pytest.mark.parametrize("point", ["mail", "rcpt", "data", "end"])
def test_a_lost_connection_is_in_doubt_only_once_the_message_has_begun_to_leave(
    host: MailHost, transport: SmtpTransport, point: str
) -> None:
    host.script = refusing(point, HANG_UP, once=True)  # type: ignore[assignment]
    answer = transport.send(parcel())
    assert answer.code is None
    assert verdict_on(answer) == ("in_doubt" if point == "end" else "deferred")
    assert verdict_on(transport.send(parcel())) == "sent"
    assert len(host.taken) == (2 if point == "end" else 1)


def test_a_server_that_says_it_closes_is_left_and_asked_again_on_a_new_connection(
    host: MailHost, transport: SmtpTransport
) -> None:
    host.script = refusing("rcpt", "421 4.7.0 enough", once=True)  # type: ignore[assignment]
    assert verdict_on(transport.send(parcel())) == "deferred"
    assert verdict_on(transport.send(parcel())) == "sent"
    assert host.sessions == 2


def test_a_slow_answer_to_a_whole_message_is_waited_for(
    host: MailHost, transport: SmtpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transports, "COMMAND_SECONDS", 0.3)
    host.slow_seconds = 0.8
    assert verdict_on(transport.send(parcel())) == "sent"


def test_an_answer_that_never_comes_is_in_doubt(host: MailHost) -> None:
    transport = new_transport(end_seconds=0.2)
    host.slow_seconds = 1.0
    assert verdict_on(transport.send(parcel())) == "in_doubt"
    host.slow_seconds = 0.0
    assert verdict_on(transport.send(parcel())) == "sent"
    transport.close()


@pytest.mark.parametrize("recipient", ["a b@x.org", "a>@x.org", "a\r\nRCPT TO:<b@x.org", "ü@x.org"])
def test_an_address_can_be_no_other_command(
    host: MailHost, transport: SmtpTransport, recipient: str
) -> None:
    assert transport.send(parcel(recipient)).failure == "ValueError"
    assert host.taken == []
    assert verdict_on(transport.send(parcel())) == "sent"


def test_no_server_is_unreached() -> None:
    with override_settings(
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=1,
    ):
        assert verdict_on(new_transport().send(parcel())) == "unreached"


def test_without_a_server_a_message_is_a_file_and_the_same_message_is_the_same_file(
    tmp_path: Path,
) -> None:
    with override_settings(
        EMAIL_BACKEND="django.core.mail.backends.filebased.EmailBackend",
        EMAIL_FILE_PATH=str(tmp_path / "outbox"),
    ):
        transport = new_transport()
    assert isinstance(transport, FileTransport)
    for _ in range(2):
        assert verdict_on(transport.send(parcel())) == "sent"
    [file] = (tmp_path / "outbox").iterdir()
    assert (file.name, file.read_bytes()) == ("a1.eml", CONTENT)


def test_a_folder_that_cannot_be_written_is_unreached(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file")
    assert verdict_on(FileTransport(tmp_path / "outbox").send(parcel())) == "unreached"


def test_another_backend_of_django_gets_the_parts() -> None:
    transport = new_transport()
    assert isinstance(transport, BackendTransport)
    assert verdict_on(transport.send(parcel())) == "sent"
    [message] = mail.outbox
    assert (message.subject, message.to) == ("News", ["ana@example.org"])
    assert message.body.startswith(".a dot")
