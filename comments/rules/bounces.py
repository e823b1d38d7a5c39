"""What comes back about a mail: a bounce, a complaint, a wish to leave, or nothing of the kind.

Sources: RFC 3464 (reports of delivery), RFC 6533 (the same in UTF-8), RFC 5965 (complaints),
RFC 3834 (answers of machines), RFC 3463 (status codes). Mail servers that follow none of them write
their reports for people; those are read as far as their words are known (qmail, exim, sendmail).

Anybody may send such a mail, and may write what he likes. So nothing here ever raises, and no
address in a text is looked at: who it is about is said by the address that it came to alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.message import Message
from typing import Any, Literal

from comments.rules.sending import Answer, Verdict, verdict_on
from comments.rules.verp import Verp, verps_in

Kind = Literal["hard", "soft", "complaint", "unsubscribe", "nothing"]
"""``hard``: refused for good. ``soft``: given up after many tries."""

LONGEST_READ = 512 * 1024
"""Bytes of a mail. A report stands before the mail that it is about."""
LONGEST_TEXT = 20_000
MOST_PARTS = 100
MOST_RECIPIENTS = 100

_REFUSED, _GIVEN_UP = 550, 450


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a mail."""

    kind: Kind
    status: str = ""
    """The enhanced status code, as ``5.1.1``; empty where none is told."""
    why: str = ""
    """For the operator: our own words, so that they hold nothing personal."""

    @property
    def verdict(self) -> Verdict:
        """Returns what a sender would conclude, had the server said so at once."""
        code = _GIVEN_UP if self.kind == "soft" else _REFUSED
        return verdict_on(Answer("rcpt", code, self.status))


