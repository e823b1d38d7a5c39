"""Sending: what a real server answers, and what becomes of each message meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import override_settings

from comments.actions import editions, sending
from comments.actions.changing import edit_comment
from comments.actions.claiming import Clerk
from comments.actions.sending import (
    ElsewhereError,
    Limits,
    Sent,
    confirm_place,
    send_deliveries,
)
from comments.actions.settling import Claimed, Outcome
from comments.actions.subscribing import Change, change_settings, leave
from comments.actions.suppressing import suppress
from comments.mail import compose_edition
from comments.models import Delivery, Edition, Frequency, PostOffice, Subscriber
from tests.mailing import (
    ASKER,
    DAY,
    asked,
    confirmed,
    digests,
    morning,
    planned,
    post_as,
    subscribed,
)
from tests.making import MODERATOR, decide, later, make_thread, post
from tests.smtp_server import HANG_UP, MailHost

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


def sent(now: datetime, **more: Any) -> Sent:
    """Sends what is due at a time."""
    return send_deliveries(site_id=1, clock=lambda: now, **more)


def digest_of(subscriber: Subscriber) -> Delivery:
    return subscriber.deliveries.filter(kind="digest").latest("pk")


def answering(point: str, answer: str, *, to: str = "") -> Callable[[str, str], str | None]:
    def script(at: str, recipient: str) -> str | None:
        return answer if at == point and recipient.startswith(to) else None

    return script


def one_due(*addresses: str) -> list[Subscriber]:
    """Returns subscribers whose digest of one comment is due in the morning; theirs alone."""
    thread = make_thread()
    people = [subscribed(address) for address in addresses or ("ana@example.org",)]
    Delivery.objects.all().delete()
    post(thread, "First words.", now=later(60))
    planned(morning())
    return people


def test_a_digest_leaves_once_however_often_one_sends(host: MailHost) -> None:
    [ana] = one_due()
    assert sent(morning()).sent == 1
    assert sent(morning() + HOUR).sent == 0
    [mail] = host.taken
    assert mail.recipient == "ana@example.org"
    assert mail.message["To"] == "ana@example.org"
    digest = digest_of(ana)
    assert (digest.state, digest.sent_at, digest.due_at) == ("sent", morning(), None)
    assert f"+d{digest.pk}." in mail.sender
    assert ana.token in mail.raw.decode()


def test_a_question_is_answered_by_a_mail_that_asks(host: MailHost) -> None:
    subscription = asked()
    assert sent(later(1)).sent == 1
    [mail] = host.taken
    text = mail.message.get_body(["plain"]).get_content()  # type: ignore[union-attr]
    assert f"/subscriptions/{subscription.subscriber.token}/confirm/{subscription.pk}/" in text


def test_many_leave_over_many_connections_each_once(host: MailHost) -> None:
    people = one_due(*(f"a{n}@example.org" for n in range(40)))
    done = sent(morning(), limits=Limits(connections=5))
    assert done.sent == 40
    assert sorted(one.recipient for one in host.taken) == sorted(one.address for one in people)
    assert 2 <= host.sessions <= 5
    assert len({one.message["Message-ID"] for one in host.taken}) == 40


def test_a_temporary_refusal_is_tried_again_later_each_time_and_at_last_given_up(
    host: MailHost,
) -> None:
    [ana] = one_due()
    host.script = answering("rcpt", "451 4.3.0 later")
    now, delays = morning(), []
    for _ in range(60):
        sent(now)
        digest = digest_of(ana)
        if digest.state != "deferred":
            break
        assert digest.due_at is not None
        delays.append((digest.due_at - now).total_seconds())
        now = digest.due_at
    assert digest.state == "expired"
    assert delays == sorted(delays)
    assert delays[0] < delays[-1]
    assert timedelta(hours=48) <= now - morning() <= timedelta(hours=53)
    # Nothing is lost: the next digest has it.
    host.script = answering("none", "")
    planned(morning(5))
    assert digests(ana)[-1] == digests(ana)[0]
    assert sent(morning(5)).sent == 1


def test_a_bad_address_gets_no_mail_ever_again(host: MailHost) -> None:
    ana, bob = one_due("ana@example.org", "bob@example.org")
    host.script = answering("rcpt", "550 5.1.1 unknown", to="ana")
    done = sent(morning())
    assert (done.sent, done.outcomes) == (1, {"bad_address": 1})
    ana.refresh_from_db()
    assert ana.suppressed_at == morning()
    assert ana.suppressed_why == "550 5.1.1 (rcpt)"
    assert (digest_of(ana).state, digest_of(bob).state) == ("bounced", "sent")


def test_three_refusals_in_a_row_make_an_address_bad_and_a_success_begins_anew(
    host: MailHost,
) -> None:
    thread = make_thread()
    ana = subscribed()
    answers = ["552 5.2.2 full", "552 5.2.2 full", "", *["552 5.2.2 full"] * 3]
    states = []
    for day, answer in enumerate(answers, 1):
        post(thread, now=morning(day) - HOUR)
        planned(morning(day))
        host.script = answering("rcpt", answer) if answer else answering("none", "")
        sent(morning(day))
        ana.refresh_from_db()
        states.append(ana.suppressed_at is not None)
    assert states == [False] * 5 + [True]


def test_a_server_that_refuses_us_stops_all_mail_and_alarms_the_operator(
    host: MailHost, caplog: pytest.LogCaptureFixture
) -> None:
    people = one_due(*(f"a{n}@example.org" for n in range(9)))
    host.script = answering("rcpt", "550 5.7.1 your network is blocked")
    done = sent(morning(), limits=Limits(connections=1))
    assert done.halted == "the mail server refuses us: 550 5.7.1 (rcpt)"
    assert done.outcomes == {"refused": 1}
    office = PostOffice.objects.get()
    assert office.stopped_until is not None
    assert [record.levelno for record in caplog.records].count(logging.CRITICAL) == 1
    ours = [record.getMessage() for record in caplog.records if record.name != "mail.log"]
    assert ours
    assert "example.org" not in "".join(ours)
    host.script = answering("none", "")
    assert sent(morning() + timedelta(minutes=1)).halted
    assert host.taken == []
    assert not Subscriber.objects.filter(suppressed_at__isnull=False).exists()
    assert sent(office.stopped_until + HOUR).sent == len(people)


def test_an_unreachable_server_changes_nothing_and_ends_the_run() -> None:
    [ana] = one_due()
    with override_settings(
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=1,
    ):
        done = sent(morning())
    assert done.sent == 0
    digest = digest_of(ana)
    assert (digest.state, digest.tries, digest.mailed_at) == ("queued", 0, None)
    assert digest.due_at == morning() + timedelta(seconds=30)


def test_a_connection_cut_after_the_last_dot_is_in_doubt_and_the_copy_is_the_same(
    host: MailHost,
) -> None:
    [ana] = one_due()
    host.script = answering("end", HANG_UP)
    assert sent(morning()).outcomes == {"in_doubt": 1}
    assert digest_of(ana).state == "in_doubt"
    host.script = answering("none", "")
    assert sent(morning() + HOUR).sent == 1
    first, second = host.taken
    assert first == second
    assert digest_of(ana).state == "sent"


def test_what_is_in_doubt_stays_so_while_a_copy_is_refused_for_now(host: MailHost) -> None:
    [ana] = one_due()
    host.script = answering("end", HANG_UP)
    sent(morning())
    host.script = answering("rcpt", "451 4.3.0 later")
    sent(morning() + HOUR)
    assert digest_of(ana).state == "in_doubt"
    host.script = answering("none", "")
    sent(morning() + 3 * HOUR)
    assert host.taken[0] == host.taken[1]


def test_what_is_in_doubt_is_not_sent_again_once_something_in_it_was_taken_back(
    host: MailHost,
) -> None:
    thread = make_thread()
    ana = subscribed()
    Delivery.objects.all().delete()
    comment = post(thread, "Rash words.", now=later(60)).comment
    post(thread, "Calm words.", now=later(61))
    planned(morning())
    host.script = answering("end", HANG_UP)
    sent(morning())
    decide(comment_id=comment.pk, action="reject", now=morning() + timedelta(minutes=1))
    host.script = answering("none", "")
    for hours in range(1, 60):
        sent(morning() + hours * HOUR)
    assert len(host.taken) == 1
    digest = digest_of(ana)
    assert (digest.state, digest.due_at) == ("in_doubt", None)
    # And nobody waits for it.
    post(thread, "New words.", now=morning(3))
    planned(morning(4))
    assert sent(morning(4)).sent == 1


def with_a_sender(delivery: Delivery, *, lease_until: str) -> None:
    """Leaves a delivery as a sender does that has just marked it as on its way."""
    made = editions.Editions()
    made.render([delivery.selection_id], now=morning())
    Delivery.objects.filter(pk=delivery.pk).update(
        state="sending",
        edition=Edition.objects.get(selection=delivery.selection_id),
        mailed_at=morning(),
        lease_by="other",
        lease_until=datetime.fromisoformat(lease_until),
        due_at=None,
    )


def test_a_sender_that_was_lost_leaves_its_messages_in_doubt(host: MailHost) -> None:
    [ana] = one_due()
    with_a_sender(digest_of(ana), lease_until="2020-01-01T00:00:00Z")
    assert sent(morning() + HOUR).sent == 1
    assert host.taken[0].message["Date"].datetime == morning()


def test_a_message_that_another_sender_has_is_left_alone(host: MailHost) -> None:
    [ana] = one_due()
    with_a_sender(digest_of(ana), lease_until="2100-01-01T00:00:00Z")
    assert sent(morning()).sent == 0
    assert host.taken == []


def test_a_database_that_is_away_for_a_moment_loses_nothing_that_is_under_way(
    host: MailHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    [ana] = one_due()
    host.slow_seconds = 0.7
    whole, calls = Clerk.exchange, []

    def away(clerk: Clerk, outcomes: Collection[Outcome], *, free: int) -> list[Claimed]:
        calls.append(len(outcomes))
        # The first renders and the second marks. Once while the message is under way, with nothing
        # to store, and once with what came of it.
        if calls.count(len(outcomes)) == (1 if outcomes else 3):
            raise OperationalError
        return whole(clerk, outcomes, free=free)

    monkeypatch.setattr(Clerk, "exchange", away)
    monkeypatch.setattr(sending, "STORE_AGAIN_SECONDS", 0.01)
    assert sent(morning()).sent == 1
    assert calls[:3] == [0, 0, 0]
    assert calls.count(1) == 2
    assert len(host.taken) == 1
    assert digest_of(ana).state == "sent"


@pytest.mark.parametrize("how", ["leave", "complain", "mute"])
def test_whoever_leaves_between_queueing_and_sending_gets_nothing(host: MailHost, how: str) -> None:
    [ana] = one_due()
    now = morning() + timedelta(minutes=1)
    if how == "leave":
        leave(ana.token, scope="digest", site_id=1, asker=ASKER, now=now)
    elif how == "mute":
        [[(thread_id, _)]] = digests(ana)
        scope = f"conversation-{thread_id}-1"
        leave(ana.token, scope=scope, site_id=1, asker=ASKER, now=now)
    else:
        suppress(site_id=1, address=ana.address, why="spam", now=now, ends=True, asker=ASKER)
    done = sent(morning() + HOUR)
    assert (done.sent, done.outcomes) == (0, {"left out": 1})
    assert host.taken == []
    assert digest_of(ana).state == "cancelled"


def test_a_thread_that_was_left_is_taken_out_of_a_digest_that_is_queued(host: MailHost) -> None:
    one, two = make_thread("one"), make_thread("two")
    ana = subscribed(thread=one)
    confirmed(asked(thread=two, now=later(1)), now=later(1))
    Delivery.objects.all().delete()
    post(one, "Words of one.", now=later(60))
    kept = post(two, "Words of two.", now=later(61)).comment
    planned(morning())
    leave(ana.token, scope=f"thread-{one.pk}", site_id=1, asker=ASKER, now=morning())
    assert sent(morning()).sent == 1
    [mail] = host.taken
    text = mail.message.get_body(["plain"]).get_content()  # type: ignore[union-attr]
    assert "Words of two." in text
    assert "Words of one." not in text
    assert digests(ana) == [[(two.pk, kept.pk)]]


@pytest.mark.parametrize("digest_first", [True, False])
def test_news_at_once_of_a_thread_that_was_left_reach_whoever_wants_the_site(
    host: MailHost, digest_first: bool
) -> None:
    thread = make_thread()
    ana = subscribed()
    confirmed(asked(thread=thread, frequency=Frequency.INSTANT, now=later(1)), now=later(1))
    Delivery.objects.all().delete()
    post(thread, "Words of the thread.", now=later(60))
    planned(later(61))
    if digest_first:
        planned(morning())
    leave(ana.token, scope=f"thread-{thread.pk}", site_id=1, asker=ASKER, now=morning())
    for days in (1, 2, 3):
        planned(morning(days))
        sent(morning(days))
    assert sum("Words of the thread." in one.raw.decode() for one in host.taken) == 1


def test_the_site_at_once_takes_over_what_a_thread_at_once_had_queued(host: MailHost) -> None:
    thread = make_thread()
    ana = subscribed(frequency=Frequency.INSTANT)
    confirmed(asked(thread=thread, frequency=Frequency.INSTANT, now=later(1)), now=later(1))
    Delivery.objects.all().delete()
    post(thread, "Words of the thread.", now=later(60))
    planned(later(61))
    leave(ana.token, scope=f"thread-{thread.pk}", site_id=1, asker=ASKER, now=later(62))
    assert sent(later(63)).sent == 1


def test_questions_that_waited_together_leave_one_in_a_quarter_of_an_hour(
    host: MailHost,
) -> None:
    for key in ("one", "two", "three"):
        asked(thread=make_thread(key))
    now = later(DAY)
    left = [sent(now + timedelta(minutes=minute)).sent for minute in range(46)]
    assert [minute for minute, count in enumerate(left) if count] == [0, 15, 30]
    assert set(left) == {0, 1}


def test_a_question_that_was_asked_anew_otherwise_does_not_leave(host: MailHost) -> None:
    asked(frequency=Frequency.WEEKLY)
    asked(frequency=Frequency.INSTANT, now=later(10))
    assert sent(later(20)).sent == 0
    assert sent(later(1_000)).sent == 1
    assert "every week" not in host.taken[0].message["Subject"]


def test_a_pause_between_queueing_and_sending_keeps_the_news_for_later(host: MailHost) -> None:
    [ana] = one_due()
    for paused, at in [(True, morning()), (False, morning(3))]:
        change_settings(ana.token, change=Change(paused=paused), site_id=1, asker=ASKER, now=at)
        sent(at)
    assert host.taken == []
    planned(morning(4))
    assert sent(morning(4)).sent == 1
    assert digests(ana)[0] == digests(ana)[1]


def test_news_at_once_that_a_pause_held_back_leave_after_it(host: MailHost) -> None:
    thread = make_thread()
    ana = subscribed(thread=thread, frequency=Frequency.INSTANT)
    Delivery.objects.all().delete()
    post(thread, now=later(60))
    planned(later(61))
    for paused, at in [(True, later(70)), (False, later(80))]:
        change_settings(ana.token, change=Change(paused=paused), site_id=1, asker=ASKER, now=at)
        sent(at)
    assert host.taken == []
    planned(later(90))
    assert sent(later(90)).sent == 1
    planned(later(100))
    assert sent(later(100)).sent == 0


def test_what_is_retracted_before_it_leaves_is_not_in_it_and_comes_when_it_is_back(
    host: MailHost,
) -> None:
    thread = make_thread()
    ana = subscribed()
    Delivery.objects.all().delete()
    rash = post(thread, "Rash words.", now=later(60)).comment
    post(thread, "Calm words.", now=later(61))
    planned(morning())
    decide(comment_id=rash.pk, action="reject", now=morning() + timedelta(seconds=1))
    sent(morning() + timedelta(minutes=1))
    assert "Rash words" not in host.taken[0].raw.decode()
    decide(comment_id=rash.pk, action="approve", now=morning() + HOUR)
    planned(morning(2))
    sent(morning(2))
    assert "Rash words" in host.taken[1].raw.decode()
    assert "Calm words" not in host.taken[1].raw.decode()
    assert len(digests(ana)) == 2


def test_a_mail_of_which_nothing_is_left_does_not_leave_and_its_news_come_when_they_are_back(
    host: MailHost,
) -> None:
    [ana] = one_due()
    [[(_, comment_id)]] = digests(ana)
    decide(comment_id=comment_id, action="reject", now=morning())
    assert sent(morning()).outcomes == {"left out": 1}
    assert digest_of(ana).state == "cancelled"
    decide(comment_id=comment_id, action="approve", now=morning() + HOUR)
    planned(morning(2))
    assert sent(morning(2)).sent == 1


def test_an_edit_before_it_leaves_is_in_it(host: MailHost) -> None:
    thread = make_thread()
    subscribed()
    Delivery.objects.all().delete()
    submitted = post(thread, "First words.", now=later(60))
    planned(morning())
    first = editions.Editions()
    first.render(Delivery.objects.values_list("selection_id", flat=True), now=morning())
    edit_comment(
        comment_id=submitted.comment.pk,
        editor=MODERATOR,
        source="Second words.",
        format=None,
        version=1,
        now=morning(),
    )
    sent(morning() + HOUR)
    assert "Second words." in host.taken[0].raw.decode()
    assert Edition.objects.count() == 2


def test_one_whose_mail_cannot_be_composed_stops_nobody_else(
    host: MailHost, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    thread = make_thread()
    ana, bob = subscribed(), subscribed("bob@example.org")
    confirmed(asked(thread=thread, frequency=Frequency.INSTANT, now=later(1)), now=later(1))
    Delivery.objects.all().delete()
    post_as(make_thread("two"), "cy@example.org", now=later(60))
    post(thread, now=later(61))
    planned(morning())
    whole = compose_edition

    def broken(content: Any) -> Any:
        if len(content.items) == 1:
            raise TypeError(ana.address)
        return whole(content)

    monkeypatch.setattr(editions, "compose_edition", broken)
    assert sent(morning()).sent == 1
    assert [one.recipient for one in host.taken] == [bob.address]
    assert "ana@" not in caplog.text
    assert set(ana.deliveries.values_list("state", "error")) == {
        ("deferred", "cannot be composed: TypeError")
    }
    monkeypatch.setattr(editions, "compose_edition", whole)
    assert sent(morning() + HOUR).sent == 2


def test_one_whose_own_values_cannot_be_spliced_stops_nobody_else(
    host: MailHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, bob = one_due("ana@example.org", "bob@example.org")
    whole = Claimed.parcel

    def broken(claimed: Claimed) -> Any:
        if claimed.subscriber_id == ana.pk:
            raise ValueError(ana.address)
        return whole(claimed)

    monkeypatch.setattr(Claimed, "parcel", broken)
    assert sent(morning()).sent == 1
    assert (digest_of(ana).state, digest_of(bob).state) == ("deferred", "sent")
    assert "example" not in digest_of(ana).error


def test_a_pause_by_the_operator_holds_everything_and_loses_nothing(host: MailHost) -> None:
    one_due()
    PostOffice.objects.update(paused_at=morning())
    assert sent(morning()).halted == "mail is paused by an operator"
    assert host.taken == []
    PostOffice.objects.update(paused_at=None)
    assert sent(morning() + DAY * timedelta(seconds=1)).sent == 1


def test_a_database_that_was_restored_elsewhere_refuses_until_an_operator_confirms(
    host: MailHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_due()
    monkeypatch.setattr(sending, "this_place", lambda: "here")
    PostOffice.objects.update(place="somewhere else")
    with pytest.raises(ElsewhereError):
        sent(morning())
    assert host.taken == []
    confirm_place(site_id=1)
    assert sent(morning()).sent == 1


def test_a_window_lets_so_many_leave_and_no_more(host: MailHost) -> None:
    one_due(*(f"a{n}@example.org" for n in range(7)))
    limits = Limits(connections=3, window="5/24h")
    done = sent(morning(), limits=limits)
    assert (done.sent, done.halted) == (5, "5 mails have left in the window that is allowed")
    assert sent(morning() + 23 * HOUR, limits=limits).sent == 0
    assert sent(morning() + 25 * HOUR, limits=limits).sent == 2


def test_only_one_address_is_sent_to_if_that_is_wanted(host: MailHost) -> None:
    one_due("ana@example.org", "bob@example.org")
    assert sent(morning(), only="BOB@example.org").sent == 1
    assert [one.recipient for one in host.taken] == ["bob@example.org"]


def test_being_told_to_stop_finishes_what_is_under_way(host: MailHost) -> None:
    one_due(*(f"a{n}@example.org" for n in range(9)))
    stop = []

    def script(point: str, recipient: str) -> str | None:
        if point == "end":
            stop.append(recipient)
        return None

    host.script = script
    done = sent(morning(), limits=Limits(connections=2), go_on=lambda: not stop)
    assert 1 <= done.sent <= 2
    assert len(host.taken) == done.sent
    states = list(Delivery.objects.values_list("state", flat=True))
    assert states.count("sent") == done.sent
    assert states.count("queued") == 9 - done.sent


def test_a_rate_holds_back(host: MailHost, monkeypatch: pytest.MonkeyPatch) -> None:
    one_due(*(f"a{n}@example.org" for n in range(6)))
    shown = [0.0]
    monkeypatch.setattr(sending, "monotonic", lambda: shown[0])
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        shown[0] += seconds

    monkeypatch.setattr(sending, "sleep", sleep)
    assert sent(morning(), limits=Limits(rate=2.0)).sent == 6
    assert 2.0 <= sum(slept) <= 3.5


def test_instant_mail_comes_at_once_and_stays_together(host: MailHost) -> None:
    thread = make_thread()
    subscribed(thread=thread, frequency=Frequency.INSTANT)
    Delivery.objects.all().delete()
    for minute in (1, 2):
        post(thread, now=later(60 * minute))
        planned(later(60 * minute + 1))
        assert sent(later(60 * minute + 1)).sent == 1
    first, second = (one.message for one in host.taken)
    assert first["References"] == second["References"]
    assert first["References"]
    assert first["Message-ID"] != second["Message-ID"]
