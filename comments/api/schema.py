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
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema

from comments.api.documents import PROBLEM_TYPE
from comments.api.rendering import dumps
from comments.api.schemas import COMPONENTS
from comments.views.viewers import COOKIE

CACHED = "public, max-age=0, s-maxage=60, stale-while-revalidate=600"
"""They change with a release alone, and then at once for who asks again."""

SECURITY = {
    "ApiToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token, or a host site's short-lived JWT.",
    },
    "CommentToken": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "`Comment <token>`, as given with a new comment.",
    },
    "Session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "Django's session; changes need a CSRF token.",
    },
    "GuestCookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "A guest on a page of the blog itself; changes need a CSRF token.",
    },
}


class ContractSchema(AutoSchema):
    """Describes an operation by what its view says, and guesses nothing."""

    def get_auth(self) -> list[dict[str, Any]]:
        """Returns the ways to sign in that the contract names; none is ever needed to read."""
        return [{name: []} for name in SECURITY] + [{}]


def describe_contract(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Adds the shapes of answers, the ways to sign in, and the problem documents' media type."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update(COMPONENTS)
    components["securitySchemes"] = SECURITY
    for operations in result["paths"].values():
        for operation in operations.values():
            for response in operation["responses"].values():
                _name_media_type(response)
    return result


def _name_media_type(response: dict[str, Any]) -> None:
    content = response.get("content", {})
    body = content.get("application/json")
    if body and body.get("schema") == {"$ref": "#/components/schemas/Problem"}:
        response["content"] = {PROBLEM_TYPE: body}


def openapi_document() -> dict[str, Any]:
    """Returns the OpenAPI 3.1 document of the API as it is, the reader's to change."""
    return deepcopy(_document())


@cache
def _document() -> dict[str, Any]:
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    document: dict[str, Any] = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return document


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
