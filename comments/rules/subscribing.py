"""What is one address, how often it may be asked, what a wish says, and what a status is."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Literal

import idna

from comments.words import Sentence, gettext_noop

ASK_AGAIN_SECONDS = 15 * 60
MOST_ASKED_A_DAY = 5
DAY_SECONDS = 24 * 3600
CONFIRM_DAYS = 7
"""How long the link in a mail that asks for confirmation works."""
FORGET_DAYS = 30
"""After so long, an address that never confirmed anything is deleted."""
LONGEST_ADDRESS = 254

Known = Literal["active", "pending", "unsubscribed", "bounced", "unknown"]

HOW_OFTEN = {
    "instant": gettext_noop("at once"),
    "daily": gettext_noop("every day"),
    "weekly": gettext_noop("every week"),
}
WEEKLY = (
    gettext_noop("every Monday"),
    gettext_noop("every Tuesday"),
    gettext_noop("every Wednesday"),
    gettext_noop("every Thursday"),
    gettext_noop("every Friday"),
    gettext_noop("every Saturday"),
    gettext_noop("every Sunday"),
)

# The address of one person as a form takes it: no quoted local part, no address literal. Those are
# allowed by RFC 5321 and used by nobody but those who look for holes.
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")
_LONGEST_LOCAL = 64


def mail_address(text: str) -> str:
    """Returns an address as a mail server is given it: the domain in its ASCII form (RFC 5891).

    Raises:
        ValueError: it is none, or none that every mail server takes.
    """
    local, at, domain = text.strip().removesuffix(".").rpartition("@")
    if not at:
        raise ValueError(gettext_noop("there is no @ in it"))
    if len(local) > _LONGEST_LOCAL or not _LOCAL.match(local):
        raise ValueError(gettext_noop("it has no valid part before the @"))
    try:
        domain = idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        raise ValueError(gettext_noop("what stands after the @ is no domain")) from None
    if "." not in domain or domain.rpartition(".")[2].isdigit():
        raise ValueError(gettext_noop("what stands after the @ is no public domain"))
    address = f"{local}@{domain.lower()}"
    if len(address) > LONGEST_ADDRESS:
        raise ValueError(gettext_noop("it is too long"))
    return address


def address_key(address: str) -> str:
    """Returns what is equal for what mail servers take for one address; anything for no address.

    The local part goes by lower case: it could mean something else by RFC 5321, 2.4, and does
    nowhere; to mail one person twice would be worse.
    """
    try:
        return mail_address(address).lower()
    except ValueError:
        return address.strip().casefold()


def question_time(asked: Collection[datetime], *, now: datetime) -> datetime | None:
    """Returns when an address may get one more mail that it has not agreed to yet.

    ``None``: it has had, or is to have, as many as a day allows.

    Args:
        asked: when such mails left, or are to leave, in any order.
    """
    recent = [at for at in asked if now - at < timedelta(seconds=DAY_SECONDS)]
    if len(recent) >= MOST_ASKED_A_DAY:
        return None
    return max([now, *(at + timedelta(seconds=ASK_AGAIN_SECONDS) for at in recent)])


def status_of(*, is_suppressed: bool, states: Collection[str]) -> Known:
    """Returns what an operator is told of an address.

    Args:
        states: of its subscriptions; empty also for an address nobody has heard of.
    """
    if is_suppressed:
        return "bounced"
    if "active" in states:
        return "active"
    if "pending" in states:
        return "pending"
    return "unsubscribed" if states else "unknown"


def scope_of(*, thread_id: int | None, participant_id: int | None) -> str:
    """Returns what a subscription is of, as links and selections name it."""
    if thread_id is not None:
        return f"thread-{thread_id}"
    return "site" if participant_id is None else "answers"


def time_wording(*, frequency: str, send_hour: int, weekday: int, tz: str) -> Sentence:
    """Returns how often, and when, as a reader is told it."""
    if frequency == "instant":
        return gettext_noop("at once, as it appears")
    day = HOW_OFTEN["daily"] if frequency == "daily" else WEEKLY[weekday]
    return gettext_noop("{day} at {time} ({zone})", day=day, time=f"{send_hour:02}:00", zone=tz)


def wish_wording(*, label: str, when: str, site: str) -> Sentence:
    """Returns the sentence that a subscriber agrees to; it is kept as evidence."""
    return gettext_noop(
        "Send me by mail: {label}, {when}. I can end this at any time by the link in each mail. "
        "{site} keeps my address for this purpose alone.",
        label=label,
        when=when,
        site=site,
    )
