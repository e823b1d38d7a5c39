"""What the environment may say of mail, and what is refused at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.utils import ConnectionHandler
from django.test import override_settings

from blog.env import read_environment
from comments.conf import options
from comments.queries.statements import fetch


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("MAIL_", "MESSAGE_ID_", "ANYMAIL_", "SITE_URL")):
            monkeypatch.delenv(name)


def test_bounces_go_to_the_domain_that_mails_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_FROM", "The Blog <digest@news.example.org>")
    found = read_environment()
    assert found.mail_bounces == "bounces@news.example.org"
    assert found.message_id_domain == "news.example.org"


def test_a_domain_in_another_script_is_told_mail_servers_in_ascii(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAIL_FROM", "blog@bücher.example")
    assert read_environment().mail_bounces == "bounces@xn--bcher-kva.example"


def test_nothing_but_the_address_of_the_site_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITE_URL", "https://blog.example.org")
    found = read_environment()
    assert found.mail_bounces == "bounces@blog.example.org"
    assert found.message_id_domain == "blog.example.org"
    assert (found.mail_connections, found.mail_rate, found.mail_window) == (4, 0.0, "")
    assert found.anymail == {}


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("MAIL_BOUNCES", "returned@example.net", "mail_bounces", "returned@example.net"),
        ("MESSAGE_ID_DOMAIN", "id.example.net", "message_id_domain", "id.example.net"),
        ("MAIL_CONNECTIONS", "12", "mail_connections", 12),
        ("MAIL_RATE", "20/s", "mail_rate", 20.0),
        ("MAIL_RATE", "0.5", "mail_rate", 0.5),
        ("MAIL_RATE", "", "mail_rate", 0.0),
        ("MAIL_WINDOW", "50000/24h", "mail_window", "50000/24h"),
        ("ANYMAIL_WEBHOOK_SECRET", "a:b", "anymail", {"WEBHOOK_SECRET": "a:b"}),
        (
            "ANYMAIL_WEBHOOK_SECRET",
            '["old:b", "new:c"]',
            "anymail",
            {"WEBHOOK_SECRET": ["old:b", "new:c"]},
        ),
        ("ANYMAIL_MAILGUN_API_KEY", "key-1", "anymail", {"MAILGUN_API_KEY": "key-1"}),
        (
            "ANYMAIL_AMAZON_SES_AUTO_CONFIRM_SNS_SUBSCRIPTIONS",
            "off",
            "anymail",
            {"AMAZON_SES_AUTO_CONFIRM_SNS_SUBSCRIPTIONS": False},
        ),
        (
            "ANYMAIL_AMAZON_SES_CLIENT_PARAMS",
            '{"region_name": "eu-west-1"}',
            "anymail",
            {"AMAZON_SES_CLIENT_PARAMS": {"region_name": "eu-west-1"}},
        ),
        ("ANYMAIL_WEBHOOK_SECRET", "", "anymail", {}),
        ("DEBUG", "True", "debug", True),
        ("DEBUG", "", "debug", False),
        ("LANGUAGE_CODE", "de-AT", "language", "de-AT"),
        ("LOG_LEVEL", "warning", "log_level", "WARNING"),
        ("LOG_REQUESTS", "on", "log_requests", True),
        ("SECURE_COOKIES", "off", "secure_cookies", False),
        ("RATE_LIMITS", "0", "rate_limits", {}),
        ("TIME_ZONE", "Asia/Jerusalem", "time_zone", "Asia/Jerusalem"),
    ],
)
def test_what_is_set_holds(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, field: str, expected: Any
) -> None:
    monkeypatch.setenv(name, value)
    assert getattr(read_environment(), field) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAIL_BOUNCES", "bounces"),
        ("MAIL_BOUNCES", "@example.org"),
        ("MAIL_BOUNCES", "Bounces <bounces@example.org>"),
        ("MAIL_BOUNCES", "bounces@example.org\r\nBcc: ana@example.net"),
        ("MAIL_BOUNCES", "a@b@example.org"),
        ("MAIL_BOUNCES", "bünces@example.org"),
        ("MAIL_BOUNCES", f"{'b' * 31}@example.org"),
        ("MESSAGE_ID_DOMAIN", "example.org>"),
        ("MESSAGE_ID_DOMAIN", "ana@example.org"),
        ("MESSAGE_ID_DOMAIN", "example.org\n"),
        ("AUDIT_SHARE", "often"),
        ("AUDIT_SHARE", "-0.1"),
        ("AUDIT_SHARE", "1.5"),
        ("AUDIT_SHARE", "nan"),
        ("EDIT_WINDOW_SECONDS", "15m"),
        ("HSTS_SECONDS", "1.5"),
        ("MAX_BODY_BYTES", "256k"),
        ("MAX_COMMENT_CHARS", "0"),
        ("MAX_DEPTH", "abc"),
        ("MAX_DEPTH", "-1"),
        ("PAGE_CACHE_BYTES", "8 MB"),
        ("TRUSTED_PROXIES", "127.0.0.1"),
        ("MAIL_CONNECTIONS", "0"),
        ("MAIL_CONNECTIONS", "many"),
        ("MAIL_CONNECTIONS", "101"),
        ("MAIL_CONNECTIONS", "٤"),
        ("MAIL_RATE", "fast"),
        ("MAIL_RATE", "-1"),
        ("MAIL_RATE", "nan"),
        ("MAIL_WINDOW", "50000"),
        ("MAIL_WINDOW", "1/0h"),
        ("ANYMAIL_WEBHOOK_SECRET", "without-a-colon"),
        ("ANYMAIL_WEBHOOK_SECRET", ":"),
        ("ANYMAIL_WEBHOOK_SECRET", "on"),
        ("ANYMAIL_WEBHOOK_SECRET", '["a:b", ""]'),
        ("ANYMAIL_WEBHOOK_SECRET", '["a:b", 7]'),
        ("ANYMAIL_WEBHOOK_SECRET", "{}"),
        ("ANYMAIL_WEBHOOK_SECRET", "[]"),
        ("ANYMAIL_SEND_DEFAULTS", "{broken"),
        ("CACHE_URL", "nonsense"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "mysql://rejoinder@db/rejoinder"),
        ("DATABASE_URL", "postgres://rejoinder@db"),
        ("DATABASE_URL", "postgres://rejoinder@db:port/rejoinder"),
        ("DATABASE_URL", "postgres://rejoinder@db/rejoinder?pool=maybe"),
        ("DATABASE_URL", "postgres://rejoinder@db/rejoinder?prepare=maybe"),
        ("DEBUG", "maybe"),
        ("DEEP_REPLIES", "drop"),
        ("EMAIL_TLS", "tls"),
        ("LANGUAGE_CODE", "fr"),
        ("LANGUAGE_CODE", "english"),
        ("LOG_LEVEL", "CHATTY"),
        ("LOG_REQUESTS", "hm"),
        ("RATE_LIMITS", "nope"),
        ("SECURE_COOKIES", "of"),
        ("SSL_REDIRECT", "301"),
        ("TIME_ZONE", "Mars/X"),
        ("TIME_ZONE", "Europe"),
        ("TIME_ZONE", "../../etc/passwd"),
        ("WEBHOOK_PRIVATE", "2"),
    ],
)
def test_what_cannot_be_read_stops_the_process_and_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=name):
        read_environment()


def test_the_folder_of_the_first_database_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blog.env.ROOT", tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'chosen' / 'blog.sqlite3'}")
    read_environment()
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("DATABASE_URL", "")
    database = Path(read_environment().database["NAME"])
    assert database == tmp_path / "var" / "rejoinder.sqlite3"
    assert database.parent.is_dir()


def test_replicas_are_entries_of_their_own_and_one_may_have_several_hosts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert read_environment().replicas == {}
    monkeypatch.setenv(
        "DATABASE_REPLICA_URLS",
        "postgres://reader@one/blog, postgresql://reader:p@a:5432,b:5433/blog?connect_timeout=5",
    )
    found = read_environment().replicas
    assert list(found) == ["replica_1", "replica_2"]
    assert [one["HOST"] for one in found.values()] == ["one", "a,b"]
    assert [one["OPTIONS"]["connect_timeout"] for one in found.values()] == [2, 5]
    assert all(one["TEST"] == {"MIRROR": "default"} for one in found.values())


@pytest.mark.parametrize(
    "given",
    [
        "sqlite:///var/copy.sqlite3",
        "one.example",
        "postgres://reader@one",
        "postgres://reader@one/blog?pool=true",
        "postgres://reader@one/blog,mysql://reader@two/blog",
    ],
)
def test_what_can_be_no_replica_stops_the_process_and_keeps_its_password(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("DATABASE_REPLICA_URLS", given.replace("reader@", "reader:swordfish@"))
    with pytest.raises(ImproperlyConfigured, match="DATABASE_REPLICA_URLS") as refusal:
        read_environment()
    assert "swordfish" not in str(refusal.value)


@pytest.mark.parametrize("given", ["nonsense:swordfish@db/blog", "postgres://u:swordfish@db"])
def test_an_address_that_is_refused_keeps_its_password(
    given: str, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setenv("DATABASE_URL", given)
    with pytest.raises(ImproperlyConfigured) as refusal:
        read_environment()
    assert "swordfish" not in str(refusal.value)
    assert [str(warning.message) for warning in recwarn] == []


def test_a_secret_is_not_repeated_in_the_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYMAIL_WEBHOOK_SECRET", "swordfish")
    with pytest.raises(ImproperlyConfigured) as refusal:
        read_environment()
    assert "swordfish" not in str(refusal.value)


@override_settings(REJOINDER={}, DEFAULT_FROM_EMAIL="Some Blog <hello@host.example.org>")
def test_a_project_that_sets_nothing_has_its_bounces_where_its_mails_come_from() -> None:
    assert options().mail_bounces == "bounces@host.example.org"
    assert options().message_id_domain == "host.example.org"


@override_settings(REJOINDER={"MAIL_BOUNCES": "b@example.net", "MESSAGE_ID_DOMAIN": "example.com"})
def test_a_project_says_where_bounces_go() -> None:
    assert options().mail_bounces == "b@example.net"
    assert options().message_id_domain == "example.com"


@pytest.mark.parametrize(
    ("url", "prefix"),
    [("redis://cache:6379/0", "rejoinder"), ("redis://cache:6379/0?key_prefix=one", "one")],
)
def test_installations_that_share_a_redis_keep_apart(
    monkeypatch: pytest.MonkeyPatch, url: str, prefix: str
) -> None:
    monkeypatch.setenv("CACHE_URL", url)
    assert read_environment().cache["KEY_PREFIX"] == prefix


@pytest.mark.postgres
@pytest.mark.django_db
@pytest.mark.parametrize("pool", ["", "?pool=true"])
@pytest.mark.parametrize("written_out", [False, True])
def test_a_connection_that_the_database_has_ended_fails_no_request(
    pool: str, written_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{os.environ['DATABASE_URL']}{pool}")
    given = {**read_environment().database, "NAME": connection.settings_dict["NAME"]}
    connections = ConnectionHandler({"default": given})
    other = connections["default"]
    monkeypatch.setattr("comments.queries.statements.connections", connections)

    def process() -> int:
        """Returns who serves a request at the database."""
        other.close_if_unusable_or_obsolete()  # as Django does before a request
        if written_out:
            [[pid]] = fetch("SELECT pg_backend_pid()", [])
        else:
            with other.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                [pid] = cursor.fetchone()
        other.close_if_unusable_or_obsolete()
        if pool:
            other.close()  # back into the pool, as after a request
        return int(pid)

    try:
        first = process()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            ended = {pid for pid, _ in cursor.fetchall()}
        assert first in ended
        assert process() not in ended
    finally:
        other.close()
        if pool:
            other.close_pool()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOG_FORMAT", "xml"),
        ("METRICS_TOKEN", "short"),
        ("METRICS_TOKEN", "a token with spaces in it"),
    ],
)
def test_a_wrong_way_to_watch_is_said(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=name):
        read_environment()


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a file to be read; what comes from it leaves with the test."""
    for name in ("SITE_NAME", "MAIL_FROM", "SITE_URL", "DATABASE_URL"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    path = tmp_path / "rejoinder.env"
    monkeypatch.setenv("ENV_FILE", str(path))
    return path


def test_a_file_is_read_without_a_shell_and_what_is_set_wins(
    env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env_file.write_text(
        "# A comment.\n\n"
        "SITE_URL=https://blog.example.org\n"
        "SITE_NAME=A blog & its $name #1\n"
        "MAIL_FROM='A blog <comments@blog.example.org>'\n"
        'DATABASE_URL="postgres://rejoinder@db/rejoinder?pool=true"\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("SITE_URL", "https://set.example.org")
    found = read_environment()
    assert found.site_url == "https://set.example.org"
    assert found.site_name == "A blog & its $name #1"
    assert found.mail_from == "A blog <comments@blog.example.org>"
    assert found.database["OPTIONS"]["pool"]
    assert os.environ["SITE_NAME"] == found.site_name


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"\xff\xfe", "cannot be read: it is not UTF-8"),
        (b"# one\nSITE_NAME = swordfish\n", "line 2: neither NAME=value nor a # comment"),
    ],
)
def test_a_file_that_cannot_be_read_is_said(
    content: bytes | None, why: str, env_file: Path
) -> None:
    if content is not None:
        env_file.write_bytes(content)
    with pytest.raises(ImproperlyConfigured, match=why) as refusal:
        read_environment()
    assert "swordfish" not in str(refusal.value)
