"""Subscribing over the API, and a subscriber's own settings by the secret in the mail."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from django.test import Client
from django.utils import timezone

from blog.env import RATE_LIMIT_DEFAULTS
from comments.actions.people import host_participant, token_of
from comments.actions.subscribing import leave
from comments.actions.suppressing import suppress
from comments.models import (
    Consent,
    Delivery,
    Frequency,
    Participant,
    SiteSettings,
    Subscriber,
    Subscription,
)
from tests.mailing import ASKER, asked, confirmed, subscribed
from tests.making import NOW, comment_token, later, make_moderator, make_thread, post

pytestmark = pytest.mark.django_db

PATH = "/api/v1/subscriptions/"
WISH = {"email": "ana@example.org", "frequency": "daily"}


def send(
    client: Client, body: Any, *, path: str = PATH, method: str = "POST", **headers: str
) -> Any:
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.generic(method, path, text, content_type="application/json", headers=headers)


def own(subscriber: Subscriber, below: str = "") -> str:
    return f"{PATH}{subscriber.token}/{below}"


def only() -> Subscription:
    return Subscription.objects.select_related("subscriber").get()


def refusals(answer: Any) -> list[tuple[str, str]]:
    return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]


# --- asking -----------------------------------------------------------------------------------


def test_a_wish_is_accepted_and_a_mail_asks_for_confirmation(client: Client) -> None:
    body = {**WISH, "tz": "Europe/Berlin", "send_hour": 18, "weekday": 4, "frequency": "weekly"}
    answer = send(client, body)
    assert (answer.status_code, answer.json()) == (202, {"accepted": True})
    assert answer["Cache-Control"] == "private, no-store"
    assert not answer.cookies
    wish = only()
    assert (wish.state, wish.frequency) == ("pending", "weekly")
    times = (wish.subscriber.tz, wish.subscriber.send_hour, wish.subscriber.weekday)
    assert times == ("Europe/Berlin", 18, 4)
    assert Delivery.objects.get().kind == "confirmation"
    consent = Consent.objects.get()
    assert (consent.way, consent.origin) == ("API", "127.0.0.1")


def test_one_thread_is_named_by_its_key(client: Client) -> None:
    thread = make_thread()
    assert send(client, {**WISH, "thread": "a-thread"}).status_code == 202
    assert only().thread == thread
    assert send(client, {**WISH, "thread": None}).status_code == 202
    assert Subscription.objects.latest("pk").thread is None


@pytest.mark.parametrize("key", ["nothing", "a\x00b", "x" * 200, ""])
def test_an_unknown_thread_is_refused_and_nothing_kept(client: Client, key: str) -> None:
    answer = send(client, {**WISH, "thread": key})
    assert answer.status_code in {404, 422}
    assert answer.json()["code"] in {"thread_unknown", "validation_failed"}
    assert not Subscriber.objects.exists()


def test_the_answer_is_the_same_whether_the_address_is_known_or_not(client: Client) -> None:
    subscribed("known@example.org")
    subscribed("bounced@example.org")
    suppress(site_id=1, address="bounced@example.org", why="5.1.1", now=NOW, asker=ASKER)
    answers = [
        send(client, {**WISH, "email": f"{name}@example.org"})
        for name in ("known", "bounced", "unknown")
    ]
    for one in answers:
        assert one.headers.pop("X-Request-ID")
    seen = {(one.status_code, one.content, repr(sorted(one.headers.items()))) for one in answers}
    assert len(seen) == 1


def test_all_that_is_wrong_is_said_at_once(client: Client) -> None:
    wrong = {"email": "nobody", "tz": "Mars/Base", "weekday": 7, "frequency": "hourly", "x": 1}
    assert set(refusals(send(client, wrong))) == {
        ("#/email", "invalid"),
        ("#/tz", "invalid_choice"),
        ("#/weekday", "max_value"),
        ("#/frequency", "invalid_choice"),
        ("#/x", "unknown_field"),
    }
    wrong = {"tz": "Mars/Base", "frequency": "daily", "answers": False}
    assert set(refusals(send(client, wrong))) == {
        ("#/email", "required"),
        ("#/tz", "invalid_choice"),
    }
    wrong = {"tz": "Mars/Base", "frequency": "daily", "answers": True, "thread": "a-thread"}
    assert set(refusals(send(client, wrong))) == {
        ("#/tz", "invalid_choice"),
        ("#/answers", "invalid"),
    }


@pytest.mark.parametrize(
    ("address", "language", "detail"),
    [
        ("nobody", "en", "This is no address that mail can be sent to: there is no @ in it."),
        ("@b.org", "en", "…: it has no valid part before the @."),
        ("a@b", "en", "…: what stands after the @ is no public domain."),
        ("@b.org", "de", "…: was vor dem @ steht, ist nicht gültig."),
    ],
)
def test_of_an_address_it_is_said_what_is_wrong_with_it(
    client: Client, address: str, language: str, detail: str
) -> None:
    body = json.dumps({**WISH, "email": address})
    [error] = client.post(
        "/api/v1/subscriptions/",
        body,
        content_type="application/json",
        headers={"Accept-Language": language},
    ).json()["errors"]
    assert error["detail"].endswith(detail.removeprefix("…"))
    assert "{" not in error["detail"]


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"email": None}, "#/email", "null"),
        ({"email": 7}, "#/email", "invalid"),
        ({"email": ["a@b.org"]}, "#/email", "invalid"),
        ({"email": ""}, "#/email", "blank"),
        ({"email": "nobody"}, "#/email", "invalid"),
        ({"email": "a\x00@b.org"}, "#/email", "invalid"),
        ({"email": "a@b.org\nBcc: c@d.org"}, "#/email", "invalid"),
        ({"email": "x" * 300 + "@b.org"}, "#/email", "max_length"),
        ({"frequency": "hourly"}, "#/frequency", "invalid_choice"),
        ({"frequency": None}, "#/frequency", "null"),
        ({"frequency": ["daily"]}, "#/frequency", "invalid_choice"),
        ({"frequency": 1}, "#/frequency", "invalid_choice"),
        ({"thread": 1}, "#/thread", "invalid"),
        ({"thread": ["a"]}, "#/thread", "invalid"),
        ({"thread": "x" * 201}, "#/thread", "max_length"),
        ({"tz": "Mars/Base"}, "#/tz", "invalid_choice"),
        ({"tz": "../../etc/passwd"}, "#/tz", "invalid_choice"),
        ({"tz": "Europe"}, "#/tz", "invalid_choice"),
        ({"tz": "a\x00b"}, "#/tz", "invalid_choice"),
        ({"tz": "x" * 65}, "#/tz", "max_length"),
        ({"tz": None}, "#/tz", "null"),
        ({"tz": 1}, "#/tz", "invalid"),
        ({"send_hour": 24}, "#/send_hour", "max_value"),
        ({"send_hour": -1}, "#/send_hour", "min_value"),
        ({"send_hour": "7"}, "#/send_hour", "invalid"),
        ({"send_hour": 7.0}, "#/send_hour", "invalid"),
        ({"send_hour": True}, "#/send_hour", "invalid"),
        ({"weekday": 7}, "#/weekday", "max_value"),
        ({"answers": "yes"}, "#/answers", "invalid"),
        ({"answers": 1}, "#/answers", "invalid"),
        ({"answers": [True]}, "#/answers", "invalid"),
        ({"answers": True, "thread": "a-thread"}, "#/answers", "invalid"),
        ({"state": "active"}, "#/state", "unknown_field"),
        ({"token": "x"}, "#/token", "unknown_field"),
    ],
)
def test_a_field_that_is_not_acceptable_is_named(
    client: Client, change: dict[str, Any], pointer: str, code: str
) -> None:
    make_thread()
    answer = send(client, {**WISH, **change})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert refusals(answer) == [(pointer, code)]
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 422),
        ("{", 400),
        ("[]", 422),
        ('{"email": "\\ud800@b.org", "frequency": "daily"}', 400),
        (b"\xff", 400),
        ("[" * 5_000 + "]" * 5_000, 400),
        ('{"email": "' + "x" * 1_000_000 + '"}', 413),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(
    client: Client, body: str | bytes, status: int
) -> None:
    for path, method in ((PATH, "POST"), (own(subscribed()), "PATCH")):
        expected = 200 if (body, method) == ("", "PATCH") else status
        answer = send(client, body, path=path, method=method)
        assert answer.status_code == expected, method


def test_other_media_types_are_refused(client: Client) -> None:
    answer = client.post(PATH, WISH)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert not Subscriber.objects.exists()


def test_so_many_wishes_and_no_more_come_from_one_address(client: Client, settings: Any) -> None:
    limits = {"RATE_LIMIT_SUBSCRIBE_ADDRESS": "2/1h"}
    settings.REJOINDER = {**settings.REJOINDER, "RATE_LIMITS": limits}
    statuses = [send(client, {**WISH, "email": f"a{n}@b.org"}).status_code for n in range(3)]
    assert statuses == [202, 202, 429]
    assert Subscriber.objects.count() == 2


def test_ten_wishes_an_hour_are_the_limit_unless_the_operator_says_otherwise() -> None:
    assert RATE_LIMIT_DEFAULTS["RATE_LIMIT_SUBSCRIBE_ADDRESS"] == "10/1h"


# --- answers ----------------------------------------------------------------------------------


def test_answers_need_a_caller_who_wrote(client: Client) -> None:
    answer = send(client, {**WISH, "answers": True})
    assert (answer.status_code, answer.json()["code"]) == (401, "auth_required")
    forged = send(client, {**WISH, "answers": True}, authorization="Comment forged")
    assert forged.status_code == 401
    assert not Subscriber.objects.exists()


def test_a_guest_is_told_of_answers_once_he_confirms(client: Client) -> None:
    submitted = post(make_thread())
    wish = {**WISH, "frequency": "instant", "answers": True}
    answer = send(client, wish, **comment_token(submitted))
    assert (answer.status_code, answer.json()) == (202, {"accepted": True})
    assert (only().participant, only().state) == (submitted.participant, "pending")


def test_a_guest_says_which_address(client: Client) -> None:
    submitted = post(make_thread())
    wish = {"frequency": "instant", "answers": True}
    answer = send(client, wish, **comment_token(submitted))
    assert (answer.status_code, refusals(answer)) == (422, [("#/email", "required")])
    assert refusals(send(client, {"frequency": "daily"})) == [("#/email", "required")]


def test_who_a_host_vouches_for_may_leave_the_address_out_and_needs_no_mail(
    client: Client,
) -> None:
    SiteSettings.objects.create(site_id=1, jwt_algorithm="HS256", jwt_key="k" * 32)
    expires = int(timezone.now().timestamp()) + 60
    claims = {"sub": "7", "name": "Ana", "email": "ana@example.org", "exp": expires, "jti": "1"}
    token = jwt.encode(claims, "k" * 32, algorithm="HS256")
    wish = {"frequency": "instant", "answers": True}
    answer = send(client, wish, authorization=f"Bearer {token}")
    assert answer.status_code == 202
    assert (only().state, only().subscriber.address) == ("active", "ana@example.org")
    assert not Delivery.objects.exists()


def test_another_address_than_the_hosts_is_asked_for_confirmation(client: Client) -> None:
    participant = host_participant(
        site_id=1, subject="7", name="Ana", email="ana@example.org", now=NOW
    )
    header = f"Comment {token_of(participant)}"
    send(client, {**WISH, "email": "bo@example.org", "answers": True}, authorization=header)
    assert only().state == "pending"
    assert Delivery.objects.count() == 1


def test_a_user_is_told_by_his_session_with_its_csrf_token_alone() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_moderator())
    answer = send(client, {**WISH, "answers": True})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    client = Client()
    client.force_login(make_moderator("mona"))
    assert send(client, {**WISH, "answers": True}).status_code == 202
    assert only().participant == Participant.objects.get(user__username="mona")


# --- settings ---------------------------------------------------------------------------------


def test_the_secret_shows_what_is_wanted_and_when(client: Client) -> None:
    ana = subscribed()
    thread = make_thread()
    asked(thread=thread, now=later(1))
    post(thread, now=later(2))
    for root in (1, 7):  # nobody has written the seventh
        left = f"conversation-{thread.pk}-{root}"
        leave(ana.token, scope=left, site_id=1, asker=ASKER, now=later(3))
    answer = client.get(own(ana))
    assert (answer.status_code, answer["Cache-Control"]) == (200, "private, no-store")
    body = answer.json()
    assert body["email"] == "ana@example.org"
    assert (body["tz"], body["send_hour"], body["paused"], body["bounced"]) == (
        "UTC",
        7,
        False,
        False,
    )
    rows = [(one["scope"], one["thread"], one["state"]) for one in body["subscriptions"]]
    assert rows == [("site", None, "active"), ("thread", "a-thread", "pending")]
    assert body["subscriptions"][0]["confirmed_at"] == "2026-11-23T12:00:00Z"
    assert body["muted"] == [{"thread": "a-thread", "root": 1}]


def test_a_patch_changes_what_it_names_and_answers_with_the_rest(client: Client) -> None:
    ana = subscribed()
    change = {"tz": "Asia/Tokyo", "send_hour": 5, "weekday": 6, "frequency": "weekly"}
    body = send(client, change, path=own(ana), method="PATCH").json()
    assert (body["tz"], body["send_hour"], body["weekday"]) == ("Asia/Tokyo", 5, 6)
    assert body["subscriptions"][0]["frequency"] == "weekly"
    assert send(client, {"paused": True}, path=own(ana), method="PATCH").json()["paused"] is True
    assert send(client, {"paused": False}, path=own(ana), method="PATCH").json()["paused"] is False
    consent = Consent.objects.filter(what="changed").latest("pk")
    assert (consent.way, consent.origin) == ("API", "127.0.0.1")


def test_one_subscription_is_changed_by_its_id(client: Client) -> None:
    ana = subscribed()
    confirmed(asked(thread=make_thread(), now=later(1)), now=later(1))
    pk = Subscription.objects.latest("pk").pk
    change = {"frequency": "instant", "subscription": pk}
    body = send(client, change, path=own(ana), method="PATCH").json()
    assert [one["frequency"] for one in body["subscriptions"]] == ["daily", "instant"]


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"frequency": "hourly"}, "#/frequency", "invalid_choice"),
        ({"tz": "Mars/Base"}, "#/tz", "invalid_choice"),
        ({"send_hour": "5"}, "#/send_hour", "invalid"),
        ({"weekday": -1}, "#/weekday", "min_value"),
        ({"paused": "true"}, "#/paused", "invalid"),
        ({"paused": None}, "#/paused", "null"),
        ({"subscription": 1}, "#/frequency", "required"),
        ({"subscription": "1", "frequency": "daily"}, "#/subscription", "invalid"),
        ({"subscription": 2**60, "frequency": "daily"}, "#/subscription", "max_value"),
        ({"email": "bo@example.org"}, "#/email", "unknown_field"),
    ],
)
def test_a_change_that_is_not_acceptable_is_named(
    client: Client, change: dict[str, Any], pointer: str, code: str
) -> None:
    answer = send(client, change, path=own(subscribed()), method="PATCH")
    assert (answer.status_code, refusals(answer)) == (422, [(pointer, code)])
    assert not Consent.objects.filter(what="changed").exists()


def test_the_subscription_of_somebody_else_is_not_there(client: Client) -> None:
    ana, bo = subscribed(), subscribed("bo@example.org")
    change = {"frequency": "instant", "subscription": bo.subscriptions.get().pk}
    answer = send(client, change, path=own(ana), method="PATCH")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert bo.subscriptions.get().frequency == Frequency.DAILY


def test_delete_ends_everything_and_keeps_nothing(client: Client) -> None:
    ana = subscribed()
    assert client.delete(own(ana)).status_code == 204
    assert not Subscriber.objects.exists()
    assert not Consent.objects.exists()
    assert client.delete(own(ana)).status_code == 404


def test_everything_can_be_taken_away_as_a_file(client: Client) -> None:
    ana = subscribed()
    answer = client.get(own(ana, "export/"))
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["Content-Disposition"] == 'attachment; filename="subscriptions.json"'
    assert [row["what"] for row in answer.json()["consent"]] == ["asked", "confirmed"]
    assert "token" not in answer.json()


@pytest.mark.parametrize("token", ["nobody", "%00", "x" * 10_000, "%ED%A0%80", "%F0", "'"])
def test_a_token_that_is_none_is_not_found(client: Client, token: str) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        answer = send(client, "{}", path=f"{PATH}{token}/", method=method)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert client.get(f"{PATH}{token}/export/").status_code == 404


def test_a_stranger_learns_nothing_of_the_fields(client: Client) -> None:
    answer = send(client, {"nonsense": 1}, path=f"{PATH}nobody/", method="PATCH")
    assert answer.status_code == 404
