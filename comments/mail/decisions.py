"""The mail that tells a commenter what a moderator has decided. It is plain text."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils.translation import gettext, gettext_noop

from comments.language import speaking, translated
from comments.mail.headers import LONGEST_SUBJECT, clean, headers, one_line, subject_line
from comments.rules.outgoing import Seen

LONGEST_QUOTE = 200

SUBJECTS = {
    "published": gettext_noop("Your comment can be read: {title}"),
    "held": gettext_noop("Your comment waits for a moderator: {title}"),
    "refused": gettext_noop("Your comment is not shown: {title}"),
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
    language: str = "en"
    """That the mail is written in."""


def compose_decision(letter: DecisionLetter, *, to: str, key: str, at: datetime) -> EmailMessage:
    """Returns the mail to the author of a comment about a decision.

    Args:
        key: of the message: composed anew under the same one, it has the same Message-ID.
        at: for the header ``Date``.

    Raises:
        BadHeaderError: an address cannot stand in a header.
    """
    with speaking(letter.language):
        subject, body = _words_of(letter)
    message = EmailMessage(subject=subject, body=body, to=[to], headers=headers(key=key, at=at))
    message.message()  # what is wrong with a header shows here, before a server is asked
    return message


def _words_of(letter: DecisionLetter) -> tuple[str, str]:
    """Returns subject and text, in the language that is spoken now."""
    title = one_line(letter.title, limit=LONGEST_SUBJECT)
    reason = translated(letter.reason)
    values = {
        **asdict(letter),
        "title": title,
        "reason": clean(reason).strip(),
        "quote": one_line(letter.source, limit=LONGEST_QUOTE),
    }
    body = render_to_string("comments/mail/decision.txt", values)
    subject = subject_line(gettext(SUBJECTS[letter.state]).format(title=title))
    return subject, body.strip() + "\n"
