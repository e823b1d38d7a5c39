"""What rendering costs at the length limit, on the worst texts known."""

from __future__ import annotations

import gc
import time

import pytest

from comments.rules.rendering import render
from tests.corpus.reading import FORMATS
from tests.rules.rendered import KNOWN, LIMIT

HALF_A_SECOND = 0.5
WALLS = [
    *("<", "<b>", "</b>", "<b></i>", "&", "&#", "&amp;", "@a ", "[", "![", "](", "*", "**a*"),
    *("_", "`", "> ", ">>", "- ", "1. ", "* a\n", "# \n", "=\n", "a\n=\n", "a\n\n", "<b>a\n\n"),
    *("- a\n\n", "\n", "<a href=", '<a href="', "<a href='x", '<a href="http://x">'),
    *('<a href="http://x"><b></a>', "http://a.b ", "http://", "www.a.", "http://a.b/("),
    *("'http://a.b/'", "<http://a.b>", "<a@b.c>", "<!--", "<?", "</", "<p>", "<ul><li>"),
    *("<blockquote>", "<b><p>", "<b></p>", "<pre>", "<br>", "~~", "```\n", "[a](", "[a]: x\n"),
    *("[a][b]", '"', "'", "\\*", "#7 ", ">>7 ", "<img src=http://x>", "<i title=a>"),
    *("<abbr title=a>", "<script>", "<h1>", "    a\n", "> - ", "\U0010ff00", "<b a=b>", "_a* "),
    *("*a_ ", "  - a\n", "<b/", "a*b_", "-", "|", "&lt;", "`a", "<q>a</q>", "From: @a\n", "👍🏽"),
]  # fmt: skip


TOWERS = {
    "brackets": "[" * 5_000 + "]" * 5_000,
    "emphasis": "*" * 5_000 + "a" + "*" * 4_999,
    "quotations": "\n".join(">" * depth + " a" for depth in range(138)),
    "long quotation lines": ("> " * 20 + "a\n") * 240,
    "lists": "\n".join("  " * depth + "- a" for depth in range(97)),
    "list lines": ("- " * 20 + "a\n") * 230,
    "tags": "<b>" * 1_400 + "</b>" * 1_400,
    "blocks": "<blockquote>" * 400 + "</blockquote>" * 400,
    "formats and paragraphs": "<b><i><s><em><strong><code>" + "<p>a" * 2_400,
    "link over paragraphs": f'<a href="http://x/{"y" * 5_000}">' + "<p>a" * 1_200,
    "definition used often": f"[a]: http://x/{'a' * 4_000}\n\n" + "[a]" * 1_900,
    "many definitions": "".join(f"[{index}]: x\n" for index in range(1_000)),
    "one address": "http://" + "a." * 4_990,
    "address of brackets": "http://a.b/" + "()" * 4_900,
    "address of ampersands": "http://a.b/" + "&" * 9_900,
    "long reference": "&#" + "1" * 9_990 + ";",
    "reference in an attribute": f'<a href="http://x" title="&#{"1" * 5_000};">x</a>',
    "attributes": "<b " + "a=b " * 2_490 + ">",
    "quotation marks": '"'.join("<a b=" for _ in range(1_600)),
    "backticks": "".join("`" * length + " " for length in range(140)),
}


@pytest.mark.parametrize("format", FORMATS)
def test_no_text_costs_half_a_second(format: str) -> None:
    texts = {wall: (wall * LIMIT)[:LIMIT] for wall in WALLS}
    texts |= {name: tower[:LIMIT] for name, tower in TOWERS.items()}
    render(source="x", format=format, **KNOWN)
    slow = {}
    for name, text in texts.items():
        seconds, length = measured(text, format)
        # A busy machine makes a text dear once, not three times.
        tries = 1
        while seconds > HALF_A_SECOND and tries < 3:
            seconds, tries = min(seconds, measured(text, format)[0]), tries + 1
        if seconds > HALF_A_SECOND or length > 20 * LIMIT:
            slow[name] = (seconds, length)
    assert slow == {}


def measured(text: str, format: str) -> tuple[float, int]:
    """Returns the seconds of CPU that a text costs, and the length of what it becomes.

    Without the collector of garbage, which would charge the text for all that other tests left.
    """
    gc.disable()
    try:
        began = time.thread_time()
        rendered = render(source=text, format=format, **KNOWN)
        return time.thread_time() - began, len(rendered.html)
    finally:
        gc.enable()
