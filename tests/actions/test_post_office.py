"""The operator's hand on the mail: what it stops, lets go on, and decides."""

from __future__ import annotations

from datetime import timedelta

import pytest

from comments.actions.post_office import (
    LEFT,
    clear_stop,
    leave_in_doubt,
    pause_mail,
    resend_in_doubt,
    resume_mail,
)
from comments.errors import ActionImpossible, NotFound
from comments.models import Delivery, PostOffice
from tests.admin.mailrooming import (
    HOUR,
    answering,
    at_seven,
    in_doubt,
    sent,
    with_news,
)
from tests.mailing import planned
from tests.making import NOW, decide, later
from tests.smtp_server import MailHost

pytestmark = pytest.mark.django_db


def test_nothing_leaves_while_mail_is_paused_and_all_of_it_afterwards(host: MailHost) -> None:
    with_news("ana@example.org", "bob@example.org")
    planned(at_seven(-2))
    pause_mail(site_id=1, now=at_seven(-2))
    assert sent(at_seven(-2) + HOUR).halted
    assert host.taken == []
    resume_mail(site_id=1)
    assert sent(at_seven(-2) + HOUR).sent == 2


def test_a_second_pause_does_not_move_its_beginning() -> None:
    pause_mail(site_id=1, now=NOW)
    pause_mail(site_id=1, now=later(60))
    assert PostOffice.objects.get().paused_at == NOW


def test_a_stop_that_is_cleared_lets_mail_leave_before_its_time(host: MailHost) -> None:
    with_news("ana@example.org", "bob@example.org")
    planned(at_seven(-2))
    host.script = answering({"": ("rcpt", "550 5.7.1 your network is blocked")})
    assert sent(at_seven(-2)).halted
    host.script = answering({})
    assert sent(at_seven(-2) + timedelta(minutes=5)).halted
    clear_stop(site_id=1)
    assert sent(at_seven(-2) + timedelta(minutes=6)).sent
    office = PostOffice.objects.get()
    assert (office.stopped_until, office.stopped_why) == (None, "")


def test_what_is_sent_again_is_the_same_to_the_byte(host: MailHost) -> None:
    doubted = in_doubt(host)
    host.script = answering({})
    before = len(host.taken)
    assert sent(at_seven(0)).sent == 0
    resend_in_doubt(delivery_id=doubted.pk, site_id=1, now=at_seven(0))
    assert sent(at_seven(0)).sent == 1
    assert len(host.taken) == before + 1
    assert len(set(host.taken)) == 1
    doubted.refresh_from_db()
    assert doubted.state == "sent"


def test_what_was_taken_back_is_not_sent_again_whoever_asks(host: MailHost) -> None:
    doubted = in_doubt(host)
    [[_, comment_id]] = doubted.selection.items
    decide(comment_id=comment_id, action="reject", now=at_seven(-1))
    host.script = answering({})
    before = len(host.taken)
    resend_in_doubt(delivery_id=doubted.pk, site_id=1, now=at_seven(0))
    sent(at_seven(0))
    assert len(host.taken) == before
    doubted.refresh_from_db()
    assert (doubted.state, doubted.due_at) == ("in_doubt", None)


def test_what_is_left_stays_in_doubt_and_can_still_be_sent_again(host: MailHost) -> None:
    doubted = in_doubt(host)
    why = doubted.error
    for _ in range(2):
        leave_in_doubt(delivery_id=doubted.pk, site_id=1)
    doubted.refresh_from_db()
    assert (doubted.state, doubted.due_at) == ("in_doubt", None)
    assert doubted.error == f"{LEFT}; {why}"
    resend_in_doubt(delivery_id=doubted.pk, site_id=1, now=at_seven(0))
    doubted.refresh_from_db()
    assert (doubted.error, doubted.due_at) == ("", at_seven(0))


@pytest.mark.parametrize("decide_about", [resend_in_doubt, leave_in_doubt])
def test_only_what_waits_for_a_decision_is_decided_about(
    host: MailHost,
    decide_about: object,
) -> None:
    assert callable(decide_about)
    more = {"now": at_seven(0)} if decide_about is resend_in_doubt else {}
    doubted = in_doubt(host)
    with pytest.raises(NotFound):
        decide_about(delivery_id=doubted.pk + 99, site_id=1, **more)
    with pytest.raises(NotFound):
        decide_about(delivery_id=doubted.pk, site_id=2, **more)
    # Due again by itself, so not the operator's to decide.
    Delivery.objects.filter(pk=doubted.pk).update(due_at=at_seven(0))
    with pytest.raises(ActionImpossible):
        decide_about(delivery_id=doubted.pk, site_id=1, **more)
    Delivery.objects.filter(pk=doubted.pk).update(due_at=None, state="sent")
    with pytest.raises(ActionImpossible):
        decide_about(delivery_id=doubted.pk, site_id=1, **more)
