"""The policy: nothing hostile comes through, whichever of the two sanitisers lets it by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from comments.rules import rendering
from comments.rules.markup_shaping import Shaper
from comments.rules.rendering import render, render_article
from tests.corpus.reading import FORMATS, in_both_formats, own_payloads, rows_of
from tests.rules.rendered import KNOWN, breaches, shown


def assert_policy_holds(payloads: list[str], *, number: str) -> None:
    """Renders everything twice: as the commenter of ``#7`` and ``@Adam``, and as nobody."""
    wrong = []
    for format, payload in in_both_formats(payloads):
        rendered = render(source=payload, format=format, **KNOWN)
        problems = [*breaches(rendered.html), *(["failed"] if rendered.failed else [])]
        if problems:
            wrong.append((format, payload[:200], problems[:3]))
    assert wrong == [], number


def test_checker_of_the_policy_sees_what_is_wrong() -> None:
    for markup in [
        "<img src=x onerror=alert(1)>",
        "<svg></svg>",
        '<p class="x">x</p>',
        '<a href="javascript:1" rel="nofollow ugc noopener">x</a>',
        '<a href="https://a.example">x</a>',
        '<a href="#comment-1" class="mention" data-ref="1">x</a>',
        '<a href="#comment-1" data-ref="2">x</a>',
        '<a rel="nofollow ugc noopener">x</a>',
        '<b title="x">x</b>',
        "<!-- x -->",
        "<b>unclosed",
        "<p>\u202e</p>",
        "<p>&#1;</p>",
    ]:
        assert list(breaches(markup)), markup


def test_own_hostile_inputs_keep_to_the_policy() -> None:
    payloads = own_payloads()
    assert len(payloads) > 300
    assert_policy_holds(payloads, number="own")


def test_hostile_inputs_of_others_keep_to_the_policy(shared_data: Callable[[str], Path]) -> None:
    payloads = [row["payload"] for row in rows_of(shared_data("xss.jsonl"))]
    assert len(payloads) > 5_000
    assert_policy_holds(payloads, number="shared")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "typed",
    [
        '<a class=mention href="#comment-5" data-ref=5>x</a>',
        '<a class="mention" href="#comment-5">x</a>',
        '<a href="#comment-5" data-ref="5" rel="author">x</a>',
    ],
)
def test_commenter_cannot_type_a_link_of_ours(typed: str, format: str) -> None:
    assert shown(typed, format=format) == "<p>x</p>"


@pytest.mark.parametrize("format", FORMATS)
def test_link_of_a_commenter_carries_our_rel_alone(format: str) -> None:
    typed = '<a rel="me" class="mention" data-ref="3" id="x" href="https://a.example/">x</a>'
    link = '<a href="https://a.example/" rel="nofollow ugc noopener">x</a>'
    assert shown(typed, format=format) == f"<p>{link}</p>"


def test_nh3_closes_what_bleach_leaves_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def let_through(_: object, markup: str, **__: object) -> str:
        return markup

    monkeypatch.setattr(Shaper, "shape", let_through)
    monkeypatch.setattr(rendering, "only_tags_of", lambda _, markup: markup)
    for _, payload in in_both_formats(own_payloads()):
        html_written = render(source=payload, format="plain", **KNOWN).html
        problems = [problem for problem in breaches(html_written) if "parse error" not in problem]
        assert problems == [], payload[:200]


def test_article_keeps_what_a_post_needs_and_no_more() -> None:
    markup = (
        '<h3 id="x">Head</h3>\n<ol start="4"><li>one</li></ol><hr>'
        '<img src="/media/a.png" alt="A" onerror="x"><a href="/about/" onclick="x">us</a>'
        '<script>x</script><a href="javascript:1">y</a><p style="x">z</p>'
    )
    assert render_article(markup) == (
        '<h3>Head</h3>\n<ol start="4"><li>one</li></ol><hr>'
        '<img src="/media/a.png" alt="A"><a href="/about/" rel="noopener">us</a>'
        'x<a rel="noopener">y</a><p>z</p>'
    )
