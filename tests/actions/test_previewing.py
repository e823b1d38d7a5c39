"""Previews and tests of a digest: the real one, and nothing of it stored."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from django.apps import apps
from django.core import mail as django_mail
from django.test import override_settings

from comments.actions.announcing import seal_publications
from comments.actions.previewing import (
    NO_SECRET,
    NotComposed,
    NotSent,
    mail_of_delivery,
    mail_of_waiting,
    preview_mail,
    send_test,
    waiting_mails,
)
from comments.actions.sending import send_deliveries
from comments.errors import NotFound, ValidationFailed
from comments.models import Delivery, Subscriber
from tests.admin.mailrooming import answering
from tests.mailing import DAY, morning, planned, subscribed
from tests.making import decide, later, make_thread, post
from tests.smtp_server import MailHost

pytestmark = pytest.mark.django_db

TO = "mira@desk.example"


def everything() -> dict[str, list[dict[str, object]]]:
    """Returns all rows of all tables of the product."""
    return {
        model.__name__: list(model._default_manager.order_by("pk").values())
        for model in apps.get_app_config("comments").get_models()
    }


def test_a_preview_is_the_digest_that_is_then_planned(host: MailHost) -> None:
    thread = make_thread(title="On bread")
    ana = subscribed()
    Delivery.objects.all().delete()
    comment = post(thread, "Fresh words.", name="Bo", now=later(60)).comment
    found = preview_mail(ana.pk, at=morning())
    assert found is not None
    assert found.items == ((thread.pk, comment.pk),)
    planned(morning())
    assert send_deliveries(site_id=1, clock=morning).sent == 1
    # The secret is as long as a real one: but for it and the delivery's own names, all is the same.
    real = host.taken[0]
    assert found.subject == real.message["Subject"]
    assert found.message.splitlines()[:2] == real.raw.splitlines()[:2]
    body = real.message.get_body(["html"])
    assert body is not None
    assert found.html == body.get_content().replace("\r\n", "\n").replace(ana.token, NO_SECRET)
    assert "Fresh words." in found.text


def test_a_preview_stores_nothing_at_all() -> None:
    thread = make_thread()
    ana = subscribed()
    post(thread, now=later(60))
    post(thread, now=later(90))
    # Whoever looks at the order numbers what is new in it; that happens all the time.
    seal_publications(site_id=1)
    before = everything()
    assert preview_mail(ana.pk, at=morning()) is not None
    assert preview_mail(ana.pk, at=morning(9)) is not None
    assert everything() == before
    assert planned(morning()).digests == 1


def test_a_preview_holds_no_secret() -> None:
    ana = subscribed()
    post(make_thread(), now=later(60))
    found = preview_mail(ana.pk, at=morning())
    assert found is not None
    assert len(NO_SECRET) == len(ana.token)
    assert ana.token not in found.message.decode("ascii") + found.html + found.text
    assert f"/subscriptions/{NO_SECRET}/" in found.text
    assert not Subscriber.objects.filter(token=NO_SECRET).exists()


def test_a_preview_at_a_time_holds_what_was_published_by_then() -> None:
    thread = make_thread()
    ana = subscribed()
    first = post(thread, now=later(60)).comment
    second = post(thread, now=later(DAY)).comment
    held = {
        days: found.items if (found := preview_mail(ana.pk, at=morning(days))) else ()
        for days in (0, 1, 2)
    }
    assert held == {
        0: (),
        1: ((thread.pk, first.pk),),
        2: ((thread.pk, first.pk), (thread.pk, second.pk)),
    }


def test_a_preview_leaves_out_what_was_sent_and_what_cannot_be_read(host: MailHost) -> None:
    thread = make_thread()
    ana = subscribed()
    post(thread, now=later(60))
    planned(morning())
    send_deliveries(site_id=1, clock=morning)
    assert preview_mail(ana.pk, at=morning(2)) is None
    kept, gone = (post(thread, now=later(DAY + n)).comment for n in range(2))
    decide(comment_id=gone.pk, action="reject", now=later(DAY + 9))
    found = preview_mail(ana.pk, at=morning(2))
    assert found is not None
    assert found.items == ((thread.pk, kept.pk),)


def test_the_mail_of_a_delivery_is_what_left_but_for_the_secret(host: MailHost) -> None:
    ana = subscribed()
    Delivery.objects.all().delete()
    post(make_thread(), "As it was.", now=later(60))
    planned(morning())
    waiting = Delivery.objects.select_related("subscriber", "selection", "edition").get()
    before = mail_of_delivery(waiting, now=morning())
    send_deliveries(site_id=1, clock=morning)
    waiting = Delivery.objects.select_related("subscriber", "selection", "edition").get()
    after = mail_of_delivery(waiting, now=morning(5))
    assert before is not None
    assert after is not None
    assert before.html == after.html
    real = host.taken[0].raw
    assert after.message.splitlines()[:3] == real.splitlines()[:3]
    assert ana.token.encode() in real.replace(b"=\r\n", b"")
    assert ana.token.encode() not in after.message.replace(b"=\r\n", b"")


def test_a_test_goes_to_the_address_typed_in_and_to_nobody_else(host: MailHost) -> None:
    ana = subscribed()
    post(make_thread(title="Überraschung " * 12), "Fresh words.", now=later(60))
    seal_publications(site_id=1)
    before = everything()
    found = send_test(ana.pk, at=morning(), to=f" {TO} ")
    assert found is not None
    assert everything() == before
    [taken] = host.taken
    assert (taken.recipient, taken.message["To"]) == (TO, TO)
    assert taken.message["Subject"] == f"[Test] {found.subject}"
    subject = taken.raw.partition(b"\r\nDate: ")[0]
    assert max(map(len, subject.splitlines())) <= 76
    assert b"ana@example.org" not in taken.raw
    assert ana.token.encode() not in taken.raw.replace(b"=\r\n", b"")
    # All but the subject is as it would be.
    head, _, body = taken.raw.partition(b"\r\n\r\n")
    assert found.message.endswith(body)
    assert head.count(b"Subject: [Test]") == 1
    # What bounces, or leaves by mail, is about no delivery.
    tag = re.search(r"\+d(\d+)\.", taken.sender)
    assert tag is not None
    assert not Delivery.objects.filter(pk=int(tag[1])).exists()


def test_without_a_mail_server_a_test_is_a_file(tmp_path: Path) -> None:
    ana = subscribed()
    post(make_thread(), now=later(60))
    with override_settings(
        EMAIL_BACKEND="django.core.mail.backends.filebased.EmailBackend",
        EMAIL_FILE_PATH=str(tmp_path),
    ):
        send_test(ana.pk, at=morning(), to=TO)
        send_test(ana.pk, at=morning(), to=TO)
    files = list(tmp_path.iterdir())
    assert len(files) == 2
    read = message_from_bytes(files[0].read_bytes(), policy=policy.default)
    assert read["To"] == TO
    assert read["Subject"].startswith("[Test] ")


def test_another_backend_of_django_sends_a_test_too() -> None:
    ana = subscribed()
    post(make_thread(), now=later(60))
    send_test(ana.pk, at=morning(), to=TO)
    [message] = django_mail.outbox
    assert message.to == [TO]
    assert message.subject.startswith("[Test] ")


def test_no_news_is_no_test(host: MailHost) -> None:
    ana = subscribed()
    assert send_test(ana.pk, at=morning(), to=TO) is None
    assert host.taken == []


def test_a_test_that_is_refused_says_so_and_suppresses_nobody(host: MailHost) -> None:
    ana = subscribed()
    post(make_thread(), now=later(60))
    host.script = answering({TO: ("rcpt", "550 5.1.1 unknown")})
    with pytest.raises(NotSent, match=r"550 5\.1\.1 \(rcpt\)"):
        send_test(ana.pk, at=morning(), to=TO)
    assert not Subscriber.objects.filter(suppressed_at__isnull=False).exists()


@pytest.mark.parametrize(
    "to",
    ["", "mira", "a@b", "a@example.org\r\nBcc: b@example.org", "a@x.org, b@x.org", "\x00@x.org"],
)
def test_a_test_goes_to_one_proper_address(host: MailHost, to: str) -> None:
    ana = subscribed()
    post(make_thread(), now=later(60))
    with pytest.raises(ValidationFailed):
        send_test(ana.pk, at=morning(), to=to)
    assert host.taken == []


def test_nobody_has_no_preview() -> None:
    with pytest.raises(NotFound):
        preview_mail(4711, at=morning())
    with pytest.raises(NotFound):
        waiting_mails(4711, now=morning())


def test_news_since_a_digest_can_be_seen_before_the_next_one_is_due() -> None:
    thread = make_thread()
    ana = subscribed(frequency="weekly")
    first = post(thread, now=later(60)).comment
    assert planned(morning(7)).digests == 1
    second = post(thread, now=later(8 * DAY)).comment
    # Of the same week, for which there is one already.
    found = preview_mail(ana.pk, at=morning(9))
    assert found is not None
    assert found.items == ((thread.pk, first.pk), (thread.pk, second.pk))
    assert Delivery.objects.filter(kind="digest", state="queued").count() == 1


def test_what_would_be_told_at_once_is_what_is_then_planned(host: MailHost) -> None:
    first, second = make_thread("one", title="On bread"), make_thread("two", title="On salt")
    ina = subscribed("ina@example.org", frequency="instant")
    Delivery.objects.all().delete()
    for thread in (first, second, first):
        post(thread, f"Of {thread.title}.", now=later(60))
    seal_publications(site_id=1)
    before = everything()
    found = waiting_mails(ina.pk, now=later(90))
    mails = [mail_of_waiting(one, now=later(90)) for one in found]
    assert everything() == before
    assert [one.key for one in found] == [f"{first.pk}-site", f"{second.pk}-site"]
    assert planned(later(90)).instants == 2
    assert waiting_mails(ina.pk, now=later(90)) == []
    send_deliveries(site_id=1, clock=lambda: later(90))
    real = {str(one.message["Subject"]): one for one in host.taken}
    for mail in mails:
        assert mail is not None
        body = real[mail.subject].message.get_body(["plain"])
        assert body is not None
        assert mail.text == body.get_content().replace("\r\n", "\n").replace(ina.token, NO_SECRET)
        assert ina.token not in mail.message.decode("ascii")


@pytest.mark.parametrize("address", ["a b@example.org", "x\r\nBcc: y@example.org", "<b>@example"])
def test_a_mail_that_cannot_be_composed_says_so_and_keeps_what_people_typed_out_of_the_log(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    ana = subscribed()
    post(make_thread(), now=later(60))
    # No door takes such an address; an import, or an older release, may have.
    Subscriber.objects.filter(pk=ana.pk).update(address=address)
    with caplog.at_level(logging.ERROR), pytest.raises(NotComposed, match=r"^ValueError$"):
        preview_mail(ana.pk, at=morning())
    [record] = caplog.records
    assert "comments/mail/splicing.py" in record.getMessage()
    assert "example" not in record.getMessage()


def test_a_preview_far_ahead_is_dated_as_it_would_be() -> None:
    ana = subscribed()
    post(make_thread(), now=later(60))
    at = morning() + timedelta(days=365)
    found = preview_mail(ana.pk, at=at)
    assert found is not None
    assert found.period == at.date().isoformat()
    assert dict(found.headers)["Date"].startswith(f"{at:%a, %d %b %Y}")
