"""Shaping: images become links to them."""

from __future__ import annotations

import pytest

from tests.rules.rendered import shown

LINKED = '<a href="https://a.example/i.png" rel="nofollow ugc noopener">{}</a>'


@pytest.mark.parametrize(
    ("format", "typed", "html_written"),
    [
        ("markdown", "![pic](https://a.example/i.png)", LINKED.format("pic")),
        ("markdown", "![](https://a.example/i.png)", LINKED.format("https://a.example/i.png")),
        ("markdown", "![pic](/i.png)", "pic"),
        ("markdown", "[![pic](https://b.example/t.png)](https://a.example/i.png)",
         LINKED.format("pic")),
        ("plain", '<img src="https://a.example/i.png" alt="pic">', LINKED.format("pic")),
        ("plain", "<img alt='' src=https://a.example/i.png />",
         LINKED.format("https://a.example/i.png")),
        ("plain", '<a href="https://a.example/i.png"><img alt=pic src="https://b.example/t.png"></a>',
         LINKED.format("pic")),
    ],
)  # fmt: skip
def test_image_becomes_a_link_to_it(format: str, typed: str, html_written: str) -> None:
    assert shown(typed, format=format) == f"<p>{html_written}</p>"
