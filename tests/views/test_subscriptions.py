"""The pages behind the secret in a mail: nothing by looking, everything by one button."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import html5lib
import pytest
from django.contrib.sites.models import Site
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from comments.actions.subscribing import Change, Times, change_settings, leave
from comments.actions.suppressing import suppress
from comments.models import (
    Consent,
    Frequency,
    Mute,
    Subscriber,
    Subscription,
    Thread,
)
from tests.mailing import ASKER, DAY, asked, confirmed, post_as, subscribed
from tests.making import NOW, later
from tests.views.browsing import FORM, Browser, Shown, text_of
from tests.views.host import make_page

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.views.host")]

ONE_CLICK = "List-Unsubscribe=One-Click"
SCOPES = ["site", "answers", "digest", "all"]


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the pages see an hour after ``NOW``, when what the tests set up has been."""
    monkeypatch.setattr(timezone, "now", lambda: later(3600))


@pytest.fixture
def browser() -> Browser:
    """Returns a browser whose requests come from an address."""
    return Browser(REMOTE_ADDR="198.51.100.7")


def page_of(subscriber: Subscriber) -> str:
    return reverse("subscription-settings", args=[subscriber.token])


def confirm_page(subscription: Subscription) -> str:
    token = subscription.subscriber.token
    return reverse("subscription-confirm", args=[token, subscription.pk])


def leave_page(subscriber: Subscriber, scope: str) -> str:
    return reverse("subscription-leave", args=[subscriber.token, scope])


def heading(page: Shown) -> str:
    (found,) = page.all("h1")
    return text_of(found)


def text(page: Shown) -> str:
    return text_of(page.get("main"))


def states() -> list[str]:
    return list(Subscription.objects.order_by("pk").values_list("state", flat=True))


def press_only(browser: Browser, **fields: str) -> Shown:
    """Returns the answer to the only button of the page, which has no name."""
    (form,) = browser.shown.root.iter("form")
    assert [button.get("name") for button in form.iter("button")] == [None]
    return browser.post(form.get("action") or "", fields)[-1]


# --- what all of them have in common ----------------------------------------------------------


def every_page() -> list[str]:
    wish = asked()
    ana = confirmed(asked("bo@example.org"))
    return [
        confirm_page(wish),
        *(leave_page(ana, scope) for scope in SCOPES),
        page_of(ana),
        f"{page_of(ana)}?forget=1",
        f"{page_of(ana)}export/",
        "/subscriptions/nobody/",
        "/subscriptions/nobody/confirm/1/",
        "/subscriptions/nobody/leave/all/",
        "/subscriptions/nobody/export/",
    ]


def test_no_page_is_kept_found_or_passed_on() -> None:
    for address in every_page():
        for method in ("get", "head"):
            answer = getattr(Client(), method)(address)
            assert answer["Cache-Control"] == "no-store"
            assert answer["Referrer-Policy"] == "no-referrer"
            assert answer["X-Robots-Tag"] == "noindex"
            assert not answer.cookies
            assert "Cookie" not in answer.get("Vary", "")


def test_no_page_loads_anything_from_elsewhere_or_knows_a_script() -> None:
    for address in every_page():
        page = Browser().open(address)
        if page.response["Content-Type"] == "application/json":
            continue
        assert [one.get("name") for one in page.all("meta", content="noindex")] == ["robots"]
        sources = [one.get("src") or one.get("href") for one in page.root.iter()]
        assert all(one.startswith(("/", "#", "?")) for one in sources if one)
        assert page.all("script") == []
        assert len(page.all("h1")) == 1
        labels = {one.get("for") for one in page.all("label")}
        assert {one.get("id") for one in page.all("select")} <= labels


def test_every_page_is_valid_html() -> None:
    make_page()
    for address in (*every_page(), "/pages/a-thread/"):
        answer = Client().get(address)
        if answer["Content-Type"].startswith("text/html"):
            html5lib.HTMLParser(strict=True).parse(answer.content.decode())


