"""``<comment-thread>`` and ``<comment-count>`` on a page of another origin, in Chromium.

The page has a strict Content-Security-Policy with Trusted Types, as its own sender says; what it
complains about fails the test.
"""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.sites.models import Site
from django.utils import timezone
from playwright.sync_api import Page, expect

from comments.models import Comment, Thread
from tests.browser.asking import asked_in_a_thread
from tests.browser.browsers import DESK, PHONE, overflow
from tests.browser.embedding import Elsewhere, allow
from tests.browser.hosting import (
    ADVISED,
    heard_of,
    opener,
    talk_elsewhere,
    token,
    wait_to_hear,
)
from tests.browser.places import make_post
from tests.making import post

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def talk(site: Site, elsewhere: Elsewhere) -> Thread:
    """Returns the thread that the page elsewhere shows."""
    return talk_elsewhere(site, elsewhere)


@pytest.mark.parametrize("window", [PHONE, DESK], ids=["phone", "desk"])
def test_a_thread_shows_in_a_shadow_root_on_any_allowed_origin(
    talk: Thread, elsewhere: Elsewhere, chromium: str, window: dict[str, int]
) -> None:
    with opener(chromium, elsewhere) as open_:
        page = open_(viewport=window)
        expect(page.get_by_role("heading", name="3 comments")).to_be_visible()
        expect(page.locator("#comment-2")).to_contain_text("I agree with #1.")
        assert page.evaluate("!!document.querySelector('comment-thread').shadowRoot")
        assert page.locator("comment-thread .comment h3").first.evaluate(
            "heading => getComputedStyle(heading).fontWeight"
        ) in {"600", "700"}
        assert (
            page.locator(".indent-1").evaluate(
                "row => getComputedStyle(row).borderInlineStartStyle"
            )
            == "solid"
        )
        assert overflow(page) == 0
        assert heard_of(page, "ready") == [{"count": 3}]


