"""Why a moderator takes a comment away: nine fixed codes, so that decisions can be counted by them.

Nine, because each has a digit on the keyboard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from comments.words import gettext_noop


@dataclass(frozen=True, slots=True)
class Reason:
    """A code for the record, a title for moderators, and the sentence that its author is told."""

    code: str
    title: str
    sentence: str


REASONS: tuple[Reason, ...] = (
    Reason(
        "off_topic",
        "Off topic",
        gettext_noop("It has nothing to do with the subject of this page."),
    ),
    Reason(
        "insult", "Insult or threat", gettext_noop("It attacks a person instead of what was said.")
    ),
    Reason(
        "spam_link",
        "Advertising",
        gettext_noop("It advertises something, or links to advertising."),
    ),
    Reason("personal_data", "Private data", gettext_noop("It gives away somebody's private data.")),
    Reason(
        "copyright",
        "Copyright",
        gettext_noop("It copies a text or a picture that belongs to others."),
    ),
    Reason(
        "illegal",
        "Against the law",
        gettext_noop("It says what the law does not allow us to publish."),
    ),
    Reason(
        "duplicate", "Said already", gettext_noop("The same has been said on this page before.")
    ),
    Reason("unreadable", "Unreadable", gettext_noop("It cannot be understood as it is written.")),
    Reason("other", "Another reason", gettext_noop("It does not fit the rules of this page.")),
)
"""In the order of the digits 1 to 9."""

BY_CODE: Mapping[str, Reason] = {reason.code: reason for reason in REASONS}


def title_of_reason(code: str) -> str:
    """Returns the title of a code, or the code itself in words where it is another one."""
    found = BY_CODE.get(code)
    return found.title if found else code.replace("_", " ")


def public_reason(code: str, *, written: str) -> str:
    """Returns what the author is told: what a moderator wrote, else the sentence of the code."""
    found = BY_CODE.get(code)
    return written.strip() or (found.sentence if found else "")
