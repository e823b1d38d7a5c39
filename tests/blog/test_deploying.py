"""What is in the repository for production fits together: environment, image, proxy, processes."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import load_command_class

from blog import checks
from blog.env import read_environment
from blog.serving import LEAVE_SECONDS
from tests.certificates import self_signed
from tests.conftest import CANNOT_RUN_HERE, ROOT
from tests.production import free_port

DEPLOY = ROOT / "deploy"


def environment_of(path: Path) -> dict[str, str]:
    """Returns the variables of a file of lines ``NAME=value``."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value for name, _, value in pairs}


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return document


def checked(tmp_path: Path, **told: str) -> subprocess.CompletedProcess[str]:
    """Returns what ``check --deploy`` says of the documented environment with other values."""
    whole = environment_of(DEPLOY / "rejoinder.env")
    whole |= {"SECRET_KEY": "for-tests-only-0123456789-ABCDEFGHIJ-abcdefghij-!$%", "DEBUG": ""}
    whole |= {"DATABASE_URL": f"sqlite:///{tmp_path / 'none.sqlite3'}", **told}
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **whole, "DJANGO_SETTINGS_MODULE": "blog.settings"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_documented_environment_is_clean_to_djangos_checks(tmp_path: Path) -> None:
    found = checked(tmp_path)
    assert found.returncode == 0, found.stderr
    assert "no issues" in found.stdout


def test_what_would_hurt_is_said_before_it_does(tmp_path: Path) -> None:
    """All of it at once, by a process each time, would be a minute."""
    (tmp_path / "file").touch()
    told = {
        "SECRET_KEY": "",
        "ALLOWED_HOSTS": "somewhere.example",
        "SITE_ID": "99",
        "TRUSTED_PROXIES": "0",
        "CACHE_URL": f"redis://127.0.0.1:{free_port()}/0",
        "METRICS_TOKEN": "a-token-of-sixteen-letters",
        "METRICS_DIR": str(tmp_path / "file" / "metrics"),
        "EMAIL_HOST": "",
        "OUTBOX_DIR": str(tmp_path / "file"),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'blog.sqlite3'}",
    }
    whole = {"PATH": os.environ["PATH"], "DATABASE_URL": told["DATABASE_URL"], "DEBUG": "on"}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=whole, check=True)
    found = checked(tmp_path, **told)
    assert found.returncode == 1
    said = set(re.findall(r"blog\.[EW]\d{3}", found.stderr))
    assert said == {
        *(checks.NO_KEY, checks.NO_SITE, checks.FOREIGN_HOST, checks.NO_FOLDER),
        *(checks.REDIRECT_LOOP, checks.NO_CACHE),
    }
    assert "METRICS_DIR, " in found.stderr
    assert "OUTBOX_DIR, " in found.stderr
    assert checks.ANY_HOST in checked(tmp_path, ALLOWED_HOSTS="*").stderr


def test_every_variable_that_is_set_is_one_that_is_explained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = set(environment_of(DEPLOY / "rejoinder.env"))
    for service in compose()["services"].values():
        if "env_file" in service:
            names |= set(service["environment"])
            assert service["env_file"] == "rejoinder.env"
            for name, value in service["environment"].items():
                monkeypatch.setenv(name, value)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = " ".join(line.split("|")[1] for line in readme.splitlines() if line.startswith("| `"))
    assert [name for name in sorted(names) if f"`{name}`" not in rows] == []
    found = read_environment()
    assert found.database["OPTIONS"]["pool"]
    assert found.cache["BACKEND"] == "blog.caching.SharedCache"


def test_services_are_commands_that_there_are_and_need_what_there_is() -> None:
    document = compose()
    services, volumes = document["services"], document["volumes"]
    ours = {name: one for name, one in services.items() if one.get("build")}
    assert set(ours) == {"web", "stream", "worker", "migrations"}
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            is_kept = source.startswith("./deploy/tls") or source in volumes
            assert is_kept or (ROOT / source).exists(), source
        assert "healthcheck" in service or name == "migrations"
        assert service["restart"] == ("no" if name == "migrations" else "unless-stopped")
        if name in ours and name != "web":
            _, program, command, *arguments = service["command"]
            assert program == "manage.py"
            app = "django.core" if command == "migrate" else where_is(command)
            parser = load_command_class(app, command).create_parser("manage.py", command)
            parser.parse_args(arguments)


def test_with_compose_a_backup_is_made_and_put_back_where_the_folder_is() -> None:
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    [user] = re.findall(r"install -d -m 700 -o (\d+) /backups ", text)
    assert f"--uid {user} " in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    found = re.findall(
        r"^    docker compose run --rm --no-deps --volume (\S+):(\S+) (\w+) python manage.py (.*)",
        text,
        re.MULTILINE,
    )
    done = []
    for source, target, service, told in found:
        assert source == target == "/backups"
        assert compose()["services"][service]["build"]
        command, *arguments = told.replace("$(date +%F)", "2026-11-28").split()
        parser = load_command_class("blog", command).create_parser("manage.py", command)
        options = vars(parser.parse_args(arguments))
        assert options["path"].parent == Path(target)
        done.append((command, options["replace"]))
    assert done == [("backup", False), ("restore", True)]
    [stopped] = re.findall(r"^    docker compose stop (.*)", text, re.MULTILINE)
    # Whoever has the database open: it would not be put back below them.
    services = compose()["services"]
    ours = {name for name, one in services.items() if one.get("build")}
    assert set(stopped.split()) == ours - {"migrations"}


