"""Where readers are told that streams are, and which pages may listen."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.contrib.sites.models import Site
from django.test import Client, RequestFactory, override_settings

from comments.models import SiteSettings
from comments.queries.pages import page_store
from comments.queries.sites import forget_profiles, profile_of, site_of
from comments.queries.streams import may_listen, stream_address
from tests.making import make_thread


def with_options(**options: Any) -> override_settings:
    """Returns a context in which the comment system is set up otherwise."""
    return override_settings(REJOINDER={**settings.REJOINDER, **options})


@pytest.mark.parametrize(
    ("site_url", "stream_url", "expected"),
    [
        ("http://127.0.0.1:8000", "", ""),
        ("http://127.0.0.1:8000", ":8001", "http://127.0.0.1:8001"),
        ("http://[::1]:8000", ":8001", "http://[::1]:8001"),
        ("http://blog.example", ":8001", "http://blog.example:8001"),
        ("https://blog.example", "/", "https://blog.example"),
        ("https://blog.example", "https://live.example", "https://live.example"),
    ],
)
def test_a_stream_is_where_the_settings_say(site_url: str, stream_url: str, expected: str) -> None:
    with with_options(SITE_URL=site_url, STREAM_URL=stream_url):
        path = "/api/v1/threads/%D7%A9/stream/"
        assert stream_address("ש") == (expected and f"{expected}{path}")


@pytest.mark.django_db
def test_each_blog_of_an_installation_has_its_streams_at_its_own_host() -> None:
    Site.objects.create(domain="two.example", name="Two")
    with (
        override_settings(SITE_ID=None, ALLOWED_HOSTS=["two.example"]),
        with_options(SITE_URL="https://one.example", STREAM_URL=":8001"),
    ):
        site_of(RequestFactory().get("/", headers={"host": "two.example"}))
        assert stream_address("a") == "https://two.example:8001/api/v1/threads/a/stream/"
    site_of(RequestFactory().get("/"))


@pytest.mark.django_db
def test_the_thread_names_no_stream_where_nobody_serves_one(client: Client) -> None:
    make_thread()
    with with_options(STREAM_URL=""):
        found = client.get("/api/v1/threads/a-thread/")
    assert found.json()["links"]["stream"] is None
    # Who has that answer is not told that it still holds where streams are served since.
    seen = {"if-none-match": found["ETag"]}
    page_store().clear()
    with with_options(STREAM_URL="https://live.example"):
        assert client.get("/api/v1/threads/a-thread/", headers=seen).status_code == 200


@pytest.mark.django_db
def test_the_thread_says_where_its_stream_is_if_there_is_one(client: Client) -> None:
    make_thread()
    with with_options(STREAM_URL="https://live.example"):
        found = client.get("/api/v1/threads/a-thread/").json()["links"]["stream"]
    assert found == "https://live.example/api/v1/threads/a-thread/stream/"


@pytest.mark.django_db
def test_who_asks_the_api_for_the_stream_is_sent_there(client: Client) -> None:
    make_thread()
    address = "/api/v1/threads/a-thread/stream/"
    with with_options(STREAM_URL="https://live.example"):
        sent = client.get(f"{address}?since=3", headers={"accept": "text/event-stream"})
        assert client.get("/api/v1/threads/none/stream/").status_code == 404
    assert (sent.status_code, sent["Cache-Control"]) == (307, "no-store")
    assert sent["Location"] == f"https://live.example{address}?since=3"


@pytest.mark.django_db
@pytest.mark.parametrize("stream_url", ["", "/"])
def test_nobody_is_sent_in_a_circle_or_to_where_nothing_is(client: Client, stream_url: str) -> None:
    make_thread()
    with with_options(STREAM_URL=stream_url):
        answer = client.get("/api/v1/threads/a-thread/stream/")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.django_db
def test_pages_of_the_site_and_of_whom_it_allows_may_listen(client: Client) -> None:
    make_thread()
    site = Site.objects.get(pk=1)
    SiteSettings.objects.update_or_create(
        site=site, defaults={"allowed_origins": ["https://host.example"]}
    )
    forget_profiles()
    hosts = ["blog.example", ".example.org", "[::1]", "localhost", "testserver", "*"]
    own = "https://www.blog.example"
    with (
        with_options(SITE_URL=own, STREAM_URL=":8001"),
        override_settings(ALLOWED_HOSTS=hosts, CORS_ALLOWED_ORIGINS=["https://reader.example"]),
    ):
        profile = profile_of(site)
        for origin, expected in {
            own: True,
            "https://host.example": True,
            "https://reader.example": True,
            "https://evil.example": False,
            "https://host.example:444": False,
            "http://host.example": False,
            # Hosts that are answered, but no page of the site, and nobody whom it has let in.
            "http://www.blog.example": False,
            "https://www.blog.example:8443": False,
            "http://blog.example:8000": False,
            "https://example.org": False,
            "https://a.example.org": False,
            "http://[::1]:8000": False,
            "https://localhost": False,
            "https://blog.example.evil.example": False,
            "chrome-extension://blog.example": False,
            "null": False,
            "*": False,
            "": False,
        }.items():
            assert may_listen(origin, profile=profile) is expected, origin
            if origin != own:  # from which browsers send none to the API
                answer = client.get("/api/v1/threads/a-thread/", headers={"origin": origin})
                assert ("Access-Control-Allow-Origin" in answer) is expected, origin
    forget_profiles()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("site_url", "stream_url", "may", "may_not"),
    [
        # What `make run` is, by each of its names.
        (
            "http://127.0.0.1:8000",
            ":8001",
            ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"],
            ["http://localhost:8001", "http://localhost", "https://localhost:8000"],
        ),
        # Behind a proxy all is one origin, and another name is another page.
        ("http://localhost", "/", ["http://localhost"], ["http://127.0.0.1", "http://[::1]"]),
        ("https://blog.example", ":8001", ["https://blog.example"], ["https://localhost"]),
        # As browsers send it, however it is written.
        ("https://Blog.Example:443", "/", ["https://blog.example"], ["https://blog.example:443"]),
    ],
)
def test_a_page_on_this_machine_may_listen_by_each_of_its_names(
    site_url: str, stream_url: str, may: list[str], may_not: list[str]
) -> None:
    hosts = ["127.0.0.1", "localhost", "[::1]", "192.168.0.2"]
    may_not = [*may_not, "http://192.168.0.2:8000", "http://evil.example:8000"]
    with (
        with_options(SITE_URL=site_url, STREAM_URL=stream_url),
        override_settings(ALLOWED_HOSTS=hosts),
    ):
        profile = profile_of(Site.objects.get(pk=1))
        assert [origin for origin in may if not may_listen(origin, profile=profile)] == []
        assert [origin for origin in may_not if may_listen(origin, profile=profile)] == []
