"""Who leaves, pauses or is refused while mail waits: each thing once all the same, and none lost.

Each of these was once lost, told twice, told after it was taken back, or called wrong though it was
right.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event
from threading import Thread as Work
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet

from comments.actions import channels, editions
from comments.actions.announcing import seal_publications
from comments.actions.changing import Editor, delete_comment, edit_comment
from comments.actions.channels import mark_instant
from comments.actions.checking_digests import check_digests
from comments.actions.checking_mails import Report
from comments.actions.people import GuestName, Writer, host_participant
from comments.actions.posting import submit_comment
from comments.actions.sending import send_deliveries
from comments.actions.subscribing import (
    Change,
    Times,
    change_settings,
    leave,
    rejoin_conversation,
)
from comments.actions.suppressing import lift_suppression, suppress
from comments.mail import compose_edition
from comments.models import (
    Channel,
    Comment,
    Delivery,
    Frequency,
    PostOffice,
    Revision,
    Subscriber,
    Thread,
)
from comments.queries.subscribers import last_position
from comments.rules.sending import Answer
from tests.mailing import ASKER, DAY, HOUR, asked, confirmed, morning, planned, post_as, subscribed
from tests.making import MODERATOR, NOW, author_of, decide, later, make_thread, post, stored

pytestmark = pytest.mark.django_db

TAKEN = Answer("end", 250)
BUSY = Answer("rcpt", 451)
CUT = Answer("end", None, failure="X")
REFUSED = Answer("mail", 550, "5.7.1")

Says = Callable[[bytes], Answer]


class Way:
    """A connection to a mail server that answers by what a mail holds; keeps what was handed in."""

    def __init__(self, says: Says, handed_in: list[bytes]) -> None:
        self._says, self._handed_in = says, handed_in

    def send(self, parcel: Any) -> Answer:
        """Answers."""
        self._handed_in.append(parcel.content)
        return self._says(parcel.content)

    def close(self) -> None:
        """Hangs up."""


def takes(_: bytes) -> Answer:
    return TAKEN


def is_busy(_: bytes) -> Answer:
    return BUSY


def is_cut(_: bytes) -> Answer:
    return CUT


def busy_for(word: str) -> Says:
    """Returns a server that takes all mail but that with a word in it."""
    return lambda content: BUSY if word.encode() in content else TAKEN


def send(now: datetime, says: Says = takes) -> list[bytes]:
    """Sends what is due; returns what was handed in."""
    handed_in: list[bytes] = []
    send_deliveries(site_id=1, clock=lambda: now, transport=lambda: Way(says, handed_in))
    return handed_in


def work(now: datetime, says: Says = takes) -> list[bytes]:
    planned(now)
    return send(now, says)


def work_on(begin: datetime, *, hours: int, every: int = 4, says: Says = takes) -> datetime:
    """Plans and sends again and again; returns the last time."""
    now = begin
    for hour in range(0, hours, every):
        now = begin + timedelta(hours=hour)
        work(now, says)
    return now


def subscriber(address: str = "ana@example.org", **wish: object) -> Subscriber:
    """Returns a subscriber whose question is out of the way."""
    made = subscribed(address, **wish)
    Delivery.objects.filter(kind="confirmation").update(state="cancelled", due_at=None)
    return made


def told(one: Subscriber) -> list[int]:
    """Returns which comments were in the mails that were taken, in order."""
    sent = one.deliveries.filter(state="sent").exclude(kind="confirmation").order_by("pk")
    return [
        pk for delivery in sent for _, pk in (delivery.edition.items if delivery.edition else [])
    ]


def wrong(now: datetime = NOW) -> list[str]:
    return list(check_digests(site_id=1, report=Report(), now=now))


def leaves(one: Subscriber, scope: str, now: datetime) -> None:
    leave(one.token, scope=scope, site_id=1, asker=ASKER, now=now)


def changes(one: Subscriber, now: datetime, **change: Any) -> None:
    change_settings(one.token, change=Change(**change), site_id=1, asker=ASKER, now=now)


def pauses(one: Subscriber, now: datetime) -> None:
    changes(one, now, paused=True)


def resumes(one: Subscriber, now: datetime) -> None:
    changes(one, now, paused=False)


BEFORE = morning(1) - timedelta(minutes=10)
AFTER = morning(1) + timedelta(minutes=1)


# --- leaving what is told at once ---------------------------------------------------------------


def _two_ways(thread: Thread, *, at_once: str) -> tuple[Subscriber, str]:
    """Returns who is told of a thread at once and of the site in the digest, or vice versa."""
    of_thread = Frequency.INSTANT if at_once == "thread" else Frequency.DAILY
    of_site = Frequency.INSTANT if at_once == "site" else Frequency.DAILY
    ana = subscriber(frequency=of_site)
    subscriber(frequency=of_thread, thread=thread)
    return ana, f"thread-{thread.pk}" if at_once == "thread" else "site"


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("at_once", ["thread", "site"])
def test_what_the_digest_has_left_out_comes_although_what_told_it_at_once_is_left(
    at_once: str, paused: bool
) -> None:
    thread = make_thread()
    ana, scope = _two_ways(thread, at_once=at_once)
    waits = post(thread, "one xyzzy", now=later(100))
    work(BEFORE, busy_for("xyzzy"))
    passed = post(thread, "two", now=BEFORE + timedelta(minutes=5))
    work(morning(1), busy_for("xyzzy"))
    if paused:
        pauses(ana, morning(1))
        send(morning(1) + timedelta(seconds=20), busy_for("xyzzy"))
    leaves(ana, scope, AFTER)
    after = post(thread, "three", now=AFTER)
    if paused:
        work(AFTER + timedelta(seconds=40))
        resumes(ana, AFTER + timedelta(minutes=1))
    end = work_on(AFTER + timedelta(minutes=2), hours=80)
    assert sorted(told(ana)) == [one.comment.pk for one in (waits, passed, after)]
    assert wrong(end) == []


@pytest.mark.parametrize("at_once", ["thread", "site"])
def test_what_expired_at_once_comes_although_what_told_it_is_left(at_once: str) -> None:
    thread = make_thread()
    ana, scope = _two_ways(thread, at_once=at_once)
    lost = post(thread, "one xyzzy", now=later(100))
    now = later(100)
    while not ana.deliveries.filter(state="expired").exists():
        assert now < later(5 * DAY)
        work(now, is_busy)
        now += timedelta(hours=1)
    leaves(ana, scope, now)
    end = work_on(now, hours=80)
    assert told(ana) == [lost.comment.pk]
    assert wrong(end) == []


def test_a_mail_that_was_on_its_way_when_its_thread_was_left_loses_nothing_when_it_expires() -> (
    None
):
    thread = make_thread()
    ana, scope = _two_ways(thread, at_once="thread")
    first = post(thread, "one", now=later(100))
    work(BEFORE, is_busy)
    second = post(thread, "two", now=BEFORE + timedelta(minutes=5))
    planned(morning(1))
    Delivery.objects.filter(kind="instant").update(state="sending", lease_by="x", due_at=None)
    leaves(ana, scope, AFTER)
    Delivery.objects.filter(kind="instant", state="sending").update(state="deferred", due_at=AFTER)
    end = work_on(AFTER, hours=70, says=is_busy)
    assert told(ana) == []
    end = work_on(end, hours=100)
    assert sorted(told(ana)) == [first.comment.pk, second.comment.pk]
    assert wrong(end) == []


def test_what_a_mail_at_once_left_out_and_has_again_is_not_in_the_digest_too() -> None:
    thread = make_thread()
    ana, scope = _two_ways(thread, at_once="thread")
    first = post(thread, "one xyzzy", now=later(100))
    second = post(thread, "two", now=later(101))
    planned(later(110))
    decide(comment_id=second.comment.pk, action="remove", now=later(111))
    send(later(112), busy_for("xyzzy"))
    planned(morning(1))
    decide(comment_id=second.comment.pk, action="restore", now=AFTER)
    leaves(ana, scope, AFTER + timedelta(minutes=1))
    end = work_on(morning(2), hours=80)
    assert sorted(told(ana)) == [first.comment.pk, second.comment.pk]
    assert wrong(end) == []


def test_a_digest_waits_while_a_mail_at_once_is_on_its_way() -> None:
    """Whether it has what is there again is not known before it is back."""
    thread = make_thread()
    ana, scope = _two_ways(thread, at_once="thread")
    post(thread, "one", now=later(100))
    work(later(110), is_busy)
    Delivery.objects.filter(kind="instant").update(state="sending", lease_by="x", due_at=None)
    leaves(ana, scope, later(120))
    other = post(make_thread("two"), "two", now=later(130))
    assert planned(morning(1)).digests == 0
    Delivery.objects.filter(kind="instant").update(state="deferred", due_at=morning(1))
    assert planned(AFTER).digests == 1
    digest = ana.deliveries.get(kind="digest")
    assert [pk for _, pk in digest.selection.items] == [other.comment.pk]


# --- pausing, and addresses that take no mail ---------------------------------------------------


def test_a_mail_in_doubt_waits_for_whoever_pauses() -> None:
    thread = make_thread()
    ana = subscriber()
    comment = post(thread, "x", now=later(10))
    [first] = work(morning(1), is_cut)
    pauses(ana, morning(1))
    send(morning(1) + timedelta(hours=1))
    assert told(ana) == []
    resumes(ana, morning(1) + timedelta(hours=2))
    [again] = work(morning(1) + timedelta(hours=3))
    assert again == first
    assert told(ana) == [comment.comment.pk]
    assert wrong(morning(2)) == []


def test_what_was_kept_from_an_address_comes_when_it_may_have_mail_again() -> None:
    thread = make_thread()
    ana = subscriber()
    waited = post(thread, "one", now=later(10))
    work(morning(1), is_busy)
    suppress(site_id=1, address="ana@example.org", why="x", now=morning(1), asker=ASKER)
    assert send(morning(1) + timedelta(hours=1)) == []
    meanwhile = post(thread, "two", now=morning(1) + timedelta(hours=2))
    work(morning(2))
    lift_suppression(subscriber_id=ana.pk, now=morning(2))
    end = work_on(morning(3), hours=48)
    assert told(ana) == [waited.comment.pk, meanwhile.comment.pk]
    assert wrong(end) == []


def test_a_question_to_an_address_that_takes_no_mail_is_over() -> None:
    one = subscribed()
    suppress(site_id=1, address="ana@example.org", why="x", now=NOW, asker=ASKER)
    assert send(later(10)) == []
    assert list(one.deliveries.values_list("state", flat=True)) == ["cancelled"]


# --- what was taken back, and what was said better ----------------------------------------------


def _in_doubt(thread: Thread, *, secret: str = "SECRETWORDS") -> tuple[int, int]:
    """Returns a comment that is quoted in a mail in doubt, and the one that is in it."""
    quoted = post(thread, f"{secret} of one", now=later(1))
    planned(later(2))
    subscriber(now=later(5))
    answer = post(thread, "two", to=1, now=later(10))
    [mail] = work(morning(1), is_cut)
    assert secret.encode() in mail
    return quoted.comment.pk, answer.comment.pk


def test_words_that_were_taken_back_do_not_leave_again_where_they_are_only_quoted() -> None:
    thread = make_thread()
    quoted, _ = _in_doubt(thread)
    decide(comment_id=quoted, action="remove", now=AFTER)
    assert send(morning(1) + timedelta(hours=1)) == []
    digest = Delivery.objects.get(kind="digest")
    assert (digest.state, digest.due_at) == ("in_doubt", None)


@pytest.mark.parametrize(("which", "who"), [(0, "moderator"), (1, "moderator"), (1, "author")])
def test_a_moderators_change_stops_a_mail_in_doubt_and_an_authors_does_not(
    which: int, who: str
) -> None:
    thread = make_thread()
    pk = _in_doubt(thread)[which]
    comment = Comment.objects.get(pk=pk)
    edit_comment(
        comment_id=pk,
        editor=Editor(participant=comment.author) if who == "author" else MODERATOR,
        source="harmless",
        format=None,
        version=comment.version,
        now=later(12),
    )
    # As if its author could still change it in the morning.
    Revision.objects.update(replaced_at=AFTER)
    assert len(send(morning(1) + timedelta(hours=1))) == (who == "author")


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


# --- a server that refuses us -------------------------------------------------------------------


def test_the_run_in_which_the_server_refuses_us_is_alarmed() -> None:
    subscriber()
    post(make_thread(), "x", now=later(10))
    planned(morning(1))

    sent = send_deliveries(
        site_id=1, clock=lambda: morning(1), transport=lambda: Way(lambda _: REFUSED, [])
    )
    assert (sent.sent, sent.is_alarm) == (0, True)
    assert sent.halted == "the mail server refuses us: 550 5.7.1 (mail)"


# --- two planners -------------------------------------------------------------------------------


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", list(Channel.Kind))
def test_one_channel_waits_while_another_planner_has_the_other(kind: str) -> None:
    """What one leaves to the other is not known before that has been stored."""
    thread = make_thread()
    ana, _ = _two_ways(thread, at_once="thread")
    post(thread, "one", now=later(100))
    post(make_thread("two"), "two", now=later(100))
    seal_publications(site_id=1)
    mark_instant(site_id=1)
    is_held, may_go = Event(), Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                other = Channel.objects.filter(subscriber=ana).exclude(kind=kind)
                assert len(other.select_for_update()) == 1
                is_held.set()
                may_go.wait(30)
        finally:
            connection.close()

    planner = Work(target=hold)
    planner.start()
    assert is_held.wait(30)
    planned(morning(1))
    assert not ana.deliveries.filter(kind__in=list(Channel.Kind)).exists()
    may_go.set()
    planner.join()
    planned(morning(1) + timedelta(minutes=1))
    found = ana.deliveries.filter(kind__in=list(Channel.Kind)).values_list("kind", flat=True)
    assert sorted(found) == ["digest", "instant"]
    assert wrong(morning(1)) == []


# --- what a hostile tester found ----------------------------------------------------------------


def test_what_waits_to_be_told_at_once_is_told_though_the_last_digest_is_over() -> None:
    thread = make_thread()
    ana, scope = _two_ways(thread, at_once="thread")
    waits = post(thread, "one xyzzy", now=later(100))
    work(later(110), is_busy)
    site = ana.subscriptions.get(thread=None)
    changes(ana, later(200), frequency=Frequency.INSTANT, subscription_id=site.pk)
    work(morning(1), is_busy)
    leaves(ana, scope, AFTER)
    end = work_on(AFTER + timedelta(minutes=2), hours=60, every=6)
    assert told(ana) == [waits.comment.pk]
    assert wrong(end) == []


@pytest.mark.parametrize("how", ["pause", "suppress", "hour", "none"])
@pytest.mark.parametrize("first", [Frequency.DAILY, Frequency.INSTANT])
def test_what_is_restored_after_a_change_of_frequency_comes_whatever_is_between(
    how: str, first: Frequency
) -> None:
    then = Frequency.INSTANT if first == Frequency.DAILY else Frequency.DAILY
    ana = subscriber(frequency=first)
    posted = post(make_thread(), "one", now=later(100))
    if first == Frequency.DAILY:
        planned(later(110))
    decide(comment_id=posted.comment.pk, action="remove", now=later(120))
    work(later(130))
    changes(ana, later(200), frequency=then)
    for now in (later(300), morning(1), AFTER):
        work(now)
    assert told(ana) == []
    hour = timedelta(hours=1)
    if how == "pause":
        pauses(ana, morning(1) + hour)
    if how == "suppress":
        suppress(site_id=1, address="ana@example.org", why="x", now=morning(1) + hour, asker=ASKER)
    decide(comment_id=posted.comment.pk, action="restore", now=morning(1) + 2 * hour)
    if how == "hour":
        seal_publications(site_id=1)
        mark_instant(site_id=1)
        changes(ana, morning(1) + 3 * hour, times=Times(send_hour=9))
    else:
        work(morning(1) + 3 * hour)
    if how == "pause":
        resumes(ana, morning(1) + 4 * hour)
    if how == "suppress":
        lift_suppression(subscriber_id=ana.pk, now=morning(1) + 4 * hour)
    end = work_on(morning(1) + 5 * hour, hours=60, every=6)
    assert told(ana) == [posted.comment.pk]
    assert wrong(end) == []


def test_what_a_moderator_changed_stays_back_whatever_the_clocks_say() -> None:
    """The mail was of a time to come: as if another machine's clock were ahead."""
    subscriber()
    posted = post(make_thread(), "SECRETWORDS", now=later(10))
    [mail] = work(morning(3), is_cut)
    assert b"SECRETWORDS" in mail
    edit_comment(
        comment_id=posted.comment.pk,
        editor=MODERATOR,
        source="harmless",
        format=None,
        version=stored(posted).version,
        now=later(600),
    )
    assert send(morning(3) + timedelta(hours=1)) == []


