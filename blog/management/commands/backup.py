"""``manage.py backup``: writes the database into one file, while the site runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from blog.backups import BackupError, back_up


class Command(BaseCommand):
    """``manage.py backup``."""

    help = "Writes a backup of the database: SQLite's online backup, or pg_dump's custom format."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declares the file."""
        parser.add_argument("path", type=Path, help="the file; it is whole, or it is not there")
        parser.add_argument(
            "--replace", action="store_true", help="write over a file that is there"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Prints the size of what was written.

        Raises:
            CommandError: nothing was.
        """
        try:
            size = back_up(options["path"], replace=options["replace"])
        except BackupError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{options['path']}: {size:,} bytes.")
