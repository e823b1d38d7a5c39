"""What stands beside the text while it is written: drafts, preview, names, quotations, counting."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Dialog, Route, expect
from pytest_django.live_server_helper import LiveServer

from comments.models import Thread
from tests.browser.holding import hold
from tests.browser.pen import (
    press,
    reply_to,
    said,
    stored,
    text_of,
    write,
)
from tests.browser.places import ELSEWHERE, OWN, both_places, visitor
from tests.making import post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@both_places
def test_a_draft_outlives_a_reload_for_each_comment_that_is_answered(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "For everybody. \U0001f600")
        reply_to(page, 1)
        text_of(page).fill("For **Ana**.")
        page.get_by_role("radio", name="Markdown").check()
        page.reload()
        expect(text_of(page)).to_have_value("For **Ana**.")
        press(page, "Cancel")
        expect(text_of(page)).to_have_value("For everybody. \U0001f600")
        expect(page.locator("#reply input[name=name]")).to_have_value("Cy")
        expect(said(page)).to_have_text("What you had begun to write here is back.")
        reply_to(page, 1)
        expect(text_of(page)).to_have_value("For **Ana**.")
        expect(page.get_by_role("radio", name="Markdown")).to_be_checked()
        press(page, "Throw it away")
        expect(text_of(page)).to_be_focused()
        expect(text_of(page)).to_have_value("")
        press(page, "Cancel")
        press(page, "Post")
        expect(page.locator("#comment-3")).to_contain_text("For everybody.")
        page.reload()
        expect(page.locator("#comment-3")).to_be_visible()
        expect(text_of(page)).to_have_value("")
        reply_to(page, 1)
        expect(text_of(page)).to_have_value("")


def test_two_tabs_keep_what_each_has_typed(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        one = visit()
        two = visit(by=one.context)
        write(one, "Of the first tab.")
        reply_to(two, 1)
        write(two, "Of the second tab.")
        press(one, "Post")
        expect(one.locator("#comment-3")).to_contain_text("Of the first tab.")
        two.reload()
        reply_to(two, 1)
        expect(text_of(two)).to_have_value("Of the second tab.")
        write(one, "In both tabs.")
        two.reload()
        write(two, "In both tabs, and longer.")
        press(one, "Post")
        expect(one.locator("#comment-4")).to_contain_text("In both tabs.")
        two.reload()
        expect(text_of(two)).to_have_value("In both tabs, and longer.")


def test_a_tab_that_sees_late_what_another_keeps_undoes_none_of_it(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        one = visit()
        two = visit(by=one.context)
        # Browsers tell a tab of what others keep when they come to it.
        one.evaluate(
            "() => { const old = {...localStorage};"
            " Storage.prototype.getItem = (name) => old[name] ?? null; }"
        )
        reply_to(two, 1)
        write(two, "Of the second tab.")
        two.close()
        write(one, "Of the first tab.")
        press(one, "Post")
        expect(one.locator("#comment-3")).to_contain_text("Of the first tab.")
        three = visit(by=one.context)
        reply_to(three, 1)
        expect(text_of(three)).to_have_value("Of the second tab.")


def test_leaving_is_asked_about_only_where_nothing_can_be_kept(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        page.on("dialog", answer)
        write(page, "Kept.")
        page.reload()
        assert asked == []
        page.evaluate("() => { Storage.prototype.setItem = () => { throw new Error('full'); }; }")
        text_of(page).press_sequentially("Not kept.")
        reply_to(page, 1)
        text_of(page).fill("Nor this.")
        press(page, "Cancel")
        expect(text_of(page)).to_have_value(re.compile("Not kept"))
        text_of(page).press("x")
        page.reload()
        assert asked == ["beforeunload"]


@both_places
def test_the_preview_stands_beside_the_text_and_follows_it(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    sent: list[str] = []
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        page.on(
            "request",
            lambda it: (
                sent.append(it.url)
                if it.url.endswith("/preview/") and it.method == "POST"
                else None
            ),
        )
        text_of(page).fill("See #1.")
        toggle = page.locator("#reply [value=preview]")
        expect(toggle).to_have_attribute("aria-expanded", "false")
        toggle.click()
        expect(toggle).to_have_attribute("aria-expanded", "true")
        shown = page.get_by_role("region", name="Preview")
        expect(shown.locator("a")).to_have_text("#1")
        text_of(page).press_sequentially(" And @Bo, once.")
        expect(shown.locator("a.mention")).to_have_text("@Bo")
        assert len(sent) < 10
        text, preview = text_of(page).bounding_box(), shown.bounding_box()
        assert text is not None
        assert preview is not None
        assert preview["x"] >= text["x"] + text["width"]
        page.set_viewport_size({"width": 320, "height": 640})
        text, preview = text_of(page).bounding_box(), shown.bounding_box()
        assert text is not None
        assert preview is not None
        assert preview["y"] >= text["y"] + text["height"]
        root = "document.documentElement"
        assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0
        toggle.click()
        expect(shown).to_be_hidden()


def test_a_preview_waits_while_the_server_asks_to(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    answers: list[int] = []

    def refuse_once(route: Route) -> None:
        answers.append(429 if not answers else 200)
        if answers[-1] == 429:
            route.fulfill(status=429, headers={"Retry-After": "1"}, json={"code": "rate_limited"})
        else:
            route.continue_()

    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        page.route("**/preview/", refuse_once)
        text_of(page).fill("Patience.")
        page.locator("#reply [value=preview]").click()
        expect(page.get_by_role("region", name="Preview")).to_contain_text("Patience.")
        assert answers == [429, 200]


@both_places
def test_names_are_offered_after_an_at_sign_and_taken_by_keys_or_mouse(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    post(talk, "Hi.", name="Anat")
    post(talk, "שלום.", name="אנה כהן")
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        text, names = text_of(page), page.get_by_role("listbox", name="Names")
        text.press_sequentially("Hello @an")
        expect(names.get_by_role("option")).to_have_text(["Ana Müller #1", "Anat #3"])
        first, second = names.get_by_role("option").all()
        expect(first).to_have_attribute("aria-selected", "true")
        expect(text).to_have_attribute("aria-controls", "reply-names")
        expect(said(page)).to_contain_text("2 names")
        text.press("ArrowDown")
        expect(text).to_have_attribute("aria-activedescendant", "reply-name-1")
        expect(second).to_have_attribute("aria-selected", "true")
        text.press("ArrowDown")
        text.press("Tab")
        expect(text).to_be_focused()
        expect(text).to_have_value("Hello @Ana Müller ")
        expect(names).to_be_hidden()
        text.press_sequentially("and @Ana m")
        expect(names.get_by_role("option")).to_have_count(1)
        text.press("Escape")
        expect(names).to_be_hidden()
        expect(text).to_be_focused()
        text.press("Backspace")
        names.get_by_role("option", name="Ana Müller").click()
        expect(text).to_have_value("Hello @Ana Müller and @Ana Müller ")
        expect(text).not_to_have_attribute("aria-activedescendant", re.compile("."))
        text.fill("")
        text.press_sequentially("שלום @אנ")
        expect(names.get_by_role("option")).to_have_text(["אנה כהן #4"])
        text.press("Enter")
        expect(text).to_have_value("שלום @אנה כהן ")
        page.locator("#reply input[name=name]").fill("Cy")
        press(page, "Post")
        expect(page.locator("#comment-5 a.mention")).to_have_text("@אנה כהן")
        assert (
            page.evaluate(
                """() => { const root = document.querySelector('comment-thread');
            const text = (root.shadowRoot ?? root).querySelector('#comment-5 .text');
            return getComputedStyle(text).direction; }"""
            )
            == "rtl"
        )


def test_hostile_names_are_texts_and_those_that_cannot_be_mentioned_are_left_out(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    post(talk, "One.", name="An<img src=x onerror=alert(1)>")
    post(talk, "Two.", name="An`a#1")
    post(talk, "Three.", name="An & \"b\" 'c'")
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        text_of(page).press_sequentially("@an")
        options = page.get_by_role("listbox", name="Names").get_by_role("option")
        expect(options).to_have_text(["An & \"b\" 'c' #5", "Ana Müller #1"])
        text_of(page).press("Enter")
        expect(text_of(page)).to_have_value("@An & \"b\" 'c' ")


@both_places
def test_what_is_selected_is_quoted_with_its_number(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        page.locator("#comment-1 .text p").click(click_count=3)
        offer = page.get_by_role("button", name="Quote")
        expect(offer).to_be_visible()
        # It covers none of the text that one may want to select as well.
        expect(page.locator("#comment-1 .choices")).to_contain_text("Quote")
        offer.click()
        expect(page.locator("#reply h3")).to_have_text("Reply to #1 by \u2068Ana Müller\u2069")
        expect(text_of(page)).to_have_value("#1:\n\n> Rivers run to the sea.\n\n")
        expect(text_of(page)).to_be_focused()
        expect(page.get_by_role("radio", name="Markdown")).to_be_checked()
        expect(offer).to_be_hidden()
        page.keyboard.type("Not all.")
        page.locator("#comment-2 .text p").click(click_count=3)
        page.keyboard.press("q")
        expect(text_of(page)).to_have_value(
            "#1:\n\n> Rivers run to the sea.\n\nNot all.\n\n#2:\n\n> Second thoughts.\n\n"
        )
        page.locator("#reply input[name=name]").fill("Cy")
        press(page, "Post")
        expect(page.locator("#comment-3 blockquote")).to_have_count(2)


def test_the_help_on_markdown_needs_no_script(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, ELSEWHERE) as visit:
        page = visit()
        page.get_by_text("What Markdown can do").click()
        expect(page.locator(".markdown-help strong")).to_be_visible()


@both_places
def test_characters_are_counted_as_the_server_counts_them(
    talk: Thread, live_server: LiveServer, chromium: str, settings: Any, place: str
) -> None:
    settings.REJOINDER = {**settings.REJOINDER, "MAX_COMMENT_CHARS": 10}
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        counter = page.locator("#reply .counter")
        write(page, "1234567")
        expect(counter).to_be_hidden()
        # Emoji are one, a composed letter is one, what is taken out is none.
        write(page, "\n \n\U0001f600\U0001f600e\u0301\u202e\u200f\ufeff4567  \n")
        expect(counter).to_be_hidden()
        write(page, "\n \n\U0001f600\U0001f600e\u0301\u202e\u200f\ufeff4567 89  \n")
        expect(counter).to_have_text("10 of 10 characters")
        expect(said(page)).to_have_text("10 of 10 characters")
        write(page, "\U0001f600" * 11)
        expect(counter).to_have_text("11 of 10 characters")
        press(page, "Post")
        expect(text_of(page)).to_be_focused()
        expect(text_of(page)).to_have_accessible_description(
            re.compile("^The text is 1 character too long")
        )
        write(page, "\U0001f600" * 10)
        press(page, "Post")
        expect(page.locator("#comment-3")).to_be_focused()
    assert stored()[2:] == ["\U0001f600" * 10]


def test_ten_thousand_characters_are_typed_and_posted(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    long = "שלום " * 1999 + "12345"
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        write(page, long)
        expect(page.locator("#reply .counter")).to_have_text("10,000 of 10,000 characters")
        press(page, "Post")
        expect(page.locator("#comment-3")).to_be_focused()
    assert stored()[2:] == [long]


def test_a_form_and_its_lists_fit_a_phone_from_right_to_left(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    post(talk, "שלום.", name="אנה כהן")
    phone = {"width": 320, "height": 640}
    with visitor(chromium, live_server, ELSEWHERE, lang="he") as visit:
        page = visit(viewport=phone)
        reply_to(page, 2)
        text_of(page).press_sequentially("@אנ")
        names = page.locator("#reply-names")
        expect(names.get_by_role("option")).to_have_count(1)
        box, field = names.bounding_box(), text_of(page).bounding_box()
        assert box is not None
        assert field is not None
        assert abs(box["x"] + box["width"] - field["x"] - field["width"]) < 2
        root = "document.documentElement"
        assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0
        text_of(page).press("Enter")
        expect(text_of(page)).to_have_value("@אנה כהן ")


@both_places
def test_the_preview_goes_when_the_comment_is_posted(
    talk: Thread, live_server: LiveServer, chromium: str, place: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        write(page, "Seen before.")
        press(page, "Preview")
        shown = page.locator("#reply-preview")
        expect(shown).to_contain_text("Seen before.")
        press(page, "Post")
        expect(page.locator("#comment-3")).to_be_focused()
        expect(shown).to_be_hidden()
        toggle = page.locator("#reply [value=preview]")
        expect(toggle).to_have_attribute("aria-expanded", "false")


@pytest.mark.parametrize("draft", ["", "What was begun."])
def test_whoever_types_while_the_scripts_arrive_loses_no_letter_and_no_draft(
    talk: Thread, live_server: LiveServer, chromium: str, draft: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        text_of(page).fill(draft)
        held = hold(page, "**/thread/writing.js")
        page.reload(wait_until="commit")
        field = text_of(page)
        field.focus()
        field.evaluate("it => { it.value = '' }")  # what the browser itself has kept
        page.keyboard.insert_text("Begun early, ")
        while not held:
            page.wait_for_event("requestfinished")
        held[0].continue_()
        ready = page.locator("#reply .cancel")
        late = ""
        while not (ready.count() and len(late) > 20):
            page.keyboard.insert_text("x")
            late += "x"
        expect(field).to_be_focused()
        begun = f"{draft}\n\n" if draft else ""
        expect(field).to_have_value(f"{begun}Begun early, {late}")
