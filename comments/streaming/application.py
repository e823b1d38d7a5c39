"""``GET /api/v1/threads/KEY/stream/`` for any ASGI server (ASGI 3.0).

What a reader is sent: ``hello`` with the present version, or, if he has one, every ``change`` since
then; after that every change as it happens. ``reset`` tells him that he has missed too much to be
told of each, or comes from another time: he fetches the thread anew. The ``id`` of each event is
the version that he has then.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
from asyncio import CancelledError, Task
from typing import Any
from urllib.parse import parse_qs

from django.db import Error

from comments.conf import options
from comments.errors import (
    FieldError,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    Refusal,
    ThreadUnknown,
    Unavailable,
    ValidationFailed,
)
from comments.queries.streams import stream_path
from comments.rules.limits import address_group, client_address
from comments.streaming.answers import (
    Exchange,
    Receive,
    Scope,
    Send,
    answer_preflight,
    exchange_of,
    refuse,
    start_stream,
)
from comments.streaming.frames import retry_frame
from comments.streaming.hub import Hub
from comments.streaming.listening import can_listen, listen
from comments.streaming.reading import DatabaseReader
from comments.streaming.streams import Stream

logger = logging.getLogger(__name__)

_PATH = re.compile(re.escape(stream_path("KEY")).replace("KEY", r"([^/\x00]{1,200})"))
_VERSION = re.compile(r"[0-9]{1,18}\Z", re.ASCII)

RETRY_MILLISECONDS = (1_000, 4_000)
"""When to connect again; not all at once, since they all lost the connection at once."""
NEVER = -1
"""A version that no thread ever had."""


class StreamApplication:
    """The application; one instance has one hub, which begins with the first request or before."""

    def __init__(self) -> None:
        self._reader = DatabaseReader()
        chosen = options()
        self._hub = Hub(
            self._reader,
            is_called=can_listen(),
            most=chosen.streams_most,
            most_of_address=chosen.streams_per_address,
        )
        self._listening: Task[None] | None = None
        self._has_begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection, or the beginning and end of the process."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            self.begin()
            await self._serve(exchange_of(scope, receive, send))
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.begin()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.end()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def begin(self) -> None:
        """Begins to listen, once."""
        if self._has_begun:
            return
        self._has_begun = True
        self._hub.start()
        if can_listen():
            self._listening = asyncio.get_running_loop().create_task(listen(self._hub))

    async def end(self) -> None:
        """Ends all streams, so that readers connect again; returns when they have ended."""
        if self._listening is not None:
            self._listening.cancel()
        await self._hub.end()
        self._reader.close()

    # --- one request ----------------------------------------------------------------------------

    async def _serve(self, exchange: Exchange) -> None:
        refusal: Refusal
        try:
            await self._answer(exchange)
            return
        except Refusal as error:
            refusal = error
        except Error as error:
            logger.warning("a stream cannot begin: %s", str(error).partition("\n")[0])
            refusal = Unavailable(retry_after=1)
        await refuse(exchange, refusal)

    async def _answer(self, exchange: Exchange) -> None:
        """Answers a request.

        Raises:
            Refusal: it is not answered as it was meant.
            Error: the database cannot be read. Nothing was sent in either case.
        """
        method, headers = exchange.scope["method"], exchange.headers
        found = _PATH.fullmatch(exchange.path)
        if found is None:
            raise NotFound()
        if method not in {"GET", "OPTIONS"}:
            raise MethodNotAllowed()
        with self._hub.admitted(_address_of(exchange)):
            origin = headers.get("origin", "")
            place = await self._reader.place(
                host=headers.get("host", ""),
                key=found[1] if method == "GET" else None,
                origin=origin,
            )
            if not place.may_listen:
                raise Forbidden("Pages of this origin may not read here.")
            exchange.read_by = origin
            if method == "OPTIONS":
                await answer_preflight(exchange)
                return
            since = _since(exchange)
            if place.head is None:
                raise ThreadUnknown()
            thread_id = place.head.id
            with self._hub.opened(thread_id, version=place.head.version, since=since) as stream:
                await self._hub.bring_past(thread_id, stream)
                await start_stream(exchange)
                await _write(stream, exchange)


async def _write(stream: Stream, exchange: Exchange) -> None:
    """Sends what the stream has to send until it ends, or nobody is there any more."""
    loop = asyncio.get_running_loop()
    stream.writer = asyncio.current_task()
    leaving = loop.create_task(_end_with_reader(stream, exchange.receive))
    body = retry_frame(random.randint(*RETRY_MILLISECONDS)) + stream.take()  # noqa: S311
    try:
        while body:
            stream.sending_since = loop.time()
            await exchange.send({"type": "http.response.body", "body": body, "more_body": True})
            stream.sending_since, stream.sent_at = None, loop.time()
            body = await stream.next_bytes()
        if not stream.is_cut:
            await exchange.send({"type": "http.response.body", "body": b"", "more_body": False})
    except CancelledError:
        if not stream.is_cut:
            raise
    finally:
        stream.writer = None
        leaving.cancel()


async def _end_with_reader(stream: Stream, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.cut()


def _address_of(exchange: Exchange) -> str:
    """Returns the group of addresses that a request counts for."""
    client: Any = exchange.scope.get("client") or ("", 0)
    forwarded = exchange.headers.get("x-forwarded-for", "")
    address = client_address(
        remote_address=client[0],
        forwarded_for=[part for part in forwarded.split(",") if part.strip()],
        trusted_proxies=options().trusted_proxies,
    )
    return address_group(address)


def _since(exchange: Exchange) -> int | None:
    """Returns the version that a reader has; ``None`` if he says nothing of it.

    A browser sends ``Last-Event-ID`` when it connects again, to the address with the ``?since=`` of
    the first time, so the header goes first. One that is no version of ours is as good as one that
    is too old.

    Raises:
        ValidationFailed: ``?since=`` is no version.
    """
    last = exchange.headers.get("last-event-id", "").strip()
    if last:
        return int(last) if _VERSION.match(last) else NEVER
    text = parse_qs(exchange.scope["query_string"].decode("latin-1")).get("since", [""])[-1]
    if not text:
        return None
    if not _VERSION.match(text):
        detail = "since is a whole number: the version you have."
        raise ValidationFailed([FieldError("#/since", "invalid", detail)])
    return int(text)
