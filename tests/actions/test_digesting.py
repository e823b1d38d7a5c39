"""Planning: each thing once, whatever is approved when, whoever plans, whatever clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest
from django.db import connection, transaction

from comments.actions.digesting import plan_due, preview_items
from comments.actions.selecting import selection_for
from comments.actions.subscribing import Change, Times, change_settings, leave
from comments.actions.suppressing import lift_suppression, suppress
from comments.models import Channel, Delivery, Frequency
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
    taken_on,
)
from tests.making import NOW, decide, later, make_thread, post, stored

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_next_digest_has_what_was_published_since_once_each() -> None:
    thread = make_thread()
    post(thread)
    ana = subscribed()
    first, second = post(thread, now=later(60)), post(thread, now=later(90))
    assert planned(later(3600)).digests == 0
    assert planned(morning()).digests == 1
    assert digests(ana) == [[(thread.pk, first.comment.pk), (thread.pk, second.comment.pk)]]
    taken_on()
    third = post(thread, now=later(DAY))
    assert planned(morning()).digests == 0
    assert planned(morning(2)).digests == 1
    assert digests(ana)[1] == [(thread.pk, third.comment.pk)]


def test_no_news_is_no_mail() -> None:
    ana = subscribed()
    assert planned(morning()).digests == 0
    assert digests(ana) == []
    assert Channel.objects.get(subscriber=ana).due_at == morning(2)


def test_written_on_monday_and_approved_on_wednesday_is_in_wednesdays_and_in_no_other() -> None:
    monday = datetime(2026, 11, 23, 5, tzinfo=UTC)
    thread = make_thread(premoderation=True)
    ana = subscribed(now=monday)
    waiting = post(thread, now=monday + timedelta(hours=1))
    found = {}
    for day in range(7):
        if day == 2:
            decide(
                comment_id=waiting.comment.pk,
                action="approve",
                now=monday + timedelta(days=2, hours=1),
            )
        planned(monday + timedelta(days=day, hours=2))
        taken_on()
        found[day] = len(digests(ana))
    assert found == {0: 0, 1: 0, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1}
    assert digests(ana) == [[(thread.pk, waiting.comment.pk)]]


def test_approved_rejected_and_approved_again_is_planned_once() -> None:
    thread = make_thread()
    ana = subscribed()
    comment = post(thread, now=later(60)).comment
    planned(morning())
    taken_on()
    decide(comment_id=comment.pk, action="reject", now=morning() + timedelta(hours=1))
    decide(comment_id=comment.pk, action="approve", now=morning() + timedelta(hours=2))
    for days in (2, 3, 4):
        planned(morning(days))
        taken_on()
    assert digests(ana) == [[(thread.pk, comment.pk)]]


def test_what_could_not_be_read_when_its_digest_was_planned_comes_later() -> None:
    thread = make_thread()
    ana = subscribed()
    comment = post(thread, now=later(60)).comment
    decide(comment_id=comment.pk, action="reject", now=later(120))
    planned(morning())
    assert digests(ana) == []
    decide(comment_id=comment.pk, action="approve", now=later(DAY))
    planned(morning(2))
    assert digests(ana) == [[(thread.pk, comment.pk)]]


def test_own_comments_are_left_out_by_the_address_that_was_proven() -> None:
    thread = make_thread()
    ana, bob = subscribed(), subscribed("bob@example.org")
    mine = post_as(thread, "ANA@example.org", now=later(60)).comment
    planned(morning())
    assert digests(ana) == []
    assert digests(bob) == [[(thread.pk, mine.pk)]]


def test_planning_twice_or_at_two_times_of_a_day_gives_one_digest() -> None:
    thread = make_thread()
    ana = subscribed()
    for hour in range(24):
        post(thread, now=later(60 + hour))
        planned(morning() + timedelta(hours=hour / 2))
    assert len(digests(ana)) == 1


def test_missed_days_are_one_digest() -> None:
    thread = make_thread()
    ana = subscribed()
    comments = [post(thread, now=later(day * DAY + 60)).comment.pk for day in range(4)]
    planned(morning(9))
    assert digests(ana) == [[(thread.pk, pk) for pk in comments]]


def test_what_was_never_sent_is_taken_over_by_the_next() -> None:
    thread = make_thread()
    ana = subscribed()
    first = post(thread, now=later(60)).comment
    planned(morning())
    second = post(thread, now=morning() + timedelta(hours=1)).comment
    planned(morning(2))
    assert [one.state for one in ana.deliveries.filter(kind="digest").order_by("pk")] == [
        "expired",
        "queued",
    ]
    assert digests(ana)[1] == [(thread.pk, first.pk), (thread.pk, second.pk)]


def test_while_nobody_knows_of_the_last_one_the_next_waits() -> None:
    thread = make_thread()
    ana = subscribed()
    post(thread, now=later(60))
    planned(morning())
    taken_on(morning())
    ana.deliveries.filter(kind="digest").update(state="in_doubt", due_at=morning(3), sent_at=None)
    post(thread, now=morning() + timedelta(hours=1))
    planned(morning(2))
    assert len(digests(ana)) == 1
    assert Channel.objects.get(subscriber=ana).due_at == morning(2) + timedelta(minutes=15)


@pytest.mark.postgres
def test_a_digest_that_a_sender_is_just_taking_is_not_taken_over_by_the_next() -> None:
    thread = make_thread()
    ana = subscribed()
    post(thread, now=later(60))
    planned(morning())
    post(thread, now=morning() + timedelta(hours=1))
    is_taken, may_commit = Event(), Event()

    def take() -> None:
        try:
            with transaction.atomic():
                found = Delivery.objects.filter(kind="digest").select_for_update()
                assert len(found) == 1
                is_taken.set()
                may_commit.wait(30)
        finally:
            connection.close()

    sender = Thread(target=take)
    sender.start()
    assert is_taken.wait(30)
    planned(morning(2))
    may_commit.set()
    sender.join()
    assert [one.state for one in ana.deliveries.filter(kind="digest")] == ["queued"]
    planned(morning(2) + timedelta(minutes=15))
    states = ana.deliveries.filter(kind="digest").order_by("pk").values_list("state", flat=True)
    assert list(states) == ["expired", "queued"]


@pytest.mark.postgres
def test_whoever_leaves_while_a_planner_is_at_work_is_let_go() -> None:
    ana = subscribed()
    has_channel, left = Event(), Event()

    def plan() -> None:
        try:
            with transaction.atomic():
                assert len(Channel.objects.select_for_update().filter(subscriber=ana)) == 1
                has_channel.set()
                # Until the other waits for the channel; nothing says that it does.
                assert not left.wait(0.5)
                Delivery.objects.create(
                    site_id=1,
                    subscriber=ana,
                    kind="digest",
                    period="2026-11-24",
                    to_position=1,
                    selection=selection_for(site_id=1, kind="digest", scope="digest"),
                    due_at=NOW,
                    created_at=NOW,
                )
        finally:
            connection.close()

    planner = Thread(target=plan)
    planner.start()
    assert has_channel.wait(30)
    leave(ana.token, scope="all", site_id=1, asker=ASKER, now=later(1))
    left.set()
    planner.join()
    assert ana.subscriptions.get().state == "ended"
    assert ana.deliveries.filter(kind="digest").count() == 1


@pytest.mark.parametrize(
    "change", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)]
)
def test_a_clock_change_gives_one_digest_a_day(change: datetime) -> None:
    begin = change - timedelta(hours=36)
    thread = make_thread(now=begin)
    people = [
        subscribed(
            f"at-{hour}@example.org", now=begin, times=Times(tz="Europe/Berlin", send_hour=hour)
        )
        for hour in (1, 2, 3, 7)
    ]
    for half_hours in range(4 * 48):
        now = begin + timedelta(minutes=30 * half_hours + 1)
        post(thread, now=now)
        planned(now)
        taken_on()
    for person in people:
        found = person.deliveries.filter(kind="digest").values_list("period", flat=True)
        periods = list(found)
        assert len(periods) == len(set(periods)) == 4, person.address


def test_a_zone_that_moves_every_hour_gives_no_second_mail_for_a_date() -> None:
    thread = make_thread()
    ana = subscribed()
    zones = ["Pacific/Kiritimati", "Europe/Berlin", "Pacific/Niue", "UTC"]
    for hour in range(72):
        now = later(hour * 3600)
        post(thread, now=now)
        change = Change(times=Times(tz=zones[hour % 4], send_hour=hour % 24))
        change_settings(ana.token, change=change, site_id=1, asker=ASKER, now=now)
        planned(now)
    periods = list(ana.deliveries.filter(kind="digest").values_list("period", flat=True))
    assert periods == sorted(set(periods))
    items = [item for digest in digests(ana) for item in digest]
    open_ = [
        item
        for one in ana.deliveries.exclude(state="expired").filter(kind="digest")
        for item in map(tuple, one.selection.items)
    ]
    assert len(open_) == len(set(open_))
    assert set(open_) == set(items)


def test_at_once_is_one_mail_for_each_thread_and_nothing_in_the_digest() -> None:
    one, two = make_thread("one"), make_thread("two")
    ana = subscribed()
    confirmed(asked(thread=one, frequency=Frequency.INSTANT, now=later(1)), now=later(1))
    first, second = post(one, now=later(60)).comment, post(two, now=later(61)).comment
    assert planned(later(62)).instants == 1
    assert planned(later(63)).instants == 0
    planned(morning())
    assert digests(ana) == [[(one.pk, first.pk)], [(two.pk, second.pk)]]
    third = post(one, now=morning() + timedelta(hours=1)).comment
    taken_on()
    assert planned(morning() + timedelta(hours=1)).instants == 1
    assert digests(ana)[2] == [(one.pk, third.pk)]


def test_replies_and_mentions_are_told_and_a_conversation_can_be_left() -> None:
    thread = make_thread()
    mine = post_as(thread, "ana@example.org", name="Ana")
    bob = subscribed("ana@example.org", participant=mine.participant, frequency=Frequency.INSTANT)
    reply = post(thread, name="Bo", to=mine.comment.number, now=later(10)).comment
    post(thread, "To nobody.", name="Bo", now=later(20))
    mention = post(thread, "I ask @Ana.", name="Cy", now=later(30)).comment
    planned(later(40))
    assert digests(bob) == [[(thread.pk, reply.pk), (thread.pk, mention.pk)]]
    taken_on()
    left = f"conversation-{thread.pk}-{stored(mine).root_number}"
    leave(bob.token, scope=left, site_id=1, asker=ASKER, now=later(50))
    post(thread, name="Bo", to=reply.number, now=later(60))
    post(thread, "Again, @Ana!", name="Cy", to=mine.comment.number, now=later(61))
    second = post(thread, "And @Ana here.", name="Cy", now=later(62)).comment
    planned(later(70))
    assert digests(bob)[1:] == [[(thread.pk, second.pk)]]


def test_a_thread_wanted_weekly_comes_once_a_week() -> None:
    thread, other = make_thread(), make_thread("other")
    ana = subscribed(
        thread=thread, frequency=Frequency.WEEKLY, times=Times(tz="UTC", send_hour=7, weekday=3)
    )
    for day in range(14):
        post(thread, now=later(day * DAY))
        post(other, now=later(day * DAY + 1))
        planned(morning(day + 1))
        taken_on()
    periods = list(ana.deliveries.filter(kind="digest").values_list("period", flat=True))
    assert periods == ["2026-11-26", "2026-12-03"]
    assert [len(one) for one in digests(ana)] == [3, 7]
    assert {thread_id for one in digests(ana) for thread_id, _ in one} == {thread.pk}


def test_a_pause_loses_nothing() -> None:
    thread = make_thread()
    ana = subscribed()
    change_settings(ana.token, change=Change(paused=True), site_id=1, asker=ASKER, now=later(10))
    first = post(thread, now=later(60)).comment
    assert planned(morning(2)).digests == 0
    change_settings(
        ana.token, change=Change(paused=False), site_id=1, asker=ASKER, now=later(3 * DAY)
    )
    planned(morning(4))
    assert digests(ana) == [[(thread.pk, first.pk)]]


def test_whoever_has_left_is_planned_no_more() -> None:
    thread = make_thread()
    ana = subscribed()
    post(thread, now=later(60))
    leave(ana.token, scope="digest", site_id=1, asker=ASKER, now=later(70))
    assert planned(morning()).looked_at == 0
    assert digests(ana) == []


def test_a_dry_run_counts_and_stores_nothing() -> None:
    thread = make_thread()
    people = [subscribed(f"a{n}@example.org") for n in range(3)]
    post(thread, now=later(60))
    before = list(Channel.objects.order_by("pk").values())
    assert plan_due(site_id=1, now=morning(), dry_run=True).digests == 3
    assert plan_due(site_id=1, now=morning(), dry_run=True, only="A1@example.org").digests == 1
    assert list(Channel.objects.order_by("pk").values()) == before
    assert Delivery.objects.filter(kind="digest").count() == 0
    assert plan_due(site_id=1, now=morning(), only="A1@example.org").digests == 1
    assert [len(digests(one)) for one in people] == [0, 1, 0]


def test_many_are_planned_in_batches_with_few_queries(
    django_assert_max_num_queries: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("comments.actions.digesting.AT_ONCE", 2)
    thread = make_thread()
    people = [subscribed(f"a{n}@example.org") for n in range(5)]
    post(thread, now=later(60))
    assert planned(morning()).digests == 5
    assert {len(digests(one)) for one in people} == {1}
    assert Delivery.objects.filter(kind="digest").values("selection").distinct().count() == 1


def test_a_preview_is_what_would_be_planned_and_stores_nothing() -> None:
    thread = make_thread()
    ana = subscribed()
    assert preview_items(ana.pk, at=later(60)) == []
    comment = post(thread, now=later(60)).comment
    before = list(Channel.objects.order_by("pk").values())
    [preview] = preview_items(ana.pk, at=later(120))
    assert preview.items == [[thread.pk, comment.pk]]
    assert list(Channel.objects.order_by("pk").values()) == before
    assert Delivery.objects.filter(kind="digest").count() == 0


def test_nothing_of_another_time_is_news_for_a_new_subscriber() -> None:
    thread = make_thread()
    old = post(thread).comment
    ana = subscribed(now=later(60))
    decide(comment_id=old.pk, action="reject", now=later(70))
    decide(comment_id=old.pk, action="approve", now=later(80))
    planned(morning())
    assert digests(ana) == []
    assert later(60) > NOW


def frequency(token: str, to: Frequency, *, now: datetime) -> None:
    change_settings(token, change=Change(frequency=to), site_id=1, asker=ASKER, now=now)


def test_a_change_of_the_frequency_loses_nothing_and_tells_nothing_twice() -> None:
    thread = make_thread()
    ana = subscribed()
    now = later(0)
    comments = []
    for step, to in enumerate(
        [Frequency.INSTANT, Frequency.DAILY, Frequency.INSTANT, Frequency.WEEKLY, Frequency.DAILY]
    ):
        for part in range(2):
            now = later(step * 9 * 3600 + part * 600 + 60)
            comments.append(post(thread, now=now).comment.pk)
            planned(now)
            if part:
                taken_on(now)
        frequency(ana.token, to, now=now + timedelta(seconds=60))
    for days in range(3, 12):
        planned(morning(days))
        taken_on(morning(days))
    told = [comment for digest in digests(ana) for _, comment in digest]
    assert sorted(told) == sorted(comments)


def test_what_was_due_in_the_digest_before_a_change_comes_in_a_last_one() -> None:
    thread = make_thread()
    ana = subscribed()
    first = post(thread, now=later(60)).comment
    planned(later(70))
    frequency(ana.token, Frequency.INSTANT, now=later(80))
    second = post(thread, now=later(90)).comment
    assert planned(later(100)).instants == 1
    taken_on(later(100))
    planned(morning())
    taken_on(morning())
    assert digests(ana) == [[(thread.pk, second.pk)], [(thread.pk, first.pk)]]
    digest = Channel.objects.get(subscriber=ana, kind="digest")
    assert digest.due_at is None


def test_leaving_what_was_told_at_once_tells_nothing_of_it_again_in_the_digest() -> None:
    thread = make_thread()
    ana = subscribed()
    confirmed(asked(thread=thread, frequency=Frequency.INSTANT, now=later(1)), now=later(1))
    told = post(thread, now=later(60)).comment
    planned(later(61))
    taken_on(later(62))
    leave(ana.token, scope=f"thread-{thread.pk}", site_id=1, asker=ASKER, now=later(70))
    after = post(thread, now=later(80)).comment
    planned(morning())
    assert digests(ana) == [[(thread.pk, told.pk)], [(thread.pk, after.pk)]]


def test_mail_in_doubt_that_is_not_tried_again_keeps_nobody_waiting_and_counts_as_received() -> (
    None
):
    thread = make_thread()
    ana = subscribed()
    post(thread, now=later(60))
    planned(morning())
    taken_on(morning())
    ana.deliveries.filter(kind="digest").update(state="in_doubt", sent_at=None)
    second = post(thread, now=morning() + timedelta(hours=1)).comment
    planned(morning(2))
    assert digests(ana)[1] == [(thread.pk, second.pk)]


def test_an_address_that_may_have_mail_again_has_what_came_meanwhile() -> None:
    thread = make_thread()
    ana = subscribed()
    suppress(site_id=1, address="ana@example.org", why="5.1.1", now=later(1), asker=ASKER)
    comment = post(thread, now=later(60)).comment
    planned(morning())
    assert digests(ana) == []
    lift_suppression(subscriber_id=ana.pk, now=morning(2))
    planned(morning(3))
    assert digests(ana) == [[(thread.pk, comment.pk)]]


def test_a_mail_at_once_that_nobody_took_comes_with_the_next_although_its_neighbour_was_taken() -> (
    None
):
    one, two = make_thread("one"), make_thread("two")
    ana = subscribed(frequency=Frequency.INSTANT)
    first = post(one, now=later(60))
    lost = post(two, now=later(61))
    planned(later(120))
    told = ana.deliveries.filter(kind=Delivery.Kind.INSTANT).order_by("pk")
    assert told.count() == 2
    told.filter(selection__items=[[two.pk, lost.comment.pk]]).update(state="expired", due_at=None)
    taken_on(later(130))
    second = post(one, now=later(200))
    for minute in range(5, 9):
        planned(later(60 * minute))
        taken_on(later(60 * minute))
    held = [[(t, c) for t, c in row.selection.items] for row in told.exclude(state="expired")]
    assert sorted(held) == [
        [(one.pk, first.comment.pk)],
        [(one.pk, second.comment.pk)],
        [(two.pk, lost.comment.pk)],
    ]
