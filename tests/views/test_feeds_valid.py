"""The feeds as programs of others read them: validators, and feedparser, over what is hostile."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import feedparser  # type: ignore[import-untyped]
import pytest
from django.test import Client
from jsonschema import Draft202012Validator, FormatChecker, ValidationError  # type: ignore[import-untyped]
from lxml import etree  # type: ignore[import-untyped]

from comments.actions.generating import generate_thread
from comments.actions.people import GuestName, Writer
from comments.actions.posting import submit_comment
from comments.actions.threads import NumberedText, add_numbered_comments
from comments.models import SiteSettings, Thread
from comments.queries.pages import page_store
from comments.queries.sites import forget_profiles
from tests.corpus.reading import CORPUS, own_payloads
from tests.making import NOW, decide, later, make_thread, post

pytestmark = pytest.mark.django_db

ORIGIN = "http://127.0.0.1:8000"
ATOM = {"a": "http://www.w3.org/2005/Atom", "thr": "http://purl.org/syndication/thread/1.0"}
THREAD = "/threads/a-thread/feed"
SITE = "/comments/feed"
HOSTILE_TITLE = 'A\u202ereversed\x01 & <b>"bold"</b>\x1b[31m \ufffe\ud7ff 👩‍👧 ]]> אב\u2067ג'
SEEN_TITLE = 'Areversed & <b>"bold"</b>[31m \ud7ff 👩‍👧 ]]> אבג'

GRAMMAR = etree.RelaxNG(etree.parse(str(CORPUS / "atom.rng")))
SCHEMA = Draft202012Validator(
    json.loads((CORPUS / "json_feed.schema.json").read_text(encoding="utf-8")),
    format_checker=FormatChecker(),
)


@pytest.fixture(autouse=True)
def _no_stored_feed() -> None:
    page_store().clear()


def fetch(address: str) -> Any:
    response = Client().get(address)
    assert response.status_code == 200
    return response


def checked_atom(body: bytes) -> Any:
    """Returns the root of an Atom feed that keeps RFC 4287, also what its grammar cannot say."""
    # Without recovery and without entities: what a strict parser takes.
    root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    GRAMMAR.assertValid(root)
    ids = [found.text for found in root.iterfind("a:entry/a:id", ATOM)]
    assert len(set(ids)) == len(ids)
    for feed_or_entry in [root, *root.iterfind("a:entry", ATOM)]:
        links = [
            (link.get("rel", "alternate"), link.get("type"), link.get("hreflang"))
            for link in feed_or_entry.iterfind("a:link", ATOM)
        ]
        assert len(set(links)) == len(links)  # 4.1.1, 4.1.2: one alternate of each kind
        for link in feed_or_entry.iterfind("a:link", ATOM):
            assert link.get("href").startswith(("http://", "https://"))
            assert link.get("href").isascii()
    for entry in root.iterfind("a:entry", ATOM):
        assert entry.find("a:author", ATOM) is not None  # 4.1.2: the feed names none
        assert entry.find("a:link", ATOM) is not None
        assert entry.find("a:author/a:name", ATOM).text.strip()
    return root


def checked_json(body: bytes) -> Any:
    """Returns a JSON Feed that keeps the format."""
    feed = json.loads(body)
    SCHEMA.validate(feed)
    ids = [item["id"] for item in feed["items"]]
    assert len(set(ids)) == len(ids)
    for item in feed["items"]:
        for name in ("date_published", "date_modified"):
            if name in item:
                assert datetime.fromisoformat(item[name]).utcoffset() == timedelta(0)
    return feed


def parsed(body: bytes, content_type: str) -> Any:
    """Returns what feedparser makes of a feed; ``bozo`` is what it calls a feed that is broken."""
    # A stream, since a text may be taken for an address to fetch.
    found = feedparser.parse(
        body, response_headers={"content-type": content_type, "content-location": ORIGIN}
    )
    assert found.bozo is False, found.get("bozo_exception")
    return found


def both(address: str) -> tuple[Any, Any, Any]:
    """Returns a feed checked as Atom, as JSON Feed, and as feedparser reads it."""
    atom, json_feed = fetch(f"{address}.atom"), fetch(f"{address}.json")
    assert atom["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert json_feed["Content-Type"] == "application/feed+json"
    return (
        checked_atom(atom.content),
        checked_json(json_feed.content),
        parsed(atom.content, atom["Content-Type"]),
    )


def hostile_thread() -> Thread:
    """Returns a thread with every hostile text, tombstones, guests' sites, and no dates."""
    thread = make_thread(title=HOSTILE_TITLE)
    payloads = own_payloads()
    texts = [NumberedText(at, text) for at, text in enumerate(payloads[:10], start=1)]
    add_numbered_comments(thread=thread, texts=texts, stored_at=NOW)
    made = [
        post(thread, text, name=f"Ana {at} <&\"'> אנה 🏳️‍🌈", format=format, to=1 if at % 2 else None)
        for at, text in enumerate(payloads[10:40])
        for format in ("plain", "markdown")
    ]
    post(thread, "Below a tombstone.", name="Bo", to=made[-1].comment.number)
    decide(comment_id=made[-1].comment.pk, action="reject", now=later(1))
    submit_comment(
        thread_id=thread.pk,
        writer=Writer(guest=GuestName("Cy", url="https://cy.example/?a=1&b=<2>")),
        source='One & "two" <three> ]]> \u2028 אבג #1',
        format="plain",
        reply_to_number=None,
        now=later(2),
    )
    return thread


