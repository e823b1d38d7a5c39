"""What a decision causes leaves once, half a minute later, and not at all if it is undone."""

from __future__ import annotations

import hmac
import json
import smtplib
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sites.models import Site
from pytest_django.fixtures import Settings

from comments.actions import delivering
from comments.actions.delivering import Mailbox, Undelivered, post_json
from comments.actions.erasing import erase_comment
from comments.actions.moderating import Reasons, decide
from comments.actions.outgoing import send_due
from comments.actions.undoing import undo_decision
from comments.models import Comment, LogRow, Outgoing, Participant, SiteSettings, Thread
from comments.queries.outgoing import forget_webhooks
from comments.queries.sites import forget_profiles
from comments.rules.moderation import Action
from tests.certificates import self_signed
from tests.making import NOW, SOMEBODY, later, make_thread, post
from tests.receivers import HookServer, MailServer, Received

pytestmark = pytest.mark.django_db

ADDRESS = "ana.with.a.name@example.org"


@pytest.fixture(autouse=True)
def _no_webhook_of_another_test() -> Iterator[None]:
    forget_webhooks()
    yield
    forget_webhooks()


@pytest.fixture
def mail(settings: Settings) -> Iterator[MailServer]:
    with MailServer() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.DEFAULT_FROM_EMAIL = "The blog <comments@blog.example>"
        settings.REJOINDER = {**settings.REJOINDER, "MESSAGE_ID_DOMAIN": "ids.blog.example"}
        yield server


@pytest.fixture
def hook(settings: Settings) -> Iterator[HookServer]:
    settings.WEBHOOK_PRIVATE = True
    with HookServer() as server:
        set_webhook(server.url)
        yield server


def set_webhook(url: str, secret: str = "s3cret") -> None:
    SiteSettings.objects.update_or_create(
        site_id=1, defaults={"webhook_url": url, "webhook_secret": secret}
    )
    forget_webhooks()
    forget_profiles()


def waiting_comment(thread: Thread | None = None, source: str = "Hello there.") -> Comment:
    """Returns a held comment of somebody with a verified address."""
    submitted = post(thread or make_thread(premoderation=True), source)
    Participant.objects.filter(pk=submitted.participant.pk).update(
        email=ADDRESS, email_verified_at=NOW
    )
    return submitted.comment


def decided(
    comment: Comment, action: Action = "approve", *, at: float = 0, public: str = "", note: str = ""
) -> LogRow:
    _, row = decide(
        comment_id=comment.pk,
        action=action,
        actor=SOMEBODY,
        now=later(at),
        reasons=Reasons("off_topic", public, note) if public or note else Reasons(),
    )
    return row


def undone(row: LogRow, *, at: float) -> LogRow:
    _, undo = undo_decision(row_id=row.pk, actor=SOMEBODY, now=later(at))
    return undo


def states() -> list[tuple[str, str]]:
    return list(Outgoing.objects.order_by("pk").values_list("kind", "state"))


def text_of(received: Received) -> str:
    content: str = received.message.get_content()
    return content.replace("\r\n", "\n")


# --- when it leaves -----------------------------------------------------------------------------


def test_mail_leaves_after_half_a_minute_and_once(mail: MailServer) -> None:
    comment = waiting_comment()
    decided(comment)
    assert send_due(now=later(29)) == 0
    assert mail.received == []
    assert send_due(now=later(30)) == 1
    assert send_due(now=later(1000)) == 0
    [received] = mail.received
    assert received.recipients == [ADDRESS]
    outgoing = Outgoing.objects.get()
    assert (outgoing.state, outgoing.tries, outgoing.error) == ("sent", 1, "")
    assert outgoing.sent_at is not None
    assert outgoing.sent_at >= later(30)


