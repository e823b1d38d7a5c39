"""What the API's views share: the clock, the site, conditional answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from hashlib import blake2s
from typing import Any, TypeVar

from django.contrib.sites.models import Site
from django.http import HttpResponse
from django.utils import timezone
from django.utils.http import http_date, parse_etags
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from comments.actions.limiting import address_of, spend
from comments.actions.voting import votes_show_at, with_votes_shown
from comments.api.authentication import NOBODY, Caller, caller_of
from comments.api.rendering import HTML, JSON, dumps
from comments.conf import options
from comments.errors import FieldError, LengthRequired, ThreadUnknown, ValidationFailed
from comments.language import speaking
from comments.queries.pages import page_store
from comments.queries.replicas import read_version
from comments.queries.sites import language_of, site_of
from comments.queries.threads import ThreadHead, standing_question, thread_by_key
from comments.views.answers import PublicAnswer, Standing
from comments.views.language import fragment_language
from comments.words import gettext_noop, ngettext_lazy

RELEASE = "1"
"""Part of every ETag of a thread: raise it when the same version is answered in another form."""
LONGEST_KEY = 200
MOST_DIGITS = 18
HTML_ANSWER = f"{HTML}; charset=utf-8"
PUBLIC = "public, max-age=0, s-maxage=5, stale-while-revalidate=60"


Handler = TypeVar("Handler", bound=Callable[..., Any])


def described(**facts: Any) -> Callable[[Handler], Handler]:
    """Marks a method of a view with what the OpenAPI document says of it (``api/documents.py``)."""

    def mark(handler: Handler) -> Handler:
        handler.described = facts  # type: ignore[attr-defined]
        return handler

    return mark


class ApiView(APIView):
    """One address of the API. ``now``, ``site`` and ``caller`` are read once for a request."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuses a body of unknown length, which Django would read as an empty one.

        Raises:
            LengthRequired: the body is chunked.
        """
        super().initial(request, *args, **kwargs)
        if "Transfer-Encoding" in request.headers and "Content-Length" not in request.headers:
            raise LengthRequired()

    standing: Standing | None = None
    """As long as what a public answer stands."""

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Returns the answer, with what it stands on if it is a public one."""
        if isinstance(response, PublicAnswer):
            response.standing = self.standing
        return super().finalize_response(request, response, *args, **kwargs)

    @cached_property
    def now(self) -> datetime:
        """Returns the time of the request."""
        return timezone.now()

    @cached_property
    def site(self) -> Site:
        """Returns the site that the request concerns."""
        return site_of(self.request._request)

    @cached_property
    def caller(self) -> Caller:
        """Returns who calls; a view that never asks answers everybody alike."""
        return caller_of(self.request._request, site=self.site, now=self.now)

    def thread(self, key: str) -> ThreadHead:
        """Returns the thread of a key, with votes shown whose time has come.

        Raises:
            ThreadUnknown: there is none.
        """
        if "\x00" in key or len(key) > LONGEST_KEY:
            raise ThreadUnknown()
        head = thread_by_key(site_id=self.site.pk, key=key)
        head = with_votes_shown(head, site_id=self.site.pk, now=self.now)
        if head.key == key:
            self.standing = Standing(
                standing_question(site_id=self.site.pk, head=head),
                until=votes_show_at(changed_at=head.changed_at) if head.votes_changed else None,
            )
        return head

    def limit(self, name: str, *, caller: Caller = NOBODY) -> None:
        """Counts the request against the limits of its address and of its participant.

        Raises:
            RateLimited: one of them is reached.
        """
        spend(f"{name}_ADDRESS", who=address_of(self.request._request))
        if caller.is_known:
            spend(f"{name}_PARTICIPANT", who=caller.label)


def answer_html(
    request: Request, *, head: ThreadHead, site: Site, shape: str, make: Callable[[], str]
) -> HttpResponse:
    """Returns a public read of a thread as HTML, in the language of the site or of ``?lang=``.

    Args:
        shape: a text that differs wherever two answers of one version and language could.
        make: returns the HTML; called, in that language, only if nobody has it.
    """
    language = fragment_language(request._request, site_language=language_of(site))

    def made() -> tuple[bytes, str]:
        with speaking(language):
            return make().encode(), ""

    shape = f"html|{language}|{shape}"
    answer = answer_read(request, head=head, shape=shape, make=made, content_type=HTML_ANSWER)
    answer.headers["Content-Language"] = language
    return answer