@pytest.mark.parametrize("address", [THREAD, SITE])
def test_feeds_of_hostile_texts_are_valid_in_both_formats(address: str) -> None:
    hostile_thread()
    atom, json_feed, read = both(address)
    assert len(atom.findall("a:entry", ATOM)) == len(json_feed["items"]) == len(read.entries) == 50
    whole = etree.tostring(atom, encoding="unicode") + json.dumps(json_feed, ensure_ascii=False)
    assert not {"\u202e", "\u2067", "\x01", "\x1b", "\ufffe"} & set(whole)


def test_a_hostile_title_is_one_line_that_reorders_nothing() -> None:
    post(make_thread(title=f"{HOSTILE_TITLE}\n second \t line"))
    atom, json_feed, read = both(THREAD)
    seen = f"Comments on {SEEN_TITLE} second line"
    assert atom.findtext("a:title", namespaces=ATOM) == json_feed["title"] == seen
    assert read.feed.title == seen


@pytest.mark.parametrize("address", [THREAD, SITE])
def test_both_formats_say_the_same(address: str) -> None:
    hostile_thread()
    atom, json_feed, read = both(address)
    assert json_feed["home_page_url"] == read.feed.link
    assert json_feed["language"] == read.feed.language == "en"
    assert json_feed["feed_url"] == f"{ORIGIN}{address}.json"
    assert atom.find("a:link[@rel='self']", ATOM).get("href") == f"{ORIGIN}{address}.atom"
    for element, item, entry in zip(
        atom.iterfind("a:entry", ATOM), json_feed["items"], read.entries, strict=True
    ):
        assert item["id"] == entry.id
        assert item["url"] == entry.link
        assert item["title"] == element.findtext("a:title", namespaces=ATOM)
        assert item["content_html"] == element.findtext("a:content", namespaces=ATOM)
        (author,) = item["authors"]
        assert author["name"] == element.findtext("a:author/a:name", namespaces=ATOM)
        assert author.get("url") == element.findtext("a:author/a:uri", namespaces=ATOM)
        times = {"date_published": "published", "date_modified": "updated"}
        for name, tag in times.items():
            time = element.findtext(f"a:{tag}", namespaces=ATOM)
            assert (name in item) == (time is not None)
            if time is not None:
                assert datetime.fromisoformat(item[name]) == datetime.fromisoformat(time)
        answered = element.find("thr:in-reply-to", ATOM)
        assert item["_in_reply_to"] == {"id": answered.get("ref"), "url": answered.get("href")}


def test_a_reply_names_what_it_answers_and_a_first_comment_the_page() -> None:
    thread = make_thread()
    first = post(thread, "First.").comment
    post(thread, "Second.", name="Bo", to=1)
    _, json_feed, _ = both(THREAD)
    reply, root = json_feed["items"]
    assert root["_in_reply_to"] == {
        "id": f"tag:127.0.0.1,2026-11-23:thread-{thread.pk}",
        "url": f"{ORIGIN}/posts/a-thread/",
    }
    assert reply["_in_reply_to"] == {
        "id": f"tag:127.0.0.1,2026-11-23:comment-{first.pk}",
        "url": f"{ORIGIN}/posts/a-thread/#comment-1",
    }
    assert reply["_in_reply_to"]["id"] == root["id"]


