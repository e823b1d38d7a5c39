"""What a host's page says of its language, rightly or not: the thread shows, and so do counts."""

from __future__ import annotations

import pytest
from django.contrib.sites.models import Site
from playwright.sync_api import expect

from comments.models import Thread
from tests.browser.embedding import Elsewhere, allow
from tests.browser.hosting import ADVISED, opener, talk_elsewhere
from tests.browser.pen import press, write

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def talk(site: Site, elsewhere: Elsewhere) -> Thread:
    """Returns the thread that the page elsewhere shows; the site speaks Russian."""
    thread = talk_elsewhere(site, elsewhere)
    allow(elsewhere.origin, language="ru")
    elsewhere.body = (
        f'<comment-count src="{elsewhere.api}" key="talk">?</comment-count> {elsewhere.body}'
    )
    return thread


@pytest.mark.parametrize(
    ("said", "shown"),
    [("de_AT", "de"), ("DE-at", "de"), ("he_IL.UTF-8", "ru"), ("☃ é", "ru"), ("", "ru")],
)
def test_whatever_a_page_says_of_its_language_the_thread_and_its_count_show(
    talk: Thread, elsewhere: Elsewhere, chromium: str, said: str, shown: str
) -> None:
    elsewhere.lang = said
    with opener(chromium, elsewhere) as open_:
        page = open_()
        expect(page.locator("section.thread")).to_have_attribute("lang", shown)
        expect(page.locator("comment-count")).to_have_text("3")
        page.locator("#reply input[name=name]").fill("Dan")
        page.locator("#reply textarea").fill("Four.")
        page.locator("#reply button.main").click()
        expect(page.locator("#comment-4")).to_be_focused()
        expect(page.locator("comment-count")).to_have_text("4")


def test_an_element_may_say_its_language_as_servers_do(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    elsewhere.body = elsewhere.thread("talk", 'lang="en_US"')
    elsewhere.lang = "he"
    with opener(chromium, elsewhere, usual=ADVISED) as open_:
        page = open_()
        expect(page.locator("section.thread")).to_have_attribute("lang", "en")
        write(page, "Four.")
        press(page, "Post")
        expect(page.locator("#comment-4")).to_be_focused()
