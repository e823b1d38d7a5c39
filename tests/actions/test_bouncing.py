"""What comes back about mails: believed by its key alone, and counted once."""

from __future__ import annotations

import logging
import re
from datetime import datetime, timedelta

import pytest
from django.contrib.sites.models import Site

from comments.actions.bouncing import Event, Taken, take_bounce, take_event, take_mail
from comments.actions.subscribing import subscribe
from comments.actions.suppressing import lift_suppression
from comments.mail import Splicer, Values, compose_edition, delivery_key
from comments.models import Consent, Delivery, Frequency, Subscriber, Subscription
from comments.queries.editions import edition_content
from comments.queries.subscribers import subscription_status
from comments.rules.bounces import Outcome
from comments.rules.verp import Kind, Verp, verp_address
from tests.mailing import ASKER, DAY, asked, morning, planned, subscribed, taken_on
from tests.making import NOW, later, make_thread, post
from tests.rules.test_bounces import mail

pytestmark = pytest.mark.django_db(transaction=True)

GONE = Outcome("hard", "5.1.1", "report: 5.1.1")
FULL = Outcome("hard", "5.2.2", "report: 5.2.2")
LATE = Outcome("soft", "4.4.1", "report: 4.4.1")
REFUSED = Outcome("hard", "5.7.1", "report: 5.7.1")
COMPLAINT = Outcome("complaint", why="complaint")
LEAVES = Outcome("unsubscribe", why="a mail that unsubscribes")


def mailed(subscriber: Subscriber, days: int = 1) -> list[Delivery]:
    """Returns the digests of somebody, one a day, each with a comment, all of them sent."""
    thread = make_thread(f"thread-{subscriber.pk}")
    for day in range(days):
        now = morning(day + 1)
        post(thread, now=now - timedelta(hours=1))
        planned(now)
        taken_on(now)
    return list(subscriber.deliveries.filter(kind=Delivery.Kind.DIGEST).order_by("pk"))


def key_of(delivery: Delivery) -> str:
    return delivery_key(delivery.subscriber.token, delivery.pk)


def returned(delivery: Delivery, outcome: Outcome, *, now: datetime = NOW) -> Taken:
    """Returns what followed from what came back about a delivery."""
    return take_bounce(delivery_id=delivery.pk, key=key_of(delivery)[:12], outcome=outcome, now=now)


def address_of(delivery: Delivery, kind: Kind = "d") -> str:
    return verp_address(
        bounces="bounces@blog.example.org",
        kind=kind,
        delivery_id=delivery.pk,
        key=key_of(delivery),
    )


def everything() -> list[object]:
    """Returns all that a bounce could change."""
    return [
        list(Subscriber.objects.order_by("pk").values()),
        list(Subscription.objects.order_by("pk").values()),
        list(Delivery.objects.order_by("pk").values()),
        list(Consent.objects.order_by("pk").values()),
    ]


def test_an_address_that_does_not_exist_gets_no_more_mail() -> None:
    ana = subscribed()
    [delivery] = mailed(ana)
    assert returned(delivery, GONE) == "suppressed"
    ana.refresh_from_db()
    delivery.refresh_from_db()
    assert (ana.suppressed_at, ana.suppressed_why) == (NOW, "report: 5.1.1")
    assert (delivery.state, delivery.error, delivery.due_at) == ("bounced", "report: 5.1.1", None)
    assert subscription_status("ana@example.org", site_id=1) == "bounced"
    post(make_thread("more"), now=later(2 * DAY))
    assert planned(morning(4)).digests == 0


@pytest.mark.parametrize("outcome", [GONE, FULL, LATE, REFUSED, COMPLAINT, LEAVES])
def test_without_the_right_key_nothing_follows(outcome: Outcome) -> None:
    [anas, bos] = mailed(subscribed())[0], mailed(subscribed("bo@example.org"))[0]
    before = everything()
    right = key_of(anas)
    for delivery_id, key in [
        (anas.pk, ""),
        (anas.pk, "0" * 12),
        (anas.pk, right[:11]),
        (anas.pk, right[:11] + ("0" if right[11] != "0" else "1")),
        (anas.pk, right + "0"),
        (anas.pk, right[1:13]),
        (anas.pk, "é" * 12),
        (anas.pk, key_of(bos)[:12]),
        (bos.pk, right[:12]),
        (anas.pk + bos.pk, right[:12]),
        (0, right[:12]),
        (10**18 - 1, right[:12]),
    ]:
        taken = take_bounce(delivery_id=delivery_id, key=key, outcome=outcome, now=NOW)
        assert taken == "unknown"
    assert everything() == before


