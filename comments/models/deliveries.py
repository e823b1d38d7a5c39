"""What was sent to whom: what a mail was to hold, how it was rendered, how far it has come."""

from __future__ import annotations

from django.contrib.sites.models import Site
from django.db import models
from django.db.models import Q

from comments.models.subscribers import Subscriber, Subscription


def no_items() -> list[list[int]]:
    """Returns the default of ``items``, and of other lists of pairs."""
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
    shown = models.JSONField(
        default=no_items, help_text="Pairs: whose words are in it, quoted ones too, and version."
    )
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
        EXPIRED = "expired", "not sent; the next mail has what it held"

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
    # No index on these two: nobody looks from that side, and each is written with every change.
    selection = models.ForeignKey(
        Selection, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    edition = models.ForeignKey(
        Edition,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        help_text="Null until it is sent for the first time.",
    )
    state = models.CharField(max_length=9, choices=State.choices, default=State.QUEUED)
    due_at = models.DateTimeField(
        null=True, help_text="When it may leave; null: not again by itself, or it is on its way."
    )
    lease_until = models.DateTimeField(null=True)
    lease_by = models.CharField(
        max_length=32, blank=True, help_text="Which sender has it, or had it."
    )
    created_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=200, blank=True)
    mailed_at = models.DateTimeField(null=True, help_text="Header `Date` of every try.")
    sent_at = models.DateTimeField(null=True)
    taken_over_at = models.DateTimeField(
        null=True, help_text="Of what expired: when the next mail was planned with what it held."
    )

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
                condition=Q(due_at=None) | Q(state__in=["queued", "deferred", "in_doubt"]),
                name="what_is_due_may_leave",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["sending", "sent", "in_doubt"])
                | Q(edition__isnull=False, mailed_at__isnull=False),
                name="what_leaves_has_its_bytes",
            ),
            models.CheckConstraint(
                condition=Q(taken_over_at=None) | Q(state="expired"),
                name="what_is_taken_over_expired",
            ),
        ]
        indexes = [
            # What is over has no time any more. A million may be due at one moment: the id keeps
            # them in order without a sort.
            models.Index(
                fields=["site", "due_at", "id"],
                condition=Q(due_at__isnull=False),
                name="delivery_due",
            ),
            models.Index(
                fields=["lease_until"], condition=Q(state="sending"), name="delivery_sending"
            ),
            # A run of the planner gives thousands of rows one time: the id decides among them.
            models.Index(fields=["site", "-created_at", "-id"], name="delivery_latest"),
            models.Index(fields=["site", "state", "-created_at", "-id"], name="delivery_by_state"),
            models.Index(fields=["site", "kind", "-created_at", "-id"], name="delivery_by_kind"),
            models.Index(
                fields=["sent_at"], condition=Q(sent_at__isnull=False), name="delivery_sent"
            ),
            models.Index(fields=["subscriber", "-to_position"], name="delivery_of_subscriber"),
            models.Index(
                fields=["subscriber"],
                condition=Q(
                    state__in=["queued", "sending", "deferred", "in_doubt", "expired"],
                    taken_over_at=None,
                ),
                name="delivery_owed",
            ),
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
