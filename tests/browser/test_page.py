"""The customer's post in Chromium: read, answered, edited and deleted, with and without scripts."""

from __future__ import annotations

import re

import pytest
from django.contrib.sites.models import Site
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from comments.actions.generating import generate_thread
from comments.models import RepliesPolicy, ScreeningRule
from tests.browser.browsers import DESK, PHONE, opener, overflow
from tests.browser.places import CUSTOMERS, make_post
from tests.making import NOW, decide, later, post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGE = CUSTOMERS


def ground(page: Page) -> str:
    """Returns the colour of the page's ground, which only its stylesheet sets."""
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_a_reader_answers_edits_and_deletes_without_javascript(
    customers_post: None, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(PAGE, java_script_enabled=False)
        replies = page.locator("article.comment")
        expect(replies).to_have_count(9)
        for number in range(1, 10):
            expect(page.locator(f"#comment-{number} h3")).to_have_text(f"#{number} Unknown")

        page.get_by_role("link", name="Reply to comment 3").click()
        expect(page.get_by_role("heading", name="Reply to #3")).to_be_in_viewport()
        page.get_by_role("textbox", name="Name").fill("Ted Belman")
        page.get_by_role("textbox", name="Comment").fill("I *agree* with #3.")
        page.get_by_role("radio", name="Markdown").check()

        page.get_by_role("button", name="Preview").click()
        preview = page.get_by_role("region", name="Preview")
        expect(preview.locator("em")).to_have_text("agree")
        expect(preview).to_be_in_viewport()

        page.get_by_role("button", name="Post").click()
        name = page.get_by_role("textbox", name="Name")
        expect(name).to_have_attribute("aria-invalid", "true")
        expect(name).to_have_accessible_description(re.compile("belongs to somebody here"))
        expect(page.get_by_role("textbox", name="Comment")).to_have_value("I *agree* with #3.")

        name.fill("Ana")
        page.get_by_role("button", name="Post").click()
        expect(page).to_have_url(f"{live_server.url}{PAGE}#comment-10")
        own = page.locator("#comment-10")
        expect(own).to_be_in_viewport()
        expect(own.locator("h3")).to_have_text("#10 Ana you level 2, reply to 3")
        expect(own.get_by_role("link", name="in reply to #3")).to_be_visible()
        expect(page.locator("#comment-3")).to_contain_text("Mentioned in #10")

        own.get_by_role("link", name="Edit").click()
        page.locator("#edit-source").fill("I agree with #3 and #4.")
        page.get_by_role("button", name="Save").click()
        expect(own).to_contain_text("I agree with #3 and #4.")
        expect(own).to_contain_text("edited")

        page.get_by_role("button", name="Vote comment 4 up").click()
        voted = page.get_by_role("button", name="Vote comment 4 up")
        expect(voted).to_have_attribute("aria-pressed", "true")
        expect(voted).to_contain_text("1")

        own.get_by_role("link", name="Delete").click()
        page.get_by_role("button", name="Delete for good").click()
        expect(page.get_by_role("status")).to_have_text("Your comment is gone.")
        expect(replies).to_have_count(9)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", [PHONE, DESK], ids=["phone", "desk"])
def test_the_pages_fit_and_complain_about_nothing_in_either_scheme(
    customers_post: None,
    live_server: LiveServer,
    chromium: str,
    scheme: str,
    window: dict[str, int],
) -> None:
    addresses = [
        *(PAGE, f"{PAGE}?reply_to=9#reply", "/", "/series/russia-and-the-new-me/"),
        *("/problems/", "/problems/validation_failed/", "/api/v1/docs/", "/nothing/"),
    ]
    with opener(chromium, live_server.url) as open_:
        for address in addresses:
            page = open_(address, viewport=window, color_scheme=scheme)
            assert overflow(page) == 0, address
            assert ground(page) == (
                "rgb(253, 253, 251)" if scheme == "light" else "rgb(22, 24, 27)"
            )
            page.context.close()


def test_a_deep_thread_of_unbreakable_words_fits_on_a_phone(
    site: Site, live_server: LiveServer, chromium: str
) -> None:
    thread = make_post(site, "deep")
    for number in range(1, 31):
        post(thread, f"{number} {'unbreakable' * 30}", to=number - 1 or None, name="N" * 80)
    with opener(chromium, live_server.url) as open_:
        page = open_("/posts/deep/", viewport=PHONE)
        assert overflow(page) == 0
        box = page.locator("#comment-30 .text").bounding_box()
        assert box is not None
        assert box["width"] > 200


def test_an_address_with_a_number_finds_a_comment_on_a_later_page(
    site: Site, live_server: LiveServer, chromium: str
) -> None:
    thread = make_post(site, "long")
    generate_thread(site_id=1, key="long", comments=200, seed=7)
    loud = post(thread, "Loud.", name="Eve")
    number = loud.comment.number
    assert number is not None
    below = post(thread, "Below.", name="Ana", to=number)
    decide(
        comment_id=loud.comment.pk,
        action="reject",
        now=later(1),
        replies_policy=RepliesPolicy.COLLAPSE,
    )
    with opener(chromium, live_server.url) as open_:
        page = open_("/posts/long/#comment-150")
        expect(page).to_have_url(f"{live_server.url}/posts/long/?comment=150#comment-150")
        expect(page.locator("#comment-150")).to_be_in_viewport()

        page.evaluate("location.hash = '#comment-1'")
        expect(page.locator("#comment-1")).to_be_in_viewport()

        page.goto(f"{live_server.url}/posts/long/?sort=newest")
        page.evaluate(f"location.hash = '#comment-{below.comment.number}'")
        expect(page.locator(f"#comment-{below.comment.number}")).to_be_in_viewport()

        page = open_("/posts/long/#comment-9999")
        expect(page.get_by_role("alert")).to_have_text("This comment is not here (any more).")
        expect(page.get_by_role("alert")).to_be_in_viewport()


def test_the_page_can_be_used_from_the_keyboard(
    customers_post: None, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(PAGE)
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to the text")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        page.keyboard.press("Enter")
        page.get_by_role("link", name="Reply to comment 1").focus()
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Reply to #1")).to_be_in_viewport()


@pytest.mark.parametrize("window", [PHONE, DESK], ids=["phone", "desk"])
def test_the_field_for_programs_is_not_seen_and_not_reached_by_tab(
    customers_post: None, live_server: LiveServer, chromium: str, window: dict[str, int]
) -> None:
    ScreeningRule.objects.create(
        site_id=1, key="bait", title="Bait", kind="honeypot", mode="live", changed_at=NOW
    )
    with opener(chromium, live_server.url) as open_:
        page = open_(PAGE, viewport=window)
        field = page.locator("#reply input[name=subject]")
        expect(field).to_have_count(1)
        assert page.get_by_role("textbox", name="Leave this empty").count() == 0
        form = page.locator("#reply form").first
        before = form.screenshot()
        field.evaluate("field => { field.parentElement.style.display = 'none'; }")
        assert form.screenshot() == before
        field.evaluate("field => { field.parentElement.style.display = ''; }")

        page.get_by_role("textbox", name="Name").focus()
        reached = ["name"]
        while reached[-1] != "do":
            page.keyboard.press("Tab")
            reached.append(str(page.evaluate("document.activeElement.name")))
        fields = [name for name in reached if name not in {"", "None", "undefined"}]
        assert fields == ["name", "email", "url", "source", "format", "tell", "do"]
        for name, text in {"Name": "Ana", "Comment": "A text of mine."}.items():
            page.get_by_role("textbox", name=name).fill(text)
        page.get_by_role("button", name="Post").click()
        expect(page.locator("#comment-10")).to_contain_text("A text of mine.")


def test_reloading_and_going_back_to_post_again_make_one_comment_without_javascript(
    customers_post: None, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url) as open_:
        page = open_(PAGE, java_script_enabled=False)
        page.get_by_role("textbox", name="Name").fill("Ana")
        page.get_by_role("textbox", name="Comment").fill("Hello.")
        page.get_by_role("button", name="Post").click()
        expect(page.locator("#comment-10")).to_contain_text("Hello.")
        page.reload()
        expect(page.locator("article.comment")).to_have_count(10)
        page.go_back()
        expect(page.get_by_role("textbox", name="Comment")).to_have_value("Hello.")
        with page.expect_response(lambda answer: answer.request.method == "POST"):
            page.get_by_role("button", name="Post").click()
        page.goto(f"{live_server.url}{PAGE}")
        expect(page.locator("article.comment")).to_have_count(10)
