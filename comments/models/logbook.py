"""The record of moderation: rows that are only ever added, each chained to the one before by hash.

The rows refer to comments, people and rules by plain numbers: nothing that happens to those rows
may change what is written here. The database refuses UPDATE and DELETE (migration 0003).
"""

from __future__ import annotations

from typing import Any

from django.contrib.sites.models import Site
from django.db import models


def no_evidence() -> dict[str, Any]:
    """Returns the default of ``evidence``."""
    return {}


class LogKind(models.TextChoices):
    """What a row of the record is about."""

    ADOPTED = "adopted", "comments came with an import or from before the record"
    VERDICT = "verdict", "a text was screened"
    DECISION = "decision", "a moderator decided"
    UNDO = "undo", "a decision was undone"
    FLAGS = "flags", "readers' flags had a consequence"
    DELETED = "deleted", "its author took a comment back"
    ERASED = "erased", "personal data was erased"
    SANCTION = "sanction", "a participant was limited, or freed again"
    RULE = "rule", "a screening rule was made or changed"
    LOOK = "look", "somebody looked at a private address"


class ActorKind(models.TextChoices):
    """Who did it; ``actor_id`` is a user's for moderators, a participant's for the others."""

    AUTOMATION = "automation", "the rules"
    MODERATOR = "moderator", "a moderator"
    AUTHOR = "author", "the author"
    OPERATOR = "operator", "a command"


class LogRow(models.Model):
    """One row of one chain: of a thread, or (``thread_id`` 0) of a site.

    ``row_hash`` covers every other column and the hash of the row before, as
    ``comments.rules.logbook`` says. Personal text stands in ``LogText``, here only its digest.
    """

    site_id = models.IntegerField()
    thread_id = models.BigIntegerField(default=0)
    position = models.PositiveBigIntegerField(help_text="In its chain, from 1.")
    at = models.DateTimeField()
    kind = models.CharField(max_length=10, choices=LogKind.choices)
    actor_kind = models.CharField(max_length=10, choices=ActorKind.choices)
    actor_id = models.BigIntegerField(null=True)
    comment_id = models.BigIntegerField(null=True)
    participant_id = models.BigIntegerField(null=True, help_text="Whom a sanction concerns.")
    rule_key = models.CharField(max_length=64, blank=True)
    revision = models.PositiveIntegerField(default=0, help_text="Edits of the comment before it.")
    comment_version = models.PositiveIntegerField(default=0, help_text="After what was done.")
    action = models.CharField(max_length=16, blank=True)
    from_status = models.CharField(max_length=9, blank=True)
    to_status = models.CharField(max_length=9, blank=True)
    reason = models.CharField(max_length=64, blank=True)
    text_digest = models.CharField(max_length=64, blank=True)
    evidence = models.JSONField(default=no_evidence)
    batch = models.CharField(max_length=32, blank=True)
    undoes_id = models.BigIntegerField(null=True)
    previous_hash = models.CharField(max_length=64, blank=True)
    row_hash = models.CharField(max_length=64)

    class Meta:
        verbose_name = "row of the record"
        verbose_name_plural = "rows of the record"
        constraints = [
            models.UniqueConstraint(
                fields=["site_id", "thread_id", "position"], name="one_log_row_per_position"
            ),
            models.UniqueConstraint(
                fields=["undoes_id"],
                condition=models.Q(undoes_id__isnull=False),
                name="one_undo_per_decision",
            ),
        ]
        indexes = [
            models.Index(
                fields=["comment_id", "id"],
                condition=models.Q(comment_id__isnull=False),
                name="log_of_comment",
            ),
            models.Index(fields=["batch"], condition=~models.Q(batch=""), name="log_of_batch"),
            models.Index(fields=["site_id", "-id"], name="log_newest"),
            # The charts of the desk, and who decided how often.
            models.Index(
                fields=["site_id", "kind", "at"],
                condition=models.Q(kind__in=["decision", "undo"]),
                name="log_of_moderators",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class LogText(models.Model):
    """What people wrote about a row; it can be erased, and the chain stays valid without it."""

    row = models.OneToOneField(
        LogRow, on_delete=models.DO_NOTHING, related_name="text", primary_key=True
    )
    salt = models.CharField(max_length=32)
    public_reason = models.TextField(blank=True, help_text="What the author is told.")
    note = models.TextField(blank=True, help_text="For moderators.")

    def __str__(self) -> str:
        return f"text of row {self.pk}"


class SiteChain(models.Model):
    """Where the chain of a site ends: what concerns no thread. Its row is the chain's lock."""

    site = models.OneToOneField(Site, on_delete=models.CASCADE, related_name="+", primary_key=True)
    length = models.PositiveBigIntegerField(default=0)
    head = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"{self.length} rows"
