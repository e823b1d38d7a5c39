"""The check of digests finds each kind of wrong row, and nothing where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from io import StringIO
from itertools import cycle
from typing import Any

import pytest
from django.contrib.sites.models import Site
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from comments.actions import suppressing
from comments.actions.announcing import seal_publications
from comments.actions.bouncing import take_bounce
from comments.actions.checking_digests import check_digests
from comments.actions.checking_mails import Report
from comments.actions.posting import Submitted
from comments.actions.subscribing import (
    Change,
    Times,
    change_settings,
    leave,
    rejoin_conversation,
)
from comments.errors import Refusal
from comments.mail import delivery_key
from comments.models import (
    Channel,
    Comment,
    Delivery,
    Edition,
    Frequency,
    PostOffice,
    Publication,
    PublicationOrder,
    Selection,
    Subscriber,
    Subscription,
)
from comments.rules.bounces import Outcome
from comments.rules.sending import Answer
from tests.mailing import ASKER, morning, planned, post_as, subscribed, taken_on
from tests.making import NOW, decide, later, make_thread, post, stored
from tests.postman import BUSY, CUT, TAKEN, send

pytestmark = pytest.mark.django_db


THEN = morning(3)


def wrong(site_id: int = 1, *, now: datetime = THEN) -> list[str]:
    """Returns what the check finds."""
    return list(check_digests(site_id=site_id, report=Report(), now=now))


def some_days() -> Subscriber:
    """Returns a subscriber with three digests and two mails at once; another has digests too."""
    thread, other = make_thread(), make_thread("another")
    post(thread)
    ana = subscribed()
    subscribed("bo@example.org")
    subscribed(frequency=Frequency.INSTANT, thread=other)
    for day in range(1, 4):
        now = morning(day)
        post(thread, now=now - timedelta(hours=2))
        post(other, now=now - timedelta(hours=1))
        planned(now)
        taken_on(now)
    return ana


def digest_of(subscriber: Subscriber, number: int) -> Delivery:
    found = subscriber.deliveries.filter(kind=Delivery.Kind.DIGEST).order_by("pk")
    return found[number]


def change(delivery: Delivery, **fields: Any) -> None:
    """Writes into a row what no action writes."""
    Delivery.objects.filter(pk=delivery.pk).update(**fields)


def test_what_actions_have_written_is_in_order() -> None:
    some_days()
    assert wrong() == []


def _without_a_position(ana: Subscriber) -> str:
    Publication.objects.filter(position=2).update(position=None)
    return "position 2 of the order: no publication"


def _without_several(ana: Subscriber) -> str:
    Publication.objects.filter(position__lte=2).update(position=F("position") + 100)
    return "positions 1 to 2 of the order: no publication"


def _without_the_last(ana: Subscriber) -> str:
    last = PublicationOrder.objects.get().last_position
    PublicationOrder.objects.update(last_position=last + 2)
    return f"positions {last + 1} to {last + 2} of the order: no publication"


def _beyond_the_last(ana: Subscriber) -> str:
    last = PublicationOrder.objects.get().last_position
    PublicationOrder.objects.update(last_position=last - 1)
    return f"publications go up to {last}, and the last position of the site is {last - 1}"


def _of_another_thread(ana: Subscriber) -> str:
    first = Publication.objects.order_by("pk")[0]
    other = make_thread("somewhere")
    Publication.objects.filter(pk=first.pk).update(thread=other)
    return f"publication {first.pk}: of another thread, or another site, than what it is of"


def _again_before_the_first(ana: Subscriber) -> str:
    last = Publication.objects.order_by("pk").last()
    assert last is not None
    Publication.objects.filter(pk=last.pk).update(again=True)
    return f"publication {last.pk}: again, and nothing before it"


def _never_announced(ana: Subscriber) -> str:
    last = Publication.objects.order_by("pk").last()
    assert last is not None
    Publication.objects.filter(pk=last.pk).delete()
    return f"comment {last.comment_id}: can be read, and was never announced"


def _sent_without_a_time(ana: Subscriber) -> str:
    delivery = digest_of(ana, 1)
    change(delivery, sent_at=None)
    return f"delivery {delivery.pk}: sent, without what was sent or when"


def _sent_by_nobody(ana: Subscriber) -> str:
    delivery = digest_of(ana, 1)
    change(delivery, state="sending", lease_until=None)
    return f"delivery {delivery.pk}: is being sent, and nobody has it"


def _never_due(ana: Subscriber) -> str:
    delivery = digest_of(ana, 2)
    change(delivery, state="deferred", due_at=None)
    return f"delivery {delivery.pk}: waits, and is never due"


def _sent_and_due_again(ana: Subscriber) -> str:
    delivery = digest_of(ana, 1)
    change(delivery, state="queued", due_at=delivery.sent_at)
    return f"delivery {delivery.pk}: was sent, and is to be sent again"


def _sent_empty(ana: Subscriber) -> str:
    delivery = digest_of(ana, 1)
    Edition.objects.filter(pk=delivery.edition_id or 0).update(items=[])
    return f"delivery {delivery.pk}: was sent, with nothing in it"


def _without_consent(ana: Subscriber) -> str:
    subscription = ana.subscriptions.filter(state="active").order_by("pk")[0]
    ana.consents.filter(subscription=subscription, what="confirmed").delete()
    return f"subscription {subscription.pk}: is active, and nobody has confirmed it"


def _never_looked_for(ana: Subscriber) -> str:
    subscription = ana.subscriptions.filter(state="active", frequency="daily").order_by("pk")[0]
    ana.channels.filter(kind="digest").update(due_at=None)
    return f"subscription {subscription.pk}: wants a digest, and nobody looks for news for it"


def _office_beyond(ana: Subscriber) -> str:
    last = PublicationOrder.objects.get().last_position
    PostOffice.objects.update(instant_position=last + 1)
    return f"post office of site 1: stands beyond the last position, {last}"


def _rendered_from_another(ana: Subscriber) -> str:
    first, second = digest_of(ana, 0), digest_of(ana, 1)
    change(second, edition=first.edition)
    return f"delivery {second.pk}: rendered from another selection than its own"


def _of_another_site(ana: Subscriber) -> str:
    delivery = digest_of(ana, 1)
    other = Site.objects.create(pk=2, domain="two.example.org", name="Two")
    Selection.objects.filter(pk=delivery.selection_id).update(site=other)
    return f"delivery {delivery.pk}: holds what is of another site"


def _to_another_site(ana: Subscriber) -> str:
    other = Site.objects.create(pk=2, domain="two.example.org", name="Two")
    Subscriber.objects.filter(pk=ana.pk).update(site=other)
    return f"delivery {digest_of(ana, 1).pk}: to a subscriber of another site"


def _asks_somebody_else(ana: Subscriber) -> str:
    [question] = ana.deliveries.filter(kind=Delivery.Kind.CONFIRMATION).order_by("pk")[:1]
    strange = Subscription.objects.exclude(subscriber=ana)[0]
    change(question, subscription=strange)
    return f"delivery {question.pk}: asks about the subscription of somebody else"


def _channel_beyond(ana: Subscriber) -> str:
    last = PublicationOrder.objects.get().last_position
    channel = ana.channels.get(kind="digest")
    Channel.objects.filter(pk=channel.pk).update(cursor=last + 1)
    return f"channel {channel.pk}: stands beyond the last position, {last}"


def _subscription_beyond(ana: Subscriber) -> str:
    last = PublicationOrder.objects.get().last_position
    subscription = ana.subscriptions.order_by("pk")[0]
    Subscription.objects.filter(pk=subscription.pk).update(began=last + 1)
    return f"subscription {subscription.pk}: began beyond the last position, {last}"


def _channel_behind(ana: Subscriber) -> str:
    channel = ana.channels.get(kind="digest")
    Channel.objects.filter(pk=channel.pk).update(cursor=channel.cursor - 1)
    return f"channel {channel.pk}: stands before the end of delivery {digest_of(ana, 2).pk}"


def _period_behind(ana: Subscriber) -> str:
    channel = ana.channels.get(kind="digest")
    Channel.objects.filter(pk=channel.pk).update(last_period="2026-11-25")
    return f"channel {channel.pk}: its period is before that of delivery {digest_of(ana, 2).pk}"


def _without_a_channel(ana: Subscriber) -> str:
    ana.channels.filter(kind="instant").delete()
    return f"subscriber {ana.pk}: has deliveries (instant) and no channel for them"


def _shows_more(ana: Subscriber) -> str:
    edition = digest_of(ana, 1).edition
    assert edition is not None
    thread_id = edition.items[0][0]
    Edition.objects.filter(pk=edition.pk).update(items=[*edition.items, [thread_id, 0]])
    return f"edition {edition.pk}: shows the page of thread {thread_id}, which was not selected"


def _the_same_twice(ana: Subscriber) -> str:
    first, second = digest_of(ana, 0), digest_of(ana, 1)
    change(second, selection=first.selection, edition=first.edition)
    comment_id = first.selection.items[0][1]
    return (
        f"deliveries {first.pk} and {second.pk} to subscriber {ana.pk}:"
        f" both hold comment {comment_id}"
    )


def _the_same_both_ways(ana: Subscriber) -> str:
    digest = digest_of(ana, 2)
    [instant] = ana.deliveries.filter(kind=Delivery.Kind.INSTANT).order_by("-pk")[:1]
    change(instant, selection=digest.selection, edition=digest.edition)
    first, second = sorted([digest.pk, instant.pk])
    comment_id = digest.selection.items[0][1]
    return f"deliveries {first} and {second} to subscriber {ana.pk}: both hold comment {comment_id}"


def _overlapping(ana: Subscriber) -> str:
    first, second = digest_of(ana, 0), digest_of(ana, 1)
    change(second, after_position=first.to_position - 1)
    both = f"deliveries {first.pk} and {second.pk} to subscriber {ana.pk}"
    return f"{both}: what they cover overlaps"


def _ends_earlier(ana: Subscriber) -> str:
    first, second = digest_of(ana, 0), digest_of(ana, 1)
    change(second, after_position=first.after_position, to_position=first.to_position - 1)
    both = f"deliveries {first.pk} and {second.pk} to subscriber {ana.pk}"
    return f"{both}: the later one ends before the earlier one"


def _period_twice(ana: Subscriber) -> str:
    first, second = digest_of(ana, 0), digest_of(ana, 1)
    change(second, period="2026-11-01")
    both = f"deliveries {first.pk} and {second.pk} to subscriber {ana.pk}"
    return f"{both}: periods {first.period} and 2026-11-01 do not rise"


def _not_published(ana: Subscriber) -> str:
    delivery = digest_of(ana, 2)
    comment_id = delivery.selection.items[0][1]
    Publication.objects.filter(comment=comment_id).update(position=None)
    return (
        f"delivery {delivery.pk} to subscriber {ana.pk}: holds comment {comment_id},"
        " which was not published"
    )


def _published_later(ana: Subscriber) -> str:
    first, last = digest_of(ana, 0), digest_of(ana, 2)
    change(first, selection=last.selection, edition=last.edition)
    comment_id = last.selection.items[0][1]
    return (
        f"delivery {first.pk} to subscriber {ana.pk}: holds comment {comment_id},"
        " which was published after what it covers"
    )


def _published_before(ana: Subscriber) -> str:
    delivery = digest_of(ana, 0)
    Subscription.objects.filter(subscriber=ana).update(began=delivery.to_position)
    comment_id = delivery.selection.items[0][1]
    return (
        f"delivery {delivery.pk} to subscriber {ana.pk}: holds comment {comment_id},"
        " which was published before it was asked for"
    )


def _bo() -> Subscriber:
    return Subscriber.objects.get(address="bo@example.org")


def _moved_past_news(ana: Subscriber) -> str:
    post(make_thread("unheard"), now=NOW + timedelta(days=5))
    last = seal_publications(site_id=1)
    _bo().channels.update(cursor=last)
    comment = Comment.objects.latest("pk")
    return (
        f"subscriber {_bo().pk}: comment {comment.pk} was published for him, and no mail holds it"
    )


def _mail_is_gone(ana: Subscriber) -> str:
    bo = _bo()
    gone = digest_of(bo, 1)
    comment_id = gone.selection.items[0][1]
    gone.delete()
    return f"subscriber {bo.pk}: comment {comment_id} was published for him, and no mail holds it"


def _passed_over(ana: Subscriber) -> str:
    delivery = digest_of(_bo(), 1)
    lost = delivery.selection.items[0]
    selection = Selection.objects.get(pk=delivery.selection_id)
    selection.pk, selection.key = None, "another"
    selection.items = selection.items[1:]
    selection.save()
    change(delivery, selection=selection, edition=None, state="bounced", mailed_at=None)
    return f"subscriber {_bo().pk}: comment {lost[1]} was published for him, and no mail holds it"


def _told_nothing_of_a_thread(ana: Subscriber) -> str:
    [gone] = ana.deliveries.filter(kind=Delivery.Kind.INSTANT).order_by("-pk")[:1]
    comment_id = gone.selection.items[0][1]
    gone.delete()
    return f"subscriber {ana.pk}: comment {comment_id} was published for him, and no mail holds it"


def _never_answered(ana: Subscriber) -> str:
    answered, thread = Comment.objects.earliest("pk"), make_thread("answers")
    cy = subscribed("cy@example.org", participant=answered.author, now=morning(3))
    answer = post(answered.thread, to=answered.number, now=morning(3) + timedelta(hours=1))
    post(thread, now=morning(3) + timedelta(hours=1))
    planned(morning(4))
    delivery = digest_of(cy, 0)
    assert delivery.selection.items == [[answered.thread_id, stored(answer).pk]]
    delivery.delete()
    return (
        f"subscriber {cy.pk}: comment {stored(answer).pk} was published for him,"
        " and no mail holds it"
    )


def _taken_over_by_nobody(ana: Subscriber) -> str:
    first, second = digest_of(ana, 0), digest_of(ana, 1)
    change(first, state="expired", sent_at=None, taken_over_at=second.created_at)
    both = f"deliveries {first.pk} and {second.pk} to subscriber {ana.pk}"
    return f"{both}: the first one was taken over, and the later one does not cover it"


def _expired_and_forgotten(ana: Subscriber) -> str:
    last = digest_of(ana, 2)
    change(last, state="expired", sent_at=None)
    ana.channels.update(due_at=None)
    return f"delivery {last.pk}: expired, and nobody looks for what it had"


def _under_way_for_days(ana: Subscriber) -> str:
    last = digest_of(ana, 2)
    change(last, state="sending", lease_by="x", lease_until=morning(1), sent_at=None)
    return f"delivery {last.pk}: is being sent for more than a day"


def _due_in_a_year(ana: Subscriber) -> str:
    last = digest_of(ana, 2)
    change(last, state="deferred", due_at=morning(365), sent_at=None)
    return f"delivery {last.pk}: does not leave for more than two weeks"


def _looked_for_in_a_year(ana: Subscriber) -> str:
    channel = ana.channels.get(kind=Channel.Kind.DIGEST)
    Channel.objects.filter(pk=channel.pk).update(due_at=morning(365))
    return f"channel {channel.pk}: nobody looks for news for more than two weeks"


def _left_out(ana: Subscriber) -> str:
    edition = digest_of(ana, 0).edition
    assert edition is not None
    comment_id = edition.items[-1][1]
    Edition.objects.filter(pk=edition.pk).update(items=edition.items[:-1])
    return f"edition {edition.pk}: lacks comment {comment_id}, which could be read all the time"


def _his_own(ana: Subscriber) -> str:
    delivery = digest_of(_bo(), 2)
    comment_id = delivery.selection.items[0][1]
    wish = Subscription.objects.get(subscriber=_bo())
    wish.pk, wish.participant = None, Comment.objects.get(pk=comment_id).author
    wish.save()
    return (
        f"delivery {delivery.pk} to subscriber {_bo().pk}: holds comment {comment_id},"
        " which he wrote himself"
    )


@pytest.mark.parametrize(
    "spoil",
    [
        _told_nothing_of_a_thread,
        _never_answered,
        _taken_over_by_nobody,
        _expired_and_forgotten,
        _under_way_for_days,
        _due_in_a_year,
        _looked_for_in_a_year,
        _left_out,
        _his_own,
        _moved_past_news,
        _mail_is_gone,
        _passed_over,
        _without_a_position,
        _without_several,
        _without_the_last,
        _beyond_the_last,
        _of_another_thread,
        _again_before_the_first,
        _never_announced,
        _sent_without_a_time,
        _sent_by_nobody,
        _never_due,
        _sent_and_due_again,
        _sent_empty,
        _without_consent,
        _never_looked_for,
        _office_beyond,
        _rendered_from_another,
        _of_another_site,
        _to_another_site,
        _asks_somebody_else,
        _channel_beyond,
        _subscription_beyond,
        _channel_behind,
        _period_behind,
        _without_a_channel,
        _shows_more,
        _the_same_twice,
        _the_same_both_ways,
        _overlapping,
        _ends_earlier,
        _period_twice,
        _not_published,
        _published_later,
        _published_before,
    ],
)
def test_each_wrong_row_is_named(spoil: Callable[[Subscriber], str]) -> None:
    ana = some_days()
    expected = spoil(ana)
    found = wrong()
    assert expected in found
    assert not any("@" in line or "example" in line for line in found)


def test_what_bounced_expired_or_was_cancelled_does_not_count_as_held() -> None:
    ana = some_days()
    first, second = digest_of(ana, 0), digest_of(ana, 1)
    change(second, selection=first.selection, edition=first.edition)
    for state in ("bounced", "expired", "cancelled"):
        change(second, state=state)
        assert not [line for line in wrong() if "both hold" in line]


def test_what_takes_over_a_mail_that_expired_may_cover_what_its_neighbour_did() -> None:
    one, two = make_thread("one"), make_thread("two")
    ana = subscribed(frequency=Frequency.INSTANT)
    for thread in (one, two):
        post(thread, now=later(60))
    planned(later(120))
    told = ana.deliveries.filter(kind=Delivery.Kind.INSTANT).order_by("pk")
    change(told[1], state="expired", due_at=None)
    taken_on(later(130))
    post(one, now=later(200))
    planned(later(300))
    assert told.count() == 4
    assert wrong() == []
    change(told[1], state="cancelled", taken_over_at=None)
    assert [line for line in wrong() if "overlaps" in line]


def test_a_site_is_checked_by_itself() -> None:
    _sent_without_a_time(some_days())
    Site.objects.create(pk=2, domain="two.example.org", name="Two")
    assert wrong(2) == []
    assert len(wrong(1)) == 1


def test_what_it_costs_depends_on_the_sizes_of_batches_and_not_on_each_row() -> None:
    some_days()
    with CaptureQueriesContext(connection) as few:
        wrong()
    for number in range(20):
        subscribed(f"reader-{number}@example.org")
    post(make_thread("more"), now=morning(3))
    planned(morning(5))
    taken_on(morning(5))
    with CaptureQueriesContext(connection) as more:
        assert wrong() == []
    assert len(more) == len(few)


# --- the command --------------------------------------------------------------------------------


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("check_digests", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_says_how_much_is_in_order() -> None:
    some_days()
    count = Delivery.objects.count()
    assert run() == f"In order: {count} deliveries of 2 subscribers.\n"
    assert run("--site", "1") == f"In order: {count} deliveries of 2 subscribers.\n"


def test_the_command_names_what_is_wrong_and_ends_with_1() -> None:
    expected = _sent_without_a_time(some_days())
    out = StringIO()
    with pytest.raises(CommandError, match="1 wrong among") as refusal:
        call_command("check_digests", stdout=out)
    assert refusal.value.returncode == 1
    assert out.getvalue() == f"{expected}\n"


def test_the_command_refuses_a_site_that_there_is_not() -> None:
    with pytest.raises(CommandError, match="no site 77"):
        run("--site", "77")


def test_an_installation_without_any_mail_is_in_order() -> None:
    assert run() == "In order: 0 deliveries of 0 subscribers.\n"


# --- in any order -------------------------------------------------------------------------------

WHO = st.sampled_from(["ana", "bo", "cy"])
WHICH = st.integers(0, 7)
BOUNCES = [Outcome("hard", "5.2.2"), Outcome("soft", "4.2.2"), Outcome("complaint")]


class Mailroom(RuleBasedStateMachine):
    """Commenters, moderators, subscribers, planners and bounces; it stays in order throughout."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = ExitStack()
        self.submitted: list[Submitted] = []
        self.now = NOW

    @initialize(premoderation=st.booleans())
    def begin(self, premoderation: bool) -> None:
        self.inside.enter_context(_kept_apart())
        self.threads = [
            make_thread("one", premoderation=premoderation),
            make_thread("two"),
        ]

    def teardown(self) -> None:
        self.inside.close()

    @rule(which=WHICH, who=WHO)
    def write(self, which: int, who: str) -> None:
        self.now += timedelta(minutes=1)
        thread = self.threads[which % 2]
        self.submitted.append(post_as(thread, f"{who}@example.org", name=who, now=self.now))

    @precondition(lambda self: self.submitted)
    @rule(which=WHICH, who=WHO)
    def reply(self, which: int, who: str) -> None:
        comment = stored(self.submitted[which % len(self.submitted)])
        if comment.number is None or not comment.visible:
            return
        self.now += timedelta(minutes=1)
        self.submitted.append(
            post_as(
                comment.thread,
                f"{who}@example.org",
                name=who,
                to=comment.number,
                now=self.now,
            )
        )

    @precondition(lambda self: self.submitted)
    @rule(
        which=WHICH,
        action=st.sampled_from(["approve", "approve", "reject", "hold", "remove", "restore"]),
    )
    def moderate(self, which: int, action: Any) -> None:
        self.now += timedelta(minutes=1)
        comment = stored(self.submitted[which % len(self.submitted)])
        with suppress(Refusal):
            decide(comment_id=comment.pk, action=action, now=self.now)

    @rule(
        who=WHO,
        frequency=st.sampled_from(list(Frequency)),
        scope=st.sampled_from(["site", "one", "two", "answers"]),
    )
    def subscribe(self, who: str, frequency: Frequency, scope: str) -> None:
        self.now += timedelta(minutes=20)
        wish: dict[str, object] = {"frequency": frequency, "now": self.now}
        if scope in {"one", "two"}:
            wish["thread"] = self.threads[scope == "two"]
        if scope == "answers":
            author = Comment.objects.filter(author__email=f"{who}@example.org").first()
            if author is None:
                return
            wish["participant"] = author.author
        subscriber = Subscriber.objects.filter(address=f"{who}@example.org").first()
        if subscriber is None or subscriber.suppressed_at is None:
            subscribed(f"{who}@example.org", **wish)

    @rule(who=WHO, scope=st.sampled_from(["all", "digest", "site", "answers", "thread"]))
    def leave(self, who: str, scope: str) -> None:
        subscriber = Subscriber.objects.filter(address=f"{who}@example.org").first()
        if scope == "thread":
            scope = f"thread-{self.threads[0].pk}"
        if subscriber is not None:
            leave(subscriber.token, scope=scope, site_id=1, asker=ASKER, now=self.now)

    @rule(
        who=WHO,
        frequency=st.sampled_from([None, *Frequency]),
        paused=st.sampled_from([None, False, True]),
        zone=st.sampled_from([None, "Pacific/Auckland", "America/Los_Angeles"]),
        hour=st.sampled_from([None, 3, 20]),
    )
    def change(
        self,
        who: str,
        frequency: Frequency | None,
        paused: bool | None,
        zone: str | None,
        hour: int | None,
    ) -> None:
        subscriber = Subscriber.objects.filter(address=f"{who}@example.org").first()
        if subscriber is not None:
            wanted = Change(Times(tz=zone, send_hour=hour), frequency, paused=paused)
            change_settings(subscriber.token, change=wanted, site_id=1, asker=ASKER, now=self.now)

    @rule(hours=st.sampled_from([0, 5, 26, 100]))
    def plan(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        planned(self.now)

    @rule()
    def send(self) -> None:
        taken_on(self.now)

    @rule(answers=st.lists(st.sampled_from([TAKEN, BUSY, CUT]), min_size=1, max_size=4))
    def send_for_real(self, answers: list[Answer]) -> None:
        """Mails go out, one is put off, of another nobody knows what came of it."""
        self.now += timedelta(minutes=1)
        said = cycle(answers)
        send(self.now, lambda _: next(said))

    @rule(who=WHO)
    def refuse_mail_to(self, who: str) -> None:
        suppressing.suppress(
            site_id=1, address=f"{who}@example.org", why="x", now=self.now, asker=ASKER, ends=False
        )

    @precondition(lambda self: self.submitted)
    @rule(who=WHO, which=WHICH, back=st.booleans())
    def mute(self, who: str, which: int, back: bool) -> None:
        subscriber = Subscriber.objects.filter(address=f"{who}@example.org").first()
        comment = stored(self.submitted[which % len(self.submitted)])
        if subscriber is None or comment.root_number is None:
            return
        thread_id, root = comment.thread_id, comment.root_number
        if back:
            rejoin_conversation(
                subscriber.token,
                thread_id=thread_id,
                root_number=root,
                site_id=1,
                asker=ASKER,
                now=self.now,
            )
        else:
            scope = f"conversation-{thread_id}-{root}"
            leave(subscriber.token, scope=scope, site_id=1, asker=ASKER, now=self.now)

    @rule(which=WHICH, outcome=st.sampled_from(BOUNCES))
    def come_back(self, which: int, outcome: Outcome) -> None:
        left = list(Delivery.objects.filter(state="sent").select_related("subscriber"))
        if left:
            one = left[which % len(left)]
            key = delivery_key(one.subscriber.token, one.pk)
            take_bounce(delivery_id=one.pk, key=key, outcome=outcome, now=self.now)

    @rule()
    def lift(self) -> None:
        for subscriber in Subscriber.objects.exclude(suppressed_at=None):
            suppressing.lift_suppression(subscriber_id=subscriber.pk, now=self.now)

    @rule()
    def seal(self) -> None:
        seal_publications(site_id=1)

    @invariant()
    def all_is_in_order(self) -> None:
        assert wrong(now=self.now) == []


@contextmanager
def _kept_apart() -> Iterator[None]:
    """Takes everything back that an example wrote."""
    whole: Any = transaction.atomic()
    whole._from_testcase = True  # as Django's own: actions may begin durably inside
    with whole:
        yield
        transaction.set_rollback(True)


def test_whatever_is_done_in_whatever_order_digests_stay_in_order() -> None:
    run_state_machine_as_test(
        Mailroom,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            suppress_health_check=list(HealthCheck),
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
        ),
    )
