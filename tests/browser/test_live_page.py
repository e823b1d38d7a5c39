"""What others write, as it shows on an open page: nothing moves, and nothing is missed.

There is no stream beside this server, so pages ask for changes; being online again makes them ask
at once.
"""

from __future__ import annotations

import pytest
from django.contrib.sites.models import Site
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from comments.actions.changing import edit_comment
from comments.actions.threads import change_thread
from comments.models import Comment, RepliesPolicy, Thread, ThreadState
from tests.browser.asking import asked_in_a_thread, let_it_ask, meanwhile
from tests.browser.browsers import PHONE, WINDOWS, opener
from tests.browser.places import TALK, make_post
from tests.making import MODERATOR, NOW, decide, later, post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def talk(site: Site) -> Thread:
    """Returns a thread of twelve roots, each longer than a line."""
    thread = make_post(site, "talk")
    for number in range(1, 13):
        post(thread, f"Root {number}. " + "Some words to read slowly. " * 20, name=f"N{number}")
    return thread


def top_of(page: Page, number: int) -> float:
    """Returns where in the window a comment begins."""
    return float(
        page.locator(f"#comment-{number}").evaluate("it => it.getBoundingClientRect().top")
    )


def read_at(page: Page, number: int) -> float:
    """Scrolls to a comment; returns where it then begins."""
    page.locator(f"#comment-{number}").evaluate("it => it.scrollIntoView()")
    return top_of(page, number)


@WINDOWS
def test_replies_above_do_not_move_what_is_read_and_are_told_of(
    talk: Thread, live_server: LiveServer, chromium: str, window: dict[str, int]
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK, viewport=window)
        before = read_at(page, 8)
        meanwhile(page, lambda: [post(talk, f"Late {n}. " * 30, name="Late", to=n) for n in (1, 2)])
        pill = page.get_by_role("button", name="2 new replies")
        expect(pill).to_be_in_viewport()
        expect(page.locator(".says[aria-live=polite]")).to_have_text("2 new replies")
        expect(page.get_by_role("heading", name="14 comments")).to_be_attached()
        assert abs(top_of(page, 8) - before) <= 1
        order = page.locator("li[data-number]").evaluate_all(
            "all => all.map(it => it.dataset.number)"
        )
        assert order[:5] == ["1", "13", "2", "14", "3"]
        pill.click()
        expect(page.locator("#comment-13")).to_be_focused()
        expect(page.locator("#comment-13")).to_be_in_viewport()


@WINDOWS
def test_the_pill_covers_nothing_of_the_form_but_is_seen_with_the_focus(
    talk: Thread, live_server: LiveServer, chromium: str, window: dict[str, int]
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK, viewport=window)
        meanwhile(page, lambda: post(talk, "Late.", name="Late", to=6))
        pill = page.locator(".pill")
        expect(pill).to_be_visible()
        page.locator("#reply-source_helptext").evaluate("it => it.scrollIntoView({ block: 'end' })")
        on_top = """it => {
          const { left, top, width, height } = it.getBoundingClientRect();
          const found = document.elementFromPoint(left + width / 2, top + height / 2);
          return found?.closest(".pill, #reply").className;
        }"""
        box, form = pill.bounding_box(), page.locator("#reply").bounding_box()
        assert box
        assert form
        assert form["y"] < box["y"] < form["y"] + form["height"]
        assert pill.evaluate(on_top) == "write"
        pill.focus()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        expect(pill).to_be_focused()
        assert pill.evaluate(on_top) == "pill"


