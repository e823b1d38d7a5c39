"""A read that is answered as before is answered in the same bytes as one that goes the whole way.

Two clients ask everything twice: one through the installed middleware, one without that which
answers from memory. Status, headers in their order and body must be the same, whatever happened to
the thread, the site or the settings in between. Only the name of the request is its own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sites.models import Site
from django.db import DatabaseError, connection
from django.test import Client, RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comments.actions.threads import change_thread, rename_thread
from comments.actions.voting import cast_vote
from comments.api.stored_answers import StoredAnswers
from comments.models import Comment, SiteSettings, Thread, ThreadAlias, ThreadState
from comments.queries.pages import page_store
from comments.queries.sites import forget_profiles
from tests.making import (
    comment_token,
    decide,
    make_moderator,
    make_thread,
    post,
)

pytestmark = pytest.mark.django_db

WHOLE_WAY = [name for name in settings.MIDDLEWARE if not name.endswith(".StoredAnswers")]
OWN_TO_A_REQUEST = {"X-Request-ID"}
KEY = "asked-twice"
THREAD = f"/api/v1/threads/{KEY}/"
PATHS = (
    THREAD,
    f"{THREAD}comments/",
    f"{THREAD}comments/?limit=2",
    f"{THREAD}comments/?limit=2&limit=3&nothing=1",
    f"{THREAD}comments/?shape=tree&sort=best&lang=de",
    f"{THREAD}comments/?sort=worst",
    f"{THREAD}comments/?cursor=forged",
    f"{THREAD}comments/1/",
    f"{THREAD}comments/2/context/?lang=he",
    f"{THREAD}comments/1/replies/",
    f"{THREAD}comments/999/",
    f"{THREAD}changes/?since=1",
    f"{THREAD}participants/?q=a",
    f"{THREAD}comments",
    "/api/v1/threads/nothing-here/comments/",
    f"/api/v1/threads/?key={KEY}",
    f"/api/v1/threads/?url=/posts/{KEY}/",
    f"/api/v1/counts/?key={KEY}&key=nothing-here",
    "/api/v1/counts/",
    "/api/v1/comments/1/",
    f"/threads/{KEY}/feed.atom",
)
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"accept": "text/html"},
    {"accept": "text/html", "accept-language": "de-AT,de;q=0.5"},
    {"accept": "application/xml", "accept-language": "xx"},
    {"origin": "https://listed.example"},
    {"origin": "https://elsewhere.example", "access-control-request-private-network": "true"},
    {"host": "not-allowed.example"},
    {"x-forwarded-host": "other.example", "x-forwarded-proto": "https"},
    {"if-none-match": "*"},
    {"if-none-match": 'W/"1-nothing"'},
    {"authorization": "Comment forged"},
    {"cookie": "sessionid=nobody; csrftoken=x"},
    {"user-agent": "another", "x-real-ip": "192.0.2.1"},
)


@pytest.fixture
def thread() -> Thread:
    thread = make_thread(KEY)
    first = post(thread, "The first, to @Bo.")
    reply = post(thread, "See #1.", name="Bo", to=1)
    post(thread, "A third.", name="Cy")
    decide(comment_id=first.comment.pk, action="reject", now=timezone.now())
    cast_vote(
        comment_id=reply.comment.pk,
        participant_id=first.participant.pk,
        value=1,
        # Late enough to show at once: a thread whose votes show during a test changes in it.
        now=timezone.now() + timedelta(minutes=1),
    )
    return thread


@pytest.fixture
def ask() -> Callable[..., None]:
    """Returns what asks both ways, twice each, and compares what was answered."""
    short_way = Client()
    with override_settings(MIDDLEWARE=WHOLE_WAY):
        whole_way = Client()
        whole_way.get("/api/v1/threads/")  # loads the middleware of this client

    def compare(path: str, *, method: str = "GET", **headers: str) -> None:
        expected = whole_way.generic(method, path, headers=headers)
        for _ in range(3):
            found = short_way.generic(method, path, headers=headers)
            assert said(found) == said(expected), (method, path, headers)
        tag = expected.headers.get("ETag")
        if tag and "if-none-match" not in headers:
            compare(path, method=method, **headers, **{"if-none-match": tag})

    return compare


def said(answer: Any) -> tuple[Any, ...]:
    headers = [one for one in answer.headers.items() if one[0] not in OWN_TO_A_REQUEST]
    match = answer.wsgi_request.resolver_match
    route = match and (match.view_name, match.route, match.kwargs)
    return answer.status_code, headers, answer.content, answer.cookies, route


def ask_everything(ask: Callable[..., None]) -> None:
    for path, headers in product(PATHS, HEADERS):
        ask(path, **headers)
    for path in PATHS:
        ask(path, method="HEAD")
        ask(path, method="OPTIONS", origin="https://listed.example")


def ask_the_usual(ask: Callable[..., None]) -> None:
    for path in PATHS:
        ask(path)
    ask(f"{THREAD}comments/", accept="text/html")
    ask(f"{THREAD}comments/", origin="https://listed.example")


def test_everything_is_answered_as_on_the_whole_way(
    thread: Thread, ask: Callable[..., None]
) -> None:
    SiteSettings.objects.update_or_create(
        site_id=1, defaults={"allowed_origins": ["https://listed.example"]}
    )
    forget_profiles()
    ask_everything(ask)


def test_whatever_happens_is_answered_at_once(thread: Thread, ask: Callable[..., None]) -> None:
    ask_the_usual(ask)
    later = timezone.now()
    held = post(thread, "Waits.", name="Dan")
    happened: list[Callable[[], object]] = [
        lambda: decide(comment_id=held.comment.pk, action="reject", now=later),
        lambda: decide(comment_id=held.comment.pk, action="approve", now=later),
        lambda: post(thread, "One more.", name="Eve"),
        lambda: cast_vote(
            comment_id=held.comment.pk,
            participant_id=post(thread, name="Fay").participant.pk,
            value=-1,
            now=timezone.now() + timedelta(minutes=5),
        ),
        lambda: decide(comment_id=held.comment.pk, action="spam", now=later),
        lambda: change_thread(thread_id=thread.pk, state=ThreadState.CLOSED, now=later),
        lambda: change_thread(thread_id=thread.pk, title="Another title", now=later),
        lambda: rename_thread(thread_id=thread.pk, key="renamed", url="/elsewhere/", now=later),
        lambda: ThreadAlias.objects.all().delete(),
        lambda: post(make_thread(KEY, url="/another/"), "Of another thread."),
    ]
    for change in happened:
        change()
        ask_the_usual(ask)


def test_settings_of_the_site_are_followed(thread: Thread, ask: Callable[..., None]) -> None:
    for origins, language in ([], "en"), (["https://listed.example"], "de"), ([], "he"):
        SiteSettings.objects.update_or_create(
            site_id=1, defaults={"allowed_origins": origins, "language": language}
        )
        forget_profiles()
        ask_the_usual(ask)
    changed = {**settings.REJOINDER, "SITE_URL": "https://moved.example", "STREAM_URL": "/"}
    with override_settings(REJOINDER=changed):
        ask_the_usual(ask)
    with override_settings(SITE_ID=None):
        page_store().clear()
        Site.objects.create(domain="127.0.0.1", name="By host")
        for host in "127.0.0.1", "localhost":
            ask(f"{THREAD}comments/", host=host)


def test_votes_show_when_their_time_has_come(
    thread: Thread, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, address = Client(), f"{THREAD}comments/3/"
    assert client.get(address).json()["votes"] == {"up": 0, "down": 0}
    now = timezone.now()
    change_thread(thread_id=thread.pk, title="Changed just now", now=now)
    voter = post(thread, name="Gil", now=now).participant
    third = Comment.objects.get(thread=thread, number=3)
    client.get(address)
    cast_vote(comment_id=third.pk, participant_id=voter.pk, value=1, now=now)
    for _ in range(3):
        assert client.get(address).json()["votes"] == {"up": 0, "down": 0}
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(seconds=11))
    assert client.get(address).json()["votes"] == {"up": 1, "down": 0}


@pytest.mark.parametrize("path", [THREAD, f"{THREAD}comments/", f"/api/v1/counts/?key={KEY}"])
def test_second_answer_asks_one_question_and_runs_no_view(
    path: str, thread: Thread, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client()
    client.get(path)
    monkeypatch.setattr("comments.api.base.ApiView.dispatch", lambda *_: pytest.fail("a view ran"))
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    assert len(queries) == 1


def test_what_somebody_alone_may_see_is_kept_for_nobody(thread: Thread) -> None:
    client, own = Client(), post(thread, "Mine.", name="Hal")
    user = make_moderator()
    client.force_login(user)
    for path in (f"/api/v1/viewer/?thread={KEY}", f"/api/v1/comments/{own.comment.pk}/"):
        client.get(path, headers=comment_token(own))
        client.get(path)
    assert page_store().answers.size_bytes == 0


def test_an_answer_does_not_change_the_kept_one(thread: Thread) -> None:
    def add(request: Any) -> Any:
        answer = middleware(request)
        assert "X-Own" not in answer.headers
        answer.headers["X-Own"] = "of this request"
        return answer

    client = Client()
    client.get(THREAD)
    middleware = StoredAnswers(lambda _: pytest.fail("it was not kept"))
    for _ in range(2):
        add(RequestFactory().get(THREAD))


def test_without_a_database_the_whole_way_says_so(
    thread: Thread, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise DatabaseError("gone")

    with override_settings(MIDDLEWARE=WHOLE_WAY):
        whole_way = Client(raise_request_exception=False)
        whole_way.get("/api/v1/threads/")
    short_way = Client(raise_request_exception=False)
    short_way.get(THREAD)
    monkeypatch.setattr("comments.queries.statements.fetch", fail)
    monkeypatch.setattr("comments.queries.statements._plain_rows", fail)
    monkeypatch.setattr("comments.queries.threads.fetch", fail)
    expected = whole_way.get(THREAD)
    assert expected.status_code == 500
    assert said(short_way.get(THREAD)) == said(expected)
    monkeypatch.setattr("comments.api.stored_answers.profile_of", fail)
    assert said(short_way.get(THREAD)) == said(expected)
