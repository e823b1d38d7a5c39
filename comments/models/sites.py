"""What one site of the installation has of its own."""

from __future__ import annotations

from django.contrib.sites.models import Site
from django.db import models


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

    digest_name = models.CharField(
        max_length=120, blank=True, help_text="What the e-mail digest of the site is called."
    )

    class Meta:
        verbose_name = verbose_name_plural = "site settings"

    def __str__(self) -> str:
        return f"settings of {self.site}"