@pytest.mark.parametrize("outcome", [GONE, FULL, LATE, REFUSED, COMPLAINT, LEAVES])
def test_twice_is_once(outcome: Outcome) -> None:
    mailed(subscribed("bo@example.org"))
    [delivery] = mailed(subscribed())
    returned(delivery, outcome)
    once = everything()
    returned(delivery, outcome, now=later(60))
    assert everything() == once


@pytest.mark.parametrize("outcome", [FULL, LATE])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)])
def test_the_third_in_a_row_makes_an_address_bad_in_whichever_order_they_come(
    outcome: Outcome, order: tuple[int, ...]
) -> None:
    deliveries = mailed(subscribed(), days=3)
    *first, last = [deliveries[n] for n in order]
    assert [returned(delivery, outcome) for delivery in first] == ["bounced", "bounced"]
    assert Subscriber.objects.get().suppressed_at is None
    assert returned(last, outcome) == "suppressed"
    assert Subscriber.objects.get().bounces == 3


def test_reports_that_come_days_late_count_although_other_mails_have_left_since() -> None:
    deliveries = mailed(subscribed(), days=6)
    taken = [returned(delivery, LATE) for delivery in deliveries[:3]]
    assert taken == ["bounced", "bounced", "suppressed"]


def test_one_that_went_through_between_begins_the_count_anew() -> None:
    deliveries = mailed(subscribed(), days=5)
    for delivery in (deliveries[0], deliveries[1], deliveries[3], deliveries[4]):
        assert returned(delivery, FULL) == "bounced"
    assert Subscriber.objects.get().bounces == 2


def test_the_same_report_again_is_not_the_next_in_a_row() -> None:
    deliveries = mailed(subscribed(), days=2)
    for delivery in (*deliveries, *deliveries, *deliveries):
        returned(delivery, FULL)
    assert Subscriber.objects.get().bounces == 2
    assert Subscriber.objects.get().suppressed_at is None


def test_a_refusal_of_what_we_are_is_told_the_operator_and_no_sign_about_the_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    deliveries = mailed(subscribed(), days=4)
    with caplog.at_level(logging.INFO):
        assert {returned(delivery, REFUSED) for delivery in deliveries} == {"noted"}
    ana = Subscriber.objects.get()
    assert (ana.bounces, ana.suppressed_at) == (0, None)
    deliveries[0].refresh_from_db()
    assert (deliveries[0].state, deliveries[0].error) == ("sent", "report: 5.7.1")
    warned = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert len(warned) == 4
    assert "5.7.1" in warned[0]
    assert "example.org" not in caplog.text


def test_a_complaint_ends_everything_and_the_evidence_says_so() -> None:
    thread = make_thread()
    ana = subscribed()
    subscribed(frequency=Frequency.INSTANT, thread=thread)
    [delivery] = mailed(ana)
    assert returned(delivery, COMPLAINT) == "suppressed"
    assert set(ana.subscriptions.values_list("state", flat=True)) == {"ended"}
    ended = ana.consents.filter(what=Consent.What.ENDED)
    assert list(ended.values_list("way", "at")) == [("complaint", NOW)] * 2
    delivery.refresh_from_db()
    assert delivery.state == "sent"


def test_a_mail_that_unsubscribes_ends_what_the_digest_was_of_and_no_more() -> None:
    thread = make_thread()
    ana = subscribed()
    subscribed(frequency=Frequency.INSTANT, thread=thread)
    [delivery] = mailed(ana)
    assert returned(delivery, LEAVES) == "ended"
    assert list(ana.subscriptions.order_by("pk").values_list("state", flat=True)) == [
        "ended",
        "active",
    ]
    ana.refresh_from_db()
    assert ana.suppressed_at is None


def test_a_mail_that_unsubscribes_from_a_thread_leaves_the_digest_alone() -> None:
    thread = make_thread()
    ana = subscribed()
    subscribed(frequency=Frequency.INSTANT, thread=thread)
    post(thread, now=later(60))
    planned(later(120))
    taken_on(later(120))
    [delivery] = ana.deliveries.filter(kind=Delivery.Kind.INSTANT)
    assert returned(delivery, LEAVES) == "ended"
    states = ana.subscriptions.order_by("pk").values_list("thread_id", "state")
    assert list(states) == [(None, "active"), (thread.pk, "ended")]


def test_a_mail_that_asks_for_confirmation_can_be_answered_with_no() -> None:
    subscription = asked()
    taken_on()
    [delivery] = subscription.subscriber.deliveries.all()
    assert returned(delivery, LEAVES) == "ended"
    subscription.refresh_from_db()
    assert subscription.state == "ended"


def test_a_mail_that_asks_for_confirmation_and_bounces_is_the_last_to_its_address() -> None:
    subscription = asked()
    taken_on()
    assert returned(subscription.subscriber.deliveries.get(), GONE) == "suppressed"
    subscribe(
        site_id=1,
        address="ana@example.org",
        frequency=Frequency.DAILY,
        asker=ASKER,
        now=later(DAY),
    )
    assert Delivery.objects.count() == 1


