"""Plain text: paragraphs and line breaks as they were typed."""

from __future__ import annotations

import pytest

from tests.rules.rendered import shown


@pytest.mark.parametrize(
    ("typed", "html_written"),
    [
        ("one\ntwo", "<p>one<br>two</p>"),
        ("one\n\ntwo\n \nthree", "<p>one</p><p>two</p><p>three</p>"),
        ("one\n\n\n\ntwo", "<p>one</p><p>two</p>"),
        ("one<br>\ntwo", "<p>one<br>two</p>"),
        ("<b>one\n\ntwo</b>", "<p><b>one</b></p><p><b>two</b></p>"),
        ("<b>one", "<p><b>one</b></p>"),
        ("<p>one<p>two\nthree</p>", "<p>one</p><p>two<br>three</p>"),
        ("one\n<blockquote>two\n\nthree</blockquote>\nfour",
         "<p>one</p><blockquote><p>two</p><p>three</p></blockquote><p>four</p>"),
        ("<ul>\n<li>one\n<li>two\n</ul>", "<ul><li>one</li><li>two</li></ul>"),
        ("<li>stray", "<p>stray</p>"),
        ("<pre>a\n\n  b</pre>", "<pre>a\n\n  b</pre>"),
        ("<b><blockquote>x</blockquote></b>y", "<blockquote><p><b>x</b></p></blockquote><p>y</p>"),
        ("<h2>Head</h2>text", "<p><strong>Head</strong></p><p>text</p>"),
        ("<b></b><i> </i>", ""),
        ("> quoted\nanswer", "<p>&gt; quoted<br>answer</p>"),
    ],
)  # fmt: skip
def test_plain_text_gets_paragraphs_and_line_breaks(typed: str, html_written: str) -> None:
    assert shown(typed) == html_written