def test_an_undo_within_half_a_minute_cancels_all_and_causes_nothing(
    mail: MailServer, hook: HookServer
) -> None:
    row = decided(waiting_comment())
    undone(row, at=29)
    assert send_due(now=later(1000)) == 0
    assert states() == [("mail", "cancelled"), ("webhook", "cancelled")]
    assert (mail.received, hook.received) == ([], [])


def test_an_undo_after_that_is_told_in_turn(mail: MailServer, hook: HookServer) -> None:
    comment = waiting_comment()
    row = decided(comment, "reject")
    assert send_due(now=later(30)) == 2
    undone(row, at=40)
    assert send_due(now=later(69)) == 0
    assert send_due(now=later(70)) == 2
    first, second = mail.received
    assert "not shown" in str(first.message["Subject"])
    assert "waits for a moderator" in str(second.message["Subject"])
    assert first.message["Message-ID"] != second.message["Message-ID"]
    actions = [json.loads(one.body)["action"] for one in hook.received]
    assert actions == ["reject", "undo"]


def test_what_failed_for_certain_is_cancelled_by_a_late_undo(mail: MailServer) -> None:
    mail.answers["RCPT"] = "451 4.7.1 later"
    row = decided(waiting_comment())
    assert send_due(now=later(30)) == 0
    undone(row, at=60)
    mail.answers.clear()
    assert send_due(now=later(10_000)) == 0
    assert states() == [("mail", "cancelled")]


def test_what_may_have_left_is_told_of_when_it_is_undone(mail: MailServer) -> None:
    mail.answers["."] = ""  # hangs up after the message, without a word
    row = decided(waiting_comment())
    assert send_due(now=later(30)) == 0
    assert Outgoing.objects.get().error.startswith("perhaps sent: ")
    undone(row, at=60)
    mail.answers.clear()
    assert send_due(now=later(90)) == 1
    assert states() == [("mail", "cancelled"), ("mail", "sent")]


def test_only_the_last_of_several_decisions_is_mailed(mail: MailServer) -> None:
    comment = waiting_comment()
    decided(comment, "approve", at=0)
    decided(comment, "reject", at=10)
    decided(comment, "approve", at=20)
    assert [send_due(now=later(at)) for at in (30, 40, 50, 51, 60)] == [0, 0, 1, 0, 0]
    assert states() == [("mail", "cancelled"), ("mail", "cancelled"), ("mail", "sent")]


def test_a_decision_that_stands_again_after_an_undo_is_mailed(mail: MailServer) -> None:
    comment = waiting_comment()
    decided(comment, "approve", at=0)
    second = decided(comment, "reject", at=10)
    assert send_due(now=later(30)) == 0
    undone(second, at=35)
    assert send_due(now=later(60)) == 1
    assert "can be read" in str(mail.received[0].message["Subject"])
    assert states() == [("mail", "sent"), ("mail", "cancelled")]


# --- whom it concerns ---------------------------------------------------------------------------


def test_no_mail_goes_to_an_address_that_nobody_verified(mail: MailServer) -> None:
    comment = waiting_comment()
    Participant.objects.update(email_verified_at=None)
    decided(comment)
    assert states() == []
    later_unverified = waiting_comment(make_thread("b", premoderation=True))
    decided(later_unverified)
    Participant.objects.update(email_verified_at=None)
    assert send_due(now=later(30)) == 0
    assert (states(), mail.received) == ([("mail", "cancelled")], [])


def test_nothing_leaves_about_a_comment_that_was_erased(mail: MailServer, hook: HookServer) -> None:
    comment = waiting_comment()
    decided(comment)
    erase_comment(comment_id=comment.pk, now=later(5))
    assert send_due(now=later(1000)) == 0
    assert states() == [("mail", "cancelled"), ("webhook", "cancelled")]
    assert (mail.received, hook.received) == ([], [])


def test_no_mail_about_what_is_not_so_any_more(mail: MailServer) -> None:
    comment = waiting_comment()
    decided(comment)
    Comment.objects.filter(pk=comment.pk).update(status="held")
    assert send_due(now=later(30)) == 0
    assert states() == [("mail", "cancelled")]


