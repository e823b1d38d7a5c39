"""Whatever is sent: a clear problem document, nothing stored, nothing personal in the log."""

from __future__ import annotations

import json
import logging
import sqlite3
from typing import Any

import psycopg
import pytest
from django.db import InternalError, OperationalError
from django.test import Client, RequestFactory
from psycopg import errors as psycopg_errors

from comments.api.writing import ThreadComments
from comments.models import Comment, Participant, ThreadState
from tests.making import make_thread, post

pytestmark = pytest.mark.django_db

PATH = "/api/v1/threads/a-thread/comments/"
GOOD = {"source": "Hello.", "author": {"name": "Ana", "email": "ana@example.org"}}


def send(client: Client, body: bytes | str, media_type: str = "application/json") -> Any:
    return client.generic("POST", PATH, body, content_type=media_type)


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"source": None}, "#/source", "null"),
        ({"source": 7}, "#/source", "invalid"),
        ({"source": ["x"]}, "#/source", "invalid"),
        ({"source": True}, "#/source", "invalid"),
        ({"source": ""}, "#/source", "blank"),
        ({"source": " \n "}, "#/source", "required"),
        ({"source": "x" * 10_001}, "#/source", "too_long"),
        ({"source": "a\x00b"}, "#/source", "invalid_character"),
        ({"format": "html"}, "#/format", "invalid_choice"),
        ({"format": 1}, "#/format", "invalid_choice"),
        ({"parent": "1"}, "#/parent", "invalid"),
        ({"parent": True}, "#/parent", "invalid"),
        ({"parent": 1.5}, "#/parent", "invalid"),
        ({"parent": 0}, "#/parent", "min_value"),
        ({"parent": 10**17}, "#/parent", "max_value"),
        ({"author": None}, "#/author", "null"),
        ({"author": "Ana"}, "#/author", "invalid"),
        ({"author": {}}, "#/author/name", "required"),
        ({"author": {"name": ""}}, "#/author/name", "blank"),
        ({"author": {"name": "\u200b\u202e"}}, "#/author/name", "required"),
        ({"author": {"name": "x" * 81}}, "#/author/name", "too_long"),
        ({"author": {"name": "Ana", "email": "nobody"}}, "#/author/email", "invalid"),
        ({"author": {"name": "Ana", "url": "javascript:alert(1)"}}, "#/author/url", "invalid"),
        ({"author": {"name": "Ana", "url": "mailto:ana@example.org"}}, "#/author/url", "invalid"),
        ({"author": {"name": "Ana", "url": "nonsense"}}, "#/author/url", "invalid"),
        ({"author": {"name": "Ana", "is_staff": True}}, "#/author/is_staff", "unknown_field"),
        ({"number": 4}, "#/number", "unknown_field"),
        ({"a/b~c": 1}, "#/a~1b~0c", "unknown_field"),
    ],
)
def test_field_that_is_not_acceptable_is_named(
    client: Client, change: dict[str, Any], pointer: str, code: str
) -> None:
    make_thread()
    answer = send(client, json.dumps({**GOOD, **change}))
    assert answer.status_code == 422, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["code"] == "validation_failed"
    assert (pointer, code) in [(error["pointer"], error["code"]) for error in body["errors"]]
    assert Comment.objects.count() == Participant.objects.count() == 0


