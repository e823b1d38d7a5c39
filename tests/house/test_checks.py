"""What ``check --deploy`` says of the mail: it appears, and vanishes when it is mended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sites.models import Site
from django.core.checks import CheckMessage, run_checks
from django.core.management import call_command
from django.test import override_settings

from comments import checks
from comments.models import SiteSettings
from tests.conftest import ROOT
from tests.mailing import asked, subscribed

GOOD: dict[str, Any] = {
    "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "DEFAULT_FROM_EMAIL": "A blog <comments@blog.example>",
}
GOOD_OPTIONS = {
    "SITE_URL": "https://blog.example",
    "MAIL_BOUNCES": "bounces@blog.example",
    "MESSAGE_ID_DOMAIN": "blog.example",
}


# Without what the tests in Chromium set for themselves in this process.
INHERITED = {key: value for key, value in os.environ.items() if "ASYNC_UNSAFE" not in key}


@contextmanager
def deployed(*, options: dict[str, str] | None = None, **more: Any) -> Iterator[None]:
    """Runs with settings that nothing is to be said of, but for those that are given."""
    rejoinder = {**settings.REJOINDER, **GOOD_OPTIONS, **(options or {})}
    with override_settings(**{**GOOD, **more}, REJOINDER=rejoinder):
        yield


def said(*, deploy: bool = True) -> list[CheckMessage]:
    """Returns what the product's checks say."""
    found = run_checks(include_deployment_checks=deploy)
    return [message for message in found if str(message.id).startswith("comments.")]


def ids() -> list[str]:
    return [str(message.id) for message in said()]


def name_site(*, postal_address: str = "1 Bread Street") -> None:
    """Gives the site of the tests what a site in production has."""
    Site.objects.filter(pk=1).update(domain="blog.example", name="A blog")
    if postal_address:
        SiteSettings.objects.create(site_id=1, postal_address=postal_address)


@pytest.mark.django_db
def test_a_site_that_nobody_has_named_is_said_until_somebody_does() -> None:
    SiteSettings.objects.create(site_id=1, postal_address="1 Bread Street")
    with deployed():
        [warning] = said()
        assert warning.id == checks.NO_SITE_NAME
        assert "“example.com” (example.com), as Django calls a new one" in warning.msg
        assert warning.hint
        Site.objects.filter(pk=1).update(domain="blog.example")
        assert ids() == [checks.NO_SITE_NAME]
        Site.objects.filter(pk=1).update(name="A blog")
        assert said() == []


@pytest.mark.django_db
def test_each_site_without_a_postal_address_is_named_until_it_has_one() -> None:
    name_site(postal_address="")
    with deployed():
        [warning] = said()
        assert warning.id == checks.NO_POSTAL_ADDRESS
        assert "“A blog” (blog.example) has no postal address." in warning.msg
        assert "settings in the admin" in str(warning.hint)
        other = Site.objects.create(domain="other.example", name="other")
        SiteSettings.objects.create(site=other)
        assert len(said()) == 2
        SiteSettings.objects.update(postal_address="1 Bread Street")
        assert [message.id for message in said()] == [checks.NO_POSTAL_ADDRESS]
        SiteSettings.objects.create(site_id=1, postal_address="2 Bread Street")
        assert said() == []


@pytest.mark.django_db
@pytest.mark.parametrize("ask", [asked, subscribed])
def test_a_site_that_somebody_subscribes_to_is_said_to_have_subscribers(ask: Any) -> None:
    name_site(postal_address="")
    with deployed():
        assert "has subscribers" not in said()[0].msg
        ask("ana@example.org")
        assert "and has subscribers" in said()[0].msg


