"""Public reads of threads: the same bytes for everybody, stored under the thread's version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.contrib.sites.models import Site
from django.http import HttpResponse, QueryDict
from rest_framework.request import Request

from comments.api import documents as docs
from comments.api.base import (
    LONGEST_KEY,
    ApiView,
    answer_html,
    answer_made,
    answer_read,
    choice,
    described,
    text_parameter,
    whole_number,
)
from comments.api.rendering import dumps, wants_html
from comments.api.shapes import (
    SORTS,
    comment_json,
    page_json,
    thread_json,
)
from comments.errors import FieldError, ValidationFailed
from comments.queries.comments import comment_by_number
from comments.queries.events import changes_since
from comments.queries.listing import Shape, context_of, list_comments, list_replies
from comments.queries.people import matching_participants
from comments.queries.sites import API, absolute, comment_path, thread_path
from comments.queries.threads import ThreadHead, counts_in, counts_question, thread_by_url
from comments.views.answers import Standing
from comments.views.fragments import comment_html, replies_html, section_html
from comments.words import gettext_noop

MOST_KEYS = 100
DEEPEST_TREE = 10
MOST_PER_PARENT = 50
FORM = "form"
"""What a page as HTML comes ``?with=``: our element asks so, as it sends the form itself."""
JSON_ALONE = ("shape", "limit", "depth", "per_parent", "since_number")
"""Parameters that say how much of a thread comes as JSON."""


class Root(ApiView):
    """Where the API begins."""

    @described(**docs.ROOT)
    def get(self, request: Request) -> HttpResponse:
        """Answers with the addresses that need no thread."""
        names = ("threads", "counts", "schema", "docs")
        return answer_made(request, {"links": {n: absolute(f"{API}/{n}/") for n in names}})


class ThreadLookup(ApiView):
    """Which thread belongs to a page."""

    @described(**docs.THREAD_LOOKUP)
    def get(self, request: Request) -> HttpResponse:
        """Answers with the thread of ``?url=`` or ``?key=``; never makes one."""
        asked = _all_read(
            url=lambda: text_parameter(request, "url", most=2000),
            key=lambda: text_parameter(request, "key", most=200),
        )
        url, key = asked["url"], asked["key"]
        if bool(url) == bool(key):
            detail = gettext_noop("Send either url or key.")
            raise ValidationFailed([FieldError("#/url", "required", detail)])
        head = self.thread(key) if key else thread_by_url(site_id=self.site.pk, url=url)
        return _thread_answer(request, head)


class ThreadDetail(ApiView):
    """One thread."""

    @described(**docs.THREAD_DETAIL)
    def get(self, request: Request, key: str) -> HttpResponse:
        """Answers with its counters, limits and addresses."""
        return _thread_answer(request, self.thread(key))


def _thread_answer(request: Request, head: ThreadHead) -> HttpResponse:
    return answer_read(
        request,
        head=head,
        shape="thread",
        make=lambda: (dumps(thread_json(head)), ""),
        is_head_alone=True,
    )


def shape_of(request: Request, *, tree: bool = False) -> Shape:
    """Returns the shape that the query parameters ask for.

    Raises:
        ValidationFailed: a parameter is not acceptable.
    """
    has_since = "since_number" in request.query_params
    return Shape(
        **_all_read(
            shape=lambda: "tree" if tree else choice(request, "shape", choices=("flat", "tree")),
            sort=lambda: choice(request, "sort", choices=SORTS),
            limit=lambda: whole_number(request, "limit", default=50, least=1, most=100),
            depth=lambda: whole_number(request, "depth", default=3, least=1, most=DEEPEST_TREE),
            per_parent=lambda: whole_number(
                request, "per_parent", default=3, least=1, most=MOST_PER_PARENT
            ),
            since_number=lambda: (
                whole_number(request, "since_number", default=0, least=0, most=2**53)
                if has_since
                else None
            ),
        )
    )


def _all_read(**reads: Callable[[], Any]) -> dict[str, Any]:
    """Returns what each of ``reads`` returns, by its name.

    Raises:
        ValidationFailed: one or more did; all that is wrong is in it.
    """
    found: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name, read in reads.items():
        try:
            found[name] = read()
        except ValidationFailed as refusal:
            errors += refusal.errors
    if errors:
        raise ValidationFailed(errors)
    return found


def _check_for_html(request: Request, *, sorted_by: bool = False) -> None:
    """Refuses what a page as HTML would not heed: how much of a thread it shows is our affair.

    Args:
        sorted_by: whether there is an order to choose.

    Raises:
        ValidationFailed: parameters are those of the JSON, or not acceptable.
    """
    errors = [
        FieldError(
            f"#/{name}",
            "invalid",
            gettext_noop("{name} is for JSON; HTML comes without it.", name=name),
        )
        for name in JSON_ALONE
        if name in request.query_params
    ]
    if sorted_by:
        try:
            choice(request, "sort", choices=SORTS)
        except ValidationFailed as refusal:
            errors += refusal.errors
    if errors:
        raise ValidationFailed(errors)


def _kept_query(request: Request) -> dict[str, str]:
    names = ("sort", *JSON_ALONE)
    return {name: request.query_params[name] for name in names if name in request.query_params}


def answer_list(request: Request, *, head: ThreadHead, site: Site, now: datetime) -> HttpResponse:
    """Returns a page of a thread."""
    if wants_html(request):
        _check_for_html(request, sorted_by=True)
        return _section(request, head=head, site=site, now=now, names=("sort", "cursor"))
    shape = shape_of(request)
    cursor = request.query_params.get("cursor") or None
    query = _kept_query(request)

    def make() -> tuple[bytes, str]:
        page = list_comments(head=head, shape=shape, cursor=cursor)
        body, link = page_json(
            head,
            page,
            path=f"{thread_path(head.key)}comments/",
            query=query,
            limit=shape.limit,
            nested=shape.shape == "tree",
        )
        return dumps(body), link

    stored_as = f"list|{shape.key()}|{sorted(query.items())}|{cursor or ''}"
    return answer_read(request, head=head, shape=stored_as, make=make)


def _section(
    request: Request,
    *,
    head: ThreadHead,
    site: Site,
    now: datetime,
    names: Sequence[str],
    number: int | None = None,
) -> HttpResponse:
    """Returns a page of a thread as HTML.

    Args:
        names: parameters that say what of it.
        number: of the comment whose surroundings are asked for.
    """
    has_form = request.query_params.get("with") == FORM
    query = QueryDict(mutable=True)
    query.update({name: request.query_params[name] for name in names if name in request.GET})
    if number is not None:
        query["comment"] = str(number)
    return answer_html(
        request,
        head=head,
        site=site,
        shape=f"section|{FORM if has_form else ''}|{query.urlencode()}",
        make=lambda: section_html(head=head, query=query, now=now, has_form=has_form),
    )


class CommentDetail(ApiView):
    """One comment by its number."""

    @described(**docs.COMMENT_DETAIL)
    def get(self, request: Request, key: str, number: int) -> HttpResponse:
        """Answers with the comment, or the tombstone that stands for it."""
        head = self.thread(key)
        if wants_html(request):
            return answer_html(
                request,
                head=head,
                site=self.site,
                shape=f"comment|{number}",
                make=lambda: comment_html(head=head, number=number, now=self.now),
            )
        return _stored(
            request,
            head,
            f"comment|{number}",
            lambda: comment_json(comment_by_number(head=head, number=number)),
        )


def _stored(
    request: Request, head: ThreadHead, shape: str, make: Callable[[], dict[str, Any]]
) -> HttpResponse:
    return answer_read(request, head=head, shape=shape, make=lambda: (dumps(make()), ""))


class CommentContext(ApiView):
    """What a permalink shows."""

    @described(**docs.COMMENT_CONTEXT)
    def get(self, request: Request, key: str, number: int) -> HttpResponse:
        """Answers with the comment, its ancestors and its first replies."""
        head = self.thread(key)
        if wants_html(request):
            _check_for_html(request)
            return _section(
                request, head=head, site=self.site, now=self.now, names=("cursor",), number=number
            )
        shape = shape_of(request, tree=True)

        def make() -> dict[str, Any]:
            found = context_of(head=head, number=number, shape=shape)
            return {
                "thread": thread_json(head),
                "ancestors": [comment_json(item) for item in found.ancestors],
                "comment": comment_json(found.comment, nested=True),
            }

        return _stored(request, head, f"context|{number}|{shape.key()}", make)


class CommentReplies(ApiView):
    """More of one branch."""

    @described(**docs.COMMENT_REPLIES)
    def get(self, request: Request, key: str, number: int) -> HttpResponse:
        """Answers with direct replies from a cursor on, each with what stands below it."""
        head = self.thread(key)
        cursor = request.query_params.get("cursor") or None
        if wants_html(request):
            _check_for_html(request)
            return answer_html(
                request,
                head=head,
                site=self.site,
                shape=f"replies|{number}|{cursor or ''}",
                make=lambda: replies_html(head=head, number=number, cursor=cursor, now=self.now),
            )
        shape = shape_of(request, tree=True)
        query = _kept_query(request)

        def make() -> tuple[bytes, str]:
            page = list_replies(head=head, number=number, shape=shape, cursor=cursor)
            path = f"{comment_path(head.key, number)}replies/"
            body, link = page_json(
                head, page, path=path, query=query, limit=shape.limit, nested=True
            )
            return dumps(body), link

        stored_as = f"replies|{number}|{shape.key()}|{sorted(query.items())}|{cursor or ''}"
        return answer_read(request, head=head, shape=stored_as, make=make)


class ThreadChanges(ApiView):
    """What changed since a version."""

    @described(**docs.THREAD_CHANGES)
    def get(self, request: Request, key: str) -> HttpResponse:
        """Answers with the versions after ``since``, in order and without gaps."""
        head = self.thread(key)
        since = whole_number(request, "since", default=0, least=0, most=2**53)

        def make() -> dict[str, Any]:
            found = changes_since(head=head, since=since)
            return {
                "version": found.version,
                "changes": [
                    {"version": change.version, "kind": change.kind, "number": change.number}
                    for change in found.changes
                ],
                "next": found.next,
            }

        return _stored(request, head, f"changes|{since}", make)


class ThreadParticipants(ApiView):
    """Names for the autocomplete of mentions."""

    @described(**docs.THREAD_PARTICIPANTS)
    def get(self, request: Request, key: str) -> HttpResponse:
        """Answers with names in this thread that begin with ``q``; never an address."""
        head = self.thread(key)
        start = text_parameter(request, "q", most=80)

        def make() -> dict[str, Any]:
            found = matching_participants(thread_id=head.id, start=start)
            return {"participants": [{"name": name, "number": number} for name, number in found]}

        return _stored(request, head, f"participants|{start}", make)


class Counts(ApiView):
    """How many comments threads have."""

    @described(**docs.COUNTS)
    def get(self, request: Request) -> HttpResponse:
        """Answers with the number of visible comments for up to 100 keys: one query."""
        keys = request.query_params.getlist("key")
        if not 1 <= len(keys) <= MOST_KEYS or any(
            len(k) > LONGEST_KEY or "\x00" in k for k in keys
        ):
            detail = gettext_noop(
                "Send key 1 to {keys} times, each of at most {length} characters.",
                keys=MOST_KEYS,
                length=LONGEST_KEY,
            )
            raise ValidationFailed([FieldError("#/key", "invalid", detail)])
        question = counts_question(site_id=self.site.pk, keys=keys)
        self.standing = Standing(question)
        return answer_made(request, {"counts": counts_in(question, keys=keys)})
