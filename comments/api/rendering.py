"""Answers: JSON, written by orjson."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

JSON = "application/json"
HTML = "text/html"


def dumps(value: Any) -> bytes:
    """Returns JSON; times as RFC 3339 in UTC with ``Z``, without fractions of a second."""
    return orjson.dumps(
        value, option=orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS | orjson.OPT_NON_STR_KEYS
    )


class OrjsonRenderer(BaseRenderer):
    """Writes any answer of the API, problem documents included."""

    media_type = JSON
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Returns the bytes of the answer; none for an answer without content."""
        return b"" if data is None else dumps(data)


def wants_html(request: Request) -> bool:
    """Returns whether HTML is asked for by name: ``*/*``, which programs send, is answered JSON."""
    wanted = request.headers.get("Accept", "").split(",")
    return any(one.partition(";")[0].strip().lower() == HTML for one in wanted)


class JsonOnly(DefaultContentNegotiation):
    """Lets DRF write JSON whatever is accepted: the views that have HTML answer it themselves."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        """Returns the only renderer."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type or JSON
