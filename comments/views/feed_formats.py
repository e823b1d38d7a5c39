"""Feeds as they are written: Atom (RFC 4287, with RFC 4685 for replies) and JSON Feed 1.1.

Both say the same. Neither knows anything of requests or of the database.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from django.utils.encoding import iri_to_uri
from django.utils.feedgenerator import Atom1Feed
from django.utils.xmlutils import SimplerXMLGenerator

from comments.rules.text_characters import NOT_IN_TEXTS, SURROGATES, table_without

ATOM = "application/atom+xml; charset=utf-8"
JSON = "application/feed+json"
JSON_FEED = "https://jsonfeed.org/version/1.1"
THREADING = "http://purl.org/syndication/thread/1.0"
UNKNOWN_LANGUAGE = "und"
"""Nobody is asked in which language he writes (ISO 639-2)."""

# What XML 1.0 cannot hold, even escaped (2.2 Characters).
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_IN_TITLES = table_without(NOT_IN_TEXTS - {"\t", "\n"})


@dataclass(frozen=True, slots=True)
class Answered:
    """What a comment answers: another comment, or the page itself."""

    id: str
    address: str


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One comment as a feed shows it. Times that are not known are ``None``."""

    id: str
    """Stays when the thread is renamed and the site moves (RFC 4151)."""
    address: str
    title: str
    author_name: str
    author_url: str
    html: str
    published_at: datetime | None
    updated_at: datetime
    answered: Answered


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed, with the addresses of both of its formats."""

    title: str
    page: str
    atom_address: str
    json_address: str
    language: str
    changed_at: datetime
    items: list[FeedItem]


def one_line(text: str) -> str:
    """Returns a title or a name as a feed may carry it: one line, nothing that reorders it."""
    return " ".join(SURROGATES.sub("\ufffd", text).translate(_NOT_IN_TITLES).split())


def _in_xml(text: str) -> str:
    return _NOT_IN_XML.sub("\ufffd", text)


def _content(html: str) -> str:
    """Returns the HTML of a comment; its own text says in which direction it is read."""
    return f'<div dir="auto">{_in_xml(html)}</div>'


def atom(feed: Feed) -> bytes:
    """Returns the feed as Atom."""
    writer = _Atom(feed)
    for item in feed.items:
        writer.add_item(
            title=one_line(item.title),
            link=item.address,
            description=None,  # type: ignore[arg-type]  # no summary beside the content
            unique_id=item.id,
            author_name=one_line(item.author_name),
            author_link=item.author_url or None,
            pubdate=item.published_at,
            updateddate=item.updated_at,
            html=_content(item.html),
            answered=item.answered,
        )
    return writer.writeString("utf-8").encode()


class _Atom(Atom1Feed):
    """Django's Atom with the whole text as content, what it answers, and a given time of change."""

    def __init__(self, feed: Feed) -> None:
        super().__init__(
            title=one_line(feed.title),
            link=feed.page,
            description="",
            language=feed.language,
            feed_url=feed.atom_address,
            feed_guid=feed.atom_address,
        )
        self.changed_at = feed.changed_at

    def root_attributes(self) -> dict[str, str]:
        """Returns the attributes of the feed, with the namespace for replies."""
        attributes: Mapping[str, str] = super().root_attributes()
        return {**attributes, "xmlns:thr": THREADING}

    def latest_post_date(self) -> datetime:
        """Returns when the feed last changed, which a removed comment changes too."""
        return self.changed_at

    def add_item_elements(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        """Writes one entry."""
        super().add_item_elements(handler, item)
        answered: Answered = item["answered"]
        handler.addQuickElement(
            "thr:in-reply-to",
            "",
            {"ref": answered.id, "href": iri_to_uri(answered.address), "type": "text/html"},
        )
        kind = {"type": "html", "xml:lang": UNKNOWN_LANGUAGE}
        handler.addQuickElement("content", item["html"], kind)


def json_feed(feed: Feed) -> bytes:
    """Returns the feed as JSON Feed 1.1."""
    return orjson.dumps(
        {
            "version": JSON_FEED,
            "title": one_line(feed.title),
            "home_page_url": iri_to_uri(feed.page),
            "feed_url": iri_to_uri(feed.json_address),
            "language": feed.language,
            "items": [_json_item(item) for item in feed.items],
        }
    )


def _json_item(item: FeedItem) -> dict[str, Any]:
    author = {"name": one_line(item.author_name)}
    if item.author_url:
        author["url"] = iri_to_uri(item.author_url)
    made: dict[str, Any] = {
        "id": item.id,
        "url": iri_to_uri(item.address),
        "title": one_line(item.title),
        "content_html": _content(item.html),
        "date_modified": _rfc3339(item.updated_at),
        "authors": [author],
        # An extension, as the format names them: what RFC 4685 says in Atom.
        "_in_reply_to": {"id": item.answered.id, "url": iri_to_uri(item.answered.address)},
    }
    if item.published_at is not None:
        made["date_published"] = _rfc3339(item.published_at)
    return made


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
