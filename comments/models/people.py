"""Who writes, and by what they are recognised."""

from __future__ import annotations

from django.conf import settings
from django.contrib.sites.models import Site
from django.db import models


def no_scopes() -> list[str]:
    """Returns the default of ``scopes``."""
    return []


def no_rows() -> list[int]:
    """Returns the default of ``last_decisions``."""
    return []


class Participant(models.Model):
    """A person who writes on one site.

    Recognised by a Django user, by the subject of the host site's token, or (a guest) by the
    token kept in the browser. Never by the name: two guests called Adam are two participants.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="participants")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="participants",
    )
    subject = models.CharField(max_length=255, blank=True, help_text="`sub` in the host's tokens.")
    name = models.CharField(max_length=80)
    name_key = models.CharField(max_length=320, help_text="What a mention is compared with.")
    name_skeleton = models.CharField(max_length=640, help_text="Equal for look-alike names.")
    email = models.EmailField(blank=True, help_text="Private: never in a public answer.")
    email_verified_at = models.DateTimeField(null=True, blank=True)
    email_changed_at = models.DateTimeField(
        null=True, blank=True, help_text="When another address, or none, took the place of one."
    )
    url = models.URLField(max_length=500, blank=True)
    protected = models.BooleanField(
        default=False, help_text="Nobody else on the site may write under this name or one like it."
    )
    token_generation = models.PositiveIntegerField(
        default=0, help_text="Raising it makes every comment token of this participant void."
    )
    created_at = models.DateTimeField()
    trust_good = models.FloatField(default=0.0, help_text="Approvals by moderators, faded.")
    trust_bad = models.FloatField(default=0.0, help_text="Rejections by moderators, faded.")
    trust_at = models.DateTimeField(null=True, blank=True, help_text="When the two were reckoned.")
    approved_count = models.PositiveIntegerField(default=0, help_text="Approvals that stand.")
    rejected_count = models.PositiveIntegerField(default=0, help_text="Rejections that stand.")

    last_decisions = models.JSONField(
        default=no_rows, blank=True, help_text="Ids of rows of the record, newest first."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "user"],
                condition=models.Q(user__isnull=False),
                name="one_participant_per_user",
            ),
            models.UniqueConstraint(
                fields=["site", "subject"],
                condition=~models.Q(subject=""),
                name="one_participant_per_subject",
            ),
        ]
        indexes = [
            models.Index(
                fields=["site", "name_skeleton"],
                condition=models.Q(protected=True),
                name="protected_names",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ApiToken(models.Model):
    """A secret that acts for a user of the site; only its SHA-256 is stored (``models`` see none).

    Scopes are ``read``, ``write``, ``moderate`` and ``admin``; each is asked for by name, none
    implies another.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    label = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token, hex.")
    scopes = models.JSONField(default=no_scopes)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API token"

    def __str__(self) -> str:
        return self.label


class TokenUse(models.Model):
    """A host's token that was used; its ``jti`` serves one request (RFC 7519, section 4.1.7)."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    jti = models.CharField(max_length=255)
    request = models.CharField(
        max_length=64, help_text="SHA-256 of the request: a retry with an Idempotency-Key may pass."
    )
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "jti"], name="one_use_per_jti")]

    def __str__(self) -> str:
        return self.jti