def test_looking_changes_nothing() -> None:
    pages = every_page()
    before = repr([list(m.objects.values()) for m in (Subscriber, Subscription, Consent, Mute)])
    for address in pages:
        for method in ("get", "head", "options"):
            getattr(Client(), method)(address)
    after = repr([list(m.objects.values()) for m in (Subscriber, Subscription, Consent, Mute)])
    assert before == after


HOSTILE = ["%00", "a%00b", "x" * 10_000, "%ED%A0%80", "..", "%2e%2e", "'%22%3E%3Cscript%3E", "%F0"]


@pytest.mark.parametrize("token", HOSTILE)
def test_a_token_that_is_none_is_a_page_and_no_failure(token: str) -> None:
    for below in ("", "confirm/1/", "leave/all/", "leave/nonsense/", "export/"):
        for method in ("get", "post"):
            answer = getattr(Client(), method)(f"/subscriptions/{token}/{below}")
            assert answer.status_code in {200, 400, 404, 405}
            assert b"<script" not in answer.content


@pytest.mark.parametrize("scope", ["nonsense", "%00", "thread-", f"thread-{'9' * 40}", "x" * 9_000])
def test_a_scope_that_is_none_is_a_page_and_ends_nothing(scope: str) -> None:
    ana = subscribed()
    for method in ("get", "post"):
        answer = getattr(Client(), method)(f"/subscriptions/{ana.token}/leave/{scope}/")
        assert answer.status_code == 404
    assert states() == ["active"]


@pytest.mark.parametrize("id_", ["0", "-1", "x", "9" * 18, "9" * 40, "%00"])
def test_a_subscription_that_is_none_cannot_be_confirmed(id_: str) -> None:
    token = asked().subscriber.token
    for method in ("get", "post"):
        answer = getattr(Client(), method)(f"/subscriptions/{token}/confirm/{id_}/")
        assert answer.status_code == 404
    assert states() == ["pending"]


def test_the_secret_of_another_site_opens_nothing() -> None:
    ana = subscribed()
    Subscriber.objects.filter(pk=ana.pk).update(site_id=other_site())
    assert Client().get(page_of(ana)).status_code == 404
    assert Client().post(leave_page(ana, "all")).status_code == 200
    assert states() == ["active"]


def other_site() -> int:
    return Site.objects.create(domain="other.example", name="Other").pk


# --- confirming -------------------------------------------------------------------------------


def test_the_page_shows_what_is_agreed_to_word_by_word(browser: Browser) -> None:
    wish = asked(times=Times(tz="Europe/Berlin", send_hour=18))
    page = browser.open(confirm_page(wish))
    assert heading(page) == "Confirm your subscription"
    (agreement,) = page.all("blockquote")
    press_only(browser)
    assert text_of(agreement) == Consent.objects.get(what="confirmed").wording
    assert "every day at 18:00 (Europe/Berlin)" in text_of(agreement)


def test_the_button_begins_the_subscription_and_says_what_comes_next(browser: Browser) -> None:
    wish = asked(times=Times(tz="Europe/Berlin", send_hour=18))
    browser.open(confirm_page(wish))
    page = press_only(browser)
    assert (page.status, heading(page)) == (200, "You are subscribed")
    assert "The next digest leaves on Monday, 23 November 2026, 18:00 (Europe/Berlin)" in text(page)
    assert page.link("Your settings") == page_of(wish.subscriber)
    assert states() == ["active"]
    consent = Consent.objects.get(what="confirmed")
    assert (consent.origin, consent.way) == ("198.51.100.7", "link in a mail")


def test_what_comes_at_once_comes_with_the_next_news(browser: Browser) -> None:
    browser.open(confirm_page(asked(thread=make_page(title="<Title>"), frequency="instant")))
    page = press_only(browser)
    assert "comments on “<Title>”, at once, as it appears" in text(page)
    assert "The first mail comes with the next news." in text(page)


def test_confirming_twice_is_once(browser: Browser) -> None:
    wish = asked()
    browser.open(confirm_page(wish))
    press_only(browser)
    assert Client().post(confirm_page(wish)).status_code == 200
    assert Consent.objects.filter(what="confirmed").count() == 1
    page = browser.open(confirm_page(wish))
    assert heading(page) == "This is confirmed already"
    assert page.all("button") == []


