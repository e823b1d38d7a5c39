"""Webhooks of mail providers: their own words, through the real addresses, with a secret or not.

The bodies are shaped as the providers document them.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib
import json
import logging
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from anymail.webhooks import amazon_ses
from django.conf import LazySettings
from django.test import Client
from django.urls import clear_url_caches

import blog.urls
from comments.models import Delivery, Subscriber, Subscription
from comments.queries.subscribers import subscription_status
from tests.actions.test_bouncing import address_of, addressed, everything, key_of, mailed
from tests.mailing import morning, subscribed

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore::anymail.exceptions.AnymailNotSupportedWarning"),
]

SECRET = "provider:swordfish"
SIGNING_KEY = "key-for-tests"


@pytest.fixture
def webhooks(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lets providers call, as an installation does that has set what they need."""
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET, "MAILGUN_WEBHOOK_SIGNING_KEY": SIGNING_KEY}
    # Amazon's library is no part of the installation. It is asked for, and used only to confirm a
    # topic and to fetch mail that came in.
    monkeypatch.setattr(amazon_ses, "_get_anymail_boto3_params", lambda **more: ({}, {}))
    importlib.reload(blog.urls)
    clear_url_caches()
    yield
    settings.ANYMAIL = {}
    importlib.reload(blog.urls)
    clear_url_caches()


def basic(secret: str) -> str:
    return f"Basic {b64encode(secret.encode()).decode()}"


