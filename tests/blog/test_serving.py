"""``manage.py serve``: what it refuses to begin with, and how it ends."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from blog.management.commands.serve import prepare_stream, refuse_taken, shown_origin
from blog.models import Post
from tests.conftest import ROOT
from tests.production import KEY, free_port, wait_for
from tests.streaming.sse import Listener

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


@pytest.fixture
def site(tmp_path: Path, migrated: Path) -> Path:
    """Returns the directory of an installation whose database has its tables already."""
    shutil.copy(migrated, tmp_path / "blog.sqlite3")
    return tmp_path


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
        "SITE_URL": f"http://127.0.0.1:{port}",
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
def test_ctrl_c_ends_the_server_at_once_and_without_a_word(site: Path) -> None:
    with serving(site) as (server, connection):
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
    site: Path,
) -> None:
    with serving(site) as (server, connection):
        first = wait_for_background(server)
        os.kill(first, signal.SIGKILL)
        second = wait_for_background(server, but_not=first)
        assert body_at(connection, ADDRESS) == ANSWER
        server.kill()
        wait_until_gone(second)
        os.killpg(server.pid, signal.SIGKILL)


def is_free(port: int) -> bool:
    """Returns whether another server could begin at a port."""
    try:
        refuse_taken(host="127.0.0.1", port=port)
    except CommandError:
        return False
    return True


@needs_proc
def test_workers_of_a_server_that_is_killed_answer_what_they_are_at_and_leave_the_port(
    site: Path,
) -> None:
    body = {"source": "The last one.", "parent": None, "author": {"name": "Ana"}}
    with serving(site, "--workers=2", "--no-work", "--no-stream") as (server, connection):
        workers = processes_of(server)
        assert len(workers) == 2
        with closing(sqlite3.connect(site / "blog.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # for which whoever writes waits
            path = f"/api/v1/threads/{KEY}/comments/"
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            time.sleep(0.5)
            server.kill()
            server.wait()
            time.sleep(2)
            other.execute("ROLLBACK")
        assert connection.getresponse().status == 201
        for worker in workers:
            wait_until_gone(worker)
        wait_for(lambda: is_free(connection.port))
        assert server.stderr is not None
        said = server.stderr.read().splitlines()
        assert [line.partition("serving: ")[2] for line in said] == [
            "the server was killed: a worker ends"
        ] * 2


@needs_proc
def test_background_work_can_be_left_to_another_machine(site: Path) -> None:
    with serving(site, "--no-work") as (server, _):
        time.sleep(1)
        assert not any(
            b"work" in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
            for process in processes_of(server)
        )
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE_SECONDS) == 0


# --- what it says before it serves ------------------------------------------------------------


def ended(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Returns what a program that ends by itself has written."""
    whole = {**os.environ, "DJANGO_SETTINGS_MODULE": "blog.settings", "DEBUG": "", **environment}
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=whole,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@pytest.mark.parametrize("command", ["serve", "stream", "work"])
def test_a_setting_that_cannot_be_read_is_one_line(command: str) -> None:
    done = ended("manage.py", command, METRICS_TOKEN="short")
    assert done.returncode == 1
    assert done.stderr == "METRICS_TOKEN must have 16 characters or more, and no spaces.\n"
    assert "Traceback" in ended("manage.py", command, "--traceback", METRICS_TOKEN="short").stderr


def test_with_json_each_refusal_to_begin_is_a_line_of_it(taken_port: int) -> None:
    told = {"LOG_FORMAT": "json"}
    for done, level, words in (
        (ended("manage.py", "serve", METRICS_TOKEN="short", **told), "CRITICAL", "METRICS_TOKEN"),
        (ended("manage.py", "serve", f"--port={taken_port}", **told), "ERROR", "Cannot listen"),
        (ended("manage.py", "stream", f"--port={taken_port}", **told), "ERROR", "Cannot listen"),
    ):
        assert (done.returncode, done.stdout) == (1, "")
        [line] = map(json.loads, done.stderr.splitlines())
        assert line["level"] == level
        assert words in line["message"]