@pytest.mark.parametrize("why", ["late", "ended", "deleted"])
def test_a_link_that_works_no_more_says_what_to_do(browser: Browser, why: str) -> None:
    wish = asked(now=later(-8 * DAY) if why == "late" else NOW)
    address = confirm_page(wish)
    if why == "ended":
        leave(wish.subscriber.token, scope="all", site_id=1, asker=ASKER, now=NOW)
    if why == "deleted":
        wish.subscriber.delete()
    for page in (browser.open(address), browser.post(address, {})[-1]):
        assert page.status == 404
        assert heading(page) == "This link does not work any more"
        assert "works for 7 days" in text(page)
        assert "subscribe below it" in text(page)
    assert "active" not in states()


def test_who_confirms_an_address_that_bounced_is_told_that_no_mail_comes(browser: Browser) -> None:
    wish = asked()
    suppress(site_id=1, address="ana@example.org", why="5.1.1", now=NOW, asker=ASKER)
    browser.open(confirm_page(wish))
    page = press_only(browser)
    assert "came back as undeliverable on 23 November 2026" in text(page)
    assert "The next digest leaves" not in text(page)


# --- leaving ----------------------------------------------------------------------------------


def multipart() -> dict[str, Any]:
    body = (
        '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--'
    )
    return {"data": f"{body}\r\n", "content_type": "multipart/form-data; boundary=b"}


@pytest.mark.parametrize("agent", ["", "curl/8", "Mozilla/5.0 (compatible; GoogleImageProxy)"])
@pytest.mark.parametrize("encoding", ["urlencoded", "multipart"])
def test_one_click_ends_it_in_both_encodings_without_cookie_or_origin(
    encoding: str, agent: str
) -> None:
    ana = subscribed()
    body = {"data": ONE_CLICK, "content_type": FORM} if encoding == "urlencoded" else multipart()
    client = Client(enforce_csrf_checks=True)
    headers = {"user-agent": agent} if agent else {}
    for _ in range(2):
        answer = client.post(leave_page(ana, "digest"), headers=headers, **body)
        assert answer.status_code == 200
        assert not answer.cookies
    assert states() == ["ended"]
    consent = Consent.objects.get(what="ended")
    assert consent.way == "one-click"


def test_one_click_works_from_another_origin_too() -> None:
    ana = subscribed()
    client = Client(enforce_csrf_checks=True)
    headers = {"origin": "https://mail.example", "referer": "https://mail.example/inbox"}
    answer = client.post(leave_page(ana, "all"), ONE_CLICK, content_type=FORM, headers=headers)
    assert answer.status_code == 200
    assert states() == ["ended"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", ""),
        (b"", FORM),
        (b"List-Unsubscribe=One-Click", "text/plain"),
        (b'{"List-Unsubscribe": ["One-Click"]}', "application/json"),
        (b"\xff\xfe\x00=%00&&&=%ED%A0%80", FORM),
        (b"List-Unsubscribe=One-Click", f"{FORM}; charset=iso-8859-1"),
        (b"a=1&" * 5_000, FORM),
        (b"--b\r\nnonsense", "multipart/form-data; boundary=b"),
        (b"nonsense", "multipart/form-data"),
        (b"x" * 200_000, "application/octet-stream"),
    ],
)
def test_whatever_the_body_it_ends(body: bytes, content_type: str) -> None:
    ana = subscribed()
    answer = Client().generic("POST", leave_page(ana, "all"), body, content_type=content_type)
    assert answer.status_code == 200
    assert states() == ["ended"]


def test_a_body_beyond_measure_is_not_read() -> None:
    ana = subscribed()
    body = b"List-Unsubscribe=One-Click&x=" + b"x" * 1_000_000
    assert Client().post(leave_page(ana, "all"), body, content_type=FORM).status_code == 413


