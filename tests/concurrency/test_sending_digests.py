"""Senders that are killed at each point, and several at once: each thing arrives once."""

from __future__ import annotations

import os
import re
import signal
from collections import Counter, defaultdict
from collections.abc import Iterable
from time import sleep

import pytest

from tests.concurrency.conftest import Installation
from tests.concurrency.drill import LEASE_SECONDS, POINTS
from tests.smtp_server import MailHost, Taken

pytestmark = pytest.mark.concurrency

PEOPLE = 9
CONNECTIONS = 3
SERVER_POINTS = ("mail", "rcpt", "data", "end", "answered")
"""Where the server kills the sender: it has read the command, and has not answered; or has."""

ITEM = re.compile(rb'data-digest-item=3D"comment:(\d+)"')


def items_in(mail: Taken) -> list[int]:
    """Returns the ids of the comments that a mail shows."""
    return [int(found) for found in ITEM.findall(mail.raw.replace(b"=\r\n", b""))]


def assert_nothing_is_lost_or_doubled(
    taken: Iterable[Taken], *, written: list[int], in_doubt_at_most: int
) -> None:
    """Compares what arrived with what was written: all of it, once, copies aside.

    A copy is the same to the byte, and there are no more of them than were in doubt.
    """
    by_person = defaultdict(list)
    copies = 0
    for mail, times in Counter(taken).items():
        copies += times - 1
        by_person[mail.recipient].append(mail)
    assert copies <= in_doubt_at_most
    assert len(by_person) == PEOPLE
    for mails in by_person.values():
        message_ids = [mail.message["Message-ID"] for mail in mails]
        assert len(set(message_ids)) == len(message_ids), "one Message-ID, two contents"
        shown = Counter(item for mail in mails for item in items_in(mail))
        assert shown == Counter(written)


def wait_for_leases() -> None:
    """Returns when what a killed sender had is free; nothing can be waited on but time."""
    sleep(LEASE_SECONDS + 0.2)


@pytest.fixture
def host() -> Iterable[MailHost]:
    with MailHost() as server:
        yield server


def test_a_sender_killed_at_any_point_loses_nothing_and_doubles_nothing(
    installation: Installation, host: MailHost
) -> None:
    installation.do(do="subscribe_people", people=PEOPLE)
    written: list[int] = []
    kills = [(point, nth) for point in POINTS for nth in (1, 2)]
    spec = {"do": "send", "port": host.port, "connections": CONNECTIONS}
    died = Counter[str]()
    for day, (point, nth) in enumerate(kills, 1):
        words = installation.actor(**spec, day=day, write=True, die=point, nth=nth).last_words()
        written += words[0]["written"]
        died[point] += {"ended": True} not in words
        wait_for_leases()
        # What was put in doubt is looked for first, and sent with the rest.
        [last] = installation.do(**spec, day=day, minutes=30)
        assert last["halted"] == ""
    assert set(died) == set(POINTS)
    assert min(died.values()) >= 1, f"the sender did not die: {died}"
    assert_nothing_is_lost_or_doubled(
        host.taken, written=written, in_doubt_at_most=CONNECTIONS * len(kills)
    )
    [stored] = installation.do(do="inspect_mail")
    assert stored["faults"] == []
    assert {state for _, _, state in stored["states"]} <= {"sent", "expired"}


def test_a_sender_killed_by_what_the_server_does_sends_the_same_again(
    installation: Installation, host: MailHost
) -> None:
    installation.do(do="subscribe_people", people=PEOPLE)
    written: list[int] = []
    spec = {"do": "send", "port": host.port, "connections": CONNECTIONS}
    for day, fatal in enumerate(SERVER_POINTS, 1):
        victim = installation.actor(**spec, day=day, write=True, ready=True)
        written += victim.line()["written"]
        assert victim.line() == {"ready": True}
        seen: list[str] = []

        def script(
            point: str,
            recipient: str,
            fatal: str = fatal,
            seen: list[str] = seen,
            pid: int = victim._pid,
        ) -> str | None:
            if point == fatal and not seen:
                seen.append(recipient)
                os.kill(pid, signal.SIGKILL)
            return None

        host.script = script
        victim.tell()
        assert {"ended": True} not in victim.last_words()
        assert seen
        wait_for_leases()
        [last] = installation.do(**spec, day=day, minutes=30)
        assert last["halted"] == ""
    assert_nothing_is_lost_or_doubled(
        host.taken, written=written, in_doubt_at_most=CONNECTIONS * len(SERVER_POINTS)
    )
    [stored] = installation.do(do="inspect_mail")
    assert stored["faults"] == []


def test_two_senders_at_once_send_each_mail_once(
    installation: Installation, host: MailHost
) -> None:
    installation.do(do="subscribe_people", people=PEOPLE)
    written: list[int] = []
    spec = {"do": "send", "port": host.port, "connections": CONNECTIONS, "lease_seconds": 60}
    for day in (1, 2, 3):
        words = installation.do(**spec, day=day, minutes=-30, write=True)
        written += words[0]["written"]
        senders = installation.at_once([{**spec, "day": day, "ready": True}] * 3)
        for sender in senders:
            [said] = sender.rest()
            assert said["halted"] == ""
    assert_nothing_is_lost_or_doubled(host.taken, written=written, in_doubt_at_most=0)
    [stored] = installation.do(do="inspect_mail")
    assert stored["faults"] == []
