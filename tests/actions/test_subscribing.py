"""Subscribing: nothing without the word of whoever reads the mailbox, and a way out of it."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from comments.actions.subscribing import (
    Change,
    Times,
    change_settings,
    confirm,
    forget_subscriber,
    leave,
)
from comments.actions.suppressing import forget_unconfirmed, suppress
from comments.errors import NotFound, ValidationFailed
from comments.models import Channel, Consent, Delivery, Frequency, Participant, Subscriber
from comments.queries.subscribers import everything_about, settings_of, subscription_status
from tests.mailing import ASKER, DAY, asked, confirmed, morning, post_as, subscribed, taken_on
from tests.making import NOW, later, make_thread

pytestmark = pytest.mark.django_db(transaction=True)


def mails(subscriber: Subscriber) -> list[str]:
    return [one.selection.scope for one in subscriber.deliveries.order_by("pk")]


def status(address: str) -> str:
    out = StringIO()
    call_command("subscription_status", address, stdout=out)
    return out.getvalue().strip()


@pytest.mark.parametrize(
    ("typed", "why"),
    [("notanaddress", "there is no @ in it"), ("@example.org", "it has no valid part before")],
)
def test_what_is_no_address_has_no_status(typed: str, why: str) -> None:
    with pytest.raises(CommandError, match=f"'{typed}' is no address: {why}"):
        status(typed)


def test_status_goes_from_unknown_to_pending_to_active_to_unsubscribed() -> None:
    assert status("ana@example.org") == "unknown"
    subscription = asked()
    assert status("ANA@example.org") == "pending"
    ana = confirmed(subscription)
    assert status("ana@example.org") == "active"
    leave(ana.token, scope="digest", site_id=1, asker=ASKER, now=later(1))
    assert status("ana@example.org") == "unsubscribed"
    suppress(site_id=1, address="ana@example.org", why="5.1.1", now=NOW, asker=ASKER)
    assert status("ana@example.org") == "bounced"


def test_asking_brings_one_mail_in_a_quarter_of_an_hour_and_five_a_day() -> None:
    for minute in range(0, 24 * 60, 5):
        now = later(60 * minute)
        ana = asked(now=now).subscriber
        assert ana.confirmed_at is None
        if not ana.deliveries.filter(due_at__gt=now).exists():
            taken_on(now)
    times = list(ana.deliveries.values_list("mailed_at", flat=True).order_by("pk"))
    assert times == [later(900 * n) for n in range(5)]


def test_each_of_several_wishes_is_asked_about_in_its_turn() -> None:
    wishes = [asked(), *(asked(thread=make_thread(key)) for key in ("one", "two")), asked()]
    ana = wishes[0].subscriber
    due = list(ana.deliveries.order_by("pk").values_list("due_at", "subscription_id"))
    assert due == [(later(900 * n), wishes[n].pk) for n in range(3)]


def test_whoever_deletes_his_address_is_forgotten_as_a_guest_too_and_nobody_else() -> None:
    thread = make_thread()
    mine = post_as(thread, "ANA@example.org", name="Ana").participant
    hers = post_as(thread, "bo@example.org", name="Bo").participant
    theirs = post_as(thread, "ana@example.org", name="Annie").participant
    Participant.objects.filter(pk=theirs.pk).update(subject="host-user-7")
    forget_subscriber(subscribed().token, site_id=1)
    kept = Participant.objects.in_bulk()
    assert (kept[mine.pk].email, kept[mine.pk].email_verified_at) == ("", None)
    assert kept[hers.pk].email == "bo@example.org"
    assert kept[theirs.pk].email == "ana@example.org"


def test_whoever_has_it_already_gets_the_link_to_his_settings_and_nothing_changes() -> None:
    ana = subscribed()
    before = settings_of(ana)
    again = Times(tz="Asia/Tokyo", send_hour=23)
    asked(frequency=Frequency.WEEKLY, times=again, now=later(3600))
    assert settings_of(Subscriber.objects.get(pk=ana.pk)) == before
    assert mails(ana) == ["confirm site daily", "already site daily"]


def test_a_stranger_cannot_move_the_hour_of_somebody_confirmed() -> None:
    ana = subscribed()
    thread = make_thread()
    asked(thread=thread, times=Times(tz="Asia/Tokyo", send_hour=23), now=later(3600))
    ana.refresh_from_db()
    assert (ana.tz, ana.send_hour) == ("UTC", 7)


def test_consent_is_kept_with_time_place_and_wording() -> None:
    ana = subscribed()
    rows = list(ana.consents.order_by("pk").values_list("what", "origin", "way"))
    assert rows == [("asked", "203.0.113.9", "test"), ("confirmed", "203.0.113.9", "test")]
    wording = Consent.objects.latest("pk").wording
    assert "every day at 07:00 (UTC)" in wording
    assert "I can end this at any time" in wording
    change = Change(frequency=Frequency.WEEKLY)
    change_settings(ana.token, change=change, site_id=1, asker=ASKER, now=later(5))
    leave(ana.token, scope="all", site_id=1, asker=ASKER, now=later(6))
    leave(ana.token, scope="all", site_id=1, asker=ASKER, now=later(7))
    whats = list(ana.consents.order_by("pk").values_list("what", flat=True))
    assert whats == ["asked", "confirmed", "changed", "ended"]


def test_confirming_twice_is_once_and_leaving_makes_the_link_void() -> None:
    subscription = asked()
    ana = confirmed(subscription)
    confirmed(subscription, now=later(60))
    assert ana.consents.filter(what="confirmed").count() == 1
    leave(ana.token, scope="site", site_id=1, asker=ASKER, now=later(70))
    with pytest.raises(NotFound):
        confirmed(subscription, now=later(80))


def test_the_link_to_confirm_works_for_a_week() -> None:
    subscription = asked()
    with pytest.raises(NotFound):
        confirmed(subscription, now=later(8 * DAY))
    assert confirmed(subscription, now=later(6 * DAY)).confirmed_at is not None


def test_a_token_confirms_nothing_of_somebody_else() -> None:
    mine, theirs = asked(), asked("bob@example.org")
    with pytest.raises(NotFound):
        confirm(mine.subscriber.token, subscription_id=theirs.pk, site_id=1, asker=ASKER, now=NOW)


def test_an_address_that_bounced_gets_no_mail_whoever_asks() -> None:
    subscribed()
    suppress(site_id=1, address="ana@example.org", why="5.1.1", now=later(1), asker=ASKER)
    count = Delivery.objects.count()
    asked(now=later(DAY))
    assert Delivery.objects.count() == count


def test_a_complaint_ends_everything() -> None:
    ana = subscribed()
    suppress(site_id=1, address="Ana@Example.org", why="spam", now=NOW, ends=True, asker=ASKER)
    assert set(ana.subscriptions.values_list("state", flat=True)) == {"ended"}
    assert Channel.objects.get(subscriber=ana).due_at is None


@pytest.mark.parametrize(
    "wrong", [Times(tz="Mars/Base"), Times(send_hour=24), Times(weekday=7), Times(send_hour=-1)]
)
def test_times_that_are_none_are_refused(wrong: Times) -> None:
    with pytest.raises(ValidationFailed):
        asked(times=wrong)
    assert not Subscriber.objects.exists()


def test_what_goes_into_the_digest_has_one_frequency() -> None:
    ana = subscribed()
    confirmed(asked(thread=make_thread(), frequency=Frequency.WEEKLY, now=later(1)), now=later(1))
    confirmed(
        asked(thread=make_thread("b"), frequency=Frequency.INSTANT, now=later(2)), now=later(2)
    )
    assert list(ana.subscriptions.order_by("pk").values_list("frequency", flat=True)) == [
        "weekly",
        "weekly",
        "instant",
    ]


def test_a_new_hour_moves_the_next_digest() -> None:
    ana = subscribed()
    change_settings(
        ana.token, change=Change(times=Times(send_hour=9)), site_id=1, asker=ASKER, now=later(1)
    )
    assert Channel.objects.get(subscriber=ana).due_at == morning() + (later(7200) - NOW)


def test_leaving_one_thread_leaves_the_rest() -> None:
    thread = make_thread()
    ana = subscribed()
    confirmed(asked(thread=thread, now=later(1)), now=later(1))
    leave(ana.token, scope=f"thread-{thread.pk}", site_id=1, asker=ASKER, now=later(2))
    assert list(ana.subscriptions.order_by("pk").values_list("state", flat=True)) == [
        "active",
        "ended",
    ]
    assert Channel.objects.get(subscriber=ana).due_at is not None


@pytest.mark.parametrize("scope", ["", "everything", "thread-", "thread-x", "conversation-1-"])
def test_a_scope_that_is_none_is_refused(scope: str) -> None:
    ana = subscribed()
    with pytest.raises(NotFound):
        leave(ana.token, scope=scope, site_id=1, asker=ASKER, now=NOW)


def test_confirming_answers_proves_the_commenters_address() -> None:
    submitted = post_as(make_thread(), "ana@example.org")
    Participant.objects.update(email_verified_at=None)
    subscribed(participant=submitted.participant, frequency=Frequency.INSTANT)
    assert Participant.objects.get().email_verified_at == NOW


def test_an_address_that_the_host_vouches_for_needs_no_mail() -> None:
    submitted = post_as(make_thread(), "ana@example.org")
    Participant.objects.update(subject="user-7")
    submitted.participant.refresh_from_db()
    subscription = asked(participant=submitted.participant)
    assert subscription.state == "active"
    assert not Delivery.objects.exists()


def test_everything_is_exported_and_can_be_deleted() -> None:
    ana = subscribed()
    export = everything_about(ana)
    assert export["email"] == "ana@example.org"
    assert [row["what"] for row in export["consent"]] == ["asked", "confirmed"]
    assert len(export["mails"]) == 1
    forget_subscriber(ana.token, site_id=1)
    assert not Subscriber.objects.exists()
    assert subscription_status("ana@example.org", site_id=1) == "unknown"


def test_addresses_that_never_agreed_are_forgotten() -> None:
    asked("old@example.org")
    asked("again@example.org")
    asked("again@example.org", now=later(20 * DAY))
    subscribed("yes@example.org")
    asked("bad@example.org")
    suppress(site_id=1, address="bad@example.org", why="5.1.1", now=NOW, asker=ASKER)
    assert forget_unconfirmed(now=later(31 * DAY)) == 1
    left = set(Subscriber.objects.values_list("address", flat=True))
    assert left == {"again@example.org", "yes@example.org", "bad@example.org"}
