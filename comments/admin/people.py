"""Participants and API tokens in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from comments.admin.reading import ReadOnlyAdmin
from comments.models import ApiToken, Participant


@admin.register(Participant)
class ParticipantAdmin(ReadOnlyAdmin):
    """Who writes. The address is private and is shown on the row's own page alone."""

    list_display = ["name", "site", "user", "subject", "protected", "created_at"]
    list_filter = ["site", "protected"]
    search_fields = ["name", "email", "subject"]
    list_select_related = ["site", "user"]
    ordering = ["-id"]
    fields = [
        "site",
        "name",
        "user",
        "subject",
        "email",
        "email_verified_at",
        "url",
        "protected",
        "created_at",
    ]


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Tokens, made by ``manage.py make_api_token``; deleting one makes it void at once."""

    list_display = ["label", "user", "scopes", "created_at", "expires_at", "revoked_at"]
    list_select_related = ["user"]
    fields = ["site", "user", "label", "scopes", "created_at", "expires_at", "revoked_at"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Returns whether the user may delete tokens by Django's own permissions."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)
