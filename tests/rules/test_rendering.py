"""The whole path of a text: it never raises, loses nothing, and costs little."""

from __future__ import annotations

import html
import re
import threading
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from comments.errors import ValidationFailed
from comments.rules import rendering
from comments.rules.rendering import Rendered, clean_source, escaped_paragraphs, render
from tests.corpus.reading import FORMATS, own_payloads
from tests.rules.rendered import KNOWN, anything, breaches, shown


def test_seed_document_reads_well() -> None:
    document = Path(__file__).resolve().parents[2] / "fixtures" / "israpundit.txt"
    replies = re.split(r"\n\n  \d\. ", document.read_text(encoding="utf-8"))[1:]
    assert len(replies) == 9
    for reply in replies:
        source = clean_source(re.sub(r"(?m)^    ", "", reply), max_chars=40_000)
        rendered = render(source=source, format="plain", names={}, numbers={1, 2, 3})
        paragraphs = [part for part in re.split(r"\n\s*\n", source) if part.strip()]
        assert not rendered.failed
        assert rendered.html.count("<p>") == len(paragraphs)
        text = html.unescape(re.sub(r"<[^>]*>", " ", rendered.html))
        assert text.split() == source.split()
    third = render(
        source=re.sub(r"(?m)^    ", "", replies[2]), format="plain", names={}, numbers=()
    )
    (adam,) = third.mentions
    assert (adam.text, adam.key, adam.probe) == ("@Adam", None, "adam")


def test_links_of_ours_are_written_as_agreed() -> None:
    assert shown("@Adam #3 @O'Brien #4") == (
        '<p><a class="mention" href="#comment-12">@Adam</a> '
        '<a href="#comment-3" data-ref="3">#3</a> @O\'Brien #4</p>'
    )


@pytest.mark.parametrize("format", FORMATS)
def test_rendering_past_its_budget_is_escaped_text(format: str) -> None:
    source = "<b>one</b> @Adam\n\ntwo" * 200
    rendered = render(source=source, format=format, budget_seconds=0.0, **KNOWN)
    assert rendered == Rendered(escaped_paragraphs(source), (), (), failed=True)
    assert rendered.html.startswith("<p>&lt;b&gt;one&lt;/b&gt; @Adam</p><p>two")


@pytest.mark.parametrize("part", ["only_tags_of", "scan", "_GATE"])
def test_renderer_that_raises_gives_escaped_text(
    part: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rendering, part, None)
    rendered = render(source="<b>my secret</b>", format="plain", **KNOWN)
    assert rendered == Rendered("<p>&lt;b&gt;my secret&lt;/b&gt;</p>", (), (), failed=True)
    assert "TypeError" in caplog.text or "AttributeError" in caplog.text
    assert "secret" not in caplog.text


def test_unknown_format_is_escaped_text() -> None:
    assert render(source="*x*", format="html", **KNOWN).failed


def test_threads_do_not_disturb_each_other() -> None:
    payloads = own_payloads()[:150]
    expected = [shown(payload, format="markdown") for payload in payloads]
    wrong: list[str] = []

    def work() -> None:
        wrong.extend(
            payload
            for payload, html_written in zip(payloads, expected, strict=True)
            if shown(payload, format="markdown") != html_written
        )

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


@given(anything, st.sampled_from(FORMATS))
@example("\ud800", "plain")
@example("\ud800", "markdown")
@example("<b\0>", "plain")
@settings(max_examples=300)
def test_rendering_never_raises_and_keeps_to_the_policy(source: str, format: str) -> None:
    rendered = render(source=source, format=format, **KNOWN)
    assert list(breaches(rendered.html)) == []
    rendered.html.encode()


@given(anything, st.sampled_from(FORMATS))
def test_clean_sources_never_fail_to_render(source: str, format: str) -> None:
    try:
        cleaned = clean_source(source, max_chars=500)
    except ValidationFailed:
        return
    rendered = render(source=cleaned, format=format, **KNOWN)
    assert not rendered.failed
    for mention in rendered.mentions:
        assert cleaned[mention.start : mention.end] == mention.text
