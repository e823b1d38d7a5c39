"""Subscribing in Chromium, scripts switched off: from the form below a post to the last click.

The mail itself is composed and sent elsewhere; here its links are put together from the delivery
that waits for it.
"""

from __future__ import annotations

import pytest
from django.contrib.sites.models import Site
from django.urls import reverse
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from blog.models import Post
from blog.publishing import save_post
from comments.models import Delivery, SiteSettings, Subscriber, Subscription, ThreadState
from tests.browser.asking import asked_in_a_thread
from tests.browser.browsers import opener, overflow
from tests.making import NOW

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGE = "/posts/a-post/"
PHONE = {"width": 320, "height": 640}


@pytest.fixture
def a_post(site: Site) -> Post:
    """Returns a post on a site whose digest has a name."""
    SiteSettings.objects.create(site=site, digest_name="Israpundit Daily Digest")
    made = Post(
        site=site, slug="a-post", title="A post", body="<p>Hi.</p>", published_on=NOW.date()
    )
    save_post(made, state=ThreadState.OPEN, premoderation=False, now=NOW)
    return made


def link_of_the_mail() -> tuple[str, str, str]:
    """Returns the addresses that the mail which waits will carry: confirm, settings, leave."""
    delivery = Delivery.objects.select_related("subscriber").get(kind="confirmation")
    token = delivery.subscriber.token
    return (
        reverse("subscription-confirm", args=[token, delivery.subscription_id]),
        reverse("subscription-settings", args=[token]),
        reverse("subscription-leave", args=[token, "digest"]),
    )


def subscriber() -> tuple[str, int, str | None, list[tuple[str, str]]]:
    """Returns what the only subscriber has chosen: zone, hour, whether paused, and what."""
    one = Subscriber.objects.get()
    rows = Subscription.objects.order_by("pk").values_list("frequency", "state")
    return one.tz, one.send_hour, "paused" if one.paused_at else None, list(rows)


def test_a_reader_subscribes_confirms_changes_and_leaves_without_javascript(
    a_post: Post, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url, viewport=PHONE) as open_:
        page = open_(PAGE, java_script_enabled=False)
        form = page.locator("#subscribe")
        expect(form.locator("h2")).to_have_text("Subscribe to Israpundit Daily Digest")
        form.get_by_label("E-mail").fill("nonsense@nowhere")
        form.get_by_role("button", name="Subscribe").click()
        expect(form.locator(".error")).to_have_text("This is no address that mail can be sent to.")
        form.get_by_label("E-mail").fill("ana@example.org")
        form.get_by_text("Hour and time zone").click()
        form.get_by_label("Hour of the digest").select_option("18:00")
        form.get_by_label("Time zone").select_option("Europe/Berlin")
        form.get_by_role("button", name="Subscribe").click()
        expect(form.get_by_role("status")).to_contain_text("nothing is sent until you confirm")
        expect(page).to_have_url(f"{live_server.url}{PAGE}?done=asked#subscribe")
        assert asked_in_a_thread(subscriber) == (
            "Europe/Berlin",
            18,
            None,
            [("daily", "pending")],
        )

        confirm, settings, leave = asked_in_a_thread(link_of_the_mail)
        page = open_(confirm, java_script_enabled=False)
        expect(page.locator("blockquote")).to_contain_text("every day at 18:00 (Europe/Berlin)")
        page.get_by_role("button", name="Yes, send me this").click()
        expect(page.locator("h1")).to_have_text("You are subscribed")
        page.get_by_role("link", name="Your settings").click()

        expect(page).to_have_url(f"{live_server.url}{settings}")
        page.get_by_label("The digest comes").select_option("every week")
        page.get_by_label("Day, if weekly").select_option("Friday")
        page.get_by_label("Hour").select_option("09:00")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("status")).to_have_text("Your settings are saved.")
        page.get_by_role("button", name="Pause all mail").click()
        expect(page.get_by_role("status")).to_have_text("No mail comes until you resume it.")
        assert asked_in_a_thread(subscriber) == (
            "Europe/Berlin",
            9,
            "paused",
            [("weekly", "active")],
        )

        page = open_(leave, java_script_enabled=False)
        expect(page.locator("h1")).to_have_text("End this mail?")
        page.get_by_role("button", name="End it now").click()
        expect(page.locator("h1")).to_have_text("This mail has ended")
        assert asked_in_a_thread(subscriber)[3] == [("weekly", "ended")]

        page.get_by_role("link", name="Your settings").click()
        page.get_by_role("link", name="Delete my address and all that is kept…").click()
        page.get_by_role("button", name="Delete for good").click()
        expect(page.locator("h1")).to_have_text("Your address is deleted")
    assert not Subscriber.objects.exists()


def test_the_script_chooses_the_zone_of_the_browser_and_only_one_that_can_be_chosen(
    a_post: Post, live_server: LiveServer, chromium: str
) -> None:
    with opener(chromium, live_server.url, viewport=PHONE) as open_:
        for zone, chosen in (("Asia/Tokyo", "Asia/Tokyo"), ("Etc/GMT+5", "UTC")):
            page = open_(PAGE, timezone_id=zone)
            expect(page.locator("#subscribe-tz")).to_have_value(chosen)
        page = open_(PAGE, timezone_id="Asia/Tokyo")
        page.locator("#subscribe summary").click()
        page.locator("#subscribe-tz").select_option("Europe/Berlin")
        page.locator("#subscribe-email").fill("nonsense@nowhere")
        page.get_by_role("button", name="Subscribe").click()
        expect(page.locator("#subscribe .error")).to_be_visible()
        expect(page.locator("#subscribe-tz")).to_have_value("Europe/Berlin")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_narrow_window(
    a_post: Post, live_server: LiveServer, chromium: str, scheme: str
) -> None:
    with opener(chromium, live_server.url, viewport=PHONE) as open_:
        page = open_(PAGE, color_scheme=scheme)
        page.locator("#subscribe summary").click()
        assert overflow(page) == 0
        page.locator("#subscribe-email").fill(f"{'a' * 60}@{'b' * 60}.example.org")
        page.get_by_role("button", name="Subscribe").click()
        expect(page.locator("#subscribe").get_by_role("status")).to_be_visible()
        confirm, settings, leave = asked_in_a_thread(link_of_the_mail)
        for address in (confirm, leave, settings, f"{settings}?forget=1", "/subscriptions/x/"):
            page = open_(address, color_scheme=scheme)
            for folded in page.locator("details").all():
                folded.locator("summary").click()
            assert overflow(page) == 0, address
            if address == confirm:
                page.get_by_role("button").click()
                assert overflow(page) == 0
