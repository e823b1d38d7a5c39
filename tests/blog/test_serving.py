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
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from blog.models import Post
from tests.conftest import ROOT

PATIENCE_SECONDS = 120
ADDRESS = "/api/v1/counts/?key=none"
ANSWER = b'{"counts":{"none":0}}'

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="reads in /proc which processes there are"
)


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
def serving(
    tmp_path: Path, *options: str
) -> Iterator[tuple[subprocess.Popen[str], HTTPConnection]]:
    """Gives a server in a process group of its own, and a connection on which it has answered."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'blog.sqlite3'}",
        "DJANGO_SETTINGS_MODULE": "blog.settings",
        "OUTBOX_DIR": str(tmp_path / "outbox"),
    }
    server = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--first-run", f"--port={port}", *options],
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


def processes_of(server: subprocess.Popen[str]) -> list[int]:
    """Returns the ids of what a server has started; none where there is no ``/proc``."""
    started = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except OSError:
            continue  # it ended meanwhile
        if parent == server.pid:
            started.append(int(stat.parent.name))
    return started


def background_of(server: subprocess.Popen[str]) -> list[int]:
    """Returns the ids of a server's processes for background work that have begun to work."""
    found = []
    for process in processes_of(server):
        with suppress(OSError):  # it ended meanwhile
            command = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
            threads = list(Path(f"/proc/{process}/task").iterdir())
            if b"work" in command and len(threads) > 1:
                found.append(process)
    return found


def wait_for_background(server: subprocess.Popen[str], *, but_not: int = 0) -> int:
    """Returns the id of a server's process for background work as soon as it is at work."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for process in background_of(server):
            if process != but_not:
                return process
        time.sleep(0.1)
    raise AssertionError("nobody does the background work")


def wait_until_gone(process: int) -> None:
    """Returns when a process has ended, whoever has to bury it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2]
        except OSError:
            return
        if state.split()[0] == "Z":
            return
        time.sleep(0.1)
    raise AssertionError(f"process {process} goes on")


def test_the_server_answers_and_ends_cleanly_when_told_to_stop(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, connection):
        server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=PATIENCE_SECONDS)
    assert server.returncode == 0, err
    assert f"http://127.0.0.1:{connection.port}/posts/" in out
    assert err == ""


@needs_proc
def test_ctrl_c_ends_the_server_at_once_and_without_a_word(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, connection):
        # A worker that hears Ctrl-C and then its server is told twice, and may wait for itself.
        background = wait_for_background(server)
        for process in processes_of(server):
            os.kill(process, signal.SIGINT)
        for _ in range(10):
            assert body_at(connection, ADDRESS) == ANSWER
        os.killpg(server.pid, signal.SIGINT)
        os.killpg(server.pid, signal.SIGINT)
        out, err = server.communicate(timeout=PATIENCE_SECONDS)
    assert server.returncode == 0, err
    assert "killing" not in (out + err).lower()
    assert err == ""
    wait_until_gone(background)


@needs_proc
def test_background_work_that_is_killed_is_begun_again_and_ends_with_the_server(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as (server, connection):
        first = wait_for_background(server)
        os.kill(first, signal.SIGKILL)
        second = wait_for_background(server, but_not=first)
        assert body_at(connection, ADDRESS) == ANSWER
        server.kill()
        wait_until_gone(second)
        os.killpg(server.pid, signal.SIGKILL)


@needs_proc
def test_background_work_can_be_left_to_another_machine(tmp_path: Path) -> None:
    with serving(tmp_path, "--no-work") as (server, _):
        time.sleep(1)
        assert not any(
            b"work" in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
            for process in processes_of(server)
        )
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE_SECONDS) == 0
