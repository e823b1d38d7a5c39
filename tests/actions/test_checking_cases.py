"""What the check of digests must not call wrong though it looks so, and must not pass over."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from comments.actions.changing import delete_comment
from comments.actions.people import GuestName, Writer, host_participant
from comments.actions.posting import submit_comment
from comments.actions.subscribing import (
    Times,
    rejoin_conversation,
)
from comments.models import (
    Channel,
    Frequency,
    PostOffice,
)
from tests.mailing import ASKER, DAY, HOUR, morning, planned, post_as
from tests.making import NOW, author_of, later, make_thread, post, stored
from tests.postman import (
    AFTER,
    busy_for,
    changes,
    is_busy,
    leaves,
    pauses,
    resumes,
    send,
    subscriber,
    told,
    two_ways,
    work,
    work_on,
    wrong,
)

pytestmark = pytest.mark.django_db


# --- what was called wrong, and was not ---------------------------------------------------------


def test_of_two_mails_of_one_moment_one_may_expire_and_the_other_be_taken() -> None:
    ana = subscriber(frequency=Frequency.INSTANT)
    one = post(make_thread("one"), "one xyzzy")
    two = post(make_thread("two"), "two")
    planned(later(60))
    for hour in range(60):
        now = later(60 + hour * HOUR)
        send(now, busy_for("xyzzy"))
        assert wrong(now) == []
    assert ana.deliveries.filter(state="expired").count() == 1
    end = work_on(now, hours=40)
    assert told(ana) == [two.comment.pk, one.comment.pk]
    assert wrong(end) == []


def test_of_two_mails_of_one_moment_one_may_expire_and_the_other_be_not_wanted() -> None:
    ana = subscriber(frequency=Frequency.INSTANT)
    one = post(make_thread("one"), "one xyzzy")
    two = post(make_thread("two"), "two")
    work(later(60), is_busy)
    comment = stored(two)
    delete_comment(
        comment_id=comment.pk, editor=author_of(two), version=comment.version, now=later(70)
    )
    for hour in range(1, 60):
        now = later(60 + hour * HOUR)
        send(now, busy_for("xyzzy"))
        assert wrong(now) == []
    end = work_on(now, hours=40)
    assert told(ana) == [one.comment.pk]
    assert wrong(end) == []


def test_of_two_mails_of_one_moment_both_may_be_kept_back_by_a_pause() -> None:
    ana = subscriber(frequency=Frequency.INSTANT)
    one = post(make_thread("one"), "one xyzzy")
    two = post(make_thread("two"), "two")
    work(later(60), busy_for("xyzzy"))
    pauses(ana, later(120))
    send(later(600))
    assert wrong(later(600)) == []
    resumes(ana, later(700))
    work(later(701))
    assert told(ana) == [two.comment.pk, one.comment.pk]
    assert wrong(later(800)) == []


@pytest.mark.parametrize("frequency", [Frequency.INSTANT, Frequency.DAILY])
@pytest.mark.parametrize("changed", [False, True])
def test_a_look_for_what_expired_may_come_to_nothing(frequency: Frequency, changed: bool) -> None:
    ana = subscriber(frequency=frequency)
    posted = post(make_thread(), "one", now=later(10))
    planned(morning(1))
    pauses(ana, morning(1))
    send(morning(1))
    if changed:
        other = Frequency.DAILY if frequency == Frequency.INSTANT else Frequency.INSTANT
        changes(ana, morning(1), frequency=other)
    delete_comment(
        comment_id=posted.comment.pk,
        editor=author_of(posted),
        version=stored(posted).version,
        now=later(60),
    )
    resumes(ana, AFTER)
    end = work_on(AFTER, hours=72)
    assert told(ana) == []
    assert wrong(end) == []


def test_what_expired_is_over_for_whoever_left_and_came_back_for_something_else() -> None:
    ana = subscriber(frequency=Frequency.INSTANT)
    post(make_thread(), "one")
    planned(later(60))
    pauses(ana, later(120))
    send(later(130))
    leaves(ana, "site", later(130))
    subscriber(frequency=Frequency.INSTANT, thread=make_thread("other"), now=later(3000))
    resumes(ana, later(3100))
    work(later(3200))
    assert told(ana) == []
    assert wrong(later(3200)) == []


def test_the_next_weekly_digest_may_be_due_in_nine_days() -> None:
    """On Monday at midnight in Kiritimati one moves to where the day begins a day later."""
    monday = datetime.fromisoformat("2026-11-29T10:00:00+00:00")
    times = Times(tz="Pacific/Kiritimati", send_hour=0, weekday=0)
    ana = subscriber(frequency=Frequency.WEEKLY, times=times, now=monday - timedelta(days=1))
    post(make_thread(), "one", now=monday - timedelta(hours=1))
    work(monday)
    changes(ana, monday, times=Times("Pacific/Pago_Pago", 23, 0))
    due_at = Channel.objects.get().due_at
    assert due_at is not None
    assert due_at - monday > timedelta(days=8)
    assert wrong(monday) == []


def test_a_comment_was_his_own_by_an_address_that_the_host_names_no_more() -> None:
    thread = make_thread()
    ana = subscriber()
    writer = host_participant(site_id=1, subject="u1", name="Ana", email="ana@example.org", now=NOW)
    submit_comment(
        thread_id=thread.pk,
        writer=Writer(participant=writer),
        source="mine",
        format="plain",
        reply_to_number=None,
        now=later(100),
    )
    work(morning(1))
    assert told(ana) == []
    host_participant(site_id=1, subject="u1", name="Ana", email="", now=morning(1))
    assert wrong(morning(1)) == []


def test_a_comment_was_his_own_by_an_address_that_a_guest_gives_no_more() -> None:
    thread = make_thread()
    ana = subscriber()
    mine = post_as(thread, "ana@example.org", now=later(100))
    work(morning(1))
    assert told(ana) == []
    for address in ("", "new@example.org"):
        submit_comment(
            thread_id=thread.pk,
            writer=Writer(participant=mine.participant, guest=GuestName("Ana", email=address)),
            source=f"mine again, {address}",
            format="plain",
            reply_to_number=None,
            now=morning(1),
        )
        mine.participant.refresh_from_db()
        assert mine.participant.email == address
        assert wrong(morning(1)) == []


def test_what_was_taken_over_may_be_older_than_a_wish_that_came_again() -> None:
    thread = make_thread()
    ana, scope = two_ways(thread, at_once="thread")
    posted = post(thread, "one", now=later(100))
    now = later(110)
    while not ana.deliveries.filter(state="expired").exists():
        assert now < later(5 * DAY)
        work(now, is_busy)
        now += timedelta(hours=4)
    pauses(ana, now)
    leaves(ana, scope, now + timedelta(minutes=1))
    subscriber(frequency=Frequency.INSTANT, thread=thread, now=now + timedelta(minutes=2))
    resumes(ana, now + timedelta(minutes=3))
    end = work_on(now + timedelta(minutes=4), hours=40, every=6)
    assert told(ana) == [posted.comment.pk]
    assert wrong(end) == []


def test_a_week_may_be_planned_a_week_ahead() -> None:
    subscriber(frequency=Frequency.WEEKLY, times=Times(tz="UTC", send_hour=7, weekday=0))
    post(make_thread(), "x", now=later(10))
    work(NOW + timedelta(days=7) - timedelta(hours=1))
    assert wrong(NOW) == []


# --- what is wrong, and was not named -----------------------------------------------------------


def test_a_mail_that_nobody_cancelled_is_missed() -> None:
    thread = make_thread()
    ana = subscriber()
    comment = post(thread, "x", now=later(10))
    planned(morning(1))
    ana.deliveries.filter(kind="digest").update(state="cancelled", due_at=None)
    assert wrong(morning(1)) == [
        f"subscriber {ana.pk}: comment {comment.comment.pk} was published for him,"
        " and no mail holds it"
    ]


@pytest.mark.parametrize("name", ["Ana", "Ana Lind"])
def test_a_mention_that_no_mail_tells_of_is_missed(name: str) -> None:
    thread = make_thread()
    first = post(thread, "hi", name=name)
    planned(NOW)
    ana = subscriber(participant=first.participant, frequency=Frequency.INSTANT)
    mention = post(thread, f"@{name} hello", name="Bo", now=later(10))
    planned(later(20))
    assert wrong(later(20)) == []
    ana.deliveries.filter(kind="instant").delete()
    assert wrong(later(20)) == [
        f"subscriber {ana.pk}: comment {mention.comment.pk} was published for him,"
        " and no mail holds it"
    ]


def test_a_mention_of_somebody_who_came_later_was_no_news_when_it_was_published() -> None:
    thread = make_thread()
    ana = subscriber(
        participant=post(make_thread("other"), "hi", name="Ana").participant,
        frequency=Frequency.INSTANT,
    )
    post(thread, "@Ana hello", name="Bo", now=later(10))
    work(later(20))
    writes = Writer(participant=ana.subscriptions.get().participant, guest=GuestName("Ana"))
    submit_comment(
        thread_id=thread.pk,
        writer=writes,
        source="here",
        format="plain",
        reply_to_number=None,
        now=later(30),
    )
    work(later(40))
    assert wrong(later(40)) == []


def test_whoever_has_left_a_conversation_still_is_owed_all_others() -> None:
    one, two = make_thread("one"), make_thread("two")
    post(one, "root")
    ana = subscriber()
    leaves(ana, f"conversation-{one.pk}-1", later(5))
    post(one, "below", to=1, now=later(6))
    other = post(two, "x", now=later(10))
    work(morning(1))
    rejoin_conversation(
        ana.token, thread_id=one.pk, root_number=1, site_id=1, asker=ASKER, now=morning(1)
    )
    assert wrong(morning(1)) == []
    ana.deliveries.filter(kind="digest").delete()
    assert f"comment {other.comment.pk} " in " ".join(wrong(morning(1)))
    assert not ana.mutes.filter(lifted_at=None).exists()
    leaves(ana, f"conversation-{one.pk}-1", morning(2))
    assert ana.mutes.filter(lifted_at=None).count() == 1


def test_news_at_once_that_nobody_looks_for_are_missed() -> None:
    thread = make_thread()
    ana = subscriber(frequency=Frequency.INSTANT)
    comment = post(thread, "x", now=later(10))
    planned(later(10), only="nobody@example.org")
    assert wrong(later(20)) == []
    Channel.objects.update(due_at=None)
    assert PostOffice.objects.get().instant_position == 1
    assert f"subscriber {ana.pk}: comment {comment.comment.pk} was published for him," in " ".join(
        wrong(later(20))
    )
