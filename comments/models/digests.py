"""What was published in which order, who wants to hear of it, and what was sent to whom.

A publication is written in the transaction that publishes and numbered later, by one sealer. So the
order has no gap that could fill up behind a reader of it, however long that transaction takes.
"""

from __future__ import annotations

from django.contrib.sites.models import Site
from django.db import models
from django.db.models import Q

from comments.models.people import Participant
from comments.models.threads import Comment, Thread


class Publication(models.Model):
    """A page or a comment could be read from now on; ``position`` is null until it is sealed."""

    site = models.ForeignKey(
        Site, on_delete=models.CASCADE, related_name="publications", db_index=False
    )
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="publications")
    comment = models.ForeignKey(
        Comment,
        null=True,
        on_delete=models.CASCADE,
        related_name="publications",
        help_text="Null: the page of the thread itself.",
    )
    page_id = models.PositiveBigIntegerField(
        null=True, help_text="What the host project calls the page, where it is one."
    )
    again = models.BooleanField(
        default=False, help_text="It could be read before, and then not any more."
    )
    at = models.DateTimeField()
    position = models.PositiveBigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "position"],
                condition=Q(position__isnull=False),
                name="one_publication_per_position",
            ),
            models.UniqueConstraint(
                fields=["comment"], condition=Q(again=False), name="one_first_publication"
            ),
            models.UniqueConstraint(
                fields=["thread"], condition=Q(comment=None), name="one_publication_per_page"
            ),
            models.CheckConstraint(
                condition=Q(comment=None, page_id__isnull=False) | Q(page_id=None, comment__gt=0),
                name="publication_of_page_or_comment",
            ),
        ]
        indexes = [
            # What waits for the sealer: empty most of the time.
            models.Index(
                fields=["site", "id"], condition=Q(position=None), name="publication_unsealed"
            ),
            models.Index(fields=["thread", "position"], name="publication_by_thread"),
        ]

    def __str__(self) -> str:
        return f"publication {self.position or 'unsealed'}"


class PublicationOrder(models.Model):
    """How far the publications of a site are numbered; its row is the sealer's lock."""

    site = models.OneToOneField(
        Site, primary_key=True, on_delete=models.CASCADE, related_name="publication_order"
    )
    last_position = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.site}: {self.last_position}"


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
        if self.thread_id is not None:
            return f"thread-{self.thread_id}"
        return "site" if self.participant_id is None else "answers"


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
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="channel_due"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of subscriber {self.subscriber_id}"


class Mute(models.Model):
    """A subscriber has left one conversation: a root and all below it."""

    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.CASCADE, related_name="mutes", db_index=False
    )
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="+")
    root_number = models.PositiveBigIntegerField()

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

        ASKED = "asked", "asked for mail"
        CONFIRMED = "confirmed", "confirmed the address and the wish"
        CHANGED = "changed", "changed what is wanted"
        ENDED = "ended", "wants no more"

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="consents")
    subscription = models.ForeignKey(
        Subscription, null=True, on_delete=models.CASCADE, related_name="consents", db_index=False
    )
    what = models.CharField(max_length=9, choices=What.choices)
    at = models.DateTimeField()
    origin = models.CharField(max_length=45, blank=True, help_text="Address of the request.")
    way = models.CharField(max_length=40, help_text="The door: page, API, link in a mail.")
    wording = models.TextField(blank=True, help_text="What was agreed to, as it was shown.")

    def __str__(self) -> str:
        return f"{self.what} {self.at:%Y-%m-%d}"


def no_items() -> list[list[int]]:
    """Returns the default of ``items``."""
    return []


