"""Participants and API tokens in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.safestring import SafeString

from comments.admin.reading import ReadOnlyAdmin, desk_link
from comments.models import ApiToken, Participant


@admin.register(Participant)
class ParticipantAdmin(ReadOnlyAdmin):
    """Who writes. The address is private: it is looked at on the desk, which records who did.

    For the same reason nobody searches or filters by it here.
    """

    list_display = ["name", "site", "user", "subject", "protected", "created_at"]
    list_filter = ["site", "protected"]
    search_fields = ["name", "subject"]
    search_help_text = "A name, or the subject in the host’s tokens. Addresses are private."
    list_select_related = ["site", "user"]
    ordering = ["-id"]
    fields = [
        "site",
        "name",
        "user",
        "subject",
        "private_address",
        "email_verified_at",
        "url",
        "protected",
        "created_at",
    ]
    readonly_fields = ["private_address"]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Returns whether an address may filter by this: not by the private one, bit by bit."""
        private = lookup == "email" or lookup.startswith("email__")
        return not private and super().lookup_allowed(lookup, value, request)

    @admin.display(description="private address")
    def private_address(self, participant: Participant) -> SafeString | str:
        """Returns a link to where the address is shown, and the look recorded."""
        if not participant.email:
            return "none is known"
        return desk_link("participant", participant.pk, "Show it at the desk")


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Tokens, made by ``manage.py make_api_token``; deleting one makes it void at once."""

    list_display = ["label", "user", "scopes", "created_at", "expires_at", "revoked_at"]
    list_select_related = ["user"]
    fields = ["site", "user", "label", "scopes", "created_at", "expires_at", "revoked_at"]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Returns whether the user may delete tokens by Django's own permissions."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)
