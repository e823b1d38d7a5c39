"""Hearing PostgreSQL's NOTIFY: one connection of a process, on its event loop.

A transaction that raises the version of a thread says so (``actions/recording.py``), and whoever
listens hears it when it commits. What is said while the connection is away is lost; so after each
LISTEN the hub looks for itself, and while there is none it looks all the time.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import psycopg
from django.db import connection
from psycopg import sql

from comments.queries.streams import NOTIFICATIONS
from comments.streaming.hub import Hub

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
"""Until it tries again to connect."""
CHECK_SECONDS = 15.0
"""How often it is tried whether a silent connection still is one, and how long that may take."""


def can_listen() -> bool:
    """Returns whether the database is one that calls."""
    return connection.vendor == "postgresql"


async def listen(hub: Hub) -> None:
    """Passes calls on to the hub until it is cancelled, with a new connection whenever it ends."""
    was_well = True
    while True:
        try:
            await _listen_once(hub)
        except (psycopg.Error, OSError, TimeoutError) as error:
            if was_well:
                logger.warning("the database does not call: %s", str(error).partition("\n")[0])
            was_well = hub.can_hear
        hub.set_hearing(False)
        await asyncio.sleep(AGAIN_SECONDS)


async def _listen_once(hub: Hub) -> None:
    """Passes calls on until the connection ends.

    Raises:
        psycopg.Error, OSError, TimeoutError: it did, or there was none.
    """
    async with await psycopg.AsyncConnection.connect(**_parameters(), autocommit=True) as listener:
        await listener.execute(sql.SQL("LISTEN {}").format(sql.Identifier(NOTIFICATIONS)))
        hub.set_hearing(True)
        while True:
            async for said in listener.notifies(timeout=CHECK_SECONDS):
                thread_id, _, version = said.payload.partition(" ")
                hub.call(int(thread_id), int(version))
            async with asyncio.timeout(CHECK_SECONDS):
                await listener.execute("SELECT 1")


def _parameters() -> dict[str, Any]:
    """Returns how Django connects, without what is for its own cursors."""
    found = connection.get_connection_params()
    for name in ("cursor_factory", "context", "prepare_threshold"):
        found.pop(name, None)
    return found
