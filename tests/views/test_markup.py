"""What Jinja prints of a thread: escaped as ever, and by a project's own template if it has one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from comments.views import markup
from comments.views.compiling import escaped
from tests.views.host import make_page


@given(st.text(alphabet="<>&'\"a\0é") | st.integers() | st.none() | st.booleans())
def test_a_value_is_escaped(value: object) -> None:
    assert escaped(value) == escape(value)


@pytest.mark.parametrize("kind", [SafeString, Markup])
def test_html_is_not_escaped_again(kind: type[str]) -> None:
    assert escaped(kind("<b>")) == "<b>"


def test_what_only_looks_like_a_text_is_escaped() -> None:
    class Name(str):
        __slots__ = ()

    for value in (gettext_lazy("<b>"), Name("<b>")):
        assert str(escaped(value)) == "&lt;b&gt;"


@pytest.mark.django_db
@pytest.mark.urls("tests.views.host")
def test_an_app_that_stands_before_has_a_template_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    templates = tmp_path / "own_templates" / "jinja2" / "comments"
    templates.mkdir(parents=True)
    (tmp_path / "own_templates" / "__init__.py").touch()
    (templates / "subscribe.html").write_text("<p>No mail for {{ thread.head.title }}.</p>")
    monkeypatch.syspath_prepend(str(tmp_path))
    make_page(title="Q & A")
    markup._environment.cache_clear()
    settings.INSTALLED_APPS = ["own_templates", *settings.INSTALLED_APPS]
    try:
        page = Client().get("/pages/a-thread/").content.decode()
    finally:
        markup._environment.cache_clear()
    assert "<p>No mail for Q &amp; A.</p>" in page
    assert 'id="reply-source"' in page
