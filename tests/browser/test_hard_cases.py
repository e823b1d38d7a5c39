"""What rarely happens to who reads and writes: two things at once, lost answers, no storage."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.sites.models import Site
from playwright.sync_api import Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from comments.actions.changing import edit_comment
from comments.actions.threads import change_thread
from comments.models import Comment, RepliesPolicy, Thread, ThreadState
from comments.rules.moderation import Action
from tests.browser.asking import asked_in_a_thread
from tests.browser.pen import press, reply_to, stored, stored_visible, text_of, write
from tests.browser.places import ELSEWHERE, OWN, both_places, make_talk, visitor
from tests.making import MODERATOR, NOW, decide, later, post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WITHOUT_STORAGE = """
  const get = () => { throw new DOMException("No.", "SecurityError"); };
  for (const name of ["local", "session"])
    Object.defineProperty(window, `${name}Storage`, { get });
"""


def ask_once(page: Page) -> None:
    """Has a page ask what has changed, one time."""
    page.evaluate("dispatchEvent(new Event('online'))")


def remove(number: int) -> None:
    """Removes a comment as a moderator; its replies stay."""
    comment = Comment.objects.get(number=number)
    decide(
        comment_id=comment.pk, action="reject", now=later(1), replies_policy=RepliesPolicy.COLLAPSE
    )


def change(number: int, source: str) -> None:
    """Changes a comment as a moderator."""
    comment = Comment.objects.get(number=number)
    edit_comment(
        comment_id=comment.pk,
        editor=MODERATOR,
        source=source,
        format=None,
        version=comment.version,
        now=later(60),
    )


def posted(page: Page, text: str) -> Any:
    """Writes the third comment; returns it."""
    write(page, text)
    press(page, "Post")
    own = page.locator("#comment-3")
    expect(own).to_be_focused()
    return own


# --- rows in which somebody writes -----------------------------------------------------------


def test_what_is_removed_while_it_is_answered_goes_when_the_form_closes(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        reply_to(page, 1)
        text_of(page).fill("In the middle of")
        asked_in_a_thread(lambda: remove(1))
        ask_once(page)
        expect(page.get_by_text("1 folded reply")).to_be_attached()
        expect(page.locator("#comment-1")).to_contain_text("Rivers run to the sea.")
        expect(text_of(page)).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator("#comment-1")).to_contain_text("removed by a moderator")
        expect(page.locator("#comment-1")).not_to_contain_text("Rivers")


def test_a_row_that_a_further_page_has_too_is_fetched_when_the_form_closes(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        reply_to(page, 1)
        asked_in_a_thread(lambda: remove(1))
        page.evaluate(
            """async () => {
              const { view } = document.querySelector("comment-thread");
              const nodes = await view.api.html("comments/");
              const rows = nodes.querySelectorAll(".thread > .comments > li");
              view.add(rows, (...all) => view.list.append(...all));
            }"""
        )
        expect(page.locator("#comment-1")).to_contain_text("Rivers run to the sea.")
        press(page, "Cancel")
        expect(page.locator("#comment-1")).to_contain_text("removed by a moderator")


# --- what others write -----------------------------------------------------------------------


@pytest.mark.parametrize("lost", ["**/changes/**", "**/comments/3/**"])
def test_a_change_that_could_not_be_fetched_is_asked_for_again_by_itself(
    talk: Thread, live_server: LiveServer, chromium: str, lost: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        failed: list[str] = []
        page.on("requestfailed", lambda request: failed.append(request.url))
        page.route(lost, lambda route: route.abort(), times=2)
        asked_in_a_thread(lambda: post(talk, "Late.", name="Late"))
        ask_once(page)
        expect(page.locator("#comment-3")).to_contain_text("Late.", timeout=10_000)
        assert len(failed) == 2


def test_a_server_that_was_set_back_to_an_earlier_day_is_believed(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    def set_back() -> None:
        Comment.objects.filter(number=2).update(html="<p>As it was.</p>")
        Thread.objects.filter(pk=talk.pk).update(version=1)

    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        expect(page.locator("#comment-2")).to_contain_text("Second thoughts.")
        asked_in_a_thread(set_back)
        ask_once(page)
        expect(page.locator("#comment-2")).to_contain_text("As it was.")
        expect(page.locator("section.thread")).to_have_attribute("data-version", "1")


# --- deleting --------------------------------------------------------------------------------

REPLACE = "(number) => document.querySelector('comment-thread').view.insert(number, {isLive: true})"


@both_places
def test_a_delete_can_be_undone_though_the_row_is_replaced_meanwhile(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        own = posted(page, "Regretted.")
        own.locator("[data-do=delete]").click()
        own.evaluate("it => { it.parentElement.dataset.old = ''; }")
        page.evaluate(REPLACE, 3)
        expect(page.locator("[data-old]")).to_have_count(0)
        undo = own.get_by_role("button", name="Undo")
        expect(undo).to_be_focused()
        expect(own.locator(".text")).to_be_hidden()
        undo.click()
        expect(own.locator(".text")).to_be_visible()
        expect(own.locator("[data-do=delete]")).to_be_focused()
        expect(own.locator(".leaving")).to_have_count(0)


def test_what_was_changed_elsewhere_meanwhile_is_not_deleted_and_that_is_said(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        own = posted(page, "Regretted.")
        page.clock.install()
        own.locator("[data-do=delete]").click()
        asked_in_a_thread(lambda: change(3, "Changed elsewhere."))
        page.evaluate(REPLACE, 3)
        page.clock.fast_forward(11_000)
        expect(own.locator(".error")).to_be_visible()
        expect(own.locator(".error")).to_contain_text("so it was not deleted")
        expect(own.locator(".text")).to_have_text("Changed elsewhere.")
        expect(own.locator(".text")).to_be_visible()
        page.evaluate(REPLACE, 3)
        expect(own.locator(".error")).to_be_visible()
        assert stored_visible() == 3
        own.locator("[data-do=delete]").click()
        page.clock.fast_forward(11_000)
        expect(own).to_have_count(0)
    assert stored_visible() == 2


# --- who is not known again ------------------------------------------------------------------


def test_without_storage_a_guest_is_known_while_the_page_is_open(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, ELSEWHERE) as visit:
        page = visit()
        page.add_init_script(WITHOUT_STORAGE)
        page.reload()
        own = posted(page, "Nothing is kept.")
        expect(own.locator("[data-do=edit]")).to_be_visible()
        press(page, "Forget me here")
        expect(own.locator("[data-do=edit]")).to_have_count(0)


@both_places
def test_what_waits_is_shown_to_who_is_not_known_again(
    site: Site, live_server: LiveServer, chromium: str, place: str
) -> None:
    thread = make_talk(site, premoderation=True)
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        page.route("**/viewer/**", lambda route: route.abort())
        write(page, "Who am I?")
        press(page, "Post")
        waiting = page.locator(".unseen article")
        expect(waiting).to_be_focused()
        expect(waiting.locator(".why")).to_have_text(
            "Waiting for a moderator. A moderator reads every comment on this page before it "
            "appears."
        )
        expect(waiting.locator("h3 .author")).to_have_text("Cy")
        expect(waiting.locator("time")).to_be_visible()
        expect(waiting.locator(".text")).to_have_text("Who am I?")
        expect(waiting.locator("button")).to_have_count(0)
        below, top = page.evaluate(
            """() => {
              const thread = document.querySelector("comment-thread");
              const box = (css) => (thread.shadowRoot ?? thread).querySelector(css);
              return [box(".unseen > h3").getBoundingClientRect().bottom,
                box(".unseen article").getBoundingClientRect().top];
            }"""
        )
        assert top - below >= 4

        held = asked_in_a_thread(lambda: Comment.objects.get(thread=thread))
        asked_in_a_thread(lambda: decide(comment_id=held.pk, action="approve", now=NOW))
        page.evaluate(REPLACE, 1)
        expect(page.locator("#comment-1")).to_contain_text("Who am I?")
        expect(page.locator(".unseen")).to_have_count(0)


# --- keys ------------------------------------------------------------------------------------


def test_keys_are_heard_whatever_the_keyboard_writes(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    def type_(key: str, code: str) -> None:
        page.evaluate(
            "how => document.activeElement.dispatchEvent("
            "new KeyboardEvent('keydown', {...how, bubbles: true, composed: true}))",
            {"key": key, "code": code},
        )

    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        page.locator("#comment-1").evaluate("it => { it.tabIndex = -1; it.focus(); }")
        type_("о", "KeyJ")
        expect(page.locator("#comment-2")).to_be_focused()
        type_("л", "KeyK")
        expect(page.locator("#comment-1")).to_be_focused()
        type_("J", "KeyJ")
        expect(page.locator("#comment-2")).to_be_focused()
        # What is typed counts first: here the key of J writes another Latin letter.
        type_("h", "KeyJ")
        expect(page.locator("#comment-2")).to_be_focused()
        type_("ר", "KeyR")
        expect(text_of(page)).to_be_focused()
        expect(page.locator("#reply h3")).to_contain_text("Reply to #2")


# --- changes that are refused ----------------------------------------------------------------


def test_a_change_whose_answer_was_lost_is_done_when_it_is_tried_again(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    def lose_the_answer(route: Route) -> None:
        assert route.fetch().status == 200
        route.abort("connectionreset")

    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        own = posted(page, "First.")
        own.locator("[data-do=edit]").click()
        expect(text_of(page)).to_have_value("First.")
        page.route(
            "**/api/v1/comments/*/",
            lambda route: (
                lose_the_answer(route) if route.request.method == "PATCH" else route.continue_()
            ),
            times=1,
        )
        text_of(page).fill("Second.  ")
        press(page, "Save")
        press(page, "Try again")
        expect(own.locator(".text")).to_have_text("Second.")
        expect(own).to_be_focused()
        expect(page.locator("#reply h3")).to_have_text("Leave a comment")
    assert stored()[2:] == ["Second."]


@both_places
@pytest.mark.parametrize(
    "taken",
    [("reject", "A moderator has removed this comment"), ("hold", "has to read this comment")],
    ids=["removed", "held"],
)
def test_a_change_of_what_a_moderator_has_taken_away_says_so(
    talk: Thread, live_server: LiveServer, chromium: str, place: str, taken: tuple[Action, str]
) -> None:
    action, sentence = taken
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        own = posted(page, "First.")
        own.locator("[data-do=edit]").click()
        expect(text_of(page)).to_have_value("First.")
        text_of(page).fill("Second.")
        written = asked_in_a_thread(lambda: Comment.objects.get(number=3))
        asked_in_a_thread(lambda: decide(comment_id=written.pk, action=action, now=later(1)))
        press(page, "Save")
        notice = page.locator("#reply .notice")
        expect(notice).to_contain_text(sentence)
        expect(notice).not_to_contain_text("has changed")
        expect(text_of(page)).to_have_value("Second.")


def test_after_a_refusal_the_focus_is_in_the_form(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    def close() -> None:
        Thread.objects.filter(pk=talk.pk).update(state="closed")

    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        write(page, "From a tunnel.")
        page.context.set_offline(True)
        press(page, "Post")
        again = page.get_by_role("button", name="Try again")
        expect(again).to_be_focused()
        asked_in_a_thread(close)
        page.context.set_offline(False)
        again.press("Enter")
        expect(page.locator("#reply .notice")).to_contain_text("This thread is closed now.")
        expect(page.locator("#reply button.main")).to_be_focused()


def test_when_the_time_for_a_change_is_over_the_focus_goes_to_the_sentence(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        own = posted(page, "First.")
        own.locator("[data-do=edit]").click()
        expect(text_of(page)).to_have_value("First.")
        text_of(page).fill("Too late.")
        asked_in_a_thread(lambda: post(talk, "An answer.", name="Bo", to=3))
        press(page, "Save")
        notice = page.locator("#reply .notice")
        expect(notice).to_contain_text("cannot be changed any more")
        expect(notice).to_be_focused()


def test_the_sentence_that_a_thread_is_closed_goes_when_it_is_open_again(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    def become(state: ThreadState) -> None:
        change_thread(thread_id=talk.pk, state=state, now=NOW)

    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        write(page, "Too early.")
        asked_in_a_thread(lambda: become(ThreadState.CLOSED))
        press(page, "Post")
        notice = page.locator("#reply .notice")
        expect(notice).to_contain_text("This thread is closed now.")
        asked_in_a_thread(lambda: become(ThreadState.OPEN))
        ask_once(page)
        expect(notice).to_be_hidden()
        press(page, "Post")
        expect(page.locator("#comment-3")).to_contain_text("Too early.")
