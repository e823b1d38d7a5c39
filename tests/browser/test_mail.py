"""The mails in Chromium: they fit, can be read in light and dark, and fetch nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from comments.rules.editions import EditionContent
from tests.browser.browsers import browser_of, overflow
from tests.mail.composing import answer, comment, confirmation, digest, instant, parts_of, post

pytestmark = pytest.mark.browser

WIDTHS = [600, 320]
SCHEMES = ["light", "dark"]

# The contrast of each piece of text with the ground it stands on (WCAG 2.2, 1.4.3): the least, and
# where it is.
LEAST_CONTRAST = """() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const luminance = colour => {
    const [r, g, b] = numbers(colour).slice(0, 3).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    for (let one = element; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      const alpha = numbers(colour)[3];
      if (alpha === undefined || alpha === 1) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  let least = [99, ""];
  let count = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    count += 1;
    const one = luminance(getComputedStyle(element).color);
    const other = luminance(ground(element));
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < least[0]) least = [contrast, walker.currentNode.data];
  }
  return [...least, count];
}"""


def rich() -> EditionContent:
    """Returns a digest with a new post, replies, a text from right to left and much more."""
    said = "<p>What is missing is the <strong>grain</strong>. Whoever feeds them has a say.</p>"
    hebrew = "<p>אני מסכים עם הדברים, אבל חסר כאן ההקשר ההיסטורי של ההסכם משנת 1921.</p>"
    return digest(
        post(
            comment(3, said + "<blockquote><p>A harbour.</p></blockquote>", author="Ted", votes=14),
            comment(
                7,
                '<p>See <a href="https://figures.example/26">this table</a>, <em>please</em>.</p>',
                author="Ana",
                answers=answer(3, said, "Ted"),
            ),
            comment(8, hebrew, author="דוד לוי"),
            comment(
                9,
                f"<p>Lovely 🎉👩‍👩‍👧‍👦 {'unbreakable' * 360}</p>",
                author="N" * 80,
                answers=answer(8, hebrew, "דוד לוי"),
            ),
            title="Russia and the New Middle East, Part IV",
            excerpt="The fourth part asks what pipelines and ports have in common. " * 4,
            page_id=12,
            comment_count=41,
        ),
        post(
            comment(21, "<p>Three:</p><ol><li>one;</li><li>two <code>#7</code>.</li></ol>"),
            comment(22, f"<pre>{'x = 1; ' * 30}</pre><p>{'A long text. ' * 120}</p>"),
            title="W" * 200,
            thread_id=6,
        ),
    )


MAILS = {
    "digest": rich(),
    "answers": instant(*rich().posts[:1], scope="answers"),
    "confirmation": confirmation(),
    "already": confirmation("already site daily"),
}


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with browser_of(chromium) as found:
        yield found


@contextmanager
def opened(browser: Browser, content: EditionContent, **options: Any) -> Iterator[Page]:
    """Gives a mail as it is shown; whatever it asks the network for fails the test."""
    asked: list[str] = []
    with browser.new_context(**options) as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.set_content(parts_of(content)[0], wait_until="networkidle")
        yield page
    assert asked == []


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", MAILS)
def test_a_mail_fits_and_can_be_read(browser: Browser, name: str, width: int, scheme: str) -> None:
    viewport = {"width": width, "height": 800}
    with opened(browser, MAILS[name], viewport=viewport, color_scheme=scheme) as page:
        assert overflow(page) == 0
        contrast, where, count = page.evaluate(LEAST_CONTRAST)
        assert contrast >= 4.5, where
        assert count >= 5
        sheet = page.locator(".sheet")
        ground = {"light": "rgb(253, 253, 251)", "dark": "rgb(22, 24, 27)"}[scheme]
        expect(sheet).to_have_css("background-color", ground)


def test_a_mail_can_be_read_without_its_style_sheet(browser: Browser) -> None:
    """Some mail programs drop the head; all is in the elements then, in light colours."""
    with opened(browser, rich(), viewport={"width": 320, "height": 800}) as page:
        page.evaluate("document.querySelectorAll('style').forEach(one => one.remove())")
        assert overflow(page) == 0
        assert page.evaluate(LEAST_CONTRAST)[0] >= 4.5


def test_a_screen_reader_finds_headings_lists_and_links(browser: Browser) -> None:
    with opened(browser, rich()) as page:
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
        assert levels == [1, 2, 3, 3, 3, 3, 2, 3, 3]
        article = page.get_by_role("article", name="The blog Daily Digest")
        expect(article).to_have_count(1)
        first = article.get_by_role("listitem").filter(has_text="#7").first
        expect(first.get_by_role("heading", name="#7 Ana")).to_be_visible()
        expect(article.get_by_role("link", name="and 37 more")).to_be_visible()
        names = [link.inner_text().strip() for link in page.get_by_role("link").all()]
        assert len(names) > 10
        assert all(names)


def test_text_from_right_to_left_stands_on_the_right(browser: Browser) -> None:
    with opened(browser, rich()) as page:
        text = page.locator("[data-digest-item='comment:1008'] .text")
        assert text.evaluate("one => getComputedStyle(one).direction") == "rtl"
        other = page.locator("[data-digest-item='comment:1007'] .text")
        assert other.evaluate("one => getComputedStyle(one).direction") == "ltr"


def test_nobody_sees_the_preheader_in_the_mail(browser: Browser) -> None:
    with opened(browser, rich()) as page:
        expect(page.locator(".preheader")).to_be_hidden()
        assert "pipelines" in (page.locator(".preheader").text_content() or "")
