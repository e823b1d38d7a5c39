"""Markdown: as CommonMark has it, up to what the policy takes away."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from comments.rules import rendering
from comments.rules.markup_tags import only_tags_of
from tests.corpus.reading import rows_of
from tests.rules.rendered import shown


@pytest.mark.parametrize(
    ("typed", "html_written"),
    [
        ("# Head\n\ntext", "<p><strong>Head</strong></p><p>text</p>"),
        ("Head\n====", "<p><strong>Head</strong></p>"),
        ("~~gone~~ *em* **strong** `code`",
         "<p><s>gone</s> <em>em</em> <strong>strong</strong> <code>code</code></p>"),
        ("one\n\n***\n\ntwo", "<p>one</p><p>***</p><p>two</p>"),
        ("- one\n- two", "<ul><li>one</li><li>two</li></ul>"),
        ("```py\nx = 1\n```", "<pre><code>x = 1\n</code></pre>"),
        ("one  \ntwo", "<p>one<br>\ntwo</p>"),
        ("<b>bare</b>", "<p><b>bare</b></p>"),
    ],
)  # fmt: skip
def test_markdown_is_rendered(typed: str, html_written: str) -> None:
    assert shown(typed, format="markdown") == html_written


def test_reference_definition_with_a_mention_in_its_label_still_works() -> None:
    text = "[@Adam #3]\n\n[@Adam #3]: https://a.example"
    link = '<a href="https://a.example" rel="nofollow ugc noopener">@Adam #3</a>'
    assert shown(text, format="markdown") == f"<p>{link}</p>"


def as_the_policy_leaves_it(markup: str) -> str:
    """Returns the specification's HTML as a comment may show it.

    Rules and images are not in the policy: a rule is shown by a word here, an image by its text.
    """
    markup = markup.replace("<hr />", "<p>RULE</p>")
    markup = re.sub(r'<img src="[^"]*" alt="([^"]*)"[^>]*>', r"\1", markup)
    tags = only_tags_of(rendering.POLICY, markup)
    shaped = rendering._TOOLS.shapers["markdown"].shape(tags, check_time=lambda: None)
    return rendering._GATE.clean(shaped)


def without_layout(markup: str) -> str:
    markup = re.sub(r"<p>([*_-])\1\1</p>", "<p>RULE</p>", markup)
    markup = re.sub(r"\s+", " ", markup)
    return re.sub(r" ?(</?(?:p|ul|ol|li|blockquote|pre|br)>) ?", r"\1", markup)


def test_every_commonmark_example_holds_up_to_what_the_policy_takes_away(
    shared_data: Callable[[str], Path],
) -> None:
    examples = rows_of(shared_data("commonmark.jsonl"))
    wrong = [
        example["example"]
        for example in examples
        if without_layout(shown(example["text"], format="markdown", names={}, numbers=()))
        != without_layout(as_the_policy_leaves_it(example["html"]))
    ]
    assert (len(examples) > 300, wrong) == (True, [])
