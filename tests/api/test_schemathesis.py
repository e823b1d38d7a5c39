"""Schemathesis sends what the document allows: no answer contradicts it, and none is a 5xx."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from blog.wsgi import application
from comments.api.schema import openapi_document
from comments.models import Thread
from tests.mailing import subscribed
from tests.making import make_thread, post

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

schema = schemathesis.openapi.from_dict(openapi_document())
schema.app = application


@pytest.fixture(autouse=True)
def _test_keeps_its_connection() -> Iterator[None]:
    """Keeps the WSGI application from closing the connection that holds the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def thread(db: None) -> Thread:
    thread = make_thread("a-thread")
    post(thread, "Hello #2", name="Ana")
    post(thread, "@Ana >>1", name="Bo", to=1)
    return thread


@schema.parametrize()
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
def test_no_answer_contradicts_the_document(case: Any, thread: Thread) -> None:
    # Half of the time lead to what is there: a random key never does.
    path = case.path_parameters
    there = {
        "key": thread.key,
        "number": 1,
        "comment_id": thread.comments.all()[0].pk,
        "token": subscribed().token,
    }
    for name, value in there.items():
        if name in path and len(str(path[name])) % 2:
            path[name] = value
    case.call_and_validate(checks=CHECKS)


def test_harness_would_notice_a_wrong_answer(db: None) -> None:
    wrong = openapi_document()
    answers = wrong["paths"]["/api/v1/counts/"]["get"]["responses"]
    answers["200"]["content"]["application/json"]["schema"] = {"type": "string"}
    other = schemathesis.openapi.from_dict(wrong)
    other.app = application
    case = other["/api/v1/counts/"]["GET"].Case(query={"key": ["a"]})
    with pytest.raises(BaseExceptionGroup) as found:
        case.call_and_validate(checks=CHECKS)
    assert "violates schema" in str(found.value.exceptions[0])
