"""A pool of connections that says at once when the database is away.

By itself each request waits for a connection as long as a pool may take, several times if it asks
several things, and holds a thread meanwhile: soon nobody answers, not even who asks whether this
process is alive. Here the first one waits, and tells the others.
"""

from __future__ import annotations

from time import monotonic
from typing import Any

from django.db.backends.postgresql import base
from psycopg import OperationalError
from psycopg_pool import PoolTimeout

from blog.env_databases import POOL

REST_SECONDS = 2
"""How long nobody tries after a connection could not be had."""
_again_at: dict[str, float] = {}
"""Of each database that is away, when it is tried again."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, which fails at once while its database is known to be away."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Returns a connection of the pool.

        Raises:
            OperationalError: there is none, now or a moment ago.
        """
        again_at = _again_at.get(self.alias)
        if again_at is not None:
            if monotonic() < again_at:
                raise OperationalError("the database did not answer a moment ago")
            # Of all that wait one tries; what it finds holds for the others.
            _again_at[self.alias] = monotonic() + POOL["timeout"] + REST_SECONDS
        try:
            connection = super().get_new_connection(conn_params)
        except PoolTimeout:
            _again_at[self.alias] = monotonic() + REST_SECONDS
            raise
        _again_at.pop(self.alias, None)
        return connection
