"""What ``<comment-thread>`` makes of a host's mistakes: it takes them as meant, or says so."""

from __future__ import annotations

import pytest
from django.contrib.sites.models import Site
from playwright.sync_api import Page, Route, expect

from comments.models import Thread
from tests.browser.asking import asked_in_a_thread
from tests.browser.embedding import Elsewhere, allow
from tests.browser.hosting import (
    ADVISED,
    heard_of,
    opener,
    talk_elsewhere,
    token,
    wait_to_hear,
)
from tests.browser.pen import press, write
from tests.browser.places import make_post
from tests.making import post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def talk(site: Site, elsewhere: Elsewhere) -> Thread:
    """Returns the thread that the page elsewhere shows."""
    return talk_elsewhere(site, elsewhere)


def advice_on(page: Page) -> list[str]:
    """Returns what the element says on the console of a page, from now on."""
    said: list[str] = []
    page.on(
        "console",
        lambda message: said.append(message.text) if "<comment-" in message.text else None,
    )
    return said


def test_an_origin_that_is_not_allowed_is_told_from_a_server_that_is_away(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    allow("https://www.example.org")
    with opener(chromium, elsewhere, usual=ADVISED) as open_:
        page = open_()
        expect(page.get_by_role("alert")).to_contain_text("The comments cannot be loaded.")
        wait_to_hear(page, "error")
        ((status, code, message),) = [
            (error["status"], error["code"], error["message"]) for error in heard_of(page, "error")
        ]
        assert (status, code) == (0, "origin_not_allowed")
        assert "allowed origins" in message
        said = advice_on(page)
        page.get_by_role("button", name="Try again").click()
        wait_to_hear(page, "error error")
        assert len(said) == 1
        assert said[0].endswith(message)


def test_a_posts_page_as_src_is_named_and_not_asked_for(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    elsewhere.body = elsewhere.thread("talk").replace("/api/v1/threads/", "/posts/")
    with opener(chromium, elsewhere, usual=ADVISED) as open_:
        page = open_()
        wait_to_hear(page, "error")
        (error,) = heard_of(page, "error")
        assert (error["status"], error["code"]) == (0, "src_invalid")
        assert "/api/v1/threads/KEY/" in error["message"]


def test_the_closing_slash_of_an_address_may_be_left_out(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    count = f'<comment-count src="{elsewhere.api[:-1]}" key="talk">?</comment-count>'
    elsewhere.body = count + elsewhere.thread("talk").replace("/talk/", "/talk")
    with opener(chromium, elsewhere) as open_:
        page = open_()
        expect(page.locator("#comment-3")).to_be_visible()
        expect(page.locator("comment-count")).to_have_text("3")


def test_an_order_and_a_language_that_are_not_known_are_said_and_the_thread_shows(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    elsewhere.body = elsewhere.thread("talk", 'sort="silly" lang="fr"')
    with opener(chromium, elsewhere, usual=ADVISED) as open_:
        page = open_()
        said = advice_on(page)
        page.reload()
        expect(page.locator("a[data-sort=oldest]")).to_have_attribute("aria-current", "true")
        expect(page.locator("section.thread")).to_have_attribute("lang", "en")
        assert {text.partition(": ")[0] for text in said} == {
            "<comment-thread> fr",
            "<comment-thread> silly",
        }


def test_attributes_are_properties_also_if_set_before_the_script_is_there(
    talk: Thread, site: Site, elsewhere: Elsewhere, chromium: str
) -> None:
    post(make_post(site, "other"), "In the other thread.", name="Eve")
    elsewhere.body = "<comment-thread></comment-thread><comment-count>?</comment-count>"
    with opener(chromium, elsewhere, usual=ADVISED) as open_:
        page = open_()
        held: list[Route] = []
        page.route("**/comment-thread.js", lambda route: held.extend([route]))
        page.reload(wait_until="commit")
        page.locator("comment-count").wait_for()
        page.evaluate(
            """([api, token]) => {
                const [thread, count] = document.body.querySelectorAll(":not(h1)");
                Object.assign(thread, { src: `${api}threads/talk/`, sort: "newest", token });
                Object.assign(count, { src: api, key: "other" });
            }""",
            [elsewhere.api, token()],
        )
        for route in held:
            route.continue_()
        page.unroute_all()
        expect(page.locator("li[data-number]").first).to_have_attribute("data-number", "3")
        expect(page.locator("comment-count")).to_have_text("1")
        expect(page.locator(".writing-as")).to_contain_text("Hana")
        thread = page.locator("comment-thread")
        assert thread.evaluate("it => [it.sort, it.getAttribute('sort')]") == ["newest", "newest"]
        thread.evaluate("it => { it.src = it.src.replace('talk', 'other') }")
        expect(page.locator("#comment-1")).to_contain_text("In the other thread.")


def test_a_count_beside_the_thread_follows_it(
    talk: Thread, site: Site, elsewhere: Elsewhere, chromium: str
) -> None:
    post(make_post(site, "other"), "In the other thread.", name="Eve")
    counts = [
        f'<comment-count src="{elsewhere.api}" key="{key}">?</comment-count>'
        for key in ("talk", "other")
    ]
    elsewhere.body = f"{''.join(counts)}{elsewhere.thread('talk')}"
    with opener(chromium, elsewhere) as open_:
        page = open_()
        expect(page.locator("comment-count")).to_have_text(["3", "1"])
        write(page, "One more.", name="Dan")
        press(page, "Post")
        expect(page.locator("comment-count")).to_have_text(["4", "1"])
        asked_in_a_thread(lambda: post(talk, "Live.", name="Eve"))
        page.evaluate("dispatchEvent(new Event('online'))")
        expect(page.locator("comment-count")).to_have_text(["5", "1"])


@pytest.mark.parametrize("src", ["", "src", 'src="http://"', 'src="/api/v1/threads/talk/"'])
def test_an_address_that_is_missing_or_not_the_apis_is_said(
    talk: Thread, elsewhere: Elsewhere, chromium: str, src: str
) -> None:
    with opener(chromium, elsewhere, usual=ADVISED) as open_:
        page = open_("/?first", bypass_csp=True)
        elsewhere.body = f"<comment-thread {src}></comment-thread>"
        said = advice_on(page)
        page.goto(elsewhere.origin)
        expect(page.get_by_role("alert")).to_contain_text("The comments cannot be loaded.")
        wait_to_hear(page, "error")
        (error,) = heard_of(page, "error")
        assert error["code"] == "src_invalid"
        assert "absolute address" in error["message"]
        assert len(said) == 1
        assert said[0].endswith(error["message"])


def test_an_address_that_is_set_right_after_the_element_is_made_is_not_missing(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    src = f"{elsewhere.api}threads/talk/"
    elsewhere.body = ""
    with opener(chromium, elsewhere) as open_:
        page = open_()
        page.evaluate(
            """src => {
              const made = document.createElement("comment-thread");
              document.body.append(made);
              made.src = src;
            }""",
            src,
        )
        expect(page.locator("#comment-3")).to_be_visible()
        assert heard_of(page, "error") == []


@pytest.mark.parametrize(
    ("attributes", "advice"),
    [
        ("", "key must be that of a thread"),
        ('key="talk" src="http://"', "absolute address of the API"),
        ('key="talk" src="/nowhere/"', "absolute address of the API"),
    ],
)
def test_a_count_that_cannot_be_says_why(
    talk: Thread, elsewhere: Elsewhere, chromium: str, attributes: str, advice: str
) -> None:
    with opener(chromium, elsewhere, usual=ADVISED) as open_:
        page = open_("/?first", bypass_csp=True)
        count = f"<comment-count {attributes}>some</comment-count>"
        elsewhere.body = f"{count}{elsewhere.thread('talk')}"
        said = advice_on(page)
        with page.expect_console_message(lambda message: "<comment-count>" in message.text):
            page.goto(elsewhere.origin)
        expect(page.locator("#comment-3")).to_be_visible()
        expect(page.locator("comment-count")).to_have_text("some")
        assert len(said) == 1
        assert advice in said[0]
