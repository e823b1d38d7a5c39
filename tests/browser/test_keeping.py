"""What stays with its reader while rows change live: what is selected in them, and the focus."""

from __future__ import annotations

import pytest
from django.contrib.sites.models import Site
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from comments.actions.changing import edit_comment
from comments.actions.threads import change_thread
from comments.models import Comment, Thread, ThreadState
from tests.browser.asking import asked_in_a_thread
from tests.browser.pen import press, write
from tests.browser.places import OWN, both_places, make_talk, visitor
from tests.making import MODERATOR, NOW, decide, later, post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SELECTED = """() => {
  const { shadowRoot } = document.querySelector("comment-thread");
  return `${shadowRoot?.getSelection() ?? getSelection()}`.trim();
}"""


@pytest.fixture
def four(site: Site) -> Thread:
    """Returns a thread of four comments, of which two answer others."""
    thread = make_talk(site)
    post(thread, "Rivers run to the sea.", name="Ana")
    post(thread, "I agree with #1.", name="Bo", to=1)
    post(thread, "Some *rivers* do not.", name="Cy", format="markdown")
    post(thread, "Name one.", name="Dan", to=3)
    return thread


def ask_once(page: Page) -> None:
    """Has a page ask what has changed, one time."""
    page.evaluate("dispatchEvent(new Event('online'))")


def selected(page: Page) -> str:
    """Returns what is selected in the thread."""
    return str(page.evaluate(SELECTED))


def will_be_replaced(page: Page, number: int) -> None:
    """Marks the row of a comment as that which is there now."""
    row = page.locator(f"li[data-number='{number}']")
    row.evaluate("it => { it.dataset.old = ''; }")


def is_replaced(page: Page) -> None:
    """Asserts that the marked row is another now, soon."""
    expect(page.locator("[data-old]")).to_have_count(0)


def remove(thread: Thread, page: Page, number: int) -> None:
    """Removes a comment as a moderator, and waits until it is gone from the page."""
    comment = Comment.objects.get(thread=thread, number=number)
    asked_in_a_thread(lambda: decide(comment_id=comment.pk, action="reject", now=later(number)))
    ask_once(page)
    expect(page.locator(f"#comment-{number}")).to_have_count(0)


# --- what is selected ------------------------------------------------------------------------


@both_places
def test_what_is_selected_stays_so_when_its_row_is_replaced(
    four: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        # As far as the beginning of what follows the text, and that is replaced.
        page.locator("#comment-2 .text p").click(click_count=3)
        assert selected(page) == "I agree with #1."
        will_be_replaced(page, 2)
        asked_in_a_thread(lambda: post(four, "So does #2.", name="Eve"))
        ask_once(page)
        expect(page.locator("#comment-2 .backlinks")).to_have_text("Mentioned in #5")
        is_replaced(page)
        assert selected(page) == "I agree with #1."
        expect(page.locator("#comment-2").get_by_role("button", name="Quote")).to_be_visible()

        will_be_replaced(page, 2)
        asked_in_a_thread(
            lambda: change_thread(thread_id=four.pk, state=ThreadState.CLOSED, now=NOW)
        )
        ask_once(page)
        expect(page.get_by_text("This thread is closed.")).to_be_visible()
        is_replaced(page)
        assert selected(page) == "I agree with #1."


def test_what_is_selected_from_one_comment_to_another_stays_so(
    four: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        page.evaluate(
            """() => {
              const [from, to] = [1, 3].map((n) => document.querySelector(`#comment-${n} .text p`));
              getSelection().setBaseAndExtent(to.firstChild, 4, from.firstChild, 7);
            }"""
        )
        before = selected(page)
        assert before.startswith("run to the sea.")
        assert before.endswith("Some")
        for number in (1, 3):
            will_be_replaced(page, number)
        asked_in_a_thread(lambda: post(four, "Look at #1 and #3.", name="Eve", to=4))
        ask_once(page)
        is_replaced(page)
        after = selected(page)
        assert after.startswith("run to the sea.")
        assert after.endswith("Some")
        # It is still begun below, and ends above.
        assert page.evaluate("getSelection().focusOffset") == 7


def test_a_text_whose_form_alone_has_changed_is_another(
    four: Thread, live_server: LiveServer, chromium: str
) -> None:
    third = Comment.objects.get(thread=four, number=3)

    def edit() -> None:
        edit_comment(
            comment_id=third.pk,
            editor=MODERATOR,
            source="Some **rivers** do not.",
            format=None,
            version=third.version,
            now=later(60),
        )

    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        expect(page.locator("#comment-3 em")).to_have_text("rivers")
        asked_in_a_thread(edit)
        ask_once(page)
        expect(page.locator("#comment-3 strong")).to_have_text("rivers")


# --- the focus -------------------------------------------------------------------------------


@both_places
def test_the_focus_goes_from_what_is_removed_to_the_next_comment_or_the_one_before(
    four: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        page.locator("#comment-2 [data-do=reply]").focus()
        remove(four, page, 2)
        expect(page.locator("#comment-3")).to_be_focused()
        page.locator("#comment-4").focus()
        remove(four, page, 4)
        expect(page.locator("#comment-3")).to_be_focused()
        remove(four, page, 3)
        expect(page.locator("#comment-1")).to_be_focused()
        remove(four, page, 1)
        expect(page.locator("section.thread")).to_be_focused()


def test_the_focus_goes_to_the_next_comment_also_when_all_is_fetched_again(
    four: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        page.locator("#comment-2 [data-do=reply]").focus()
        asked_in_a_thread(
            lambda: change_thread(thread_id=four.pk, state=ThreadState.CLOSED, now=NOW)
        )
        remove(four, page, 2)
        expect(page.get_by_text("This thread is closed.")).to_be_visible()
        expect(page.locator("#comment-3")).to_be_focused()


@both_places
def test_the_focus_goes_from_what_waits_and_is_deleted_to_the_comment_before(
    site: Site, live_server: LiveServer, chromium: str, place: str
) -> None:
    thread = make_talk(site, premoderation=True)
    first = post(thread, "Rivers run to the sea.", name="Ana").comment
    decide(comment_id=first.pk, action="approve", now=later(1))
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "Regretted.")
        press(page, "Post")
        expect(page.locator(".unseen article")).to_be_focused()
        page.clock.install()
        page.locator(".unseen [data-do=delete]").click()
        page.clock.fast_forward(11_000)
        expect(page.locator(".unseen")).to_have_count(0)
        expect(page.locator("#comment-1")).to_be_focused()


def test_nobody_having_written_is_said_until_somebody_has(
    site: Site, live_server: LiveServer, chromium: str
) -> None:
    thread = make_talk(site)
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        expect(page.get_by_text("Nobody has written here yet.")).to_be_visible()
        asked_in_a_thread(lambda: post(thread, "First.", name="Ana"))
        ask_once(page)
        expect(page.locator("#comment-1")).to_be_visible()
        expect(page.get_by_text("Nobody has written here yet.")).to_have_count(0)
