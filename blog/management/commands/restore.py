"""``manage.py restore``: puts a backup in the place of the database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from blog.backups import BackupError, hold_mail_back, restore


class Command(BaseCommand):
    """``manage.py restore``."""

    help = (
        "Puts a backup in the place of the database, brings it up to date, and holds its mail back "
        "until `send_digests --confirm-place`. Stop the servers before."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares the file."""
        parser.add_argument("path", type=Path, help="what manage.py backup wrote")
        parser.add_argument(
            "--replace", action="store_true", help="write over a database that has tables"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Restores, migrates, holds mail back, and looks whether all is in order.

        Raises:
            CommandError: it could not be restored, and the database is as it was; or what was
                restored is not in order.
        """
        try:
            restore(options["path"], replace=options["replace"])
        except (BackupError, DatabaseError) as error:
            raise CommandError(str(error)) from None
        call_command("migrate", interactive=False, verbosity=0)
        hold_mail_back()
        call_command("check_threads", stdout=self.stdout)
        call_command("verify_log", stdout=self.stdout)
        self.stdout.write(
            "Restored. Mail to subscribers waits: what left after the backup is not known here. "
            "See the mail room, then `manage.py send_digests --confirm-place`."
        )
