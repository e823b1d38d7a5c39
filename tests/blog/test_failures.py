"""A fault of ours: what is answered instead of a page, and that nothing typed is lost."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from django.db import InternalError, OperationalError
from django.test import Client
from psycopg.errors import ReadOnlySqlTransaction

from blog.models import Post
from comments.views import thread
from tests.conftest import ROOT

pytestmark = pytest.mark.django_db


@pytest.fixture
def address() -> str:
    call_command("import_document", str(ROOT / "fixtures" / "israpundit.txt"), verbosity=0)
    return Post.objects.get().get_absolute_url()


def answer_to_form(address: str, error: Exception, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Returns the answer to a comment whose storing raises an error."""

    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(thread, "submit_comment", fail)
    form = {"do": "post", "name": "Ana", "source": "Long & <dear> words.", "key": "k"}
    return Client(raise_request_exception=False).post(address, form)


def test_a_form_sent_to_a_busy_database_is_answered_503_with_its_text(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = OperationalError("database is locked")
    answer = answer_to_form(address, busy, monkeypatch)
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert answer["Cache-Control"] == "no-store"
    assert "Long &amp; &lt;dear&gt; words." in answer.content.decode()


def test_a_form_sent_to_a_database_that_only_reads_is_answered_503_with_its_text(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_only = InternalError("cannot execute INSERT in a read-only transaction")
    read_only.__cause__ = ReadOnlySqlTransaction()
    answer = answer_to_form(address, read_only, monkeypatch)
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert "Long &amp; &lt;dear&gt; words." in answer.content.decode()


def test_a_form_that_fails_unforeseen_is_answered_500_with_its_text(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = answer_to_form(address, OperationalError("disk I/O error"), monkeypatch)
    assert answer.status_code == 500
    assert "Retry-After" not in answer
    assert "Long &amp; &lt;dear&gt; words." in answer.content.decode()


def test_the_address_that_browsers_ask_for_an_icon_leads_to_one() -> None:
    answer = Client().get("/favicon.ico")
    assert (answer.status_code, answer["Location"]) == (302, "/static/comments/icon.svg")
    assert "max-age" in answer["Cache-Control"]
