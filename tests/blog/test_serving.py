"""``manage.py serve``: what it refuses to begin with, and how it ends."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from blog.models import Post
from tests.conftest import ROOT

PATIENCE_SECONDS = 120
ADDRESS = "/api/v1/counts/?key=none"
ANSWER = b'{"counts":{"none":0}}'


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.django_db
def test_a_taken_port_is_said_before_anything_is_done(
    taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "execv", lambda *_: pytest.fail("the server was started"))
    out = io.StringIO()
    with pytest.raises(CommandError, match=f"Cannot listen at 127.0.0.1:{taken_port}: "):
        call_command("serve", first_run=True, port=taken_port, stdout=out)
    assert out.getvalue() == ""
    assert not Post.objects.exists()


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "٨٠٨٠"])
def test_what_is_no_port_is_refused(port: str) -> None:
    with pytest.raises(CommandError, match="is no port"):
        call_command("serve", f"--port={port}")


@contextmanager
def serving(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], HTTPConnection]]:
    """Gives a server in a process group of its own, and a connection on which it has answered."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'blog.sqlite3'}",
        "DJANGO_SETTINGS_MODULE": "blog.settings",
    }
    server = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--first-run", f"--port={port}"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with server, closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        try:
            wait_until_connected(server, connection)
            assert body_at(connection, ADDRESS) == ANSWER
            yield server, connection
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)


def wait_until_connected(server: subprocess.Popen[str], connection: HTTPConnection) -> None:
    """Returns when a server that is starting takes the connection."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            return connection.connect()
        except ConnectionError:
            time.sleep(0.1)
    raise AssertionError("the server does not take connections")


def body_at(connection: HTTPConnection, address: str) -> bytes:
    """Returns what is answered over a connection that stays open."""
    connection.request("GET", address)
    return connection.getresponse().read()


def workers_of(server: subprocess.Popen[str]) -> list[int]:
    """Returns the ids of a server's workers; none where there is no ``/proc``."""
    workers = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except OSError:
            continue  # it ended meanwhile
        if parent == server.pid:
            workers.append(int(stat.parent.name))
    return workers


def test_the_server_answers_and_ends_cleanly_when_told_to_stop(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, connection):
        server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=PATIENCE_SECONDS)
    assert server.returncode == 0, err
    assert f"http://127.0.0.1:{connection.port}/posts/" in out
    assert err == ""


def test_ctrl_c_ends_the_server_at_once_and_without_a_word(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, connection):
        # A worker that hears Ctrl-C and then its server is told twice, and may wait for itself.
        for worker in workers_of(server):
            os.kill(worker, signal.SIGINT)
        for _ in range(10):
            assert body_at(connection, ADDRESS) == ANSWER
        os.killpg(server.pid, signal.SIGINT)
        os.killpg(server.pid, signal.SIGINT)
        out, err = server.communicate(timeout=PATIENCE_SECONDS)
    assert server.returncode == 0, err
    assert "killing" not in (out + err).lower()
    assert err == ""