def wanted_all() -> tuple[Subscriber, Thread]:
    """Returns somebody who wants all that there is, and a thread."""
    thread = make_page(title="A thread")
    ana = subscribed()
    confirmed(asked(thread=thread, now=later(1), frequency="instant"), now=later(1))
    participant = post_as(thread, "ana@example.org").participant
    confirmed(asked(participant=participant, now=later(2), frequency="instant"), now=later(2))
    return ana, thread


@pytest.mark.parametrize(
    ("scope", "after"),
    [
        ("site", ["ended", "active", "active"]),
        ("thread", ["active", "ended", "active"]),
        ("answers", ["active", "active", "ended"]),
        ("digest", ["ended", "active", "active"]),
        ("all", ["ended", "ended", "ended"]),
    ],
)
def test_a_link_ends_what_it_names_and_the_page_shows_it_first(
    browser: Browser, scope: str, after: list[str]
) -> None:
    ana, thread = wanted_all()
    name = f"thread-{thread.pk}" if scope == "thread" else scope
    page = browser.open(leave_page(ana, name))
    assert heading(page) == "End this mail?"
    (ending,) = page.all("ul")
    assert len(list(ending.iter("li"))) == after.count("ended")
    page = press_only(browser)
    assert (page.status, heading(page)) == (200, "This mail has ended")
    assert states() == after
    consents = Consent.objects.filter(what="ended")
    assert {(one.way, one.origin) for one in consents} == {("link in a mail", "198.51.100.7")}
    offered = [one for one in page.all("form") if "/leave/" in (one.get("action") or "")]
    assert len(offered) == after.count("active")
    assert page.link("Your settings") == page_of(ana)
    assert heading(browser.open(leave_page(ana, name))) == "This mail has ended"


def test_what_else_is_wanted_can_be_ended_on_the_spot(browser: Browser) -> None:
    ana, thread = wanted_all()
    browser.post(leave_page(ana, "site"), {})
    first = next(iter(browser.shown.root.iter("form")))
    assert first.get("action") == leave_page(ana, f"thread-{thread.pk}")
    browser.post(first.get("action") or "", {})
    assert states() == ["ended", "ended", "active"]


def test_who_is_forgotten_is_told_that_no_mail_comes(browser: Browser) -> None:
    ana = subscribed()
    address = leave_page(ana, "digest")
    ana.delete()
    for page in (
        browser.open(address),
        browser.post(address, {"List-Unsubscribe": "One-Click"})[0],
    ):
        assert page.status == 200
        assert heading(page) == "No mail goes to this address any more"


def test_leaving_a_thread_that_is_gone_has_nothing_to_end(browser: Browser) -> None:
    ana = subscribed()
    thread = make_page()
    confirmed(asked(thread=thread, now=later(1)), now=later(1))
    pk = thread.pk
    thread.delete()
    for scope in (f"thread-{pk}", f"conversation-{pk}-1", "thread-999999999999999999"):
        for page in (
            browser.open(leave_page(ana, scope)),
            browser.post(leave_page(ana, scope), {})[0],
        ):
            assert (page.status, heading(page)) == (200, "This mail has ended")
    assert states() == ["active"]
    assert not Mute.objects.exists()


@pytest.mark.parametrize("how", ["paused", "suppressed", "pending"])
def test_leaving_works_in_every_state(how: str) -> None:
    ana = asked().subscriber if how == "pending" else subscribed()
    if how == "paused":
        change = Change(paused=True)
        change_settings(ana.token, change=change, site_id=1, asker=ASKER, now=NOW)
    if how == "suppressed":
        suppress(site_id=1, address="ana@example.org", why="5.1.1", now=NOW, asker=ASKER)
    answer = Client().post(leave_page(ana, "all"), ONE_CLICK, content_type=FORM)
    assert answer.status_code == 200
    assert states() == ["ended"]