class Selection(models.Model):
    """What mails are to hold: the same row for all subscribers who are to get the same."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=64, unique=True, help_text="Hash of all the rest.")
    kind = models.CharField(max_length=12)
    scope = models.CharField(max_length=64, help_text="What the link to unsubscribe ends.")
    period = models.CharField(max_length=10, blank=True, help_text="A digest's local date.")
    items = models.JSONField(
        default=no_items, help_text="Pairs of thread and comment; 0 is the page of the thread."
    )

    def __str__(self) -> str:
        return f"selection {self.pk}"


class Edition(models.Model):
    """A selection as it was rendered: what every copy has in common, byte by byte.

    ``threads_version`` is the sum of the versions of all its threads: while it is the same, nothing
    that can be read in them has changed.
    """

    selection = models.ForeignKey(
        Selection, on_delete=models.CASCADE, related_name="editions", db_index=False
    )
    fingerprint = models.CharField(max_length=64, help_text="Hash of what is shown, and how.")
    threads_version = models.PositiveBigIntegerField()
    items = models.JSONField(default=no_items, help_text="What of the selection could be read.")
    subject = models.CharField(max_length=200)
    template = models.BinaryField(help_text="The message, with marks for a subscriber's values.")
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["selection", "fingerprint"], name="one_edition_of_a_kind"
            )
        ]

    def __str__(self) -> str:
        return f"edition {self.pk}"


class Delivery(models.Model):
    """One mail to one subscriber: what it covers, and how far it has come."""

    class Kind(models.TextChoices):
        """What the mail is."""

        CONFIRMATION = "confirmation", "asks for confirmation"
        DIGEST = "digest", "digest"
        INSTANT = "instant", "news at once"

    class State(models.TextChoices):
        """Where it is."""

        QUEUED = "queued", "waits to be sent"
        SENDING = "sending", "is being sent"
        SENT = "sent", "the mail server has taken it on"
        DEFERRED = "deferred", "waits for another try"
        IN_DOUBT = "in_doubt", "nobody knows whether it was taken on"
        BOUNCED = "bounced", "refused for good"
        CANCELLED = "cancelled", "not sent: not wanted any more, or nothing left to say"
        EXPIRED = "expired", "tried for too long; the next digest has it"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+", db_index=False)
    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    subscription = models.ForeignKey(
        Subscription,
        null=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Which one is to be confirmed.",
    )
    kind = models.CharField(max_length=12, choices=Kind.choices)
    period = models.CharField(
        max_length=40, help_text="A digest's local date; for other mail, what it is about."
    )
    after_position = models.PositiveBigIntegerField(default=0, help_text="Covers what came later…")
    to_position = models.PositiveBigIntegerField(default=0, help_text="…up to this.")
    selection = models.ForeignKey(Selection, on_delete=models.PROTECT, related_name="+")
    edition = models.ForeignKey(
        Edition,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Null until it is sent for the first time.",
    )
    state = models.CharField(max_length=9, choices=State.choices, default=State.QUEUED)
    due_at = models.DateTimeField(null=True, help_text="Null: not again by itself.")
    lease_until = models.DateTimeField(null=True)
    lease_by = models.CharField(max_length=32, blank=True, help_text="Which connection has it.")
    created_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=200, blank=True)
    mailed_at = models.DateTimeField(null=True, help_text="Header `Date` of every try.")
    sent_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["subscriber", "kind", "period"], name="one_delivery_per_period"
            ),
            models.CheckConstraint(
                condition=Q(kind="confirmation", to_position=0)
                | Q(to_position__gt=models.F("after_position")),
                name="delivery_covers_something",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["sending", "sent", "in_doubt"])
                | Q(edition__isnull=False, mailed_at__isnull=False),
                name="what_leaves_has_its_bytes",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(state__in=["queued", "deferred", "in_doubt"]),
                name="delivery_due",
            ),
            models.Index(
                fields=["lease_until"], condition=Q(state="sending"), name="delivery_sending"
            ),
            models.Index(fields=["site", "-created_at"], name="delivery_latest"),
            models.Index(fields=["site", "state", "-created_at"], name="delivery_by_state"),
            models.Index(
                fields=["sent_at"], condition=Q(sent_at__isnull=False), name="delivery_sent"
            ),
            models.Index(fields=["subscriber", "-to_position"], name="delivery_of_subscriber"),
        ]

    def __str__(self) -> str:
        return f"delivery {self.pk}"


class PostOffice(models.Model):
    """Whether mail of a site leaves: paused by an operator, or stopped by a mail server."""

    site = models.OneToOneField(
        Site, primary_key=True, on_delete=models.CASCADE, related_name="post_office"
    )
    paused_at = models.DateTimeField(null=True, blank=True, help_text="By an operator.")
    stopped_until = models.DateTimeField(
        null=True, blank=True, help_text="A mail server refuses us, not a subscriber."
    )
    stopped_why = models.CharField(max_length=200, blank=True)
    place = models.CharField(
        max_length=64, blank=True, help_text="Which database this is; another one may not send."
    )
    instant_position = models.PositiveBigIntegerField(
        default=0, help_text="Up to here, those who want to know at once are due."
    )

    def __str__(self) -> str:
        return f"post office of {self.site}"
