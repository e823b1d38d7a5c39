"""``manage.py send_digests``: plans what is due, and sends it.

Any number of these may run at once, beside ``manage.py work``, which does the same.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event
from time import monotonic
from types import FrameType
from typing import Any

from django.conf import settings
from django.contrib.sites.models import Site
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError, ProgrammingError, close_old_connections
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from comments.actions.digesting import plan_due
from comments.actions.planning import Planned
from comments.actions.previewing import NotComposed, NotSent, send_test
from comments.actions.sending import (
    ElsewhereError,
    Limits,
    Sent,
    confirm_place,
    send_deliveries,
    until,
)
from comments.conf import options
from comments.errors import ValidationFailed
from comments.management.tables import explain
from comments.models import Delivery, Frequency, Subscriber
from comments.queries.deliveries import count_due, subscriber_at
from comments.queries.mailroom import digest_of
from comments.queries.subscribers import schedule_of
from comments.rules.sending import read_rate, read_window

LAST_YEAR = 9000
MOST_DAYS_AHEAD = 7
"""How far from now ``--at`` may send: nobody who is due gets a digest before that time."""
LOOP_SECONDS = 2
"""Between two looks of ``--loop``."""
SHOW_SECONDS = 0.5
"""Between two lines of progress on a terminal."""
ELSEWHERE = (
    "This database was restored from a copy, or was moved: nobody here knows what has been sent "
    "since the copy was made. When no other one sends any more, say "
    "`manage.py send_digests --confirm-place`."
)


NOTHING_NEW = (
    "There is nothing new, so nothing was sent. With --at, as 2026-11-28T07:00, a copy of the "
    "digest of that day is sent, if there was one."
)


class Command(BaseCommand):
    """``manage.py send_digests``."""

    help = "Sends digests, news and confirmations that are due; each leaves once."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares when, how fast, and to whom."""
        mail = options()
        parser.add_argument(
            "--at",
            type=moment,
            metavar="TIME",
            help="as if it were that time, of TIME_ZONE if it names none: 2026-11-28T07:00; "
            "what is sent is sent, also ahead of its time; more than "
            f"{MOST_DAYS_AHEAD} days ahead only with --dry-run or --test-to",
        )
        parser.add_argument("--loop", action="store_true", help="until SIGTERM or Ctrl-C")
        parser.add_argument(
            "--connections", type=int, default=mail.mail_connections, metavar="N", help="at once"
        )
        parser.add_argument(
            "--rate",
            type=checked(read_rate),
            default=mail.mail_rate,
            metavar="N/s",
            help="of this sender, as 20/s",
        )
        parser.add_argument(
            "--window",
            type=checked(str, read_window),
            default=mail.mail_window,
            metavar="N/24h",
            help="of all senders together, as 50000/24h",
        )
        parser.add_argument("--dry-run", action="store_true", help="counts, and changes nothing")
        parser.add_argument("--only", default="", metavar="ADDRESS", help="nobody else")
        parser.add_argument(
            "--test-to",
            default="",
            metavar="ADDRESS",
            help="one copy of what --only would be sent, or was on the day of --at, to this "
            "address; changes nothing",
        )
        parser.add_argument("--site", type=int, help="id; by default that of SITE_ID, else all")
        parser.add_argument(
            "--confirm-place",
            action="store_true",
            help="this database may send, although it was restored from a copy",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Does it once, or again and again.

        Raises:
            CommandError: what was asked for makes no sense, mail was held up by something that an
                operator has to know of, or the database is away or not migrated.
        """
        if options["connections"] < 1:
            raise CommandError("--connections is at least 1.")
        _refuse_far_ahead(options)
        try:
            self._handle(options)
        except (OperationalError, InterfaceError, ProgrammingError) as error:
            explain(error)

    def _handle(self, options: dict[str, Any]) -> None:
        wanted = options["site"] or getattr(settings, "SITE_ID", None)
        sites = Site.objects.filter(pk=wanted) if wanted else Site.objects.order_by("pk")
        if not sites:
            raise CommandError("There is no such site.")
        for site in sites:
            if options["confirm_place"]:
                confirm_place(site_id=site.pk)
                self.stdout.write(f"{site.domain}: this database may send.")
        if options["confirm_place"]:
            return
        known = [site for site in sites if self._knows(site, options["only"])]
        if not known:
            raise CommandError("Nobody is subscribed with that address.")
        if options["test_to"]:
            self._test(options, sites=known)
            return
        with told_to_stop() as stop:
            self._run(options, sites=known, stop=stop)

    @staticmethod
    def _knows(site: Site, only: str) -> bool:
        """Returns whether a site has the only subscriber that is wanted; with none, all are."""
        return not only or subscriber_at(only, site_id=site.pk) is not None

    def _run(self, options: dict[str, Any], *, sites: list[Site], stop: Event) -> None:
        is_alarm = False
        while not stop.is_set():
            try:
                # Each site, whatever came of the one before.
                is_alarm = sum(self._work(options, site=site, stop=stop) for site in sites) > 0
            except OperationalError as error:
                if not options["loop"]:
                    raise
                close_old_connections()
                is_alarm = True
                self.stderr.write(f"the database is away: {type(error).__name__}")
            if not options["loop"]:
                break
            stop.wait(LOOP_SECONDS)
        if is_alarm:
            raise CommandError("Not everything that was due could be sent.")

    def _work(self, options: dict[str, Any], *, site: Site, stop: Event) -> bool:
        """Plans and sends for one site; returns whether an operator has to see to it."""
        began = monotonic()
        clock = until(options["at"] or timezone.now(), began=began)

        def go_on() -> bool:
            return not stop.is_set()

        planned = plan_due(
            site_id=site.pk,
            now=clock(),
            only=options["only"],
            dry_run=options["dry_run"],
            go_on=go_on,
        )
        due = count_due(site_id=site.pk, now=clock(), only=options["only"])
        if options["dry_run"]:
            self._say_planned(planned, due=due)
            return False
        progress = Progress(due=due, write=self._write_over if sys.stdout.isatty() else None)
        try:
            sent = send_deliveries(
                site_id=site.pk,
                clock=clock,
                limits=Limits(
                    connections=options["connections"],
                    rate=options["rate"],
                    window=options["window"],
                ),
                only=options["only"],
                go_on=go_on,
                tell=progress.show,
            )
        except ElsewhereError:
            self.stderr.write(ELSEWHERE)
            return True
        progress.end()
        if sent.sent or sent.outcomes or not options["loop"]:
            self._say_sent(sent, seconds=monotonic() - began)
        if sent.halted:
            self.stderr.write(sent.halted)
        return sent.is_alarm

    def _say_planned(self, planned: Planned, *, due: int) -> None:
        self.stdout.write(
            f"Would plan digests: {planned.digests:,}, other news: {planned.instants:,}, for "
            f"subscribers who are due: {planned.looked_at:,}. Mails that are due already: {due:,}."
        )

    def _say_sent(self, sent: Sent, *, seconds: float) -> None:
        others = "".join(f", {count:,} {name}" for name, count in sorted(sent.outcomes.items()))
        rate = f" ({sent.sent / seconds:,.0f}/s)" if sent.sent and seconds else ""
        self.stdout.write(f"{sent.sent:,} sent{rate}{others}.")

    def _write_over(self, line: str) -> None:
        self.stdout.write(f"\r{line}\x1b[K", ending="")
        self.stdout.flush()

    def _test(self, options: dict[str, Any], *, sites: list[Site]) -> None:
        """Sends what somebody would be sent to another address.

        Raises:
            CommandError: there is nobody, or nothing, to take it from.
        """
        if not options["only"]:
            raise CommandError("--test-to wants --only: whose mail is it to be a copy of?")
        for site in sites:
            subscriber = subscriber_at(options["only"], site_id=site.pk)
            if subscriber is None:
                continue  # ended meanwhile
            at = options["at"] or timezone.now()
            kept = _digest_at(subscriber, at=at) if options["at"] else None
            try:
                mail = send_test(subscriber.pk, at=at, to=options["test_to"], instead=kept)
            except ValidationFailed as error:
                raise CommandError(error.errors[0].detail) from None
            except (NotComposed, NotSent) as error:
                raise CommandError(f"{type(error).__name__}: {error}") from None
            self.stdout.write(f"One copy sent: {mail.subject}" if mail else NOTHING_NEW)


def _digest_at(subscriber: Subscriber, *, at: datetime) -> Delivery | None:
    """Returns the digest of the day, by the subscriber's clocks, that a time is of."""
    zone = schedule_of(subscriber, frequency=Frequency.DAILY).tz
    return digest_of(subscriber.pk, period=at.astimezone(zone).date())


def _refuse_far_ahead(options: dict[str, Any]) -> None:
    """Refuses a time that would keep everybody's news back until then, such as of a wrong year.

    Raises:
        CommandError: it is too far ahead, and something would be stored.
    """
    at: datetime | None = options["at"]
    if at is None or options["dry_run"] or options["test_to"]:
        return
    if at > timezone.now() + timedelta(days=MOST_DAYS_AHEAD):
        raise CommandError(
            f"--at {at:%Y-%m-%dT%H:%M} is more than {MOST_DAYS_AHEAD} days ahead: nobody who is "
            "due would get a digest before then; --dry-run may look so far."
        )


class Progress:
    """A line on a terminal: how many, how fast, how long it will take."""

    def __init__(self, *, due: int, write: Callable[[str], None] | None) -> None:
        self._due, self._write = due, write
        self._began = self._shown_at = monotonic()
        self._has_shown = False

    def show(self, sent: Sent) -> None:
        """Shows how far it has come, from time to time."""
        now = monotonic()
        if self._write is None or now - self._shown_at < SHOW_SECONDS:
            return
        self._shown_at, self._has_shown = now, True
        done = sent.sent + sum(sent.outcomes.values())
        rate = done / (now - self._began)
        left = max(self._due - done, 0)
        still = f", {duration(left / rate)} left" if rate and left else ""
        self._write(f"{done:,} of {max(self._due, done):,}, {rate:,.0f}/s{still}")

    def end(self) -> None:
        """Gives the line back."""
        if self._write is not None and self._has_shown:
            self._write("")


def duration(seconds: float) -> str:
    """Returns how long something takes, as people say it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


@contextmanager
def told_to_stop() -> Iterator[Event]:
    """Gives an event that SIGTERM and Ctrl-C set; a second one ends the process at once."""
    stop = Event()

    def told(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            sys.exit(128 + number)
        stop.set()

    before = {number: signal.signal(number, told) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def moment(text: str) -> datetime:
    """Returns a time; one without a zone is of the site's.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or found.year > LAST_YEAR:
        raise argparse.ArgumentTypeError(f"a time is written like 2026-11-28T07:00, not {text!r}")
    return found if found.tzinfo is not None else timezone.make_aware(found)


def checked(read: Callable[[str], Any], *more: Callable[[str], Any]) -> Callable[[str], Any]:
    """Returns a reader of a value that others read too; argparse shows what is wrong with it."""

    def reader(text: str) -> Any:
        try:
            for one in more:
                one(text)
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return reader