def test_a_conversation_can_be_left_and_heard_of_again(browser: Browser) -> None:
    ana, thread = wanted_all()
    scope = f"conversation-{thread.pk}-1"
    page = browser.open(leave_page(ana, scope))
    assert heading(page) == "Leave this conversation?"
    assert "comment #1 on “A thread”" in text(page)
    page = press_only(browser)
    assert heading(page) == "You have left the conversation"
    assert states() == ["active"] * 3
    assert Mute.objects.count() == 1
    assert heading(browser.open(leave_page(ana, scope))) == "You have left the conversation"
    page = browser.press(f"rejoin:{thread.pk}-1")
    assert page.notices() == ["You hear of that conversation again."]
    assert not Mute.objects.filter(lifted_at=None).exists()
    words = [one.wording for one in Consent.objects.order_by("pk")][-2:]
    assert words == [
        "No more mail about the conversation below #1.",
        "Mail again about the conversation below #1.",
    ]


# --- settings ---------------------------------------------------------------------------------


def test_the_settings_show_what_comes_what_does_not_and_what_was_agreed_to(
    browser: Browser,
) -> None:
    ana, thread = wanted_all()
    leave(ana.token, scope=f"thread-{thread.pk}", site_id=1, asker=ASKER, now=later(3))
    leave(ana.token, scope=f"conversation-{thread.pk}-1", site_id=1, asker=ASKER, now=later(4))
    asked(thread=make_page("b", title="Bees"), now=later(5))
    page = browser.open(page_of(ana))
    assert page.status == 200
    shown = text(page)
    assert "ana@example.org" in shown
    assert "every day at 07:00 (UTC) · since 23 November 2026" in shown
    assert "as Ana" in shown
    assert "example.com Daily Digest every day" in shown
    assert "Comments on “A thread” ended 23 November 2026" in shown
    assert "Comments on “Bees” waits for your confirmation" in shown
    assert "Comment #1 on “A thread”" in shown
    (table,) = page.all("table")
    rows = [text_of(row) for row in list(table.iter("tr"))[1:]]
    assert len(rows) == ana.consents.count()
    assert "asked for mail (test, 203.0.113.9)" in rows[-1]
    assert Consent.objects.earliest("pk").wording in rows[-1]


def test_hour_day_zone_and_rhythm_are_changed_by_one_button(browser: Browser) -> None:
    ana = subscribed()
    browser.open(page_of(ana))
    sent, page = browser.send(
        "save", rhythm="weekly", weekday="4", send_hour="9", tz="America/New_York"
    )
    assert (sent.status, sent.response["Location"]) == (303, f"{page_of(ana)}?done=saved")
    assert page.notices() == ["Your settings are saved."]
    assert "every Friday at 09:00 (America/New_York)" in text(page)
    ana.refresh_from_db()
    assert (ana.weekday, ana.send_hour, ana.tz) == (4, 9, "America/New_York")
    assert Subscription.objects.get().frequency == Frequency.WEEKLY
    changed = Consent.objects.filter(what="changed")
    assert {(one.origin, one.way) for one in changed} == {("198.51.100.7", "link in a mail")}


def test_each_wish_comes_at_once_or_in_the_digest(browser: Browser) -> None:
    ana, _ = wanted_all()
    site, thread, _ = Subscription.objects.order_by("pk").values_list("pk", flat=True)
    browser.open(page_of(ana))
    browser.press("save", **{f"how-{site}": "instant", f"how-{thread}": "digest"}, rhythm="weekly")
    assert list(Subscription.objects.order_by("pk").values_list("frequency", flat=True)) == [
        "instant",
        "weekly",
        "instant",
    ]


def test_saving_what_is_so_already_is_no_change(browser: Browser) -> None:
    ana, _ = wanted_all()
    browser.open(page_of(ana))
    page = browser.press("save")
    assert page.notices() == ["Your settings are saved."]
    assert not Consent.objects.filter(what="changed").exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("send_hour", "24"),
        ("weekday", "7"),
        ("tz", "Mars/Base"),
        ("tz", "\0"),
        ("rhythm", "hourly"),
        ("rhythm", ""),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(
    browser: Browser, field: str, value: str
) -> None:
    ana = subscribed()
    browser.open(page_of(ana))
    page = browser.press("save", **{"send_hour": "9", field: value})
    assert page.status == 422
    assert page.error_beside(f"settings-{field}")
    ana.refresh_from_db()
    assert (ana.send_hour, ana.weekday, ana.tz) == (7, 0, "UTC")


