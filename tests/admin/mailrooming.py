"""What the tests of the mail room share: subscribers, and mails in every state, made by sending."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from comments.actions.sending import Limits, Sent, send_deliveries
from comments.models import Delivery, Moderator, Subscriber, Thread
from tests.mailing import planned, subscribed
from tests.making import make_moderator, make_thread, post
from tests.smtp_server import HANG_UP, MailHost

MAIL = "/admin/mail/"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def keeper(client: Client, **roles: bool) -> Client:
    """Returns the browser of somebody who may configure the site, and has these roles beside."""
    user: User = make_moderator("mira")
    Moderator.objects.create(site_id=1, user=user, **{"configure": True, **roles})
    client.force_login(user)
    return client


def at_seven(days: int) -> datetime:
    """Returns 7 o'clock (UTC) so many days from today, which is real: figures go by it."""
    today = timezone.now().replace(hour=7, minute=0, second=0, microsecond=0)
    return today + timedelta(days=days)


def sent(now: datetime, **more: Any) -> Sent:
    """Sends what is due at a time."""
    return send_deliveries(site_id=1, clock=lambda: now, limits=Limits(connections=1), **more)


def digest_of(subscriber: Subscriber) -> Delivery:
    """Returns the latest digest of somebody."""
    return subscriber.deliveries.filter(kind="digest").latest("pk")


def answering(answers: dict[str, tuple[str, str]]) -> Callable[[str, str], str | None]:
    """Returns a script for the server: for the beginning of an address, a point and an answer."""

    def script(point: str, recipient: str) -> str | None:
        for begins, (at, answer) in answers.items():
            if recipient.startswith(begins) and point == at:
                return answer
        return None

    return script


def with_news(*addresses: str, days: int = -3, thread: Thread | None = None) -> list[Subscriber]:
    """Returns subscribers for whom there is news, and nothing else: their questions are gone."""
    thread = thread or make_thread(title="On bread", now=at_seven(days))
    people = [subscribed(address, now=at_seven(days) + HOUR) for address in addresses]
    Delivery.objects.filter(kind="confirmation").delete()
    post(thread, "Fresh words about bread.", name="Rye", now=at_seven(days) + 2 * HOUR)
    return people


def in_doubt(
    host: MailHost, address: str = "dora@example.org", *, thread: Thread | None = None
) -> Delivery:
    """Returns a mail in doubt that is not sent again by itself: two days of lost connections."""
    [dora] = with_news(address, days=-5, thread=thread)
    planned(at_seven(-4))
    host.script = answering({address: ("end", HANG_UP)})
    sent(at_seven(-4))
    sent(at_seven(-2) + HOUR)
    found = digest_of(dora)
    assert (found.state, found.due_at) == ("in_doubt", None)
    return found


def in_every_state(host: MailHost) -> dict[str, Delivery]:
    """Returns a mail in each state but two, by state: nothing is `sending` between two runs."""
    with_news("ana@example.org", "bea@example.org", "cid@example.org", "eve@example.org")
    planned(at_seven(-2))
    host.script = answering(
        {
            "bea": ("rcpt", "550 5.1.1 unknown"),
            "cid": ("rcpt", "451 4.3.0 later"),
            "eve": ("end", HANG_UP),
        }
    )
    sent(at_seven(-2))
    with_news("fay@example.org", days=-1, thread=Thread.objects.get(key="a-thread"))
    planned(at_seven(0))
    return {one.state: one for one in Delivery.objects.order_by("-pk")}
