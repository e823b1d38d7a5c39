"""From an edition to each subscriber's copy: his own values are put where the marks stand.

Nothing but the template and the values of one delivery is in a copy, so that one that is sent again
is the same to the byte, whatever has changed in the settings meanwhile.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256

from comments.conf import options
from comments.mail.quoted import (
    DATE_MARK,
    KEY_MARK,
    LEAVE_MARK,
    MARKS,
    SUBSCRIBER,
    SUBSCRIPTION,
    TO_MARK,
)
from comments.rules.subscribing import mail_address
from comments.rules.verp import verp_address

_MARKS = re.compile(rb"([\x80-\xff])")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
# What needs no quotation marks in a header; all else goes the longer way.
_ADDRESS = re.compile(r"[A-Za-z0-9_.+-]{1,64}@[A-Za-z0-9.-]{3,180}\Z")


@dataclass(frozen=True, slots=True)
class Values:
    """What is a subscriber's own in a mail."""

    address: str
    token: str
    delivery_id: int
    subscription_id: int
    """Which one a mail asks to confirm; any number in other mails."""
    mailed_at: datetime


def delivery_key(token: str, delivery_id: int) -> str:
    """Returns 32 hexadecimal digits of a delivery that nobody can guess who has not its mail."""
    return sha256(f"{token}:{delivery_id}".encode()).hexdigest()[:32]


class Splicer:
    """Makes the copies of one edition. Takes no more than to join bytes."""

    def __init__(self, template: bytes) -> None:
        self._parts = _MARKS.split(template)
        self._places = [
            (index, part) for index, part in enumerate(self._parts) if part[:1] >= b"\x80"
        ]
        self._bounces = options().mail_bounces

    def message(self, values: Values) -> bytes:
        """Returns a subscriber's copy, as it goes to the mail server.

        Raises:
            ValueError: the address, or the secret, is none, and might change the message.
        """
        if not _TOKEN.match(values.token):
            raise ValueError("the secret of the subscriber is none")
        address = values.address
        if not _ADDRESS.match(address):
            address = mail_address(address)
        key = delivery_key(values.token, values.delivery_id)
        date = values.mailed_at.astimezone(UTC)
        tag = verp_address(bounces="", kind="u", delivery_id=values.delivery_id, key=key)
        own = {
            TO_MARK: address.encode("ascii"),
            KEY_MARK: key.encode("ascii"),
            DATE_MARK: format_datetime(date).encode("ascii"),
            LEAVE_MARK: tag.encode("ascii"),
            MARKS[SUBSCRIBER]: values.token.encode("ascii"),
            MARKS[SUBSCRIPTION]: f"{values.subscription_id:d}".encode("ascii"),
        }
        parts = self._parts.copy()
        for index, mark in self._places:
            parts[index] = own[mark]
        return b"".join(parts)

    def envelope_from(self, values: Values) -> str:
        """Returns the sender of the envelope (VERP): a bounce that comes to it names the mail."""
        return verp_address(
            bounces=self._bounces,
            kind="d",
            delivery_id=values.delivery_id,
            key=delivery_key(values.token, values.delivery_id),
        )


def readable_parts(message: bytes) -> tuple[str, str]:
    """Returns the HTML and the text of a copy, as a mail program reads them."""
    parsed = BytesParser(policy=SMTP).parsebytes(message)
    bodies = [parsed.get_body((subtype,)) for subtype in ("html", "plain")]
    html, text = (
        body.get_content().replace("\r\n", "\n") if body is not None else "" for body in bodies
    )
    return html, text
