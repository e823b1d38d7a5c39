"""The page of a post as it is kept for all whom nobody knows.

Whatever happens, the next one sees it at once; nobody gets what is another's; and a form out of a
kept page works, with the check against forged requests and without one comment too many.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sites.models import Site
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from blog.models import Author, Authorship, Post, Series, SeriesPart
from blog.publishing import save_post
from comments.actions.changing import delete_comment
from comments.actions.people import token_of
from comments.actions.threads import change_thread
from comments.actions.voting import cast_vote
from comments.models import Comment, SiteSettings, ThreadState
from comments.queries.pages import page_store
from comments.queries.sites import forget_profiles
from comments.views.strangers import cuts_of, own_values, with_values
from comments.views.viewers import COOKIE
from tests.making import author_of, decide, make_moderator, post

pytestmark = pytest.mark.django_db

SLUG = "kept"
PAGE = f"/posts/{SLUG}/"
WHOLE_WAY = [name for name in settings.MIDDLEWARE if not name.endswith(".StoredAnswers")]
OWN = re.compile(
    rb'(name="csrfmiddlewaretoken" value="|name="key" value="|name="opened" value=")([^"]+)'
)


@pytest.fixture
def page() -> Post:
    """Returns a post, part of a series, with two comments."""
    series = Series.objects.create(site_id=1, title="A series", slug="a-series")
    parts = [
        SeriesPart.objects.create(series=series, part=at, label=f"Part {at}", title=f"Title {at}")
        for at in (1, 2)
    ]
    made = Post(
        site=Site.objects.get(pk=1),
        slug=SLUG,
        title="A post",
        body="<p>Text.</p>",
        published_on=timezone.now().date(),
        series_part=parts[0],
    )
    save_post(made, state=ThreadState.OPEN, premoderation=False, now=timezone.now())
    author = Author.objects.create(site_id=1, name="Ted", slug="ted")
    Authorship.objects.create(post=made, author=author)
    post(made.thread, "The first.", name="Ana")
    post(made.thread, "A reply.", name="Bo", to=1)
    page_store().clear()
    return made


def seen(answer: Any) -> tuple[int, list[tuple[str, str]], bytes]:
    """Returns an answer without what is of one request alone."""
    headers = [one for one in answer.headers.items() if one[0] != "X-Request-ID"]
    return answer.status_code, headers, OWN.sub(rb"\1", answer.content)


def own(answer: Any) -> list[bytes]:
    return [value for _, value in OWN.findall(answer.content)]


def asked_both_ways(**headers: str) -> Any:
    """Returns the answer to a stranger, the same as on the whole way, from memory the last time."""
    with override_settings(MIDDLEWARE=WHOLE_WAY):
        expected = Client().get(PAGE, headers=headers)
    answer = expected
    for _ in range(3):
        answer = Client().get(PAGE, headers=headers)
        assert seen(answer) == seen(expected)
        assert dict(answer.cookies) == {} or set(answer.cookies) == set(expected.cookies)
    return answer


def test_a_page_is_made_once_and_then_costs_one_look(page: Post) -> None:
    asked_both_ways()
    with CaptureQueriesContext(connection) as queries:
        answer = Client().get(PAGE)
    assert len(queries) == 1, queries.captured_queries
    assert answer.status_code == 200
    assert b"A reply." in answer.content
    assert answer.resolver_match.view_name == "post"


def test_nobody_gets_what_is_of_anothers_request(page: Post) -> None:
    answers = [Client().get(PAGE) for _ in range(4)]
    values = [own(answer) for answer in answers]
    assert all(len(found) == len(values[0]) >= 4 for found in values)
    for first, second in pairwise(values):
        # But for the time, which may be of the same thousandth of a second.
        assert {value for value in first if b":" not in value}.isdisjoint(second)
    cookies = {answer.cookies["csrftoken"].value for answer in answers}
    assert len(cookies) == len(answers)
    kept = [page for page, _ in page_store()._pages._entries.values()]
    for secret in [*values[0], *values[1]]:
        assert not any(secret in page for page in kept)


def test_the_form_of_a_kept_page_posts_one_comment(page: Post) -> None:
    Client().get(PAGE)
    browser = Client(enforce_csrf_checks=True)
    answer = browser.get(PAGE)
    (form,) = re.findall(rb'<form class="write-form".*?</form>', answer.content, re.DOTALL)
    sent = {
        name.decode(): value.decode()
        for name, value in re.findall(rb'<input type="hidden" name="(\w+)" value="([^"]+)', form)
    }
    assert {"csrfmiddlewaretoken", "key", "opened"} <= set(sent)
    sent |= {"source": "Out of a kept page.", "name": "Cy", "do": "post"}
    for _ in range(2):
        assert browser.post(PAGE, sent).status_code == 303
    found = Comment.objects.get(source="Out of a kept page.")
    assert found.screenings.filter(seconds_to_write=None).count() == 0
    another = Client(enforce_csrf_checks=True)
    another.get(PAGE)
    assert another.post(PAGE, sent).status_code == 403


def test_a_visitor_keeps_his_cookie(page: Post) -> None:
    browser = Client()
    first = browser.get(PAGE).cookies["csrftoken"].value
    second = browser.get(PAGE).cookies["csrftoken"].value
    assert first == second


def changes(page: Post) -> list[Callable[[], object]]:
    now = timezone.now()
    thread = page.thread
    part = SeriesPart.objects.get(part=2)
    first = Comment.objects.get(thread=thread, number=1)

    def rewritten() -> None:
        edited = Post.objects.get(pk=page.pk)
        edited.body = "<p>Another text.</p>"
        save_post(edited, state=ThreadState.OPEN, premoderation=False, now=now)

    def profile(**fields: Any) -> None:
        SiteSettings.objects.update_or_create(site_id=1, defaults=fields)
        forget_profiles()

    return [
        lambda: post(thread, "A third.", name="Cy"),
        lambda: decide(comment_id=first.pk, action="remove", now=now),
        lambda: decide(comment_id=first.pk, action="restore", now=now),
        rewritten,
        lambda: SeriesPart.objects.filter(pk=part.pk).update(title="Another title"),
        lambda: SeriesPart.objects.create(
            series=part.series, part=3, label="Part 3", title="The last"
        ),
        lambda: Series.objects.update(title="Another series"),
        lambda: Author.objects.update(name="Alex"),
        lambda: Authorship.objects.all().delete(),
        lambda: SeriesPart.objects.filter(part=3).delete(),
        lambda: profile(digest_name="Another digest"),
        lambda: profile(language="he"),
        lambda: profile(language="en"),
        lambda: change_thread(thread_id=thread.pk, state=ThreadState.CLOSED, now=now),
    ]


def test_whatever_changes_is_seen_by_the_next(page: Post) -> None:
    before = seen(asked_both_ways())
    for change in changes(page):
        change()
        after = seen(asked_both_ways())
        assert after != before, inspect.getsource(change)
        before = after


def test_votes_show_with_the_next_version(page: Post) -> None:
    voter = post(page.thread, "A voter.", name="Voter").participant
    first = Comment.objects.get(thread=page.thread, number=1)
    asked_both_ways()
    # Late enough to show at once: a thread whose votes show during a test changes in it.
    at = timezone.now() + timedelta(minutes=1)
    cast_vote(comment_id=first.pk, participant_id=voter.pk, value=1, now=at)
    assert 'upvoteCount" content="1"' in asked_both_ways().content.decode()


def test_who_is_known_gets_a_page_of_his_own(page: Post) -> None:
    strangers = Client().get(PAGE)
    assert b"Held for him." not in strangers.content
    change_thread(thread_id=page.thread.pk, premoderation=True, now=timezone.now())
    held = post(page.thread, "Held for him.", name="Dan")
    guest = Client()
    guest.cookies[COOKIE] = token_of(held.participant)
    assert b"Held for him." in guest.get(PAGE).content
    moderator = Client()
    moderator.force_login(make_moderator())
    assert b'class="writing-as"' in moderator.get(PAGE).content
    for _ in range(2):
        answer = Client().get(PAGE)
        assert b"Held for him." not in answer.content
        assert b'class="writing-as"' not in answer.content


@pytest.mark.parametrize(
    "query", ["?reply_to=1", "?edit=1", "?delete=1", "?done=deleted", "?utm=x", "?comment=99"]
)
def test_what_asks_for_more_is_made_each_time(page: Post, query: str) -> None:
    Client().get(PAGE + query)
    with CaptureQueriesContext(connection) as queries:
        Client().get(PAGE + query)
    assert len(queries) > 1
    assert b"Your comment is gone." not in Client().get(PAGE).content


@pytest.mark.parametrize("query", ["?sort=newest", "?comment=2", "?sort=best"])
def test_places_in_the_thread_are_kept_each_for_itself(page: Post, query: str) -> None:
    first = Client().get(PAGE + query)
    plain = Client().get(PAGE)
    with CaptureQueriesContext(connection) as queries:
        assert seen(Client().get(PAGE + query)) == seen(first)
        assert seen(Client().get(PAGE)) == seen(plain)
    assert len(queries) == 2


def test_a_page_that_is_gone_is_not_answered_from_memory(page: Post) -> None:
    asked_both_ways()
    Post.objects.filter(pk=page.pk).update(slug="moved")
    assert Client().get(PAGE).status_code == 404


def test_one_who_takes_his_comment_back_takes_it_from_the_kept_page(page: Post) -> None:
    written = post(page.thread, "Regretted.", name="Eve")
    assert b"Regretted." in asked_both_ways().content
    comment = written.comment
    delete_comment(
        comment_id=comment.pk,
        editor=author_of(written),
        version=comment.version,
        now=comment.created_at,
    )
    assert b"Regretted." not in asked_both_ways().content


def test_values_are_put_in_wherever_they_stood(rf: Any) -> None:
    first = own_values(rf.get("/"), now=timezone.now())
    token, opened, key, another = first
    made = f"{token}|a|{opened}{key}|{another}b{token}".encode()
    cuts = cuts_of(made, first)
    assert with_values(made, cuts, first) == made
    assert with_values(made, cuts, ["t", "o", "k", "s"]) == b"t|a|ok|sbt"
    assert cuts_of(b"nothing", ["", "", "", ""]) == []
