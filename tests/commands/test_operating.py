"""The operator's commands: what they print, when they exit with 1, what they refuse."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils import timezone

from comments.actions import generating, threads
from comments.actions.generating import AT_ONCE
from comments.models import ApiToken, Comment, Event, IdempotentAnswer, Thread, TokenUse
from comments.rules.rendering import RENDERER_VERSION
from tests.conftest import ROOT
from tests.making import fresh, make_moderator, make_thread, post

pytestmark = pytest.mark.django_db


def run(*arguments: str, terminal: bool = False) -> str:
    """Returns what a command prints to its standard output."""
    out = StringIO()
    if terminal:
        out.isatty = lambda: True  # type: ignore[method-assign]
    call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def generate(key: str, comments: int, *more: str, terminal: bool = False) -> str:
    """Returns what filling a thread prints."""
    arguments = ("--key", key, "--comments", str(comments), "--seed", "1", *more)
    return run("generate_thread", *arguments, terminal=terminal)


def test_generate_thread_says_what_it_made() -> None:
    printed = generate("k", 40, "--pending", "0.25")
    thread = Thread.objects.get(key="k")
    assert f"k: 30 comments numbered, {thread.visible_count} visible, 10 held" in printed
    assert f"version {thread.version}" in printed
    assert "10 wait for a moderator" in printed
    assert "\r" not in printed


def test_generate_thread_names_an_address_that_answers_and_explains_its_counts() -> None:
    printed = generate("k", 200)
    thread = Thread.objects.get(key="k")
    assert f"{thread.last_number - thread.visible_count} of the numbered cannot be read" in printed
    found = re.search(r"the API does: http://[^/]+(/\S+)", printed)
    assert found, printed
    answer = Client().get(found[1])
    assert answer.status_code == 200
    assert answer.json()["items"]


def test_generate_thread_shows_on_a_terminal_how_far_it_is() -> None:
    printed = generate("k", AT_ONCE + 20, terminal=True)
    for share, done in ((" 99%", AT_ONCE), ("100%", AT_ONCE + 20)):
        assert f"] {share} {done:,} comments, " in printed


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("a key", 1), "letters, digits"),
        (("k", 0), "one comment or more"),
        (("k", 1, "--pending", "2"), "0 to 1"),
        (("k", 1, "--site", "77"), "no site 77"),
    ],
)
def test_generate_thread_refuses_what_cannot_be(arguments: Any, reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        generate(*arguments)
    assert not Thread.objects.exists()


def test_generate_thread_refuses_a_thread_with_comments() -> None:
    generate("k", 5)
    with pytest.raises(CommandError, match="has comments already"):
        generate("k", 5)
    assert Comment.objects.count() == 5


def run_filling() -> str:
    """Returns why filling a thread failed."""
    with pytest.raises(CommandError) as refused:
        generate("a", 3)
    return str(refused.value)


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_generate_thread_that_is_broken_off_says_that_nothing_is_stored(
    told: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    monkeypatch.setattr(generating, "save_thread", lambda _: signal.raise_signal(told))
    try:
        assert run_filling() == "Broken off; nothing is stored."
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not Thread.objects.filter(key="a").exists()


def test_generate_thread_that_is_broken_off_at_the_very_end_says_that_all_is_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(generating, "analyse", lambda *_: signal.raise_signal(signal.SIGINT))
    assert run_filling() == "Broken off; all comments are stored."
    assert Comment.objects.filter(thread__key="a").count() == 3


def test_generate_thread_says_that_somebody_else_has_made_the_thread_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_thread("a")
    # What another transaction has made cannot be seen before it ends.
    monkeypatch.setattr(Thread.objects, "filter", lambda **_: Thread.objects.none())
    monkeypatch.setattr(threads, "thread_exists", lambda **_: False)
    assert run_filling() == "There is a thread 'a' already."


def test_check_threads_is_content_with_threads_in_order() -> None:
    generate("a", 50)
    generate("b", 50, "--pending", "0.5")
    assert run("check_threads") == "2 threads are in order.\n"


def test_check_threads_names_each_difference_and_fails() -> None:
    post(make_thread("k"))
    Comment.objects.update(total_count=4)
    out = StringIO()
    with pytest.raises(CommandError, match="1 values differ in 1 threads") as failed:
        call_command("check_threads", stdout=out)
    assert failed.value.returncode == 1
    assert out.getvalue() == "k #1 total_count: stored 4, expected 0\n"
    assert Comment.objects.get().total_count == 4


def test_check_threads_looks_at_one_thread_if_asked() -> None:
    post(make_thread("good"))
    post(make_thread("bad"))
    Comment.objects.filter(thread__key="bad").update(total_count=4)
    assert run("check_threads", "--key", "good") == "1 threads are in order.\n"
    with pytest.raises(CommandError, match="no thread 'nope'"):
        run("check_threads", "--key", "nope")
    assert run("check_threads", "--site", "5") == "0 threads are in order.\n"


def test_check_threads_repairs_and_is_content_then() -> None:
    post(make_thread("k"))
    Comment.objects.update(total_count=4)
    printed = run("check_threads", "--repair")
    assert printed.splitlines() == [
        "k #1 total_count: stored 4, expected 0",
        "k: 1 values written",
        "1 threads are in order.",
    ]
    assert Comment.objects.get().total_count == 0


def test_check_threads_fails_where_repairing_is_not_for_it() -> None:
    post(make_thread("k"))
    Comment.objects.update(total_count=4)
    Thread.objects.update(last_number=9)
    with pytest.raises(CommandError, match="1 values differ"):
        run("check_threads", "--repair")
    assert Comment.objects.get().total_count == 0
    assert Thread.objects.get().last_number == 9


def test_rerender_comments_says_how_many_changed() -> None:
    thread = make_thread("k")
    post(thread)
    post(thread)
    Comment.objects.update(renderer_version=RENDERER_VERSION - 1)
    Comment.objects.filter(number=1).update(html="<p>as it was</p>")
    assert run("rerender_comments") == "2 comments rendered, 1 changed.\n"
    assert run("rerender_comments") == "0 comments rendered, 0 changed.\n"
    assert run("rerender_comments", "--all", "--key", "k", "--batch", "1").startswith("2 ")
    assert "] 100% 2 comments, " in run("rerender_comments", "--all", terminal=True)
    assert fresh(thread).version == Event.objects.filter(thread=thread).count()


@pytest.mark.parametrize("arguments", [("--key", "nope"), ("--batch", "0")])
def test_rerender_comments_refuses_what_cannot_be(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run("rerender_comments", *arguments)


def test_rerender_comments_fails_if_a_text_stays_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    post(make_thread("k"))
    monkeypatch.setattr("comments.actions.linking.RENDER_SECONDS", -1.0)
    with pytest.raises(CommandError, match="1 could not be rendered"):
        run("rerender_comments", "--all")


def test_make_api_token_prints_a_token_that_works(client: Client) -> None:
    user = make_moderator("Adam")
    thread = make_thread("k")
    token = run(
        "make_api_token", "Adam", "--scope", "write", "--scope", "read", "--label", "Test"
    ).strip()
    assert re.fullmatch(r"rj_[\w-]{43}", token)
    row = ApiToken.objects.get()
    assert (row.user_id, row.scopes, row.label) == (user.pk, ["read", "write"], "Test")
    assert row.expires_at is None
    assert token not in row.digest
    answer = client.post(
        f"/api/v1/threads/{thread.key}/comments/",
        {"source": "By token."},
        content_type="application/json",
        headers={"authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 201, answer.content


def test_make_api_token_may_expire() -> None:
    User.objects.create_user("Adam")
    run("make_api_token", "Adam", "--scope", "read", "--days", "30")
    expires_at = ApiToken.objects.get().expires_at
    assert expires_at is not None
    assert timedelta(days=29) < expires_at - timezone.now() <= timedelta(days=30)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("Nobody", "--scope", "read"), "no active user 'Nobody'"),
        (("Gone", "--scope", "read"), "no active user 'Gone'"),
        (("Adam",), "--scope"),
        (("Adam", "--scope", "everything"), "everything"),
        (("Adam", "--scope", "read", "--days", "0"), "one day or more"),
        (("Adam", "--scope", "read", "--site", "77"), "no site 77"),
    ],
)
def test_make_api_token_refuses_what_cannot_be(arguments: tuple[str, ...], reason: str) -> None:
    User.objects.create_user("Adam")
    User.objects.create_user("Gone", is_active=False)
    with pytest.raises(CommandError, match=reason):
        run("make_api_token", *arguments)
    assert not ApiToken.objects.exists()


def test_forget_expired_deletes_what_has_expired_and_nothing_else() -> None:
    now = timezone.now()
    for key, age in (("old", timedelta(hours=25)), ("new", timedelta(hours=23))):
        IdempotentAnswer.objects.create(
            site_id=1, key=key, fingerprint=key, status=201, created_at=now - age
        )
        expires_at = now + timedelta(hours=24) - age
        TokenUse.objects.create(site_id=1, jti=key, request="", expires_at=expires_at)
    assert run("forget_expired") == "Forgot 1 answers and 1 token uses.\n"
    assert list(IdempotentAnswer.objects.values_list("key", flat=True)) == ["new"]
    assert list(TokenUse.objects.values_list("jti", flat=True)) == ["new"]
    assert run("forget_expired") == "Forgot 0 answers and 0 token uses.\n"


def test_write_openapi_says_what_it_wrote(tmp_path: Path) -> None:
    file = tmp_path / "api.json"
    printed = run("write_openapi", str(file))
    addresses = len(json.loads(file.read_text(encoding="utf-8"))["paths"])
    assert printed.startswith(f"Wrote {file}: {addresses} addresses, ")


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("which", ["stdout", "stderr"])
def test_a_command_whose_reader_has_gone_ends_without_a_word(which: str, log_format: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    other = {"stdout": "stderr", "stderr": "stdout"}[which]
    command = "help" if which == "stdout" else "nonsense"
    ran = subprocess.run(
        [sys.executable, "manage.py", command],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "blog.settings", "LOG_FORMAT": log_format},
        check=False,
        **{which: writer, other: subprocess.PIPE},  # type: ignore[call-overload]
    )
    os.close(writer)
    assert (ran.returncode, getattr(ran, other)) == (128 + signal.SIGPIPE, b"")


def run_alone(*arguments: str, database: str, **env: str) -> tuple[int, str]:
    """Runs a command in a process of its own; returns its code and what it says is wrong."""
    ran = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "blog.settings",
            "DATABASE_URL": database,
            **env,
        },
        check=False,
        capture_output=True,
        text=True,
    )
    return ran.returncode, ran.stderr


AWAY = "postgres://somebody:secret@127.0.0.1:1/blog"
"""A port that nobody listens at."""


@pytest.mark.parametrize(
    "command",
    [
        "check_threads",
        "migrate",
        "first_run",
        "generate_thread --key k --comments 3 --seed 1",
    ],
)
def test_a_command_says_in_one_line_that_the_database_is_away(command: str) -> None:
    code, said = run_alone(*command.split(), database=AWAY)
    assert code == 1
    assert re.fullmatch(r"The database does not answer: .*port 1 failed.*\n", said)
    assert "secret" not in said


def test_a_database_that_is_away_is_one_line_of_json_where_lines_are() -> None:
    code, said = run_alone("check_threads", database=AWAY, LOG_FORMAT="json")
    assert (code, json.loads(said)["level"]) == (1, "CRITICAL")
    assert json.loads(said)["message"].startswith("The database does not answer: ")


def test_what_is_wrong_in_a_question_to_the_database_shows_where_it_was_asked(
    tmp_path: Path,
) -> None:
    code, said = run_alone("check_threads", database=f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    assert code == 1
    assert "no such table" in said
    assert "check_threads.py" in said
    assert "check_threads.py" in run_alone("check_threads", "--traceback", database=AWAY)[1]


def test_a_command_that_has_nothing_to_say_of_ctrl_c_ends_without_a_word() -> None:
    broken = "import manage, signal; manage.run = lambda: signal.raise_signal(2); manage.main()"
    ran = subprocess.run(
        [sys.executable, "-c", broken], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (128 + signal.SIGINT, "", "")


@pytest.mark.parametrize("port", ["abc", "", "0", "65536", "123456", "-1"])
def test_make_run_says_in_one_line_what_is_no_port(port: str) -> None:
    ran = subprocess.run(
        ["sh", "scripts/run.sh", port], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == f"PORT={port} is no port; one is a number from 1 to 65535.\n"
