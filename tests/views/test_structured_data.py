"""What search engines read in the pages is what the API says, comment by comment."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import html5lib
import pytest
from django.contrib.sites.models import Site
from django.test import Client

from blog.importing import digest_of, import_document
from blog.models import Post
from blog.publishing import save_post
from blog.seed import decode_document, parse_document
from comments.actions.changing import edit_comment
from comments.actions.generating import generate_thread
from comments.actions.people import GuestName, Writer
from comments.actions.posting import submit_comment
from comments.actions.voting import cast_vote
from comments.models import Thread, ThreadState
from comments.queries.pages import page_store
from tests.conftest import ROOT
from tests.making import NOW, author_of, decide, later, post
from tests.views.browsing import Browser
from tests.views.host import make_page
from tests.views.microdata import Item, top_level_items

pytestmark = pytest.mark.django_db

ORIGIN = "http://127.0.0.1:8000"
PAGE = "/posts/a-post/"
API = "/api/v1/threads/a-post/"
SCHEMA = "https://schema.org/"


@pytest.fixture(autouse=True)
def _no_stored_answer() -> None:
    page_store().clear()


def make_post(**fields: Any) -> Thread:
    made = Post(
        site=Site.objects.get(pk=1),
        slug="a-post",
        title=fields.pop("title", "A post & more"),
        body="<p>Some <b>words</b>.</p>",
        published_on=NOW.date(),
    )
    save_post(made, state=ThreadState.OPEN, premoderation=False, now=NOW)
    return made.thread


def posting(address: str = PAGE, *, browser: Browser | None = None) -> Item:
    """Returns the only item of a page."""
    page = (browser or Browser()).open(address)
    assert page.status == 200
    (item,) = top_level_items(page.root, address=f"{ORIGIN}{address}")
    return item


def told_by_the_api() -> list[dict[str, Any]]:
    """Returns the comments that can be read, in reading order."""
    found: list[dict[str, Any]] = []
    address = f"{API}comments/?limit=100"
    while address:
        answer = Client().get(address.removeprefix(ORIGIN)).json()
        found += [one for one in answer["items"] if not one["tombstone"]]
        address = answer["page"]["next"] or ""
    return found


def text_in(html: str) -> str:
    return "".join(html5lib.parseFragment(html, namespaceHTMLElements=False).itertext())


def as_the_api_says(comment: Item) -> dict[str, Any]:
    """Returns the values of a comment under the API's names."""
    authors = comment.items("author")
    assert comment.type == f"{SCHEMA}Comment"
    assert all(author.type == f"{SCHEMA}Person" for author in authors)
    parent = comment.text("parentItem")
    return {
        "url": comment.text("url"),
        "author": [(author.text("name"), author.text("url")) for author in authors],
        "text": comment.text("text"),
        "written": _time(comment.text("datePublished")),
        "edited": _time(comment.text("dateModified")),
        "parent": int(parent.rpartition("-")[2]) if parent is not None else None,
        "votes": (int(comment.text("upvoteCount") or 0), int(comment.text("downvoteCount") or 0)),
    }


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def expected(comment: dict[str, Any]) -> dict[str, Any]:
    author = comment["author"]
    return {
        "url": comment["links"]["page"],
        "author": [(author["name"], author["url"])] if author["name"] else [],
        "text": text_in(comment["html"]),
        "written": _time(comment["written_at"]),
        "edited": _time(comment["edited_at"]),
        "parent": comment["parent"],
        "votes": (comment["votes"]["up"], comment["votes"]["down"]),
    }


def busy_thread() -> Thread:
    """Returns a thread with replies, an edit, a vote, a guest's site and a tombstone."""
    thread = make_post()
    first = post(thread, "First, with *stars* & <b>bold</b>.", name="Ana <&>")
    second = post(thread, "See #1.", name="Bo", to=1, now=later(60))
    edit_comment(
        comment_id=second.comment.pk,
        editor=author_of(second),
        source="See #1, twice.",
        format=None,
        version=1,
        now=later(90),
    )
    submit_comment(
        thread_id=thread.pk,
        writer=Writer(guest=GuestName("Cy", url="https://cy.example/?a=1&b=2")),
        source="שלום.\n\nSecond paragraph.",
        format="plain",
        reply_to_number=2,
        now=later(120),
    )
    gone = post(thread, "Gone.", name="Di", now=later(180))
    post(thread, "Below a tombstone.", name="Eve", to=gone.comment.number, now=later(240))
    decide(comment_id=gone.comment.pk, action="reject", now=later(300))
    cast_vote(
        comment_id=first.comment.pk, participant_id=second.participant.pk, value=1, now=later(400)
    )
    return thread


