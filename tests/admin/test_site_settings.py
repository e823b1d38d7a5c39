"""The settings of a site in the admin: what is typed is looked at before it is in force."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.contrib.sites.models import Site
from django.test import Client

from comments.admin.sites import SiteSettingsForm
from comments.models import SiteSettings
from comments.queries.sites import forget_profiles, profile_of
from tests.making import make_thread, post

pytestmark = pytest.mark.django_db

PUBLIC = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo


def form(**typed: Any) -> SiteSettingsForm:
    """Returns the form as it was sent."""
    usual = {"site": 1, "rule_precision": "0.9", "score_precision": "0.95"}
    return SiteSettingsForm({**usual, **typed})


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("", []),
        ("https://www.example.org", ["https://www.example.org"]),
        ("https://www.example.org/\nhttp://localhost:8270", None),
        ("HTTPS://WWW.Example.ORG:443", ["https://www.example.org"]),
        ("https://bücher.example", ["https://xn--bcher-kva.example"]),
        ("https://a.example\nhttps://a.example/", ["https://a.example"]),
        ("http://[::1]:8000/", ["http://[::1]:8000"]),
    ],
)
def test_origins_are_stored_as_browsers_send_them(typed: str, stored: list[str] | None) -> None:
    made = form(allowed_origins=typed)
    assert made.is_valid(), made.errors
    made.save()
    expected = ["https://www.example.org", "http://localhost:8270"] if stored is None else stored
    assert SiteSettings.objects.get().allowed_origins == expected


@pytest.mark.parametrize(
    "typed",
    ["true", "localhost:8270", "https://a.example/page", "ftp://a.example", "https://"],
)
def test_what_is_no_origin_is_named(typed: str) -> None:
    made = form(allowed_origins=f"https://good.example\n{typed}")
    assert not made.is_valid()
    assert made.errors["allowed_origins"] == [
        f"{typed} is no origin; one is https://www.example.org, without a path."
    ]


@pytest.mark.parametrize("typed", ["*", "https://*.example.org", "https://*"])
def test_an_origin_that_stands_for_many_is_refused(typed: str) -> None:
    made = form(allowed_origins=f"https://good.example\n{typed}")
    assert made.errors["allowed_origins"] == [
        f"{typed} stands for many origins: name each, one on each line."
    ]


@pytest.mark.parametrize("stored", [True, None, 7, "http://a.example", {"a": 1}, [1, None]])
def test_whatever_is_stored_as_origins_takes_no_page_down(client: Client, stored: Any) -> None:
    post(make_thread(), "First.")
    SiteSettings.objects.create(site_id=1, allowed_origins=[])
    SiteSettings.objects.update(allowed_origins=stored if stored is not None else [])
    forget_profiles()
    site = Site.objects.get(pk=1)
    assert profile_of(site).allowed_origins == frozenset()
    answer = client.get("/api/v1/threads/a-thread/", headers={"origin": "http://a.example"})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_a_key_is_one_of_its_algorithm() -> None:
    assert "jwt_key" in form(jwt_algorithm="HS256", jwt_key="short").errors
    assert form(jwt_algorithm="HS256", jwt_key="x" * 32).is_valid()
    assert "jwt_key" in form(jwt_algorithm="EdDSA", jwt_key="not a pem").errors
    key = Ed25519PrivateKey.generate().public_key().public_bytes(*PUBLIC).decode()
    assert form(jwt_algorithm="EdDSA", jwt_key=key).is_valid()
    assert form(jwt_algorithm="", jwt_key="").is_valid()


def test_the_page_shows_what_is_stored_and_says_when_it_is_in_force(admin_client: Client) -> None:
    made = SiteSettings.objects.create(site_id=1, allowed_origins=["https://a.example"])
    page = admin_client.get(f"/admin/comments/sitesettings/{made.pk}/change/")
    text = page.content.decode()
    assert "https://a.example</textarea>" in text
    assert "in force after 10 seconds" in text


def test_a_secret_is_never_shown_again_and_kept_where_the_field_is_left_empty(
    admin_client: Client,
) -> None:
    secrets = {"jwt_key": "k" * 40, "webhook_secret": "w" * 40}
    made = SiteSettings.objects.create(
        site_id=1, jwt_algorithm="HS256", webhook_url="https://hook.example/", **secrets
    )
    address = f"/admin/comments/sitesettings/{made.pk}/change/"
    sent = {
        "site": 1,
        "rule_precision": "0.9",
        "score_precision": "0.95",
        "jwt_algorithm": "HS256",
        "webhook_url": "https://hook.example/",
        **dict.fromkeys(secrets, ""),
    }

    def stored_after(**changed: str) -> tuple[str, str]:
        assert admin_client.post(address, {**sent, **changed}).status_code == 302
        row = SiteSettings.objects.get()
        return row.jwt_key, row.webhook_secret

    shown = admin_client.get(address).content.decode()
    assert [secret for secret in secrets.values() if secret in shown] == []
    assert shown.count("One is stored and not shown") == 2
    assert stored_after() == ("k" * 40, "w" * 40)
    refused = admin_client.post(address, {**sent, "rule_precision": "7"}).content.decode()
    assert [secret for secret in secrets.values() if secret in refused] == []
    assert stored_after(jwt_key="n" * 40) == ("n" * 40, "w" * 40)
    assert stored_after(jwt_algorithm="", webhook_url="") == ("", "")
    assert "One is stored" not in admin_client.get(address).content.decode()
