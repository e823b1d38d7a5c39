"""Fills a new database with what the pictures of the documentation show.

``scripts/pictures.py`` runs this beside ``manage.py first_run``, which imports the customer's
document. All people here are made up. Everything is done by the actions, as readers and moderators
do it, but for the mails of a month: those are rows, since nobody is to be mailed.

Prints one line of JSON: cookies by whom they are of, and numbers of comments by their author.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from blog.models import Post
from comments.actions.logbook import Actor
from comments.actions.moderating import decide
from comments.actions.people import GuestName, Writer, token_of
from comments.actions.posting import Submitted, submit_comment
from comments.actions.subscribing import Asker, Times, confirm, leave, subscribe
from comments.actions.voting import cast_vote
from comments.models import (
    ActorKind,
    Comment,
    Delivery,
    Edition,
    Frequency,
    Selection,
    SiteSettings,
    Subscriber,
    Subscription,
    Thread,
)
from comments.rules.moderation import Action
from comments.views.viewers import COOKIE

SITE = 1
MODERATORS = ("moderator", "ida")
ASKER = Asker("page", "203.0.113.9")
DAYS = 34
LEAVES_EVERY = 6  # days
ODD_ONE_OF = 17  # mails that does not simply leave
IN_DOUBT = (DAYS - 4, 5)
"""Day, and whose mail of it, by the order in which they came."""
SPAM = (
    "Claim your casino bonus before midnight.",
    "Crypto signals that never fail: ask me how.",
    "My sister did it, too: work from home and earn 90 an hour.",
    "A casino bonus for every reader of this blog.",
    "A payday loan within the hour, see my page.",
)


def said(
    thread: Thread,
    name: str,
    source: str,
    *,
    to: int | None = None,
    at: datetime,
    format: str = "plain",
) -> Submitted:
    """Returns a comment that a guest has written."""
    return submit_comment(
        thread_id=thread.pk,
        writer=Writer(guest=GuestName(name)),
        source=source,
        format=format,
        reply_to_number=to,
        now=at,
    )


def fill_thread(thread: Thread, *, now: datetime) -> Submitted:
    """Adds a conversation to the customer's comments; returns its last one, written just now."""

    def ago(hours: float) -> datetime:
        return now - timedelta(hours=hours)

    adam = said(
        thread,
        "Adam",
        "That is my point in #4 exactly: **pragmatic**, not friendly.",
        to=4,
        at=ago(29),
        format="markdown",
    )
    said(thread, "דוד לוי", "תודה על המאמר. אני מסכים עם #4 לגמרי.", at=ago(27))
    miriam = said(thread, "Miriam", "I agree with #2, and with what @Adam says.", to=3, at=ago(5))
    yossi = said(
        thread,
        "Yossi K.",
        "Where do you see that? The text says **the opposite**:\n\n> This not the act of a friend.",
        to=miriam.comment.number,
        at=ago(3),
        format="markdown",
    )
    ana = said(
        thread,
        "Ana",
        "@Adam, and #8 says the same from the other side.",
        to=adam.comment.number,
        at=now,
    )
    fourth = Comment.objects.get(thread=thread, number=4)
    for voter, comment, value in (
        (miriam, adam.comment, 1),
        (ana, adam.comment, 1),
        (adam, miriam.comment, 1),
        (ana, miriam.comment, -1),
        (miriam, fourth, 1),
        (yossi, fourth, 1),
    ):
        cast_vote(
            comment_id=comment.pk, participant_id=voter.participant.pk, value=value, now=ago(1)
        )
    return ana


def fill_record(thread: Thread, moderator: Actor, *, now: datetime) -> None:
    """Adds comments that were decided about, so that a rule can be tried on them."""

    def decided(name: str, source: str, *, days_ago: int, action: Action) -> None:
        at = now - timedelta(days=days_ago)
        comment = said(thread, name, source, at=at).comment
        decide(comment_id=comment.pk, action=action, actor=moderator, now=at + timedelta(hours=1))

    for day, source in enumerate(SPAM, start=2):
        decided(f"Offer {day}", source, days_ago=day, action="spam")
    honest = "I work from home and earn my bread with translations. Each part is a good break!"
    decided("Nora", honest, days_ago=9, action="approve")


