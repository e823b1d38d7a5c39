"""``manage.py receive_mail``: a mail comes in by a pipe; the exit code is all that goes back."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from comments.models import Delivery, Subscription
from comments.queries.subscribers import subscription_status
from tests.actions.test_bouncing import address_of, addressed, mailed
from tests.conftest import ROOT
from tests.mailing import subscribed
from tests.rules.test_bounces import mail

PATIENCE_SECONDS = 60


def receive(monkeypatch: pytest.MonkeyPatch, content: bytes, *arguments: str) -> str:
    """Returns what the command prints for a mail."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    call_command("receive_mail", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def piped(content: bytes, *arguments: str, url: str) -> subprocess.CompletedProcess[bytes]:
    """Returns how the command ends when a mail server calls it."""
    return subprocess.run(
        [sys.executable, "manage.py", "receive_mail", *arguments],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "blog.settings", "DATABASE_URL": url},
        input=content,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@pytest.mark.django_db(transaction=True)
def test_a_bounce_that_comes_by_a_pipe_takes_the_address_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [delivery] = mailed(subscribed())
    printed = receive(monkeypatch, mail("postfix_unknown_user"), address_of(delivery))
    assert printed == ""
    assert subscription_status("ana@example.org", site_id=1) == "bounced"


@pytest.mark.django_db(transaction=True)
def test_without_a_recipient_the_headers_name_the_delivery(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [delivery] = mailed(subscribed())
    receive(monkeypatch, addressed("qmail_no_mailbox", address_of(delivery)))
    delivery.refresh_from_db()
    assert delivery.state == Delivery.State.BOUNCED


@pytest.mark.django_db(transaction=True)
def test_a_mail_to_the_address_that_unsubscribes_does(monkeypatch: pytest.MonkeyPatch) -> None:
    [delivery] = mailed(subscribed())
    receive(monkeypatch, mail("unsubscribe_by_mail"), address_of(delivery, "u"))
    assert Subscription.objects.get().state == "ended"


@pytest.mark.django_db(transaction=True)
def test_the_log_names_no_address(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    [delivery] = mailed(subscribed())
    caplog.clear()
    with caplog.at_level("DEBUG", logger="comments"):
        receive(monkeypatch, mail("postfix_unknown_user"), address_of(delivery))
        receive(monkeypatch, mail("person_writes_of_bounces"))
    written = [one.getMessage() for one in caplog.records if one.name.startswith("comments")]
    assert written == [
        f"delivery {delivery.pk}: suppressed (report: 5.1.1)",
        "a mail came in that names no delivery: it tells of nothing",
    ]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> str:
    """Returns the address of a migrated database of its own."""
    return f"sqlite:///{shutil.copy(migrated, tmp_path_factory.mktemp('mail') / 'blog.sqlite3')}"


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\x00\n\n", mail("postfix_unknown_user"), b"To: x\n\n" + b"x" * 10_000_000],
)
def test_rubbish_is_taken_and_said_nothing_about(database: str, content: bytes) -> None:
    ended = piped(content, "bounces+d1.0123456789ab@example.org", url=database)
    assert (ended.returncode, ended.stdout) == (0, b"")
    assert b"names no delivery" in ended.stderr
    assert b"example" not in ended.stderr


def test_while_the_database_is_away_the_mail_server_is_to_try_again() -> None:
    ended = piped(
        mail("postfix_unknown_user"),
        "bounces+d1.0123456789ab@example.org",
        url="postgres://nobody@127.0.0.1:1/nothing",
    )
    assert ended.returncode == 75
    assert b"Traceback" not in ended.stderr
    assert b"try again later" in ended.stderr


def test_while_the_database_is_being_restored_the_mail_server_is_to_try_again(
    tmp_path: Path,
) -> None:
    ended = piped(
        mail("postfix_unknown_user"),
        "bounces+d1.0123456789ab@example.org",
        url=f"sqlite:///{tmp_path / 'empty.sqlite3'}",
    )
    assert ended.returncode == 75


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_delivery_that_somebody_holds_is_waited_for_and_then_tried_again_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [delivery] = mailed(subscribed())
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM comments_delivery WHERE id = %s FOR UPDATE", [delivery.pk]
            )
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        with pytest.raises(CommandError) as refusal:
            receive(monkeypatch, mail("postfix_unknown_user"), address_of(delivery))
        assert refusal.value.returncode == 75
    finally:
        other.rollback()
        other.close()
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = 0")
    receive(monkeypatch, mail("postfix_unknown_user"), address_of(delivery))
    assert subscription_status("ana@example.org", site_id=1) == "bounced"
