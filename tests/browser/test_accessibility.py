"""WCAG 2.2 AA in Chromium: what axe-core finds (nothing), and what it cannot see.

axe is given to the page past its policy, which would refuse a script of anybody but us.
"""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.contrib.sites.models import Site
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from comments.actions.changing import edit_comment
from comments.models import Moderator, RepliesPolicy, Subscriber, Thread
from tests.admin.mailrooming import MAIL, in_every_state
from tests.browser.browsers import DESK, PHONE, overflow
from tests.browser.desking import QUEUE, full_desk
from tests.browser.desking import opener as desk_opener
from tests.browser.places import CUSTOMERS, ELSEWHERE, OWN, make_talk, visitor
from tests.conftest import ROOT
from tests.mailing import subscribed
from tests.making import author_of, decide, later, make_thread, post
from tests.smtp_server import MailHost

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AXE = (ROOT / "tests" / "browser" / "axe" / "axe.min.js").read_text(encoding="utf-8")
STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """([within, values]) => axe.run(
  within || document, {runOnly: {type: 'tag', values}, resultTypes: ['violations']})"""
"""Of what it finds in order, one element is enough to tell that it has looked."""
NARROW = {"width": 320, "height": 640}
CODE = "```\n" + "a_name_that_nobody_breaks_" * 20 + "\n" + "a line\n" * 60 + "```"
"""Wider than any window, and higher than any preview."""
SCHEMES = ["light", "dark"]


def faults(page: Page) -> list[str]:
    """Returns what axe-core finds wrong: the rule, what it says, and where.

    On a page that is not ours, in what is ours alone.
    """
    within = "comment-thread" if page.locator("main").count() == 0 else ""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found = page.evaluate(RUN, [within, STANDARD])
    assert found["passes"], "axe looked at nothing"
    return [
        f"{fault['id']}: {fault['help']}: {[node['target'] for node in fault['nodes']]}"
        for fault in found["violations"]
    ]


@pytest.fixture
def talk(site: Site) -> Thread:
    """Returns a thread that has everything a thread can show."""
    thread = make_talk(site)
    post(
        thread,
        "First, with `code`, [a link](https://example.org/) and\n\n> a quote.",
        name="Ana",
        format="markdown",
    )
    post(thread, "שלום, זה טקסט בעברית.", name="דנה", to=1)
    post(thread, "See #1 and #2, @Ana.", name="Bo", to=2)
    loud = post(thread, "Loud.", name="Eve")
    post(thread, "Below the loud one.", name="Fay", to=4)
    decide(
        comment_id=loud.comment.pk,
        action="reject",
        now=later(1),
        replies_policy=RepliesPolicy.COLLAPSE,
    )
    gone = post(thread, "Taken back.", name="Gil")
    post(thread, "Answered nevertheless.", name="Hal", to=6)
    decide(comment_id=gone.comment.pk, action="reject", now=later(2))
    changed = post(thread, "Last.", name="Ida")
    edit_comment(
        comment_id=changed.comment.pk,
        editor=author_of(changed),
        source="Last, said better.",
        format=None,
        version=1,
        now=later(60),
    )
    post(thread, CODE, name="Jo", format="markdown")
    return thread


@pytest.fixture
def long_talk(site: Site) -> Thread:
    """Returns a thread with holes, and with a further page."""
    thread = make_talk(site)
    for number in range(60):
        post(thread, f"Root {number}.", name="Ana")
    for number in range(12):
        post(thread, f"Reply {number}.", name="Bo", to=1)
    return thread


