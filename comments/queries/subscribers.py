"""Who is subscribed to what."""

from __future__ import annotations

from typing import Any

from django.contrib.sites.models import Site

from comments.errors import NotFound
from comments.language import speaking, translated
from comments.models import (
    Channel,
    Frequency,
    PublicationOrder,
    SiteSettings,
    Subscriber,
    Subscription,
)
from comments.queries.sites import language_of, name_of_digest
from comments.rules.digesting import Schedule, zone_or_utc
from comments.rules.subscribing import (
    Known,
    address_key,
    status_of,
    time_wording,
    wish_wording,
)
from comments.words import gettext_noop

State = Subscription.State
LONGEST_TOKEN = 64


def subscriber_of(token: str, *, site_id: int) -> Subscriber:
    """Returns whose secret this is.

    Raises:
        NotFound: nobody's on this site (any more).
    """
    if "\x00" in token or len(token) > LONGEST_TOKEN:
        raise NotFound(NO_SUCH_LINK)
    found = Subscriber.objects.select_related("site").filter(token=token, site_id=site_id).first()
    if found is None:
        raise NotFound(NO_SUCH_LINK)
    return found


NO_SUCH_LINK = gettext_noop("This link leads to no subscription (any more).")


def digest_name(site: Site) -> str:
    """Returns what the digest of a site is called."""
    named = SiteSettings.objects.filter(site=site).values_list("digest_name", flat=True).first()
    return name_of_digest(named or "", site=site)


def label_of(subscription: Subscription, *, digest: str) -> str:
    """Returns what a subscription is of, as readers are told it.

    Args:
        digest: the name of the site's digest.
    """
    if subscription.thread is not None:
        return gettext_noop("comments on “{title}”", title=subscription.thread.title)
    if subscription.participant_id is not None:
        return gettext_noop("replies to your comments, and mentions of you")
    if subscription.frequency == Frequency.INSTANT:
        return gettext_noop("each post and comment")
    return digest


def when_of(subscription: Subscription, subscriber: Subscriber) -> str:
    """Returns how often, and when, mail comes for a subscription."""
    return time_wording(
        frequency=subscription.frequency,
        send_hour=subscriber.send_hour,
        weekday=subscriber.weekday,
        tz=subscriber.tz,
    )


def wording_of(subscription: Subscription, subscriber: Subscriber) -> str:
    """Returns the sentence that a subscriber agrees to, in the language of the site."""
    site = subscriber.site
    label = label_of(subscription, digest=digest_name(site))
    if subscription.participant_id is not None:
        # It is he who says it.
        label = gettext_noop("replies to my comments, and mentions of me")
    wording = wish_wording(label=label, when=when_of(subscription, subscriber), site=site.name)
    with speaking(language_of(site)):
        return translated(wording)


def schedule_of(subscriber: Subscriber, *, frequency: str) -> Schedule:
    """Returns when somebody wants the digest."""
    weekday = subscriber.weekday if frequency == Frequency.WEEKLY else None
    return Schedule(zone_or_utc(subscriber.tz), subscriber.send_hour, weekday)


def last_position(*, site_id: int) -> int:
    """Returns the position of the newest publication that is sealed; 0 without any."""
    found = PublicationOrder.objects.filter(site_id=site_id)
    return found.values_list("last_position", flat=True).first() or 0


def subscription_status(address: str, *, site_id: int) -> Known:
    """Returns what an operator is told of an address."""
    subscriber = Subscriber.objects.filter(
        site_id=site_id, address_key=address_key(address)
    ).first()
    if subscriber is None:
        return "unknown"
    states = subscriber.subscriptions.values_list("state", flat=True)
    return status_of(is_suppressed=subscriber.suppressed_at is not None, states=set(states))


def settings_of(subscriber: Subscriber) -> dict[str, Any]:
    """Returns a subscriber's own settings, as the API answers them."""
    subscriptions = subscriber.subscriptions.select_related("thread").order_by("pk")
    return {
        "email": subscriber.address,
        "confirmed": subscriber.confirmed_at is not None,
        "paused": subscriber.paused_at is not None,
        "bounced": subscriber.suppressed_at is not None,
        "tz": subscriber.tz,
        "send_hour": subscriber.send_hour,
        "weekday": subscriber.weekday,
        "subscriptions": [
            {
                "id": one.pk,
                "scope": one.scope.partition("-")[0],
                "thread": one.thread.key if one.thread is not None else None,
                "frequency": one.frequency,
                "state": one.state,
                "asked_at": one.asked_at,
                "confirmed_at": one.confirmed_at,
                "ended_at": one.ended_at,
            }
            for one in subscriptions
        ],
        "muted": [
            {"thread": key, "root": root}
            for key, root in subscriber.mutes.filter(lifted_at=None)
            .order_by("pk")
            .values_list("thread__key", "root_number")
        ],
    }


def everything_about(subscriber: Subscriber) -> dict[str, Any]:
    """Returns all that is kept of a subscriber, for him alone."""
    channels = Channel.objects.filter(subscriber=subscriber).order_by("pk")
    deliveries = subscriber.deliveries.order_by("pk")
    return {
        **settings_of(subscriber),
        "created_at": subscriber.created_at,
        "confirmed_at": subscriber.confirmed_at,
        "bounced_why": subscriber.suppressed_why,
        "consent": list(
            subscriber.consents.order_by("pk").values("what", "at", "origin", "way", "wording")
        ),
        "channels": list(channels.values("kind", "cursor", "last_period", "due_at")),
        "mails": list(
            deliveries.values("kind", "period", "state", "created_at", "mailed_at", "sent_at")
        ),
    }