def test_a_pause_holds_and_ends(browser: Browser) -> None:
    ana = subscribed()
    browser.open(page_of(ana))
    page = browser.press("pause")
    assert page.notices() == ["No mail comes until you resume it."]
    assert "Paused since 23 November 2026, 13:00" in text(page)
    ana.refresh_from_db()
    assert ana.paused_at == later(3600)
    page = browser.press("resume")
    assert page.notices() == ["Mail comes again."]
    ana.refresh_from_db()
    assert ana.paused_at is None


def test_deleting_asks_first_and_then_keeps_nothing(browser: Browser) -> None:
    ana = subscribed()
    page = browser.open(page_of(ana))
    browser.open(page.link("Delete my address and all that is kept…"))
    assert Subscriber.objects.exists()
    page = browser.press("forget")
    assert (page.status, heading(page)) == (200, "Your address is deleted")
    assert not Subscriber.objects.exists()
    assert not Consent.objects.exists()
    assert browser.open(page_of(ana)).status == 404


def test_everything_can_be_taken_away_as_a_file() -> None:
    ana, _ = wanted_all()
    answer = Client().get(f"{page_of(ana)}export/")
    assert answer["Content-Disposition"] == 'attachment; filename="subscriptions.json"'
    kept = json.loads(answer.content)
    assert kept["email"] == "ana@example.org"
    assert len(kept["subscriptions"]) == 3
    assert len(kept["consent"]) == 6


def test_who_bounced_is_told_so(browser: Browser) -> None:
    ana = subscribed()
    suppress(site_id=1, address="ana@example.org", why="5.1.1", now=NOW, asker=ASKER)
    page = browser.open(page_of(ana))
    assert "came back as undeliverable on 23 November 2026" in text(page)


def test_who_never_confirmed_sees_where_to(browser: Browser) -> None:
    wish = asked()
    page = browser.open(page_of(wish.subscriber))
    assert "Nothing comes at the moment." in text(page)
    (link,) = [a for a in page.all("a") if text_of(a).startswith("Confirm…")]
    assert link.get("href") == confirm_page(wish)
    Subscription.objects.update(asked_at=NOW - timedelta(days=8))
    assert "was never confirmed" in text(browser.open(page_of(wish.subscriber)))


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", FORM, 400),
        (b"do=nonsense", FORM, 400),
        (b"do=rejoin:x-y", FORM, 303),
        (b"do=rejoin:" + b"9" * 40 + b"-1", FORM, 303),
        (b"do=%ED%A0%80", FORM, 400),
        (b'{"do": "forget"}', "application/json", 400),
        (b"do=forget", "text/plain", 400),
        (b"x" * 1_000_000, FORM, 413),
        (b"do=save", FORM, 422),
    ],
)
def test_a_body_that_no_form_of_ours_sends_changes_nothing(
    body: bytes, content_type: str, status: int
) -> None:
    ana = subscribed()
    answer = Client().generic("POST", page_of(ana), body, content_type=content_type)
    assert answer.status_code == status
    assert states() == ["active"]


def test_other_methods_are_not_known() -> None:
    ana = subscribed()
    for method in ("put", "patch", "delete"):
        assert getattr(Client(), method)(page_of(ana)).status_code == 405
    assert states() == ["active"]


@pytest.mark.parametrize("said", ["x" * 300, "nonsense", "fe80::1%eth0"])
def test_evidence_holds_addresses_alone(settings: Any, said: str) -> None:
    settings.REJOINDER = {**settings.REJOINDER, "TRUSTED_PROXIES": 1}
    wish = asked()
    answer = Client().post(confirm_page(wish), headers={"x-forwarded-for": said})
    assert answer.status_code == 200
    kept = Consent.objects.get(what="confirmed").origin
    assert kept == ("fe80::1" if said.startswith("fe80") else "")
