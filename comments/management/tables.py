"""What to tell an operator whose command failed at the database: one line, and what helps."""

from __future__ import annotations

from typing import NoReturn

from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, Error, ProgrammingError, connections
from django.db.migrations.executor import MigrationExecutor


def missing_migrations() -> int:
    """Returns how many migrations the database lacks."""
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def explain(error: Error) -> NoReturn:
    """Ends a command whose question the database has not answered.

    Raises:
        CommandError: the database is away, or not migrated.
        Error: it is neither, so that something else is wrong.
    """
    try:
        missing = missing_migrations()
    except Error:
        missing = 0  # nobody answers
    if missing:
        raise CommandError(
            f"The database lacks {missing} migrations of this version: run `manage.py migrate`."
        ) from None
    if isinstance(error, ProgrammingError):
        raise error
    raise CommandError(not_answering(error)) from None


def not_answering(error: Error) -> str:
    """Returns the sentence about a database that does not answer."""
    why = " ".join(str(error).split()) or type(error).__name__
    return f"The database does not answer: {why}"
