"""The mail room: who may open it, how the mail stands, the figures, and what bounces."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.contrib.sites.models import Site
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from comments.actions.post_office import pause_mail
from comments.actions.sending import place_is_confirmed
from comments.actions.subscribing import Change, change_settings, leave
from comments.actions.suppressing import suppress
from comments.models import Delivery, Moderator, PostOffice, Subscriber
from comments.queries import mailroom
from tests.admin.desking import text_of
from tests.admin.mailrooming import (
    HOUR,
    MAIL,
    answering,
    at_seven,
    in_doubt,
    in_every_state,
    keeper,
    sent,
    with_news,
)
from tests.mailing import ASKER, asked, planned, subscribed
from tests.making import make_moderator, make_thread
from tests.smtp_server import MailHost

pytestmark = pytest.mark.django_db

PAGES = ["", "deliveries/", "bounces/", "preview/"]
CHANGES = ["office/", "find/", "bounces/lift/", "deliveries/1/doubt/", "preview/1/test/"]


@pytest.fixture
def mira(client: Client) -> Client:
    """Returns the browser of somebody who may configure the site."""
    return keeper(client)


def bounced(*addresses: str, why: str = "550 5.1.1 (rcpt)") -> list[Subscriber]:
    """Returns subscribers whose address takes no mail, the last one first to have bounced."""
    for count, address in enumerate(addresses):
        subscribed(address)
        now = timezone.now() - timedelta(minutes=count)
        suppress(site_id=1, address=address, why=why, now=now, asker=ASKER)
    return list(Subscriber.objects.filter(suppressed_at__isnull=False).order_by("-suppressed_at"))


@pytest.mark.parametrize("page", PAGES)
def test_a_visitor_is_sent_to_sign_in(client: Client, page: str) -> None:
    answer = client.get(MAIL + page)
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/login/?next={MAIL}{page}")


@pytest.mark.parametrize("page", [*PAGES, "deliveries/1/", "deliveries/1/body/", "preview/1/"])
def test_only_who_may_configure_the_site_opens_the_mail_room(client: Client, page: str) -> None:
    client.force_login(User.objects.create_user("staff", is_staff=True))
    assert client.get(MAIL + page).status_code == 404
    decider = make_moderator("decider")
    client.force_login(decider)
    assert client.get(MAIL + page).status_code == 403
    other = Site.objects.create(domain="other.example", name="other")
    Moderator.objects.create(site=other, user=decider, configure=True)
    assert client.get(MAIL + page).status_code == 403


@pytest.mark.parametrize("address", CHANGES)
def test_who_may_not_configure_changes_nothing(client: Client, address: str) -> None:
    client.force_login(make_moderator("decider"))
    assert client.post(MAIL + address, {"do": "pause"}).status_code == 403
    assert not PostOffice.objects.filter(paused_at__isnull=False).exists()


@pytest.mark.parametrize("address", CHANGES)
def test_what_changes_something_is_no_link_and_cannot_be_forged(mira: Client, address: str) -> None:
    assert mira.get(MAIL + address).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="mira"))
    assert strict.post(MAIL + address, {"do": "pause"}).status_code == 403
    assert not PostOffice.objects.filter(paused_at__isnull=False).exists()


def test_looking_changes_nothing(mira: Client) -> None:
    for page in PAGES:
        assert mira.get(MAIL + page).status_code == 200
    assert not PostOffice.objects.exists()


def test_the_index_of_the_admin_leads_to_the_mail_room_and_says_how_it_stands(
    mira: Client, client: Client
) -> None:
    page = mira.get("/admin/")
    assert f'href="{MAIL}"' in page.content.decode()
    assert "Mail room running" in text_of(page)
    pause_mail(site_id=1, now=timezone.now())
    assert "Mail room paused" in text_of(mira.get("/admin/"))
    client.force_login(make_moderator("decider"))
    assert "Mail room" not in text_of(client.get("/admin/"))


def test_what_waits_is_counted_and_says_that_a_pause_holds_it_back(mira: Client) -> None:
    with_news("ana@example.org", "bo@example.org")
    planned(at_seven(-2))
    front = text_of(mira.get(MAIL))
    assert "2 mails to leave ." in front
    mira.post(f"{MAIL}office/", {"do": "pause"})
    assert "2 mails to leave , held back by the pause." in text_of(mira.get(MAIL))
    waiting = Delivery.objects.filter(state="queued").latest("pk")
    line = text_of(mira.get(f"{MAIL}deliveries/{waiting.pk}/"))
    assert "Mail is paused: it leaves when mail leaves again." in line
    Delivery.objects.filter(pk=waiting.pk).update(state="deferred", tries=1)
    assert "But mail is paused." in text_of(mira.get(f"{MAIL}deliveries/{waiting.pk}/"))
    mira.post(f"{MAIL}office/", {"do": "resume"})
    assert "2 mails to leave ." in text_of(mira.get(MAIL))
    Delivery.objects.all().delete()
    assert "to leave" not in text_of(mira.get(MAIL))


def test_mail_is_paused_and_resumed_by_a_button(mira: Client, host: MailHost) -> None:
    with_news("ana@example.org", "bob@example.org")
    planned(at_seven(-2))
    assert "Running." in text_of(mira.get(MAIL))
    said = text_of(mira.post(f"{MAIL}office/", {"do": "pause"}, follow=True))
    assert "Mail is paused." in said
    assert re.search(r"Paused since .* by an operator\.", said)
    assert sent(at_seven(0)).halted
    said = text_of(mira.post(f"{MAIL}office/", {"do": "resume"}, follow=True))
    assert "Mail leaves again. " in said
    assert "Running." in said
    assert sent(at_seven(0)).sent == 2


def test_a_stop_says_until_when_and_why_and_can_be_cleared(mira: Client, host: MailHost) -> None:
    with_news("ana@example.org")
    planned(at_seven(-2))
    host.script = answering({"": ("rcpt", "550 5.7.1 your <b>network</b> is blocked")})
    sent(timezone.now())
    said = text_of(mira.get(MAIL))
    assert "Stopped by the mail server until" in said
    assert "whoever the mail is for: 550 5.7.1 (rcpt)." in said
    assert "Running." not in said
    assert "Mail room stopped by the mail server" in text_of(mira.get("/admin/"))
    said = text_of(mira.post(f"{MAIL}office/", {"do": "retry"}, follow=True))
    assert "Stopped by" not in said
    host.script = answering({})
    # Its own time to be tried again is a little later.
    assert sent(timezone.now() + HOUR).sent == 1


def test_a_database_that_is_a_copy_says_so_until_an_operator_confirms(mira: Client) -> None:
    assert place_is_confirmed(site_id=1)
    assert "this database is a copy" not in text_of(mira.get(MAIL))
    PostOffice.objects.update(place="where it was made from")
    assert "No mail leaves: this database is a copy." in text_of(mira.get(MAIL))
    assert not place_is_confirmed(site_id=1)
    said = text_of(mira.post(f"{MAIL}office/", {"do": "confirm"}, follow=True))
    assert "this database is a copy" not in said
    assert place_is_confirmed(site_id=1)


@pytest.mark.parametrize("do", ["", "burn", "\x00"])
def test_a_button_that_does_not_exist_does_nothing(mira: Client, do: str) -> None:
    assert mira.post(f"{MAIL}office/", {"do": do}).status_code == 400
    assert not PostOffice.objects.exists()


def test_each_subscriber_is_counted_once(mira: Client) -> None:
    subscribed("ana@example.org")
    twice = subscribed("bea@example.org")
    asked("bea@example.org", frequency="instant", now=timezone.now())
    asked("cid@example.org")
    gone, quiet = subscribed("dan@example.org"), subscribed("eve@example.org")
    leave(gone.token, scope="all", site_id=1, asker=ASKER, now=timezone.now())
    change_settings(
        quiet.token, change=Change(paused=True), site_id=1, asker=ASKER, now=timezone.now()
    )
    bounced("fay@example.org")
    other = Site.objects.create(domain="other.example", name="other")
    Subscriber.objects.filter(pk=twice.pk).update(site=other)
    said = text_of(mira.get(MAIL))
    assert "Active 1 Not confirmed 1 Paused 1 Unsubscribed 1 Bounced 1 " in said


def test_the_chart_counts_mails_of_each_day_by_what_became_of_them(
    mira: Client, host: MailHost
) -> None:
    in_every_state(host)
    page = mira.get(MAIL)
    two_days_ago = at_seven(-2)
    day = f"{two_days_ago.day} {two_days_ago:%b}"
    assert f"{day}: sent 1; in doubt 1; bounced 1; expired 1; cancelled 0" in page.content.decode()
    assert "4 mails, 1 of them sent." in text_of(page)
    # What waits is in no chart; four confirmed on one day, one on another.
    assert "5 confirmed, 0 ended." in text_of(page)
    assert f"{day} 1 1 1 1 0 0 0" in text_of(page)


def test_subscriptions_that_ended_are_in_the_chart_of_their_day(mira: Client) -> None:
    ana = subscribed(now=at_seven(-5))
    leave(ana.token, scope="digest", site_id=1, asker=ASKER, now=at_seven(-1))
    assert "1 confirmed, 1 ended." in text_of(mira.get(MAIL))


def test_what_is_older_than_the_chart_is_not_counted(mira: Client, host: MailHost) -> None:
    with_news("ana@example.org", days=-40)
    planned(at_seven(-39))
    sent(at_seven(-39))
    said = text_of(mira.get(MAIL))
    assert "0 mails, 0 of them sent." in said
    assert "0 confirmed, 0 ended." in said
    assert "Nothing happened in the last 30 days." in said


def test_figures_that_take_long_to_count_are_kept_and_say_of_when_they_are(
    mira: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribed("ana@example.org")
    assert "There is much to count" not in text_of(mira.get(MAIL))
    monkeypatch.setattr(mailroom, "SLOW_SECONDS", 0.0)
    mira.get(MAIL)
    subscribed("bob@example.org")
    said = text_of(mira.get(MAIL))
    assert "Active 1 " in said
    assert "There is much to count: the figures are those of" in said
    # Whether mail leaves is never of a while ago.
    pause_mail(site_id=1, now=timezone.now())
    assert "Paused since" in text_of(mira.get(MAIL))


def test_what_is_in_doubt_is_said_at_the_top_until_it_is_decided(
    mira: Client, host: MailHost
) -> None:
    assert "in doubt :" not in text_of(mira.get(MAIL))
    doubted = in_doubt(host)
    page = mira.get(MAIL)
    assert "1 mail in doubt : nobody knows whether the mail server took it on" in text_of(page)
    assert f'href="{MAIL}deliveries/?state=in_doubt"' in page.content.decode()
    mira.post(f"{MAIL}deliveries/{doubted.pk}/doubt/", {"do": "leave"})
    said = text_of(mira.get(MAIL))
    assert "nobody knows" not in said
    assert "1 in doubt ; nothing is to be decided about." in said


def test_bounces_are_listed_with_why_and_lifted_by_a_button(mira: Client, host: MailHost) -> None:
    with_news("ana@example.org")
    planned(at_seven(-2))
    host.script = answering({"ana": ("rcpt", "550 5.1.1 unknown")})
    sent(at_seven(-2))
    ana = Subscriber.objects.get()
    said = text_of(mira.get(f"{MAIL}bounces/"))
    assert "a***@example.org since" in said
    assert "550 5.1.1 (rcpt)" in said
    answer = mira.post(f"{MAIL}bounces/lift/", {"subscriber": ana.pk}, follow=True)
    assert "This address may have mail again." in text_of(answer)
    assert "No address bounces." in text_of(answer)
    ana.refresh_from_db()
    assert (ana.suppressed_at, ana.suppressed_why) == (None, "")


def test_the_list_of_bounces_goes_on_without_skipping_or_repeating(mira: Client) -> None:
    people = bounced(*(f"p{n}@d{n:03}.example" for n in range(120)))
    # Of one moment, as after a night's webhooks: their order is that of their ids.
    at = people[40].suppressed_at
    Subscriber.objects.filter(pk__in=[one.pk for one in people[40:80]]).update(suppressed_at=at)
    seen: list[str] = []
    address = f"{MAIL}bounces/"
    for _ in range(9):
        page = mira.get(address).content.decode()
        seen += re.findall(r"p\*\*\*@(d\d{3}\.example)</bdi>", page)
        onward = re.search(r'href="(\?cursor=[^"]+)" rel="next"', page)
        if onward is None:
            break
        address = f"{MAIL}bounces/{onward[1]}"
    assert len(seen) == 120
    assert set(seen) == {f"d{n:03}.example" for n in range(120)}


def test_a_bounce_of_another_site_is_not_lifted(mira: Client) -> None:
    [ana] = bounced("ana@example.org")
    Subscriber.objects.update(site=Site.objects.create(domain="other.example", name="other"))
    for subscriber in (ana.pk, 0, "", "x", "9" * 30):
        answer = mira.post(f"{MAIL}bounces/lift/", {"subscriber": subscriber})
        assert answer.status_code == 404
    ana.refresh_from_db()
    assert ana.suppressed_at is not None


def test_what_was_written_by_others_is_shown_as_text(mira: Client) -> None:
    Moderator.objects.update(sanction=True)
    [ana] = bounced("ana@example.org", why="<script>alert(1)</script>")
    Subscriber.objects.filter(pk=ana.pk).update(address='"<b>x</b>"@example.org')
    PostOffice.objects.update_or_create(
        site_id=1,
        defaults={
            "stopped_until": timezone.now() + HOUR,
            "stopped_why": "<img src=x onerror=alert(1)>",
        },
    )
    for page in ("", "bounces/"):
        text = mira.get(MAIL + page).content.decode()
        assert "<script>alert" not in text
        assert "<b>x</b>" not in text
        assert "<img src=x" not in text
    assert "&lt;b&gt;x&lt;/b&gt;" in mira.get(f"{MAIL}bounces/").content.decode()


@pytest.mark.parametrize("cursor", ["x", "\x00", "WzFd:abc", "a" * 5000])
def test_a_forged_cursor_shows_the_beginning(mira: Client, cursor: str) -> None:
    bounced("ana@example.org")
    for page in ("bounces/", "deliveries/"):
        answer = mira.get(MAIL + page, {"cursor": cursor})
        assert answer.status_code == 200
        assert "a***@example.org" in text_of(answer)


def test_the_pages_of_the_mail_room_hold_no_inline_script_or_style(
    mira: Client, host: MailHost
) -> None:
    doubted = in_doubt(host)
    for page in [*PAGES, f"deliveries/{doubted.pk}/", f"preview/{doubted.subscriber_id}/"]:
        answer = mira.get(MAIL + page)
        assert answer.status_code == 200
        text = answer.content.decode()
        assert "<style" not in text
        assert ' style="' not in text
        assert "<script>" not in text
        assert "style-src 'self'" in answer["Content-Security-Policy"]


def test_the_mail_room_takes_the_same_queries_for_few_and_many(
    mira: Client, host: MailHost, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    mira.get(MAIL)  # the site is asked for once and then remembered
    for count in (2, 60):
        thread = make_thread(f"t{count}", now=at_seven(-3))
        with_news(*(f"a{count}x{n}@example.org" for n in range(count)), thread=thread)
        planned(at_seven(-2))
        sent(at_seven(-2))
        bounced(*(f"b{count}x{n}@example.org" for n in range(count)))
        Delivery.objects.filter(kind="confirmation").delete()
        assert place_is_confirmed(site_id=1)
        with django_assert_num_queries(13 + asks_where_it_is()):
            assert mira.get(MAIL).status_code == 200
        with django_assert_num_queries(10):
            assert mira.get(f"{MAIL}deliveries/").status_code == 200
        with django_assert_num_queries(7):
            assert mira.get(f"{MAIL}bounces/").status_code == 200


def asks_where_it_is() -> int:
    """Returns how many queries it takes to know which database this is: none for a file."""
    return int(connection.vendor == "postgresql")
