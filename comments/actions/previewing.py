"""Mails as they would be, for those who run the site: nothing here is stored, or sent to anybody.

The real planner, the real composer, and then everything is rolled back. No preview holds the secret
of its subscriber: the links in it lead nowhere, whoever it is shown or sent to.
"""

from __future__ import annotations

import logging
import re
import secrets
import traceback
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy

from comments.actions.digesting import preview_items
from comments.actions.subscribing import checked_address
from comments.actions.transports import Parcel, new_transport
from comments.errors import NotFound
from comments.mail import Splicer, Values, compose_edition, readable_parts
from comments.models import Channel, Delivery, Selection, Subscriber
from comments.queries.editions import edition_content
from comments.queries.mailroom import published_by
from comments.rules.digesting import Item
from comments.rules.sending import verdict_on

logger = logging.getLogger(__name__)

NO_SECRET = "a-preview-has-no-link-that-works"  # noqa: S105  as long as a real token, and none
TEST_SECONDS = 20
"""How long somebody at a page waits for the server to take a test mail on."""
_SUBJECT = re.compile(rb"^Subject: *", re.MULTILINE | re.IGNORECASE)


class NotComposed(Exception):
    """A mail cannot be composed; the class of the error stands in it, and the log has more."""


class NotSent(Exception):
    """A test mail was not taken on; what was answered stands in it."""


@dataclass(frozen=True, slots=True)
class PreviewedMail:
    """A mail as its subscriber would get it, but for the secret in its links."""

    scope: str
    period: str
    items: tuple[Item, ...]
    """What it covers: pairs of thread and comment, 0 for a page."""
    subject: str
    sender: str
    """Of the envelope."""
    message: bytes
    html: str
    text: str

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Returns the headers, decoded, in their order."""
        parsed = message_from_bytes(self.message, policy=policy.default)
        return [(name, str(value)) for name, value in parsed.items()]

    @property
    def html_bytes(self) -> int:
        """Returns the size of the HTML part before it is encoded."""
        return len(self.html.encode())


def preview_mail(
    subscriber_id: int, *, at: datetime, address: str = "", delivery_id: int = 0
) -> PreviewedMail | None:
    """Returns somebody's digest as it would be if it were due at a time; ``None``: no news.

    What is published after that time is not in it, nor what the subscriber was sent before.

    Args:
        address: stands in it instead of the subscriber's own.
        delivery_id: makes its Message-ID.

    Raises:
        NotFound: there is no such subscriber.
        NotComposed: the mail cannot be composed.
    """
    subscriber = Subscriber.objects.filter(pk=subscriber_id).first()
    if subscriber is None:
        raise NotFound("There is no such subscriber.")
    selection = next(iter(preview_items(subscriber_id, at=at)), None)
    if selection is None:
        return None
    items = [(thread_id, comment_id) for thread_id, comment_id in selection.items]
    known = published_by(items, at=at)
    selection.items = [list(item) for item in items if item in known]
    if not selection.items:
        return None
    values = Values(
        address=address or subscriber.address,
        token=NO_SECRET,
        delivery_id=delivery_id,
        subscription_id=0,
        mailed_at=at,
    )
    return _composed(selection, values)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mail about one thread that somebody would be told at once, and that is not planned yet."""

    subscriber: Subscriber
    selection: Selection

    @property
    def key(self) -> str:
        """Returns what tells it from the others of its subscriber."""
        return f"{self.thread_id}-{self.selection.scope}"

    @property
    def thread_id(self) -> int:
        """Returns which thread it is about."""
        return int(self.selection.items[0][0])


def waiting_mails(subscriber_id: int, *, now: datetime) -> list[Waiting]:
    """Returns what somebody would be told at once if it were planned now, in its order.

    Raises:
        NotFound: there is no such subscriber.
    """
    subscriber = Subscriber.objects.filter(pk=subscriber_id).first()
    if subscriber is None:
        raise NotFound("There is no such subscriber.")
    found = preview_items(subscriber_id, at=now, kind=Channel.Kind.INSTANT)
    return [Waiting(subscriber, selection) for selection in found]


def mail_of_waiting(
    waiting: Waiting, *, now: datetime, address: str = "", delivery_id: int = 0
) -> PreviewedMail | None:
    """Returns a mail that is not planned yet; ``None``: nothing of it can be read any more.

    Args:
        address: stands in it instead of the subscriber's own.
        delivery_id: makes its Message-ID.

    Raises:
        NotComposed: it cannot be composed.
    """
    values = Values(
        address=address or waiting.subscriber.address,
        token=NO_SECRET,
        delivery_id=delivery_id,
        subscription_id=0,
        mailed_at=now,
    )
    return _composed(waiting.selection, values)


