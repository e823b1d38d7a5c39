"""``manage.py import_document FILE``: a document becomes a post with its thread."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.sites.models import Site
from django.core.management.base import BaseCommand, CommandError

from blog.importing import ImportConflict, digest_of, import_document
from blog.seed import Document, SeedError, decode_document, parse_document, slug_of
from comments.errors import Refusal


class Command(BaseCommand):
    """Imports the text rendering of a post's page, replies included."""

    help = "Imports a text rendering of a post's page with its numbered replies."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Adds the file and the options."""
        parser.add_argument(
            "file",
            type=Path,
            help="Text rendering of a post's page, in UTF-8 (fixtures/israpundit.txt is one).",
        )
        parser.add_argument("--site", type=int, default=1, help="Id of the site (default 1).")
        parser.add_argument(
            "--dry-run", action="store_true", help="Say what would be stored, and store nothing."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Imports the file, or says which line of it is wrong and exits with 1."""
        path: Path = options["file"]
        try:
            data = path.read_bytes()
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from None
        try:
            document = parse_document(decode_document(data))
        except SeedError as error:
            raise CommandError(f"{path}: {error}") from None
        if options["dry_run"]:
            self.stdout.write(_report(document))
            return
        site = Site.objects.filter(pk=options["site"]).first()
        if site is None:
            raise CommandError(f"There is no site {options['site']}.")
        try:
            imported = import_document(site=site, document=document, digest=digest_of(data))
        except ImportConflict as error:
            raise CommandError(f"{path}: {error}") from None
        except Refusal as error:
            raise CommandError(f"{path}: {error.detail}") from None
        count = imported.post.thread.visible_count
        if imported.is_new:
            self.stdout.write(f"Imported {imported.post.slug} with {count} comments.")
        else:
            self.stdout.write(f"{imported.post.slug} was imported before; nothing changed.")


def _report(document: Document) -> str:
    """Returns what an import would store, a line for each thing."""
    lines = [
        f"title        {document.title}",
        f"slug         {slug_of(document.title)}",
        f"series       {document.series_title or '-'}"
        + (f", part {document.part}" if document.part else ""),
        f"byline       {document.byline}",
        f"authors      {', '.join(document.authors)}",
        f"published    {document.published_on.isoformat()}",
        f"blocks       {len(document.body)}",
        f"author notes {len(document.author_notes)}",
        f"digest       {document.digest_name or '-'}",
        f"replies      {'open' if document.open_for_replies else 'closed'},"
        f" {document.declared_count} declared, {len(document.replies)} found",
        *(
            f"  {reply.number:>3}. line {reply.line}: {len(reply.source)} characters"
            for reply in document.replies
        ),
        "Nothing was stored.",
    ]
    return "\n".join(lines)
