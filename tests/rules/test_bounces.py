"""What comes back about a mail is read right, whoever wrote it, and whatever he meant to do."""

from __future__ import annotations

from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comments.rules.bounces import (
    LONGEST_READ,
    Incoming,
    Kind,
    Outcome,
    outcome_of_event,
    read_incoming,
)
from comments.rules.verp import Verp
from tests.corpus.reading import CORPUS

DELIVERY = Verp("d", 17, "0123456789ab")
LEAVING = Verp("u", 17, "0123456789ab")

TOLD: dict[str, tuple[Kind, str]] = {
    "alias_both_failed": ("hard", "5.2.2"),
    "alias_one_of_two_arrived": ("nothing", ""),
    "complaint": ("complaint", ""),
    "complaint_with_headers_alone": ("complaint", ""),
    "exchange_not_found": ("hard", "5.1.10"),
    "exim_delayed_words": ("nothing", ""),
    "exim_no_exact_code": ("hard", "5.0.0"),
    "exim_old_words": ("hard", "5.0.0"),
    "exim_vague_status": ("hard", "5.1.1"),
    "feedback_auth_failure": ("nothing", ""),
    "feedback_not_spam": ("nothing", ""),
    "forged_for_somebody_else": ("hard", "5.1.1"),
    "gmail_no_such_user": ("hard", "5.1.1"),
    "gmail_not_authenticated": ("hard", "5.7.26"),
    "mailbox_full": ("hard", "5.2.2"),
    "out_of_office_exchange": ("nothing", ""),
    "person_writes_of_bounces": ("nothing", ""),
    "postfix_delayed": ("nothing", ""),
    "postfix_given_up": ("soft", "4.4.1"),
    "postfix_unknown_user": ("hard", "5.1.1"),
    "qmail_no_mailbox": ("hard", "5.1.1"),
    "qmail_queued_too_long": ("soft", "4.2.2"),
    "read_receipt": ("nothing", ""),
    "unsubscribe_by_mail": ("nothing", ""),
    "utf8_report": ("hard", "5.1.1"),
    "vacation_sieve": ("nothing", ""),
}


def mail(name: str) -> bytes:
    """Returns a mail of the corpus."""
    return (CORPUS / "bounces" / f"{name}.eml").read_bytes()


def told(incoming: Incoming) -> tuple[str, str]:
    """Returns what a mail tells, as the table above has it."""
    return incoming.outcome.kind, incoming.outcome.status


def report(*blocks: str, kind: str = "message/delivery-status") -> bytes:
    """Returns a report with these groups of fields."""
    fields = "\n\n".join(("Reporting-MTA: dns; mail.example.net", *blocks))
    return (
        "From: MAILER-DAEMON@mail.example.net\n"
        "Content-Type: multipart/report; boundary=A\n\n"
        f"--A\nContent-Type: {kind}\n\n{fields}\n\n--A--\n"
    ).encode()


def test_the_table_names_each_mail_of_the_corpus() -> None:
    assert {path.stem for path in (CORPUS / "bounces").glob("*.eml")} == set(TOLD)


@pytest.mark.parametrize("name", TOLD)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_each_server_is_understood(name: str, line_end: bytes) -> None:
    incoming = read_incoming(mail(name).replace(b"\n", line_end))
    assert told(incoming) == TOLD[name]


@pytest.mark.parametrize("name", [name for name in TOLD if name.startswith("complaint")])
def test_a_complaint_says_which_mail_it_is_about(name: str) -> None:
    incoming = read_incoming(mail(name))
    assert incoming.addressed_to == ()
    assert set(incoming.about) == {DELIVERY}


def test_a_report_is_about_what_it_came_to_and_not_about_what_it_says() -> None:
    incoming = read_incoming(mail("forged_for_somebody_else"))
    assert incoming.addressed_to == (Verp("d", 18, "f" * 12),)
    assert incoming.about == ()


def test_whoever_writes_to_the_address_to_unsubscribe_wants_to() -> None:
    incoming = read_incoming(mail("unsubscribe_by_mail"))
    assert LEAVING in incoming.addressed_to
    assert incoming.outcome_at(LEAVING).kind == "unsubscribe"
    assert incoming.outcome_at(DELIVERY).kind == "nothing"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"Return-Path: <>\nFrom: ana@example.net\n\n",
        b"From: Postmaster <postmaster@example.net>\nSubject: unsubscribe\n\n",
        b"Auto-Submitted: auto-generated\nSubject: unsubscribe\n\n",
        b"Content-Type: text/html\n\n<p>no more",
        b"\xff\xfe\x00",
    ],
)
def test_it_does_not_matter_how_a_mail_that_unsubscribes_is_written(content: bytes) -> None:
    assert read_incoming(content).outcome_at(LEAVING).kind == "unsubscribe"