def test_what_is_wrong_with_several_fields_is_said_once(client: Client) -> None:
    make_thread()
    problem = send(client, json.dumps({"number": 4, "author": {"is_staff": True}})).json()
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [
        ("#/number", "unknown_field"),
        ("#/source", "required"),
        ("#/author/is_staff", "unknown_field"),
        ("#/author/name", "required"),
    ]
    assert problem["detail"] == "There is no such field. This field is required."


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "validation_failed"),
        (b"{", 400, "malformed"),
        (b'{"source": "\xff\xfe"}', 400, "malformed"),
        (b'{"source": "\\ud800"}', 400, "malformed"),
        (b'{"source": NaN}', 400, "malformed"),
        (b"[" * 5_000 + b"]" * 5_000, 400, "malformed"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, 400, "malformed"),
        (b"[]", 422, "validation_failed"),
        (b"null", 422, "validation_failed"),
        (b'"text"', 422, "validation_failed"),
        (b'{"source": "' + b"x" * 10_000_000 + b'"}', 413, "too_large"),
    ],
)
def test_body_that_cannot_be_read_is_refused(
    client: Client, body: bytes, status: int, code: str
) -> None:
    make_thread()
    answer = send(client, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert Comment.objects.count() == 0


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_other_media_type_is_refused(client: Client, media_type: str) -> None:
    make_thread()
    answer = send(client, json.dumps(GOOD), media_type)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", PATH), ("DELETE", "/api/v1/counts/"), ("POST", "/api/v1/threads/")],
)
def test_method_that_an_address_does_not_know_is_refused_with_those_it_knows(
    client: Client, method: str, path: str
) -> None:
    answer = client.generic(method, path, "{}", content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in answer["Allow"]


def test_parent_must_be_a_readable_comment_of_this_thread(client: Client) -> None:
    make_thread()
    post(make_thread("other"))
    answer = send(client, json.dumps({**GOOD, "parent": 1}))
    assert (answer.status_code, answer.json()["code"]) == (422, "parent_not_found")
    assert Comment.objects.count() == 1


def test_closed_thread_is_named_as_such(client: Client) -> None:
    make_thread(state=ThreadState.CLOSED)
    answer = send(client, json.dumps(GOOD))
    assert (answer.status_code, answer.json()["code"]) == (409, "thread_closed")


@pytest.mark.parametrize(
    "header",
    [
        "Comment forged",
        "Comment 1.0:abc",
        "Comment ",
        "Bearer rj_forged",
        "Bearer a.b.c",
        "Bearer ",
        "Basic YTpi",
        "Comment \u00e4",
        "x",
    ],
)
def test_forged_credentials_are_refused(client: Client, header: str) -> None:
    make_thread()
    answer = client.post(
        PATH, json.dumps(GOOD), content_type="application/json", headers={"authorization": header}
    )
    assert (answer.status_code, answer.json()["code"]) == (401, "auth_required")
    assert "WWW-Authenticate" in answer
    assert Comment.objects.count() == 0


def test_hostile_name_is_shown_as_text(client: Client) -> None:
    make_thread()
    name = '<img src=x onerror="alert(1)">'
    body = send(client, json.dumps({**GOOD, "author": {"name": name}})).json()
    assert body["author"]["name"] == name
    answer = send(client, json.dumps({"source": "Hi.", "author": {"name": "A\u202eda\u2066m"}}))
    assert answer.json()["author"]["name"] == "Adam"


def test_unforeseen_failure_is_loud_in_the_log_and_silent_in_the_answer(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_thread()

    def fail(**_: Any) -> None:
        raise RuntimeError("SELECT * FROM secrets")

    monkeypatch.setattr("comments.api.writing.submit_comment", fail)
    client.raise_request_exception = False
    with caplog.at_level(logging.ERROR):
        answer = send(client, json.dumps(GOOD))
    assert (answer.status_code, answer.json()["code"]) == (500, "server_error")
    assert "SELECT" not in answer.content.decode()
    assert "Traceback" not in answer.content.decode()
    assert any("RuntimeError" in (record.exc_text or "") for record in caplog.records)
    assert "ana@example.org" not in caplog.text


def test_refusals_leave_nothing_personal_in_the_log(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    make_thread()
    with caplog.at_level(logging.DEBUG):
        send(client, json.dumps({**GOOD, "parent": 99}))
        send(client, json.dumps({**GOOD, "source": ""}))
        send(client, json.dumps({**GOOD, "author": {"name": "Ana", "email": "ana@"}}))
    assert "ana@" not in caplog.text
    assert "Ana" not in caplog.text


def test_chunked_body_is_refused_instead_of_being_read_as_empty(client: Client) -> None:
    make_thread()
    request = RequestFactory().generic("POST", PATH, b"", headers={"transfer_encoding": "chunked"})
    request.META.pop("CONTENT_LENGTH", None)
    answer = ThreadComments.as_view()(request, key="a-thread")
    assert (answer.status_code, answer.data["code"]) == (411, "length_required")


def test_if_none_match_star_is_no_answer_for_what_is_not_there(client: Client) -> None:
    make_thread()
    for path, status in ((f"{PATH}99/", 404), (f"{PATH}?cursor=x", 400), (PATH, 200)):
        assert client.get(path, headers={"if_none_match": "*"}).status_code == status


@pytest.mark.parametrize(
    ("cause", "status"),
    [
        (psycopg.OperationalError("connection refused"), 503),
        (psycopg_errors.AdminShutdown("57P01"), 503),
        (psycopg_errors.SerializationFailure("40001"), 503),
        (psycopg_errors.UndefinedColumn("42703"), 500),
        (psycopg_errors.ReadOnlySqlTransaction("25006"), 503),
        (psycopg_errors.InFailedSqlTransaction("25P02"), 500),
        (psycopg.InternalError("of no kind"), 500),
        (sqlite3.OperationalError("database is locked"), 503),
        (sqlite3.OperationalError("no such table"), 500),
    ],
)
def test_a_database_that_is_busy_or_away_is_no_error_of_ours(
    client: Client, monkeypatch: pytest.MonkeyPatch, cause: Exception, status: int
) -> None:
    def fails(*_: object, **__: object) -> None:
        kind = InternalError if isinstance(cause, psycopg.InternalError) else OperationalError
        raise kind(str(cause)) from cause

    make_thread()
    monkeypatch.setattr("comments.api.writing.submit_comment", fails)
    client.raise_request_exception = False
    answer = send(client, json.dumps(GOOD))
    assert answer.status_code == status
    assert answer.json()["code"] == ("unavailable" if status == 503 else "server_error")
    assert answer.has_header("Retry-After") == (status == 503)
