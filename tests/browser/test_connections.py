"""Connections that are many, late, mute or broken: who has a stream, and what a page does without.

Playwright's browser takes every tab for one that is seen, so these tests say themselves which is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect
from playwright.sync_api import Error as PlaywrightError
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from comments.models import Thread
from tests.browser.asking import asked_in_a_thread, until
from tests.browser.browsers import browser_of, new_page
from tests.browser.embedding import allow, page_elsewhere
from tests.browser.fake_streams import Streams, fake_streams
from tests.browser.pen import press, reply_to, stored, text_of, warned, write
from tests.browser.places import OWN, TALK, both_places, make_post, visitor
from tests.making import post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

POLL = "00:23"
"""Longer than a page waits until it asks by itself."""
LEFT = "00:11"
"""Longer than a tab that is hidden keeps its stream."""
HIDE = """isHidden => {
  Object.defineProperty(document, "hidden", {configurable: true, get: () => isHidden});
  document.dispatchEvent(new Event("visibilitychange"));
}"""
SOON = "const real = AbortSignal.timeout; AbortSignal.timeout = (wait) => real(wait / 20);"
"""Lets a page give up after one second or so what it gives up after half a minute."""
NETWORK = ("Failed to load resource", "ERR_", "EventSource")
"""What Chromium logs of a connection that fails."""


@pytest.fixture
def streams(settings: Settings) -> Iterator[Streams]:
    """Returns where the site's readers are told to find their streams."""
    with fake_streams() as found:
        settings.REJOINDER = {**settings.REJOINDER, "STREAM_URL": found.origin}
        settings.STREAM_SOURCE = found.origin
        yield found


@pytest.fixture
def profile(chromium: str) -> Iterator[BrowserContext]:
    """Returns a profile of the browser, with a clock that a test moves on."""
    with browser_of(chromium) as browser:
        profile = browser.new_context(bypass_csp=True)
        profile.clock.install()
        yield profile


def opened(profile: BrowserContext, address: str) -> Page:
    """Returns a tab with a thread that is ready."""
    page = new_page(profile, [], usual=NETWORK)
    page.goto(address)
    page.locator(".pill").first.wait_for(state="attached")
    return page


def written_meanwhile(thread: Thread, text: str) -> None:
    """Writes a comment that no stream tells of."""
    asked_in_a_thread(lambda: post(thread, text, name="Late"))


def expect_at_the_next_poll(page: Page, number: int, text: str) -> None:
    """Lets as much time pass as a page may need to ask by itself, and expects a comment then.

    The page may not have begun to wait when the clock is moved, so a second time is allowed.
    """
    comment = page.locator(f"#comment-{number}", has_text=text)
    for _ in range(2):
        page.clock.fast_forward(POLL)
        with suppress(PlaywrightError):
            comment.wait_for(timeout=2_000)
            return
    expect(comment).to_be_attached()


# --- who has a stream ---------------------------------------------------------------------------


def test_a_tab_has_a_stream_only_while_it_is_seen(
    talk: Thread, streams: Streams, profile: BrowserContext, live_server: LiveServer
) -> None:
    page = opened(profile, f"{live_server.url}{TALK}")
    until(page, lambda: len(streams.connections) == 1)
    page.evaluate(HIDE, True)
    page.evaluate(HIDE, False)
    assert len(streams.asked) == 1  # a glance at another tab costs nothing

    page.evaluate(HIDE, True)
    page.clock.fast_forward(LEFT)
    until(page, lambda: not streams.connections)
    written_meanwhile(talk, "While it was hidden.")
    page.clock.fast_forward(POLL)
    expect(page.locator("#comment-3")).to_have_count(0)

    page.evaluate(HIDE, False)
    expect(page.locator("#comment-3")).to_contain_text("While it was hidden.")
    until(page, lambda: len(streams.connections) == 1)


def test_a_tab_that_was_never_shown_has_no_stream(
    talk: Thread, streams: Streams, profile: BrowserContext, live_server: LiveServer
) -> None:
    profile.add_init_script(f"({HIDE})(true)")
    page = opened(profile, f"{live_server.url}{TALK}")
    page.clock.fast_forward(POLL)
    page.evaluate("dispatchEvent(new Event('online'))")
    assert streams.asked == []
    page.evaluate(HIDE, False)
    until(page, lambda: len(streams.connections) == 1)


def test_of_many_tabs_the_one_that_is_seen_has_a_stream(
    talk: Thread, streams: Streams, profile: BrowserContext, live_server: LiveServer
) -> None:
    tabs: list[Page] = []
    for _ in range(8):
        for tab in tabs[-1:]:
            tab.evaluate(HIDE, True)
            tab.clock.fast_forward(LEFT)
        tabs.append(opened(profile, f"{live_server.url}{TALK}"))
        until(tabs[-1], lambda: len(streams.connections) == 1)
    written_meanwhile(talk, "For whoever looks.")
    tabs[0].evaluate(HIDE, False)
    expect(tabs[0].locator("#comment-3")).to_contain_text("For whoever looks.")


