"""A backup made while others write is put back whole, and sends no mail of its own accord."""

from __future__ import annotations

import json
import secrets
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.concurrency.conftest import (
    PATIENCE_SECONDS,
    Installation,
    address_of,
    environment,
    postgres_database,
)
from tests.conftest import ROOT
from tests.production import THREAD, site, wait_for

pytestmark = pytest.mark.concurrency

LOOK = """
import json
from comments.models import Comment, PostOffice, Publication
print(json.dumps({
    "comments": Comment.objects.count(),
    "published": Publication.objects.count(),
    "texts": sorted(Comment.objects.filter(thread__key="kept").values_list("source", flat=True)),
}))
"""


def manage(installation: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Returns what a command of an installation came to."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env=environment(installation.database_url),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


def managed(installation: Installation, *arguments: str) -> str:
    """Returns what a command prints that must go well."""
    done = manage(installation, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def seen(installation: Installation) -> dict[str, object]:
    found: dict[str, object] = json.loads(managed(installation, "shell", "-v", "0", "-c", LOOK))
    return found


def generate(key: str, *, comments: int) -> list[str]:
    return ["generate_thread", "--key", key, "--comments", str(comments), "--seed", "1"]


def test_a_backup_made_while_others_write_is_put_back_whole(
    installation: Installation, tmp_path: Path
) -> None:
    managed(installation, *generate("kept", comments=300))
    before = seen(installation)
    path = tmp_path / "backup"
    writer = subprocess.Popen(
        [sys.executable, "manage.py", *generate("growing", comments=4_000)],
        env=environment(installation.database_url),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        made = 0
        while writer.poll() is None or made == 0:
            assert "bytes" in managed(installation, "backup", str(path), "--replace")
            made += 1
        assert writer.wait() == 0
    finally:
        writer.kill()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir() if "unfinished" in file.name] == []

    refused = manage(installation, "restore", str(path))
    assert refused.returncode == 1
    assert "--replace writes over all of them" in refused.stderr
    assert seen(installation)["comments"] == 4_300

    said = managed(installation, "restore", str(path), "--replace")
    assert "every one as written" in said
    after = seen(installation)
    assert after["texts"] == before["texts"]
    assert after["comments"] in {300, 4_300}
    halted = manage(installation, "send_digests")
    assert halted.returncode == 1
    assert "--confirm-place" in halted.stdout + halted.stderr
    managed(installation, "send_digests", "--confirm-place")


def test_what_is_no_backup_changes_nothing(installation: Installation, tmp_path: Path) -> None:
    managed(installation, *generate("kept", comments=20))
    path = tmp_path / "backup"
    managed(installation, "backup", str(path))
    again = manage(installation, "backup", str(path))
    assert (again.returncode, "is there already" in again.stderr) == (1, True)

    cut, foreign, none = tmp_path / "cut", tmp_path / "foreign", tmp_path / "none"
    whole = path.read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    foreign.write_text("nothing of the kind", encoding="ascii")
    for wrong in (cut, foreign, none, tmp_path):
        refused = manage(installation, "restore", str(wrong), "--replace")
        assert refused.returncode == 1
        assert "Traceback" not in refused.stderr
        assert str(wrong) in refused.stderr or "pg_restore" in refused.stderr
    assert seen(installation)["comments"] == 20


def other_project(installation: Installation) -> list[str]:
    """Returns two tables with a row each, which are all that the database has from here on."""
    statements = (
        "CREATE TABLE auth_user (id integer PRIMARY KEY, name text)",
        "INSERT INTO auth_user VALUES (1, 'Ana')",
        "CREATE TABLE django_session (id integer PRIMARY KEY)",
    )
    run = "from django.db import connection as c\nwith c.cursor() as q:\n"
    if installation.database_url.startswith("sqlite"):
        Path(installation.database_url.removeprefix("sqlite:///")).unlink()
    else:
        run += " q.execute('DROP SCHEMA public CASCADE'); q.execute('CREATE SCHEMA public')\n"
    run += "".join(f" q.execute({statement!r})\n" for statement in statements)
    managed(installation, "shell", "-v", "0", "--no-imports", "-c", run)
    return ["auth_user", "django_session"]


def test_tables_of_another_project_stay_whatever_is_asked(
    installation: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "backup"
    managed(installation, "backup", str(path))
    names = other_project(installation)
    look = (
        "from django.db import connection as c\nwith c.cursor() as q:\n"
        " q.execute('SELECT name FROM auth_user'); print(q.fetchall())\n"
        " print(c.introspection.table_names(q))"
    )
    for more in ([], ["--replace"]):
        refused = manage(installation, "restore", str(path), *more)
        assert refused.returncode == 1
        assert refused.stderr == (
            "CommandError: The database has tables, and is none of Rejoinder "
            f"({', '.join(names)}): nothing writes over it. Make an empty one.\n"
        )
        said = managed(installation, "shell", "-v", "0", "--no-imports", "-c", look)
        assert said == f"[('Ana',)]\n{names}\n"


@pytest.mark.parametrize("installation", ["postgresql"], indirect=True)
def test_an_empty_database_is_filled(installation: Installation, tmp_path: Path) -> None:
    managed(installation, *generate("kept", comments=20))
    path = tmp_path / "backup"
    managed(installation, "backup", str(path))
    name = f"rejoinder_empty_{secrets.token_hex(6)}"
    with postgres_database(name, template="template0"):
        empty = Installation(address_of(name))
        try:
            assert "Restored." in managed(empty, "restore", str(path))
            assert seen(empty) == seen(installation)
        finally:
            empty.end()


@pytest.mark.parametrize("installation", ["postgresql"], indirect=True)
@pytest.mark.parametrize("pool", ["", "?pool=true"])
def test_a_database_of_postgresql_that_a_server_is_connected_to_is_not_written_over(
    installation: Installation, pool: str, migrated: Path, tmp_path: Path
) -> None:
    path = tmp_path / "backup"
    url = f"{installation.database_url}{pool}"
    restore = ["restore", str(path), "--replace"]
    with site(migrated, tmp_path, "--no-stream", DATABASE_URL=url) as made:
        made.manage("backup", str(path))
        wait_for(lambda: made.ask("GET", THREAD).status == 200)
        with pytest.raises(subprocess.CalledProcessError) as refused:
            made.manage(*restore)
        said = refused.value.stderr
        assert said.startswith("CommandError: The database is in use, by "), said
        assert "of postgres (" in said
        assert said.endswith("connected to it, before it is written over.\n")
        assert made.ask("GET", THREAD).status == 200
        assert made.stop() == 0
        with psycopg.connect(installation.database_url, application_name="psql"):
            with pytest.raises(subprocess.CalledProcessError) as refused:
                made.manage(*restore)
            assert "in use, by psql of postgres (1): stop" in refused.value.stderr
        assert "Restored." in made.manage(*restore)


def test_the_file_of_the_database_is_no_backup_of_it(migrated: Path, tmp_path: Path) -> None:
    path = tmp_path / "blog.sqlite3"
    shutil.copy(migrated, path)
    (tmp_path / "linked").symlink_to(path)
    before = path.read_bytes()
    for name in ("blog.sqlite3", "linked"):
        for command in ("restore", "backup"):
            refused = subprocess.run(
                [sys.executable, "manage.py", command, str(tmp_path / name), "--replace"],
                env=environment(f"sqlite:///{path}"),
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
                timeout=30,
            )
            wanted = f"CommandError: {tmp_path / name} is the database itself.\n"
            assert (refused.returncode, refused.stderr) == (1, wanted)
    assert path.read_bytes() == before


def test_a_file_of_sqlite_that_a_server_has_open_is_not_written_over(
    migrated: Path, tmp_path: Path
) -> None:
    path = tmp_path / "backup"
    restore = ["restore", str(path), "--replace"]
    with site(migrated, tmp_path, "--no-work", "--no-stream") as made:
        made.manage("backup", str(path))
        # Nobody has asked it for anything yet.
        with pytest.raises(subprocess.CalledProcessError) as refused:
            made.manage(*restore)
        assert refused.value.stderr == (
            f"CommandError: {tmp_path / 'blog.sqlite3'} is in use: stop the servers, and all else "
            "that has it open, before it is written over.\n"
        )
        assert made.ask("GET", THREAD).status == 200
        assert made.stop() == 0
        assert "Restored." in made.manage(*restore)
