"""Two who plan, confirm, leave or change at one moment, held at the point where it matters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event
from threading import Thread as Work
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet

from comments.actions import channels
from comments.actions.announcing import seal_publications
from comments.actions.channels import mark_instant
from comments.actions.subscribing import (
    Times,
)
from comments.models import (
    Channel,
    Delivery,
    Frequency,
    Subscriber,
)
from comments.queries.subscribers import last_position
from tests.mailing import asked, confirmed, morning, planned
from tests.making import decide, later, make_thread, post
from tests.postman import (
    AFTER,
    BEFORE,
    busy_for,
    changes,
    leaves,
    subscriber,
    told,
    two_ways,
    work,
    work_on,
    wrong,
)

pytestmark = pytest.mark.django_db


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", list(Channel.Kind))
def test_one_channel_waits_while_another_planner_has_the_other(kind: str) -> None:
    """What one leaves to the other is not known before that has been stored."""
    thread = make_thread()
    ana, _ = two_ways(thread, at_once="thread")
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
    ana, _ = two_ways(thread, at_once="thread")
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
