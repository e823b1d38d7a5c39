"""``manage.py work``: what it does, what stops it, and what does not."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from comments.management.commands import work
from comments.management.commands.work import JOBS, Job, attempt, repeat
from comments.models import Outgoing, Participant
from tests.conftest import ROOT
from tests.making import NOW, SOMEBODY, make_thread, post
from tests.receivers import MailServer

PATIENCE_SECONDS = 120


@pytest.fixture
def database(tmp_path: Path, migrated: Path) -> str:
    """Returns the address of a migrated database of its own."""
    return f"sqlite:///{shutil.copy(migrated, tmp_path / 'blog.sqlite3')}"


def environment(url: str, outbox: Path) -> dict[str, str]:
    """Returns the environment of an installation that writes its mails to files."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "blog.settings",
        "DATABASE_URL": url,
        "OUTBOX_DIR": str(outbox / "outbox"),
    }


WORKER = """
import django; django.setup()
from comments.management.commands import work
work.JOBS = (*work.JOBS, work.Job("tell", 600, lambda go_on: print("works", flush=True)))
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "work"])
"""
"""A process that works, and says so by a job of its own."""


@contextmanager
def running(code: str, env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Gives a process from the moment on that a worker says it works."""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "works\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(database: str, tmp_path: Path, number: int) -> None:
    with running(WORKER, environment(database, tmp_path)) as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out, err) == (0, "", "")


def test_it_ends_when_the_process_that_began_it_is_killed(database: str, tmp_path: Path) -> None:
    code = "import subprocess, sys; subprocess.call([sys.executable, '-c', sys.argv[1]])"
    code = code.replace("sys.argv[1]", repr(WORKER))
    with running(code, environment(database, tmp_path)) as parent:
        parent.kill()
        # Ends when nobody holds the other end of the pipes any more.
        assert parent.communicate(timeout=PATIENCE_SECONDS) == ("", "")


def test_it_ends_at_once_when_that_process_is_gone_already(database: str, tmp_path: Path) -> None:
    command = [sys.executable, "manage.py", "work", "--parent", "1"]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(database, tmp_path),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.fixture
def without_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets jobs run that have nothing to do with the database."""
    monkeypatch.setattr(work, "close_old_connections", lambda: None)


def test_told_to_stop_it_finishes_the_message_it_is_at(
    without_database: None,
) -> None:
    done: list[str] = []
    stop = Event()

    def run(go_on: work.GoOn) -> None:
        while go_on():
            stop.set()
            done.append("finished")

    repeat(Job("one", 0, run), stop)
    assert done == ["finished"]


def test_a_job_that_fails_is_told_of_and_done_again_later(
    caplog: pytest.LogCaptureFixture, without_database: None
) -> None:
    class Pauses(Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout)
            if len(pauses) == 9:
                self.set()
            return self.is_set()

    pauses: list[float | None] = []
    turns: list[int] = []

    def fail(go_on: work.GoOn) -> None:
        turns.append(1)
        if len(turns) != 8:
            raise RuntimeError("no luck")

    repeat(Job("unlucky", 1, fail), Pauses())
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 1, 2]
    assert "the job unlucky failed" in caplog.text
    assert "\nRuntimeError" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_once_does_every_job_though_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def fail(go_on: work.GoOn) -> None:
        raise RuntimeError

    jobs = (Job("first", 1, fail), Job("second", 1, lambda go_on: done.append("second")))
    monkeypatch.setattr(work, "JOBS", jobs)
    with pytest.raises(CommandError, match="failed: first"):
        call_command("work", once=True)
    assert done == ["second"]


BUSY = """
import django; django.setup()
import time
from threading import Event
from comments.management.commands import work
told = Event()
def wait(go_on):
    print("works", flush=True)
    while go_on():
        time.sleep(0.01)
    time.sleep(0.5)
    print("finished", flush=True)
work.STOP_SECONDS = 0.1
stuck = work.Job("stuck", 1, lambda go_on: Event().wait(), 0.1)
work.JOBS = (work.Job("mail", 1, wait, 60.0), stuck)
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "work"])
"""
"""A process with a mail that takes its time, and with a job that never ends."""


def test_a_mail_that_is_under_way_is_waited_for_and_what_hangs_is_not(
    database: str, tmp_path: Path
) -> None:
    with running(BUSY, environment(database, tmp_path)) as process:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out, err) == (0, "finished\n", "")


@pytest.mark.django_db(transaction=True)
def test_once_sends_all_that_is_due(settings: Any) -> None:
    from comments.actions.moderating import decide

    thread = make_thread(premoderation=True)
    for number in range(3):
        submitted = post(thread, name=f"Writer {number}")
        Participant.objects.filter(pk=submitted.participant.pk).update(
            email=f"w{number}@example.org", email_verified_at=NOW
        )
        decide(
            comment_id=submitted.comment.pk, action="approve", actor=SOMEBODY, now=NOW, version=None
        )
    with MailServer() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        Outgoing.objects.update(due_at="2999-01-01T00:00:00Z")
        call_command("work", once=True)
        assert server.received == []
        Outgoing.objects.update(due_at="2020-01-01T00:00:00Z")
        call_command("work", once=True)
        call_command("work", once=True)
        assert len(server.received) == 3


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_broke_is_opened_anew(caplog: pytest.LogCaptureFixture) -> None:
    [send] = [job for job in JOBS if job.name == "send"]
    assert attempt(send, go_on=lambda: True)
    with caplog.at_level(logging.CRITICAL):
        connection.ensure_connection()
        broken = connection.connection
        if connection.vendor == "sqlite":
            pytest.skip("a connection to a file does not break; PostgreSQL tries this")
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        broken.close()
        attempt(send, go_on=lambda: True)
        assert attempt(send, go_on=lambda: True)
    assert connection.connection is not broken
