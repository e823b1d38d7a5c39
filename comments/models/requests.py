"""Answers kept so that a retry gets the first one again."""

from __future__ import annotations

from django.contrib.sites.models import Site
from django.db import models


class IdempotentAnswer(models.Model):
    """What a request with an ``Idempotency-Key`` was answered; kept for 24 hours.

    The comment token is not in ``body``: it can be made again from the participant.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of caller, path and body.")
    status = models.PositiveSmallIntegerField(default=0)
    body = models.JSONField(null=True)
    comment_id = models.BigIntegerField(null=True)
    participant_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "key"], name="one_answer_per_key")]

    def __str__(self) -> str:
        return self.key
