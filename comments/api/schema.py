"""The OpenAPI document, and the page that makes it readable."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from hashlib import blake2s
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.views import View

from comments.api.rendering import dumps

CACHED = "public, max-age=0, s-maxage=60, stale-while-revalidate=600"
"""They change with a release alone, and then at once for who asks again."""


def openapi_document() -> dict[str, Any]:
    """Returns the OpenAPI 3.1 document of the API as it is, the reader's to change."""
    return deepcopy(_document())


@cache
def _document() -> dict[str, Any]:
    from comments.api.contract import document

    return document()


def _answer(request: HttpRequest, content: bytes, content_type: str) -> HttpResponse:
    """Returns what is the same for everybody, or 304 to who has it: its ETag is its digest."""
    etag = f'W/"{blake2s(content, digest_size=12).hexdigest()}"'
    answer = get_conditional_response(request, etag=etag)
    if not isinstance(answer, HttpResponse):
        answer = HttpResponse(content, content_type=content_type)
    answer.headers["ETag"] = etag
    answer.headers["Cache-Control"] = CACHED
    patch_vary_headers(answer, ["Origin"])
    return answer


class Schema(View):
    """The document for machines."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Answers with the OpenAPI document as JSON."""
        return _answer(request, dumps(openapi_document()), "application/vnd.oai.openapi+json")


class Docs(View):
    """The document for people."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Answers with one page that lists each operation and each shape."""
        document = openapi_document()
        operations = [
            {"method": method.upper(), "path": path, **operation}
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        ]
        tags: dict[str, list[dict[str, Any]]] = {}
        for operation in operations:
            tags.setdefault(operation["tags"][0], []).append(operation)
        context = {
            "info": document["info"],
            "tags": tags,
            "schemas": document["components"]["schemas"],
        }
        page = render_to_string("comments/docs.html", context, request)
        return _answer(request, page.encode(), "text/html; charset=utf-8")
