"""Settings of a site in the admin."""

from __future__ import annotations

from django.contrib import admin

from comments.models import SiteSettings


@admin.register(SiteSettings)
class SiteSettingsAdmin(admin.ModelAdmin):
    """Origins that may call the API, the host site's key, the name of the digest."""

    list_display = ["site", "digest_name", "jwt_algorithm"]
    list_select_related = ["site"]
