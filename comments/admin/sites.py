"""Settings of a site in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin

from comments.models import SiteSettings
from comments.queries.sites import KEEP_SECONDS
from comments.rules.origins import ANY, origin_named

admin.site.site_title = "Rejoinder"
admin.site.site_header = "Rejoinder"
admin.site.index_title = "Comments, people and posts"

SHORTEST_SECRET = 32
SECRETS = {"jwt_key": "jwt_algorithm", "webhook_secret": "webhook_url"}
"""Fields that are never shown again, each with the one without which nothing is kept in it."""


class OriginsField(forms.CharField):
    """Origins, one on each line, stored as a list."""

    widget = forms.Textarea(attrs={"rows": 4, "placeholder": "https://www.example.org"})

    def prepare_value(self, value: Any) -> Any:
        """Returns the lines of a list."""
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        """Returns the list.

        Raises:
            ValidationError: a line is no origin; it is named.
        """
        origins = list[str]()
        for line in str(super().clean(value)).split():
            try:
                origins.append(origin_named(line))
            except ValueError:
                wrong = f"{line} is no origin; one is https://www.example.org, without a path."
                if ANY in line:
                    wrong = f"{line} stands for many origins: name each, one on each line."
                raise forms.ValidationError(wrong) from None
        return list(dict.fromkeys(origins))


class SiteSettingsForm(forms.ModelForm):
    """The settings, with what is typed looked at."""

    allowed_origins = OriginsField(
        required=False,
        help_text="Whose pages may show threads and call the API: one origin on each line.",
    )

    class Meta:
        model = SiteSettings
        fields = [
            *("site", "language", "allowed_origins", "jwt_algorithm", "jwt_key"),
            *("digest_name", "postal_address", "rule_precision", "score_precision"),
            *("webhook_url", "webhook_secret"),
        ]
        widgets = {
            "jwt_key": forms.Textarea(
                attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false"}
            ),
            "webhook_secret": forms.PasswordInput(attrs={"autocomplete": "off"}),
        }
        labels = {
            "jwt_algorithm": "Signing in by the host site",
            "jwt_key": "Key of the host site",
            "webhook_url": "Webhook address",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, needed in SECRETS.items():
            self.initial[name] = ""
            if getattr(self.instance, name):
                what = self[needed].label.lower()
                self.fields[name].help_text += (
                    " One is stored and not shown: leave this empty to keep it. It is forgotten "
                    f"with “{what}” switched off or empty."
                )

    def clean(self) -> dict[str, Any]:
        """Returns the values with the secrets that are kept, if the key is one of its algorithm."""
        values = super().clean() or self.cleaned_data
        for name, needed in SECRETS.items():
            kept = values.get(name) or getattr(self.instance, name)
            values[name] = kept if values.get(needed) else ""
        algorithm, key = values.get("jwt_algorithm"), str(values.get("jwt_key", ""))
        if algorithm == SiteSettings.JwtAlgorithm.HS256 and len(key.encode()) < SHORTEST_SECRET:
            self.add_error("jwt_key", f"The secret needs at least {SHORTEST_SECRET} characters.")
        if algorithm == SiteSettings.JwtAlgorithm.EDDSA:
            import jwt

            try:
                jwt.get_algorithm_by_name("EdDSA").prepare_key(key)
            except Exception:  # whatever the parser of keys raises
                self.add_error("jwt_key", "This is no Ed25519 public key in PEM.")
        return values


@admin.register(SiteSettings)
class SiteSettingsAdmin(admin.ModelAdmin):
    """Its language, origins that may call the API, the host site's key, the name of the digest."""

    form = SiteSettingsForm
    list_display = ["site", "language", "digest_name", "jwt_algorithm"]
    list_select_related = ["site"]
    fieldsets = [
        (
            None,
            {
                "fields": ["site", "language"],
                "description": f"What is saved here is in force after {KEEP_SECONDS:.0f} seconds.",
            },
        ),
        ("Pages elsewhere", {"fields": ["allowed_origins", "jwt_algorithm", "jwt_key"]}),
        ("Digest", {"fields": ["digest_name", "postal_address"]}),
        ("Moderation", {"fields": ["rule_precision", "score_precision"]}),
        ("Webhook", {"fields": ["webhook_url", "webhook_secret"]}),
    ]