NOTHING = Outcome("nothing", why="it tells of nothing")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A mail that came in."""

    addressed_to: tuple[Verp, ...]
    """By its headers."""
    about: tuple[Verp, ...]
    """Of a complaint: by the mail that is complained of. Whoever complains sends to one mailbox."""
    outcome: Outcome
    """If it came to the address for bounces."""
    is_of_a_machine: bool
    """It answers a mail by itself, so that nobody has wished for anything."""

    def outcome_at(self, verp: Verp) -> Outcome:
        """Returns what it tells, having come to that address."""
        if verp.kind == "d":
            return self.outcome
        if self.is_of_a_machine:
            return NOTHING
        return Outcome("unsubscribe", why="a mail that unsubscribes")


def read_incoming(content: bytes) -> Incoming:
    """Returns what a mail tells, whatever it is. Never raises."""
    try:
        return _read(message_from_bytes(content[:LONGEST_READ]))
    except Exception as error:  # the standard library's parser, and whatever it was given
        unreadable = Outcome("nothing", why=f"unreadable: {type(error).__name__}")
        return Incoming((), (), unreadable, is_of_a_machine=True)


def _read(mail: Message) -> Incoming:
    parts = list(_parts(mail))
    complaint = _complaint(parts)
    outcome = complaint or _report(parts) or _of_words(mail, parts)
    is_notice = any(part.get_content_type().endswith(_NOTICES) for part in parts)
    return Incoming(
        addressed_to=tuple(_named(mail, _RECIPIENT_HEADERS)),
        about=tuple(_complained_of(parts)) if complaint is not None else (),
        outcome=outcome,
        is_of_a_machine=outcome.kind != "nothing" or is_notice or _answers_by_itself(mail),
    )


# --- the parts of a mail ------------------------------------------------------------------------

_RECIPIENT_HEADERS = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To", "Cc")
_NOTICES = ("/delivery-status", "/global-delivery-status", "/disposition-notification")


def _parts(mail: Message) -> Iterator[Message]:
    """Yields the parts of a mail, without those of mails that it holds."""
    waiting = [mail]
    for _ in range(MOST_PARTS):
        if not waiting:
            return
        part = waiting.pop(0)
        yield part
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting.extend(one for one in payload if isinstance(one, Message))


def _header(mail: Message, name: str) -> str:
    return " ".join(str(value) for value in mail.get_all(name, []))


def _named(mail: Message, names: tuple[str, ...]) -> Iterator[Verp]:
    for name in names:
        yield from verps_in(_header(mail, name))


def _text(part: Message) -> str:
    payload: Any = part.get_payload(decode=True)
    return payload[:LONGEST_TEXT].decode("ascii", "replace") if isinstance(payload, bytes) else ""


def _blocks(part: Message) -> Iterator[dict[str, str]]:
    """Yields the groups of fields of a report, names in lower case.

    The standard library takes the groups for mails with headers; of a type that it does not know,
    all but the first are the text of that mail.
    """
    payload: Any = part.get_payload()
    for inner in (payload if isinstance(payload, list) else [])[:MOST_RECIPIENTS]:
        yield {name.lower(): " ".join(str(value).split()) for name, value in inner.items()}
        text = inner.get_payload()
        if isinstance(text, str) and text.strip():
            yield from _blocks_of(text[:LONGEST_TEXT])
    if isinstance(payload, str):
        yield from _blocks_of(_text(part))


def _blocks_of(text: str) -> Iterator[dict[str, str]]:
    unfolded = re.sub(r"\r?\n[ \t]+", " ", text)
    for block in re.split(r"(?:\r?\n){2,}", unfolded)[:MOST_RECIPIENTS]:
        lines = (line.partition(":") for line in block.splitlines())
        yield {name.strip().lower(): value.strip() for name, colon, value in lines if colon}


# --- complaints ---------------------------------------------------------------------------------

_OF_NO_READER = {"not-spam", "auth-failure", "dmarc"}
"""Kinds of feedback that are no complaint (RFC 5965, 7.3; RFC 6591)."""


def _complaint(parts: list[Message]) -> Outcome | None:
    for part in parts:
        if part.get_content_type() != "message/feedback-report":
            continue
        fields = next(_blocks(part), {})
        kind = fields.get("feedback-type", "").lower()
        if kind in _OF_NO_READER:
            return Outcome("nothing", why="feedback that is no complaint")
        if kind == "opt-out":
            return Outcome("unsubscribe", why="feedback: opt-out")
        return Outcome("complaint", why="complaint")
    return None


def _complained_of(parts: list[Message]) -> Iterator[Verp]:
    """Yields what the mail names that is complained of, all as for its delivery."""
    for part in parts:
        found: Iterator[Verp] = iter(())
        if part.get_content_type() == "message/feedback-report":
            found = verps_in(next(_blocks(part), {}).get("original-mail-from", ""))
        elif part.get_content_type() in {"message/rfc822", "text/rfc822-headers"}:
            found = _of_original(part)
        yield from (replace(verp, kind="d") for verp in found)


def _of_original(part: Message) -> Iterator[Verp]:
    payload: Any = part.get_payload()
    if isinstance(payload, list):
        for inner in payload[:1]:
            yield from _named(inner, ("Return-Path", "List-Unsubscribe"))
    else:
        fields = next(_blocks_of(_text(part)), {})
        for name in ("return-path", "list-unsubscribe"):
            yield from verps_in(fields.get(name, ""))


# --- reports of delivery ------------------------------------------------------------------------

# Not a piece of an IP address or of a version; there are eight subjects (RFC 3463, 3).
_EXACT = re.compile(r"(?<![\w./])[245]\.[0-7]\.[0-9]{1,3}(?!\.?[0-9])", re.ASCII)
_ARRIVED = {"delivered", "relayed", "expanded"}
_VAGUE = re.compile(r"[45]\.0\.0\Z")


def _report(parts: list[Message]) -> Outcome | None:
    """Returns what a report by the standard says; ``None`` where there is none."""
    blocks = [
        block
        for part in parts
        if part.get_content_type().endswith(("/delivery-status", "/global-delivery-status"))
        for block in _blocks(part)
        if {"action", "status", "final-recipient", "original-recipient"} & block.keys()
    ][:MOST_RECIPIENTS]
    if not blocks:
        return None
    actions = [_action(block) for block in blocks]
    if _ARRIVED & set(actions):
        # It went to several mailboxes by then, and one of them has it.
        return Outcome("nothing", why="report: delivered")
    failed = [
        _failure(_status(block), source="report")
        for block, action in zip(blocks, actions, strict=True)
        if action == "failed"
    ]
    # The mildest of several: nobody is to be taken off for a mailbox that he forwards to.
    mildest = min(failed, key=_severity, default=None)
    return mildest or Outcome("nothing", why="report: delayed")


def _action(block: dict[str, str]) -> str:
    """Returns what a mail server did; where it does not tell, what its status says."""
    word = re.match(r"[a-z]*", block.get("action", "").strip().lower())
    if word is not None and word[0]:
        return word[0]
    return {"5": "failed", "2": "delivered"}.get(_status(block)[:1], "delayed")


def _status(block: dict[str, str]) -> str:
    """Returns the status code: the one in the server's own words where the other is vague."""
    told = _EXACT.search(block.get("status", ""))
    status = told[0] if told is not None else ""
    if status and not _VAGUE.match(status):
        return status
    said = exact_status(block.get("diagnostic-code", ""))
    return said or status


def exact_status(text: str) -> str:
    """Returns the first enhanced status code of a failure in a text; empty without one."""
    found = (one[0] for one in _EXACT.finditer(text[:LONGEST_TEXT]))
    return next((code for code in found if code[0] in "45" and not _VAGUE.match(code)), "")


def _failure(status: str, *, source: str) -> Outcome:
    kind: Kind = "soft" if status.startswith("4") else "hard"
    return Outcome(kind, status, f"{source}: {status}" if status else source)


def _severity(outcome: Outcome) -> int:
    if outcome.kind == "soft":
        return 0
    return {"refused": 1, "bounced": 2}.get(outcome.verdict, 3)