@pytest.mark.parametrize(
    ("wrong", "options", "expected"),
    [
        ({}, {"SITE_URL": "http://blog.example"}, checks.NO_HTTPS),
        ({}, {"MESSAGE_ID_DOMAIN": "mailer.example"}, checks.FOREIGN_MESSAGE_ID),
        ({}, {"MAIL_BOUNCES": "bounces@mailer.example"}, checks.FOREIGN_BOUNCES),
        ({}, {"MAIL_BOUNCES": "bounces@notblog.example"}, checks.FOREIGN_BOUNCES),
        (
            {"EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend"},
            {},
            checks.NO_MAIL_SERVER,
        ),
        (
            {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"},
            {},
            checks.NO_MAIL_SERVER,
        ),
        (
            {"DEFAULT_FROM_EMAIL": "comments@localhost"},
            {"MAIL_BOUNCES": "bounces@localhost", "MESSAGE_ID_DOMAIN": "localhost"},
            checks.NO_DOMAIN,
        ),
    ],
)
@pytest.mark.django_db
def test_what_would_hurt_the_mail_is_said_with_a_hint_and_vanishes_when_mended(
    wrong: dict[str, Any], options: dict[str, str], expected: str
) -> None:
    name_site()
    with deployed(options=options, **wrong):
        [warning] = said()
        assert warning.id == expected
        assert warning.hint
        assert not warning.is_serious()
    with deployed():
        assert said() == []


@pytest.mark.django_db
@pytest.mark.parametrize("bounces", ["b@blog.example", "b@mail.blog.example", "b@BLOG.example"])
def test_bounces_may_go_to_a_domain_below_the_senders(bounces: str) -> None:
    name_site()
    with deployed(options={"MAIL_BOUNCES": bounces}):
        assert said() == []


@pytest.mark.django_db
def test_left_out_the_domains_follow_the_sender() -> None:
    name_site()
    with deployed(options={"MAIL_BOUNCES": "", "MESSAGE_ID_DOMAIN": ""}):
        assert said() == []


@pytest.mark.django_db
def test_without_deploy_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert said()
    assert said(deploy=False) == []
    call_command("check")
    assert "no issues" in capsys.readouterr().out


def test_replicas_that_cannot_be_read_stop_every_command() -> None:
    replicas = {**settings.REJOINDER, "REPLICAS": ["default", "nowhere"]}
    with override_settings(REJOINDER=replicas):
        found = said(deploy=False)
        assert [one.id for one in found] == [checks.FOREIGN_REPLICAS] * 2
        assert all(one.is_serious() and one.hint for one in found)
        with override_settings(DATABASE_ROUTERS=[]):
            assert [one.id for one in said(deploy=False)][2:] == [checks.NO_ROUTER]


def test_replicas_of_a_file_are_refused_in_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={
            **INHERITED,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DATABASE_URL": f"sqlite:///{tmp_path / 'one.sqlite3'}",
            "DATABASE_REPLICA_URLS": "postgres://reader@one/blog",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "replica_1 cannot be a replica of the database." in done.stderr


@pytest.mark.parametrize("place", ["file", "server"])
def test_without_a_database_the_rest_is_said(tmp_path: Path, place: str) -> None:
    file = tmp_path / "none.sqlite3"
    nobody = "postgres://nobody@127.0.0.1:1/nothing"
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy"],
        cwd=ROOT,
        env={
            **INHERITED,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DATABASE_URL": f"sqlite:///{file}" if place == "file" else nobody,
            "ALLOWED_HOSTS": "blog.example",
            "SITE_URL": "http://blog.example",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert checks.NO_HTTPS in done.stderr
    assert checks.NO_POSTAL_ADDRESS not in done.stderr
    # And none was made by looking.
    assert not file.exists()


def test_a_database_without_tables_is_not_asked_for_more(tmp_path: Path) -> None:
    file = tmp_path / "empty.sqlite3"
    file.touch()
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy"],
        cwd=ROOT,
        env={
            **INHERITED,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DATABASE_URL": f"sqlite:///{file}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert checks.NO_MAIL_SERVER in done.stderr
