"""``make run`` from the inside: a new installation gets ready, and stays as it is after that."""

from __future__ import annotations

import io
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core import serializers
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from blog.models import Post
from comments.models import Comment

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120


def first_run() -> str:
    """Runs the command and returns what it printed."""
    out = io.StringIO()
    call_command("first_run", stdout=out)
    return out.getvalue()


def password_in(text: str) -> str:
    """Returns the password that the command printed."""
    found = re.search(r"'moderator' with the password (\S+)", text)
    assert found, text
    return found[1]


def everything_stored() -> str:
    """Returns all rows of posts, comments and accounts as JSON."""
    rows = [*Post.objects.order_by("pk"), *Comment.objects.order_by("pk"), *User.objects.all()]
    return str(serializers.serialize("json", rows))


@pytest.fixture(autouse=True)
def _static_files_elsewhere(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path / "static"


@pytest.mark.django_db
def test_first_run_imports_the_post_with_its_nine_comments() -> None:
    first_run()
    post = Post.objects.get()
    numbers = Comment.objects.filter(thread=post.thread).order_by("number")
    assert list(numbers.values_list("number", flat=True)) == list(range(1, 10))


@pytest.mark.django_db
def test_the_printed_password_signs_the_moderator_in() -> None:
    user = authenticate(username="moderator", password=password_in(first_run()))
    assert user is not None
    assert user.is_staff


@pytest.mark.django_db
def test_a_second_run_changes_nothing_and_shows_no_password() -> None:
    first_run()
    before = everything_stored()
    assert "password" not in first_run()
    assert everything_stored() == before


@pytest.mark.django_db
def test_a_post_that_was_edited_is_left_alone() -> None:
    first_run()
    Post.objects.update(title="Edited since", slug="edited-since", document_digest="")
    first_run()
    assert Post.objects.get().title == "Edited since"


@pytest.mark.django_db
def test_static_files_are_collected_again_only_when_one_has_changed(
    settings: Settings, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "probe.css").write_text("p { color: red }", encoding="utf-8")
    settings.STATICFILES_DIRS = [source]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    first_run()
    collected = tmp_path / "static" / "probe.css"
    assert collected.read_text(encoding="utf-8") == "p { color: red }"
    collected.write_text("left as it is", encoding="utf-8")
    first_run()
    assert collected.read_text(encoding="utf-8") == "left as it is"
    (source / "probe.css").write_text("p { color: blue }", encoding="utf-8")
    first_run()
    assert collected.read_text(encoding="utf-8") == "p { color: blue }"


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


def test_the_server_answers_and_ends_cleanly_when_told_to_stop(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'blog.sqlite3'}",
        "DJANGO_SETTINGS_MODULE": "blog.settings",
    }
    command = [sys.executable, "manage.py", "serve", "--first-run", f"--port={port}"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            answer = answer_of(server, f"http://127.0.0.1:{port}/api/v1/counts/?key=none")
        finally:
            server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=PATIENCE_SECONDS)
    assert answer == b'{"counts":{"none":0}}'
    assert server.returncode == 0, err
    assert f"http://127.0.0.1:{port}/posts/" in out
    assert "Traceback" not in err


def answer_of(server: subprocess.Popen[str], url: str) -> bytes:
    """Returns the body of the first answer of a server that is starting."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                body: bytes = response.read()
                return body
        except (ConnectionError, urllib.error.URLError):
            time.sleep(0.1)
    raise AssertionError("the server did not answer")