def mail_of_delivery(
    delivery: Delivery, *, now: datetime, address: str = "", delivery_id: int = 0
) -> PreviewedMail | None:
    """Returns a mail as it left, or, of one that never has, as it would leave now.

    ``None``: nothing of it can be read any more.

    Args:
        delivery: with its subscriber, selection and edition.
        address: stands in it instead of the subscriber's own.
        delivery_id: makes its Message-ID; by default the one that it has.

    Raises:
        NotComposed: it cannot be composed.
    """
    values = Values(
        address=address or delivery.subscriber.address,
        token=NO_SECRET,
        delivery_id=delivery_id or delivery.pk,
        subscription_id=delivery.subscription_id or 0,
        mailed_at=delivery.mailed_at or now,
    )
    edition = delivery.edition
    if edition is None:
        return _composed(delivery.selection, values)
    items = tuple((thread_id, comment_id) for thread_id, comment_id in edition.items)
    return _spliced(
        delivery.selection, items, edition.subject, bytes(edition.template), values=values
    )


def _composed(selection: Selection, values: Values) -> PreviewedMail | None:
    try:
        content = edition_content(selection)
        if selection.items and not content.items:
            return None
        composed = compose_edition(content)
    except Exception as error:
        # Its own words may hold what people typed; the places in the code do not.
        frames = "".join(traceback.format_tb(error.__traceback__))
        logger.error("a preview cannot be composed: %s\n%s", type(error).__name__, frames)
        raise NotComposed(type(error).__name__) from None
    return _spliced(
        selection, tuple(content.items), composed.subject, composed.template, values=values
    )


def _spliced(
    selection: Selection,
    items: tuple[Item, ...],
    subject: str,
    template: bytes,
    *,
    values: Values,
) -> PreviewedMail:
    try:
        splicer = Splicer(template)
        message = splicer.message(values)
        html, text = readable_parts(message)
        sender = splicer.envelope_from(values)
    except Exception as error:
        frames = "".join(traceback.format_tb(error.__traceback__))
        logger.error("a preview cannot be composed: %s\n%s", type(error).__name__, frames)
        raise NotComposed(type(error).__name__) from None
    return PreviewedMail(
        scope=selection.scope,
        period=selection.period,
        items=items,
        subject=subject,
        sender=sender,
        message=message,
        html=html,
        text=text,
    )


def send_test(
    subscriber_id: int, *, at: datetime, to: str, instead: Delivery | Waiting | None = None
) -> PreviewedMail | None:
    """Sends somebody's digest, as it would be at a time, to another address; returns what was sent.

    By the mail backend that Django is configured with, at once. No delivery is planned or changed.
    ``None``: there is no news, and nothing was sent.

    Args:
        instead: another mail to this subscriber; a delivery with its subscriber, selection and
            edition.

    Raises:
        NotFound: there is no such subscriber.
        ValidationFailed: ``to`` is no address.
        NotComposed: the mail cannot be composed.
        NotSent: the mail server has not taken it on.
    """
    to = checked_address(to, pointer="#/to")
    # Mail programs show one of two mails that have the same Message-ID.
    new_id = secrets.randbelow(10**9)
    match instead:
        case Delivery():
            mail = mail_of_delivery(instead, now=at, address=to, delivery_id=new_id)
        case Waiting():
            mail = mail_of_waiting(instead, now=at, address=to, delivery_id=new_id)
        case _:
            mail = preview_mail(subscriber_id, at=at, address=to, delivery_id=new_id)
    if mail is None:
        return None
    parcel = Parcel(
        key=f"test-{secrets.token_hex(8)}",
        sender=mail.sender,
        recipient=to,
        content=_marked_as_test(mail.message),
    )
    transport = new_transport(end_seconds=TEST_SECONDS)
    try:
        answer = transport.send(parcel)
    finally:
        transport.close()
    if verdict_on(answer) != "sent":
        raise NotSent(answer.why)
    return mail


def _marked_as_test(message: bytes) -> bytes:
    """Returns a message whose subject says that it is a test, all else to the byte.

    The mark has a line of its own in the folded header (RFC 5322, 2.2.3), so that no line grows.
    """
    head, blank, body = message.partition(b"\r\n\r\n")
    return _SUBJECT.sub(b"Subject: [Test]\r\n ", head, count=1) + blank + body
