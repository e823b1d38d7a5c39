"""Storing a parsed document: one transaction, and twice is the same as once.

An import has the document's own clock: every time it stores is midnight (UTC) of the day the
document says it was published, so the same document gives the same rows whenever it is imported.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from hashlib import sha256

from django.contrib.sites.models import Site
from django.db import transaction

from blog.models import Author, Authorship, Post, Series, SeriesPart
from blog.seed import Block, Document, slug_of, to_markup
from comments.actions.announcing import announce_page
from comments.actions.people import reserve_name
from comments.actions.threads import NumberedText, add_numbered_comments, open_thread
from comments.models import SiteSettings, ThreadState
from comments.rules.rendering import render_article


class ImportConflict(Exception):
    """The post is there already, from another document: an import never overwrites."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to."""

    post: Post
    is_new: bool


def digest_of(data: bytes) -> str:
    """Returns the SHA-256 of a document, by which a second import of it is recognised."""
    return sha256(data).hexdigest()


@transaction.atomic(durable=True)
def import_document(*, site: Site, document: Document, digest: str) -> Imported:
    """Stores the post of a document with its series, authors, thread and replies.

    Args:
        digest: of the document's bytes; the same document again changes nothing.

    Raises:
        ImportConflict: a post with this slug came from another document.
        ValidationFailed: a reply is empty or longer than 40,000 characters.
    """
    slug = slug_of(document.title)
    found = Post.objects.select_related("thread").filter(site=site, slug=slug).first()
    if found is not None:
        if found.document_digest != digest:
            raise ImportConflict(f"The post {slug!r} is there already, from another document.")
        return Imported(found, is_new=False)
    published_at = datetime.combine(document.published_on, time(), tzinfo=UTC)
    thread = open_thread(
        site_id=site.pk,
        key=slug,
        url=f"/posts/{slug}/",
        title=document.title,
        excerpt=_excerpt(document),
        opened_at=published_at,
        state=ThreadState.OPEN if document.open_for_replies else ThreadState.CLOSED,
    )
    body = to_markup(document.body)
    notes = to_markup([Block(kind="paragraph", text=note) for note in document.author_notes])
    post = Post.objects.create(
        site=site,
        slug=slug,
        title=document.title,
        series_part=_series_part(site, document),
        byline=document.byline,
        byline_date=document.byline_date or "",
        body=body,
        body_html=render_article(body),
        author_notes=notes,
        author_notes_html=render_article(notes),
        published_on=document.published_on,
        thread=thread,
        document_digest=digest,
    )
    announce_page(thread, page_id=post.pk, now=published_at)
    for position, name in enumerate(document.authors):
        author, _ = Author.objects.get_or_create(
            site=site, slug=slug_of(name), defaults={"name": name}
        )
        Authorship.objects.create(post=post, author=author, position=position)
        reserve_name(site_id=site.pk, name=name, now=published_at)
    if document.digest_name:
        SiteSettings.objects.update_or_create(
            site=site, defaults={"digest_name": document.digest_name}
        )
    add_numbered_comments(
        thread=thread,
        texts=[NumberedText(reply.number, reply.source) for reply in document.replies],
        stored_at=published_at,
    )
    return Imported(post, is_new=True)


def _series_part(site: Site, document: Document) -> SeriesPart | None:
    """Returns the post's own part, with the parts that the document names beside it stored too."""
    if document.series_title is None or document.part is None:
        return None
    series, _ = Series.objects.get_or_create(
        site=site,
        slug=slug_of(document.series_title),
        defaults={"title": document.series_title},
    )
    for other in document.other_parts:
        SeriesPart.objects.get_or_create(
            series=series, part=other.part, defaults={"label": other.label, "title": other.title}
        )
    own, _ = SeriesPart.objects.get_or_create(
        series=series,
        part=document.part,
        defaults={
            "label": document.part_label or f"Part {document.part}",
            "title": document.part_title or document.title,
        },
    )
    return own


def _excerpt(document: Document) -> str:
    """Returns the first paragraph of the body."""
    return next((block.text for block in document.body if block.kind == "paragraph"), "")
