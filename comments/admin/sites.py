"""Settings of a site in the admin."""

from __future__ import annotations

from django.contrib import admin

from comments.models import SiteSettings

admin.site.site_title = "Rejoinder"
admin.site.site_header = "Rejoinder"
admin.site.index_title = "Comments, people and posts"


@admin.register(SiteSettings)
class SiteSettingsAdmin(admin.ModelAdmin):
    """Its language, origins that may call the API, the host site's key, the name of the digest."""

    list_display = ["site", "language", "digest_name", "jwt_algorithm"]
    list_select_related = ["site"]