@pytest.mark.parametrize(
    "name", ["vacation_sieve", "read_receipt", "postfix_delayed", "postfix_unknown_user"]
)
def test_no_machine_unsubscribes_anybody(name: str) -> None:
    assert read_incoming(mail(name)).outcome_at(LEAVING).kind == "nothing"


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        (["Final-Recipient: rfc822; a@b\nStatus: 5.1.1"], ("hard", "5.1.1")),
        (["Final-Recipient: rfc822; a@b\nStatus: 4.4.1"], ("nothing", "")),
        (["Final-Recipient: rfc822; a@b\nStatus: 2.1.5"], ("nothing", "")),
        (["Action: FAILED (really)\nStatus: 5.1.1 (no such user)"], ("hard", "5.1.1")),
        (["ACTION: failed\nSTATUS: 5.1.1"], ("hard", "5.1.1")),
        (["Action: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 4.2.1 x"], ("soft", "4.2.1")),
        (["Action: failed\nStatus: 5.0.0\nDiagnostic-Code: x-a; 5.0.0"], ("hard", "5.0.0")),
        (["Action: failed\nDiagnostic-Code: smtp; 550 #5.1.1"], ("hard", "5.1.1")),
        (["Action: failed\nDiagnostic-Code: smtp; 550 [192.5.1.1] no"], ("hard", "")),
        (["Action: failed\nDiagnostic-Code: smtp; by mta/5.1.1"], ("hard", "")),
        (["Action: failed\nStatus: 5.99.1"], ("hard", "")),
        (["Action: failed\nStatus: five"], ("hard", "")),
        (["Action: relayed\nStatus: 2.0.0", "Action: failed\nStatus: 5.1.1"], ("nothing", "")),
        (["Action: delayed\nStatus: 4.0.0", "Action: failed\nStatus: 5.1.1"], ("hard", "5.1.1")),
        (["Action: failed\nStatus: 5.1.1", "Action: failed\nStatus: 4.4.7"], ("soft", "4.4.7")),
        (["Action: failed\nStatus: 5.1.1", "Action: failed\nStatus: 5.7.1"], ("hard", "5.7.1")),
        (["Action:\nStatus:"], ("nothing", "")),
        ([], ("nothing", "")),
    ],
)
@pytest.mark.parametrize("kind", ["message/delivery-status", "message/global-delivery-status"])
def test_fields_are_read_as_servers_write_them(
    blocks: list[str], expected: tuple[str, str], kind: str
) -> None:
    assert told(read_incoming(report(*blocks, kind=kind))) == expected


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (Outcome("hard", "5.1.1"), "bad_address"),
        (Outcome("hard", "5.1.10"), "bad_address"),
        (Outcome("hard", "5.1.8"), "refused"),
        (Outcome("hard", "5.7.1"), "refused"),
        (Outcome("hard", "5.2.2"), "bounced"),
        (Outcome("hard", ""), "bounced"),
        (Outcome("soft", "4.2.2"), "deferred"),
    ],
)
def test_a_late_refusal_means_what_the_same_would_have_meant_at_once(
    outcome: Outcome, verdict: str
) -> None:
    assert outcome.verdict == verdict


def test_what_is_kept_of_a_report_holds_no_word_of_it() -> None:
    for name in TOLD:
        why = read_incoming(mail(name)).outcome.why
        assert "ana" not in why
        assert "example" not in why
        assert len(why) < 60


# --- hostile mails ------------------------------------------------------------------------------


def nested(depth: int) -> bytes:
    """Returns a mail with so many parts, each inside the one before."""
    begin = "".join(
        f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(depth)
    )
    return (begin + "Content-Type: message/delivery-status\n\nAction: failed\n").encode()


