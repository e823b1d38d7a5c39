"""``manage.py work``: what happens in the background; ``manage.py serve`` runs one beside itself.

Each job has a thread of its own, so that a slow one delays no other. Any number of these processes
may run at once. One that is killed loses nothing: what it had claimed is due again later.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from time import monotonic
from types import FrameType
from typing import Any

from django.contrib.sites.models import Site
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import close_old_connections, connections
from django.utils import timezone

from comments.actions.answering import forget_answers
from comments.actions.digesting import plan_due
from comments.actions.learning import refit_due
from comments.actions.outgoing import send_due
from comments.actions.sending import ElsewhereError, Limits, send_deliveries
from comments.actions.signing_in import forget_token_uses
from comments.actions.suppressing import forget_unconfirmed
from comments.conf import options

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
"""How often the process looks whether the one that began it still is there."""

STOP_SECONDS = 2
"""How long a job has to finish what it is at, once the process has been told to stop."""
MAIL_STOP_SECONDS = 20
"""So long where that is a mail to a subscriber: one that is broken off is in doubt."""

LONGEST_PAUSE_SECONDS = 60
"""Between two runs of a job that fails again and again."""

GoOn = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do again and again; ``run`` is handed what says whether to go on."""

    name: str
    every_seconds: float
    run: Callable[[GoOn], object]
    stop_seconds: float = STOP_SECONDS


def send(go_on: GoOn) -> None:
    """Sends all messages that are due."""
    while go_on() and send_due(now=timezone.now(), go_on=go_on):
        pass


def mail(go_on: GoOn) -> None:
    """Plans the mails to subscribers that are due, and sends them."""
    chosen = options()
    limits = Limits(
        connections=chosen.mail_connections, rate=chosen.mail_rate, window=chosen.mail_window
    )
    for site_id in Site.objects.order_by("pk").values_list("pk", flat=True):
        plan_due(site_id=site_id, now=timezone.now(), go_on=go_on)
        try:
            send_deliveries(site_id=site_id, limits=limits, go_on=go_on)
        except ElsewhereError:
            if site_id not in _told_elsewhere:
                _told_elsewhere.add(site_id)
                logger.error(
                    "no mail of site %d leaves: its database was restored from a copy, or moved. "
                    "See manage.py send_digests --confirm-place.",
                    site_id,
                )


_told_elsewhere: set[int] = set()
"""Sites of which the log was told by this process already."""


def learn(go_on: GoOn) -> None:
    """Learns from what moderators decided since, for each site where that is enough."""
    refit_due(now=timezone.now())


def forget(go_on: GoOn) -> None:
    """Deletes what was kept for a while only."""
    now = timezone.now()
    forget_answers(now=now)
    forget_token_uses(now=now)
    forget_unconfirmed(now=now)


JOBS: tuple[Job, ...] = (
    Job("send", 1, send),
    Job("mail", 2, mail, MAIL_STOP_SECONDS),
    Job("learn", 30, learn),
    Job("forget", 3600, forget),
)
"""All that happens in the background."""


class Command(BaseCommand):
    """``manage.py work``."""

    help = "Does in the background what is due, until it is told to stop; --once does it once."
    requires_system_checks = ()  # the server has made them

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares how long to work."""
        parser.add_argument("--once", action="store_true", help="end when all that is due is done")
        parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        """Works until SIGTERM, Ctrl-C, or the end of the process that began this one.

        Raises:
            CommandError: ``--once``, and a job failed; the others were done.
        """
        if options["once"]:
            failed = [job.name for job in JOBS if not attempt(job, go_on=lambda: True)]
            if failed:
                raise CommandError(f"failed: {', '.join(failed)}")
            return
        work(JOBS, parent=options["parent"] or os.getppid())


def work(jobs: tuple[Job, ...], *, parent: int) -> None:
    """Does each job again and again until the process is told to stop, and then ends it."""
    stop = Event()

    def told(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)
    threads = [Thread(target=repeat, args=[job, stop], name=job.name, daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    # Whoever loses its parent is given another one. No signal tells of that on every system.
    while os.getppid() == parent and not stop.wait(LOOK_SECONDS):
        pass
    stop.set()
    told_at = monotonic()
    for job, thread in zip(jobs, threads, strict=True):
        thread.join(max(told_at + job.stop_seconds - monotonic(), 0))
    logging.shutdown()
    # What is still at it waits for somebody else; nothing else here is worth waiting for.
    os._exit(0)


def repeat(job: Job, stop: Event) -> None:
    """Does a job until the process stops, less often while it fails."""
    pause = job.every_seconds
    while not stop.is_set():
        is_well = attempt(job, go_on=lambda: not stop.is_set())
        pause = job.every_seconds if is_well else min(pause * 2, LONGEST_PAUSE_SECONDS)
        stop.wait(max(pause, job.every_seconds))
    connections.close_all()


def attempt(job: Job, *, go_on: GoOn) -> bool:
    """Does a job once, with connections to the database that work; returns whether it went well."""
    close_old_connections()
    try:
        job.run(go_on)
    except Exception:
        logger.exception("the job %s failed", job.name)
        return False
    finally:
        close_old_connections()
    return True