# --- what it says -------------------------------------------------------------------------------


def test_the_mail_says_what_was_decided_why_and_where(mail: MailServer) -> None:
    thread = make_thread(premoderation=True, title="On bridges", url="/posts/bridges/")
    comment = waiting_comment(thread, "First line\nand a second one.")
    decided(comment, "reject", public="Not about bridges.", note="Only for colleagues.")
    send_due(now=later(30))
    [received] = mail.received
    assert received.sender == "comments@blog.example"
    assert received.message["From"] == "The blog <comments@blog.example>"
    assert received.message["To"] == ADDRESS
    assert received.message["Subject"] == "Your comment is not shown: On bridges"
    assert received.message["Auto-Submitted"] == "auto-generated"
    assert str(received.message["Message-ID"]).endswith("@ids.blog.example>")
    assert parsedate_to_datetime(received.message["Date"]) == later(30)
    text = text_of(received)
    assert "decided not to publish your comment on “On bridges”" in text
    assert "Not about bridges." in text
    assert "> First line and a second one." in text
    assert "http://127.0.0.1:8000/posts/bridges/\n" in text
    assert "colleagues" not in text


def test_a_comment_that_can_be_read_is_linked(mail: MailServer, settings: Settings) -> None:
    comment = waiting_comment(make_thread("a", premoderation=True, url="/posts/a/"))
    elsewhere = waiting_comment(
        make_thread("b", premoderation=True, url="https://host.example/page?x=1")
    )
    settings.SITE_ID = None
    Site.objects.filter(pk=1).update(domain="blog.example")
    decided(comment)
    decided(elsewhere)
    assert send_due(now=later(30)) == 2
    ours, theirs = map(text_of, mail.received)
    assert "\nhttp://blog.example/posts/a/?comment=1#comment-1\n" in ours
    assert "\nhttps://host.example/page?x=1#comment-1\n" in theirs


@pytest.mark.parametrize(
    "title",
    [
        "Bridges\r\nBcc: everybody@example.org",
        "Bridges\nContent-Type: text/html\n\n<script>",
        "Bridges\u2028Bcc: x@example.org\u0085Cc: y@example.org\x0b\x0c",
        "\u202eegdirB\u202c \u2066x\u2069",
        "=?utf-8?q?Bridges=0ABcc=3A_x=40example.org?=",
        "=\u202e?utf-8?q?Bridges=0ABcc=3A_x=40example.org?=",
        "W" * 499,
        "שלום 😀 " * 60,
    ],
)
def test_no_title_reaches_into_the_headers(mail: MailServer, title: str) -> None:
    comment = waiting_comment(make_thread(premoderation=True, title=title))
    decided(comment, public="A reason.\r\nBcc: z@example.org\r\n.\r\nQUIT")
    assert send_due(now=later(30)) == 1
    [received] = mail.received
    message = received.message
    assert received.recipients == [ADDRESS]
    names = {name.lower() for name in message}
    assert not names & {"bcc", "cc"}
    assert message.get_content_type() == "text/plain"
    subject = str(message["Subject"]).strip()
    assert len(subject) <= 150
    assert not set(subject) & set("\r\n\x0b\x0c\u0085\u2028\u202e\u202c\u2066\u2069")
    assert all(len(line) <= 998 for line in received.raw.split(b"\r\n"))
    assert "http://127.0.0.1:8000/posts/" in text_of(received)


# --- crashes and failures -----------------------------------------------------------------------


class Killed(BaseException):
    """What SIGKILL is, as far as a test in the same process can have it."""


