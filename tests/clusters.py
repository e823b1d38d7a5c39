"""Two PostgreSQL clusters of one's own, of which one can take the other's place."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

import psycopg

from tests.production import free_port, wait_for

PROGRAMS = Path("/usr/lib/postgresql")
"""Where Debian has them, by major version."""
STANDBY = "standby"


def programs() -> Path | None:
    """Returns the directory of the newest ``initdb`` and its companions, if there is one."""
    found = [path.parent for path in PROGRAMS.glob("*/bin/initdb")]
    return max(found, key=lambda path: float(path.parent.name), default=None)


class Cluster:
    """A PostgreSQL server with its own directory and port."""

    def __init__(self, programs: Path, directory: Path) -> None:
        self._programs, self.directory, self.port = programs, directory, free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, name: str, *arguments: str) -> None:
        """Runs one of PostgreSQL's programs to its end."""
        subprocess.run(
            [*_as_postgres(), str(self._programs / name), *arguments],
            check=True,
            capture_output=True,
            cwd=self.directory.parent,
        )

    def start(self) -> None:
        """Starts the server; returns when it takes connections."""
        options = [
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self.directory.parent}",
            "wal_level=replica",
            "hot_standby=on",
            "max_connections=60",
            "shared_buffers=32MB",
        ]
        settings = [part for option in options for part in ("-c", option)]
        with (self.directory.parent / f"{self.directory.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *_as_postgres(),
                    str(self._programs / "postgres"),
                    "-D",
                    self.directory,
                    *settings,
                ],
                stdout=log,
                stderr=log,
                cwd=self.directory.parent,
                start_new_session=True,
            )
        wait_for(self._answers)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "the server has ended"
        with suppress(psycopg.OperationalError):
            self.ask("SELECT 1")
            return True
        return False

    def ask(self, statement: str, *, database: str = "postgres") -> list[tuple[object, ...]]:
        """Returns the rows of a statement; none where it gives none."""
        where = f"host=127.0.0.1 port={self.port} user=postgres dbname={database}"
        with closing(psycopg.connect(where, autocommit=True)) as connection:
            asked = connection.execute(statement.encode())
            return asked.fetchall() if asked.description else []

    def kill(self) -> None:
        """Ends the server and all its processes as nothing else does."""
        if self._process is None or self._process.poll() is not None:
            return
        master = int((self.directory / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        for process in [master, *map(int, children)]:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.kill()
        self._process.wait()

    def promote(self) -> None:
        """Makes a standby the primary; returns when it is."""
        self.ask("SELECT pg_promote(wait => true)")

    def set(self, name: str, value: str) -> None:
        """Gives a setting another value, as soon as the server reads it anew."""
        self.ask(f"ALTER SYSTEM SET {name} = '{value}'")
        self.ask("SELECT pg_reload_conf()")


@contextmanager
def _directory() -> Iterator[Path]:
    whole = Path(mkdtemp(prefix="clusters"))
    try:
        if _as_postgres():
            shutil.chown(whole, "postgres")
        yield whole
    finally:
        shutil.rmtree(whole, ignore_errors=True)


def _begin(cluster: Cluster) -> None:
    cluster.run("initdb", "-D", str(cluster.directory), "-A", "trust", "-U", "postgres", "-N")
    cluster.start()


@contextmanager
def one_alone(programs: Path) -> Iterator[Cluster]:
    """Gives a server of one's own."""
    with _directory() as whole:
        cluster = Cluster(programs, whole / "one")
        try:
            _begin(cluster)
            yield cluster
        finally:
            cluster.kill()


@contextmanager
def primary_and_standby(
    programs: Path, *, is_synchronous: bool = True
) -> Iterator[tuple[Cluster, Cluster]]:
    """Gives a primary and its standby.

    Args:
        is_synchronous: whether what is committed is on both; else the standby may lag.
    """
    with _directory() as whole:
        primary, standby = Cluster(programs, whole / "one"), Cluster(programs, whole / "two")
        try:
            _begin(primary)
            source = f"host=127.0.0.1 port={primary.port} user=postgres"
            primary.run(
                "pg_basebackup",
                *("-D", str(standby.directory), "-R", "-c", "fast", "-X", "stream"),
                *("-d", f"{source} application_name={STANDBY}"),
            )
            standby.start()
            if is_synchronous:
                primary.set("synchronous_standby_names", STANDBY)
            state = "sync" if is_synchronous else "async"
            asked = f"SELECT 1 FROM pg_stat_replication WHERE sync_state = '{state}'"
            wait_for(lambda: primary.ask(asked))
            yield primary, standby
        finally:
            standby.kill()
            primary.kill()


def _as_postgres() -> list[str]:
    """Returns how to run what refuses to be run by root."""
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