@pytest.mark.parametrize("state", ["queued", "sending", "bounced", "cancelled", "expired"])
def test_what_has_not_left_does_not_come_back(state: str) -> None:
    [delivery] = mailed(subscribed())
    Delivery.objects.filter(pk=delivery.pk).update(state=state)
    before = everything()
    assert returned(delivery, GONE) == "nothing"
    assert everything() == before


@pytest.mark.parametrize("state", ["in_doubt", "deferred"])
def test_what_was_in_doubt_has_left_if_it_comes_back_and_is_not_sent_again(state: str) -> None:
    [delivery] = mailed(subscribed())
    Delivery.objects.filter(pk=delivery.pk).update(state=state, due_at=later(60))
    assert returned(delivery, FULL) == "bounced"
    delivery.refresh_from_db()
    assert (delivery.state, delivery.due_at) == ("bounced", None)


def test_nothing_is_nothing() -> None:
    [delivery] = mailed(subscribed())
    before = everything()
    assert returned(delivery, Outcome("nothing")) == "nothing"
    assert everything() == before


def test_after_an_operators_word_an_address_gets_mail_again() -> None:
    [first] = mailed(subscribed())
    returned(first, GONE)
    lift_suppression(subscriber_id=first.subscriber_id, now=later(DAY))
    assert returned(first, GONE) == "nothing"
    assert Subscriber.objects.get().suppressed_at is None


# --- mails --------------------------------------------------------------------------------------


def addressed(name: str, address: str) -> bytes:
    """Returns a mail of the corpus as it would come to that address."""
    own = b"bounces+d17.0123456789ab@blog.example.org"
    return mail(name).replace(own, address.encode())


def test_a_report_is_about_the_address_that_it_came_to() -> None:
    anas, bos = mailed(subscribed())[0], mailed(subscribed("bo@example.org"))[0]
    content = addressed("postfix_unknown_user", address_of(bos))
    assert take_mail(content=content, recipient=address_of(anas), now=NOW) == "suppressed"
    assert subscription_status("ana@example.org", site_id=1) == "bounced"
    assert subscription_status("bo@example.org", site_id=1) == "active"


@pytest.mark.parametrize("recipient", ["", "bounces@localhost", "Bounces"])
def test_where_no_recipient_is_given_the_headers_tell(recipient: str) -> None:
    [delivery] = mailed(subscribed())
    content = addressed("postfix_unknown_user", address_of(delivery).upper())
    assert take_mail(content=content, recipient=recipient, now=NOW) == "suppressed"


@pytest.mark.parametrize("recipient", ["nonsense@localhost", "\x00", "bounces@elsewhere.org"])
def test_what_came_to_another_address_is_about_nobody(recipient: str) -> None:
    [delivery] = mailed(subscribed())
    content = addressed("postfix_unknown_user", address_of(delivery))
    assert take_mail(content=content, recipient=recipient, now=NOW) == "unknown"
    assert subscription_status("ana@example.org", site_id=1) == "active"


def test_a_report_that_was_made_up_changes_nothing_for_whomever_it_names() -> None:
    [delivery] = mailed(subscribed())
    before = everything()
    content = addressed("forged_for_somebody_else", address_of(delivery))
    assert take_mail(content=content, recipient="", now=NOW) == "unknown"
    assert take_mail(content=content, recipient="bounces+d18.ffffffffffff@e.org", now=NOW) == (
        "unknown"
    )
    assert everything() == before


@pytest.mark.parametrize("name", ["complaint", "complaint_with_headers_alone"])
def test_a_complaint_is_about_the_mail_that_it_holds(name: str) -> None:
    [delivery] = mailed(subscribed())
    content = addressed(name, address_of(delivery)).replace(
        b"bounces+u17.0123456789ab@blog.example.org", address_of(delivery, "u").encode()
    )
    assert take_mail(content=content, recipient="bounces@blog.example.org", now=NOW) == (
        "suppressed"
    )
    assert Subscription.objects.get().state == "ended"


def test_who_writes_to_the_address_in_the_mail_has_unsubscribed() -> None:
    [delivery] = mailed(subscribed())
    content = b"From: ana@example.net\nSubject: unsubscribe\n\n"
    assert take_mail(content=content, recipient=address_of(delivery, "u"), now=NOW) == "ended"
    assert Subscription.objects.get().state == "ended"
    assert Consent.objects.latest("pk").way == "a mail that unsubscribes"


