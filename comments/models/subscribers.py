"""Who wants mail, of what and when, and what he agreed to."""

from __future__ import annotations

from django.contrib.sites.models import Site
from django.db import models
from django.db.models import Q

from comments.models.people import Participant
from comments.models.threads import Thread
from comments.rules.subscribing import scope_of
from comments.words import gettext_noop


def no_positions() -> list[int]:
    """Returns the default of ``switches``."""
    return []


class Subscriber(models.Model):
    """An address that mail is wanted at, and when; ``token`` is the secret in that mail."""

    site = models.ForeignKey(
        Site, on_delete=models.CASCADE, related_name="subscribers", db_index=False
    )
    address = models.EmailField(max_length=254, help_text="Local part as typed. Private.")
    address_key = models.CharField(max_length=254, help_text="Equal for what is one address.")
    token = models.CharField(max_length=64, unique=True)
    tz = models.CharField(max_length=64, default="UTC", help_text="IANA name.")
    send_hour = models.PositiveSmallIntegerField(default=7, help_text="Local, 0 to 23.")
    weekday = models.PositiveSmallIntegerField(
        default=0, help_text="Of weekly digests; 0 is Monday."
    )
    created_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(
        null=True, help_text="First proof that the address is theirs."
    )
    paused_at = models.DateTimeField(null=True)
    suppressed_at = models.DateTimeField(null=True, help_text="The address takes no mail.")
    suppressed_why = models.CharField(max_length=200, blank=True)
    bounces = models.PositiveSmallIntegerField(
        default=0, help_text="Mails refused for good, one after another."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "address_key"], name="one_subscriber_per_address"
            ),
            models.CheckConstraint(condition=Q(send_hour__lte=23), name="send_hour_is_of_a_day"),
            models.CheckConstraint(condition=Q(weekday__lte=6), name="weekday_is_of_a_week"),
        ]
        indexes = [
            models.Index(
                fields=["site", "-suppressed_at"],
                condition=Q(suppressed_at__isnull=False),
                name="subscriber_suppressed",
            ),
        ]

    def __str__(self) -> str:
        return f"subscriber {self.pk}"


class Frequency(models.TextChoices):
    """How often mail comes."""

    INSTANT = "instant", "at once"
    DAILY = "daily", "every day"
    WEEKLY = "weekly", "every week"


class Subscription(models.Model):
    """What a subscriber wants to hear of: the site, one thread, or answers to what somebody wrote.

    The frequency of those that go into the digest is the same for all of one subscriber: there is
    one digest, and it has one period.
    """

    class State(models.TextChoices):
        """Whether mail is wanted."""

        PENDING = "pending", "not confirmed yet"
        ACTIVE = "active", "active"
        ENDED = "ended", "unsubscribed"

    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.CASCADE, related_name="subscriptions", db_index=False
    )
    thread = models.ForeignKey(
        Thread,
        null=True,
        on_delete=models.CASCADE,
        related_name="subscriptions",
        db_index=False,
        help_text="Null: the whole site, or answers.",
    )
    participant = models.ForeignKey(
        Participant,
        null=True,
        on_delete=models.CASCADE,
        related_name="subscriptions",
        db_index=False,
        help_text="Whose comments' replies, and whose mentions, are told of.",
    )
    frequency = models.CharField(max_length=7, choices=Frequency.choices)
    state = models.CharField(max_length=7, choices=State.choices, default=State.PENDING)
    began = models.PositiveBigIntegerField(
        default=0, help_text="The last position when it was confirmed: what is older is no news."
    )
    switches = models.JSONField(
        default=no_positions,
        help_text="Where in the order it changed between at once and digest, oldest first.",
    )
    asked_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subscriber"],
                condition=Q(thread=None, participant=None),
                name="one_subscription_to_the_site",
            ),
            models.UniqueConstraint(
                fields=["subscriber", "thread"],
                condition=Q(thread__isnull=False),
                name="one_subscription_per_thread",
            ),
            models.UniqueConstraint(
                fields=["subscriber", "participant"],
                condition=Q(participant__isnull=False),
                name="one_subscription_to_answers",
            ),
            models.CheckConstraint(
                condition=Q(thread=None) | Q(participant=None), name="subscription_is_of_one_thing"
            ),
            models.CheckConstraint(
                condition=~Q(state="active") | Q(confirmed_at__isnull=False),
                name="active_is_confirmed",
            ),
        ]
        indexes = [
            models.Index(fields=["subscriber", "state"], name="subscription_of_subscriber"),
            models.Index(
                fields=["thread"],
                condition=Q(thread__isnull=False),
                name="subscription_of_thread",
            ),
            models.Index(
                fields=["participant"],
                condition=Q(participant__isnull=False),
                name="subscription_to_answers",
            ),
        ]

    def __str__(self) -> str:
        return f"subscription {self.pk}"

    @property
    def scope(self) -> str:
        """Returns what it is of, as links and selections name it."""
        return scope_of(thread_id=self.thread_id, participant_id=self.participant_id)


class Channel(models.Model):
    """How far a subscriber has been told: one for the digest, one for what is told at once.

    ``cursor`` is the last position that is covered. It moves by compare-and-swap in the transaction
    that writes the delivery. ``last_period`` is the local date of the last digest, or the one it
    would have had before the first.
    """

    class Kind(models.TextChoices):
        """Which way news comes."""

        DIGEST = "digest", "digest"
        INSTANT = "instant", "at once"

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="channels")
    kind = models.CharField(max_length=7, choices=Kind.choices)
    cursor = models.PositiveBigIntegerField(default=0)
    last_period = models.DateField(null=True)
    due_at = models.DateTimeField(null=True, help_text="When to look for news; null: not at all.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "kind"], name="one_channel_of_a_kind"),
        ]
        indexes = [
            # A million may be due at one moment: the id keeps them in order without a sort.
            models.Index(
                fields=["due_at", "id"], condition=Q(due_at__isnull=False), name="channel_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of subscriber {self.subscriber_id}"


class Mute(models.Model):
    """A subscriber has left one conversation: a root and all below it; perhaps he came back."""

    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.CASCADE, related_name="mutes", db_index=False
    )
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="+")
    root_number = models.PositiveBigIntegerField()
    lifted_at = models.DateTimeField(null=True, help_text="When he came back; null: he has not.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subscriber", "thread", "root_number"], name="one_mute_per_conversation"
            )
        ]

    def __str__(self) -> str:
        return f"#{self.root_number} of thread {self.thread_id}"


class Consent(models.Model):
    """Evidence of what a subscriber agreed to, or took back; rows are only ever added."""

    class What(models.TextChoices):
        """What was said."""

        ASKED = "asked", gettext_noop("asked for mail")
        CONFIRMED = "confirmed", gettext_noop("confirmed the address and the wish")
        CHANGED = "changed", gettext_noop("changed what is wanted")
        ENDED = "ended", gettext_noop("wants no more")

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="consents")
    subscription = models.ForeignKey(
        Subscription, null=True, on_delete=models.CASCADE, related_name="consents", db_index=False
    )
    what = models.CharField(max_length=9, choices=What.choices)
    at = models.DateTimeField()
    origin = models.CharField(max_length=45, blank=True, help_text="Address of the request.")
    way = models.CharField(max_length=40, help_text="The door: page, API, link in a mail.")
    wording = models.TextField(blank=True, help_text="What was agreed to, as it was shown.")

    class Meta:
        indexes = [models.Index(fields=["what", "at"], name="consent_by_day")]

    def __str__(self) -> str:
        return f"{self.what} {self.at:%Y-%m-%d}"
