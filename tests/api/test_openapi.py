"""The OpenAPI document: committed, true, and complete."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from blog.management.commands.write_openapi import document_text
from comments.api.schema import openapi_document
from comments.errors import refusals
from comments.language import LANGUAGES
from tests.conftest import ROOT


def test_committed_document_is_the_one_the_code_describes() -> None:
    committed = (ROOT / "openapi.json").read_bytes()
    assert committed == document_text(), "run: python manage.py write_openapi"


def api_paths() -> set[str]:
    found: set[str] = set()

    def walk(patterns: list[Any], prefix: str) -> None:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, route)
            elif isinstance(pattern, URLPattern) and route.startswith("api/v1/"):
                found.add(route)

    walk(get_resolver().url_patterns, "")
    return found


def test_every_address_of_the_api_is_described() -> None:
    described = {
        "/" + path.replace("<number:", "{").replace("<str:", "{").replace(">", "}")
        for path in api_paths()
    } - {"/api/v1/schema/", "/api/v1/docs/"}
    assert described == set(openapi_document()["paths"])


def test_document_is_openapi_3_1_with_an_id_and_a_summary_for_each_operation() -> None:
    document = openapi_document()
    assert document["openapi"].startswith("3.1")
    operations = [op for path in document["paths"].values() for op in path.values()]
    assert all(operation["summary"] for operation in operations)
    assert len({operation["operationId"] for operation in operations}) == len(operations)


@pytest.mark.django_db
def test_document_and_its_readable_page_are_served(client: Client) -> None:
    schema = client.get("/api/v1/schema/")
    assert schema.json()["paths"] == openapi_document()["paths"]
    page = client.get("/api/v1/docs/").content.decode()
    for path in openapi_document()["paths"]:
        assert path.split("{", maxsplit=1)[0] in page
    assert "<script" not in page


def test_every_code_of_the_contract_has_a_class() -> None:
    codes = {kind.code for kind in refusals()}
    contract = (
        "not_found thread_unknown thread_closed parent_not_found parent_not_published "
        "depth_exceeded auth_required forbidden sanctioned validation_failed malformed too_large "
        "duplicate_comment idempotency_conflict rate_limited edit_window_expired "
        "precondition_required stale_version already_decided lease_lost vote_on_own cursor_invalid"
    )
    assert codes >= set(contract.split())


CODE = re.compile(r"`(\w+)`")


def codes_of(path: str, method: str = "get") -> set[str]:
    """Returns the codes that an operation says it may refuse with."""
    answers = openapi_document()["paths"][path][method]["responses"]
    said = {code for one in answers.values() for code in CODE.findall(one.get("description", ""))}
    return said & {kind.code for kind in refusals()}


def test_an_operation_names_no_refusal_that_it_never_gives() -> None:
    threads, comments = "/api/v1/threads/{key}/", "/api/v1/comments/{comment_id}/"
    assert codes_of("/api/v1/counts/") == {"malformed", "not_found", "validation_failed"}
    assert codes_of(threads) == {"malformed", "thread_unknown"}
    assert codes_of(f"{threads}comments/") == {
        *("malformed", "cursor_invalid", "thread_unknown", "validation_failed")
    }
    assert codes_of("/api/v1/viewer/") == {
        *("malformed", "auth_required", "forbidden", "thread_unknown", "validation_failed")
    }
    assert "vote_on_own" in codes_of(f"{comments}vote/", "put")
    assert "flag_on_own" in codes_of(f"{comments}flags/", "post")
    everywhere = {
        (code, method, path)
        for path, methods in openapi_document()["paths"].items()
        for method in methods
        for code in codes_of(path, method)
    }
    assert {(m, p) for code, m, p in everywhere if code == "vote_on_own"} == {
        *(("put", f"{comments}vote/"), ("delete", f"{comments}vote/"))
    }
    assert {(m, p) for code, m, p in everywhere if code == "parent_not_found"} == {
        ("post", f"{threads}comments/")
    }


def test_a_vote_is_one_of_two_numbers_and_a_language_one_of_ours() -> None:
    document = openapi_document()
    vote = document["components"]["schemas"]["VoteInputRequest"]["properties"]["value"]
    assert vote["enum"] == [1, -1]
    listed = document["paths"]["/api/v1/threads/{key}/comments/"]["get"]["parameters"]
    (lang,) = [one for one in listed if one["name"] == "lang"]
    assert CODE.findall(lang["description"]) == list(LANGUAGES)


@pytest.mark.parametrize("address", ["/api/v1/schema/", "/api/v1/docs/"])
def test_who_has_the_document_already_is_told_so(client: Client, address: str) -> None:
    first = client.get(address)
    again = client.get(address, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    for name in ("ETag", "Cache-Control", "Vary"):
        assert again[name] == first[name]
    assert "public" in first["Cache-Control"]
    assert "Cookie" not in first["Vary"]
    assert client.get(address, headers={"If-None-Match": '"other"'}).status_code == 200
