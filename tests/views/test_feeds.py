"""The feeds: valid, conditional, complete, and silent about what is nobody's business."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from django.contrib.sites.models import Site
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from comments.actions.changing import edit_comment
from comments.actions.generating import generate_thread
from comments.actions.people import GuestName, Writer
from comments.actions.posting import submit_comment
from comments.actions.threads import NumberedText, add_numbered_comments, open_thread
from comments.models import Comment, ThreadAlias
from comments.queries.pages import page_store
from comments.queries.sites import profile_of
from tests.making import NOW, author_of, decide, later, make_thread, post

pytestmark = pytest.mark.django_db

SITE = "/comments/feed.atom"
SITE_JSON = "/comments/feed.json"
FEED_JSON = "/threads/a-thread/feed.json"
FEED = "/threads/a-thread/feed.atom"
ATOM = "{http://www.w3.org/2005/Atom}"
ORIGIN = "http://127.0.0.1:8000"


@pytest.fixture(autouse=True)
def _no_stored_feed() -> None:
    page_store().clear()


def read(address: str, **headers: str) -> tuple[Any, Element]:
    """Returns a feed and its root element."""
    response = Client().get(address, headers=headers)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/atom+xml; charset=utf-8"
    return response, fromstring(response.content)


def entries(feed: Element) -> list[Element]:
    return feed.findall(f"{ATOM}entry")


def value(element: Element, name: str) -> str:
    return element.findtext(f"{ATOM}{name}") or ""


def href(element: Element, rel: str = "alternate") -> str:
    links = [one for one in element.findall(f"{ATOM}link") if one.get("rel", "alternate") == rel]
    return links[0].get("href") or ""


def test_a_feed_holds_what_rfc_4287_asks_for() -> None:
    thread = make_thread(title="A & B <C>")
    post(thread, "First, with <b>bold</b> & more.", name='Ana <"&>')
    _, feed = read(FEED)
    assert feed.tag == f"{ATOM}feed"
    assert value(feed, "title") == "Comments on A & B <C>"
    assert value(feed, "id") == f"{ORIGIN}{FEED}"
    assert value(feed, "updated") == "2026-11-23T12:00:00+00:00"
    assert href(feed) == f"{ORIGIN}/posts/a-thread/"
    assert href(feed, "self") == f"{ORIGIN}{FEED}"
    (entry,) = entries(feed)
    comment = Comment.objects.get()
    assert value(entry, "id") == f"tag:127.0.0.1,2026-11-23:comment-{comment.pk}"
    assert value(entry, "title") == '#1 by Ana <"&>'
    assert value(entry, "updated") == value(entry, "published") == "2026-11-23T12:00:00+00:00"
    assert entry.findtext(f"{ATOM}author/{ATOM}name") == 'Ana <"&>'
    assert href(entry) == f"{ORIGIN}/posts/a-thread/#comment-1"
    content = entry.find(f"{ATOM}content")
    assert content is not None
    assert content.get("type") == "html"
    assert content.text == f'<div dir="auto">{comment.html}</div>'
    assert entry.find(f"{ATOM}summary") is None


def test_a_comment_without_author_and_date_has_no_invented_ones() -> None:
    thread = make_thread()
    add_numbered_comments(thread=thread, texts=[NumberedText(1, "Old.")], stored_at=later(9))
    _, feed = read(FEED)
    (entry,) = entries(feed)
    assert entry.findtext(f"{ATOM}author/{ATOM}name") == "Unknown"
    assert value(entry, "title") == "#1 by Unknown"
    assert entry.find(f"{ATOM}published") is None
    assert value(entry, "updated") == "2026-11-23T12:00:00+00:00"


def test_links_between_comments_are_absolute() -> None:
    thread = make_thread()
    post(thread, "First.")
    post(thread, "See #1.", name="Bo")
    _, feed = read(FEED)
    assert f'href="{ORIGIN}/posts/a-thread/#comment-1"' in (
        entries(feed)[0].findtext(f"{ATOM}content") or ""
    )


def test_a_long_thread_gives_its_latest_fifty_with_links_to_their_pages() -> None:
    make_thread()
    generate_thread(site_id=1, key="a-thread", comments=120, seed=7)
    _, feed = read(FEED)
    visible = Comment.objects.filter(visible=True).order_by("-number")[:50]
    titles = [value(entry, "title").split()[0] for entry in entries(feed)]
    assert titles == [f"#{comment.number}" for comment in visible]
    assert href(entries(feed)[0]).endswith(f"?comment={titles[0][1:]}#comment-{titles[0][1:]}")


def test_what_cannot_be_read_is_in_no_feed() -> None:
    thread = make_thread()
    gone = post(thread, "Gone.")
    post(thread, "An answer.", name="Bo", to=1)
    held_thread = make_thread("held", premoderation=True)
    post(held_thread, "Held.", name="Chi")
    decide(comment_id=gone.comment.pk, action="reject", now=later(1))
    for address in (FEED, SITE, FEED_JSON, SITE_JSON, "/threads/held/feed.atom"):
        response = Client().get(address)
        assert response.status_code == 200
        assert b"Gone." not in response.content
        assert b"Held." not in response.content


def test_no_address_of_a_commenter_is_in_a_feed() -> None:
    thread = make_thread()
    submit_comment(
        thread_id=thread.pk,
        writer=Writer(guest=GuestName("Ana", email="ana@example.org")),
        source="Hello.",
        format="plain",
        reply_to_number=None,
        now=NOW,
    )
    for address in (FEED, SITE, FEED_JSON, SITE_JSON):
        response = Client().get(address)
        assert response.status_code == 200
        assert b"ana@example.org" not in response.content
        assert b"<email" not in response.content


def test_the_feed_of_the_site_has_the_latest_of_all_threads_and_names_them() -> None:
    one, two = make_thread("one", title="One"), make_thread("two", title="Two")
    post(one, "A.", now=later(1))
    post(two, "B.", now=later(2))
    post(one, "C.", name="Bo", now=later(3))
    _, feed = read(SITE)
    assert [value(entry, "title") for entry in entries(feed)] == [
        "#2 by Bo on One",
        "#1 by Ana on Two",
        "#1 by Ana on One",
    ]
    assert value(feed, "updated") == "2026-11-23T12:00:03+00:00"
    assert href(feed) == f"{ORIGIN}/"


def test_comments_without_a_date_stand_in_the_sites_feed_where_their_thread_was_opened() -> None:
    old = make_thread("old", now=NOW - timedelta(days=900))
    add_numbered_comments(thread=old, texts=[NumberedText(1, "Old.")], stored_at=NOW)
    young = open_thread(
        site_id=1, key="young", url="/young/", title="Young", opened_at=NOW + timedelta(days=9)
    )
    add_numbered_comments(thread=young, texts=[NumberedText(1, "Young.")], stored_at=NOW)
    post(make_thread("dated"), "Dated.")
    _, feed = read(SITE)
    assert [value(entry, "content") for entry in entries(feed)] == [
        '<div dir="auto"><p>Young.</p></div>',
        '<div dir="auto"><p>Dated.</p></div>',
        '<div dir="auto"><p>Old.</p></div>',
    ]


@pytest.mark.parametrize("address", [FEED, SITE, FEED_JSON, SITE_JSON])
def test_a_reader_that_has_the_feed_is_told_so_after_one_query(address: str) -> None:
    thread = make_thread()
    comment = post(thread, "First.")
    client = Client()
    response = client.get(address)
    with CaptureQueriesContext(connection) as queries:
        again = client.get(address, headers={"if-none-match": response["ETag"]})
    assert (again.status_code, again.content, len(queries)) == (304, b"", 1)
    assert again["ETag"] == response["ETag"]
    since = client.get(address, headers={"if-modified-since": response["Last-Modified"]})
    assert since.status_code == 304
    edit_comment(
        comment_id=comment.comment.pk,
        editor=author_of(comment),
        source="Second.",
        format=None,
        version=1,
        now=later(60),
    )
    changed = client.get(address, headers={"if-none-match": response["ETag"]})
    assert changed.status_code == 200
    assert b"Second." in changed.content
    since = client.get(address, headers={"if-modified-since": response["Last-Modified"]})
    assert since.status_code == 200


@pytest.mark.parametrize("address", [FEED, SITE])
def test_a_removed_comment_changes_the_feed(address: str) -> None:
    comment = post(make_thread(), "First.")
    response, _ = read(address)
    decide(comment_id=comment.comment.pk, action="spam", now=later(5))
    _, feed = read(address, **{"if-none-match": response["ETag"]})
    assert entries(feed) == []
    assert value(feed, "updated") == "2026-11-23T12:00:05+00:00"


@pytest.mark.parametrize(
    ("address", "queries"),
    [
        ("/threads/{}/feed.atom", 2),
        ("/threads/{}/feed.json", 2),
        (SITE, 3),
        (SITE_JSON, 3),
    ],
)
def test_the_number_of_queries_of_a_feed_does_not_depend_on_the_thread(
    address: str, queries: int
) -> None:
    for key, size in (("few", 5), ("many", 2_000)):
        make_thread(key)
        generate_thread(site_id=1, key=key, comments=size, seed=7)
        page_store().clear()
        profile_of(Site.objects.get_current())  # both are kept for a while
        with CaptureQueriesContext(connection) as found:
            assert Client().get(address.format(key)).status_code == 200
        assert len(found) == queries


def test_a_feed_sets_no_cookie_and_may_be_kept_by_everybody() -> None:
    make_thread()
    for address in (FEED, SITE, FEED_JSON, SITE_JSON):
        response = Client().get(address)
        assert response.cookies == {}
        assert response["Cache-Control"].startswith("public")
        assert response["Vary"].lower() == "origin"


@pytest.mark.parametrize("ending", ["atom", "json"])
@pytest.mark.parametrize("key", ["nothing", "%00", "x" * 300])
def test_the_feed_of_an_unknown_thread_is_a_404(key: str, ending: str) -> None:
    assert Client().get(f"/threads/{key}/feed.{ending}").status_code == 404


def test_the_formats_of_a_feed_have_marks_of_their_own() -> None:
    post(make_thread())
    marks = {Client().get(address)["ETag"] for address in (FEED, SITE, FEED_JSON, SITE_JSON)}
    assert len(marks) == 4


def test_a_former_key_gives_the_feed_under_the_key_of_today() -> None:
    thread = make_thread()
    ThreadAlias.objects.create(site_id=1, thread=thread, key="of-old")
    _, feed = read("/threads/of-old/feed.atom")
    assert href(feed, "self") == f"{ORIGIN}{FEED}"


def test_a_site_without_a_thread_has_an_empty_feed() -> None:
    _, feed = read(SITE)
    assert entries(feed) == []
    assert value(feed, "updated") == "1970-01-01T00:00:00+00:00"
