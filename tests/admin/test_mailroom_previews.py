"""Previews of digests in the mail room: at any date, what left or would leave; a test by mail."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.test import Client, override_settings
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from comments.actions.announcing import seal_publications
from comments.actions.previewing import NO_SECRET
from comments.actions.subscribing import Change, change_settings, leave
from comments.actions.suppressing import suppress
from comments.models import Comment, Delivery, Frequency, Moderator, Subscriber, Thread
from tests.admin.desking import text_of
from tests.admin.mailrooming import (
    HOUR,
    MAIL,
    answering,
    at_seven,
    digest_of,
    keeper,
    sent,
    with_news,
)
from tests.mailing import ASKER, asked, planned
from tests.making import decide, make_thread, post
from tests.smtp_server import HANG_UP, MailHost

pytestmark = pytest.mark.django_db

PREVIEW = f"{MAIL}preview/"
TO = "mira@desk.example"


@pytest.fixture
def mira(client: Client) -> Client:
    """Returns the browser of somebody who may configure the site."""
    return keeper(client)


def stored() -> dict[str, list[dict[str, object]]]:
    """Returns all rows of all tables of the product."""
    return {
        model.__name__: list(model._default_manager.order_by("pk").values())
        for model in apps.get_app_config("comments").get_models()
    }


def at(days: int, *, time: str = "07:00") -> str:
    """Returns a time as a form sends it."""
    return f"{at_seven(days):%Y-%m-%d}T{time}"


def day(days: int) -> str:
    """Returns a day as a page shows it."""
    found = at_seven(days)
    return f"{found.day} {found:%b %Y}"


def preview_of(client: Client, subscriber: Subscriber, **asked: str) -> Any:
    return client.get(f"{PREVIEW}{subscriber.pk}/", asked)


def test_a_preview_shows_the_mail_its_size_its_headers_and_what_it_holds(mira: Client) -> None:
    [ana] = with_news("ana@example.org")
    answer = preview_of(mira, ana, at=at(1))
    said = text_of(answer)
    assert "The digest of a***@example.org" in said
    assert "every day at 07:00 (UTC)" in said
    assert "What it holds: 1 item #1 Rye on On bread Fresh words about bread." in said
    assert "To: a***@example.org" in said
    assert f"Date: {at_seven(1):%a, %d %b %Y} 07:00:00" in said
    assert "as it leaves HTML" in said
    assert f'src="{PREVIEW}{ana.pk}/body/?at=' in answer.content.decode()
    body = mira.get(f"{PREVIEW}{ana.pk}/body/", {"at": at(1)})
    assert "Fresh words about bread." in body.content.decode()
    assert NO_SECRET in body.content.decode()
    assert "sandbox" in body["Content-Security-Policy"]
    assert "frame-src 'self'" in answer["Content-Security-Policy"]


def test_a_preview_shows_the_next_digest_where_no_time_is_asked_for(mira: Client) -> None:
    [ana] = with_news("ana@example.org", days=-1)
    answer = preview_of(mira, ana)
    assert "Fresh words about bread." in text_of(answer)
    # As if it were sent now, in whole minutes: what was said in this one is news too.
    post(Thread.objects.get(), "This very moment.", now=timezone.now())
    assert "This very moment." in text_of(preview_of(mira, ana))


def test_a_preview_goes_by_its_time(mira: Client) -> None:
    [ana] = with_news("ana@example.org", days=1)
    post(Thread.objects.get(), "Words of the day after.", now=at_seven(2) + HOUR)
    assert "Words of the day after." not in text_of(preview_of(mira, ana, at=at(2)))
    assert "Words of the day after." in text_of(preview_of(mira, ana, at=at(3)))
    assert "No news: nothing was published" in text_of(preview_of(mira, ana, at=at(1)))
    assert mira.get(f"{PREVIEW}{ana.pk}/body/", {"at": at(1)}).status_code == 404


def test_looking_and_testing_store_nothing(mira: Client, host: MailHost) -> None:
    [ana] = with_news("ana@example.org")
    seal_publications(site_id=1)
    before = stored()
    for days in (-9, -2, 0, 9, 900):
        assert preview_of(mira, ana, at=at(days)).status_code == 200
        mira.get(f"{PREVIEW}{ana.pk}/body/", {"at": at(days)})
    given = {"at": at(0), "to": TO}
    assert mira.post(f"{PREVIEW}{ana.pk}/test/", given).status_code == 302
    assert len(host.taken) == 1
    assert stored() == before
    assert planned(at_seven(-2)).digests == 1


def test_a_day_that_is_over_shows_the_mail_that_left_then(mira: Client, host: MailHost) -> None:
    [ana] = with_news("ana@example.org")
    planned(at_seven(-2))
    sent(at_seven(-2))
    # What left cannot change any more; what is news by now belongs to another day.
    Thread.objects.update(title="On rye")
    post(Thread.objects.get(), "News of today.", now=at_seven(-1))
    delivery = digest_of(ana)
    for time in ("00:00", "07:00", "23:59"):
        answer = preview_of(mira, ana, at=at(-2, time=time))
        said = text_of(answer)
        assert (
            f"The digest of {day(-2)} sent Sent on {day(-2)} 07:00. Below it stands as it" in said
        )
        assert f'href="{MAIL}deliveries/{delivery.pk}/"' in answer.content.decode()
        assert "News of today." not in said
        assert f"To: a***@example.org Subject: {host.taken[0].message['Subject']}" in said
        body = mira.get(f"{PREVIEW}{ana.pk}/body/", {"at": at(-2, time=time)}).content.decode()
        assert "Fresh words about bread." in body
        assert ("On bread" in body, "On rye" in body) == (True, False)
        assert (NO_SECRET in body, ana.token in body) == (True, False)
    assert "News of today." in text_of(preview_of(mira, ana))


def test_a_day_that_is_over_without_a_digest_says_so_and_shows_nothing_of_another(
    mira: Client, host: MailHost
) -> None:
    [ana] = with_news("ana@example.org")
    answer = preview_of(mira, ana, at=at(-2))
    assert answer.status_code == 200
    assert f"No digest for this day ({day(-2)}, by the clocks of this subscriber)." in text_of(
        answer
    )
    assert "Fresh words about bread." not in text_of(answer)
    assert "Send a test" not in text_of(answer)
    assert mira.get(f"{PREVIEW}{ana.pk}/body/", {"at": at(-2)}).status_code == 404
    given = {"at": at(-2), "to": TO}
    tried = mira.post(f"{PREVIEW}{ana.pk}/test/", given, follow=True)
    assert "There is no news at that time; nothing was sent." in text_of(tried)
    assert host.taken == []
    # The present one is a click away; so is the digest that had it.
    assert f'href="{PREVIEW}{ana.pk}/"' in answer.content.decode()
    assert "The one after it" not in text_of(answer)
    planned(at_seven(-1))
    answer = preview_of(mira, ana, at=at(-2))
    assert f"The one after it: {at_seven(-1):%Y-%m-%d}" in text_of(answer)
    assert f'href="{MAIL}deliveries/{digest_of(ana).pk}/"' in answer.content.decode()


def test_a_digest_that_is_planned_and_has_not_left_is_shown_for_its_day(
    mira: Client, host: MailHost
) -> None:
    [ana, bea] = with_news("ana@example.org", "bea@example.org")
    planned(at_seven(0))
    now_news = "Published after it was planned."
    post(Thread.objects.get(), now_news, now=at_seven(0) + HOUR)
    answer = text_of(preview_of(mira, ana, at=at(0, time="23:59")))
    assert f"The digest of {day(0)} queued It leaves with the next run of the sender." in answer
    assert "It has not been rendered: below it stands as it would be now." in answer
    assert "Fresh words about bread." in answer
    assert now_news not in answer
    host.script = answering({"bea": ("rcpt", "550 5.1.1 unknown")})
    sent(at_seven(0))
    answer = text_of(preview_of(mira, bea, at=at(0)))
    assert "bounced It was refused, and is not tried again. Below it stands as it was" in answer
    Delivery.objects.filter(subscriber=ana).update(state="bounced")
    answer = text_of(preview_of(mira, ana, at=at(0)))
    assert f"bounced Sent on {day(0)} 07:00. It bounced." in answer


def test_a_test_of_a_day_that_is_over_is_the_mail_that_left(mira: Client, host: MailHost) -> None:
    [ana] = with_news("ana@example.org")
    planned(at_seven(-2))
    sent(at_seven(-2))
    post(Thread.objects.get(), "News of today.", now=at_seven(-1))
    answer = mira.post(f"{PREVIEW}{ana.pk}/test/", {"at": at(-2), "to": TO}, follow=True)
    assert "A test was sent" in text_of(answer)
    real, copy = host.taken
    assert copy.recipient == TO
    assert copy.message["Subject"] == f"[Test] {real.message['Subject']}"
    assert copy.message["Message-ID"] != real.message["Message-ID"]
    assert copy.message["Date"] == real.message["Date"]
    assert b"Fresh words about bread." in copy.raw
    assert b"News of today." not in copy.raw
    assert ana.token.encode() not in copy.raw.replace(b"=\r\n", b"")


def test_what_was_taken_back_before_it_left_cannot_be_shown(mira: Client) -> None:
    [ana] = with_news("ana@example.org")
    planned(at_seven(-2))
    decide(comment_id=Comment.objects.get().pk, action="reject", now=at_seven(-1))
    answer = text_of(preview_of(mira, ana, at=at(-2)))
    assert "Nothing of it can be read any more." in answer
    assert "Fresh words about bread." not in answer


def test_days_are_those_of_the_subscriber(mira: Client) -> None:
    [ana] = with_news("ana@example.org")
    planned(at_seven(-2))
    # Half a day on, so that the evening (UTC) is the next morning.
    Subscriber.objects.update(tz="Pacific/Auckland")
    assert f"The digest of {day(-2)}" in text_of(preview_of(mira, ana, at=at(-3, time="18:00")))
    assert "No digest for this day" in text_of(preview_of(mira, ana, at=at(-2, time="18:00")))


def test_of_a_day_that_has_begun_the_next_digest_is_what_is_news_since(mira: Client) -> None:
    [ana] = with_news("ana@example.org")
    planned(at_seven(0))
    post(Thread.objects.get(), "News since.", now=at_seven(0) + HOUR)
    answer = text_of(preview_of(mira, ana, at=at(1, time="06:00")))
    assert f"The digest of {day(0)} has been planned: see that one" in answer
    assert "News since." in answer
    assert "has been planned" not in text_of(preview_of(mira, ana, at=at(2)))


def test_it_is_said_why_there_is_no_digest(mira: Client, host: MailHost) -> None:
    with_news("ana@example.org", "bea@example.org", "cid@example.org", "dan@example.org")
    people = {one.address[:3]: one for one in Subscriber.objects.all()}
    now = timezone.now()
    suppress(site_id=1, address="ana@example.org", why="550 5.1.1", now=now, asker=ASKER)
    change_settings(
        people["bea"].token, change=Change(paused=True), site_id=1, asker=ASKER, now=now
    )
    leave(people["cid"].token, scope="all", site_id=1, asker=ASKER, now=now)
    planned(at_seven(-2))
    host.script = answering({"dan": ("end", HANG_UP)})
    sent(at_seven(-2))
    post(Thread.objects.get(), "And more.", now=at_seven(-1))
    wanted = {
        "ana": "No mail goes to this address: it is in the list of bounces.",
        "bea": "The subscriber has paused all mail.",
        "cid": "Nothing is subscribed to, or nothing is confirmed yet.",
        "dan": "A digest is on its way, or in doubt; the next one waits for it.",
    }
    for name, words in wanted.items():
        assert words in text_of(preview_of(mira, people[name], at=at(0))), name
    eve = asked("eve@example.org", now=now).subscriber
    assert "nothing is confirmed yet" in text_of(preview_of(mira, eve))
    change = Change(frequency=Frequency.INSTANT)
    change_settings(people["dan"].token, change=change, site_id=1, asker=ASKER, now=now)
    told = text_of(preview_of(mira, people["dan"]))
    assert "There is no digest: everything is told at once." in told


@pytest.mark.parametrize(
    "when",
    ["?", "2026-02-30T07:00", "0001-01-01T00:00", "9999-12-31T23:59", "\x00", "9" * 400, "07:00"],
)
def test_a_time_that_is_none_is_refused_beside_its_field(mira: Client, when: str) -> None:
    [ana] = with_news("ana@example.org")
    answer = preview_of(mira, ana, at=when)
    assert answer.status_code == 422
    assert "This is no date with a time, or one too far away." in text_of(answer)
    assert 'aria-invalid="true"' in answer.content.decode()
    assert mira.get(f"{PREVIEW}{ana.pk}/body/", {"at": when}).status_code == 404
    assert mira.post(f"{PREVIEW}{ana.pk}/test/", {"at": when, "to": TO}).status_code == 422


@override_settings(TIME_ZONE="Asia/Tokyo")
def test_times_are_those_of_the_clocks_of_the_site(mira: Client) -> None:
    [ana] = with_news("ana@example.org")
    answer = preview_of(mira, ana, at=at(20, time="16:30"))
    assert f"Date: {at_seven(20):%a, %d %b %Y} 07:30:00" in text_of(answer)
    assert f'value="{at(20, time="16:30")}"' in answer.content.decode()


def test_a_test_goes_to_the_moderators_own_address(mira: Client, host: MailHost) -> None:
    [ana] = with_news("ana@example.org")
    answer = mira.post(f"{PREVIEW}{ana.pk}/test/", {"at": at(1), "to": TO}, follow=True)
    assert answer.redirect_chain[0][0].startswith(f"{PREVIEW}{ana.pk}/?at=")
    assert "A test was sent" in text_of(answer)
    [taken] = host.taken
    assert taken.recipient == TO
    assert taken.message["Subject"].startswith("[Test] ")
    assert ana.token.encode() not in taken.raw.replace(b"=\r\n", b"")
    assert not Delivery.objects.exists()


def test_a_test_that_cannot_be_sent_says_why_and_keeps_what_was_typed(
    mira: Client, host: MailHost
) -> None:
    [ana] = with_news("ana@example.org")
    address = f"{PREVIEW}{ana.pk}/test/"
    answer = mira.post(address, {"at": at(1), "to": "no address"})
    assert answer.status_code == 422
    assert "This is no address that mail can be sent to" in text_of(answer)
    assert 'value="no address"' in answer.content.decode()
    assert "Fresh words about bread." in text_of(answer)
    host.script = answering({TO: ("rcpt", "550 5.1.1 unknown")})
    answer = mira.post(address, {"at": at(1), "to": TO})
    assert answer.status_code == 422
    assert "The mail server has not taken it on: 550 5.1.1 (rcpt)." in text_of(answer)
    assert host.taken == []


def test_no_news_is_no_test(mira: Client, host: MailHost) -> None:
    [ana] = with_news("ana@example.org")
    answer = mira.post(f"{PREVIEW}{ana.pk}/test/", {"at": at(-9), "to": TO}, follow=True)
    assert "There is no news at that time; nothing was sent." in text_of(answer)
    assert host.taken == []


def test_a_mail_that_cannot_be_composed_is_said_to_be_so(mira: Client, host: MailHost) -> None:
    [ana] = with_news("ana@example.org")
    Subscriber.objects.filter(pk=ana.pk).update(address="a b\r\nBcc: x@example.org")
    Moderator.objects.update(sanction=True)
    answer = preview_of(mira, ana, at=at(1))
    assert answer.status_code == 200
    assert "This mail cannot be composed (ValueError)." in text_of(answer)
    assert "Send a test" not in text_of(answer)
    assert mira.get(f"{PREVIEW}{ana.pk}/body/", {"at": at(1)}).status_code == 404


def test_the_mail_can_be_seen_in_the_dark_whatever_the_browser_prefers(mira: Client) -> None:
    [ana] = with_news("ana@example.org")
    post(Thread.objects.get(), "@media (prefers-color-scheme: dark)", now=at_seven(-3) + HOUR)
    light = preview_of(mira, ana, at=at(1)).content.decode()
    assert 'class="is-light" sandbox' in light
    assert f"?at={at(1).replace(':', '%3A')}&amp;scheme=dark#as-html" in light
    dark = preview_of(mira, ana, at=at(1), scheme="dark").content.decode()
    assert 'class="is-dark" sandbox' in dark
    assert 'class="is-light"' in preview_of(mira, ana, at=at(1), scheme='"><b>').content.decode()
    heads = {}
    for scheme in ("light", "dark"):
        asked = {"at": at(1), "scheme": scheme}
        body = mira.get(f"{PREVIEW}{ana.pk}/body/", asked).content.decode()
        heads[scheme], _, rest = body.partition("</head>")
        assert "@media (prefers-color-scheme: dark)" in rest
        assert f'name="color-scheme" content="{scheme}"' in heads[scheme]
    assert "@media not all {" in heads["light"]
    assert "@media all {" in heads["dark"]


def test_a_preview_of_many_comments_takes_the_same_queries(
    mira: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    mira.get(PREVIEW)
    for count in (1, 60):
        thread = make_thread(f"t{count}", now=at_seven(-3))
        [ana] = with_news(f"a{count}@example.org", thread=thread)
        for n in range(count):
            post(thread, f"Text {n}.", name=f"G{n}", now=at_seven(-3) + timedelta(hours=3))
        seal_publications(site_id=1)
        with django_assert_num_queries(41):
            assert preview_of(mira, ana, at=at(1)).status_code == 200
