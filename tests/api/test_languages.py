"""Refusals in the language that a script asks for: no English is left in what a reader may see."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from rest_framework import serializers
from rest_framework.utils.formatting import lazy_format

from comments.api import inputs, inputs_moderation
from comments.api.field_words import FRAMEWORK_SENTENCES
from comments.api.inputs import StrictSerializer
from comments.language import LANGUAGES, SOURCE, speaking
from tests.mailing import subscribed
from tests.making import comment_token, make_moderator, make_thread, post
from tests.speaking import LANGUAGE, english_in, teach

pytestmark = pytest.mark.django_db

OTHERS = [language for language in LANGUAGES if language != SOURCE]
LETTERS = {"he": re.compile("[א-ת]"), "ru": re.compile("[а-я]"), "de": re.compile("[a-zß-ü]")}
BIG = 10**17
COMMENTS = "/api/v1/threads/a-thread/comments/"
COMMENT = "/api/v1/comments/1/"
SUBSCRIPTIONS = "/api/v1/subscriptions/"
PREVIEW = "/api/v1/preview/"
WISH = {"email": "ana@example.org", "frequency": "daily"}
KNOWN = {"authorization": "Comment {token}"}
CHANGE = {**KNOWN, "if-match": '"1"'}

FAULTS: dict[str, tuple[str, str, Any, dict[str, str]]] = {
    # a new comment
    "nothing": ("POST", COMMENTS, {}, {}),
    "no object": ("POST", COMMENTS, [], {}),
    "no JSON": ("POST", COMMENTS, "{", {}),
    "too deep": ("POST", COMMENTS, "[" * 40 + "]" * 40, {}),
    "too large": ("POST", COMMENTS, '"' + "α" * 200_000 + '"', {}),
    "nulls": ("POST", COMMENTS, {"source": None, "author": None, "tell": None}, {}),
    "wrong types": (
        "POST",
        COMMENTS,
        {"source": 7, "author": "Α", "parent": "1", "format": [], "tell": 1, "form": 1},
        {},
    ),
    "blanks": ("POST", COMMENTS, {"source": "", "author": {"name": "", "email": "α"}}, {}),
    "too long": (
        "POST",
        COMMENTS,
        {
            "source": "α",
            "author": {"name": "α" * 401, "email": "a" * 255, "url": "α" * 501},
            "parent": 0,
        },
        {},
    ),
    "another scheme": (
        "POST",
        COMMENTS,
        {"source": "α", "author": {"name": "Α", "url": "ftp://example.org"}, "parent": BIG},
        {},
    ),
    "characters": (
        "POST",
        COMMENTS,
        {"source": "α", "author": {"name": "Α", "email": "a\0@b.org", "url": "http://a\0"}},
        {},
    ),
    "no text": ("POST", COMMENTS, {"source": " ", "author": {"name": "Α"}}, {}),
    "no name": ("POST", COMMENTS, {"source": "α"}, {}),
    "no such field": ("POST", COMMENTS, {"source": "α", "βήτα": 1}, {}),
    "no such choice": ("POST", COMMENTS, {"source": "α", "format": "βήτα", "tell": "γ"}, {}),
    "no such parent": ("POST", COMMENTS, {"source": "α", "author": {"name": "Α"}, "parent": 9}, {}),
    "no such thread": ("POST", "/api/v1/threads/none/comments/", {"source": "α"}, KNOWN),
    "a long key": ("POST", COMMENTS, {"source": "α"}, {**KNOWN, "idempotency-key": "k" * 256}),
    "no such token": ("POST", COMMENTS, {"source": "α"}, {"authorization": "Comment x"}),
    "no such API token": ("POST", COMMENTS, {"source": "α"}, {"authorization": "Bearer rjt_x"}),
    "no host": ("POST", COMMENTS, {"source": "α"}, {"authorization": "Bearer x"}),
    "no such scheme": ("POST", COMMENTS, {"source": "α"}, {"authorization": "Basic x"}),
    "no such method": ("PUT", COMMENTS, {}, {}),
    "another media type": ("POST", COMMENTS, {}, {"content-type": "text/plain"}),
    # changing, deleting, voting, reporting
    "an edit of a stranger": ("PATCH", COMMENT, {"source": "α"}, {}),
    "an edit without a version": ("PATCH", COMMENT, {"source": "α"}, KNOWN),
    "an edit of no version": ("PATCH", COMMENT, {"source": "α"}, {**KNOWN, "if-match": "x"}),
    "an edit of an old version": ("PATCH", COMMENT, {"source": "α"}, {**KNOWN, "if-match": '"9"'}),
    "an edit to nothing": ("PATCH", COMMENT, {"format": "βήτα"}, CHANGE),
    "a deletion of a stranger": ("DELETE", COMMENT, None, {}),
    "a deletion without a version": ("DELETE", COMMENT, None, KNOWN),
    "a deletion of what is not there": ("DELETE", "/api/v1/comments/99/", None, CHANGE),
    "a vote of a stranger": ("PUT", f"{COMMENT}vote/", {"value": 1}, {}),
    "a vote of two": ("PUT", f"{COMMENT}vote/", {"value": 2}, KNOWN),
    "a vote of words": ("PUT", f"{COMMENT}vote/", {"value": "1"}, KNOWN),
    "a vote of one's own": ("PUT", f"{COMMENT}vote/", {"value": 1}, KNOWN),
    "a vote on nothing": ("PUT", "/api/v1/comments/99/vote/", {"value": 1}, KNOWN),
    "a vote taken back by a stranger": ("DELETE", f"{COMMENT}vote/", None, {}),
    "a report without a reason": ("POST", f"{COMMENT}flags/", {"note": "α" * 501}, {}),
    "a report of another reason": ("POST", f"{COMMENT}flags/", {"reason": "βήτα"}, {}),
    "a report of one's own": ("POST", f"{COMMENT}flags/", {"reason": "abuse"}, KNOWN),
    "a report of nothing": ("DELETE", "/api/v1/comments/99/flags/", None, {}),
    # looking first, signing in
    "a preview of nothing": ("POST", PREVIEW, {"format": "βήτα"}, {}),
    "a preview elsewhere": ("POST", PREVIEW, {"source": "α", "thread": "α" * 201}, {}),
    "a preview too long": ("POST", PREVIEW, {"source": "α" * 10_001}, {}),
    "nobody signs in": ("POST", "/api/v1/viewer/", None, {}),
    "the viewer of no thread": ("GET", "/api/v1/viewer/", None, {}),
    # being mailed
    "a wish for nothing": ("POST", SUBSCRIPTIONS, {}, {}),
    "a wish for one's answers": ("POST", SUBSCRIPTIONS, {**WISH, "answers": True}, {}),
    "answers of a thread": (
        "POST",
        SUBSCRIPTIONS,
        {**WISH, "answers": True, "thread": "a-thread"},
        {},
    ),
    "no address": ("POST", SUBSCRIPTIONS, {"frequency": "daily"}, {}),
    "half an address": ("POST", SUBSCRIPTIONS, {**WISH, "email": "@example.org"}, {}),
    "an address of no domain": ("POST", SUBSCRIPTIONS, {**WISH, "email": "a@-"}, {}),
    "an address of here": ("POST", SUBSCRIPTIONS, {**WISH, "email": "a@localhost"}, {}),
    "wrong times": (
        "POST",
        SUBSCRIPTIONS,
        {**WISH, "tz": 1, "send_hour": 24, "weekday": -1, "answers": "βήτα"},
        {},
    ),
    "no such zone": ("POST", SUBSCRIPTIONS, {**WISH, "tz": "Χώρα/Πόλη"}, {}),
    "no such subscriber": ("PATCH", f"{SUBSCRIPTIONS}none/", {}, {}),
    "settings of a frequency": ("PATCH", SUBSCRIPTIONS + "{secret}/", {"frequency": "βήτα"}, {}),
    "settings of nothing": ("PATCH", SUBSCRIPTIONS + "{secret}/", {"subscription": 7}, {}),
    "settings of another": (
        "PATCH",
        SUBSCRIPTIONS + "{secret}/",
        {"subscription": BIG, "frequency": "daily", "paused": 1},
        {},
    ),
}
"""Method, address, body and headers of a request that is refused, by what is wrong with it."""


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest) -> tuple[str, str, Any, dict[str, str]]:
    """Returns a request that is refused."""
    method, path, body, headers = FAULTS[request.param]
    written = post(make_thread(), "Γεια.", name="Άννα")
    token = comment_token(written)["authorization"].partition(" ")[2]
    path = path.replace("/comments/1/", f"/comments/{written.comment.pk}/")
    if "{secret}" in path:
        path = path.format(secret=subscribed().token)
    return method, path, body, {name: value.format(token=token) for name, value in headers.items()}


def refused(fault: tuple[str, str, Any, dict[str, str]], language: str) -> dict[str, Any]:
    """Returns the problem document in a language."""
    method, path, body, headers = fault
    text = "" if body is None else body if isinstance(body, str) else json.dumps(body)
    media_type = headers.get("content-type", "application/json")
    sent = {name: value for name, value in headers.items() if name != "content-type"}
    answer = Client().generic(
        method, path, text, content_type=media_type, headers={**sent, "accept-language": language}
    )
    assert answer["Content-Type"] == "application/problem+json", answer.content
    problem: dict[str, Any] = answer.json()
    return problem


def sentences(problem: dict[str, Any]) -> list[str]:
    """Returns what a problem document says to people."""
    return [
        problem["title"],
        problem["detail"],
        *(error["detail"] for error in problem.get("errors", [])),
    ]


@pytest.mark.parametrize("language", OTHERS)
def test_no_refusal_is_in_english(
    language: str, fault: tuple[str, str, Any, dict[str, str]]
) -> None:
    english, said = (sentences(refused(fault, code)) for code in (SOURCE, language))
    assert len(english) == len(said)
    for before, after in zip(english, said, strict=True):
        assert after != before
        assert LETTERS[language].search(after), after
        assert "{" not in after


def test_no_refusal_has_words_that_cannot_be_translated(
    fault: tuple[str, str, Any, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    teach(monkeypatch)
    for said in sentences(refused(fault, LANGUAGE)):
        assert english_in(said) == [], said


def test_a_forged_request_is_refused_in_the_language_with_the_reason_beside() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_moderator())
    make_thread()
    answer = client.post(
        COMMENTS, {}, content_type="application/json", headers={"accept-language": "de"}
    )
    problem = answer.json()
    assert problem["detail"].startswith("Diese Seite wurde vor zu langer Zeit geöffnet")
    assert problem["csrf"]


# --- what the framework says of fields --------------------------------------------------------

Fields = Iterator["serializers.Field[Any, Any, Any, Any]"]


def fields_of(kind: serializers.BaseSerializer[Any]) -> Fields:
    """Yields a serializer and all of its fields, and theirs."""
    yield kind
    for field in getattr(kind, "fields", {}).values():
        below = getattr(field, "child", field)
        yield field
        if isinstance(below, serializers.BaseSerializer):
            yield from fields_of(below)


def said_of(field: serializers.Field[Any, Any, Any, Any]) -> Iterator[str]:
    """Yields the sentences that a field may answer, as catalogs know them."""
    yield from map(str, field.error_messages.values())
    messages = [getattr(one, "message", "") for one in field.validators]
    # One that was filled in already is made of those above.
    yield from (str(one) for one in messages if not isinstance(one, lazy_format))


def test_every_sentence_of_the_framework_is_in_our_catalogs() -> None:
    kinds = [
        kind
        for module in (inputs, inputs_moderation)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, StrictSerializer)
    ]
    assert len(kinds) > 15
    with speaking(SOURCE):
        found = {said for kind in kinds for field in fields_of(kind()) for said in said_of(field)}
    assert found - {*FRAMEWORK_SENTENCES, "A JSON object is needed.", ""} == set()


def test_what_is_ours_is_said_rather_than_what_the_framework_has() -> None:
    with speaking("de"):
        assert str(serializers.URLField().error_messages["invalid"]).startswith("Geben Sie")
