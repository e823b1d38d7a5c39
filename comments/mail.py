"""Composing mail. Nothing here sends, and nothing here asks the database.

What people typed reaches a header only through ``one_line``. Mail is plain text: it is the same for
every reader, and no name or title can be mark-up in it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from email.utils import format_datetime, parseaddr

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils.crypto import salted_hmac

from comments.rules.outgoing import Seen
from comments.rules.text_characters import LINE_ENDS, NOT_IN_TEXTS, SURROGATES, table_without

LONGEST_SUBJECT = 150
LONGEST_QUOTE = 200

_CLEANED = table_without(NOT_IN_TEXTS)

SUBJECTS = {
    "published": "Your comment can be read: {title}",
    "held": "Your comment waits for a moderator: {title}",
    "refused": "Your comment is not shown: {title}",
}


@dataclass(frozen=True, slots=True)
class DecisionLetter:
    """What the author of a comment is told of a decision about it."""

    site: str
    title: str
    """Of the page that the comment belongs to."""
    state: Seen
    was_readable: bool
    """Readers could read it before."""
    number: int | None
    reason: str
    """What the author is told of why; may be empty."""
    source: str
    """The comment as its author typed it; the beginning is quoted."""
    link: str
    """Leads to the comment if it can be read, else to its page."""


def compose_decision(letter: DecisionLetter, *, to: str, key: str, at: datetime) -> EmailMessage:
    """Returns the mail to the author of a comment about a decision.

    Args:
        key: of the message: composed anew under the same one, it has the same Message-ID.
        at: for the header ``Date``.

    Raises:
        BadHeaderError: an address cannot stand in a header.
    """
    title = one_line(letter.title, limit=LONGEST_SUBJECT)
    values = {
        **asdict(letter),
        "title": title,
        "reason": clean(letter.reason).strip(),
        "quote": one_line(letter.source, limit=LONGEST_QUOTE),
    }
    body = render_to_string("comments/mail/decision.txt", values)
    message = EmailMessage(
        subject=subject_line(SUBJECTS[letter.state].format(title=title)),
        body=body.strip() + "\n",
        to=[to],
        headers=headers(key=key, at=at),
    )
    message.message()  # what is wrong with a header shows here, before a server is asked
    return message


def headers(*, key: str, at: datetime) -> dict[str, str]:
    """Returns the headers of every mail that nobody has written by hand (RFC 3834)."""
    return {
        "Message-ID": message_id(key),
        "Date": format_datetime(at),
        "Auto-Submitted": "auto-generated",
    }


def message_id(key: str) -> str:
    """Returns a Message-ID (RFC 5322): the same for a key each time, and not to be guessed."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return f"<{token_of(key)}@{domain}>"


def token_of(key: str) -> str:
    """Returns 32 hexadecimal digits that only this installation can make of a key."""
    return salted_hmac("comments.mail", key, algorithm="sha256").hexdigest()[:32]


def subject_line(text: str) -> str:
    """Returns a text as a subject: nothing in it begins an encoded word (RFC 2047)."""
    return one_line(clean(text).replace("=?", "= ?"), limit=LONGEST_SUBJECT)


def one_line(text: str, *, limit: int) -> str:
    """Returns a text as one line of at most ``limit`` characters, without controls of any kind."""
    line = " ".join(clean(text).split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def clean(text: str) -> str:
    r"""Returns a text without control and bidirectional characters, its lines ended by ``\n``."""
    return SURROGATES.sub("", LINE_ENDS.sub("\n", text)).translate(_CLEANED)