def test_a_page_of_many_threads_has_two_streams_and_asks_for_the_others(
    talk: Thread,
    streams: Streams,
    profile: BrowserContext,
    live_server: LiveServer,
) -> None:
    keys = ["talk", "two", "three", "four"]
    threads = [talk, *(make_post(talk.site, key) for key in keys[1:])]
    with page_elsewhere(live_server.url) as elsewhere:
        elsewhere.body = "".join(map(elsewhere.thread, keys))
        allow(elsewhere.origin)
        page = opened(profile, f"{elsewhere.origin}/")
        expect(page.locator(".pill")).to_have_count(4)
        until(page, lambda: len(streams.connections) == 2)
        for thread in threads:
            written_meanwhile(thread, f"In {thread.key}.")
        page.clock.fast_forward(POLL)
        seen = [each for each in keys if f"/{each}/stream/" not in "".join(streams.asked)]
        assert len(seen) == 2
        for key in seen:
            expect(page.get_by_text(f"In {key}.")).to_be_visible()

        # Who goes makes room.
        gone = next(each for each in keys if each not in seen)
        page.locator(f"comment-thread[src*='/{gone}/']").evaluate("it => it.remove()")

        def has_moved_up() -> bool:
            page.clock.fast_forward(POLL)
            return len({*streams.asked}) == 3 and len(streams.connections) == 2

        until(page, has_moved_up)


# --- without a stream ---------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["refused", "pending", "none"])
def test_a_page_whose_stream_does_not_open_asks_every_twenty_seconds(
    how: str,
    talk: Thread,
    request: pytest.FixtureRequest,
    profile: BrowserContext,
    live_server: LiveServer,
) -> None:
    if how != "none":
        streams: Streams = request.getfixturevalue("streams")
        streams.refuse, streams.hang = how == "refused", how == "pending"
    page = opened(profile, f"{live_server.url}{TALK}")
    if how != "none":
        until(page, lambda: streams.asked)
    for number in (3, 4):
        written_meanwhile(talk, f"Number {number}.")
        expect_at_the_next_poll(page, number, f"Number {number}.")


def test_a_stream_that_never_answers_is_given_up_and_asked_for_again(
    talk: Thread, streams: Streams, profile: BrowserContext, live_server: LiveServer
) -> None:
    streams.hang = True
    page = opened(profile, f"{live_server.url}{TALK}")
    until(page, lambda: len(streams.connections) == 1)
    page.clock.fast_forward(POLL)
    until(page, lambda: not streams.connections)
    streams.hang = False
    page.clock.fast_forward(POLL)
    until(page, lambda: len(streams.connections) == 1)


def test_a_stream_that_has_fallen_silent_is_found_out_and_opened_anew(
    talk: Thread, streams: Streams, profile: BrowserContext, live_server: LiveServer
) -> None:
    page = opened(profile, f"{live_server.url}{TALK}")
    until(page, lambda: len(streams.connections) == 1)
    written_meanwhile(talk, "Not told.")
    for _ in range(4):
        page.clock.fast_forward(POLL)
        page.wait_for_timeout(50)
    expect(page.locator("#comment-3")).to_contain_text("Not told.")
    page.locator("section.thread[data-version='4']").wait_for()
    page.clock.fast_forward(POLL)
    page.wait_for_timeout(50)
    page.clock.fast_forward(POLL)
    until(page, lambda: len(streams.asked) >= 2)
    # Until it says something it is not trusted.
    written_meanwhile(talk, "Not told either.")
    expect_at_the_next_poll(page, 4, "Not told either.")


def test_a_quiet_stream_is_let_alone_and_asked_for_little(
    talk: Thread, streams: Streams, profile: BrowserContext, live_server: LiveServer
) -> None:
    page = opened(profile, f"{live_server.url}{TALK}")
    until(page, lambda: len(streams.connections) == 1)
    page.wait_for_timeout(100)
    asked: list[str] = []
    page.on("request", lambda it: asked.append(it.url) if "/changes/" in it.url else None)
    for _ in range(8):
        page.clock.fast_forward(POLL)
        page.wait_for_timeout(50)
    assert len(asked) == 2
    assert len(streams.asked) == 1


def test_what_a_stream_has_told_of_is_in_the_address_that_is_asked(
    talk: Thread, streams: Streams, profile: BrowserContext, live_server: LiveServer
) -> None:
    page = opened(profile, f"{live_server.url}{TALK}")
    until(page, lambda: len(streams.connections) == 1)
    before = int(page.locator("section.thread").get_attribute("data-version") or 0)
    written_meanwhile(talk, "Told.")
    with page.expect_request("**/changes/**") as asked:
        streams.tell(before + 1)
    assert asked.value.url.endswith(f"?since={before}&v={before + 1}")
    expect(page.locator("#comment-3")).to_contain_text("Told.")


# --- answers that do not come -------------------------------------------------------------------


