"""What the log of the site does not say."""

from __future__ import annotations

import json
import logging
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError
from django.http import HttpResponse
from django.test import Client, RequestFactory, override_settings

from blog.logs import FORMATTERS, WithoutSecrets, logging_config, request_id
from blog.request_ids import RequestIds


def test_the_secret_of_a_subscriber_is_in_no_line() -> None:
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(WithoutSecrets())
    logger = logging.Logger("a logger")
    logger.addHandler(handler)
    path = "/subscriptions/GTh6GE9JHEZYzWdas6Kj093W4h/leave/site/"
    logger.error("%s: %s", "Service Unavailable", path)
    logger.error("all of %d went well", 3)
    assert stream.getvalue() == (
        "Service Unavailable: /subscriptions/…/leave/site/\nall of 3 went well\n"
    )


def test_no_address_and_nothing_that_was_asked_is_in_a_line() -> None:
    written = lines("text", "to ana@example.org of %s", "http://x.example/find?q=word&token=t!")
    assert written.endswith(": to …@… of http://x.example/find?…\n")


def test_every_line_of_the_site_goes_that_way() -> None:
    logging_: dict[str, Any] = settings.LOGGING
    [handler] = logging_["handlers"].values()
    assert handler["filters"] == ["without_secrets"]
    assert logging_["filters"]["without_secrets"]["()"] is WithoutSecrets
    assert logging_["root"]["handlers"] == ["stderr"]


def lines(log_format: str, message: str, *args: object, **more: Any) -> str:
    """Returns what is written of one line."""
    config = logging_config(log_format=log_format)
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(config["formatters"]["lines"]["()"]())
    handler.addFilter(config["filters"]["without_secrets"]["()"]())
    logger = logging.Logger("a logger")
    logger.addHandler(handler)
    logger.error(message, *args, **more)
    return stream.getvalue()


@pytest.mark.parametrize("log_format", FORMATTERS)
def test_of_an_exception_the_places_are_told_and_no_value(log_format: str) -> None:
    try:
        try:
            int("marmalade")
        except ValueError as error:
            detail = "UNIQUE constraint failed: people.name\nDETAIL: Key (name)=(Zebedee)"
            raise IntegrityError(detail) from error
    except IntegrityError:
        written = lines(log_format, "it failed", exc_info=True)
    for told in ("ValueError", "IntegrityError: UNIQUE constraint failed: people.name", __file__):
        assert told in written
    for private in ("'marmalade'", ": 'marm", "(Zebedee)"):
        assert private not in written.replace('int("marmalade")', "").replace("detail = ", "")


def test_a_line_of_json_has_the_fields_that_were_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request_id.set("a-request")
    written = json.loads(lines("json", "so %s", "be it", extra={"fields": {"status": 200}}))
    request_id.set("")
    time = written.pop("time")
    assert len(time) == len("2026-11-29T12:00:00.000Z")
    assert time.endswith("Z")
    assert written.pop("process") > 0
    assert written == {
        "level": "ERROR",
        "logger": "a logger",
        "message": "so be it",
        "request_id": "a-request",
        "status": 200,
    }


@pytest.mark.parametrize(
    ("proxies", "given", "is_taken"),
    [
        (1, "0af7651916cd43dd8448eb211c80319c", True),
        (0, "0af7651916cd43dd8448eb211c80319c", False),
        (1, "short", False),
        (1, "ana@example.org", False),
        (1, "a" * 129, False),
        (1, "two\nlines-and-more", False),
    ],
)
def test_a_request_keeps_the_name_that_a_trusted_proxy_gave_it(
    proxies: int, given: str, is_taken: bool
) -> None:
    with override_settings(REJOINDER={**settings.REJOINDER, "TRUSTED_PROXIES": proxies}):
        ids = RequestIds(lambda _: HttpResponse())
        request = RequestFactory().get("/", headers={"X-Request-ID": given})
        answered = ids(request).headers["X-Request-ID"]
    assert (answered == given) is is_taken
    assert len(answered) >= 8
    assert answered == request_id.get()


def test_each_answer_has_a_name_of_its_own(client: Client) -> None:
    names = {client.get("/health/live").headers["X-Request-ID"] for _ in range(3)}
    assert len(names) == 3


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/health/live", "/health/live"),
        ("/health/ready", "/health/ready"),
        ("/metrics", "/metrics"),
        ("/ana@example.org/?q=word", "unmatched"),
        ("/static/none.js", "/static/"),
        ("/robots.txt", "/robots.txt"),
    ],
)
def test_each_request_has_a_route_whoever_answers_it(
    path: str, route: str, caplog: pytest.LogCaptureFixture
) -> None:
    with override_settings(LOG_REQUESTS=True), caplog.at_level("INFO", logger="blog.requests"):
        Client().get(path)
    [line] = [record for record in caplog.records if record.name == "blog.requests"]
    assert line.fields["route"] == route  # type: ignore[attr-defined]
