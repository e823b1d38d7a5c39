"""Where the live stream of a thread is; the streams themselves are served by ``streaming``."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.http import HttpResponse
from rest_framework.request import Request

from comments.api import documents as docs
from comments.api.base import ApiView, described
from comments.errors import NotFound
from comments.queries.sites import own_origin
from comments.queries.streams import stream_address


class ThreadStream(ApiView):
    """The live stream of a thread, for who asks at the wrong place."""

    @described(**docs.THREAD_STREAM)
    def get(self, request: Request, key: str) -> HttpResponse:
        """Sends the client to where streams are served."""
        address = stream_address(self.thread(key).key)
        # At our own address somebody in front would have passed the request on.
        if not address or urlsplit(address)[:2] == urlsplit(own_origin())[:2]:
            raise NotFound("Nobody serves streams here; ask changes/ instead.")
        query = request._request.META.get("QUERY_STRING", "")
        headers = {
            "Location": f"{address}?{query}" if query else address,
            "Cache-Control": "no-store",
        }
        return HttpResponse(status=307, headers=headers)