def fill_mail(*, now: datetime) -> None:
    """Adds subscribers who came and went, and the mails of a month."""
    thread = Thread.objects.get(site_id=SITE)
    selection = Selection.objects.create(
        site_id=SITE, key="pictured", kind="digest", scope="site", items=[[thread.pk, 0]]
    )
    edition = Edition.objects.create(
        selection=selection,
        fingerprint="pictured",
        threads_version=thread.version,
        subject="Israpundit Daily Digest",
        template=b"",
        made_at=now,
    )
    people: list[Subscriber] = []
    rows: list[Delivery] = []
    for day in range(DAYS):
        at = now - timedelta(days=DAYS - 1 - day, minutes=30)
        come = range(1 + day * 7 % 4)
        people += [_subscriber(f"reader-{day}-{nth}@example.org", at=at) for nth in come]
        if day % LEAVES_EVERY == LEAVES_EVERY - 1:
            gone = people.pop(day % len(people))
            leave(gone.token, scope="all", site_id=SITE, asker=ASKER, now=at)
        for nth, one in enumerate(people):
            is_odd = (day + 3 * nth) % ODD_ONE_OF == 0
            state = ("expired", "cancelled", "bounced")[nth % 3] if is_odd else "sent"
            if (day, nth) == IN_DOUBT:
                state = "in_doubt"
            has_left = state in {"sent", "in_doubt"}
            rows.append(
                Delivery(
                    site_id=SITE,
                    subscriber=one,
                    kind="digest",
                    period=at.date().isoformat(),
                    after_position=day,
                    to_position=day + 1,
                    selection=selection,
                    edition=edition if has_left else None,
                    state=state,
                    created_at=at,
                    taken_over_at=at if state == "expired" else None,
                    mailed_at=at if has_left else None,
                    sent_at=at if state == "sent" else None,
                )
            )
    Delivery.objects.filter(kind="confirmation").delete()
    Delivery.objects.bulk_create(rows)
    kept = [one.pk for one in people]
    Subscriber.objects.filter(pk__in=kept[:2]).update(paused_at=now)
    Subscriber.objects.filter(pk__in=kept[2:4]).update(suppressed_at=now)
    _asked("asked@example.org", at=now)


def _asked(address: str, *, at: datetime) -> Subscription:
    subscribe(
        site_id=SITE,
        address=address,
        asker=ASKER,
        frequency=Frequency.DAILY,
        times=Times(tz="UTC", send_hour=7),
        now=at,
    )
    return Subscription.objects.get(subscriber__address=address)


def _subscriber(address: str, *, at: datetime) -> Subscriber:
    asked = _asked(address, at=at)
    token = asked.subscriber.token
    confirm(token, subscription_id=asked.pk, site_id=SITE, asker=ASKER, now=at)
    return asked.subscriber


def main() -> None:
    """Fills the database for a page at the origin that is the first argument."""
    now = timezone.now()
    thread = Post.objects.get().thread
    users = get_user_model()._default_manager
    people = {}
    for name in MODERATORS:
        user = users.filter(username=name).first()
        people[name] = user or users.create_superuser(username=name, password=None)
    SiteSettings.objects.update_or_create(
        site_id=SITE, defaults={"allowed_origins": [sys.argv[1]], "postal_address": "1 Example St"}
    )
    fill_record(thread, Actor(ActorKind.MODERATOR, people["moderator"].pk), now=now)
    ana = fill_thread(thread, now=now)
    fill_mail(now=now)
    cookies: dict[str, tuple[str, str]] = {"ana": (COOKIE, token_of(ana.participant))}
    for name, user in people.items():
        client = Client()
        client.force_login(user)
        cookies[name] = (
            settings.SESSION_COOKIE_NAME,
            client.cookies[settings.SESSION_COOKIE_NAME].value,
        )
    written = Comment.objects.filter(thread=thread, number__gt=0).exclude(author_name="")
    numbers = dict(written.values_list("author_name", "number"))
    print(json.dumps({"key": thread.key, "cookies": cookies, "numbers": numbers}))