def test_each_comment_says_to_search_engines_what_the_api_says() -> None:
    busy_thread()
    told = told_by_the_api()
    assert len(told) == 4
    assert told[0]["votes"]["up"] == 1
    assert told[1]["edited_at"]
    assert [as_the_api_says(one) for one in posting().items("comment")] == [
        expected(one) for one in told
    ]


def test_a_post_is_a_posting_with_its_comments() -> None:
    busy_thread()
    item = posting()
    assert item.type == f"{SCHEMA}BlogPosting"
    assert item.text("headline") == "A post & more"
    feeds = Browser().open(PAGE).all("link", rel="alternate")
    assert [one.get("title") for one in feeds] == ["Comments on A post & more"] * 2
    assert item.text("url") == f"{ORIGIN}{PAGE}"
    assert item.text("datePublished") == "2026-11-23"
    assert (item.text("articleBody") or "").strip() == "Some words."
    assert item.text("commentCount") == str(Client().get(API).json()["count"]) == "4"


def test_the_authors_of_a_post_are_named_in_their_order() -> None:
    data = (ROOT / "fixtures" / "israpundit.txt").read_bytes()
    document = parse_document(decode_document(data))
    import_document(site=Site.objects.get(pk=1), document=document, digest=digest_of(data))
    item = posting("/posts/russia-and-the-new-me-part-iv/")
    names = [author.text("name") for author in item.items("author")]
    assert names == ["Ted Belman", "Alex Maistrovoy"]
    comments = item.items("comment")
    assert len(comments) == 9
    # Nobody is known to have written them, and no time: none is made up.
    assert not any(one.all("author") or one.all("datePublished") for one in comments)


def test_what_only_its_author_sees_is_no_comment_of_the_page() -> None:
    thread = make_post()
    Thread.objects.filter(pk=thread.pk).update(premoderation=True)
    browser = Browser()
    browser.open(PAGE)
    page = browser.press("post", name="Ana", source="Waiting words.")
    assert "Waiting words." in page.response.content.decode()
    item = posting(browser=browser)
    assert item.all("comment") == []
    assert item.text("commentCount") == "0"


def test_every_page_of_a_long_thread_holds_to_the_api() -> None:
    make_post()
    generate_thread(site_id=1, key="a-post", comments=150, seed=3)
    told = {one["number"]: expected(one) for one in told_by_the_api()}
    browser, seen, address = Browser(), 0, PAGE
    while address:
        for comment in posting(address, browser=browser).items("comment"):
            said = as_the_api_says(comment)
            number = int(said["url"].rpartition("-")[2])
            # On a long thread the page itself says which part of it to show.
            permalink = f"{ORIGIN}{PAGE}?comment={number}#comment-{number}"
            assert said == {**told[number], "url": permalink}
            seen += 1
        (canonical,) = browser.shown.all("link", rel="canonical")
        assert canonical.get("href") == f"{ORIGIN}{address.partition('#')[0]}"
        ways = browser.shown.all("a", rel="next")
        href = ways[0].get("href") or "" if ways else ""
        address = f"{PAGE}{href.partition('#')[0]}" if href else ""
    assert seen > 50


@pytest.mark.parametrize(
    "query", ["?sort=newest", "?comment=2", "?reply_to=1", "?sort=best&done=deleted", "?utm=x"]
)
def test_other_views_of_the_page_lead_search_engines_to_the_page_itself(query: str) -> None:
    busy_thread()
    page = Browser().open(f"{PAGE}{query}")
    (canonical,) = page.all("link", rel="canonical")
    assert canonical.get("href") == f"{ORIGIN}{PAGE}"


@pytest.mark.urls("tests.views.host")
def test_the_page_of_another_host_is_a_forum_posting_with_its_comments() -> None:
    thread = make_page()
    post(thread, "First.")
    item = posting("/pages/a-thread/")
    assert item.type == f"{SCHEMA}DiscussionForumPosting"
    assert item.text("headline") == "A thread"
    assert item.text("url") == f"{ORIGIN}/pages/a-thread/"
    assert _time(item.text("datePublished")) == NOW
    assert [one.text("text") for one in item.items("comment")] == ["First."]
