"""The mail that tells a commenter what a moderator has decided. It is plain text."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from comments.mail.headers import LONGEST_SUBJECT, clean, headers, one_line, subject_line
from comments.rules.outgoing import Seen

LONGEST_QUOTE = 200

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