def test_the_pill_counts_only_what_has_not_been_in_the_window(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        read_at(page, 1)
        meanwhile(page, lambda: post(talk, "Right here.", name="Late", to=1))
        expect(page.locator("#comment-13")).to_be_in_viewport()
        expect(page.locator(".pill")).to_be_hidden()
        expect(page.locator("#comment-13 h3")).to_contain_text("new")


@WINDOWS
def test_an_edit_replaces_the_text_and_the_focus_stays(
    talk: Thread, live_server: LiveServer, chromium: str, window: dict[str, int]
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK, viewport=window)
        page.locator("#comment-5 a.number").focus()
        before = top_of(page, 5)

        def edit(number: int) -> Comment:
            comment = Comment.objects.get(thread=talk, number=number)
            return edit_comment(
                comment_id=comment.pk,
                editor=MODERATOR,
                source=f"Changed {number}.",
                format=None,
                version=comment.version,
                now=later(60),
            ).comment

        meanwhile(page, lambda: [edit(number) for number in (1, 2, 5)])
        expect(page.locator("#comment-5 .text")).to_have_text("Changed 5.")
        expect(page.locator("#comment-1 .text")).to_have_text("Changed 1.")
        expect(page.locator("#comment-5 a.number")).to_be_focused()
        assert abs(top_of(page, 5) - before) <= 1


def test_what_is_hidden_goes_and_what_is_restored_comes_back_to_its_place(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    second = Comment.objects.get(thread=talk, number=2)
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        expect(page.locator("#comment-2")).to_be_visible()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        meanwhile(page, lambda: decide(comment_id=second.pk, action="reject", now=later(1)))
        expect(page.locator("#comment-2")).to_have_count(0)
        expect(page.get_by_role("heading", name="11 comments")).to_be_visible()
        # It would be answered by 404, which every reader's console shows.
        assert [url for url in asked if "/comments/2/" in url] == []
        meanwhile(page, lambda: decide(comment_id=second.pk, action="approve", now=later(2)))
        expect(page.locator("#comment-2")).to_be_visible()
        order = page.locator("li[data-number]").evaluate_all(
            "all => all.map(it => it.dataset.number)"
        )
        assert order[:3] == ["1", "2", "3"]


def edited(thread: Thread, number: int, source: str, *, seconds: int = 60) -> Comment:
    """Changes a comment, as a moderator."""
    comment = Comment.objects.get(thread=thread, number=number)
    return edit_comment(
        comment_id=comment.pk,
        editor=MODERATOR,
        source=source,
        format=None,
        version=comment.version,
        now=later(seconds),
    ).comment


def test_comments_say_where_they_are_mentioned_as_it_changes(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    def mentioned(page: Page, number: int, *by: int) -> None:
        line = page.locator(f"#comment-{number} .backlinks")
        if by:
            expect(line).to_have_text(f"Mentioned in {', '.join(f'#{one}' for one in by)}")
        else:
            expect(line).to_have_count(0)

    post(talk, "I agree with #3.", name="Bo", to=1)
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        mentioned(page, 3, 13)
        before = read_at(page, 9)
        meanwhile(page, lambda: post(talk, "So do I, with #3 and #4.", name="Cy"))
        mentioned(page, 3, 13, 14)
        mentioned(page, 4, 14)
        asked_in_a_thread(lambda: edited(talk, 13, "I agree with #5."))
        mentioned(page, 3, 14)
        mentioned(page, 5, 13)
        hidden = Comment.objects.get(thread=talk, number=14)
        asked_in_a_thread(lambda: decide(comment_id=hidden.pk, action="reject", now=later(61)))
        mentioned(page, 3)
        mentioned(page, 4)
        asked_in_a_thread(lambda: decide(comment_id=hidden.pk, action="approve", now=later(62)))
        mentioned(page, 3, 14)
        mentioned(page, 4, 14)
        assert abs(top_of(page, 9) - before) <= 1


def test_what_is_mentioned_from_a_part_of_the_thread_that_is_not_shown_is_known_too(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    for number in range(13, 62):
        post(talk, f"Reply {number}.", name="Bo", to=1)
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        expect(page.locator("#comment-40")).to_have_count(0)
        order = page.locator("li[data-number]").evaluate_all(
            "all => all.map(it => it.dataset.number)"
        )
        meanwhile(page, lambda: edited(talk, 40, "As #2 says."))
        expect(page.locator("#comment-2 .backlinks")).to_have_text("Mentioned in #40")
        asked_in_a_thread(lambda: post(talk, "And #3.", name="Cy", to=1))
        expect(page.locator("#comment-3 .backlinks")).to_have_text("Mentioned in #62")
        hidden = Comment.objects.get(thread=talk, number=40)
        asked_in_a_thread(lambda: decide(comment_id=hidden.pk, action="reject", now=later(61)))
        expect(page.locator("#comment-2 .backlinks")).to_have_count(0)
        shown = page.locator("li[data-number]").evaluate_all(
            "all => all.map(it => it.dataset.number)"
        )
        assert shown == order


def test_replies_of_what_is_hidden_fold(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    post(talk, "Below.", name="Bo", to=2)
    second = Comment.objects.get(thread=talk, number=2)
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        before = read_at(page, 9)
        meanwhile(
            page,
            lambda: decide(
                comment_id=second.pk,
                action="reject",
                now=later(1),
                replies_policy=RepliesPolicy.COLLAPSE,
            ),
        )
        expect(page.locator("#comment-2")).to_contain_text("removed by a moderator")
        expect(page.get_by_text("1 folded reply")).to_be_attached()
        assert abs(top_of(page, 9) - before) <= 1


def test_many_changes_at_once_come_by_one_fragment_and_nothing_moves(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        before = read_at(page, 10)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        meanwhile(page, lambda: [post(talk, f"Late {n}.", name="Late", to=1) for n in range(35)])
        expect(page.get_by_role("heading", name="47 comments")).to_be_attached()
        expect(page.get_by_role("button", name="35 new replies")).to_be_visible()
        assert abs(top_of(page, 10) - before) <= 1
        assert len([url for url in asked if "/comments/" in url]) == 1


def test_what_one_is_writing_is_not_touched(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        page.locator("#comment-6 [data-do=reply]").click()
        box = page.get_by_role("textbox", name="Comment")
        box.fill("In the middle of a")
        before = box.evaluate("it => it.getBoundingClientRect().top")
        meanwhile(page, lambda: [post(talk, f"Late {n}.", name="Late", to=6) for n in range(35)])
        expect(page.get_by_role("heading", name="47 comments")).to_be_attached()
        expect(box).to_be_focused()
        page.keyboard.type(" sentence")
        expect(box).to_have_value("In the middle of a sentence")
        assert abs(box.evaluate("it => it.getBoundingClientRect().top") - before) <= 1


def test_a_thread_that_closes_takes_the_form_away_and_opening_brings_it_back(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    def become(state: ThreadState) -> None:
        change_thread(thread_id=talk.pk, state=state, now=NOW)

    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        expect(page.locator("#reply")).to_be_visible()
        meanwhile(page, lambda: become(ThreadState.CLOSED))
        expect(page.get_by_text("This thread is closed.")).to_be_visible()
        expect(page.locator("#reply")).to_be_hidden()
        meanwhile(page, lambda: become(ThreadState.OPEN))
        page.locator("#reply .cancel").wait_for(state="attached")
        page.get_by_role("textbox", name="Name").fill("Hana")
        page.get_by_role("textbox", name="Comment").fill("Open again.")
        page.get_by_role("button", name="Post", exact=True).click()
        expect(page.locator("#comment-13")).to_contain_text("Open again.")


def test_two_readers_see_what_each_other_writes_and_nobody_is_told_of_his_own(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        ana, bo = open_(TALK), open_(TALK, viewport=PHONE)
        for page, name in ((ana, "Hana"), (bo, "Ivo")):
            page.locator("#reply .cancel").wait_for(state="attached")
            page.get_by_role("textbox", name="Name").fill(name)
            page.get_by_role("textbox", name="Comment").fill(f"From {name}.")
            page.get_by_role("button", name="Post", exact=True).click()
        for page in (ana, bo):
            let_it_ask(page)
            expect(page.get_by_role("heading", name="14 comments")).to_be_attached()
            expect(page.locator("#comment-13")).to_contain_text("From Hana.")
            expect(page.locator("#comment-14")).to_contain_text("From Ivo.")
            expect(page.locator("li[data-number]")).to_have_count(14)
        expect(ana.locator("#comment-13.is-new, .is-new #comment-13")).to_have_count(0)
        expect(ana.locator(".is-new #comment-14")).to_have_count(1)


def test_a_change_that_could_not_be_fetched_is_fetched_later(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        expect(page.locator(".tools")).to_be_visible()
        page.route("**/comments/13/**", lambda route: route.abort())
        with page.expect_request_finished(lambda request: "/changes/" in request.url):
            meanwhile(page, lambda: post(talk, "Late.", name="Late"))
        expect(page.locator("section.thread")).to_have_attribute("data-version", "13")
        page.unroute_all()
        let_it_ask(page)
        expect(page.locator("#comment-13")).to_contain_text("Late.")
        expect(page.locator("section.thread")).to_have_attribute("data-version", "14")


def test_what_is_hidden_keeps_its_place_for_a_reply_that_comes_with_the_news(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    second = Comment.objects.get(thread=talk, number=2)

    def answer_and_hide() -> None:
        post(talk, "Below.", name="Bo", to=2)
        decide(
            comment_id=second.pk,
            action="reject",
            now=later(1),
            replies_policy=RepliesPolicy.KEEP,
        )

    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        expect(page.locator("#comment-2")).to_be_visible()
        meanwhile(page, answer_and_hide)
        expect(page.locator("#comment-2")).to_contain_text("removed by a moderator")
        expect(page.locator("#comment-13")).to_be_attached()
        order = page.locator("li[data-number]").evaluate_all(
            "all => all.map(it => it.dataset.number)"
        )
        assert order[:4] == ["1", "2", "13", "3"]


def test_what_comes_and_goes_at_once_is_neither_fetched_nor_told_of(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    def write_and_hide() -> None:
        made = post(talk, "Spam.", name="Bo")
        decide(comment_id=made.comment.pk, action="reject", now=later(1))

    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        expect(page.locator("#comment-2")).to_be_visible()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        meanwhile(page, write_and_hide)
        expect(page.locator("section.thread")).not_to_have_attribute("data-version", "12")
        assert [url for url in asked if "/comments/13/" in url] == []
        expect(page.locator(".pill")).to_be_hidden()


def test_new_comments_are_called_replies_only_where_all_of_them_are(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(TALK)
        read_at(page, 4)
        meanwhile(page, lambda: post(talk, "A root.", name="Late"))
        expect(page.locator(".pill")).to_have_text("1 new comment")
        expect(page.locator(".says[aria-live=polite]")).to_have_text("1 new comment")
        meanwhile(page, lambda: post(talk, "A reply.", name="Late", to=1))
        expect(page.locator(".pill")).to_have_text("2 new comments")
        expect(page.locator(".says[aria-live=polite]")).to_have_text("1 new reply")