HOSTILE = {
    "nothing at all": b"",
    "no header": b"\n\nbody",
    "one line of 10 MB": b"From: " + b"a" * 10_000_000,
    "10 MB of text": mail("postfix_unknown_user") + b"word 5.1.1 (" * 900_000,
    "10 MB of line ends": b"From: mailer-daemon\n\n" + b"\n" * 10_000_000,
    "deep parts": nested(5_000),
    "not too deep parts": nested(150),
    "deep mails": b"Content-Type: message/rfc822\n\n" * 10_000,
    "100,000 headers": b"To: <bounces+d1.0123456789ab@e.org>\n" * 100_000,
    "100,000 recipients": report(*["Action: failed\nStatus: 5.1.1"] * 100_000),
    "a boundary of nothing": b'Content-Type: multipart/report; boundary=""\n\n----\n--',
    "no such charset": b"From: mailer-daemon\nContent-Type: text/plain; charset=klingon\n\n550 x",
    "base64 that is none": (
        b"From: mailer-daemon\nContent-Transfer-Encoding: base64\n\n\xff\xfe=====A"
    ),
    "utf-16": b"From: mailer-daemon\nContent-Type: text/plain; charset=utf-16\n\n"
    + "5.1.1".encode("utf-16"),
    "NULs": b"From: mailer-daemon\x00\nTo: \x00\n\n\x00" * 100,
    "surrogates": b"From: \xed\xa0\x80mailer-daemon\nSubject: \xed\xa0\x80\n\n\xed\xa0\x80",
    "encoded words": b"From: =?utf-8?q?=FF?= =?x?x?x?= mailer-daemon\n\nundeliverable",
    "a type that is none": b"Content-Type: ;;;=;\n\n",
    "a report that is text": b"Content-Type: message/delivery-status\n\n\n\n\xff\xff: \n\n",
    "a parameter in pieces": b"Content-Type: multipart/report; boundary*0*=x'y'%FF; boundary*2=b",
    "letters for an expression": b"From: mailer-daemon\n\n" + b"attempts to deliver " * 30_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_mail_is_read_in_no_time_and_raises_nothing(name: str) -> None:
    began = perf_counter()
    incoming = read_incoming(HOSTILE[name])
    assert incoming.outcome.kind in {"nothing", "hard"}
    assert perf_counter() - began < 5


@given(st.binary(max_size=2_000))
def test_any_bytes_are_a_mail(content: bytes) -> None:
    read_incoming(content)


@given(st.integers(0, 2_000), st.binary(max_size=30), st.sampled_from(sorted(TOLD)))
def test_a_report_may_be_damaged_anywhere(at: int, noise: bytes, name: str) -> None:
    content = mail(name)
    read_incoming(content[:at] + noise + content[at + len(noise) :])


def test_a_report_before_a_long_mail_is_read_although_the_mail_is_not() -> None:
    content = mail("exchange_not_found").replace(b"550 5.7.1 is", b"x" * 2 * LONGEST_READ)
    assert told(read_incoming(content)) == ("hard", "5.1.10")


# --- what providers tell ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event_type", "reject_reason", "said", "status", "expected"),
    [
        ("bounced", "bounced", "smtp;550 5.1.1 no such user", "", ("hard", "5.1.1")),
        ("bounced", "bounced", "smtp;550 no such user", "", ("hard", "5.0.0")),
        ("bounced", "bounced", "452 full", "", ("soft", "4.0.0")),
        ("bounced", "", "550 blocked", "5.7.1", ("hard", "5.7.1")),
        ("bounced", "", "550 5.1.1 no such user", "5.0.0", ("hard", "5.1.1")),
        ("bounced", "bounced", "", "", ("hard", "")),
        ("bounced", "invalid", "", "", ("hard", "5.1.3")),
        ("rejected", "bounced", "", "", ("hard", "5.1.1")),
        ("rejected", "invalid", "", "", ("hard", "5.1.3")),
        ("rejected", "timed_out", "", "", ("soft", "4.4.7")),
        ("rejected", "spam", "", "", ("complaint", "")),
        ("rejected", "unsubscribed", "", "", ("unsubscribe", "")),
        ("rejected", "blocked", "", "", ("nothing", "")),
        ("rejected", "", "", "", ("nothing", "")),
        ("complained", "spam", "abuse", "", ("complaint", "")),
        ("unsubscribed", "", "", "", ("unsubscribe", "")),
        ("deferred", "", "451 4.7.1 later", "", ("nothing", "")),
        ("delivered", "", "250 ok 5.1.1", "", ("nothing", "")),
        ("failed", "", "", "", ("nothing", "")),
        ("autoresponded", "", "", "", ("nothing", "")),
        ("unknown", "", "", "", ("nothing", "")),
    ],
)
def test_each_event_of_a_provider_is_understood(
    event_type: str, reject_reason: str, said: str, status: str, expected: tuple[str, str]
) -> None:
    outcome = outcome_of_event(
        event_type=event_type, reject_reason=reject_reason, said=said, status=status
    )
    assert (outcome.kind, outcome.status) == expected
