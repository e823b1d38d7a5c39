"""Mail over TLS, by STARTTLS or from the first byte, to a server that proves who it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from comments.actions.sending import send_deliveries
from comments.actions.transports import new_transport
from comments.models import Delivery, PostOffice
from comments.rules.sending import verdict_on
from tests.actions.test_transports import CONTENT, parcel
from tests.certificates import self_signed, server_context
from tests.mailing import morning, planned, subscribed
from tests.making import later, make_thread, post
from tests.smtp_server import MailHost, SignedIn, mail_host

WAYS = ("starttls", "ssl")
PASSWORD = SignedIn("news", "a secret", is_encrypted=True)


@contextmanager
def tls_host(way: str, certificate: Path | None) -> Iterator[MailHost]:
    """Gives a server that mail goes to with a password over TLS; without a certificate it has none.

    Args:
        way: what ``EMAIL_TLS`` says.
    """
    context = server_context(certificate) if certificate is not None else None
    with (
        mail_host(
            starttls=context if way == "starttls" else None, ssl=context if way == "ssl" else None
        ) as server,
        override_settings(
            EMAIL_USE_TLS=way == "starttls",
            EMAIL_USE_SSL=way == "ssl",
            EMAIL_HOST_USER=PASSWORD.user,
            EMAIL_HOST_PASSWORD=PASSWORD.password,
            EMAIL_TIMEOUT=5,
        ),
    ):
        yield server


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a certificate that this machine trusts, as ``docs/operating.md`` has it."""
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return certificate


@pytest.mark.parametrize("way", WAYS)
def test_mail_and_password_go_over_tls_to_a_server_that_is_trusted(way: str, trusted: Path) -> None:
    with tls_host(way, trusted) as server:
        transport = new_transport()
        answers = [transport.send(parcel(f"a{number}@example.org")) for number in range(3)]
        transport.close()
    assert [verdict_on(one) for one in answers] == ["sent"] * 3
    assert [one.raw for one in server.taken] == [CONTENT] * 3
    # Once: the connection is kept.
    assert server.signed_in == [PASSWORD]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", ["nobody vouches for it", "of another host", "it has expired"])
def test_a_certificate_that_proves_nothing_gets_neither_mail_nor_password(
    way: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(
        tmp_path,
        "mail.example.org" if fault == "of another host" else "localhost",
        ends_at=datetime.now(UTC) - timedelta(hours=1) if fault == "it has expired" else None,
    )
    if fault != "nobody vouches for it":
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with tls_host(way, certificate) as server:
        transport = new_transport()
        answers = [transport.send(parcel()) for _ in range(2)]
        transport.close()
    for answer in answers:
        assert answer.why == "SSLCertVerificationError (connect)"
        assert verdict_on(answer) == "unreached"
    assert (server.taken, server.signed_in) == ([], [])


def test_a_server_that_cannot_do_tls_gets_neither_mail_nor_password() -> None:
    """Nor does whoever stands between, and takes the offer of STARTTLS out."""
    with tls_host("starttls", None) as server:
        answer = new_transport().send(parcel())
    assert answer.why == "SMTPNotSupportedError (connect)"
    assert verdict_on(answer) == "unreached"
    assert (server.taken, server.signed_in) == ([], [])


def test_tls_from_the_first_byte_at_a_port_without_it_is_unreached(trusted: Path) -> None:
    with tls_host("ssl", None) as server:
        answer = new_transport().send(parcel())
    assert answer.why == "SSLError (connect)"
    assert (server.taken, server.signed_in) == ([], [])


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("any_time")
def test_what_a_certificate_keeps_back_waits_and_the_operator_is_told(tmp_path: Path) -> None:
    thread = make_thread()
    for name in ("ana", "bob", "cid", "dan"):
        subscribed(f"{name}@example.org")
    Delivery.objects.all().delete()
    post(thread, now=later(60))
    planned(morning())
    with tls_host("starttls", self_signed(tmp_path)) as server:
        out = StringIO()
        with pytest.raises(CommandError, match="Not everything that was due could be sent"):
            call_command("send_digests", stdout=out, stderr=out, at=morning())
        assert server.taken == []
    assert "the mail server cannot be reached: SSLCertVerificationError (connect)" in out.getvalue()
    waiting = Delivery.objects.exclude(error="")
    assert {(one.state, one.error, one.tries) for one in waiting} == {
        ("queued", "SSLCertVerificationError (connect)", 0)
    }
    assert set(Delivery.objects.values_list("state", flat=True)) == {"queued"}
    # It is tried again by itself, and no site is stopped for it.
    assert PostOffice.objects.get().stopped_until is None
    with mail_host() as server:
        later_on = morning() + timedelta(minutes=1)
        assert send_deliveries(site_id=1, clock=lambda: later_on).sent == 4
