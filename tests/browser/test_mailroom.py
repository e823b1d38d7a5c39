"""The mail room in Chromium: paused, previewed and filtered by keyboard, on any screen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from comments.models import Delivery, Moderator, PostOffice, Subscriber, Thread
from tests.admin.mailrooming import (
    HOUR,
    MAIL,
    at_seven,
    in_doubt,
    in_every_state,
    with_news,
)
from tests.browser.browsers import DESK, overflow
from tests.browser.desking import PHONE, opener
from tests.browser.test_desk_rules import tab_to
from tests.mailing import subscribed
from tests.making import make_thread, post
from tests.smtp_server import MailHost

WINDOWS = {"phone": PHONE, "desk": DESK}
SCREENS = [(window, scheme) for window in WINDOWS for scheme in ("light", "dark")]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def configuring(sessions: dict[str, str]) -> None:
    """Lets one of the two moderators configure the site."""
    assert "ida" in sessions
    Moderator.objects.create(site_id=1, user=User.objects.get(username="ida"), configure=True)


def look_at(page: Page, name: str, *, is_whole: bool = True) -> None:
    """Keeps a picture of a page in the folder that ``SCREENSHOTS`` names, for people to look at."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"mailroom-{name}.png"), full_page=is_whole)


def test_mail_is_paused_and_resumed_by_keyboard_alone(
    sessions: dict[str, str], live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server, sessions) as open_:
        page = open_("/admin/")
        page.get_by_role("link", name="Mail room").click()
        expect(page.get_by_text("Running.")).to_be_visible()
        tab_to(page, "button", "Pause all mail")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Paused since")).to_be_visible()
        tab_to(page, "button", "Let mail leave again")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Running.")).to_be_visible()
    assert PostOffice.objects.get().paused_at is None


def test_a_digest_is_previewed_at_a_date_and_shown_light_and_dark(
    sessions: dict[str, str], live_server: LiveServer, chromium: str, host: MailHost
) -> None:
    with_news("ana@example.org")
    post(Thread.objects.get(), "Words of the next day.", now=at_seven(1) + HOUR)
    with opener(chromium, live_server, sessions) as open_:
        page = open_(f"{MAIL}preview/")
        tab_to(page, "textbox", "Address of a subscriber")
        page.keyboard.type("ana@example.org")
        page.keyboard.press("Enter")
        page.get_by_label("As it was or would be at").fill(f"{at_seven(1):%Y-%m-%d}T07:00")
        page.get_by_role("button", name="Show").click()
        frame = page.frame_locator("#as-html")
        expect(frame.get_by_text("Fresh words about bread.", exact=True)).to_be_visible()
        expect(frame.get_by_text("Words of the next day.")).to_have_count(0)
        grounds = {"light": shade(page)}
        page.get_by_role("link", name="Dark", exact=True).click()
        expect(page.locator("#as-html.is-dark")).to_be_visible()
        expect(frame.get_by_text("Fresh words about bread.", exact=True)).to_be_visible()
        grounds["dark"] = shade(page)
        page.get_by_text("Text part").click()
        expect(page.locator("details[open] pre")).to_contain_text("Fresh words about bread.")
        page.get_by_label("To your own address").fill("ida@desk.example")
        page.get_by_role("button", name="Send a test").click()
        expect(page.get_by_text("A test was sent")).to_be_visible()
    # Text is dark on light, and light on dark.
    assert grounds["light"] < 0.5 < grounds["dark"]
    [taken] = host.taken
    assert taken.recipient == "ida@desk.example"
    assert not Delivery.objects.exists()


def shade(page: Page) -> float:
    """Returns how light the text of the framed mail is, 0 to 1.

    The frame has no origin in common with the page, so it is the driver who looks, and no script.
    """
    found = page.frame_locator("#as-html").get_by_text("Fresh words about bread.", exact=True)
    colour = found.evaluate("element => getComputedStyle(element).color")
    red, green, blue = (int(part) for part in colour.strip("rgba()").split(",")[:3])
    return (red + green + blue) / (3 * 255)