@pytest.mark.parametrize(
    ("database", "why"),
    [
        (
            "sqlite:///{}/empty.sqlite3",
            r"The database lacks \d+ migrations .*: run `manage.py migr",
        ),
        ("postgres://nobody@127.0.0.1:1/nothing", "The database does not answer: "),
    ],
)
def test_without_a_database_it_does_not_begin(database: str, why: str, tmp_path: Path) -> None:
    port = f"--port={free_port()}"
    done = ended("manage.py", "serve", port, DATABASE_URL=database.format(tmp_path))
    assert done.returncode == 1
    assert re.match(f"CommandError: {why}.*\n\\Z", done.stderr), done.stderr


@needs_proc
@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_worker_that_cannot_load_the_site_says_why_in_lines_like_all_others(
    log_format: str,
) -> None:
    port = free_port()
    options = f"--host=127.0.0.1 --port={port} --workers=1 --threads=1 --log-format={log_format}"
    done = ended("-m", "blog.serving", *options.split(), METRICS_TOKEN="short")
    assert done.returncode == 1
    assert "a worker cannot load the site" in done.stderr
    assert "METRICS_TOKEN must have 16 characters" in done.stderr
    if log_format == "json":
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        assert {line["logger"] for line in lines} == {"blog.serving", "_granian"}


def test_what_nobody_catches_is_a_line_like_all_others() -> None:
    code = (
        "import threading\n"
        "from blog.logs import log_uncaught, logging_config\n"
        "import logging.config\n"
        "lines = logging_config(log_format='json') | {'root': {'handlers': ['stderr']}}\n"
        "logging.config.dictConfig(lines)\n"
        "log_uncaught()\n"
        "thread = threading.Thread(target=lambda: int('marmalade'))\n"
        "thread.start()\n"
        "thread.join()\n"
        "int('marmalade')\n"
    )
    done = ended("-c", code)
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["exception"][0]["what"] for line in lines] == ["ValueError"] * 2