def where_is(command: str) -> str:
    """Returns the app that has a command of ours."""
    path = f"management/commands/{command}.py"
    [app] = [name for name in ("blog", "comments") if (ROOT / name / path).is_file()]
    return app


def test_the_image_is_made_of_what_there_is_and_runs_as_nobody() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    made, runs = text.split("\nFROM ")[1:]
    assert "LOCK=requirements.lock sh scripts/setup.sh" in made
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for source in re.findall(r"^COPY (\S+) ", made, re.MULTILINE):
        assert (ROOT / source).exists(), source
        assert f"!{source}" in kept, source
    assert runs.index("USER rejoinder") < runs.index("CMD ")
    _, program, command, *arguments = yaml.safe_load(runs.rpartition("CMD ")[2])
    assert program == "manage.py"
    parser = load_command_class("blog", command).create_parser("manage.py", command)
    options = vars(parser.parse_args(arguments))
    assert (options["no_work"], options["no_stream"]) == (True, True)


def test_a_site_is_set_up_without_the_tools_of_its_tests(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup.sh", tmp_path / "scripts")
    (tmp_path / "requirements.lock").write_text("# nothing\n", encoding="ascii")

    def setup(lock: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", "--file", ROOT / "Makefile", "setup", f"LOCK={lock}"],
            cwd=tmp_path,
            # A make that runs the tests would have this one tell where it is.
            env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
            capture_output=True,
            text=True,
            check=False,
        )

    done = setup("requirements.lock")
    assert done.returncode == 0, done.stderr
    installed = (tmp_path / ".venv" / "installed.lock").read_text(encoding="ascii")
    assert installed == "# nothing\n"
    assert setup("requirements.lock").stdout == ""
    assert "LOCK=none.lock is no file" in setup("none.lock").stderr
    text = (ROOT / "scripts" / "setup.sh").read_text(encoding="utf-8")
    assert "--only-binary :all: --require-hashes --requirement" in text


def test_the_proxy_finds_the_services_and_is_not_cut_off_by_a_restart() -> None:
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    services = compose()["services"]
    found = dict(re.findall(r"server (\w+):(\d+) resolve;", text))
    assert found == {"web": "8000", "stream": "8001"}
    # It stays when they are replaced, which may give them other addresses.
    assert text.count("    resolver 127.0.0.11 valid=1s;\n") == len(found)
    needed = services["proxy"]["depends_on"]
    assert needed == {name: {"condition": "service_healthy"} for name in found}
    image, _, version = services["proxy"]["image"].partition(":")
    assert image == "nginx"
    assert tuple(map(int, version.partition("-")[0].split("."))) >= (1, 28)
    assert "./deploy:/etc/nginx/conf.d:ro" in services["proxy"]["volumes"]
    assert [path.name for path in DEPLOY.glob("*.conf")] == ["nginx.conf"]
    assert found["stream"] in services["stream"]["command"]
    [stream] = re.findall(r"location [^\n]*/stream/\$ \{(.*?)\n    \}", text, re.DOTALL)
    # nginx passes on what is there either way, but what a reader does not take would go to its disk
    # without end, and a stream could not be cut off.
    assert "proxy_buffering off;" in stream
    assert "proxy_cache" not in stream
    [kept] = re.findall(r"keepalive_timeout (\d+)s;", text)
    assert int(kept) < LEAVE_SECONDS
    [most] = re.findall(r"client_max_body_size (\d+)k;", text)
    assert int(most) * 1024 == read_environment().max_body_bytes


def documented_proxy() -> str:
    """Returns the configuration that the documentation makes of ours where there is no Docker."""
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    [command] = re.findall(r"^    (sed .* deploy/nginx\.conf) > ", text, re.MULTILINE)
    return subprocess.run(
        shlex.split(command), cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def documented_tls(version: tuple[int, ...]) -> str:
    """Returns the file ``tls.conf`` that the documentation has for a version of nginx."""
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    [block] = re.findall(r"\n\n((?:    .*\n)*    ssl_certificate .*\n(?:    .*\n)*)", text)
    lines = [line.strip() for line in block.splitlines()]
    if version < (1, 25, 1):
        [instead] = re.findall(r"`(listen [^`]*)` in place of the first two lines", text)
        lines[:2] = [instead]
    return "\n".join(lines)


def test_nginx_reads_what_the_documentation_says_of_tls(tmp_path: Path) -> None:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip(f"{CANNOT_RUN_HERE}no nginx on the PATH (on Debian: nginx-light)")
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr
    [version] = re.findall(r"nginx/([0-9.]+)", said)
    certificate = self_signed(tmp_path)
    text = documented_proxy()
    assert re.findall(r" server (\S+);", text) == ["127.0.0.1:8000", "127.0.0.1:8001"]
    tls = documented_tls(tuple(map(int, version.split("."))))
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "tls.conf").write_text(
        re.sub(r"/etc/nginx/tls/\S+(?=;)", str(certificate), tls), encoding="utf-8"
    )
    for named, here in {
        r"/etc/nginx/tls/": f"{tmp_path}/tls/",
        r"/var/(cache|log)/nginx/": f"{tmp_path}/",
    }.items():
        text = re.sub(named, here, text)
    whole = f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\n{text}\n}}\n"
    (tmp_path / "nginx.conf").write_text(whole, encoding="utf-8")
    command = [program, "-t", "-c", f"{tmp_path}/nginx.conf", "-p", f"{tmp_path}", "-e", "stderr"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr
