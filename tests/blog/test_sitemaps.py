"""The sitemap and ``robots.txt``: valid, complete, each page once, and cheap to ask for again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.robotparser import RobotFileParser

import pytest
from django.contrib.sites.models import Site
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from lxml import etree  # type: ignore[import-untyped]

from blog.models import Post, Series
from blog.publishing import save_post
from comments.models import Thread, ThreadState
from comments.queries.pages import page_store
from comments.queries.sites import profile_of
from comments.views.sitemaps import ThreadSitemap
from tests.corpus.reading import CORPUS
from tests.making import NOW, later, make_thread, post

pytestmark = pytest.mark.django_db

ORIGIN = "http://127.0.0.1:8000"
SITEMAP = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}
SCHEMA = etree.XMLSchema(etree.parse(str(CORPUS / "sitemap.xsd")))


@pytest.fixture(autouse=True)
def _no_stored_sitemap() -> None:
    page_store().clear()


def read(address: str) -> list[tuple[str, str | None]]:
    """Returns the addresses of a sitemap, or of an index, each with its time."""
    response = Client().get(address.removeprefix(ORIGIN))
    assert response.status_code == 200
    assert response["Content-Type"] == "application/xml; charset=utf-8"
    root = etree.fromstring(response.content)
    SCHEMA.assertValid(root)
    return [
        (one.findtext("s:loc", namespaces=SITEMAP), one.findtext("s:lastmod", namespaces=SITEMAP))
        for one in root
    ]


def whole_sitemap() -> list[str]:
    """Returns every address that a search engine comes to from ``robots.txt``."""
    robots = Client().get("/robots.txt").content.decode()
    (index,) = [line.split()[1] for line in robots.splitlines() if line.startswith("Sitemap: ")]
    return [address for part, _ in read(index) for address, _ in read(part)]


def make_post(slug: str) -> Post:
    made = Post(
        site=Site.objects.get(pk=1), slug=slug, title=slug, body="<p>.</p>", published_on=NOW.date()
    )
    save_post(made, state=ThreadState.OPEN, premoderation=False, now=NOW)
    return made


def test_the_sitemap_has_each_page_of_the_site_once() -> None:
    made = [make_post("one"), make_post("שתיים")]
    Series.objects.create(site_id=1, title="A series", slug="a-series")
    make_thread("page", url="/pages/a?b=1&c=<2>")
    make_thread("own", url=f"{ORIGIN}/own/")
    make_thread("elsewhere", url="https://elsewhere.example/page/")
    found = whole_sitemap()
    assert found == [
        f"{ORIGIN}/",
        f"{ORIGIN}/series/a-series/",
        f"{ORIGIN}/posts/one/",
        f"{ORIGIN}/posts/%D7%A9%D7%AA%D7%99%D7%99%D7%9D/",
    ]
    of_any_host = ThreadSitemap(Site.objects.get(pk=1))
    assert [of_any_host.location(one) for one in of_any_host.items()][2:] == [
        "/pages/a?b=1&c=%3C2%3E",
        "/own/",
    ]
    for address in [found[1], *(f"{ORIGIN}{one.get_absolute_url()}" for one in made)]:
        assert Client().get(address.removeprefix(ORIGIN)).status_code == 200


def test_a_site_without_posts_has_a_valid_sitemap_with_its_first_page() -> None:
    assert read("/sitemap.xml") == [(f"{ORIGIN}/sitemap-pages.xml", None)]
    assert whole_sitemap() == [f"{ORIGIN}/"]


def test_the_time_of_a_page_is_that_of_the_last_change_of_its_thread() -> None:
    thread = make_post("one").thread
    post(thread, now=NOW + timedelta(days=3))
    assert read("/sitemap-threads.xml") == [(f"{ORIGIN}/posts/one/", "2026-11-26")]
    _, (_, time) = read("/sitemap.xml")
    assert datetime.fromisoformat(time or "") == NOW + timedelta(days=3)


def test_threads_of_another_site_are_not_in_the_sitemap() -> None:
    make_post("one")
    other = Site.objects.create(domain="other.example", name="Other")
    Thread.objects.filter(key="one").update(site=other)
    assert whole_sitemap() == [f"{ORIGIN}/"]


def test_a_large_sitemap_comes_in_pages_with_each_thread_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ThreadSitemap, "limit", 10)
    made = [make_post(f"t{number}").thread for number in range(35)]
    Post.objects.filter(thread__in=made[12:24]).delete()
    index = read("/sitemap.xml")[1:]
    pages = [read(address) for address, _ in index]
    assert all(0 < len(page) <= 10 for page in pages)
    found = [address for page in pages for address, _ in page]
    left = [*range(12), *range(24, 35)]
    assert found == [f"{ORIGIN}/posts/t{number}/" for number in left]


@pytest.mark.parametrize("page", ["2", "0", "01", "x", "-1", "", "9999999999", "%00"])
def test_a_page_that_the_sitemap_has_not_is_a_404(page: str) -> None:
    make_post("a-thread")
    assert Client().get(f"/sitemap-threads.xml?p={page}").status_code == 404
    assert Client().get("/sitemap-nothing.xml").status_code == 404


@pytest.mark.parametrize(
    "address", ["/sitemap.xml", "/sitemap-pages.xml", "/sitemap-threads.xml", "/robots.txt"]
)
def test_a_reader_that_has_it_is_told_so_and_a_change_is_seen(address: str) -> None:
    thread = make_post("one").thread
    client = Client()
    first = client.get(address)
    assert first["Cache-Control"].startswith("public")
    assert first.cookies == {}
    again = client.get(address, headers={"if-none-match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    post(thread, now=later(86_400))
    Series.objects.create(site_id=1, title="New", slug="new")
    changed = client.get(address, headers={"if-none-match": first["ETag"]})
    assert changed.status_code == (304 if address == "/robots.txt" else 200)


def test_the_part_of_the_threads_costs_one_query_to_whoever_has_it() -> None:
    profile_of(Site.objects.get_current())
    make_post("a-thread")
    client = Client()
    first = client.get("/sitemap-threads.xml")
    for name, header in (("if-none-match", "ETag"), ("if-modified-since", "Last-Modified")):
        with CaptureQueriesContext(connection) as queries:
            again = client.get("/sitemap-threads.xml", headers={name: first[header]})
        assert (again.status_code, len(queries)) == (304, 1)


def test_the_number_of_queries_does_not_depend_on_the_number_of_threads() -> None:
    profile_of(Site.objects.get_current())
    counts = []
    for number in (3, 40):
        for at in range(number):
            make_post(f"of-{number}-{at}")
        page_store().clear()
        with CaptureQueriesContext(connection) as queries:
            read("/sitemap-threads.xml")
            read("/sitemap.xml")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_programs_read_pages_and_no_forms_and_nothing_private() -> None:
    robots = RobotFileParser()
    robots.parse(Client().get("/robots.txt").content.decode().splitlines())
    may: dict[str, bool] = {
        "/": True,
        "/posts/one/": True,
        "/posts/one/?cursor=abc": True,
        "/api/v1/docs/": True,
        "/threads/one/feed.atom": True,
        "/api/v1/threads/one/comments/": False,
        "/admin/": False,
        "/subscriptions/abc/": False,
    }
    found = {address: robots.can_fetch("*", f"{ORIGIN}{address}") for address in may}
    assert found == may
    # The parser of the standard library knows no asterisks in paths (RFC 9309, 2.2.3).
    lines = Client().get("/robots.txt").content.decode().splitlines()
    assert "Disallow: /*?*reply_to=" in lines


@pytest.mark.parametrize(
    "change",
    [
        lambda root: root.remove(root[0]),
        lambda root: root[0].find("s:loc", SITEMAP).__setattr__("text", "/posts/one/"),
        lambda root: root[0].find("s:lastmod", SITEMAP).__setattr__("text", "yesterday"),
    ],
    ids=["no page", "a path", "no date"],
)
def test_the_schema_finds_a_sitemap_that_is_not_valid(change: Any) -> None:
    make_post("a-thread")
    root = etree.fromstring(Client().get("/sitemap-threads.xml").content)
    assert SCHEMA.validate(root)
    change(root)
    assert not SCHEMA.validate(root)
