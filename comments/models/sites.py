"""What one site of the installation has of its own."""

from __future__ import annotations

from django.contrib.sites.models import Site
from django.core.validators import MaxValueValidator, MinValueValidator, URLValidator
from django.db import models

from comments.language import language_choices


def no_origins() -> list[str]:
    """Returns the default of ``allowed_origins``."""
    return []


class SiteSettings(models.Model):
    """One row for a site that differs from the defaults; a site without a row has the defaults."""

    class JwtAlgorithm(models.TextChoices):
        """Algorithms a host site may sign its users' tokens with (RFC 7518, RFC 8037)."""

        NONE = "", "host sign-in off"
        HS256 = "HS256", "HS256 (shared secret)"
        EDDSA = "EdDSA", "EdDSA (Ed25519 public key, PEM)"

    site = models.OneToOneField(Site, on_delete=models.CASCADE, related_name="comment_settings")
    allowed_origins = models.JSONField(
        default=no_origins,
        blank=True,
        help_text='Origins whose pages may call the API, as ["https://www.example.org"].',
    )
    jwt_algorithm = models.CharField(
        max_length=8, choices=JwtAlgorithm.choices, default=JwtAlgorithm.NONE, blank=True
    )
    jwt_key = models.TextField(
        blank=True, help_text="HS256: a secret of at least 32 characters. EdDSA: the public key."
    )

    language = models.CharField(
        max_length=12,
        choices=language_choices,
        blank=True,
        help_text="Of pages, feeds and mails; empty: the installation's (LANGUAGE_CODE).",
    )
    digest_name = models.CharField(
        max_length=120, blank=True, help_text="What the e-mail digest of the site is called."
    )
    postal_address = models.CharField(
        max_length=300,
        blank=True,
        help_text="Stands in every mail to subscribers, as the law of most countries asks.",
    )

    rule_precision = models.FloatField(
        default=0.9,
        validators=[MinValueValidator(0.5), MaxValueValidator(0.999)],
        help_text=(
            "A rule that rejects goes live when a simulation shows, with 95 % certainty, that "
            "moderators agree with so large a share of its hits; 0.5 to 0.999."
        ),
    )
    score_precision = models.FloatField(
        default=0.95,
        validators=[MinValueValidator(0.5), MaxValueValidator(0.999)],
        help_text=(
            "Of the comments that the learned score holds, so large a share should be ones that "
            "moderators refuse; 0.5 to 0.999."
        ),
    )
    webhook_url = models.CharField(
        max_length=500,
        blank=True,
        validators=[URLValidator(schemes=["http", "https"])],
        help_text="Where decisions are told by POST; empty: nowhere.",
    )
    webhook_secret = models.CharField(
        max_length=200, blank=True, help_text="Signs what is posted, so that you know it is ours."
    )

    class Meta:
        verbose_name = verbose_name_plural = "site settings"

    def __str__(self) -> str:
        return f"settings of {self.site}"