def test_what_was_taken_over_may_be_older_than_a_wish_that_came_again() -> None:
    thread = make_thread()
    ana, scope = _two_ways(thread, at_once="thread")
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


def test_the_link_in_the_last_digest_ends_what_it_was_of() -> None:
    ana = subscriber()
    other = make_thread("other")
    posted = post(other, "one", now=later(10))
    planned(later(20))
    changes(ana, later(100), frequency=Frequency.INSTANT)
    subscriber(frequency=Frequency.INSTANT, thread=other, now=later(110))
    [mail] = work(morning(1))
    assert b"/digest" in mail
    leaves(ana, "digest", AFTER)
    states = dict(ana.subscriptions.values_list("thread", "state"))
    assert states == {None: "ended", other.pk: "active"}
    post(make_thread("two"), "two", now=AFTER)
    work(AFTER + timedelta(minutes=2))
    assert told(ana) == [posted.comment.pk]


@pytest.mark.parametrize("frequency", [Frequency.INSTANT, Frequency.DAILY])
def test_one_comment_that_cannot_be_composed_stops_no_other(
    frequency: Frequency, monkeypatch: pytest.MonkeyPatch
) -> None:

    def breaks(content: Any) -> Any:
        if any("POISON" in str(post) for post in content.posts):
            raise RuntimeError
        return compose_edition(content)

    monkeypatch.setattr(editions, "compose_edition", breaks)
    ana = subscriber(frequency=frequency)
    bad = post(make_thread("one"), "POISON", now=later(10))
    work(later(20))
    good = post(make_thread("two"), "fine", now=morning(1) - timedelta(hours=1))
    end = work_on(morning(1), hours=48, every=6)
    assert told(ana) == [good.comment.pk]
    [named] = wrong(end)
    if frequency == Frequency.DAILY:
        assert named.endswith(f"lacks comment {bad.comment.pk}, which could be read all the time")
    else:
        assert named.endswith("cannot be composed for more than a day")
        sent = send_deliveries(
            site_id=1, clock=lambda: end + timedelta(days=1), transport=lambda: Way(takes, [])
        )
        assert sent.is_alarm
        assert sent.outcomes == {"cannot be composed": 1}
        # The next release can.
        monkeypatch.setattr(editions, "compose_edition", compose_edition)
        work_on(end + timedelta(days=2), hours=24)
        assert sorted(told(ana)) == [bad.comment.pk, good.comment.pk]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("frequency", [Frequency.DAILY, Frequency.INSTANT])
