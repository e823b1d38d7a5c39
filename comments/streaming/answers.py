"""Answers that are no streams: refusals as problem documents (RFC 9457), and who may read them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import orjson

from comments.errors import MethodNotAllowed, RateLimited, Refusal, Unavailable, ValidationFailed
from comments.queries.sites import absolute

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Exchange:
    """A request, and the way to answer it."""

    scope: Scope
    receive: Receive
    send: Send
    headers: dict[str, str]
    """By name in lower case; what came more than once is put together with commas."""
    read_by: str = ""
    """The other origin whose pages may read the answer, as soon as that is known."""

    @property
    def path(self) -> str:
        """Returns the path that was asked for, decoded."""
        path: str = self.scope["path"]
        return path


def exchange_of(scope: Scope, receive: Receive, send: Send) -> Exchange:
    """Returns a request as it came in."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        text, decoded = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[text] = f"{headers[text]},{decoded}" if text in headers else decoded
    return Exchange(scope, receive, send, headers)


METHODS = b"GET, OPTIONS"
KEPT_SECONDS = b"7200"
"""How long a browser may remember what an origin may do; more than this some cut down."""


async def start_stream(exchange: Exchange) -> None:
    """Sends the head of a stream."""
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        # nginx and its like would keep events back until there are enough of them.
        (b"x-accel-buffering", b"no"),
        (b"x-content-type-options", b"nosniff"),
        *_cors(exchange),
    ]
    await exchange.send({"type": "http.response.start", "status": 200, "headers": headers})


async def refuse(exchange: Exchange, refusal: Refusal) -> None:
    """Sends a refusal."""
    document: dict[str, Any] = {
        "type": absolute(f"/problems/{refusal.code}/"),
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.detail,
        "instance": exchange.path,
        "code": refusal.code,
    }
    if isinstance(refusal, ValidationFailed):
        document["errors"] = [
            {"pointer": error.pointer, "code": error.code, "detail": error.detail}
            for error in refusal.errors
        ]
    document |= refusal.extra
    body = orjson.dumps(document, default=str)
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        *_cors(exchange),
    ]
    if isinstance(refusal, RateLimited):
        headers.append((b"retry-after", b"%d" % refusal.retry_after_seconds))
    elif isinstance(refusal, Unavailable):
        headers.append((b"retry-after", b"%d" % refusal.extra.get("retry_after", 1)))
    elif isinstance(refusal, MethodNotAllowed):
        headers.append((b"allow", METHODS))
    await _answer(exchange, status=refusal.status, headers=headers, body=body)


async def answer_preflight(exchange: Exchange) -> None:
    """Tells a browser that an origin may send what resumes a stream (Fetch standard, CORS)."""
    headers: Headers = [
        (b"access-control-allow-methods", METHODS),
        (b"access-control-allow-headers", b"last-event-id, cache-control"),
        (b"access-control-max-age", KEPT_SECONDS),
        *_cors(exchange),
    ]
    await _answer(exchange, status=204, headers=headers, body=b"")


def _cors(exchange: Exchange) -> Headers:
    """Returns what lets pages of an origin read the answer; the same is not stored for others."""
    headers = [(b"vary", b"Origin")]
    if exchange.read_by:
        headers.append((b"access-control-allow-origin", exchange.read_by.encode("latin-1")))
        headers.append((b"access-control-expose-headers", b"retry-after"))
    return headers


async def _answer(exchange: Exchange, *, status: int, headers: Headers, body: bytes) -> None:
    await exchange.send({"type": "http.response.start", "status": status, "headers": headers})
    await exchange.send({"type": "http.response.body", "body": body, "more_body": False})