def test_a_guest_writes_there_and_is_known_again_after_a_reload(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    with opener(chromium, elsewhere) as open_:
        page = open_()
        page.get_by_role("textbox", name="Name").fill("Dan")
        page.get_by_role("textbox", name="Comment").fill("From elsewhere.")
        page.get_by_role("button", name="Post", exact=True).click()
        expect(page.locator("#comment-4")).to_contain_text("From elsewhere.")
        expect(page.locator("#comment-4 h3")).to_contain_text("you")
        assert page.context.cookies() == []
        page.reload()
        expect(page.locator("#comment-4 h3")).to_contain_text("you")


def test_the_hosts_user_is_signed_in_by_its_token_also_after_a_reload(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    elsewhere.body = elsewhere.thread("talk", f'token="{token()}"')
    with opener(chromium, elsewhere) as open_:
        page = open_()
        for number in (4, 5):
            page.get_by_role("textbox", name="Comment").fill(f"Text {number}.")
            page.get_by_role("button", name="Post", exact=True).click()
            expect(page.locator(f"#comment-{number}")).to_contain_text("Hana")
            page.reload()
            expect(page.locator(f"#comment-{number} h3")).to_contain_text("you")
        assert heard_of(page, "token-needed") == []
        # Nothing of the user's is in the names of what is kept.
        kept = page.evaluate("Object.keys(sessionStorage)")
        assert len(kept) == 1
        assert "eyJ" not in kept[0]


def test_the_host_is_asked_for_another_token_when_its_own_has_expired(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    old = token(jti="old", exp=timezone.now() - timedelta(hours=1))
    elsewhere.body = elsewhere.thread("talk", f'token="{old}"')
    with opener(chromium, elsewhere) as open_:
        page = open_()
        wait_to_hear(page, "token-needed")
        page.evaluate(
            "token => { document.querySelector('comment-thread').token = token }", token()
        )
        expect(page.locator(".writing-as")).to_contain_text("Hana")


EXPIRED = "The token has expired."


@pytest.mark.parametrize("is_same", [True, False], ids=["same", "another"])
def test_a_host_whose_tokens_are_refused_is_asked_later_and_later(
    talk: Thread, elsewhere: Elsewhere, chromium: str, is_same: bool
) -> None:
    an_hour_ago = timezone.now() - timedelta(hours=1)
    olds = [token(jti=f"old-{nth}", exp=an_hour_ago) for nth in range(20)]
    with opener(chromium, elsewhere) as open_:
        page = open_()
        wait_to_hear(page, "ready")
        page.clock.install(time=timezone.now())
        page.clock.pause_at(timezone.now() + timedelta(minutes=1))
        asked: list[str] = []
        page.on("request", lambda request: asked.append(f"{request.method} {request.url}"))

        def sent() -> int:
            return len([one for one in asked if one.startswith("POST") and "/viewer/" in one])

        def goes_on(seconds: float) -> int:
            """Lets time pass after a refusal; returns how often a token was asked for."""
            while page.evaluate("document.querySelector('comment-thread').view.api.jwt"):
                page.wait_for_timeout(10)
            page.clock.run_for(round(1000 * seconds))
            return len(heard_of(page, "token-needed"))

        # As a page does it that never looks at what its own server answers.
        page.evaluate(
            """olds => {
                const thread = document.querySelector("comment-thread");
                let given = 0;
                thread.addEventListener("comment-thread-token-needed", () => {
                    thread.token = olds[given++ % olds.length];
                });
                thread.token = olds.at(-1);
            }""",
            olds[:1] if is_same else olds,
        )
        assert goes_on(0.01) == 1
        for times, seconds in ((1, 5), (2, 30), (3, 300), (4, 300)):
            assert goes_on(seconds - 1) == times
            assert goes_on(1.01) == times + 1
        assert heard_of(page, "token-needed") == [{"reason": EXPIRED}] * 5
        assert goes_on(0) == 5
        assert sent() == (1 if is_same else 6)
        # Who says that nobody is signed in is asked no more; a token that is taken ends it, too.
        page.evaluate("document.querySelector('comment-thread').token = ''")
        assert goes_on(600) == 5
        page.evaluate("it => { document.querySelector('comment-thread').token = it }", token())
        expect(page.locator(".writing-as")).to_contain_text("Hana")
        page.clock.run_for(1000 * 600)
        assert len(heard_of(page, "token-needed")) == 5


def test_the_language_is_the_elements_or_that_of_the_page_around_it(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    elsewhere.lang = "de"
    elsewhere.body = f"{elsewhere.thread('talk')}{elsewhere.thread('talk', 'lang=he')}"
    with opener(chromium, elsewhere) as open_:
        page = open_()
        sections = page.locator("section.thread")
        expect(sections.nth(0)).to_have_attribute("lang", "de")
        expect(sections.nth(1)).to_have_attribute("lang", "he")
        expect(sections.nth(1)).to_have_attribute("dir", "rtl")
        page.evaluate("document.querySelector('comment-thread').lang = 'en'")
        expect(sections.nth(0)).to_have_attribute("lang", "en")


def test_attributes_can_change_and_the_element_can_leave_and_come_back(
    talk: Thread, site: Site, elsewhere: Elsewhere, chromium: str
) -> None:
    post(make_post(site, "other"), "In the other thread.", name="Eve")
    with opener(chromium, elsewhere) as open_:
        page = open_()
        expect(page.locator("#comment-3")).to_be_visible()
        page.evaluate("document.querySelector('comment-thread').setAttribute('sort', 'newest')")
        expect(page.locator("a[data-sort=newest]")).to_have_attribute("aria-current", "true")
        expect(page.locator("li[data-number]").first).to_have_attribute("data-number", "3")
        page.evaluate(
            "api => document.querySelector('comment-thread').setAttribute('src', api)",
            f"{elsewhere.api}threads/other/",
        )
        expect(page.locator("#comment-1")).to_contain_text("In the other thread.")
        expect(page.locator("article.comment")).to_have_count(1)
        page.evaluate("const it = document.querySelector('comment-thread'); it.remove(); gone = it")
        expect(page.locator("section.thread")).to_have_count(0)
        assert page.evaluate("new Promise(done => setTimeout(() => done(!!gone.view)))") is False
        page.evaluate("document.body.append(gone)")
        expect(page.locator("#comment-1")).to_contain_text("In the other thread.")
        expect(page.locator("section.thread")).to_have_count(1)
        expect(page.locator(".pill")).to_have_count(1)


def test_two_threads_on_one_page_do_not_disturb_each_other(
    talk: Thread, site: Site, elsewhere: Elsewhere, chromium: str
) -> None:
    post(make_post(site, "other"), "In the other thread.", name="Eve")
    elsewhere.body = f"{elsewhere.thread('talk')}<hr>{elsewhere.thread('other')}"
    with opener(chromium, elsewhere) as open_:
        page = open_()
        expect(page.locator("#comment-1")).to_have_count(2)
        second = page.locator("comment-thread").nth(1)
        second.locator("#comment-1").focus()
        page.keyboard.press("j")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_have_count(1)
        page.keyboard.press("Escape")
        second.locator("a.number").click()
        expect(second.locator("#comment-1")).to_have_class(re.compile("is-sought"))
        expect(page.locator(".is-sought")).to_have_count(1)


@pytest.mark.parametrize(("key", "status"), [("nothing", 404), ("talk", 0)])
def test_what_cannot_be_shown_is_said_with_a_button_to_try_again(
    talk: Thread, elsewhere: Elsewhere, chromium: str, key: str, status: int
) -> None:
    is_allowed = key == "nothing"
    elsewhere.body = elsewhere.thread(key)
    if not is_allowed:
        allow("https://www.example.org")
    with opener(chromium, elsewhere, usual=ADVISED) as open_:
        page = open_()
        expect(page.get_by_role("alert")).to_be_visible()
        wait_to_hear(page, "error")
        assert [error["status"] for error in heard_of(page, "error")] == [status]
        if is_allowed:
            page.get_by_role("button", name="Try again").click()
            wait_to_hear(page, "error error")


def test_being_offline_is_said_and_trying_again_shows_the_thread(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    with opener(chromium, elsewhere) as open_:
        page = open_("/?", has_touch=True)
        expect(page.locator("#comment-1")).to_be_visible()
        page.context.route("**/api/v1/**", lambda route: route.abort())
        page.evaluate("document.querySelector('comment-thread').lang = 'de'")
        expect(page.get_by_role("alert")).to_contain_text("lassen sich nicht laden")
        page.context.unroute_all()
        page.get_by_role("button", name="Erneut versuchen").click()
        expect(page.locator("#comment-1")).to_be_visible()


def test_the_host_chooses_colours_and_the_scheme_follows_its_own(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    with opener(chromium, elsewhere) as open_:
        page = open_(color_scheme="dark")
        button = page.locator("button.main")
        ground = "element => getComputedStyle(element).backgroundColor"
        # A page that declares no scheme is light, whatever the reader prefers.
        assert button.evaluate(ground) == "rgb(23, 84, 155)"
        page.evaluate("document.documentElement.style.colorScheme = 'light dark'")
        assert button.evaluate(ground) == "rgb(138, 184, 240)"
        page.evaluate("document.body.style.setProperty('--comments-accent', '#800000')")
        assert button.evaluate(ground) == "rgb(128, 0, 0)"
        for box in page.locator("input[type=radio], input[type=checkbox]").all():
            expect(box).to_have_css("accent-color", "rgb(128, 0, 0)")
        expect(page.locator("input[type=checkbox]")).to_have_count(1)


def test_what_others_write_shows_there_too(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    with opener(chromium, elsewhere) as open_:
        page = open_()
        expect(page.locator("#comment-3")).to_be_visible()
        asked_in_a_thread(lambda: post(talk, "Live.", name="Eve", to=1))
        page.evaluate("dispatchEvent(new Event('online'))")
        expect(page.locator("#comment-4")).to_contain_text("Live.")
        expect(page.get_by_role("heading", name="4 comments")).to_be_visible()
        wait_to_hear(page, "changed")


def test_all_counts_of_a_page_come_by_one_request(
    talk: Thread, site: Site, elsewhere: Elsewhere, chromium: str
) -> None:
    post(make_post(site, "other"), "One.", name="Eve")
    keys = ["talk", "other", "talk", "unknown"]
    elsewhere.body = "".join(
        f'<p><comment-count src="{elsewhere.api}" key="{key}">?</comment-count></p>' for key in keys
    )
    with opener(chromium, elsewhere) as open_:
        page = open_("/?first")
        expect(page.locator("comment-count").last).to_have_text("0")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.reload()
        expect(page.locator("comment-count")).to_have_text(["3", "1", "3", "0"])
        assert len([url for url in asked if "/counts/" in url]) == 1


def test_nothing_of_a_text_runs_on_the_hosts_page(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    post(talk, "<img src=x onerror=alert(1)><script>document.title='run'</script>", name="Mal")
    assert Comment.objects.count() == 4
    with opener(chromium, elsewhere) as open_:
        page = open_()
        expect(page.locator("#comment-4")).to_contain_text("onerror=alert(1)")
        expect(page).to_have_title("A page elsewhere")


def test_the_address_of_the_hosts_page_names_a_comment(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    def sought(page: Page, number: int) -> None:
        expect(page.locator(".is-sought")).to_have_id(f"comment-{number}")
        expect(page.locator(f"#comment-{number}")).to_be_focused()

    with opener(chromium, elsewhere) as open_:
        page = open_("/any/page?x=1#comment-3")
        sought(page, 3)
        page.evaluate("location.hash = '#comment-1'")
        sought(page, 1)
        page.evaluate("history.replaceState({host: 1}, '')")
        page.locator("#comment-2 a.number").click()
        sought(page, 2)
        expect(page).to_have_url(f"{elsewhere.origin}/any/page?x=1#comment-2")
        assert page.evaluate("history.state") == {"host": 1}
        page.locator("#comment-2 .text a").click()
        expect(page).to_have_url(re.compile("#comment-1$"))
        page.go_back()
        # Back where one was: at the link, in the comment that is sought again.
        expect(page.locator(".is-sought")).to_have_id("comment-2")
        expect(page.locator("#comment-2 .text a")).to_be_focused()
        page.reload()
        sought(page, 2)


def test_of_two_threads_the_address_means_the_first_that_shows_the_comment(
    talk: Thread, site: Site, elsewhere: Elsewhere, chromium: str
) -> None:
    other = make_post(site, "other")
    for number in range(1, 5):
        post(other, f"Text {number}.", name="Eve")
    elsewhere.body = f"{elsewhere.thread('talk')}<hr>{elsewhere.thread('other')}"
    with opener(chromium, elsewhere) as open_:
        page = open_("/#comment-4")
        first, second = (page.locator("comment-thread").nth(nth) for nth in (0, 1))
        expect(second.locator("#comment-4")).to_be_focused()
        expect(first.locator("#comment-3")).to_be_visible()
        page.evaluate("location.hash = '#comment-3'")
        expect(first.locator("#comment-3")).to_be_focused()
        second.locator("#comment-2 a.number").click()
        expect(second.locator("#comment-2")).to_be_focused()
        expect(page).to_have_url(re.compile("#comment-3$"))


def test_an_anchor_of_the_hosts_own_is_left_to_it(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    elsewhere.body = f'<p id="comment-1">The host\'s.</p>{elsewhere.thread("talk")}'
    with opener(chromium, elsewhere) as open_:
        page = open_("/#comment-1")
        wait_to_hear(page, "ready")
        expect(page.locator(".is-sought")).to_have_count(0)


def test_the_bar_of_a_comment_stands_before_its_text_in_hebrew_too(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    bars = """it => {
      const { borderRightWidth, borderLeftWidth, boxShadow } = getComputedStyle(it);
      return [borderRightWidth, borderLeftWidth, boxShadow];
    }"""
    elsewhere.lang = "he"
    with opener(chromium, elsewhere) as open_:
        page = open_()
        wait_to_hear(page, "ready")
        expect(page.locator(".pill")).to_be_attached()
        page.locator("#comment-1 a.number").click()
        expect(page.locator("#comment-1")).to_have_class(re.compile("is-sought"))
        asked_in_a_thread(lambda: post(talk, "חדש", name="Eve"))
        page.evaluate("dispatchEvent(new Event('online'))")
        expect(page.locator(".is-new #comment-4")).to_be_visible()
        for number in (1, 4):
            shown = page.locator(f"#comment-{number}").evaluate(bars)
            assert shown == ["3px", "0px", "none"]


def test_what_cannot_be_shown_is_said_in_the_language_with_the_hosts_link(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    elsewhere.lang = "he"
    link = '<a href="https://www.example.org/">Comments</a></comment-thread>'
    elsewhere.body = elsewhere.thread("nothing").replace("</comment-thread>", link)
    with opener(chromium, elsewhere) as open_:
        page = open_()
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("לא ניתן לטעון את התגובות.")
        expect(alert).to_have_css("direction", "rtl")
        expect(alert).to_have_css("border-right-style", "solid")
        expect(alert).to_have_css("font-family", re.compile("system-ui"))
        expect(page.get_by_role("link", name="Comments")).to_be_visible()
        wait_to_hear(page, "error")
        (error,) = heard_of(page, "error")
        assert error["status"] == 404
        assert error["message"]


def test_an_error_without_an_answer_has_a_message_for_the_host_too(
    talk: Thread, elsewhere: Elsewhere, chromium: str
) -> None:
    with opener(chromium, elsewhere) as open_:
        page = open_()
        wait_to_hear(page, "ready")
        page.context.route("**/api/v1/**", lambda route: route.abort())
        page.reload()
        wait_to_hear(page, "error")
        expected = {"status": 0, "code": "", "message": "The comments cannot be loaded."}
        assert heard_of(page, "error") == [expected]
