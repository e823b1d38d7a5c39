"""The moderation desk: what waits, which rules look at texts, what they saw, whom they limit."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.sites.models import Site
from django.db import models
from django.db.models import Q

from comments.models.people import Participant
from comments.models.threads import Comment, Thread


def no_params() -> dict[str, Any]:
    """Returns the default of ``params``."""
    return {}


def no_signals() -> list[dict[str, Any]]:
    """Returns the default of ``signals``."""
    return []


def no_words() -> list[tuple[str, float]]:
    """Returns the default of ``words``."""
    return []


class RuleMode(models.TextChoices):
    """Whether a rule looks at comments, and whether what it sees has an effect."""

    OFF = "off", "off"
    SHADOW = "shadow", "shadow: recorded, without effect"
    LIVE = "live", "live"


class RuleEffect(models.TextChoices):
    """What a hit of a rule asks for."""

    PUBLISH = "publish", "publish"
    HOLD = "hold", "hold for a moderator"
    REJECT = "reject", "reject"
    SPAM = "spam", "mark as spam"


class OnError(models.TextChoices):
    """What an error in a rule means."""

    PASS = "pass", "let the comment pass"
    HOLD = "hold", "hold the comment"


class ScreeningRule(models.Model):
    """One rule as it is now; ``RuleVersion`` keeps every version that there was."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="screening_rules")
    key = models.SlugField(max_length=64, db_index=False)
    title = models.CharField(max_length=120)
    kind = models.CharField(max_length=24)
    mode = models.CharField(max_length=6, choices=RuleMode.choices, default=RuleMode.OFF)
    effect = models.CharField(max_length=7, choices=RuleEffect.choices, default=RuleEffect.HOLD)
    on_error = models.CharField(max_length=4, choices=OnError.choices, default=OnError.PASS)
    params = models.JSONField(default=no_params, blank=True)
    told = models.CharField(
        max_length=300, blank=True, help_text="What the author is told; empty: the usual sentence."
    )
    version = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "key"], name="one_rule_per_key")]

    def __str__(self) -> str:
        return self.title


class RuleVersion(models.Model):
    """What a rule said from ``at`` until the next version."""

    rule = models.ForeignKey(ScreeningRule, on_delete=models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    fields = models.JSONField(default=no_params, help_text="Mode, effect, parameters and so on.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rule", "version"], name="one_row_per_rule_version")
        ]

    def __str__(self) -> str:
        return f"version {self.version} of {self.rule_id}"


class Simulation(models.Model):
    """A rule tried on past comments: what it would have hit, and what moderators had decided."""

    rule = models.ForeignKey(ScreeningRule, on_delete=models.CASCADE, related_name="simulations")
    rule_version = models.PositiveIntegerField()
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    result = models.JSONField(default=no_params)

    class Meta:
        indexes = [models.Index(fields=["rule", "-at"], name="simulation_latest")]

    def __str__(self) -> str:
        return f"simulation of {self.rule_id}"


class Screening(models.Model):
    """What the rules saw in one revision of a comment, and what became of it."""

    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="screenings")
    revision = models.PositiveIntegerField(help_text="Edits of the comment before it.")
    at = models.DateTimeField()
    effect = models.CharField(max_length=7, choices=RuleEffect.choices)
    reason = models.CharField(max_length=64, blank=True)
    told = models.CharField(max_length=500, blank=True)
    signals = models.JSONField(default=no_signals)
    score = models.FloatField(null=True, help_text="Learned; 1 is spam.")
    words = models.JSONField(
        default=no_words, help_text="The words that moved the score most, each with its weight."
    )
    seconds_to_write = models.FloatField(null=True, help_text="From the form to the comment.")
    honeypot = models.BooleanField(default=False, help_text="A hidden field was filled in.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["comment", "revision"], name="one_screening_each")
        ]

    def __str__(self) -> str:
        return f"{self.effect} {self.reason}"


class RuleHit(models.Model):
    """A rule hit a comment: what precision is counted from without reading every signal."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+", db_index=False)
    rule_key = models.CharField(max_length=64)
    rule_version = models.PositiveIntegerField()
    mode = models.CharField(max_length=6, choices=RuleMode.choices)
    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="rule_hits")
    revision = models.PositiveIntegerField()
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["site", "rule_key", "at"], name="hits_of_rule")]

    def __str__(self) -> str:
        return self.rule_key


class LearnedModel(models.Model):
    """What was last learned from the decisions of a site's moderators; one row each site."""

    site = models.OneToOneField(
        Site, on_delete=models.CASCADE, related_name="learned_model", primary_key=True
    )
    version = models.PositiveIntegerField(help_text="Rises with each fit.")
    data = models.BinaryField(help_text="As comments.rules.learning writes it: numbers alone.")
    fitted_at = models.DateTimeField()
    newest_row_id = models.BigIntegerField(help_text="Newest row of the record that was read.")
    decisions = models.PositiveIntegerField(help_text="Decisions that it was fitted on.")
    spam = models.PositiveIntegerField(help_text="Of them against the comment.")
    precision = models.FloatField(help_text="That the threshold was chosen for, 0 to 1.")
    threshold = models.FloatField(
        null=True, help_text="Scores from here on are held; null while none gives the precision."
    )

    def __str__(self) -> str:
        return f"model {self.version} of {self.site_id}"