def answer_read(
    request: Request,
    *,
    head: ThreadHead,
    shape: str,
    make: Callable[[], tuple[bytes, str]],
    content_type: str = JSON,
    is_head_alone: bool = False,
) -> HttpResponse:
    """Returns a public read of a thread: 304 if the client has this version, else the stored page.

    Args:
        shape: a text that differs wherever two answers of one version could.
        make: returns body and ``Link`` header (or ``""``); called only if nobody has it.
        is_head_alone: ``make`` asks the database for nothing.
    """
    # A thread says where its stream is, which an operator may change at any time.
    made_of = f"{RELEASE}|{options().stream_url}|{head.id}|{shape}"
    mark = blake2s(made_of.encode(), digest_size=9).hexdigest()
    etag = f'W/"{head.version}-{mark}"'
    headers = {
        "ETag": etag,
        "Last-Modified": http_date(head.changed_at.timestamp()),
        "Cache-Control": PUBLIC,
        "Vary": "Accept, Origin",
    }
    if _has(request.headers.get("If-None-Match", ""), etag):
        return PublicAnswer(status=304, headers=headers)

    def stored() -> bytes:
        body, link = make() if is_head_alone else read_version(head=head, make=make)
        return link.encode() + b"\n" + body

    page_key = f"{head.id}.{head.version}.{shape}"
    link, _, body = page_store().get_or_make(page_key, stored).partition(b"\n")
    if link:
        headers["Link"] = link.decode()
    answer = PublicAnswer(body, content_type=content_type, headers=headers)
    answer.page_key = page_key
    return answer


def answer_made(request: Request, body: Mapping[str, Any]) -> HttpResponse:
    """Returns a public read that no version stands for; its ETag is a digest of the answer."""
    content = dumps(body)
    etag = f'W/"{blake2s(content, digest_size=12).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": PUBLIC, "Vary": "Accept, Origin"}
    if _has(request.headers.get("If-None-Match", ""), etag):
        return PublicAnswer(status=304, headers=headers)
    return PublicAnswer(content, content_type="application/json", headers=headers)


def _has(if_none_match: str, etag: str) -> bool:
    """Returns whether the client has this answer (weak comparison, RFC 9110, 8.8.3.2).

    ``*`` means "if there is nothing there", which only making the answer can tell: it is made.
    """
    if not if_none_match:
        return False
    tags = parse_etags(if_none_match)
    return etag.removeprefix("W/") in [tag.removeprefix("W/") for tag in tags]


def private(data: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Returns an answer for this caller alone."""
    return Response(
        data, status=status, headers={"Cache-Control": "private, no-store", **(headers or {})}
    )


def whole_number(request: Request, name: str, *, default: int, least: int, most: int) -> int:
    """Returns a query parameter as a whole number.

    Raises:
        ValidationFailed: it is no whole number, or out of range.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (
        text.isascii()
        and text.isdecimal()
        and len(text) <= MOST_DIGITS
        and least <= int(text) <= most
    ):
        detail = gettext_noop(
            "{name} is a whole number from {least} to {most}.", name=name, least=least, most=most
        )
        raise ValidationFailed([FieldError(f"#/{name}", "invalid", detail)])
    return int(text)


def choice(request: Request, name: str, *, choices: tuple[str, ...]) -> str:
    """Returns a query parameter that is one of ``choices``; the first is the default.

    Raises:
        ValidationFailed: it is none of them.
    """
    text = request.query_params.get(name, choices[0])
    if text not in choices:
        detail = gettext_noop("{name} is one of {choices}.", name=name, choices=", ".join(choices))
        raise ValidationFailed([FieldError(f"#/{name}", "invalid_choice", detail)])
    return text


def text_parameter(request: Request, name: str, *, most: int) -> str:
    """Returns a query parameter as text without NUL; ``""`` if it is missing.

    Raises:
        ValidationFailed: it is longer than ``most`` characters or holds NUL.
    """
    text = request.query_params.get(name, "")
    if len(text) > most or "\x00" in text:
        detail = ngettext_lazy(
            "{name} is a text of at most {number} character.",
            "{name} is a text of at most {number} characters.",
            most,
            name=name,
        )
        raise ValidationFailed([FieldError(f"#/{name}", "invalid", detail)])
    return text