def test_one_question_that_is_never_answered_does_not_end_the_changes(
    talk: Thread, streams: Streams, profile: BrowserContext, live_server: LiveServer
) -> None:
    profile.add_init_script(SOON)
    page = opened(profile, f"{live_server.url}{TALK}")
    asked: list[Route] = []

    def first_hangs(route: Route) -> None:
        asked.append(route)
        if len(asked) > 1:
            route.continue_()

    page.route("**/changes/**", first_hangs)
    until(page, lambda: len(streams.connections) == 1)
    written_meanwhile(talk, "After a while.")
    streams.tell(4)
    until(page, lambda: asked)
    # The pause before the second time is of the page's clock.
    for _ in range(40):
        page.clock.run_for(250)
        page.wait_for_timeout(50)
    expect(page.locator("#comment-3")).to_contain_text("After a while.")
    asked[0].abort()


@both_places
def test_a_comment_whose_answer_never_comes_can_be_sent_again_and_is_stored_once(
    place: str, talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        page.evaluate(SOON)
        hanging: list[Route] = []

        def stored_but_not_answered(route: Route) -> None:
            if route.request.method == "POST" and not hanging:
                hanging.append(route)
                route.fetch()
            else:
                route.continue_()

        page.route(re.compile(r"/comments/$"), stored_but_not_answered)
        write(page, "Into the dark.")
        press(page, "Post")
        expect(warned(page)).to_have_text("The connection was lost. Nothing you wrote is lost.")
        assert stored()[2:] == ["Into the dark."]
        expect(text_of(page)).to_have_value("Into the dark.")
        page.locator("#reply").get_by_role("button", name="Try again").click()
        expect(page.locator("#comment-3")).to_contain_text("Into the dark.")
        hanging[0].abort()
    assert stored()[2:] == ["Into the dark."]


HOW = pytest.mark.parametrize("how", ["broken", "refused"])


class Answered:
    """Lets a page's change through, and then nothing that it reads, until the end."""

    def __init__(self, page: Page, how: str) -> None:
        self.how, self.has_answered, self.is_over = how, False, False
        self.sent: list[str] = []
        self.left: list[str] = []
        page.route(re.compile(r"/comments/(\d+/)?(\?.*)?$"), self.answer)
        page.route("**/changes/**", self.answer)
        page.on("framenavigated", lambda frame: self.left.append(frame.url))

    def answer(self, route: Route) -> None:
        if route.request.method in {"POST", "PATCH"}:
            self.sent.append(route.request.method)
            answer = route.fetch()
            self.has_answered = True
            route.fulfill(response=answer)
        elif not self.has_answered or self.is_over:
            route.continue_()
        elif self.how == "broken":
            route.abort("internetdisconnected")
        else:
            route.fulfill(status=503, body="{}", content_type="application/problem+json")


@both_places
@HOW
def test_a_comment_that_is_stored_is_said_to_be_though_its_row_cannot_be_fetched(
    how: str, place: str, talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        network = Answered(page, how)
        reply_to(page, 1)
        write(page, "Stored.")
        press(page, "Post")
        here = "Your comment is here, as number 3."
        expect(page.locator(".says[aria-live=polite]")).to_have_text(here)
        expect(page.locator("#reply .notice:not([hidden])")).to_have_text(here)
        expect(text_of(page)).to_have_value("")
        expect(text_of(page)).to_be_focused()
        expect(warned(page)).to_have_text("")
        network.is_over = True
        page.evaluate("dispatchEvent(new Event('online'))")
        expect(page.locator("#comment-3")).to_contain_text("Stored.")
        expect(page.locator("#comment-3 .is-own")).to_have_text("you")
        expect(page.locator(".pill")).to_be_hidden()
        assert (network.sent, network.left) == (["POST"], [])
    assert stored()[2:] == ["Stored."]


@both_places
@HOW
def test_a_change_that_is_stored_is_said_to_be_though_its_row_cannot_be_fetched(
    how: str, place: str, talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "First words.")
        press(page, "Post")
        page.locator("#comment-3 [data-do=edit]").click()
        expect(text_of(page)).to_have_value("First words.")
        network = Answered(page, how)
        text_of(page).fill("Last words.")
        press(page, "Save")
        changed = "Your comment has been changed."
        expect(page.locator("#reply .notice:not([hidden])")).to_have_text(changed)
        expect(text_of(page)).to_have_value("")
        network.is_over = True
        page.evaluate("dispatchEvent(new Event('online'))")
        expect(page.locator("#comment-3 .text")).to_have_text("Last words.")
        assert (network.sent, network.left) == (["PATCH"], [])
    assert stored()[2:] == ["Last words."]


def test_what_breaks_after_the_answer_is_not_sent_again_by_the_page(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        page = visit(usual=("Failed to load resource", "on purpose"))
        network = Answered(page, "let through")
        network.is_over = True
        page.evaluate(
            """() => {
              const {view} = document.querySelector("comment-thread");
              view.refreshViewer = async () => { throw new Error("on purpose") };
            }"""
        )
        write(page, "Once.")
        press(page, "Post")
        until(page, lambda: network.has_answered)
        expect(text_of(page)).to_have_value("")
        page.wait_for_timeout(200)
        assert (network.sent, network.left) == (["POST"], [])
    assert stored()[2:] == ["Once."]