def test_a_framed_mail_can_do_nothing(
    sessions: dict[str, str], live_server: LiveServer, chromium: str, host: MailHost
) -> None:
    [ana] = with_news("ana@example.org")
    with opener(chromium, live_server, sessions) as open_:
        page = open_(f"{MAIL}preview/{ana.pk}/")
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.reload()
        frame = page.frames[1]
        expect(
            page.frame_locator("#as-html").get_by_text("Fresh words about bread.", exact=True)
        ).to_be_visible()
        assert frame.evaluate("self.origin") == "null"
        assert all(url.startswith(live_server.url) for url in requests)


def test_what_is_in_doubt_is_found_and_decided(
    sessions: dict[str, str], live_server: LiveServer, chromium: str, host: MailHost
) -> None:
    doubted = in_doubt_on_its_own(host)
    in_every_state(host)
    with opener(chromium, live_server, sessions) as open_:
        page = open_(f"{MAIL}deliveries/", java_script_enabled=False)
        page.get_by_label("State").select_option("in doubt")
        page.get_by_role("button", name="Show").click()
        expect(page.locator(".mails tbody tr")).to_have_count(2)
        expect(page.get_by_text("to be decided")).to_have_count(1)
        page.locator("tr", has=page.get_by_text("to be decided")).get_by_role("link").click()
        page.get_by_role("button", name="Leave it").click()
        expect(page.get_by_text("It stays as it is")).to_be_visible()
        page.get_by_role("button", name="Send it again").click()
        expect(page.get_by_text("The same bytes leave from")).to_be_visible()
    doubted.refresh_from_db()
    assert doubted.due_at is not None


def in_doubt_on_its_own(host: MailHost) -> Delivery:
    """Returns a mail in doubt that an operator has to decide about, of a thread of its own."""
    return in_doubt(host, thread=make_thread("salt", title="On salt", now=at_seven(-5)))


@pytest.mark.parametrize("screen", SCREENS, ids="-".join)
def test_the_pages_of_the_mail_room_fit(
    sessions: dict[str, str],
    live_server: LiveServer,
    chromium: str,
    host: MailHost,
    screen: tuple[str, str],
) -> None:
    window, scheme = WINDOWS[screen[0]], screen[1]
    doubted = in_doubt_on_its_own(host)
    in_every_state(host)
    long = (
        "a-very-long-local-part-that-does-not-break@an-equally-long-domain-of-somebody.example.org"
    )
    with_news(long, thread=doubted_thread())
    whose = Subscriber.objects.get(address="ana@example.org").pk
    ina = subscribed("ina@example.org", frequency="instant", now=at_seven(-3)).pk
    for key in ("rye", "wheat"):
        grain = make_thread(key, title=f"On {key} and what is baked of it", now=at_seven(-3))
        post(grain, "News that waits.", name="Rye", now=at_seven(-2))
    PostOffice.objects.update(
        paused_at=at_seven(0), stopped_until=at_seven(2), stopped_why="550 5.7.1 (rcpt)"
    )
    Moderator.objects.update(sanction=True)
    pages = {
        "front": MAIL,
        "deliveries": f"{MAIL}deliveries/",
        "delivery": f"{MAIL}deliveries/{doubted.pk}/",
        "bounces": f"{MAIL}bounces/",
        "start": f"{MAIL}preview/",
        "preview": f"{MAIL}preview/{whose}/",
        "day": f"{MAIL}preview/{whose}/?at={at_seven(-2):%Y-%m-%d}T07:00",
        "nothing": f"{MAIL}preview/{whose}/?at={at_seven(-20):%Y-%m-%d}T07:00",
        "at-once": f"{MAIL}preview/{ina}/at-once/",
    }
    with opener(chromium, live_server, sessions) as open_:
        page = open_(MAIL, viewport=window, color_scheme=scheme)
        for name, address in pages.items():
            page.goto(f"{live_server.url}{address}")
            look_at(page, f"{name}-{window['width']}-{scheme}")
            if page.locator("#as-html").count():
                page.locator("#as-html").scroll_into_view_if_needed()
                heading = page.frame_locator("#as-html").get_by_role("heading").first
                expect(heading).to_be_in_viewport()
                look_at(page, f"{name}-framed-{window['width']}-{scheme}", is_whole=False)
            assert overflow(page) == 0, address


def doubted_thread() -> Thread:
    return Thread.objects.get(key="salt")