def tell(path: str, body: Any, *, secret: str = SECRET, **headers: str) -> int:
    """Returns the status of the answer to a provider's call."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    given = {"Authorization": basic(secret), **headers} if secret else headers
    answer = client.post(
        f"/anymail/{path}",
        data=json.dumps(body),
        content_type="application/json",
        headers=given,
    )
    assert not answer.cookies
    return answer.status_code


def mailgun(
    delivery: Delivery, event: str, *, key: str = SIGNING_KEY, by: str = "sender", **more: Any
) -> Any:
    """Returns what Mailgun would tell of a delivery."""
    stamp, token = "1795417204", "0" * 50
    signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    headers = {"to": delivery.subscriber.address, "from": "digest@blog.example.org"}
    if by == "message-id":
        headers["message-id"] = f"{key_of(delivery)}@blog.example.org"
    envelope = {"sending-ip": "192.0.2.1", "targets": delivery.subscriber.address}
    if by == "sender":
        envelope["sender"] = address_of(delivery)
    return {
        "signature": {"timestamp": stamp, "token": token, "signature": signature},
        "event-data": {
            "event": event,
            "id": "G9Bn5sl1TC6nu79C8C0bwg",
            "timestamp": 1795503604.5,
            "log-level": "error",
            "recipient": delivery.subscriber.address,
            "envelope": envelope,
            "message": {"headers": headers, "attachments": [], "size": 867},
            "flags": {"is-routed": False, "is-system-test": False},
            "tags": [],
            "user-variables": {},
            **more,
        },
    }


FAILED: dict[str, Any] = {
    "severity": "permanent",
    "reason": "bounce",
    "delivery-status": {
        "attempt-no": 1,
        "message": "550 5.1.1 The email account that you tried to reach does not exist",
        "code": 550,
        "enhanced-code": "5.1.1",
        "description": "",
    },
}


def ses(delivery: Delivery, kind: str, told: dict[str, Any], *, source: str = "") -> Any:
    """Returns what SNS would pass on of what SES tells of a delivery."""
    message = {
        "notificationType": kind,
        kind.lower(): told,
        "mail": {
            "timestamp": "2026-11-24T07:00:00.000Z",
            "source": source or address_of(delivery),
            "sourceArn": "arn:aws:ses:eu-west-1:123456789012:identity/blog.example.org",
            "messageId": "0102018f-0000-0000-000000000000-000000",
            "destination": [delivery.subscriber.address],
            "headersTruncated": False,
            "headers": [{"name": "Subject", "value": "The digest"}],
        },
    }
    return {
        "Type": "Notification",
        "MessageId": "19ba9823-d7f2-53c1-860e-cb10e0d13dfc",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:bounces",
        "Message": json.dumps(message),
        "Timestamp": "2026-11-24T07:00:01.000Z",
        "SignatureVersion": "1",
    }


def tell_ses(body: Any, **more: str) -> int:
    sns = {
        "X-Amz-Sns-Message-Type": body["Type"],
        "X-Amz-Sns-Message-Id": body["MessageId"],
    }
    return tell("amazon_ses/tracking/", body, **more, **sns)


def postmark(delivery: Delivery, kind: str = "HardBounce", **more: Any) -> Any:
    """Returns what Postmark would tell; it knows neither our Message-ID nor our envelope."""
    return {
        "RecordType": "Bounce",
        "ID": 4323372036854775807,
        "Type": kind,
        "TypeCode": 1,
        "Name": "Hard bounce",
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "Description": "The server was unable to deliver your message.",
        "Details": "smtp;550 5.1.1 no such user here",
        "Email": delivery.subscriber.address,
        "From": "digest@blog.example.org",
        "BouncedAt": "2026-11-24T07:00:05Z",
        "Inactive": True,
        "CanActivate": True,
        "Subject": "The digest",
        **more,
    }


def sendgrid(delivery: Delivery, event: str, **more: Any) -> Any:
    """Returns an event of SendGrid, which keeps our Message-ID."""
    return {
        "email": delivery.subscriber.address,
        "timestamp": 1795503604,
        "smtp-id": f"<{key_of(delivery)}@blog.example.org>",
        "event": event,
        "sg_event_id": "6g4ZI7SA-xmRDv57GoPIPw==",
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        **more,
    }


@pytest.mark.parametrize("by", ["sender", "message-id", "recipient"])
def test_mailgun_tells_of_a_bounce(webhooks: None, by: str) -> None:
    [delivery] = mailed(subscribed())
    bo = mailed(subscribed("bo@example.org"))[0]
    assert tell("mailgun/tracking/", mailgun(delivery, "failed", by=by, **FAILED)) == 200
    delivery.refresh_from_db()
    bo.refresh_from_db()
    assert (delivery.state, delivery.error) == ("bounced", "provider: 5.1.1")
    assert bo.state == "sent"
    assert subscription_status("ana@example.org", site_id=1) == "bounced"


def test_mailgun_tells_of_a_delay_and_nothing_follows(webhooks: None) -> None:
    [delivery] = mailed(subscribed())
    before = everything()
    more = {**FAILED, "severity": "temporary"}
    assert tell("mailgun/tracking/", mailgun(delivery, "failed", **more)) == 200
    for event in ("delivered", "opened", "clicked", "accepted", "something-new"):
        assert tell("mailgun/tracking/", mailgun(delivery, event)) == 200
    assert everything() == before


@pytest.mark.parametrize(
    ("event", "status", "state"),
    [("complained", "bounced", "ended"), ("unsubscribed", "unsubscribed", "ended")],
)
def test_mailgun_tells_of_who_wants_no_more(
    webhooks: None, event: str, status: str, state: str
) -> None:
    [delivery] = mailed(subscribed())
    assert tell("mailgun/tracking/", mailgun(delivery, event)) == 200
    assert subscription_status("ana@example.org", site_id=1) == status
    assert Subscription.objects.get().state == state


def test_amazon_tells_of_a_bounce(webhooks: None) -> None:
    first, second = mailed(subscribed(), days=2)
    told = {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [
            {
                "emailAddress": "ana@example.org",
                "action": "failed",
                "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 user unknown",
            }
        ],
        "timestamp": "2026-11-24T07:00:01.000Z",
        "feedbackId": "0102018f",
        "reportingMTA": "dns; a.eu-west-1.amazonses.example.com",
    }
    assert tell_ses(ses(first, "Bounce", told)) == 200
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("bounced", "sent")
    assert subscription_status("ana@example.org", site_id=1) == "bounced"


def test_amazon_tells_of_a_full_mailbox_and_it_counts_once(webhooks: None) -> None:
    [delivery] = mailed(subscribed())
    told = {
        "bounceType": "Transient",
        "bounceSubType": "MailboxFull",
        "bouncedRecipients": [{"emailAddress": "ana@example.org", "status": "4.2.2"}],
    }
    for _ in range(4):
        assert tell_ses(ses(delivery, "Bounce", told)) == 200
    assert Subscriber.objects.get().bounces == 1
    assert subscription_status("ana@example.org", site_id=1) == "active"


def test_amazon_tells_of_a_complaint(webhooks: None) -> None:
    [delivery] = mailed(subscribed())
    told = {
        "complainedRecipients": [{"emailAddress": "ana@example.org"}],
        "complaintFeedbackType": "abuse",
        "userAgent": "SomeGenerator/1.0",
    }
    assert tell_ses(ses(delivery, "Complaint", told)) == 200
    assert Subscription.objects.get().state == "ended"


def test_postmark_tells_of_a_bounce_by_the_recipient_alone(webhooks: None) -> None:
    first, second = mailed(subscribed(), days=2)
    assert tell("postmark/tracking/", postmark(first, BouncedAt=f"{morning(1):%FT%TZ}")) == 200
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("bounced", "sent")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("HardBounce", "bounced"),
        ("BadEmailAddress", "bounced"),
        ("SpamComplaint", "bounced"),
        ("SpamNotification", "bounced"),
        ("Transient", "active"),
        ("AutoResponder", "active"),
        ("DnsError", "active"),
        ("SoftBounce", "active"),
        ("Blocked", "active"),
    ],
)
def test_postmark_tells_of_many_things(webhooks: None, kind: str, status: str) -> None:
    [delivery] = mailed(subscribed())
    details = "" if status == "active" else "smtp;550 5.1.1 no such user"
    assert tell("postmark/tracking/", postmark(delivery, kind, Details=details)) == 200
    assert subscription_status("ana@example.org", site_id=1) == status


def test_sendgrid_tells_of_several_mails_at_once(webhooks: None) -> None:
    [anas], [bos], [cys] = (mailed(subscribed(f"{name}@example.org")) for name in ("a", "b", "c"))
    events = [
        sendgrid(anas, "bounce", type="bounce", status="5.1.1", reason="550 5.1.1 no such user"),
        sendgrid(bos, "spamreport"),
        sendgrid(cys, "delivered", response="250 OK"),
        sendgrid(cys, "deferred", response="451 4.7.1 later"),
        sendgrid(cys, "open", useragent="x", ip="192.0.2.1"),
    ]
    assert tell("sendgrid/tracking/", events) == 200
    assert [subscription_status(f"{name}@example.org", site_id=1) for name in ("a", "b", "c")] == [
        "bounced",
        "bounced",
        "active",
    ]


def test_sendgrid_tells_that_we_are_blocked_and_no_address_is_taken_off(
    webhooks: None, caplog: pytest.LogCaptureFixture
) -> None:
    [delivery] = mailed(subscribed())
    event = sendgrid(delivery, "bounce", type="blocked", status="5.7.1", reason="550 5.7.1 spam")
    assert tell("sendgrid/tracking/", [event]) == 200
    assert subscription_status("ana@example.org", site_id=1) == "active"
    assert any("refused for what we are" in one.getMessage() for one in caplog.records)


def test_a_provider_that_receives_our_mail_passes_a_report_on(webhooks: None) -> None:
    [delivery] = mailed(subscribed())
    body = {
        "From": "MAILER-DAEMON@mail.example.net",
        "To": address_of(delivery),
        "OriginalRecipient": address_of(delivery),
        "Subject": "Undelivered Mail Returned to Sender",
        "Headers": [],
        "RawEmail": addressed("postfix_unknown_user", "bounces@blog.example.org").decode(),
    }
    assert tell("postmark/inbound/", body) == 200
    assert subscription_status("ana@example.org", site_id=1) == "bounced"


# --- who may call -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "secret",
    ["", "provider:", "provider:wrong", "other:swordfish", ":swordfish", "swordfish", "\x00:\xff"],
)
def test_without_the_secret_nothing_is_believed(
    webhooks: None, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    [delivery] = mailed(subscribed())
    before = everything()
    told = {"complainedRecipients": [{"emailAddress": "ana@example.org"}]}
    body = addressed("postfix_unknown_user", address_of(delivery)).decode()
    answers = [
        tell("mailgun/tracking/", mailgun(delivery, "failed", **FAILED), secret=secret),
        tell("postmark/tracking/", postmark(delivery), secret=secret),
        tell("sendgrid/tracking/", [sendgrid(delivery, "spamreport")], secret=secret),
        tell("postmark/inbound/", {"RawEmail": body, "Headers": []}, secret=secret),
        tell_ses(ses(delivery, "Complaint", told), secret=secret),
    ]
    # Amazon's service sends the secret only after it was asked for it.
    assert answers == [400, 400, 400, 400, 400 if secret else 401]
    assert everything() == before
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


def test_with_the_secret_and_a_wrong_signature_nothing_is_believed(webhooks: None) -> None:
    [delivery] = mailed(subscribed())
    before = everything()
    forged = mailgun(delivery, "failed", key="another", **FAILED)
    assert tell("mailgun/tracking/", forged) == 400
    assert everything() == before


def test_a_key_of_another_delivery_counts_for_nobody_even_with_the_secret(webhooks: None) -> None:
    [anas] = mailed(subscribed())
    [bos] = mailed(subscribed("bo@example.org"))
    told = {"complainedRecipients": [{"emailAddress": "stranger@example.org"}]}
    wrong = address_of(anas).replace(key_of(anas)[:12], key_of(bos)[:12])
    before = everything()
    assert tell_ses(ses(anas, "Complaint", told, source=wrong)) == 200
    assert everything() == before


def test_without_a_secret_there_is_no_address() -> None:
    client = Client()
    for provider in ("mailgun", "postmark", "sendgrid", "amazon_ses", "mailjet"):
        assert client.post(f"/anymail/{provider}/tracking/", data={}).status_code == 404


def test_a_provider_whose_key_is_not_set_has_no_address(webhooks: None) -> None:
    client = Client()
    assert client.post("/anymail/postal/tracking/", data={}).status_code == 404
    assert client.head("/anymail/mailgun/tracking/").status_code == 200


def test_who_calls_needs_no_session_and_gets_none(
    webhooks: None, django_assert_num_queries: Any
) -> None:
    [delivery] = mailed(subscribed())
    event = sendgrid(delivery, "delivered")
    with django_assert_num_queries(0):
        assert tell("sendgrid/tracking/", [event]) == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        [{"event": "bounce", "email": "\x00"}],
        [{"event": "bounce", "email": "ana@example.org", "smtp-id": ["<x@y>", {"a": []}]}],
    ],
)
def test_odd_bodies_change_nothing(webhooks: None, body: Any) -> None:
    subscribed()
    before = everything()
    assert tell("sendgrid/tracking/", body) in {200, 500}
    assert everything() == before
