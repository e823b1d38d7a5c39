"""One way through everything a reader does, in every kind of window, light, language and place.

The other tests ask each thing once and closely; this one asks whether it works at all on phone and
desk, in light and dark, in English and Hebrew, with and without scripts. It looks for nothing by
its words, but for those of the language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.sites.models import Site
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from comments.models import Comment, Thread
from comments.rules.moderation import Action
from tests.browser.asking import asked_in_a_thread
from tests.browser.browsers import DESK, PHONE, opener, overflow
from tests.browser.embedding import allow
from tests.browser.pen import stored, stored_visible, text_of, write
from tests.browser.places import TALK, both_places, make_talk, visitor
from tests.making import decide, post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HEBREW = re.compile("[\u05d0-\u05ea]")


@dataclass(frozen=True, slots=True)
class Sight:
    """What a reader has in front of him."""

    window: dict[str, int]
    scheme: str
    language: str

    @property
    def words(self) -> re.Pattern[str]:
        """Returns what every sentence of the language has in it."""
        return HEBREW if self.language == "he" else re.compile("[a-z]")


SIGHTS = {
    "phone, light, Hebrew": Sight(PHONE, "light", "he"),
    "phone, dark, English": Sight(PHONE, "dark", "en"),
    "desk, light, English": Sight(DESK, "light", "en"),
    "desk, dark, Hebrew": Sight(DESK, "dark", "he"),
}
in_every_sight = pytest.mark.parametrize("sight", SIGHTS.values(), ids=SIGHTS)


@contextmanager
def opened(chromium: str, live_server: LiveServer, place: str, sight: Sight) -> Iterator[Page]:
    """Gives the thread at a place, as it is seen there."""
    language = sight.language
    with visitor(chromium, live_server, place, language=language, lang=language) as visit:
        page = visit(viewport=sight.window, color_scheme=sight.scheme)
        yield page
        assert overflow(page) <= 0


@pytest.fixture
def talk(site: Site) -> Thread:
    """Returns a thread: a root with nine replies, one of them answered twice, and four more."""
    thread = make_talk(site)
    post(thread, "A question, of some length. " * 8, name="Ana")
    for number in range(2, 11):
        post(thread, f"An answer, the {number}th. " * 8, name=f"Bo {number}", to=1)
    post(thread, "Below 2, and about #1.", name="Cy", to=2)
    post(thread, "Deeper, to @Ana.", name="Dan", to=11)
    for number in range(13, 17):
        post(thread, f"Root {number}. " * 20, name="Eve")
    return thread


def row(page: Page, number: int) -> Any:
    """Returns a comment on the page."""
    return page.locator(f"#comment-{number}")


def judge(number: int, action: Action) -> None:
    """Decides about a comment, elsewhere."""

    def act() -> None:
        comment = Comment.objects.get(number=number)
        decide(comment_id=comment.pk, action=action, now=timezone.now())

    asked_in_a_thread(act)


def looks_right(page: Page, sight: Sight) -> None:
    """Asserts what can be seen of light and language."""
    section = page.locator("section.thread")
    expect(section).to_have_attribute("lang", sight.language)
    direction = section.evaluate("it => getComputedStyle(it).direction")
    assert direction == ("rtl" if sight.language == "he" else "ltr")
    colour = str(row(page, 1).locator(".text").evaluate("it => getComputedStyle(it).color"))
    is_light_on_dark = sum(map(int, re.findall(r"\d+", colour)[:3])) > 3 * 128
    assert is_light_on_dark == (sight.scheme == "dark")
    expect(row(page, 1).locator("[data-do=reply]")).to_have_text(sight.words)


def said(page: Page, sight: Sight) -> None:
    """Asserts that a screen reader was told something in the language of the page."""
    expect(page.locator(".says[aria-live=polite]")).to_have_text(sight.words)


@both_places
@in_every_sight
def test_reading_with_scripts(
    talk: Thread, live_server: LiveServer, chromium: str, place: str, sight: Sight
) -> None:
    with opened(chromium, live_server, place, sight) as page:
        looks_right(page, sight)
        expect(row(page, 1).locator("time")).to_have_text(sight.words)

        # A fold, kept through a reload.
        fold = row(page, 1).locator("button.fold")
        fold.click()
        expect(fold).to_have_attribute("aria-expanded", "false")
        expect(row(page, 2)).to_be_hidden()
        page.reload()
        expect(fold).to_have_attribute("aria-expanded", "false")
        fold.click()
        expect(row(page, 2)).to_be_visible()

        # To the parent, by a reference, by a back-link, by a permalink.
        row(page, 12).locator("a.parent").click()
        expect(row(page, 11)).to_be_focused()
        row(page, 11).locator(".text a").click()
        expect(row(page, 1)).to_be_focused()
        row(page, 1).locator(".backlinks a").first.click()
        expect(row(page, 11)).to_be_focused()
        page.evaluate("location.hash = '#comment-16'")
        expect(row(page, 16)).to_be_focused()
        expect(row(page, 16)).to_be_in_viewport()

        # The keys.
        page.keyboard.press("k")
        expect(row(page, 15)).to_be_focused()
        page.keyboard.press("j")
        expect(row(page, 16)).to_be_focused()
        page.keyboard.press("?")
        expect(page.locator("dialog[open]")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("dialog[open]")).to_have_count(0)
        expect(row(page, 16)).to_be_focused()

        # Another order, in place.
        page.locator(".sorts [data-sort=newest]").click()
        expect(page.locator("li[data-number]").first).to_have_attribute("data-number", "16")


@both_places
@in_every_sight
def test_what_others_write_shows_live(
    talk: Thread, live_server: LiveServer, chromium: str, place: str, sight: Sight
) -> None:
    with opened(chromium, live_server, place, sight) as page:
        page.evaluate("setInterval(() => dispatchEvent(new Event('online')), 250)")
        row(page, 15).evaluate("it => it.scrollIntoView()")
        top = "it => it.getBoundingClientRect().top"
        before = row(page, 15).evaluate(top)
        asked_in_a_thread(lambda: post(talk, "Late. " * 30, name="Late", to=11))
        expect(row(page, 17)).to_contain_text("Late.")
        said(page, sight)
        expect(page.locator(".pill")).to_be_in_viewport()
        judge(13, "reject")
        expect(row(page, 13)).to_have_count(0)
        assert abs(row(page, 15).evaluate(top) - before) <= 1
        judge(13, "approve")
        expect(row(page, 13)).to_be_attached()
        assert abs(row(page, 15).evaluate(top) - before) <= 1
        page.locator(".pill").click()
        expect(row(page, 17)).to_be_focused()


@both_places
@in_every_sight
def test_writing_with_scripts(
    talk: Thread, live_server: LiveServer, chromium: str, place: str, sight: Sight
) -> None:
    with opened(chromium, live_server, place, sight) as page:
        row(page, 12).locator("[data-do=reply]").click()
        expect(text_of(page)).to_be_focused()
        page.locator("#reply input[name=format][value=markdown]").check()
        write(page, "**Mine**, to @Bo", name="Fay")
        text_of(page).press("End")
        text_of(page).type(" 1")
        names = page.locator("#reply [role=listbox] [role=option]")
        expect(names.first).to_contain_text("Bo 10")
        page.keyboard.press("Enter")
        expect(text_of(page)).to_have_value("**Mine**, to @Bo 10 ")
        page.locator("#reply [value=preview]").click()
        expect(page.locator("#reply-preview strong")).to_have_text("Mine")
        page.reload()
        row(page, 12).locator("[data-do=reply]").click()
        expect(text_of(page)).to_have_value("**Mine**, to @Bo 10 ")  # the draft

        page.locator("#reply button.main").dblclick()
        own = row(page, 17)
        expect(own).to_be_focused()
        said(page, sight)
        expect(own.locator("strong")).to_have_text("Mine")
        assert stored().count("**Mine**, to @Bo 10") == 1
        own.locator("[data-do=edit]").click()
        expect(text_of(page)).to_have_value("**Mine**, to @Bo 10")
        text_of(page).fill("Changed.")
        page.locator("#reply button.main").click()
        expect(own.locator(".text")).to_have_text("Changed.")
        expect(own).to_be_focused()

        own.locator("[data-do=delete]").click()
        undo = own.locator(".leaving button")
        expect(own.locator(".text")).to_be_hidden()
        undo.click()
        expect(own.locator(".text")).to_be_visible()
        expect(own.locator("[data-do=delete]")).to_be_focused()
        assert stored_visible() == 17


@in_every_sight
def test_all_of_it_without_scripts(
    talk: Thread, live_server: LiveServer, chromium: str, sight: Sight
) -> None:
    allow(live_server.url, language=sight.language)
    with opener(chromium, live_server.url, java_script_enabled=False) as open_:
        page = open_(TALK, viewport=sight.window, color_scheme=sight.scheme)
        looks_right(page, sight)
        row(page, 12).locator("a.parent").click()
        expect(row(page, 11)).to_be_in_viewport()
        row(page, 12).locator("[data-do=reply]").click()
        page.locator("#reply input[name=name]").fill("Fay")
        text_of(page).fill("Mine.")
        page.locator("#reply button[value=preview]").click()
        expect(page.locator(".preview")).to_contain_text("Mine.")
        page.locator("#reply button.main").click()
        own = row(page, 17)
        expect(own).to_be_in_viewport()
        expect(own.locator("h3 .is-own")).to_have_text(sight.words)
        own.locator("[data-do=edit]").click()
        page.locator("#edit-source").fill("Changed.")
        page.locator("#edit button[value=save]").click()
        expect(own.locator(".text")).to_have_text("Changed.")
        own.locator("[data-do=delete]").click()
        page.locator("#delete button[value=delete]").click()
        expect(own).to_have_count(0)
        assert stored_visible() == 16
        assert overflow(page) <= 0