def test_an_answer_of_a_machine_unsubscribes_nobody() -> None:
    [delivery] = mailed(subscribed())
    content = mail("vacation_sieve")
    assert take_mail(content=content, recipient=address_of(delivery, "u"), now=NOW) == "nothing"
    assert take_mail(content=content, recipient=address_of(delivery), now=NOW) == "nothing"
    assert Subscription.objects.get().state == "active"


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"From: x\n" * 100_000])
def test_rubbish_is_known_by_nobody(content: bytes) -> None:
    assert take_mail(content=content, recipient="", now=NOW) == "unknown"


def test_the_addresses_in_a_real_mail_are_those_that_are_read() -> None:
    [delivery] = mailed(subscribed())
    values = Values(
        address=delivery.subscriber.address,
        token=delivery.subscriber.token,
        delivery_id=delivery.pk,
        subscription_id=0,
        mailed_at=NOW,
    )
    splicer = Splicer(compose_edition(edition_content(delivery.selection)).template)
    content = splicer.message(values)
    envelope = splicer.envelope_from(values)
    [leave_by_mail] = re.findall(r"mailto:([^?>]+)", content.decode().replace("\r\n ", ""))
    assert take_mail(content=b"", recipient=leave_by_mail, now=NOW) == "ended"
    report = mail("postfix_unknown_user")
    assert take_mail(content=report, recipient=envelope, now=NOW) == "suppressed"


# --- events of providers ------------------------------------------------------------------------


def test_an_event_with_the_address_of_the_envelope_is_about_its_delivery() -> None:
    first, _ = mailed(subscribed(), days=2)
    event = Event(FULL, "ana@example.org", verps=(Verp("d", first.pk, key_of(first)[:12]),))
    assert take_event(event, now=NOW) == "bounced"
    first.refresh_from_db()
    assert first.state == "bounced"


def test_an_event_with_our_message_id_is_about_its_delivery() -> None:
    first, second = mailed(subscribed(), days=2)
    event = Event(FULL, "Ana@Example.org", keys=frozenset({"0" * 32, key_of(first)}))
    assert take_event(event, now=NOW) == "bounced"
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("bounced", "sent")


def test_an_event_with_no_name_of_ours_is_about_the_mail_that_had_left_last() -> None:
    first, second = mailed(subscribed(), days=2)
    at = morning(1) + timedelta(hours=2)
    assert take_event(Event(FULL, "ana@example.org", at=at), now=NOW) == "bounced"
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("bounced", "sent")


def test_an_event_about_mail_of_another_kind_is_about_no_delivery_but_about_the_address() -> None:
    [delivery] = mailed(subscribed())
    other = frozenset({"0" * 32})
    assert take_event(Event(FULL, "ana@example.org", keys=other), now=NOW) == "nothing"
    assert take_event(Event(REFUSED, "ana@example.org", keys=other), now=NOW) == "nothing"
    assert Subscriber.objects.get().suppressed_at is None
    assert take_event(Event(GONE, "ana@example.org", keys=other), now=NOW) == "suppressed"
    delivery.refresh_from_db()
    assert delivery.state == "sent"
    assert Subscriber.objects.get().suppressed_at == NOW


def test_a_wrong_key_in_an_event_is_no_key() -> None:
    anas = mailed(subscribed())[0]
    bos = mailed(subscribed("bo@example.org"))[0]
    event = Event(GONE, "bo@example.org", verps=(Verp("d", anas.pk, key_of(bos)[:12]),))
    assert take_event(event, now=NOW) == "suppressed"
    assert subscription_status("ana@example.org", site_id=1) == "active"
    assert subscription_status("bo@example.org", site_id=1) == "bounced"


@pytest.mark.parametrize("outcome", [GONE, COMPLAINT, LEAVES, FULL])
def test_an_event_about_a_stranger_is_known_by_nobody(outcome: Outcome) -> None:
    mailed(subscribed())
    before = everything()
    for recipient in ("", "stranger@example.org", "\x00", "x" * 10_000):
        assert take_event(Event(outcome, recipient), now=NOW) == "unknown"
    assert everything() == before


def test_who_unsubscribes_at_the_provider_before_any_digest_has_left_everything() -> None:
    subscribed()
    Delivery.objects.all().delete()
    assert take_event(Event(LEAVES, "ana@example.org"), now=NOW) == "ended"
    assert Subscription.objects.get().state == "ended"


def test_a_bad_address_is_bad_on_each_site_that_knows_it() -> None:
    Site.objects.create(pk=2, domain="two.example.org", name="Two")
    for site_id in (1, 2):
        subscribe(
            site_id=site_id,
            address="ana@example.org",
            frequency=Frequency.DAILY,
            asker=ASKER,
            now=NOW,
        )
    assert take_event(Event(GONE, "ana@example.org"), now=NOW) == "suppressed"
    assert set(Subscriber.objects.values_list("suppressed_at", flat=True)) == {NOW}