class TextSignature(models.Model):
    """By what texts like this one are found; one row for each text long enough to be told."""

    comment = models.OneToOneField(
        Comment, on_delete=models.CASCADE, related_name="signature", primary_key=True
    )
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+", db_index=False)
    hashes = models.JSONField(help_text="16 minhashes.")
    band0 = models.BigIntegerField()
    band1 = models.BigIntegerField()
    band2 = models.BigIntegerField()
    band3 = models.BigIntegerField()

    class Meta:
        indexes = [
            models.Index(fields=["site", f"band{n}", "-comment"], name=f"text_band{n}")
            for n in range(4)
        ]

    def __str__(self) -> str:
        return f"signature of {self.pk}"


class QueueItem(models.Model):
    """A comment that waits for a moderator, and who has it on the desk at the moment."""

    class Why(models.TextChoices):
        """Why it waits."""

        HELD = "held", "held"
        FLAGGED = "flagged", "flagged by readers"
        AUDIT = "audit", "drawn by lot"

    comment = models.OneToOneField(
        Comment, on_delete=models.CASCADE, related_name="queue_item", primary_key=True
    )
    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+", db_index=False)
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="+", db_index=False)
    why = models.CharField(max_length=7, choices=Why.choices)
    reason = models.CharField(max_length=64, blank=True)
    urgency = models.PositiveSmallIntegerField(default=0, help_text="More is sooner.")
    entered_at = models.DateTimeField()
    blind = models.BooleanField(default=False, help_text="Drawn by lot: no score is shown.")
    leased_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    leased_until = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["site", "-urgency", "entered_at", "comment"], name="queue_order"),
            models.Index(
                fields=["site", "why", "-urgency", "entered_at", "comment"], name="queue_by_why"
            ),
            models.Index(
                fields=["site", "reason", "-urgency", "entered_at", "comment"],
                name="queue_by_reason",
            ),
            models.Index(
                fields=["thread", "-urgency", "entered_at", "comment"], name="queue_by_thread"
            ),
            models.Index(fields=["site", "entered_at"], name="queue_oldest"),
        ]

    def __str__(self) -> str:
        return f"{self.why} {self.pk}"


class FlagReason(models.TextChoices):
    """What a reader says is wrong with a comment."""

    SPAM = "spam", "spam or advertising"
    ABUSE = "abuse", "insult, threat or harassment"
    OFF_TOPIC = "off_topic", "has nothing to do with the subject"
    PRIVATE = "private", "somebody's private data"
    ILLEGAL = "illegal", "against the law"
    OTHER = "other", "something else"


class Flag(models.Model):
    """A reader's report of a comment; the same reader's next one replaces it."""

    class Outcome(models.TextChoices):
        """What a moderator made of it."""

        OPEN = "", "open"
        AGREED = "agreed", "a moderator agreed"
        DISAGREED = "disagreed", "a moderator disagreed"

    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="flags")
    participant = models.ForeignKey(
        Participant, null=True, on_delete=models.CASCADE, related_name="flags", db_index=False
    )
    origin = models.CharField(
        max_length=32, help_text="Keyed digest of the group of addresses it came from."
    )
    revision = models.PositiveIntegerField()
    reason = models.CharField(max_length=9, choices=FlagReason.choices)
    note = models.CharField(max_length=500, blank=True)
    weight = models.FloatField()
    at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=9, choices=Outcome.choices, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["comment", "participant"],
                condition=Q(participant__isnull=False),
                name="one_flag_each",
            ),
            models.UniqueConstraint(
                fields=["comment", "origin"],
                condition=Q(participant__isnull=True),
                name="one_flag_per_origin",
            ),
        ]
        indexes = [
            models.Index(fields=["participant", "outcome"], name="flags_of_participant"),
        ]

    def __str__(self) -> str:
        return self.reason


class Sanction(models.Model):
    """What a participant may not do for a time; lifted or run out, it stays as a row."""

    class Kind(models.TextChoices):
        """What is limited."""

        MUTE = "mute", "may not write until a date"
        BAN = "ban", "may not write"
        HOLD = "hold", "everything written waits for a moderator"

    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="sanctions")
    kind = models.CharField(max_length=4, choices=Kind.choices)
    at = models.DateTimeField()
    until = models.DateTimeField(null=True, help_text="Null: until it is lifted.")
    public_reason = models.CharField(max_length=500, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    log_row_id = models.BigIntegerField(null=True)
    lifted_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.kind


class Moderator(models.Model):
    """What a user may do on the desk of one site."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="moderators")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="moderator_of"
    )
    view = models.BooleanField(default=True, help_text="See the queue, the record and the rules.")
    decide = models.BooleanField(default=True, help_text="Decide about comments.")
    sanction = models.BooleanField(default=False, help_text="Limit what people may do.")
    configure = models.BooleanField(default=False, help_text="Change rules and settings.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "user"], name="one_moderator_per_site")
        ]

    def __str__(self) -> str:
        return f"{self.user} on {self.site}"


class Outgoing(models.Model):
    """A message that a decision causes; it waits a little, so that an undo can still stop it."""

    class State(models.TextChoices):
        """What became of it."""

        WAITING = "waiting", "waiting"
        SENT = "sent", "sent"
        CANCELLED = "cancelled", "cancelled"
        FAILED = "failed", "given up"

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=7, choices=[("mail", "mail"), ("webhook", "webhook")])
    row_id = models.BigIntegerField(db_index=True, help_text="Row of the record that caused it.")
    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="+")
    due_at = models.DateTimeField()
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=200, blank=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "outgoing message"
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="waiting"), name="outgoing_due")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"
