"""What a process of the drill does: subscribes people, writes, sends, and dies where told.

The functions are acts of ``actor.py``: each gets the line that said what to do.
"""

from __future__ import annotations

import os
import signal
import smtplib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

Spec = dict[str, Any]

FIRST_DAY = datetime(2026, 11, 23, tzinfo=UTC)
"""A Monday, long before leases of this run would end by the machine's clock."""
LEASE_SECONDS = 0.6
"""For senders that are killed: what they had is in doubt soon, as is what a slow machine sends."""


def morning(day: int) -> datetime:
    """Returns 7 o'clock of a day, when digests are due."""
    return FIRST_DAY + timedelta(days=day, hours=7)


def subscribe_people(spec: Spec) -> None:
    """Has people subscribe and confirm: every third to news at once, the others to the digest."""
    from comments.actions.subscribing import Asker, Times, confirm, subscribe
    from comments.actions.threads import open_thread
    from comments.models import Frequency, Subscription

    open_thread(site_id=1, key=spec["key"], url="/a/", title="A thread", opened_at=FIRST_DAY)
    for person in range(spec["people"]):
        address = f"p{person}@example.org"
        subscribe(
            site_id=1,
            address=address,
            frequency=Frequency.INSTANT if person % 3 == 2 else Frequency.DAILY,
            asker=Asker("drill"),
            now=FIRST_DAY,
            times=Times(tz="UTC", send_hour=7),
        )
        one = Subscription.objects.get(subscriber__address=address)
        confirm(
            one.subscriber.token,
            subscription_id=one.pk,
            site_id=1,
            asker=Asker("drill"),
            now=FIRST_DAY,
        )


def write(spec: Spec) -> list[int]:
    """Returns the ids of a day's comments: two at once, and one that a moderator lets through."""
    from comments.actions.logbook import Actor
    from comments.actions.moderating import decide
    from comments.actions.people import GuestName, Writer
    from comments.actions.posting import submit_comment
    from comments.models import ActorKind, Comment, Thread

    thread = Thread.objects.get(key=spec["key"])
    now = morning(spec["day"]) - timedelta(hours=1)
    ids = []
    for turn in range(3):
        Thread.objects.filter(pk=thread.pk).update(premoderation=turn == 2)
        comment = submit_comment(
            thread_id=thread.pk,
            writer=Writer(guest=GuestName(f"Guest {spec['day']}")),
            source=f"Day {spec['day']}, text {turn}.",
            format="plain",
            reply_to_number=None,
            now=now,
        ).comment
        ids.append(comment.pk)
    held = Comment.objects.filter(status="held").order_by("pk")
    for comment_id in held.values_list("pk", flat=True):
        decide(comment_id=comment_id, action="approve", actor=Actor(ActorKind.MODERATOR), now=now)
    return ids


def send(spec: Spec) -> None:
    """Writes, if it is told so, plans and sends what is due, and says how much left.

    With ``die`` it kills itself there, the ``nth`` time that it comes there.
    """
    from django.conf import settings

    from __main__ import say
    from comments.actions import claiming
    from comments.actions.digesting import plan_due
    from comments.actions.sending import Limits, send_deliveries

    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", spec["port"]
    vars(claiming)["LEASE_SECONDS"] = spec.get("lease_seconds", LEASE_SECONDS)
    if spec.get("write"):
        say(written=write(spec))
    if spec.get("die"):
        prepare_to_die(spec["die"], nth=spec.get("nth", 1))
    if spec.get("ready"):
        from __main__ import wait_for_start

        wait_for_start()
    now = morning(spec["day"]) + timedelta(minutes=spec.get("minutes", 0))
    planned = plan_due(site_id=1, now=now)
    sent = send_deliveries(
        site_id=1, clock=lambda: now, limits=Limits(connections=spec["connections"])
    )
    say(planned=planned.digests + planned.instants, sent=sent.sent, halted=sent.halted)


def inspect_mail(spec: Spec) -> None:
    """Says what the tables hold."""
    from __main__ import say
    from comments.actions.checking_digests import check_digests
    from comments.actions.checking_mails import Report
    from comments.models import Delivery, Subscriber

    now = Delivery.objects.latest("created_at").created_at
    say(
        faults=[str(fault) for fault in check_digests(site_id=1, report=Report(), now=now)],
        states=list(
            Delivery.objects.exclude(kind="confirmation")
            .order_by("pk")
            .values_list("subscriber__address", "kind", "state")
        ),
        people=Subscriber.objects.count(),
    )


# --- dying ----------------------------------------------------------------------------------------


def die(*args: Any) -> None:
    """Ends this process as nothing else does: no handler runs, no buffer is written."""
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str, *, nth: int) -> None:
    """Makes the process die when a function is called the ``nth`` time."""
    whole, calls = getattr(owner, name), count(1)

    def dying(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == nth:
            die()
        return whole(*args, **kwargs)

    setattr(owner, name, dying)


def after(owner: Any, name: str, *, nth: int) -> None:
    """Makes the process die when a function has been done the ``nth`` time."""
    whole, calls = getattr(owner, name), count(1)

    def dying(*args: Any, **kwargs: Any) -> Any:
        result = whole(*args, **kwargs)
        if next(calls) == nth:
            die()
        return result

    setattr(owner, name, dying)


def in_the_midst_of_a_message(*, nth: int) -> None:
    """Makes the process die when half of a message has been written to the server."""
    whole, calls = smtplib.SMTP.send, count(1)

    def dying(smtp: smtplib.SMTP, s: Any) -> None:
        if len(s) > 1_000 and next(calls) == nth:
            whole(smtp, s[: len(s) // 2])
            die()
        whole(smtp, s)

    smtplib.SMTP.send = dying  # type: ignore[method-assign, assignment]


def _points() -> dict[str, Callable[[int], None]]:
    from comments.actions import announcing, claiming, digesting, planning
    from comments.actions.claiming import Clerk
    from comments.actions.editions import Editions
    from comments.actions.transports import SmtpTransport, _Conversation

    return {
        "sealed, not committed": lambda nth: after(announcing, "_seal_rows", nth=nth),
        "sealed": lambda nth: after(digesting, "seal_publications", nth=nth),
        "planned, not committed": lambda nth: after(planning.Run, "plan", nth=nth),
        "planned": lambda nth: before(Editions, "render", nth=nth),
        "rendered": lambda nth: after(Editions, "render", nth=nth),
        "marked, not committed": lambda nth: after(Clerk, "_claim", nth=nth),
        "marked": lambda nth: after(Clerk, "exchange", nth=nth),
        "before the connection": lambda nth: before(SmtpTransport, "_open", nth=nth),
        "before the message": lambda nth: after(_Conversation, "_ask_first", nth=nth),
        "in the midst of the message": lambda nth: in_the_midst_of_a_message(nth=nth),
        "taken, not noted": lambda nth: after(SmtpTransport, "send", nth=nth),
        "noted, not committed": lambda nth: after(claiming, "settle", nth=nth),
    }


POINTS = (
    "sealed, not committed",
    "sealed",
    "planned, not committed",
    "planned",
    "rendered",
    "marked, not committed",
    "marked",
    "before the connection",
    "before the message",
    "in the midst of the message",
    "taken, not noted",
    "noted, not committed",
)
"""Where a sender can be killed, in the order in which it comes there."""


def prepare_to_die(point: str, *, nth: int) -> None:
    """Makes this process die at a point."""
    points = _points()
    assert tuple(points) == POINTS
    points[point](nth)
