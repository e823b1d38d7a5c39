"""The databases: ``DATABASE_URL``, and the replicas of ``DATABASE_REPLICA_URLS`` beside it."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS

from blog.env_values import truth_of

SQLITE = "django.db.backends.sqlite3"
POSTGRESQL = "django.db.backends.postgresql"
POOLED = "blog.pooled"
POOL = {
    "min_size": 1,
    "max_size": 16,
    # Seconds that a connection may take: there is one for each thread, none waits for another's.
    "timeout": 3,
    # After this a pool begins anew with who comes next, not when its growing pauses are over.
    "reconnect_timeout": 3,
}
SCHEMES = ("sqlite:", "postgres:", "postgresql:", "psql:", "pgsql:")
CONNECT_SECONDS = 2
"""How long a replica may take to be connected to, unless its address says ``connect_timeout``."""


def database_settings(env: environ.Env, *, default: str) -> dict[str, Any]:
    """Returns Django's entry for ``DATABASE_URL``: SQLite or PostgreSQL, nothing else.

    Args:
        default: what is used, in a folder made for it, if there is no such variable.

    Raises:
        ImproperlyConfigured: it names something else.
    """
    given = env.str("DATABASE_URL", default="").strip()
    config: dict[str, Any] = {}
    address = given or default
    # Of other schemes the reader of addresses may print all that stands in them.
    if address.startswith(SCHEMES):
        with suppress(ImproperlyConfigured, ValueError):  # which do not name the variable
            config = env.db_url_config(address)
    engine = config.get("ENGINE")
    options = config.setdefault("OPTIONS", {})
    if engine == SQLITE:
        if not given:
            with suppress(OSError):  # whoever opens the file will say it
                Path(config["NAME"]).parent.mkdir(exist_ok=True)
        # WAL lets readers go on while one writes. IMMEDIATE takes the write lock at BEGIN: a
        # deferred transaction that reads first cannot wait for it and fails with "locked".
        # A thread keeps its connection: opening one costs more than the look-up it is opened for.
        config["CONN_MAX_AGE"] = None
        options.update(
            {
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": (
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
                    "PRAGMA foreign_keys=ON; PRAGMA cache_size=-65536; PRAGMA mmap_size=268435456"
                ),
            }
        )
        return config
    if engine == POSTGRESQL and (config.get("NAME") or "service" in options):
        if truth_of(str(options.pop("pool", "")), "?pool= of DATABASE_URL"):
            config["ENGINE"] = POOLED
            options["pool"] = dict(POOL)
        else:
            config.setdefault("CONN_MAX_AGE", 60)
        _prepare(options, "DATABASE_URL")
        # One that the server has ended meanwhile is replaced, and no request fails by it.
        config["CONN_HEALTH_CHECKS"] = True
        return config
    raise ImproperlyConfigured(
        "DATABASE_URL must name SQLite or PostgreSQL, as sqlite:///path or postgres://user@host/name."
    )


def _prepare(options: dict[str, Any], variable: str) -> None:
    """Lets statements be prepared, unless the address says ``?prepare=off``."""
    # What is asked again and again is planned once for each connection. A pooler that hands
    # connections out for one transaction may know nothing of that.
    prepare = truth_of(str(options.pop("prepare", "")), f"?prepare= of {variable}", default=True)
    options["prepare_threshold"] = 5 if prepare else None


def replica_settings(env: environ.Env) -> dict[str, dict[str, Any]]:
    """Returns Django's entries for ``DATABASE_REPLICA_URLS``, by name: none, if it is not set.

    Raises:
        ImproperlyConfigured: an address names no PostgreSQL server, or asks for a pool.
    """
    # One address may name several hosts, with commas between.
    addresses = re.split(r",\s*(?=\w+://)", env.str("DATABASE_REPLICA_URLS", default="").strip())
    return {
        f"replica_{number}": _replica(env, address)
        for number, address in enumerate(filter(None, addresses), start=1)
    }


def _replica(env: environ.Env, address: str) -> dict[str, Any]:
    config: dict[str, Any] = {}
    # Of other schemes the reader of addresses may print all that stands in them.
    if address.startswith(("postgres://", "postgresql://")):
        with suppress(ImproperlyConfigured, ValueError):
            config = env.db_url_config(address)
    options = config.setdefault("OPTIONS", {})
    if not config.get("NAME") or "pool" in options:
        raise ImproperlyConfigured(
            "DATABASE_REPLICA_URLS must be addresses of PostgreSQL with a database, as "
            "postgres://user@host/name, with commas between; none with ?pool=."
        )
    _prepare(options, "DATABASE_REPLICA_URLS")
    options.setdefault("connect_timeout", CONNECT_SECONDS)
    # One that the server has ended meanwhile is replaced when it fails (queries/replicas.py).
    config.setdefault("CONN_MAX_AGE", 60)
    # The tests' database has no replica: it stands in for one.
    config["TEST"] = {"MIRROR": DEFAULT_DB_ALIAS}
    return config
