"""The pages that explain refusals, and the page that documents the API."""

from __future__ import annotations

import pytest
from django.test import Client

from comments.errors import refusals
from comments.views.problems import problems
from tests.views.browsing import Browser, text_of

CODES = sorted({kind.code for kind in refusals() if kind.status >= 400})


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_page_that_explains_it(code: str) -> None:
    page = Browser().open(f"/problems/{code}/")
    assert page.status == 200
    assert [text_of(one) for one in page.all("h1")] == [code]
    explained = problems()[code]
    assert explained.title in text_of(page.get("main"))
    assert str(explained.status) in text_of(page.get("main"))
    assert explained.paragraphs
    assert "`" not in text_of(page.get("main"))


def test_the_index_leads_to_every_code() -> None:
    browser = Browser()
    page = browser.open("/problems/")
    for code in CODES:
        assert page.link(code) == f"/problems/{code}/"


def test_what_is_no_refusal_is_not_explained() -> None:
    assert "answer_known" not in problems()


@pytest.mark.parametrize("code", ["nothing", "%00", "..", "<b>"])
def test_an_unknown_code_is_a_404(code: str) -> None:
    assert Client().get(f"/problems/{code}/").status_code == 404


def test_the_documentation_lists_every_operation_parameter_and_shape() -> None:
    page = Browser().open("/api/v1/docs/")
    assert page.status == 200
    document = Client().get("/api/v1/schema/").json()
    for methods in document["paths"].values():
        for operation in methods.values():
            shown = text_of(page.get(operation["operationId"]))
            assert operation["summary"] in shown
            for parameter in operation.get("parameters", ()):
                assert f"{parameter['name']} {parameter['in']}" in shown
            for status in operation["responses"]:
                assert status in shown
    for name, schema in document["components"]["schemas"].items():
        shown = text_of(page.get(f"schema-{name}"))
        for field in schema.get("properties", {}):
            assert field in shown


def test_every_link_inside_the_documentation_leads_somewhere() -> None:
    page = Browser().open("/api/v1/docs/")
    ids = {element.get("id") for element in page.root.iter()}
    targets = {(link.get("href") or "") for link in page.all("a")}
    assert {target[1:] for target in targets if target.startswith("#")} <= ids
    assert len(ids) > 40


def test_the_documentation_shows_what_a_body_holds() -> None:
    page = Browser().open("/api/v1/docs/")
    shown = text_of(page.get("post_comment"))
    assert "source required string" in shown
    assert 'format "plain" | "markdown"' in shown
    assert "parent integer" in shown
    assert "or null" in shown
    assert "curl" in text_of(page.get("start"))
    assert page.all("style") == page.all("script") == []
