"""Who leaves, pauses or is refused while mail waits: each thing once all the same, and none lost.

Each of these was once lost, told twice, told after it was taken back, or called wrong though it was
right.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from comments.actions import editions
from comments.actions.announcing import seal_publications
from comments.actions.changing import Editor, edit_comment
from comments.actions.channels import mark_instant
from comments.actions.sending import send_deliveries
from comments.actions.subscribing import (
    Times,
)
from comments.actions.suppressing import lift_suppression, suppress
from comments.mail import compose_edition
from comments.models import (
    Comment,
    Delivery,
    Frequency,
    Revision,
    Thread,
)
from tests.mailing import ASKER, DAY, morning, planned, subscribed
from tests.making import MODERATOR, NOW, decide, later, make_thread, post, stored
from tests.postman import (
    AFTER,
    BEFORE,
    REFUSED,
    Way,
    busy_for,
    changes,
    is_busy,
    is_cut,
    leaves,
    pauses,
    resumes,
    send,
    subscriber,
    takes,
    told,
    two_ways,
    work,
    work_on,
    wrong,
)

pytestmark = pytest.mark.django_db


# --- leaving what is told at once ---------------------------------------------------------------


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("at_once", ["thread", "site"])
def test_what_the_digest_has_left_out_comes_although_what_told_it_at_once_is_left(
    at_once: str, paused: bool
) -> None:
    thread = make_thread()
    ana, scope = two_ways(thread, at_once=at_once)
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
    ana, scope = two_ways(thread, at_once=at_once)
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
    ana, scope = two_ways(thread, at_once="thread")
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
    ana, scope = two_ways(thread, at_once="thread")
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
    ana, scope = two_ways(thread, at_once="thread")
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


# --- changes of frequency -----------------------------------------------------------------------


def test_what_waits_to_be_told_at_once_is_told_though_the_last_digest_is_over() -> None:
    thread = make_thread()
    ana, scope = two_ways(thread, at_once="thread")
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


# --- what cannot leave ---------------------------------------------------------------------------


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


def test_the_run_in_which_the_server_refuses_us_is_alarmed() -> None:
    subscriber()
    post(make_thread(), "x", now=later(10))
    planned(morning(1))

    sent = send_deliveries(
        site_id=1, clock=lambda: morning(1), transport=lambda: Way(lambda _: REFUSED, [])
    )
    assert (sent.sent, sent.is_alarm) == (0, True)
    assert sent.halted == "the mail server refuses us: 550 5.7.1 (mail)"
