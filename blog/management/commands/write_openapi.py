"""``manage.py write_openapi``: the OpenAPI document as it is committed."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand

from comments.api.schema import openapi_document


def document_text() -> bytes:
    """Returns the OpenAPI document of this site's API, sorted and indented."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(openapi_document(), option=options)


class Command(BaseCommand):
    """Writes the OpenAPI document; a test compares it with the one committed."""

    help = "Writes the OpenAPI document of the API (openapi.json is committed)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Adds the file."""
        parser.add_argument(
            "file",
            type=Path,
            nargs="?",
            default=Path("openapi.json"),
            help="Where to write it (default openapi.json).",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Writes the document, and says where and how much it describes."""
        options["file"].write_bytes(document_text())
        paths = openapi_document()["paths"]
        operations = sum(len(methods) for methods in paths.values())
        self.stdout.write(
            f"Wrote {options['file']}: {len(paths)} addresses, {operations} operations."
        )
