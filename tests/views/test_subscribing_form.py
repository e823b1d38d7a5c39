"""Asking for mail on a thread's page: the form below it, and the choice beside a comment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sites.models import Site
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comments.actions.people import host_participant, token_of
from comments.actions.suppressing import suppress
from comments.actions.threads import change_thread
from comments.models import (
    Comment,
    Consent,
    Delivery,
    Participant,
    SiteSettings,
    Subscriber,
    Subscription,
    Thread,
    ThreadState,
)
from comments.queries.sites import forget_profiles
from comments.views.viewers import COOKIE
from tests.mailing import ASKER, confirmed, subscribed
from tests.making import NOW, later, post
from tests.views.browsing import FORM, Browser, Shown, text_of
from tests.views.host import make_page

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.views.host")]

PAGE = "/pages/a-thread/"
ASKED = (
    "If that address is right, a mail is on its way, one in 15 minutes at most: nothing is sent "
    "until you confirm."
)


@pytest.fixture
def thread() -> Thread:
    """Returns the thread of the page, with one comment."""
    made = make_page(now=timezone.now() - timedelta(days=1))
    post(made, "First.", name="Bo", now=timezone.now() - timedelta(hours=1))
    return made


@pytest.fixture
def browser(thread: Thread) -> Browser:
    """Returns a browser that shows the page, and whose requests come from an address."""
    shown = Browser(REMOTE_ADDR="203.0.113.9")
    shown.open(PAGE)
    return shown


def only() -> Subscription:
    """Returns the only subscription there is."""
    return Subscription.objects.select_related("subscriber").get()


def said(page: Shown) -> list[str]:
    """Returns what the page says at the form to subscribe."""
    return [text_of(one) for one in page.get("subscribe").iter("p") if one.get("role") == "status"]


def test_the_form_is_named_after_the_digest_and_offers_all_that_can_be_chosen(
    browser: Browser,
) -> None:
    site = Site.objects.get(pk=1)
    title = text_of(browser.shown.get("subscribe-title"))
    assert title == f"Subscribe to {site.name} Daily Digest"
    SiteSettings.objects.create(site=site, digest_name="The <b>Morning</b> Post")
    forget_profiles()
    page = browser.open(PAGE)
    assert text_of(page.get("subscribe-title")) == "Subscribe to The <b>Morning</b> Post"
    values = {
        name: [one.get("value") for one in page.get(f"subscribe-{name}").iter("option")]
        for name in ("what", "frequency", "send_hour")
    }
    assert values["what"] == ["site", "thread"]
    assert values["frequency"] == ["daily", "weekly", "instant"]
    assert values["send_hour"] == [str(hour) for hour in range(24)]


def test_zones_are_grouped_and_that_of_the_site_is_chosen(browser: Browser, settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Jerusalem"
    zones = browser.open(PAGE).get("subscribe-tz")
    groups = {
        group.get("label"): [text_of(one) for one in group.iter("option")]
        for group in zones.iter("optgroup")
    }
    assert "Europe/Berlin" in groups["Europe"]
    assert all(name.startswith(f"{area}/") for area, names in groups.items() for name in names)
    chosen = [text_of(one) for one in zones.iter("option") if one.get("selected") is not None]
    assert chosen == ["Asia/Jerusalem"]
    assert next(text_of(one) for one in zones.iter("option")) == "UTC"


@pytest.mark.parametrize("name", ["UTC", "CET", "Europe/Berlin"])
def test_whatever_the_zone_of_the_site_it_can_be_sent(
    browser: Browser, settings: Any, name: str
) -> None:
    settings.TIME_ZONE = name
    browser.open(PAGE)
    browser.press("subscribe", email="ana@example.org")
    assert only().subscriber.tz == name


def test_subscribing_leads_back_to_the_form_which_says_what_comes(browser: Browser) -> None:
    sent, page = browser.send(
        "subscribe", email=" ana@example.org ", send_hour="18", tz="Europe/Berlin"
    )
    assert sent.status == 303
    assert sent.response["Location"] == f"{PAGE}?done=asked#subscribe"
    assert page.fragment == "subscribe"
    assert said(page) == [ASKED]
    wish = only()
    assert (wish.state, wish.frequency, wish.thread_id) == ("pending", "daily", None)
    assert (wish.subscriber.address, wish.subscriber.confirmed_at) == ("ana@example.org", None)
    assert (wish.subscriber.send_hour, wish.subscriber.tz) == (18, "Europe/Berlin")
    assert Delivery.objects.get().kind == "confirmation"
    consent = Consent.objects.get()
    assert (consent.what, consent.origin, consent.way) == ("asked", "203.0.113.9", "page")
    assert "every day at 18:00 (Europe/Berlin)" in consent.wording


def test_one_thread_can_be_chosen_and_other_frequencies(browser: Browser, thread: Thread) -> None:
    browser.press("subscribe", email="ana@example.org", what="thread", frequency="instant")
    browser.press("subscribe", email="ana@example.org", frequency="weekly")
    found = Subscription.objects.order_by("pk").values_list("thread_id", "frequency")
    assert list(found) == [(thread.pk, "instant"), (None, "weekly")]


def answers_to(address: str) -> tuple[int, str, bytes]:
    """Returns all that a stranger sees who types an address, but for what is new each time."""
    browser = Browser()
    browser.open(PAGE)
    (sent, page) = browser.send("subscribe", email=address)
    for secret in browser.shown.all("input", type="hidden"):
        secret.set("value", "")
    body = text_of(page.root).encode()
    headers = sorted(sent.response.headers.items())
    once = {"Set-Cookie", "X-Request-ID"}
    return sent.status, repr([(k, v) for k, v in headers if k not in once]), body


def test_the_answer_is_the_same_whether_the_address_is_known_or_not(browser: Browser) -> None:
    subscribed("known@example.org")
    subscribed("bounced@example.org")
    suppress(site_id=1, address="bounced@example.org", why="5.1.1", now=NOW, asker=ASKER)
    known, bounced, unknown = map(
        answers_to, ["known@example.org", "bounced@example.org", "unknown@example.org"]
    )
    assert known == bounced == unknown
    assert "example.org" not in known[2].decode()


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"email": ""}, "email", "An e-mail address is needed."),
        ({"email": "nonsense"}, "email", "no address that mail can be sent to"),
        ({"email": "a@localhost"}, "email", "no address that mail can be sent to"),
        ({"email": "a@b.org\r\nBcc: c@d.org"}, "email", "no address that mail can be sent to"),
        ({"email": "a\0@b.org"}, "email", "Null characters"),
        ({"email": "x" * 10_000 + "@b.org"}, "email", "254 characters"),
        ({"what": "everything"}, "what", "Choose one of these."),
        ({"what": ""}, "what", "Choose one of these."),
        ({"frequency": "hourly"}, "frequency", "Choose one of these."),
        ({"send_hour": "24"}, "send_hour", "Choose one of these."),
        ({"send_hour": "-1"}, "send_hour", "Choose one of these."),
        ({"tz": "Mars/Base"}, "tz", "the name of a time zone"),
        ({"tz": "../../etc/passwd"}, "tz", "the name of a time zone"),
        ({"tz": "\0"}, "tz", "Null characters"),
        ({"tz": '"><script>'}, "tz", "the name of a time zone"),
        ({"tz": ""}, "tz", "This field is required."),
    ],
)
def test_an_error_stands_beside_its_field_and_nothing_typed_is_lost(
    browser: Browser, typed: dict[str, str], field: str, words: str
) -> None:
    fields = {"email": "ana@example.org", "frequency": "weekly", "send_hour": "9"} | typed
    page = browser.press("subscribe", **fields)
    assert (page.status, page.fragment) == (422, "subscribe")
    assert words in page.error_beside(f"subscribe-{field}")
    assert page.link(text_of_label(page, field), inside="subscribe") == f"#subscribe-{field}"
    if field != "email":
        assert page.get("subscribe-email").get("value") == "ana@example.org"
    if field != "frequency":
        chosen = page.get("subscribe-frequency")
        assert [o.get("value") for o in chosen.iter("option") if o.get("selected") is not None] == [
            "weekly"
        ]
    if field in {"tz", "send_hour"}:
        (folded,) = page.get("subscribe").iter("details")
        assert folded.get("open") is not None
    assert list(page.root.iter("script")) == [one for one in page.all("script") if one.get("src")]
    assert not Subscriber.objects.exists()
    # The other form of the page has nothing to do with it.
    assert not [one for one in page.get("reply").iter() if one.get("aria-invalid")]


def text_of_label(page: Shown, field: str) -> str:
    """Returns what a field of the form is called."""
    labels = page.get("subscribe").iter("label")
    return next(text_of(one) for one in labels if one.get("for") == f"subscribe-{field}")


def test_a_script_may_choose_the_zone_only_while_nobody_has(browser: Browser) -> None:
    assert browser.shown.get("subscribe-tz").get("data-guess") == "yes"
    page = browser.press("subscribe", email="", tz="Asia/Tokyo")
    assert page.get("subscribe-tz").get("data-guess") is None


def test_what_a_program_fills_in_brings_about_nothing_and_is_answered_alike(
    browser: Browser,
) -> None:
    page = browser.press("subscribe", email="ana@example.org", subject="Buy")
    assert said(page) == [ASKED]
    assert not Subscriber.objects.exists()


def test_the_same_form_sent_twice_is_once_and_another_wish_is_another(browser: Browser) -> None:
    form = {"do": "subscribe", "key": "k" * 20, "what": "site", "frequency": "daily"}
    form |= {"send_hour": "7", "tz": "UTC", "email": "ana@example.org"}
    form["csrfmiddlewaretoken"] = browser.client.cookies["csrftoken"].value
    for _ in range(3):
        assert browser.post(f"{PAGE}#subscribe", form)[0].status == 303
    assert Consent.objects.count() == 1
    browser.post(f"{PAGE}#subscribe", {**form, "email": "bo@example.org"})
    assert Consent.objects.count() == 2


def test_so_many_wishes_and_no_more_come_from_one_address(browser: Browser, settings: Any) -> None:
    limits = {"RATE_LIMIT_SUBSCRIBE_ADDRESS": "2/1h"}
    settings.REJOINDER = {**settings.REJOINDER, "RATE_LIMITS": limits}
    for number in range(2):
        browser.press("subscribe", email=f"ana{number}@example.org")
    page = browser.press("subscribe", email="ana2@example.org")
    assert page.status == 429
    assert int(page.response["Retry-After"]) > 0
    assert page.get("subscribe-email").get("value") == "ana2@example.org"
    assert any("Nothing you wrote is lost." in notice for notice in page.notices())
    assert Subscriber.objects.count() == 2


def test_a_forged_form_is_refused(thread: Thread, settings: Any) -> None:
    settings.CSRF_FAILURE_VIEW = "django.views.csrf.csrf_failure"  # the host of the tests has none
    client = Client(enforce_csrf_checks=True)
    answer = client.post(PAGE, {"do": "subscribe", "email": "ana@example.org"})
    assert answer.status_code == 403
    assert not Subscriber.objects.exists()


def test_a_form_that_is_not_utf_8_is_refused(browser: Browser) -> None:
    body = b"do=subscribe&email=%ED%A0%80@b.org&csrfmiddlewaretoken="
    body += browser.client.cookies["csrftoken"].value.encode()
    assert browser.client.post(PAGE, body, content_type=FORM).status_code == 400


def test_below_a_closed_thread_one_subscribes_to_the_site_alone(
    browser: Browser, thread: Thread
) -> None:
    change_thread(thread_id=thread.pk, now=timezone.now(), state=ThreadState.CLOSED)
    page = browser.open(PAGE)
    offered = [one.get("value") for one in page.get("subscribe-what").iter("option")]
    assert offered == ["site"]
    assert said(browser.press("subscribe", email="ana@example.org")) == [ASKED]
    assert only().thread_id is None


def test_a_page_costs_no_query_more_than_before(thread: Thread) -> None:
    browser = Browser()
    browser.open(PAGE)
    with CaptureQueriesContext(connection) as queries:
        browser.open(PAGE)
    # The thread; rows; what they name. The site's settings are kept.
    assert len(queries) == 3


# --- beside a comment -------------------------------------------------------------------------


@pytest.mark.parametrize(("how", "frequency"), [("instant", "instant"), ("digest", "daily")])
def test_a_commenter_is_told_of_answers_once_he_confirms(
    browser: Browser, how: str, frequency: str
) -> None:
    (sent, page) = browser.send("post", name="Ana", email="a@example.org", source="Hi.", tell=how)
    assert sent.status == 303
    assert page.fragment == "comment-2"
    (notice,) = page.notices()
    assert "you hear of replies and mentions once you confirm" in notice
    wish = only()
    assert (wish.state, wish.frequency) == ("pending", frequency)
    assert wish.participant == Comment.objects.get(number=2).author
    consent = Consent.objects.get()
    assert (consent.origin, consent.way) == ("203.0.113.9", "page")


def test_without_that_choice_nobody_is_subscribed(browser: Browser) -> None:
    page = browser.press("post", name="Ana", email="a@example.org", source="Hi.")
    assert page.notices() == []
    assert not Subscriber.objects.exists()


def test_the_choice_asks_for_confirmation_on_the_page(browser: Browser) -> None:
    (group,) = [
        one for one in browser.shown.all("fieldset") if "Tell me of replies" in text_of(one)
    ]
    help_ = browser.shown.get(group.get("aria-describedby") or "")
    assert text_of(help_) == "By mail to your address. The first mail asks you to confirm."
    checked = [one.get("value") for one in group.iter("input") if one.get("checked") is not None]
    assert checked == [""]


@pytest.mark.parametrize(
    ("email", "words"),
    [("", "To tell you, we need an address."), ("a@b.c.123", "no e-mail address")],
)
def test_the_choice_needs_an_address(browser: Browser, email: str, words: str) -> None:
    page = browser.press("post", name="Ana", email=email, source="Hi.", tell="instant")
    assert page.status == 422
    assert words in page.error_beside("reply-email")
    kept = [one for one in page.all("input", name="tell") if one.get("checked") is not None]
    assert [one.get("value") for one in kept] == ["instant"]
    assert Comment.objects.count() == 1


def test_a_choice_that_is_none_is_refused_and_loses_nothing(browser: Browser) -> None:
    page = browser.press("post", name="Ana", email="a@b.org", source="Hi.", tell="hourly")
    assert page.status == 422
    assert any("Choose one of these." in notice for notice in page.notices())
    assert (page.get("reply-source").text or "").strip() == "Hi."


def test_a_known_guest_needs_no_address_a_second_time(browser: Browser) -> None:
    browser.press("post", name="Ana", email="a@example.org", source="Hi.")
    browser.press("post", source="More.", tell="instant")
    assert only().subscriber.address == "a@example.org"


def test_a_held_comment_is_told_of_too(thread: Thread, browser: Browser) -> None:
    change_thread(thread_id=thread.pk, now=timezone.now(), premoderation=True)
    page = browser.press("post", name="Ana", email="a@b.org", source="Hi.", tell="instant")
    assert page.fragment.startswith("waiting-")
    assert "once you confirm" in page.notices()[0]
    assert only().participant is not None


def test_a_failure_to_subscribe_never_loses_the_comment(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("no mail today")

    monkeypatch.setattr("comments.views.subscribing.subscribe", fail)
    page = browser.press("post", name="Ana", email="a@b.org", source="Hi.", tell="instant")
    assert page.fragment == "comment-2"
    assert "could not be noted" in page.notices()[0]
    assert Comment.objects.get(number=2).source == "Hi."
    assert not Subscriber.objects.exists()


def test_who_is_told_already_gets_no_further_mail_for_each_comment(browser: Browser) -> None:
    browser.press("post", name="Ana", email="a@example.org", source="One.", tell="instant")
    ana = confirmed(only(), now=timezone.now())
    page = browser.press("post", source="Two.", tell="instant")
    assert page.notices() == ["You hear of replies and mentions by mail."]
    assert ana.deliveries.count() == 1


def test_in_the_digest_means_in_the_digest_that_comes_anyway(browser: Browser) -> None:
    subscribed("a@example.org", frequency="weekly", now=later(0))
    browser.press("post", name="Ana", email="A@example.org", source="One.", tell="digest")
    assert Subscription.objects.latest("pk").frequency == "weekly"


def test_who_a_host_site_vouches_for_is_told_without_a_mail(browser: Browser) -> None:
    participant = host_participant(
        site_id=1, subject="user-7", name="Ana", email="ana@example.org", now=NOW
    )
    browser.client.cookies[COOKIE] = token_of(participant)
    page = browser.open(PAGE)
    assert "asks you to confirm" not in text_of(page.get("reply"))
    page = browser.press("post", source="Hi.", tell="instant")
    assert page.notices() == ["You hear of replies and mentions by mail."]
    assert only().state == "active"
    assert not Delivery.objects.exists()


def test_a_user_is_told_at_the_address_of_his_account(browser: Browser) -> None:
    browser.client.force_login(User.objects.create_user("ana", email="ana@example.org"))
    page = browser.open(PAGE)
    assert page.find("reply-email") is None
    browser.press("post", source="Hi.", tell="digest")
    assert (only().subscriber.address, only().state) == ("ana@example.org", "pending")


def test_a_user_without_an_address_is_not_asked(browser: Browser) -> None:
    browser.client.force_login(User.objects.create_user("ana"))
    page = browser.open(PAGE)
    assert page.all("input", name="tell") == []
    browser.press("post", source="Hi.")
    assert Participant.objects.filter(user__username="ana").exists()
    assert not Subscriber.objects.exists()


def test_so_many_commenters_of_one_address_are_subscribed_and_no_more(
    browser: Browser, settings: Any
) -> None:
    limits = {"RATE_LIMIT_SUBSCRIBE_ADDRESS": "1/1h"}
    settings.REJOINDER = {**settings.REJOINDER, "RATE_LIMITS": limits}
    browser.press("post", name="Ana", email="a@b.org", source="One.", tell="instant")
    browser.press("post", email="c@d.org", source="Two.", tell="instant")
    assert "could not be noted" in browser.shown.notices()[0]
    assert Comment.objects.count() == 3
    assert Subscriber.objects.count() == 1
