"""A script on our own page calls the API: the guest is known by the page's cookie, with CSRF."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from comments.actions.ruling import create_rule
from comments.models import Comment, Participant, Screening, Subscription
from comments.views.forms import CommentForm
from tests.making import NOW, SOMEBODY, make_thread, post

pytestmark = pytest.mark.django_db

COMMENTS = "/api/v1/threads/a-thread/comments/"
COOKIE = "comments_guest"
TOKEN = "a" * 32


def page_client() -> Client:
    """Returns a browser that has one of our pages open."""
    client = Client(enforce_csrf_checks=True)
    client.cookies["csrftoken"] = TOKEN
    return client


def send(client: Client, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """Sends JSON as a script of the page does."""
    return client.generic(
        method,
        path,
        json.dumps(body) if body is not None else "",
        content_type="application/json",
        headers={"x-csrftoken": TOKEN, **headers},
    )


def written(client: Client, source: str = "Hello.", **more: Any) -> Any:
    """Posts a comment as a guest."""
    body = {"source": source, "author": {"name": "Ana"}, **more}
    return send(client, "POST", COMMENTS, body)


def test_a_guest_who_posts_from_our_page_is_known_there_afterwards() -> None:
    make_thread()
    client = page_client()
    answer = written(client)
    assert answer.status_code == 201
    cookie = answer.cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    seen = client.get("/api/v1/viewer/?thread=a-thread").json()
    assert seen["viewer"] == {"name": "Ana", "signed_in": False}
    assert [(one["number"], one["deletable"]) for one in seen["comments"]] == [(1, True)]
    again = send(client, "POST", COMMENTS, {"source": "Once more."})
    assert again.status_code == 201
    assert Participant.objects.count() == 1


def test_the_same_form_sent_again_is_the_same_comment_and_the_guest_is_known() -> None:
    make_thread()
    first, second = page_client(), page_client()
    body = {"source": "Hello.", "author": {"name": "Ana"}}
    sent = send(first, "POST", COMMENTS, body, **{"idempotency-key": "k"})
    again = send(second, "POST", COMMENTS, body, **{"idempotency-key": "k"})
    assert again.json()["id"] == sent.json()["id"]
    assert COOKIE in again.cookies
    assert Comment.objects.count() == 1


def test_a_guest_changes_and_deletes_his_comment_by_the_cookie() -> None:
    make_thread()
    client = page_client()
    comment = written(client).json()
    path = f"/api/v1/comments/{comment['id']}/"
    edited = send(client, "PATCH", path, {"source": "Better."}, **{"if-match": '"1"'})
    assert edited.status_code == 200
    assert client.get(path).json()["source"] == "Better."
    assert send(client, "DELETE", path, **{"if-match": '"2"'}).status_code == 204


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "POST"])
def test_a_cookie_without_the_pages_token_changes_nothing(method: str) -> None:
    make_thread()
    client = page_client()
    comment = written(client).json()
    path = COMMENTS if method == "POST" else f"/api/v1/comments/{comment['id']}/"
    headers = {"x-csrftoken": "b" * 32, "if-match": '"1"'}
    answer = send(client, method, path, {"source": "Forged."}, **headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert Comment.objects.get().source == "Hello."


def test_a_guest_of_another_page_gets_a_token_and_no_cookie() -> None:
    make_thread()
    answer = Client(enforce_csrf_checks=True).post(
        COMMENTS, {"source": "Hello.", "author": {"name": "Ana"}}, content_type="application/json"
    )
    assert answer.status_code == 201
    assert answer.json()["token"]
    assert COOKIE not in answer.cookies


def test_a_void_cookie_is_nobody() -> None:
    make_thread()
    client = page_client()
    client.cookies[COOKIE] = "1.forged"
    assert client.get("/api/v1/viewer/?thread=a-thread").json()["viewer"] is None
    assert written(client).status_code == 201


def test_public_reads_are_the_same_for_a_known_guest() -> None:
    post(make_thread(), "First.")
    client = page_client()
    written(client, "Second.")
    assert client.get(COMMENTS).content == Client().get(COMMENTS).content


def test_a_held_comment_is_explained_to_its_author_alone() -> None:
    make_thread(premoderation=True)
    client = page_client()
    answer = written(client)
    assert answer.status_code == 202
    (own,) = client.get("/api/v1/viewer/?thread=a-thread").json()["comments"]
    assert own["held"] == answer.json()["held"]
    assert own["held"]["explanation"]
    assert Client().get("/api/v1/viewer/?thread=a-thread").json()["comments"] == []


def test_who_wants_to_hear_of_answers_is_asked_by_mail() -> None:
    make_thread()
    author = {"name": "Ana", "email": "ana@example.org"}
    answer = written(page_client(), author=author, tell="instant")
    assert answer.json()["told"] == "telling"
    assert Subscription.objects.get().state == Subscription.State.PENDING
    assert "told" not in written(page_client(), "Another.").json()


def test_what_the_form_knows_of_its_filling_in_reaches_the_rules_and_no_retry() -> None:
    make_thread()
    fields = {"title": "Bait", "kind": "honeypot", "params": {}, "mode": "live", "effect": "hold"}
    create_rule(
        site_id=1, key="bait", fields={**fields, "on_error": "pass"}, actor=SOMEBODY, now=NOW
    )
    client = page_client()
    body = {"source": "Hello.", "author": {"name": "Ana"}}
    opened = CommentForm(participant=None, has_account=False)
    opened.show_first_at(timezone.now() - timedelta(seconds=90))
    form = {"opened": opened.opened, "subject": "cheap pills"}
    first = send(client, "POST", COMMENTS, {**body, "form": form}, **{"idempotency-key": "k"})
    assert first.status_code == 202
    seen = Screening.objects.get()
    assert seen.honeypot
    assert seen.seconds_to_write is not None
    assert 89 < seen.seconds_to_write < 600
    forged = {"opened": "1.forged", "subject": ""}
    again = send(client, "POST", COMMENTS, {**body, "form": forged}, **{"idempotency-key": "k"})
    assert again.json()["id"] == first.json()["id"]


def test_a_retry_after_the_cookie_came_without_its_answer_is_the_same_comment() -> None:
    make_thread()
    client = page_client()
    body = {"source": "Hello.", "author": {"name": "Ana"}}
    first = send(client, "POST", COMMENTS, body, **{"idempotency-key": "k"})
    assert COOKIE in client.cookies
    again = send(client, "POST", COMMENTS, body, **{"idempotency-key": "k"})
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])


def test_refusals_are_said_in_the_language_of_the_script_and_coded_alike() -> None:
    make_thread()
    said = {}
    for language in ("en", "he", "de", "ru", "xx"):
        answer = send(
            page_client(),
            "POST",
            COMMENTS,
            {"source": "x" * 10_001, "author": {"name": "A"}},
            **{"accept-language": language},
        )
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        said[language] = (error["pointer"], error["code"], error["detail"])
    assert len({(pointer, code) for pointer, code, _ in said.values()}) == 1
    assert len({detail for _, _, detail in said.values()}) == 4
    assert said["xx"] == said["en"]
