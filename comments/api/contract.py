"""How drf-spectacular makes the OpenAPI document. Loads as much as the whole rest of the API, so it
is loaded by whoever asks for the document.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import extend_schema

from comments.api.documents import PROBLEM_TYPE
from comments.api.schemas import COMPONENTS
from comments.views.viewers import COOKIE

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


class ContractGenerator(SchemaGenerator):
    """Makes the document of what is ``described``; any other view is as its project has it."""

    def create_view(self, callback: Any, method: str, request: HttpRequest | None = None) -> Any:
        """Returns the view of an operation, with what its method says of itself."""
        handler: Any = getattr(callback.cls, method.lower(), None)
        if hasattr(handler, "described") and not hasattr(handler, "kwargs"):
            handler.schema = ContractSchema  # what the library extends for this method
            extend_schema(**handler.described)(handler)
        return super().create_view(callback, method, request)  # type: ignore[no-untyped-call]


def document() -> dict[str, Any]:
    """Returns the OpenAPI 3.1 document of the API."""
    made: dict[str, Any] = ContractGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made