@pytest.mark.parametrize(
    ("site", "hosts", "expected"),
    [
        ("https://blog.example.org", "blog.example.org", "https://blog.example.org"),
        ("", "127.0.0.1,localhost", "http://127.0.0.1:8100"),
        ("", ".example.org,localhost", "http://example.org:8100"),
        ("", "*", "http://127.0.0.1:8100"),
    ],
)
def test_the_addresses_that_are_named_are_answered(
    site: str, hosts: str, expected: str, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setenv("SITE_URL", site)
    settings.ALLOWED_HOSTS = hosts.split(",")
    assert shown_origin(host="127.0.0.1", port=8100) == expected


# --- live streams -----------------------------------------------------------------------------


def stream_of(server: subprocess.Popen[str], *, but_not: int = 0) -> int:
    """Returns the id of a server's process for live streams as soon as there is one."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for process in processes_of(server):
            with suppress(OSError):  # it ended meanwhile
                command = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
                if b"stream" in command and process != but_not:
                    return process
        time.sleep(0.1)
    raise AssertionError("nobody serves streams")


def thread_at(connection: HTTPConnection) -> dict[str, Any]:
    """Returns the thread of the post that a first run brings."""
    [post] = json.loads(body_at(connection, "/api/v1/posts/"))["items"]
    address = f"/api/v1/threads/{quote(post['thread']['key'])}/"
    thread: dict[str, Any] = json.loads(body_at(connection, address))
    return thread


def listener_at(address: str, *, since: int | None = None) -> Listener:
    """Returns a reader of the stream at an address, as soon as somebody serves it."""
    parts = urlsplit(address)
    assert parts.port is not None
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return Listener(parts.port, parts.path.split("/")[-3], since=since)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "nobody serves streams"
            time.sleep(0.1)


@needs_proc
def test_streams_are_served_beside_and_again_when_killed_and_end_with_the_server(
    site: Path,
) -> None:
    with serving(site) as (server, connection):
        thread = thread_at(connection)
        address = thread["links"]["stream"]
        assert urlsplit(address).hostname == "127.0.0.1"
        connection.request("GET", "/")
        page = connection.getresponse()
        page.read()
        [sources] = re.findall(r"connect-src ([^;]*)", page.headers["Content-Security-Policy"])
        assert "{0.scheme}://{0.netloc}".format(urlsplit(address)) in sources.split()
        with listener_at(address) as reader:
            assert reader.wait_for(0).data == {"version": thread["version"]}
            first = stream_of(server)
            os.kill(first, signal.SIGKILL)
            reader.wait_for_end()
        second = stream_of(server, but_not=first)
        with listener_at(address, since=reader.last - 1) as reader:
            reader.wait_for(thread["version"])
            server.kill()
            wait_until_gone(second)
            reader.wait_for_end()
        os.killpg(server.pid, signal.SIGKILL)


@needs_proc
def test_told_to_stop_the_server_ends_its_streams_cleanly(site: Path) -> None:
    with (
        serving(site) as (server, connection),
        listener_at(thread_at(connection)["links"]["stream"]) as reader,
    ):
        reader.wait_for(0)
        server.send_signal(signal.SIGTERM)
        reader.wait_for_end()
        assert reader.has_ended
        assert server.wait(PATIENCE_SECONDS) == 0


@needs_proc
def test_a_site_can_be_without_streams(site: Path) -> None:
    with serving(site, "--no-stream") as (server, connection):
        assert thread_at(connection)["links"]["stream"] is None
        wait_for_background(server)
        for process in processes_of(server):
            assert b"stream" not in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")


def prepared(monkeypatch: pytest.MonkeyPatch, *, site: str, port: int, **more: Any) -> Any:
    """Returns where streams are served, and what the environment says of them then."""
    monkeypatch.setenv("SITE_URL", site)
    monkeypatch.setenv("STREAM_URL", more.pop("stream_url", ""))
    options = {"host": "127.0.0.1", "port": port, "stream_port": None, "no_stream": False}
    return prepare_stream({**options, "first_run": False, **more}), os.environ["STREAM_URL"]


@pytest.mark.parametrize("first_run", [True, False])
def test_at_a_desk_streams_are_at_the_next_free_port(
    taken_port: int, first_run: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = f"http://127.0.0.1:{taken_port - 1}"
    monkeypatch.setenv("DEBUG", "" if first_run else "on")
    chosen, said = prepared(monkeypatch, site=site, port=taken_port - 1, first_run=first_run)
    assert taken_port < chosen <= taken_port + 20
    assert said == f":{chosen}"


def test_another_port_than_the_next_is_said(taken_port: int, tmp_path: Path) -> None:
    before = taken_port - 1
    done = ended(
        *("manage.py", "serve", f"--port={before}"),
        DATABASE_URL=f"sqlite:///{tmp_path / 'empty.sqlite3'}",
        DEBUG="on",
        SITE_URL=f"http://127.0.0.1:{before}",
    )
    said = rf"Port {taken_port} is taken: live streams are at port \d+\.\n"
    assert re.fullmatch(said, done.stdout), done.stdout


def test_in_production_a_taken_port_for_streams_is_refused(
    taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEBUG", "")
    with pytest.raises(CommandError, match=f"^Cannot listen at .*:{taken_port}: .*STREAM_PORT"):
        prepared(monkeypatch, site="https://x.example", port=taken_port - 1, stream_url="/")


def test_a_taken_port_for_streams_is_said(taken_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match=f":{taken_port}: .*STREAM_PORT"):
        prepared(monkeypatch, site="http://x.example:9", port=9, stream_port=taken_port)


def test_behind_a_proxy_streams_are_where_the_operator_says_or_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    site = "https://blog.example"
    assert prepared(monkeypatch, site=site, port=8000) == (None, "")
    for url in ("/", "https://live.example"):
        found = prepared(monkeypatch, site=site, port=8000, stream_url=url, stream_port=port)
        assert found == (port, url)
        found = prepared(monkeypatch, site=site, port=8000, stream_url=url, no_stream=True)
        assert found == (None, url)
