"""Several senders at once, and one that is killed: each message leaves once, or twice the same."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest

from tests.concurrency.conftest import PATIENCE_SECONDS, Installation, environment
from tests.conftest import ROOT
from tests.receivers import MailServer

pytestmark = pytest.mark.concurrency

SENDERS = 4
COMMENTS = 24


def ask(installation: Installation, statement: str) -> list[tuple[Any, ...]]:
    """Returns what a statement finds in the installation's database, or changes."""
    url = installation.database_url
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=30)) as database:
            found = database.execute(statement).fetchall()
            database.commit()
            return found
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []


def make_due(installation: Installation) -> None:
    """Makes every message that waits due a minute ago, by the clock of the senders."""
    ask(installation, "UPDATE comments_outgoing SET due_at = '2020-01-01 00:00:00'")


def decided_comments(installation: Installation, count: int) -> None:
    """Has a moderator decide about so many comments of people with verified addresses."""
    comments = installation.do(do="hold", moderators=1, comments=count)
    ask(
        installation,
        "UPDATE comments_participant SET email_verified_at = created_at,"
        " email = 'p' || id || '@example.org'",
    )
    [moderator] = installation.at_once([{"do": "decide", "me": 0, "comments": comments}])
    assert all(one["won"] for one in moderator.rest())
    make_due(installation)


def sender(installation: Installation, server: MailServer, *options: str) -> subprocess.Popen[str]:
    """Returns a new process of ``manage.py work``."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "work", *options],
        env={
            **environment(installation.database_url),
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": str(server.port),
        },
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(condition: Callable[[], bool]) -> None:
    """Returns when the condition holds."""
    began = monotonic()
    while not condition():
        assert monotonic() - began < PATIENCE_SECONDS
        sleep(0.02)


def test_of_several_senders_at_once_one_sends_each_message(installation: Installation) -> None:
    with MailServer() as server:
        decided_comments(installation, COMMENTS)
        planned = ask(installation, "SELECT count(*) FROM comments_outgoing")[0][0]
        processes = [sender(installation, server, "--once") for _ in range(SENDERS)]
        for process in processes:
            _, complaints = process.communicate(timeout=PATIENCE_SECONDS)
            assert (process.returncode, complaints) == (0, "")
        sent_to = Counter(received.recipients[0] for received in server.received)
    assert planned > 0
    assert set(sent_to.values()) == {1}
    assert len(sent_to) == planned
    found = ask(installation, "SELECT state, tries, count(*) FROM comments_outgoing GROUP BY 1, 2")
    assert found == [("sent", 1, planned)]


def test_a_sender_killed_while_it_waits_for_the_answer_sends_the_same_again(
    installation: Installation,
) -> None:
    with MailServer() as server:
        decided_comments(installation, 1)
        server.waits_after_dot = True
        killed = sender(installation, server)
        wait_until(lambda: bool(server.received))
        os.kill(killed.pid, signal.SIGKILL)
        killed.communicate(timeout=PATIENCE_SECONDS)
        [(state, tries, error)] = ask(
            installation, "SELECT state, tries, error FROM comments_outgoing"
        )
        assert (state, tries) == ("waiting", 1)
        assert error.startswith("perhaps sent: ")
        server.waits_after_dot = False
        # Its claim holds: nobody sends it at once.
        sender(installation, server, "--once").communicate(timeout=PATIENCE_SECONDS)
        assert len(server.received) == 1
        make_due(installation)
        sender(installation, server, "--once").communicate(timeout=PATIENCE_SECONDS)
        first, second = server.received
    assert first.message["Message-ID"]
    assert first.raw == second.raw
    assert ask(installation, "SELECT state FROM comments_outgoing") == [("sent",)]