@pytest.mark.parametrize("place", [OWN, ELSEWHERE])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_on_a_thread(
    place: str, scheme: str, talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit(color_scheme=scheme, bypass_csp=True)
        assert faults(page) == []
        page.locator("summary", has_text="folded reply").click()
        assert faults(page) == []


@pytest.mark.parametrize("place", [OWN, ELSEWHERE])
@pytest.mark.parametrize("language", ["en", "he"])
def test_axe_finds_nothing_on_a_phone(
    place: str, language: str, talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, place, language=language, lang=language) as visit:
        page = visit(viewport=PHONE, bypass_csp=True)
        assert page.locator("section.thread").get_attribute("lang") == language
        assert faults(page) == []
        page.locator("#comment-1 a.reply").click()
        assert faults(page) == []


@pytest.mark.parametrize("window", [PHONE, DESK], ids=["phone", "desk"])
def test_axe_finds_nothing_on_the_customers_post(
    window: dict[str, int], customers_post: None, live_server: LiveServer, chromium: str
) -> None:
    make_talk(Site.objects.get())  # where everybody begins
    with visitor(chromium, live_server, OWN) as visit:
        page = visit(viewport=window, bypass_csp=True)
        page.goto(f"{live_server.url}{CUSTOMERS}")
        page.locator("#reply .cancel").wait_for(state="attached")
        assert faults(page) == []


@pytest.mark.parametrize("place", [OWN, ELSEWHERE])
def test_long_code_is_read_without_scrolling_sideways(
    place: str, talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    wider = "all => all.filter(it => it.scrollWidth > it.clientWidth).length"
    with visitor(chromium, live_server, place) as visit:
        page = visit(viewport=NARROW)
        code = page.locator("article.comment pre")
        expect(code).to_have_count(1)
        assert code.evaluate_all(wider) == 0
        assert overflow(page) == 0


@pytest.mark.parametrize("place", [OWN, ELSEWHERE])
def test_axe_finds_nothing_on_a_long_thread(
    place: str, long_talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit(bypass_csp=True)
        expect(page.locator(".hole-link")).to_have_count(1)
        assert faults(page) == []


@pytest.mark.parametrize("place", [OWN, ELSEWHERE])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_on_the_form_in_each_of_its_states(
    place: str, scheme: str, talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit(color_scheme=scheme, bypass_csp=True)
        page.locator("#comment-1 a.reply").click()
        text = page.locator("#reply textarea[name=source]")
        expect(text).to_be_focused()
        assert faults(page) == []

        page.locator("#reply button[value=post]").click()
        expect(page.locator("#reply p.error").first).to_be_visible()
        assert faults(page) == []

        text.fill("Hello *there*. @A")
        expect(page.get_by_role("listbox")).to_be_visible()
        assert faults(page) == []
        page.keyboard.press("Escape")

        page.locator("#reply button[value=preview]").click()
        expect(page.locator("#reply .preview .text")).to_contain_text("Hello")
        assert faults(page) == []
        page.get_by_role("radio", name="Markdown").check()
        text.fill(CODE)
        expect(page.locator("#reply .preview pre")).to_be_visible()
        assert faults(page) == []
        page.get_by_role("radio", name="plain text").check()
        text.fill("Hello *there*.")

        page.locator("#reply input[name=name]").fill("Zoe")
        page.locator("#reply button[value=post]").click()
        own = page.locator("article.comment", has_text="Hello *there*.")
        expect(own).to_be_visible()
        assert faults(page) == []
        own.locator("[data-do=edit]").click()
        expect(page.get_by_role("heading", name="Change your comment")).to_be_visible()
        assert faults(page) == []
        page.keyboard.press("Escape")
        own.locator("[data-do=delete]").click()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        assert faults(page) == []


def test_axe_finds_nothing_in_the_help(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        page = visit(bypass_csp=True)
        page.get_by_role("button", name="Keyboard shortcuts").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert faults(page) == []


@pytest.mark.parametrize("language", ["en", "he"])
@pytest.mark.parametrize("parameters", ["", "?reply_to=1", "?comment=99", "?sort=newest"])
def test_axe_finds_nothing_on_the_page_without_scripts(
    parameters: str, language: str, talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN, language=language) as visit:
        page = visit(bypass_csp=True)
        # axe is a script itself, so scripts run; ours alone are kept away.
        page.route("**/comment-thread*.js", lambda route: route.abort())
        page.goto(f"{live_server.url}/posts/talk/{parameters}")
        assert page.locator("html").get_attribute("lang") == language
        assert faults(page) == []


def test_axe_finds_nothing_on_the_pages_of_mails(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    ana = subscribed()
    waiting = Subscriber.objects.get(pk=ana.pk).subscriptions.get()
    own = f"{live_server.url}/subscriptions/{ana.token}/"
    with visitor(chromium, live_server, OWN) as visit:
        page = visit(bypass_csp=True)
        for address in (
            own,
            f"{own}confirm/{waiting.pk}/",
            f"{own}leave/site/",
            f"{own}leave/all/",
        ):
            page.goto(address)
            expect(page.locator("main h1")).to_be_visible()
            assert faults(page) == [], address
        page.goto(f"{live_server.url}/subscriptions/nobody/")
        assert faults(page) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_on_the_queue_and_in_the_mail_room(
    scheme: str,
    sessions: dict[str, str],
    host: MailHost,
    live_server: LiveServer,
    chromium: str,
) -> None:
    Moderator.objects.create(site_id=1, user=User.objects.get(username="ida"), configure=True)
    full_desk()
    post(make_thread("salted", premoderation=True), CODE, name="Jo", format="markdown")
    in_every_state(host)
    with desk_opener(chromium, live_server, sessions) as open_:
        page = open_(QUEUE, bypass_csp=True, color_scheme=scheme)
        assert faults(page) == []
        for address in (f"{MAIL}", f"{MAIL}deliveries/", f"{MAIL}bounces/", f"{MAIL}preview/"):
            page.goto(f"{live_server.url}{address}")
            assert faults(page) == [], address


# --- what axe cannot see ------------------------------------------------------------------------


@pytest.mark.parametrize("place", [OWN, ELSEWHERE])
@pytest.mark.parametrize("language", ["en", "he"])
def test_a_window_of_320_pixels_is_wide_enough(
    place: str, language: str, talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, place, language=language, lang=language) as visit:
        page = visit(viewport=NARROW)
        assert overflow(page) == 0
        page.locator("#comment-3 a.reply").click()
        page.locator("#reply button[value=preview]").click()
        assert overflow(page) == 0


@pytest.mark.parametrize("place", [OWN, ELSEWHERE])
def test_text_twice_as_large_stays_on_the_page(
    place: str, talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit(viewport={"width": 640, "height": 900}, bypass_csp=True)
        text = page.locator("#comment-1 .text")
        size = "it => parseFloat(getComputedStyle(it).fontSize)"
        before = text.evaluate(size)
        # As the reader says it in the settings of his browser.
        chosen = {"fontSizes": {"standard": 32}}
        page.context.new_cdp_session(page).send("Page.setFontSizes", chosen)
        assert text.evaluate(size) == 2 * before
        assert overflow(page) == 0
        for control in page.locator(
            "comment-thread a:visible, comment-thread button:visible"
        ).all():
            box = control.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 640


@pytest.mark.parametrize("place", [OWN, ELSEWHERE])
def test_nothing_moves_by_itself_where_less_motion_is_asked_for(
    place: str, talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    # Of a host, only the root of the shadow tells what moves in it.
    moving = "el => el.getRootNode().getAnimations().length"
    with visitor(chromium, live_server, place) as visit:
        found = {}
        for motion in ("no-preference", "reduce"):
            page = visit(reduced_motion=motion)
            page.locator("#comment-3 a.parent").click()
            expect(page.locator("#comment-2")).to_be_focused()
            found[motion] = page.locator("section.thread").evaluate(moving)
        assert found["no-preference"] > 0
        assert found["reduce"] == 0
        smooth = "el => getComputedStyle(document.documentElement).scrollBehavior"
        assert page.locator("comment-thread").evaluate(smooth) == "auto"


@pytest.mark.parametrize("place", [OWN, ELSEWHERE])
def test_controls_are_seen_in_forced_colours(
    place: str, talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit(forced_colors="active")
        style = """el => {
          const style = getComputedStyle(el);
          const isSeen = style.borderTopColor !== style.backgroundColor;
          return [style.borderTopStyle, parseFloat(style.borderTopWidth) >= 1, isSeen];
        }"""
        buttons = page.locator("comment-thread .write .buttons button:visible")
        fields = page.locator(
            "comment-thread .write .field :is(input:not([type=radio]), textarea):visible"
        )
        for control in (*buttons.all(), *fields.all()):
            assert control.evaluate(style) == ["solid", True, True], control
        link = page.locator("#comment-1 a.reply")
        link.focus()
        outline = "el => getComputedStyle(el).outlineStyle"
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        assert link.evaluate(outline) != "none"


@pytest.mark.parametrize("place", [OWN, ELSEWHERE])
def test_targets_are_large_enough_to_hit(
    place: str, talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, place) as visit:
        page = visit()
        small = []
        for control in page.locator("comment-thread button:visible, .choices a:visible").all():
            box = control.bounding_box()
            assert box is not None
            if min(box["width"], box["height"]) < 24:
                small.append((control.inner_text(), box))
        assert small == []


def test_what_is_said_below_the_form_keeps_away_from_its_buttons(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        page.locator("#reply input[name=name]").fill("Zoe")
        page.locator("#reply textarea[name=source]").fill("Known from now on.")
        page.locator("#reply button[value=post]").click()
        expect(page.locator("article.comment", has_text="Known from now on.")).to_be_visible()
        page.reload()
        said = page.locator("#reply .forget p").bounding_box()
        button = page.locator("#reply button[value=post]").bounding_box()
        assert said is not None
        assert button is not None
        assert said["y"] - button["y"] - button["height"] >= 8


def test_a_screen_reader_is_told_the_level_and_the_parent_of_each_comment(
    talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    with visitor(chromium, live_server, OWN) as visit:
        page = visit()
        third, first = page.locator("article#comment-3"), page.locator("article#comment-1")
        expect(third).to_have_accessible_name("Number 3 Bo level 3, reply to 2")
        expect(first).to_have_accessible_name("Number 1 Ana")


@pytest.mark.parametrize("place", [OWN, ELSEWHERE])
def test_each_text_has_its_own_direction_and_the_page_that_of_its_language(
    place: str, talk: Thread, live_server: LiveServer, chromium: str
) -> None:
    side = "el => getComputedStyle(el).direction"
    with visitor(chromium, live_server, place, language="he", lang="he") as visit:
        page = visit()
        assert page.locator("section.thread").evaluate(side) == "rtl"
        assert page.locator("#comment-1 .text").evaluate(side) == "ltr"
        assert page.locator("#comment-2 .text").evaluate(side) == "rtl"
        first, reply = (page.locator(f"#comment-{number}").bounding_box() for number in (1, 2))
        assert first is not None
        assert reply is not None
        assert reply["x"] + reply["width"] < first["x"] + first["width"]