def test_a_wish_and_its_channel_begin_at_one_place(
    frequency: Frequency, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = make_thread()
    question = asked(frequency=frequency, times=Times(tz="UTC", send_hour=7))

    def meanwhile() -> None:
        post(thread, "while it is being confirmed", now=later(60))
        seal_publications(site_id=1)

    _after_it_has_looked(monkeypatch, lambda: confirmed(question, now=later(60)), meanwhile)
    Delivery.objects.filter(kind="confirmation").update(state="cancelled", due_at=None)
    end = work_on(later(120), hours=50, every=6)
    ana = Subscriber.objects.get()
    assert len(told(ana)) == 1
    assert wrong(end) == []


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_change_of_frequency_is_at_one_place_for_both_channels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    thread = make_thread()
    ana, _ = _two_ways(thread, at_once="thread")
    first = post(thread, "one xyzzy", now=later(100))
    work(BEFORE, busy_for("xyzzy"))
    wish = ana.subscriptions.get(thread=thread)

    def meanwhile() -> None:
        post(thread, "two", now=morning(1))
        planned(morning(1))

    def switches() -> None:
        changes(ana, morning(1), frequency=Frequency.DAILY, subscription_id=wish.pk)

    _after_it_has_looked(monkeypatch, switches, meanwhile)
    end = work_on(AFTER, hours=80, every=6)
    assert sorted(told(ana)) == [first.comment.pk, first.comment.pk + 1]
    assert wrong(end) == []


def _after_it_has_looked(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], meanwhile: Callable[[], object]
) -> None:
    """Does something, and something else after the first has read the last position."""
    has_looked, may_go = Event(), Event()

    def looks(**site: Any) -> int:
        found = last_position(**site)
        has_looked.set()
        may_go.wait(30)
        return found

    def run() -> None:
        try:
            act()
        finally:
            connection.close()

    monkeypatch.setattr(channels, "last_position", looks)
    other = Work(target=run)
    other.start()
    assert has_looked.wait(30)
    monkeypatch.setattr(channels, "last_position", last_position)
    meanwhile()
    may_go.set()
    other.join()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_whoever_leaves_while_news_are_marked_waits_and_is_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    two = make_thread("two")
    ana = subscriber(frequency=Frequency.DAILY)
    subscriber(frequency=Frequency.INSTANT, thread=two)
    posted = post(make_thread(), "one", now=later(100))
    planned(later(110))
    decide(comment_id=posted.comment.pk, action="remove", now=later(120))
    site = ana.subscriptions.get(thread=None)
    changes(ana, later(200), frequency=Frequency.INSTANT, subscription_id=site.pk)
    for now in (later(300), morning(1), AFTER):
        work(now)
    decide(comment_id=posted.comment.pk, action="restore", now=AFTER)
    seal_publications(site_id=1)
    has_one, may_go = Event(), Event()
    whole = QuerySet.update

    def update(self: Any, **values: Any) -> int:
        count = whole(self, **values)
        if self.model is Channel and "due_at" in values and not has_one.is_set():
            has_one.set()
            may_go.wait(2)
        return count

    errors: list[BaseException] = []

    def run(act: Callable[[], object]) -> None:
        try:
            act()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    monkeypatch.setattr(QuerySet, "update", update)
    marker = Work(target=run, args=[lambda: mark_instant(site_id=1)])
    marker.start()
    assert has_one.wait(30)
    leaver = Work(target=run, args=[lambda: leaves(ana, f"thread-{two.pk}", AFTER)])
    leaver.start()
    marker.join()
    leaver.join()
    assert errors == []
