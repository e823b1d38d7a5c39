"""Writing through the API: answers, tokens, retries, editing, deleting, voting, previewing."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from comments.actions.erasing import erase_comment
from comments.actions.threads import change_thread
from comments.models import Comment, IdempotentAnswer, Participant, ScreeningRule, ThreadState, Vote
from tests.making import comment_token, fresh, later, make_moderator, make_thread, post

pytestmark = pytest.mark.django_db

ANA = {"name": "Ana"}


def send(
    client: Client, body: Any, *, key: str = "a-thread", method: str = "post", **headers: str
) -> Any:
    return client.generic(
        method.upper(),
        key if key.startswith("/") else f"/api/v1/threads/{key}/comments/",
        _json(body),
        content_type="application/json",
        headers=headers,
    )


def _json(body: Any) -> str:
    import json

    return body if isinstance(body, str) else json.dumps(body)


def test_published_comment_is_answered_201_with_number_token_and_source(client: Client) -> None:
    make_thread()
    answer = send(client, {"source": "Hello.", "author": {"name": "Ana", "email": "a@example.org"}})
    assert answer.status_code == 201
    body = answer.json()
    assert (body["number"], body["state"], body["source"]) == (1, "published", "Hello.")
    assert body["token"]
    assert "example.org" not in str(body)
    assert answer["Location"] == body["links"]["self"]
    assert answer["ETag"] == '"1"'
    assert "no-store" in answer["Cache-Control"]


def test_held_comment_is_answered_202_with_the_reason_and_seen_by_its_author_alone(
    client: Client,
) -> None:
    make_thread(premoderation=True)
    answer = send(client, {"source": "Hello.", "author": ANA})
    body = answer.json()
    assert answer.status_code == 202
    assert (body["state"], body["number"]) == ("held", None)
    assert body["held"]["reason"] == "premoderation"
    assert body["held"]["explanation"]
    path = f"/api/v1/comments/{body['id']}/"
    assert client.get(path).status_code == 404
    own = client.get(path, headers={"authorization": f"Comment {body['token']}"})
    assert own.json()["html"] == body["html"]
    assert own.json()["held"]["reason"] == "premoderation"
    assert client.get("/api/v1/threads/a-thread/comments/").json()["items"] == []


@pytest.mark.parametrize("proxies", [0, 1])
def test_rule_about_addresses_sees_the_whole_address_behind_trusted_proxies(
    client: Client, settings: Any, proxies: int
) -> None:
    thread = make_thread()
    ScreeningRule.objects.create(
        site_id=1,
        key="ranges",
        title="Ranges",
        kind="addresses",
        mode="live",
        effect="hold",
        params={"ranges": ["2001:db8:7::/64", "198.51.100.0/24"]},
        changed_at=thread.opened_at,
    )
    settings.REJOINDER = {**settings.REJOINDER, "TRUSTED_PROXIES": proxies}
    for said, listed in {
        "2001:db8:7::99": True,
        "203.0.113.5, 198.51.100.77": True,
        "198.51.100.77, 203.0.113.5": False,
    }.items():
        author = {"name": f"From {said[:20]}"}
        answer = send(client, {"source": said, "author": author}, x_forwarded_for=said)
        assert answer.status_code == (202 if listed and proxies else 201)


def test_reply_by_token_is_by_the_same_participant_and_needs_no_author(client: Client) -> None:
    make_thread()
    token = send(client, {"source": "One.", "author": ANA}).json()["token"]
    second = send(client, {"source": "Two.", "parent": 1}, authorization=f"Comment {token}")
    assert second.json()["author"]["name"] == "Ana"
    assert second.json()["token"] == token
    assert Participant.objects.count() == 1


def test_website_without_a_scheme_is_taken_as_https(client: Client) -> None:
    make_thread()
    author = {"name": "Ana", "url": " example.org/me "}
    answer = send(client, {"source": "Hello.", "author": author})
    assert answer.json()["author"]["url"] == "https://example.org/me"


def test_author_is_ignored_for_a_signed_in_user(client: Client) -> None:
    make_thread()
    client.force_login(make_moderator("mona"))
    answer = send(client, {"source": "Hello.", "author": {"name": 7, "nonsense": []}})
    assert answer.status_code == 201
    assert answer.json()["author"] == {"name": "mona", "url": None, "badges": ["moderator"]}


def test_session_needs_a_csrf_token_to_write() -> None:
    make_thread()
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_moderator())
    answer = send(client, {"source": "Hello."})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert Comment.objects.count() == 0


def test_retry_with_the_same_key_gets_the_first_answer_and_stores_nothing(client: Client) -> None:
    thread = make_thread()
    body = {"source": "Once.", "author": ANA}
    first = send(client, body, idempotency_key="k-1")
    again = send(client, {"author": ANA, "source": "Once."}, idempotency_key="k-1")
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert fresh(thread).last_number == 1
    other = send(client, {**body, "source": "Other."}, idempotency_key="k-1")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    stored = IdempotentAnswer.objects.get()
    assert first.json()["token"] not in str(stored.body)


def test_refused_request_does_not_use_its_key_up(client: Client) -> None:
    thread = make_thread(state=ThreadState.CLOSED)
    body = {"source": "Once.", "author": ANA}
    assert send(client, body, idempotency_key="k-1").json()["code"] == "thread_closed"
    change_thread(thread_id=thread.pk, now=later(1), state=ThreadState.OPEN)
    assert send(client, body, idempotency_key="k-1").status_code == 201


def test_retry_after_a_crash_between_storing_and_answering_gets_the_comment(
    client: Client,
) -> None:
    make_thread()
    body = {"source": "Once.", "author": ANA}
    first = send(client, body, idempotency_key="k-1").json()
    IdempotentAnswer.objects.update(body=None)
    assert send(client, body, idempotency_key="k-1").json() == first


def test_edit_and_delete_need_if_match_with_the_present_version(client: Client) -> None:
    thread = make_thread()
    made = send(client, {"source": "One.", "author": ANA}).json()
    path, token = f"/api/v1/comments/{made['id']}/", f"Comment {made['token']}"
    edit = {"source": "Two."}
    missing = send(client, edit, key=path, method="patch", authorization=token)
    assert (missing.status_code, missing.json()["code"]) == (428, "precondition_required")
    edited = send(client, edit, key=path, method="patch", authorization=token, if_match='"1"')
    assert (edited.status_code, edited.json()["version"], edited["ETag"]) == (200, 2, '"2"')
    stale = send(client, edit, key=path, method="patch", authorization=token, if_match='"1"')
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    assert stale.json()["version"] == 2
    gone = send(client, "", key=path, method="delete", authorization=token, if_match='"2"')
    assert gone.status_code == 204
    assert client.get(path).status_code == 404
    assert fresh(thread).visible_count == 0


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_stranger_may_not_change_a_comment(client: Client, method: str) -> None:
    thread = make_thread()
    first, stranger = post(thread), post(thread)
    path = f"/api/v1/comments/{first.comment.pk}/"
    nobody = send(client, {"source": "x"}, key=path, method=method, if_match='"1"')
    assert (nobody.status_code, nobody.json()["code"]) == (401, "auth_required")
    other = send(
        client,
        {"source": "x"},
        key=path,
        method=method,
        if_match='"1"',
        **comment_token(stranger),
    )
    assert (other.status_code, other.json()["code"]) == (403, "forbidden")


def test_moderator_may_edit_and_delete_any_comment(client: Client) -> None:
    thread = make_thread()
    first = post(thread)
    client.force_login(make_moderator())
    path = f"/api/v1/comments/{first.comment.pk}/"
    assert (
        send(client, {"source": "x"}, key=path, method="patch", if_match='"1"').status_code == 200
    )
    assert send(client, "", key=path, method="delete", if_match='"2"').status_code == 204


def test_vote_is_idempotent_one_each_and_not_on_own(client: Client) -> None:
    thread = make_thread()
    first, voter = post(thread), post(thread)
    path = f"/api/v1/comments/{first.comment.pk}/vote/"
    headers = comment_token(voter)
    for _ in range(2):
        answer = send(client, {"value": 1}, key=path, method="put", **headers)
        assert answer.json() == {"value": 1, "votes": {"up": 1, "down": 0}}
    answer = send(client, {"value": -1}, key=path, method="put", **headers)
    assert answer.json()["votes"] == {"up": 0, "down": 1}
    for _ in range(2):
        answer = send(client, "", key=path, method="delete", **headers)
        assert answer.json() == {"value": None, "votes": {"up": 0, "down": 0}}
    assert Vote.objects.count() == 0
    own = send(client, {"value": 1}, key=path, method="put", **comment_token(first))
    assert (own.status_code, own.json()["code"]) == (403, "vote_on_own")
    assert send(client, {"value": 1}, key=path, method="put").status_code == 401


def test_preview_shows_what_would_be_stored_and_stores_nothing(client: Client) -> None:
    thread = make_thread()
    post(thread, name="Ana")
    body = {"source": "*Hi* @Ana, see #1 and #9", "format": "markdown", "thread": "a-thread"}
    answer = send(client, body, key="/api/v1/preview/")
    assert answer.status_code == 200
    assert "<em>Hi</em>" in answer.json()["html"]
    assert answer.json()["mentions"][0]["number"] == 1
    assert answer.json()["references"] == [1]
    assert Comment.objects.count() == 1


def test_viewer_sees_own_held_comments_and_votes(client: Client) -> None:
    thread = make_thread()
    other = post(thread)
    mine = post(thread, "Mine.", name="Bo")
    headers = comment_token(mine)
    path = f"/api/v1/comments/{other.comment.pk}/vote/"
    send(client, {"value": 1}, key=path, method="put", **headers)
    change_thread(thread_id=thread.pk, now=later(1), premoderation=True)
    held = post(thread, "Held.", by=mine.participant)
    nobody = client.get("/api/v1/viewer/?thread=a-thread").json()
    assert (nobody["viewer"], nobody["comments"], nobody["votes"]) == (None, [], {})
    body = client.get("/api/v1/viewer/?thread=a-thread", headers=headers).json()
    assert body["viewer"] == {"name": "Bo", "signed_in": False}
    assert body["votes"] == {"1": 1}
    assert [own["id"] for own in body["comments"]] == [held.comment.pk, mine.comment.pk]
    assert body["comments"][0]["state"] == "held"


def test_guest_may_not_write_under_the_name_of_staff_or_one_that_looks_like_it(
    client: Client,
) -> None:
    make_thread()
    make_moderator("adam")
    for name in ("adam", "ADAM", "Аdаm", "ad\u200bam", " adam "):
        answer = send(client, {"source": "Hello.", "author": {"name": name}})
        assert answer.status_code == 422, name
        assert answer.json()["errors"][0]["pointer"] == "#/author/name"
        assert answer.json()["errors"][0]["code"] == "name_taken"
    assert Comment.objects.count() == 0


def test_limits_are_answered_429_with_the_seconds_to_wait(client: Client, settings: Any) -> None:
    thread = make_thread()
    limits = {"RATE_LIMIT_POST_ADDRESS": "2/10m", "RATE_LIMIT_POST_PARTICIPANT": "9/1m"}
    settings.REJOINDER = {**settings.REJOINDER, "RATE_LIMITS": limits}
    for n in range(2):
        assert send(client, {"source": f"Text {n}", "author": ANA}).status_code == 201
    refused = send(client, {"source": "Text 3", "author": ANA})
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert 0 < int(refused["Retry-After"]) <= 1200
    assert fresh(thread).last_number == 2


def test_limits_count_ipv6_by_64_and_believe_only_our_proxies(
    client: Client, settings: Any
) -> None:
    make_thread()
    limits = {"RATE_LIMIT_POST_ADDRESS": "1/10m"}
    settings.REJOINDER = {**settings.REJOINDER, "RATE_LIMITS": limits, "TRUSTED_PROXIES": 1}

    def status(forwarded: str) -> int:
        body = {"source": f"From {forwarded}", "author": ANA}
        code: int = send(client, body, x_forwarded_for=forwarded).status_code
        return code

    assert status("2001:db8:1:1::1") == 201
    assert status("2001:db8:1:1:ffff::2") == 429
    assert status("2001:db8:1:2::1") == 201
    assert status("203.0.113.5") == 201
    assert status("198.51.100.77, 203.0.113.5") == 429


def test_stranger_with_the_same_key_and_body_is_not_given_the_answer_of_another(
    client: Client,
) -> None:
    make_thread()
    body = {"source": "Once.", "author": ANA}
    first = send(client, body, idempotency_key="1")
    client.defaults["REMOTE_ADDR"] = "203.0.113.2"
    other = send(client, body, idempotency_key="1")
    assert first.status_code == 201
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")


def test_two_strangers_of_one_name_may_say_the_same_and_one_may_not_say_it_twice(
    client: Client,
) -> None:
    make_thread()
    body = {"source": "I agree.", "author": {"name": "Bob"}}
    assert send(client, body).status_code == 201
    again = send(client, body)
    assert (again.status_code, again.json()["code"]) == (409, "duplicate_comment")
    client.defaults["REMOTE_ADDR"] = "203.0.113.2"
    assert send(client, body).status_code == 201
    assert Participant.objects.filter(name="Bob").count() == 2


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_held_comment_of_somebody_else_cannot_be_told_from_none(
    client: Client, method: str
) -> None:
    thread = make_thread(premoderation=True)
    held, stranger = post(thread), post(thread)
    answers = []
    for pk in (held.comment.pk, 999_999):
        path = f"/api/v1/comments/{pk}/"
        answer = send(client, "{", key=path, method=method, **comment_token(stranger))
        answers.append((answer.status_code, answer.json()["code"]))
    assert answers == [(404, "not_found")] * 2


def test_erased_comment_is_not_given_again_by_its_key(client: Client) -> None:
    make_thread()
    body = {"source": "My secret.", "author": ANA}
    made = send(client, body, idempotency_key="k").json()
    erase_comment(comment_id=made["id"], now=later(1))
    assert not IdempotentAnswer.objects.exists()
