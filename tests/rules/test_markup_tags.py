"""Tags: what is none of ours is text and is not lost."""

from __future__ import annotations

import html
import re

import pytest

from tests.corpus.reading import FORMATS
from tests.rules.rendered import shown


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "typed",
    [
        "<div>",
        '<div class="x" onclick=y>',
        "</div>",
        "<!-- hidden? -->",
        "<!DOCTYPE html>",
        "<?php echo 1 ?>",
        "<![CDATA[x]]>",
        "a < b > c",
        "a <b",
        '<b foo="bar',
        "<>",
        "</>",
        "</ x>",
        "<3",
        "if (a<b && c>d)",
        "<script>alert(1 < 2)</script>",
        "<style>p { }</style>",
        "&copy",
        "AT&T; R&D",
        "<T extends List<String>>",
        "<img src=x onerror=y>",
        "<user at mail.example>",
    ],
)
def test_markup_we_do_not_know_is_shown_as_it_was_typed(typed: str, format: str) -> None:
    text = html.unescape(re.sub(r"<[^>]*>", "", shown(typed, format=format)))
    assert " ".join(text.split()) == typed


def test_character_references_mean_what_they_say() -> None:
    assert shown("&amp;lt; &lt;b&gt; &copy; &#65;") == "<p>&amp;lt; &lt;b&gt; © A</p>"
    assert shown("&amp;lt; `&lt;`", format="markdown") == "<p>&amp;lt; <code>&amp;lt;</code></p>"


def test_text_after_a_broken_tag_is_there() -> None:
    assert shown('see <a href="https://a.example and more\n\nlast words').endswith(
        "<p>last words</p>"
    )


def test_deep_nesting_is_text_and_not_lost() -> None:
    assert "<b>" not in shown("<b>" * 100 + "x")
    assert shown("<b>" * 100 + "x").count("&lt;b&gt;") == 100
    deep = shown("> " * 60 + "treasure", format="markdown")
    assert "treasure" in deep
    assert deep.count("<blockquote>") + deep.count("&gt;") == 60
    nested = "\n".join("  " * depth + f"- item{depth}" for depth in range(60))
    assert all(f"item{depth}" in shown(nested, format="markdown") for depth in range(60))
