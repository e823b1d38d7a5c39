"""What a reader keeps while the page changes: his place, what he has loaded, and his own keys."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.contrib.sites.models import Site
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from comments.actions.threads import change_thread
from comments.models import Comment, RepliesPolicy, Thread, ThreadState
from tests.browser.asking import asked_in_a_thread
from tests.browser.browsers import opener
from tests.browser.embedding import Elsewhere
from tests.browser.holding import hold, let_go
from tests.browser.hosting import opener as host_opener
from tests.browser.hosting import talk_elsewhere, wait_to_hear
from tests.browser.pen import reply_to, text_of, write
from tests.browser.places import TALK, make_post
from tests.making import NOW, decide, later, post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WORDS = "Some words to read slowly. " * 12
TOP = "it => it.getBoundingClientRect().top"


@pytest.fixture
def wide_talk(site: Site) -> Thread:
    """Returns a thread of a root with 45 replies, and another with one."""
    thread = make_post(site, "talk")
    post(thread, "Wide.", name="Ana")
    for number in range(2, 47):
        post(thread, f"Below 1: {number}. {WORDS}", name="Bo", to=1)
    post(thread, "Elsewhere.", name="Cy")
    post(thread, "Below 47.", name="Dan", to=47)
    for number in range(49, 53):
        post(thread, f"Root {number}. {WORDS * 3}", name="Eve")
    return thread


@pytest.fixture
def long_talk(site: Site) -> Thread:
    """Returns a thread of 60 roots, which is more than a page."""
    thread = make_post(site, "talk")
    for number in range(1, 61):
        post(thread, f"Root {number}. {WORDS}", name="Ana")
    return thread


def ask_once(page: Page) -> None:
    """Has a page ask what has changed, one time."""
    page.evaluate("dispatchEvent(new Event('online'))")


def is_ready(page: Page) -> None:
    """Waits until all of the scripts have come."""
    expect(page.locator(".for-keys")).to_be_visible()
    page.locator("#reply .cancel").wait_for(state="attached")


def numbers(page: Page) -> list[str]:
    """Returns the numbers of the comments that are there, in their order."""
    found = page.locator("li[data-number]").evaluate_all("all => all.map(it => it.dataset.number)")
    return list(found)


def close(thread: Thread) -> None:
    """Takes no more comments."""
    change_thread(thread_id=thread.pk, state=ThreadState.CLOSED, now=NOW)


def fold(thread: Thread) -> None:
    """Removes a comment that another one answers."""
    comment = Comment.objects.get(thread=thread, number=47)
    decide(
        comment_id=comment.pk,
        action="reject",
        now=later(1),
        replies_policy=RepliesPolicy.COLLAPSE,
    )


def fill(page: Page) -> None:
    """Loads the replies to comment 1 that are not shown at first."""
    page.get_by_role("link", name=re.compile("^[0-9]+ more replies to comment 1$")).click()
    expect(page.locator("#comment-46")).to_be_attached()


# --- what was loaded in place ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "sign"),
    [(close, "This thread is closed."), (fold, "1 folded reply")],
    ids=["closed", "folded"],
)
def test_what_was_loaded_in_place_stays_when_all_is_fetched_again(
    wide_talk: Thread,
    live_server: LiveServer,
    chromium: str,
    act: Callable[[Thread], None],
    sign: str,
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        is_ready(page)
        fill(page)
        reply_to(page, 30)
        text_of(page).fill("In the middle of")
        there = numbers(page)
        assert len(there) == 52
        before = text_of(page).evaluate(TOP)
        asked_in_a_thread(lambda: act(wide_talk))
        ask_once(page)
        expect(page.get_by_text(sign)).to_be_attached()
        assert numbers(page) == there
        assert abs(text_of(page).evaluate(TOP) - before) <= 1
        expect(page.locator("li[data-number='30'] #reply")).to_be_attached()


def test_what_one_wrote_at_the_edge_of_a_gap_stays_when_all_is_fetched_again(
    wide_talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        is_ready(page)
        reply_to(page, 1)
        write(page, "Mine.")
        page.get_by_role("button", name="Post", exact=True).click()
        expect(page.locator("#comment-53")).to_be_focused()
        expect(page.locator("#comment-53 [data-do=edit]")).to_be_visible()
        expect(page.locator("#reply h3")).to_have_text("Leave a comment")
        there = numbers(page)
        asked_in_a_thread(lambda: close(wide_talk))
        ask_once(page)
        expect(page.get_by_text("This thread is closed.")).to_be_attached()
        expect(page.locator("#comment-53")).to_contain_text("Mine.")
        assert numbers(page) == there
        expect(page.locator("#comment-53")).to_be_focused()
        expect(page.locator("#comment-53 [data-do=reply]")).to_have_count(0)


def test_many_new_comments_do_not_push_what_is_read_to_another_page(
    long_talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(f"{TALK}?sort=newest")
        is_ready(page)
        read = page.locator("#comment-20")
        read.evaluate("it => it.scrollIntoView()")
        before = read.evaluate(TOP)
        asked_in_a_thread(lambda: [post(long_talk, f"Late {n}.", name="Late") for n in range(35)])
        ask_once(page)
        expect(page.get_by_role("heading", name="95 comments")).to_be_attached()
        assert abs(read.evaluate(TOP) - before) <= 1


def test_what_is_read_keeps_its_place_when_the_comment_above_it_goes(
    long_talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        is_ready(page)
        page.locator("#comment-20").evaluate("it => { it.scrollIntoView(); scrollBy(0, 40); }")
        next_ = page.locator("#comment-21")
        before = next_.evaluate(TOP)
        first = Comment.objects.get(thread=long_talk, number=20)
        asked_in_a_thread(lambda: decide(comment_id=first.pk, action="reject", now=later(1)))
        asked_in_a_thread(lambda: close(long_talk))
        ask_once(page)
        expect(page.locator("#comment-20")).to_have_count(0)
        assert abs(next_.evaluate(TOP) - before) <= 1


def test_a_reply_that_falls_into_a_gap_is_counted_there(
    wide_talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        is_ready(page)
        hole = page.get_by_role("link", name="40 more replies to comment 1")
        hole.focus()
        fold_ = page.locator("#comment-1 button.fold")
        expect(fold_).to_have_text("Collapse 45 replies")
        asked_in_a_thread(lambda: post(wide_talk, "Late.", name="Late", to=1))
        ask_once(page)
        expect(page.get_by_role("link", name="41 more replies to comment 1")).to_be_focused()
        expect(fold_).to_have_text("Collapse 46 replies")


def test_what_is_removed_in_a_gap_is_counted_there_no_more(
    wide_talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    hidden = Comment.objects.get(thread=wide_talk, number=30)
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        is_ready(page)
        fold_ = page.locator("#comment-1 button.fold")
        expect(fold_).to_have_text("Collapse 45 replies")
        there = numbers(page)
        asked_in_a_thread(lambda: decide(comment_id=hidden.pk, action="reject", now=later(1)))
        ask_once(page)
        expect(page.get_by_role("link", name="39 more replies to comment 1")).to_be_attached()
        expect(fold_).to_have_text("Collapse 44 replies")
        assert numbers(page) == there


# --- one thing after the other ---------------------------------------------------------------


def choose(page: Page, order: str) -> None:
    """Asks for an order."""
    page.get_by_role("link", name=order).click()


def has_order(page: Page, order: str) -> None:
    """Asserts that an order is shown, soon."""
    expect(page.get_by_role("link", name=order)).to_have_attribute("aria-current", "true")


def test_going_back_twice_at_once_shows_what_the_address_says(
    long_talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        is_ready(page)
        for name in ("Newest first", "Best first"):
            choose(page, name)
            has_order(page, name)
        held = hold(page, "**/comments/?*")
        page.evaluate("history.back(); setTimeout(() => history.back(), 150)")
        page.wait_for_url(f"**{TALK}")
        page.wait_for_timeout(50)
        let_go(page, held)
        has_order(page, "Oldest first")
        expect(page).to_have_url(re.compile(f"{TALK}$"))
        assert numbers(page)[0] == "1"


def test_there_and_back_at_once_shows_what_the_address_says(
    long_talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        is_ready(page)
        choose(page, "Newest first")
        has_order(page, "Newest first")
        page.go_back()
        has_order(page, "Oldest first")
        held = hold(page, "**/comments/?*")
        page.evaluate("history.forward(); setTimeout(() => history.back(), 150)")
        page.wait_for_timeout(400)
        expect(page).to_have_url(re.compile(f"{TALK}$"))
        let_go(page, held)
        expect(page.locator("section.thread[aria-busy]")).to_have_count(0)
        has_order(page, "Oldest first")


def test_an_order_that_is_chosen_while_more_is_loaded_is_shown_then(
    long_talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        is_ready(page)
        held = hold(page, "**/comments/?*")
        page.get_by_role("link", name="Load more comments").click()
        expect(page.locator("section.thread[aria-busy]")).to_be_attached()
        choose(page, "Newest first")
        let_go(page, held)
        has_order(page, "Newest first")
        expect(page).to_have_url(re.compile(r"\?sort=newest"))
        assert numbers(page)[0] == "60"


def test_going_back_without_a_connection_is_done_when_there_is_one(
    long_talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        is_ready(page)
        choose(page, "Newest first")
        has_order(page, "Newest first")
        # What was shown before is not kept over that.
        page.reload()
        is_ready(page)
        page.context.set_offline(True)
        page.evaluate("history.back()")
        expect(page.get_by_role("alert")).to_contain_text("could not be loaded")
        page.context.set_offline(False)
        has_order(page, "Oldest first")
        expect(page.get_by_role("alert")).to_have_count(0)


def test_where_one_came_from_is_known_when_the_comment_is_fetched_again(
    wide_talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        is_ready(page)
        page.locator("#comment-48").get_by_role("link", name="in reply to #47").click()
        parent = page.locator("#comment-47")
        back = parent.get_by_role("link", name="back to #48")
        expect(back).to_be_visible()
        parent.evaluate("it => { it.dataset.old = ''; }")
        page.evaluate("document.querySelector('comment-thread').view.insert(47, { isLive: true })")
        expect(page.locator("[data-old]")).to_have_count(0)
        expect(parent).to_have_class(re.compile("is-sought"))
        expect(back).to_be_visible()
        asked_in_a_thread(lambda: close(wide_talk))
        ask_once(page)
        expect(page.get_by_text("This thread is closed.")).to_be_attached()
        expect(parent).to_have_class(re.compile("is-sought"))
        back.click()
        expect(page.locator("#comment-48")).to_be_focused()


def test_one_comes_back_from_what_is_left_of_a_comment_as_well(
    wide_talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    fold(wide_talk)
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        is_ready(page)
        page.get_by_text("1 folded reply").click()
        page.locator("#comment-48").get_by_role("link", name="in reply to #47").click()
        expect(page.locator("#comment-47")).to_be_focused()
        page.locator("#comment-47").get_by_role("link", name="back to #48").click()
        expect(page.locator("#comment-48")).to_be_focused()


# --- keys ------------------------------------------------------------------------------------

FIELD = """() => {
  customElements.define("host-search", class extends HTMLElement {
    connectedCallback() {
      const root = this.attachShadow({ mode: "closed" });
      root.append(document.createElement("input"));
      this.read = () => root.firstChild.value;
      this.begin = () => root.firstChild.focus();
    }
  });
  document.querySelector("h1").before(document.createElement("host-search"));
  document.querySelector("host-search").begin();
}"""


@pytest.fixture
def hosted(site: Site, elsewhere: Elsewhere) -> Thread:
    """Returns the thread that the page elsewhere shows."""
    return talk_elsewhere(site, elsewhere)


def nowhere(page: Page) -> None:
    """Expects that no comment has the focus."""
    expect(page.locator("article:focus")).to_have_count(0)


def test_keys_of_the_hosts_own_elements_are_left_to_them(
    hosted: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    elsewhere.body = f'<a href="#x">A link</a>{elsewhere.body}'
    with host_opener(chromium, elsewhere) as open_:
        page = open_()
        is_ready(page)
        page.evaluate(FIELD)
        page.keyboard.type("jkrq?n")
        assert page.evaluate("document.querySelector('host-search').read()") == "jkrq?n"
        nowhere(page)
        page.get_by_role("link", name="A link").focus()
        page.keyboard.press("j")
        nowhere(page)
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("j")
        expect(page.locator("#comment-1")).to_be_focused()


def test_keys_are_for_a_thread_that_is_seen(
    hosted: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    above = "<p>Text of the host.</p>" * 60
    elsewhere.body = f"{above}{elsewhere.body}"
    with host_opener(chromium, elsewhere) as open_:
        page = open_()
        expect(page.locator(".for-keys")).to_be_attached()
        page.keyboard.press("j")
        nowhere(page)
        page.locator("#comment-1").scroll_into_view_if_needed()
        page.keyboard.press("j")
        expect(page.locator("article:focus")).to_have_count(1)


def test_a_host_can_keep_all_keys_for_itself(
    hosted: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    elsewhere.body = elsewhere.thread("talk", 'keys="off"')
    with host_opener(chromium, elsewhere) as open_:
        page = open_()
        wait_to_hear(page, "ready")
        page.locator("#reply .cancel").wait_for(state="attached")
        expect(page.get_by_role("button", name="Exact times")).to_be_visible()
        page.keyboard.press("j")
        nowhere(page)
        expect(page.locator(".for-keys")).to_have_count(0)
        page.evaluate("document.querySelector('comment-thread').keys = 'on'")
        expect(page.locator(".for-keys")).to_be_attached()
        page.keyboard.press("j")
        expect(page.locator("#comment-1")).to_be_focused()
