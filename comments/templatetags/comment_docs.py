"""What turns the OpenAPI document and docstrings into something that people read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django import template
from django.utils.html import conditional_escape, escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from comments.conf import options

register = template.Library()

Json = Mapping[str, Any]

_CODE = re.compile(r"(`+)(.+?)\1")


@dataclass(frozen=True, slots=True)
class Field:
    """One property of an object, or one parameter of an operation."""

    name: str
    type: SafeString
    is_required: bool
    description: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of an operation."""

    status: str
    phrase: str
    description: str
    media_type: str
    type: SafeString


@register.simple_tag
def site_url() -> str:
    """Returns the origin that absolute addresses begin with."""
    return options().site_url


@register.filter
def code(text: str) -> SafeString:
    """Returns a text with what stands between backticks as ``<code>``, all of it escaped."""
    return mark_safe(_CODE.sub(r"<code>\2</code>", escape(text)))


@register.filter
def breakable(code: str) -> SafeString:
    """Returns a code that a narrow page breaks after its underscores, never inside a word."""
    return mark_safe(escape(code).replace("_", "_<wbr>"))


@register.filter
def reading_first(tags: Mapping[str, Sequence[Json]]) -> list[tuple[str, Sequence[Json]]]:
    """Returns tags with their operations, those first whose operations mostly read."""

    def share_of_writing(tag: tuple[str, Sequence[Json]]) -> float:
        writing = [operation for operation in tag[1] if operation["method"] != "GET"]
        return len(writing) / len(tag[1])

    return sorted(tags.items(), key=share_of_writing)


@register.filter
def anchor(operation: Json) -> str:
    """Returns the id of an operation on the page."""
    return str(operation["operationId"])


@register.filter
def fields(schema: Json) -> list[Field]:
    """Returns the properties of an object's schema, in their order."""
    required = schema.get("required", ())
    return [
        Field(name, type_of(below), name in required, str(below.get("description", "")))
        for name, below in schema.get("properties", {}).items()
    ]


@register.filter
def parameters(operation: Json) -> list[Field]:
    """Returns the parameters of an operation: of the path, of the query, headers."""
    order = {"path": 0, "query": 1, "header": 2}
    found = sorted(operation.get("parameters", ()), key=lambda one: order.get(one["in"], 3))
    return [
        Field(
            name=one["name"],
            type=type_of(one.get("schema", {})),
            is_required=bool(one.get("required")),
            description=str(one.get("description", "")),
            place=one["in"],
        )
        for one in found
    ]


@register.filter
def body_of(operation: Json, schemas: Json) -> Json | None:
    """Returns the schema of an operation's body, found among ``schemas``; ``None`` without one."""
    content = operation.get("requestBody", {}).get("content", {})
    for described in content.values():
        schema: Json = described.get("schema", {})
        found: Json = schemas.get(_name_of(schema), schema)
        return found
    return None


@register.filter
def answers(operation: Json) -> Iterator[Answer]:
    """Returns the answers of an operation, in order of status."""
    for status, response in sorted(operation.get("responses", {}).items()):
        content = response.get("content", {})
        media_type: str = next(iter(content), "")
        described: Json = content.get(media_type, {})
        yield Answer(
            status=status,
            phrase=HTTPStatus(int(status)).phrase if status.isdecimal() else "",
            description=str(response.get("description", "")),
            media_type=media_type,
            type=type_of(described["schema"]) if "schema" in described else SafeString(""),
        )


@register.filter
def type_of(schema: Json) -> SafeString:
    """Returns the type that a schema describes in words, named schemas as links to them."""
    name = _name_of(schema)
    if name:
        return format_html('<a href="#schema-{}">{}</a>', name, name)
    for word, separator in (("anyOf", " or "), ("oneOf", " or "), ("allOf", " and ")):
        if word in schema:
            return _joined(separator, [type_of(one) for one in schema[word]])
    if "enum" in schema:
        return _joined(" | ", [format_html("<code>{}</code>", _json(v)) for v in schema["enum"]])
    if "const" in schema:
        return format_html("<code>{}</code>", _json(schema["const"]))
    types = schema.get("type", "any")
    if not isinstance(types, str):
        each = ({"type": one} if one == "null" else {**schema, "type": one} for one in types)
        return _joined(" or ", [type_of(one) for one in each])
    if types == "array":
        return format_html("list of {}", type_of(schema.get("items", {})))
    if types == "object":
        return _object(schema)
    return format_html("{}{}{}", types, _format(schema), _range(schema))


def _object(schema: Json) -> SafeString:
    """Returns a small object in place: its properties with their types."""
    more = schema.get("additionalProperties")
    properties = schema.get("properties", {})
    if not properties:
        return format_html("object of {}", type_of(more)) if isinstance(more, Mapping) else _OBJECT
    inner = format_html_join(
        ", ", "<code>{}</code>: {}", ((name, type_of(one)) for name, one in properties.items())
    )
    return format_html("{{ {} }}", inner)


_OBJECT = SafeString("object")


def _format(schema: Json) -> str:
    return f" ({schema['format']})" if "format" in schema else ""


def _range(schema: Json) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    longest = schema.get("maxLength")
    if longest is not None:
        return f", at most {longest} characters"
    if least is None and most is None:
        return ""
    if most is None:
        return f" ≥ {least}"
    return f" ≤ {most:,}" if least is None else f" {least}–{most:,}"


def _name_of(schema: Json) -> str:
    """Returns the name of the schema that a pointer leads to, ``""`` if it is no pointer."""
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _json(value: object) -> str:
    return "null" if value is None else f'"{value}"' if isinstance(value, str) else str(value)


def _joined(separator: str, parts: Sequence[SafeString]) -> SafeString:
    return mark_safe(separator.join(conditional_escape(part) for part in parts))
