"""``manage.py receive_mail``: takes a bounce, or a mail that unsubscribes, from the mail server.

Called for each mail by a pipe or an alias. Its exit code says what the mail server is to do (the
codes of ``sysexits.h``): 0 when there is nothing more to do, 75 when it is to try again later.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from comments.actions.bouncing import take_mail
from comments.rules.bounces import LONGEST_READ

logger = logging.getLogger(__name__)

TRY_AGAIN = 75
"""EX_TEMPFAIL."""
PIECE = 64 * 1024


class Command(BaseCommand):
    """``manage.py receive_mail``."""

    help = "Reads one mail from standard input: a bounce, a complaint, or one that unsubscribes."
    # Once for each mail: what a check finds would go to whoever wrote it.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares the recipient."""
        parser.add_argument(
            "recipient",
            nargs="?",
            default="",
            help="who it came to; without it, the mail's headers tell",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Does what the mail is about. Prints nothing: some mail servers send that back.

        Raises:
            CommandError: the database is busy or away; the exit code is 75.
        """
        content = sys.stdin.buffer.read(LONGEST_READ)
        while sys.stdin.buffer.read(PIECE):
            pass  # a mail server that is not listened to takes it for a failure
        try:
            take_mail(content=content, recipient=options["recipient"], now=timezone.now())
        except (DatabaseError, InterfaceError) as error:
            logger.warning("a mail is to come in again later: %s", type(error).__name__)
            raise CommandError("try again later", returncode=TRY_AGAIN) from None
