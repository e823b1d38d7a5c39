"""What the site of a new installation is called after ``migrate``, and what is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.contrib.sites.models import Site
from django.core.management import call_command
from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _named(settings: Settings) -> Iterator[None]:
    """Lets the environment name the site."""
    settings.ENVIRONMENT = replace(
        settings.ENVIRONMENT,
        site_url="https://blog.example.org:8443",
        site_url_is_set=True,
        site_name="A blog",
    )
    yield
    Site.objects.clear_cache()


def migrate() -> tuple[str, str]:
    """Returns the name and the domain that the site has after that."""
    call_command("migrate", interactive=False, verbosity=0)
    site = Site._default_manager.get(pk=1)
    return site.name, site.domain


def test_a_new_site_is_called_as_the_environment_says() -> None:
    assert migrate() == ("A blog", "blog.example.org:8443")


@pytest.mark.parametrize("field", ["name", "domain"])
def test_a_site_that_somebody_has_named_keeps_its_name(field: str) -> None:
    Site.objects.filter(pk=1).update(**{field: "mine.example"})
    assert "mine.example" in migrate()
    assert "example.com" in migrate()


def test_without_an_address_nobody_has_said_what_it_is_called(settings: Settings) -> None:
    settings.ENVIRONMENT = replace(settings.ENVIRONMENT, site_url_is_set=False)
    assert migrate() == ("example.com", "example.com")


def test_a_domain_that_another_site_has_is_not_taken_from_it() -> None:
    Site.objects.create(domain="blog.example.org:8443", name="Another")
    assert migrate() == ("example.com", "example.com")


def test_a_name_that_is_too_long_for_the_table_is_cut(settings: Settings) -> None:
    settings.ENVIRONMENT = replace(settings.ENVIRONMENT, site_name="n" * 60)
    assert migrate()[0] == "n" * 50


def test_with_hosts_that_choose_the_site_the_first_one_is_named(settings: Settings) -> None:
    settings.SITE_ID = None
    assert migrate() == ("A blog", "blog.example.org:8443")
