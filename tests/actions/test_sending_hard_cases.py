"""What happens rarely and must be right all the same: taken back twice, dry runs, servers away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import pairwise
from typing import Any

import pytest
from django.contrib.sites.models import Site
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import override_settings

from comments.actions.checking_digests import check_digests
from comments.actions.checking_mails import Report
from comments.actions.digesting import plan_due
from comments.actions.sending import send_deliveries
from comments.actions.subscribing import Change, change_settings
from comments.models import Channel, Delivery, Frequency, PostOffice, Publication
from comments.rules.sending import Answer
from tests.mailing import ASKER, asked, digests, morning, planned, subscribed
from tests.making import NOW, decide, later, make_thread, post, stored
from tests.smtp_server import MailHost

pytestmark = pytest.mark.django_db

LATER = morning(9)
AHEAD = datetime(2027, 6, 1, tzinfo=UTC)


class Server:
    """A mail server that takes mails, or says 451, and knows when it took what."""

    def __init__(self) -> None:
        self.now, self.is_well = NOW, True
        self.taken: list[datetime] = []

    def __call__(self) -> Any:
        return self

    def send(self, parcel: Any) -> Answer:
        """Takes a mail, or puts it off."""
        if not self.is_well:
            return Answer("rcpt", 451)
        self.taken.append(self.now)
        return Answer("end", 250)

    def close(self) -> None:
        """Hangs up."""

    def work(self) -> None:
        """Plans and sends, as the sender does from time to time."""
        plan_due(site_id=1, now=self.now)
        send_deliveries(site_id=1, clock=lambda: self.now, transport=self)

    def work_until(self, end: datetime, *, every: timedelta, mails: int = 0) -> None:
        """Does so again and again; once an hour when so many mails have left, if there are any."""
        while self.now < end:
            self.work()
            has_all = mails and len(self.taken) >= mails
            self.now += timedelta(hours=1) if has_all else every


def is_in_order(now: datetime = LATER) -> bool:
    return list(check_digests(site_id=1, report=Report(), now=now)) == []


def sent_at(now: datetime) -> int:
    """Plans and sends; returns how many left."""
    planned(now)
    return send_deliveries(site_id=1, clock=lambda: now).sent


@pytest.mark.parametrize("frequency", [Frequency.DAILY, Frequency.INSTANT])
def test_what_is_taken_back_and_approved_again_and_again_is_sent_once(
    frequency: Frequency, host: MailHost
) -> None:
    thread = make_thread()
    ana = subscribed(frequency=frequency)
    Delivery.objects.all().delete()
    comment_id = post(thread, "Hello.", now=later(60)).comment.pk
    decide(comment_id=comment_id, action="reject", now=later(120))
    assert sent_at(morning(1)) == 0
    hours = timedelta(hours=1)
    decide(comment_id=comment_id, action="approve", now=morning(1) + hours)
    assert sent_at(morning(2)) == 1
    for day in (2, 3):
        decide(comment_id=comment_id, action="reject", now=morning(day) + hours)
        decide(comment_id=comment_id, action="approve", now=morning(day) + 2 * hours)
        assert sent_at(morning(day + 1)) == 0
    assert digests(ana) == [[(thread.pk, comment_id)]]
    assert is_in_order()


def instant_state() -> tuple[list[Any], int, list[Any]]:
    channels = list(Channel.objects.order_by("pk").values())
    positions = list(Publication.objects.order_by("pk").values_list("position", flat=True))
    return channels, PostOffice.objects.get().instant_position, positions


def test_a_dry_run_of_any_time_changes_nothing_and_counts_what_is_new(host: MailHost) -> None:
    thread = make_thread()
    subscribed(thread=thread, frequency=Frequency.INSTANT)
    Delivery.objects.all().delete()
    planned()
    post(thread, "News.")
    before = instant_state()
    said = StringIO()
    call_command("send_digests", at=AHEAD, dry_run=True, stdout=said)
    assert "other news: 1" in said.getvalue()
    assert instant_state() == before
    assert sent_at(later(60)) == 1


@pytest.mark.usefixtures("any_time")
def test_a_run_of_another_time_for_one_makes_nobody_else_wait(host: MailHost) -> None:
    thread = make_thread()
    ana = subscribed(thread=thread, frequency=Frequency.INSTANT)
    subscribed("bob@example.org")
    Delivery.objects.all().delete()
    planned()
    post(thread, "News.")
    call_command("send_digests", at=AHEAD, only="bob@example.org", stdout=StringIO())
    assert ana.channels.get(kind="instant").due_at == NOW
    assert sent_at(later(60)) == 1


def test_news_that_no_server_took_for_two_days_is_tried_again_when_it_is_well() -> None:
    thread = make_thread()
    subscribed(thread=thread, frequency=Frequency.INSTANT)
    Delivery.objects.all().delete()
    server = Server()
    post(thread, "News.", now=NOW)
    server.is_well = False
    server.work_until(NOW + timedelta(hours=53), every=timedelta(minutes=20))
    assert Delivery.objects.get().state == Delivery.State.EXPIRED
    server.is_well = True
    server.work_until(NOW + timedelta(days=4), every=timedelta(hours=1))
    assert len(server.taken) == 1
    assert is_in_order()


def closest(times: list[datetime]) -> timedelta:
    return min(b - a for a, b in pairwise(times))


@pytest.mark.parametrize(("wishes", "apart"), [(3, 16), (5, 16)])
def test_questions_that_waited_for_the_server_leave_one_after_another(
    wishes: int, apart: int
) -> None:
    server = Server()
    server.is_well = False
    for number in range(wishes):
        asked(thread=make_thread(f"t{number}"), now=server.now)
        server.work_until(server.now + timedelta(minutes=apart), every=timedelta(minutes=8))
    server.is_well = True
    server.work_until(NOW + timedelta(hours=20), every=timedelta(minutes=1), mails=wishes)
    assert len(server.taken) == wishes
    assert closest(server.taken) >= timedelta(minutes=15)


def test_no_more_questions_leave_in_a_day_than_one_may_have_though_they_waited_longer() -> None:
    server = Server()
    server.is_well = False
    for day in range(2):
        for number in range(5):
            asked(thread=make_thread(f"t{day}-{number}"), now=server.now)
            server.work_until(server.now + timedelta(minutes=16), every=timedelta(minutes=8))
        if day == 0:
            server.work_until(NOW + timedelta(hours=25), every=timedelta(hours=2))
    server.is_well = True
    began = server.now
    server.work_until(began + timedelta(hours=23), every=timedelta(minutes=5), mails=5)
    assert len(server.taken) == 5
    assert closest(server.taken) >= timedelta(minutes=15)


@pytest.mark.usefixtures("any_time")
def test_the_only_address_may_be_of_any_site(host: MailHost) -> None:
    Site.objects.create(pk=2, domain="two.example.org", name="Two")
    subscribed("ana@example.org")
    said = StringIO()
    with override_settings(SITE_ID=None):
        call_command("send_digests", only="ana@example.org", at=NOW, stdout=said)
        assert "sent" in said.getvalue()
        with pytest.raises(CommandError, match="Nobody is subscribed"):
            call_command("send_digests", only="nobody@example.org", stdout=said)


def test_a_mail_in_doubt_that_cannot_be_repeated_alarms_an_operator(host: MailHost) -> None:
    thread = make_thread()
    subscribed()
    Delivery.objects.filter(kind="confirmation").delete()
    kept, gone = (post(thread, f"Comment {n}.", name=f"N{n}", now=later(60 + n)) for n in (1, 2))
    planned(morning(1))
    server = Server()
    server.send = lambda parcel: Answer("end", None)  # type: ignore[method-assign]
    first = send_deliveries(site_id=1, clock=lambda: morning(1), transport=server)
    assert first.outcomes["in_doubt"] == 1
    decide(comment_id=gone.comment.pk, action="reject", now=morning(1))
    assert kept.comment.pk
    Delivery.objects.update(due_at=morning(1))
    again = send_deliveries(site_id=1, clock=lambda: morning(1) + timedelta(hours=1))
    assert again.is_alarm
    assert again.outcomes["to be decided about in the mail room"] == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [(Frequency.INSTANT, Frequency.DAILY), (Frequency.DAILY, Frequency.INSTANT)],
)
@pytest.mark.parametrize("passes", [0, 1, 2])
def test_what_was_held_back_over_a_change_of_frequency_comes_when_it_is_approved(
    before: Frequency, after: Frequency, passes: int, host: MailHost
) -> None:
    thread = make_thread()
    ana = subscribed(frequency=before)
    Delivery.objects.all().delete()
    comment_id = post(thread, "Hello.", now=later(60)).comment.pk
    decide(comment_id=comment_id, action="reject", now=later(61))
    assert sent_at(morning(1)) == 0
    change_settings(
        ana.token,
        change=Change(frequency=after),
        site_id=1,
        asker=ASKER,
        now=morning(1) + timedelta(hours=1),
    )
    for day in range(passes):
        assert sent_at(morning(2 + day)) == 0
    decide(comment_id=comment_id, action="approve", now=morning(5))
    sent = [sent_at(morning(day)) for day in range(6, 10)]
    assert sum(sent) == 1
    assert digests(ana) == [[(thread.pk, comment_id)]]
    assert is_in_order()


@pytest.mark.parametrize("is_changed_first", [False, True])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Frequency.DAILY, Frequency.INSTANT),
        (Frequency.WEEKLY, Frequency.INSTANT),
        (Frequency.INSTANT, Frequency.DAILY),
    ],
)
def test_what_expired_comes_also_after_a_change_of_frequency(
    before: Frequency, after: Frequency, is_changed_first: bool
) -> None:
    thread = make_thread()
    ana = subscribed(frequency=before)
    comment_id = stored(post(thread)).pk
    server = Server()
    server.is_well = False
    server.now = morning(1)

    def change() -> None:
        change_settings(
            ana.token,
            change=Change(frequency=after),
            site_id=1,
            asker=ASKER,
            now=server.now,
        )

    server.work_until(morning(8), every=timedelta(hours=4))
    if is_changed_first:
        change()
    server.work_until(morning(11), every=timedelta(hours=1))
    first = ana.deliveries.exclude(kind=Delivery.Kind.CONFIRMATION).earliest("pk")
    assert first.state == Delivery.State.EXPIRED
    if not is_changed_first:
        change()
    server.is_well = True
    server.work_until(morning(20), every=timedelta(hours=4))
    sent = ana.deliveries.filter(state=Delivery.State.SENT).exclude(kind=Delivery.Kind.CONFIRMATION)
    assert [one.selection.items for one in sent] == [[[thread.pk, comment_id]]]
    assert is_in_order(morning(20))