# --- reports that were written for people -------------------------------------------------------

_DAEMON = re.compile(r"mailer-daemon|postmaster|mail delivery (sub)?system", re.IGNORECASE)
_NO_PERSON = re.compile(r"mailer-daemon", re.IGNORECASE)
"""A postmaster may be one, who wants to unsubscribe."""
_COPY_BEGINS = re.compile(
    r"^(-+ ?(below this line|this is a copy|the (body|header|original)|original message"
    r"|(returned|undelivered) message)|received:|return-path:|message-id:)",
    re.IGNORECASE | re.MULTILINE,
)
_DELAYED = re.compile(
    r"\bdelayed\b|warning message only|not yet (been )?delivered|will (be retried|(keep|continue)"
    r" trying)|attempts to deliver [^\n]{0,80} continue",
    re.IGNORECASE,
)
_FAILED = re.compile(
    r"(could|can) ?not be delivered|undeliver(ed|able)|permanent (fatal )?(error|failure)"
    r"|failed permanently|delivery (has |to [^\n]{0,80} )?failed|returned to sender"
    r"|(was not|wasn't|not) able to deliver|unable to deliver|given up"
    r"|(user|address|recipient|mailbox) (unknown|not found|unavailable)|(unknown|no such) user"
    r"|mailbox (is )?full|over quota",
    re.IGNORECASE,
)
_BASIC = re.compile(
    r"(?:said:?|responded:?|replied:?|error[^\n:]{0,80}:|\]:|smtp;|^)[ \t\"]*([45][0-9]{2})[ \-]",
    re.IGNORECASE | re.MULTILINE,
)


def _of_words(mail: Message, parts: list[Message]) -> Outcome:
    """Returns what a report without a standard says; nothing, if the mail is none."""
    is_from_daemon = bool(_DAEMON.search(_header(mail, "From")))
    if not is_from_daemon and "X-Failed-Recipients" not in mail:
        return NOTHING
    texts = (_text(part) for part in parts if part.get_content_maintype() == "text")
    text = next((text for text in texts if text.strip()), "")
    copy = _COPY_BEGINS.search(text)
    said = text[: copy.start()] if copy is not None else text
    subject = _header(mail, "Subject")[:LONGEST_TEXT]
    if _DELAYED.search(subject) or _DELAYED.search(said):
        return Outcome("nothing", why="words: delayed")
    status = exact_status(said)
    basic = _BASIC.search(said)
    if not status and basic is not None:
        status = f"{basic[1][0]}.0.0"
    if status or _FAILED.search(said) or _FAILED.search(subject):
        return _failure(status, source="words")
    return NOTHING


_ANSWERS = ("X-Autoreply", "X-Autorespond", "X-Autoresponse", "X-Auto-Reply")


def _answers_by_itself(mail: Message) -> bool:
    """Returns whether nobody wrote a mail, but a machine that had got one."""
    submitted = _header(mail, "Auto-Submitted").strip().lower()
    precedence = _header(mail, "Precedence").strip().lower()
    return (
        submitted.startswith("auto-replied")
        or precedence in {"auto_reply", "auto-reply"}
        or any(name in mail for name in _ANSWERS)
        or bool(_NO_PERSON.search(_header(mail, "From")))
    )


# --- what a provider tells ----------------------------------------------------------------------

_REJECTED = {
    "bounced": Outcome("hard", "5.1.1", "provider: bounced before"),
    "invalid": Outcome("hard", "5.1.3", "provider: no valid address"),
    "timed_out": Outcome("soft", "4.4.7", "provider: given up"),
    "spam": Outcome("complaint", why="provider: complained before"),
    "unsubscribed": Outcome("unsubscribe", why="provider: unsubscribed before"),
}


def outcome_of_event(*, event_type: str, reject_reason: str, said: str, status: str) -> Outcome:
    """Returns what an event of a mail provider tells, in django-anymail's words for it.

    Args:
        said: what the mail server of the recipient answered, or how the provider describes it.
        status: the enhanced status code, where the provider tells it by itself.
    """
    if event_type == "complained":
        return Outcome("complaint", why="provider: complaint")
    if event_type == "unsubscribed":
        return Outcome("unsubscribe", why="provider: unsubscribed")
    if event_type == "rejected":
        # The provider did not even try, for a reason of its own list.
        return _REJECTED.get(reject_reason, Outcome("nothing", why="provider: not tried"))
    if event_type != "bounced":
        return NOTHING
    if reject_reason == "invalid":
        return _REJECTED["invalid"]
    exact = _status({"status": status, "diagnostic-code": said})
    if not exact:
        basic = re.search(r"(?<![\w.])([45])[0-9]{2}(?=[ \-])", said[:LONGEST_TEXT], re.ASCII)
        exact = f"{basic[1]}.0.0" if basic is not None else ""
    return _failure(exact, source="provider")