def test_the_site_of_a_guest_is_the_address_of_its_author() -> None:
    hostile_thread()
    _, json_feed, read = both(THREAD)
    address = "https://cy.example/?a=1&b=%3C2%3E"
    assert json_feed["items"][0]["authors"] == [{"name": "Cy", "url": address}]
    assert read.entries[0].author_detail.href == address


def test_a_text_says_its_own_direction_and_claims_no_language() -> None:
    post(make_thread(), "שלום לכולם.")
    atom, json_feed, _ = both(THREAD)
    content = atom.find("a:entry/a:content", ATOM)
    assert content.text == '<div dir="auto"><p>שלום לכולם.</p></div>'
    assert json_feed["items"][0]["content_html"] == content.text
    language = "{http://www.w3.org/XML/1998/namespace}lang"
    assert (atom.get(language), content.get(language)) == ("en", "und")


def test_feeds_are_in_the_language_of_the_site_and_not_of_the_browser() -> None:
    post(make_thread())
    SiteSettings.objects.update_or_create(site_id=1, defaults={"language": "he"})
    forget_profiles()
    for address in (THREAD, SITE):
        atom, json_feed, _ = both(address)
        language = atom.get("{http://www.w3.org/XML/1998/namespace}lang")
        assert language == json_feed["language"] == "he"
        asked = Client().get(f"{address}.json", headers={"accept-language": "de"})
        assert json.loads(asked.content)["language"] == "he"


def test_another_language_of_the_site_is_another_feed() -> None:
    make_thread()
    english = fetch(f"{THREAD}.atom")["ETag"]
    SiteSettings.objects.update_or_create(site_id=1, defaults={"language": "de"})
    forget_profiles()
    assert fetch(f"{THREAD}.atom")["ETag"] != english


def test_feeds_of_a_thread_without_a_comment_and_of_a_site_without_a_thread_are_valid() -> None:
    _, json_feed, read = both(SITE)
    assert (json_feed["items"], read.entries) == ([], [])
    make_thread()
    _, json_feed, read = both(THREAD)
    assert (json_feed["items"], read.entries) == ([], [])


def test_feeds_of_a_thread_of_thousands_are_valid_and_hold_fifty() -> None:
    make_thread()
    generate_thread(site_id=1, key="a-thread", comments=3_000, seed=5)
    for address in (THREAD, SITE):
        _, json_feed, read = both(address)
        assert len(json_feed["items"]) == len(read.entries) == 50


@pytest.mark.parametrize(
    "change",
    [
        lambda root: root.remove(root.find("a:id", ATOM)),
        lambda root: root.find("a:updated", ATOM).__setattr__("text", "today"),
        lambda root: root.find("a:entry/a:title", ATOM).set("type", "markdown"),
        lambda root: root.find("a:entry/a:author", ATOM).clear(),
        lambda root: root.set("{http://www.w3.org/XML/1998/namespace}lang", "en_US"),
        lambda root: etree.SubElement(root.find("a:entry", ATOM), f"{{{ATOM['a']}}}pubDate"),
    ],
    ids=["no id", "no date", "unknown type", "no name", "no language", "unknown element"],
)
def test_the_grammar_finds_a_feed_that_is_not_valid(change: Any) -> None:
    post(make_thread())
    root = etree.fromstring(fetch(f"{THREAD}.atom").content)
    GRAMMAR.assertValid(root)
    change(root)
    assert not GRAMMAR.validate(root)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", "https://jsonfeed.org/version/1"),
        ("home_page_url", "/posts/a-thread/"),
        ("author", {"name": "Ana"}),
        ("items", [{"id": "1"}]),
        ("items", [{"id": 1, "content_text": ""}]),
        ("items", [{"id": "1", "content_text": "", "date_published": "23 November 2026"}]),
    ],
)
def test_the_schema_finds_a_feed_that_is_not_valid(name: str, value: object) -> None:
    make_thread()
    feed = checked_json(fetch(f"{THREAD}.json").content)
    with pytest.raises(ValidationError):
        SCHEMA.validate({**feed, name: value})


def test_the_parser_calls_a_broken_feed_broken() -> None:
    make_thread()
    body = fetch(f"{THREAD}.atom").content.replace(b"</feed>", b"<a>\x01</feed>")
    assert feedparser.parse(body).bozo