def test_a_sender_killed_after_sending_sends_the_same_again(
    mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided(waiting_comment())

    def send_and_die(self: Mailbox, message: Any) -> None:
        whole(self, message)
        raise Killed

    whole = Mailbox.send
    monkeypatch.setattr(Mailbox, "send", send_and_die)
    with pytest.raises(Killed):
        send_due(now=later(30))
    monkeypatch.setattr(Mailbox, "send", whole)
    assert send_due(now=later(329)) == 0
    assert send_due(now=later(331)) == 1
    first, second = mail.received
    assert first.message["Message-ID"]
    assert first.raw == second.raw


def test_a_claimed_message_is_not_begun_by_another_sender(
    mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided(waiting_comment())
    decided(waiting_comment(make_thread("b", premoderation=True)))
    sent_meanwhile: list[int] = []

    def send_while_another_does(self: Mailbox, message: Any) -> None:
        if not sent_meanwhile:
            sent_meanwhile.append(0)
            sent_meanwhile[0] = send_due(now=later(40))
        whole(self, message)

    whole = Mailbox.send
    monkeypatch.setattr(Mailbox, "send", send_while_another_does)
    assert send_due(now=later(30)) == 1
    assert sent_meanwhile == [1]
    assert len({one.message["Message-ID"] for one in mail.received}) == len(mail.received) == 2


def test_an_undo_while_it_is_sent_finds_that_it_may_have_left(
    mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = decided(waiting_comment())

    def send_while_undone(self: Mailbox, message: Any) -> None:
        monkeypatch.setattr(Mailbox, "send", whole)
        undone(row, at=31)
        whole(self, message)

    whole = Mailbox.send
    monkeypatch.setattr(Mailbox, "send", send_while_undone)
    assert send_due(now=later(30)) == 1
    assert send_due(now=later(61)) == 1
    assert states() == [("mail", "sent"), ("mail", "sent")]


def test_a_passing_refusal_is_tried_again_after_growing_pauses(mail: MailServer) -> None:
    mail.answers["."] = "451 4.3.0 not now"
    decided(waiting_comment())
    pauses, due = [], later(30)
    while (outgoing := Outgoing.objects.get()).state == "waiting":
        assert send_due(now=outgoing.due_at - timedelta(seconds=1)) == 0
        assert Outgoing.objects.get().tries == outgoing.tries
        due = outgoing.due_at
        send_due(now=due)
        pauses.append(round((Outgoing.objects.get().due_at - due).total_seconds()))
    assert pauses == sorted(pauses)
    assert pauses[:3] == [300, 600, 1200]
    assert (outgoing.state, outgoing.tries) == ("failed", len(pauses)) == ("failed", 10)
    assert outgoing.error == "SMTPDataError 451 4.3.0"


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "."])
def test_a_permanent_refusal_ends_it_and_names_nobody(
    mail: MailServer, verb: str, caplog: pytest.LogCaptureFixture
) -> None:
    mail.answers[verb] = f"550 5.1.1 <{ADDRESS}>: nobody here"
    decided(waiting_comment())
    assert send_due(now=later(30)) == 0
    outgoing = Outgoing.objects.get()
    assert (outgoing.state, outgoing.tries) == ("failed", 1)
    assert outgoing.error.endswith(" 550 5.1.1")
    assert "given up" in caplog.text
    assert ADDRESS not in outgoing.error + caplog.text


def test_one_message_refused_or_cut_off_stops_no_other(mail: MailServer) -> None:
    for key in "abc":
        decided(waiting_comment(make_thread(key, premoderation=True)))
    taken = iter(["250 yes", "550 5.1.1 no", ""])
    mail.answers = Answers({"RCPT": taken})
    assert send_due(now=later(30)) == 1
    mail.answers = {}
    assert [state for _, state in states()] == ["sent", "failed", "waiting"]
    assert send_due(now=later(331)) == 1


class Answers(dict[str, str]):
    """Answers that change from one message to the next."""

    def __init__(self, turns: dict[str, Iterator[str]]) -> None:
        super().__init__()
        self.turns = turns

    def get(self, key: str, default: Any = None) -> Any:
        """Returns the next answer to a verb."""
        return next(self.turns[key], default) if key in self.turns else default


def test_a_message_that_cannot_be_composed_stops_no_other(
    mail: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    broken = waiting_comment()
    Participant.objects.update(email=f"{ADDRESS}\nBcc: x@example.org")
    decided(broken)
    decided(waiting_comment(make_thread("b", premoderation=True)))
    assert send_due(now=later(30)) == 1
    first = Outgoing.objects.order_by("pk").first()
    assert first is not None
    assert (first.state, first.error) == ("waiting", "cannot be composed: BadHeaderError")
    assert "cannot be composed: BadHeaderError" in caplog.text
    assert "decisions.py" in caplog.text
    assert ADDRESS not in caplog.text


def test_a_server_that_is_not_there_costs_one_message_one_try(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    for key in "abc":
        decided(waiting_comment(make_thread(key, premoderation=True)))
    assert send_due(now=later(30)) == 0
    assert sorted(Outgoing.objects.values_list("tries", flat=True)) == [0, 0, 1]
    assert Outgoing.objects.get(tries=1).error == "ConnectionRefusedError"


def test_an_error_of_signing_in_is_tried_again(
    mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise smtplib.SMTPAuthenticationError(535, b"5.7.8 who are you?")

    monkeypatch.setattr("django.core.mail.backends.smtp.EmailBackend.open", refuse)
    decided(waiting_comment())
    assert send_due(now=later(30)) == 0
    outgoing = Outgoing.objects.get()
    assert (outgoing.state, outgoing.error) == ("waiting", "SMTPAuthenticationError 535 5.7.8")


def test_without_a_mail_server_mails_are_files(tmp_path: Path, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "outbox")
    decided(waiting_comment())
    send_due(now=later(29))
    assert not (tmp_path / "outbox").exists()
    send_due(now=later(30))
    [file] = (tmp_path / "outbox").iterdir()
    assert f"To: {ADDRESS}" in file.read_text(encoding="utf-8")


def test_messages_of_one_round_share_a_connection(mail: MailServer) -> None:
    for key in "abc":
        decided(waiting_comment(make_thread(key, premoderation=True)))
    assert send_due(now=later(30), limit=2) == 2
    assert mail.sessions == 1
    assert send_due(now=later(30)) == 1


# --- webhooks -----------------------------------------------------------------------------------


def test_the_webhook_tells_of_each_decision_and_is_signed(hook: HookServer) -> None:
    comment = waiting_comment(make_thread("bridges", premoderation=True))
    Participant.objects.update(email_verified_at=None)
    first = decided(comment, "approve", at=0)
    decided(comment, "remove", at=10, public="Not about bridges.", note="Secret.")
    assert send_due(now=later(60)) == 2
    one, two = hook.received
    assert one.path == "/hook?x=1"
    assert json.loads(one.body) == {
        "id": one.headers["Rejoinder-Delivery"],
        "type": "comment.decided",
        "at": first.at.isoformat(),
        "site": Site.objects.get(pk=1).domain,
        "thread": "bridges",
        "comment": {"id": comment.pk, "number": 1, "state": "approved"},
        "action": "approve",
        "reason": "",
        "public_reason": "",
        "by": {"kind": "moderator"},
    }
    told = json.loads(two.body)
    assert (told["action"], told["comment"]["state"]) == ("remove", "rejected")
    assert (told["reason"], told["public_reason"]) == ("off_topic", "Not about bridges.")
    assert told["id"] != one.headers["Rejoinder-Delivery"]
    assert b"Secret." not in two.body
    assert ADDRESS.encode() not in one.body + two.body
    at, sign = (part.partition("=")[2] for part in two.headers["Rejoinder-Signature"].split(","))
    expected = hmac.new(b"s3cret", at.encode() + b"." + two.body, sha256).hexdigest()
    assert hmac.compare_digest(sign, expected)
    assert datetime.fromtimestamp(int(at), UTC) >= later(60)


def test_without_a_webhook_none_is_planned_and_without_a_secret_none_is_signed(
    hook: HookServer,
) -> None:
    set_webhook("")
    decided(waiting_comment())
    assert [kind for kind, _ in states()] == ["mail"]
    set_webhook(hook.url, secret="")
    decided(waiting_comment(make_thread("b", premoderation=True)))
    send_due(now=later(30))
    [posted] = hook.received
    assert "Rejoinder-Signature" not in posted.headers


def test_a_webhook_that_fails_is_tried_again_with_the_same_id(hook: HookServer) -> None:
    hook.status = 500
    decided(waiting_comment())
    Outgoing.objects.filter(kind="mail").delete()
    assert send_due(now=later(30)) == 0
    outgoing = Outgoing.objects.get()
    assert (outgoing.state, outgoing.error) == ("waiting", "perhaps sent: HTTP 500")
    hook.status = 204
    assert send_due(now=outgoing.due_at) == 1
    first, second = hook.received
    assert first.body == second.body
    assert first.headers["Rejoinder-Delivery"] == second.headers["Rejoinder-Delivery"]


def test_a_receiver_that_is_gone_is_not_asked_again(hook: HookServer) -> None:
    hook.status = 410
    decided(waiting_comment())
    send_due(now=later(30))
    assert Outgoing.objects.get(kind="webhook").state == "failed"


def test_no_redirect_is_followed(hook: HookServer) -> None:
    hook.status, hook.location = 302, hook.url
    decided(waiting_comment())
    send_due(now=later(30))
    assert len(hook.received) == 1
    assert Outgoing.objects.get(kind="webhook").error == "perhaps sent: HTTP 302"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "127.1", "0"])
def test_addresses_inside_are_not_connected_to(
    hook: HookServer, settings: Settings, host: str
) -> None:
    settings.WEBHOOK_PRIVATE = False
    set_webhook(f"http://{host}:{hook.port}/")
    decided(waiting_comment())
    send_due(now=later(30))
    outgoing = Outgoing.objects.get(kind="webhook")
    assert (outgoing.state, hook.received) == ("failed", [])
    assert "not public" in outgoing.error


def test_what_is_checked_is_what_is_connected_to(
    hook: HookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", hook.port))]
    outside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", hook.port))]

    def resolve(host: str, *_: Any, **__: Any) -> Any:
        asked.append(host)
        return inside if len(asked) == 1 else outside

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    url = f"http://hook.example:{hook.port}/"
    post_json(url=url, body=b"{}", headers={}, allow_private=True)
    assert asked == ["hook.example"]
    assert hook.received[0].headers["Host"] == f"hook.example:{hook.port}"
    asked.clear()
    inside.insert(0, outside[0])
    with pytest.raises(Undelivered, match="not public"):
        post_json(url=url, body=b"{}", headers={}, allow_private=False)


def test_a_receiver_that_drips_is_hung_up_on(
    hook: HookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "TOTAL_SECONDS", 0.3)
    hook.drips = True
    with pytest.raises(Undelivered) as raised:
        post_json(url=hook.url, body=b"{}", headers={}, allow_private=True)
    assert raised.value.perhaps_left
    assert not hook.let_go.is_set()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Returns a file with a key and a certificate for localhost that nobody has signed."""
    return self_signed(tmp_path)


def test_a_certificate_that_nobody_vouches_for_is_refused(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HookServer(certificate=certificate) as server:
        url = f"https://localhost:{server.port}/"
        with pytest.raises(Undelivered, match="SSLCertVerificationError"):
            post_json(url=url, body=b"{}", headers={}, allow_private=True)
        assert server.received == []
        trusting = ssl.create_default_context(cafile=str(certificate))
        monkeypatch.setattr(delivering, "_tls", lambda: trusting)
        post_json(url=url, body=b"{}", headers={}, allow_private=True)
        assert len(server.received) == 1
