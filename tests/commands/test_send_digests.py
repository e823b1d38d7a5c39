"""``manage.py send_digests``: what it sends, counts, refuses, and how it stops."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path
from threading import Event

import pytest
from django.core.management import CommandError, call_command
from django.db import InterfaceError, OperationalError, ProgrammingError
from django.test import override_settings
from django.utils import timezone

from comments.actions import sending
from comments.actions.digesting import plan_due
from comments.management import tables
from comments.management.commands import send_digests
from comments.management.commands.send_digests import Progress, duration
from comments.models import Channel, Delivery, PostOffice
from tests.concurrency.conftest import PATIENCE_SECONDS, environment
from tests.conftest import ROOT
from tests.mailing import digests, morning, planned, subscribed
from tests.making import NOW, later, make_thread, post
from tests.smtp_server import MailHost

pytestmark = pytest.mark.usefixtures("any_time")
in_database = pytest.mark.django_db(transaction=True)

MOST_DAYS_AHEAD = send_digests.MOST_DAYS_AHEAD
A_YEAR = timedelta(days=365)


def said(*options: str) -> str:
    """Returns what the command prints."""
    out = StringIO()
    call_command("send_digests", *options, stdout=out, stderr=out)
    return out.getvalue()


def news(*, ago: timedelta = timedelta(0)) -> None:
    """Makes two subscribers with one comment to hear of, and forgets what asked them.

    Args:
        ago: so long before the time of the tests.
    """
    thread = make_thread(now=NOW - ago)
    for name in ("ana", "bob"):
        subscribed(f"{name}@example.org", now=NOW - ago)
    Delivery.objects.all().delete()
    post(thread, "First words.", now=later(60) - ago)


@in_database
def test_it_plans_and_sends_what_is_due_at_a_time(host: MailHost) -> None:
    news()
    at = ["--at", morning().isoformat()]
    assert re.match(r"2 sent \([\d,]+/s\)\.\n$", said(*at))
    assert said(*at) == "0 sent.\n"
    assert sorted(one.recipient for one in host.taken) == ["ana@example.org", "bob@example.org"]
    assert {one.message["Date"].datetime.date() for one in host.taken} == {morning().date()}


@in_database
def test_a_time_without_a_zone_is_of_the_site(host: MailHost) -> None:
    news()
    with override_settings(TIME_ZONE="Asia/Tokyo"):
        assert said("--at", "2026-11-24T15:59") == "0 sent.\n"
        assert said("--at", "2026-11-24T16:00").startswith("2 sent")


@in_database
def test_a_dry_run_counts_and_changes_nothing(host: MailHost) -> None:
    news()
    before = list(Channel.objects.order_by("pk").values())
    counted = said("--dry-run", "--at", morning().isoformat())
    assert counted.startswith(
        "Would plan digests: 2, other news: 0, for subscribers who are due: 2."
    )
    assert list(Channel.objects.order_by("pk").values()) == before
    assert not Delivery.objects.exists()
    assert host.taken == []


@in_database
def test_only_one_address_is_planned_for_and_sent_to(host: MailHost) -> None:
    news()
    said("--only", "Bob@Example.org", "--at", morning().isoformat())
    assert [one.recipient for one in host.taken] == ["bob@example.org"]
    assert Delivery.objects.count() == 1


@in_database
def test_a_test_copy_goes_elsewhere_without_the_secret_and_changes_nothing(host: MailHost) -> None:
    news()
    options = ["--only", "ana@example.org", "--at", morning().isoformat()]
    assert said("--test-to", "me@example.net", *options).startswith("One copy sent: ")
    [copy] = host.taken
    assert copy.recipient == "me@example.net"
    token = Channel.objects.select_related("subscriber").earliest("pk").subscriber.token
    assert token not in copy.raw.decode().replace("=\r\n", "")
    assert not Delivery.objects.exists()
    nothing = said("--test-to", "me@example.net", "--only", "ana@example.org", "--at", "2026-11-23")
    assert nothing.startswith("There is nothing new, so nothing was sent. With --at, ")
    assert len(host.taken) == 1


@in_database
def test_a_test_copy_of_a_day_that_had_a_digest_is_that_one(host: MailHost) -> None:
    news()
    said("--at", morning().isoformat())
    only = ["--test-to", "me@example.net", "--only", "ana@example.org"]
    assert said(*only).startswith("There is nothing new")
    said(*only, "--at", morning().isoformat())
    [left] = [one for one in host.taken if one.recipient == "ana@example.org"]
    [copy] = [one for one in host.taken if one.recipient == "me@example.net"]
    assert copy.message["Subject"] == f"[Test] {left.message['Subject']}"
    assert "First words." in copy.raw.decode()


@in_database
@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--test-to", "me@example.net"], "wants --only"),
        (["--test-to", "me@example.net", "--only", "nobody@example.org"], "Nobody is subscribed"),
        (["--connections", "0"], "at least 1"),
        (["--rate", "fast"], "--rate: a rate is written like 20/s"),
        (["--window", "many"], "--window: a window is written like 50000/24h"),
        (["--at", "soon"], "--at: a time is written like"),
        (["--at", "2026-13-40"], "--at: a time is written like"),
        (["--only", "nobody@example.org"], "Nobody is subscribed"),
    ],
)
def test_what_makes_no_sense_is_refused(options: list[str], why: str) -> None:
    with pytest.raises(CommandError, match=why):
        said(*options)


@in_database
def test_a_time_far_ahead_is_refused_since_it_would_keep_everybodys_news_back(
    host: MailHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_digests, "MOST_DAYS_AHEAD", MOST_DAYS_AHEAD)
    today = timezone.now()
    thread = make_thread(now=today)
    ana = subscribed(now=today)
    post(thread, now=today)
    before = list(Channel.objects.order_by("pk").values())
    wrong_year = (today + A_YEAR).isoformat()
    for more in ([], ["--loop"], ["--only", ana.address]):
        with pytest.raises(CommandError, match=r"^--at \S+ is more than 7 days ahead: nobody who"):
            said("--at", wrong_year, *more)
    assert list(Channel.objects.order_by("pk").values()) == before
    # What changes nothing may look as far as it likes; and a week is not far.
    assert said("--at", wrong_year, "--dry-run").startswith("Would plan digests: 1")
    only = ["--only", ana.address, "--test-to", "me@example.net"]
    assert said("--at", wrong_year, *only).startswith("One copy sent: ")
    assert said("--at", (today + timedelta(days=6)).isoformat()).startswith("1 sent")


@in_database
@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OperationalError("connection failed:\n\tIs it running?"), "connection failed: Is it run"),
        (OperationalError(), "OperationalError"),
        (InterfaceError("the connection is closed"), "the connection is closed"),
    ],
)
def test_a_database_that_is_away_ends_it_with_one_line(
    error: Exception, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**kwargs: object) -> object:
        raise error

    monkeypatch.setattr(send_digests, "plan_due", away)
    with pytest.raises(CommandError, match=f"^The database does not answer: {why}") as raised:
        said()
    assert "\n" not in str(raised.value)


@in_database
@pytest.mark.parametrize("error", [OperationalError, ProgrammingError])
def test_a_database_that_is_not_migrated_is_said_to_be(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_table(**kwargs: object) -> object:
        raise error("no such table")

    monkeypatch.setattr(send_digests, "plan_due", without_table)
    monkeypatch.setattr(tables, "missing_migrations", lambda: 7)
    with pytest.raises(CommandError, match=r"lacks 7 migrations .*: run `manage.py migrate`"):
        said()
    monkeypatch.setattr(tables, "missing_migrations", lambda: 0)
    with pytest.raises(CommandError if error is OperationalError else ProgrammingError):
        said()


def test_without_tables_that_is_the_line(tmp_path: Path) -> None:
    for command in (["send_digests"], ["send_digests", "--loop"]):
        found = subprocess.run(
            [sys.executable, "manage.py", *command],
            env=environment(f"sqlite:///{tmp_path / 'empty.sqlite3'}"),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert found.returncode == 1
        assert re.fullmatch(
            r"CommandError: The database lacks \d+ migrations of this version: "
            r"run `manage.py migrate`\.\n",
            found.stderr,
        ), found.stderr


def test_nothing_but_that_line_is_printed() -> None:
    settings = environment("postgres://nobody:a-secret@127.0.0.1:1/nothing")
    for more in ([], ["--loop"], ["--confirm-place"]):
        command = [sys.executable, "manage.py", "send_digests", *more]
        found = subprocess.run(
            command, env=settings, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert found.returncode == 1
        assert found.stdout == ""
        assert found.stderr.startswith("CommandError: The database does not answer: ")
        assert found.stderr.count("\n") == 1
        assert "a-secret" not in found.stderr


@in_database
def test_a_copied_database_is_refused_until_it_is_confirmed(
    host: MailHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    news()
    planned(morning())
    PostOffice.objects.update(place="where it was copied from")
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("send_digests", at=morning(), stdout=out, stderr=out)
    assert "--confirm-place" in out.getvalue()
    assert host.taken == []
    assert "this database may send" in said("--confirm-place")
    assert said("--at", morning().isoformat()).startswith("2 sent")


@in_database
def test_a_run_that_is_held_up_says_so_and_fails(host: MailHost) -> None:
    news()
    host.script = lambda point, recipient: "550 5.7.1 no" if point == "rcpt" else None
    with pytest.raises(CommandError, match="Not everything"):
        said("--at", morning().isoformat(), "--connections", "1")
    assert PostOffice.objects.get().stopped_why == "550 5.7.1 (rcpt)"


@in_database
def test_what_an_operator_wanted_is_no_alarm(host: MailHost) -> None:
    news()
    assert said("--at", morning().isoformat(), "--window", "1/24h").startswith("1 sent")
    PostOffice.objects.update(paused_at=morning())
    assert "paused by an operator" in said("--at", morning().isoformat())
    assert len(host.taken) == 1


@in_database
def test_a_mail_server_that_is_away_is_one() -> None:
    news()
    with (
        override_settings(
            EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
            EMAIL_HOST="127.0.0.1",
            EMAIL_PORT=1,
        ),
        pytest.raises(CommandError, match="Not everything"),
    ):
        said("--at", morning().isoformat())


@in_database
def test_the_loop_goes_on_while_the_database_is_away_and_ends_when_it_is_told(
    host: MailHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    news()
    calls: list[int] = []
    whole = plan_due

    def away(**kwargs: object) -> object:
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return whole(**kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(send_digests, "plan_due", away)
    monkeypatch.setattr(Event, "wait", lambda self, timeout=None: self.is_set())
    out = said("--loop", "--at", morning().isoformat())
    assert "the database is away" in out
    assert len(host.taken) == 2
    assert len(calls) == 3


def test_sigterm_finishes_the_message_that_is_under_way(tmp_path: Path, migrated: Path) -> None:
    url = f"sqlite:///{shutil.copy(migrated, tmp_path / 'sent.sqlite3')}"
    script = (
        "import django; django.setup()\n"
        "from tests.commands.test_send_digests import A_YEAR, news, planned, morning\n"
        "news(ago=A_YEAR); planned(morning() - A_YEAR)\n"
    )
    with MailHost() as server:
        settings = {
            **environment(url),
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": str(server.port),
            "PYTHONPATH": str(ROOT),
        }
        subprocess.run([sys.executable, "-c", script], env=settings, cwd=ROOT, check=True)
        begun, told = Event(), Event()

        def script_of_server(point: str, recipient: str) -> str | None:
            if point == "end":
                begun.set()
                assert told.wait(PATIENCE_SECONDS)
            return None

        server.script = script_of_server
        # No time ahead of the clock, whatever that shows: nothing is patched there.
        command = ["manage.py", "send_digests", "--at", (morning() - A_YEAR).isoformat()]
        sender = subprocess.Popen(
            [sys.executable, *command, "--connections", "1", "--loop"],
            env=settings,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert begun.wait(PATIENCE_SECONDS)
        sender.send_signal(signal.SIGTERM)
        told.set()
        out, _ = sender.communicate(timeout=PATIENCE_SECONDS)
        assert (sender.returncode, len(server.taken)) == (0, 1)
        assert out.startswith("1 sent")


def test_a_terminal_is_shown_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(send_digests, "monotonic", lambda: clock[0])
    lines: list[str] = []
    progress = Progress(due=1_000, write=lines.append)
    clock[0] += 2
    progress.show(sending.Sent(sent=100))
    progress.show(sending.Sent(sent=101))
    clock[0] += 2
    progress.show(sending.Sent(sent=390, outcomes={"deferred": 10}))
    progress.end()
    assert lines == [
        "100 of 1,000, 50/s, 18 s left",
        "400 of 1,000, 100/s, 6 s left",
        "",
    ]


def test_durations_are_said_in_their_largest_units() -> None:
    assert [duration(n) for n in (5, 65, 3_725)] == ["5 s", "1 min 05 s", "1 h 02 min"]


@in_database
def test_digests_of_everybody_are_the_same_selection(host: MailHost) -> None:
    news()
    planned(morning())
    people = [channel.subscriber for channel in Channel.objects.select_related("subscriber")]
    assert digests(people[0]) == digests(people[1])
    assert Delivery.objects.values("selection").distinct().count() == 1
