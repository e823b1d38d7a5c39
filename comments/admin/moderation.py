"""Moderation in Django's admin: who may do what is edited there; all else is read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AbstractUser, AnonymousUser
from django.contrib.sites.models import Site
from django.db.models import ForeignKey, OuterRef, QuerySet, Subquery
from django.forms import ModelChoiceField
from django.http import HttpRequest
from django.utils.safestring import SafeString

from comments.admin.reading import ReadOnlyAdmin, desk_link, short_time
from comments.models import (
    ActorKind,
    Flag,
    LogRow,
    Moderator,
    Outgoing,
    RuleVersion,
    Sanction,
    ScreeningRule,
    Simulation,
)
from comments.queries.logbook import log_items
from comments.queries.permissions import Role

ROLES: tuple[Role, ...] = ("view", "decide", "sanction", "configure")


@admin.register(Moderator)
class ModeratorAdmin(admin.ModelAdmin):
    """Who may do what on which site.

    For superusers, and for those who may configure the site that a row is about; Django's own
    permissions do not count here.
    """

    list_display = ["user", "site", "roles"]
    list_filter = [("site", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["site", "user"]
    search_fields = ["user__username"]
    ordering = ["site", "user__username"]
    fields = ["site", "user", *ROLES]

    @admin.display(description="may")
    def roles(self, moderator: Moderator) -> str:
        """Returns the roles in a row."""
        return ", ".join(role for role in ROLES if getattr(moderator, role)) or "nothing"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Moderator]:
        """Returns the rows of the sites that the user may configure."""
        return super().get_queryset(request).filter(site__in=_configured_by(request))

    def get_readonly_fields(self, request: HttpRequest, obj: Moderator | None = None) -> list[str]:
        """Returns whom a row is about: that is chosen once."""
        return ["site", "user"] if obj is not None else []

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField | None:
        """Returns the field with what can be chosen: own sites, and staff."""
        if db_field.name == "site":
            kwargs["queryset"] = Site.objects.filter(pk__in=_configured_by(request))
        elif db_field.name == "user":
            users = get_user_model()._default_manager.filter(is_staff=True, is_active=True)
            kwargs["queryset"] = users.order_by("username")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_form(
        self,
        request: HttpRequest,
        obj: Moderator | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Returns the form, without the small buttons that would lead away from it."""
        form = super().get_form(request, obj, change, **kwargs)
        for field in form.base_fields.values():
            for name in ("add", "change", "view"):
                setattr(field.widget, f"can_{name}_related", False)
        return form

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Returns whether the user may configure any site."""
        return bool(_configured_by(request))

    def has_view_permission(self, request: HttpRequest, obj: Moderator | None = None) -> bool:
        """Returns whether the user may configure the row's site."""
        sites = _configured_by(request)
        return obj.site_id in sites if obj is not None else bool(sites)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Returns whether the user may configure any site."""
        return bool(_configured_by(request))

    def has_change_permission(self, request: HttpRequest, obj: Moderator | None = None) -> bool:
        """Returns whether the user may configure the row's site."""
        return self.has_view_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Moderator | None = None) -> bool:
        """Returns whether the user may configure the row's site."""
        return self.has_view_permission(request, obj)


def _configured_by(request: HttpRequest) -> frozenset[int]:
    """Returns the sites that the user may configure, as ``roles_of`` says for one; one query.

    Asked once for a request: the admin asks for each row, and on each of its pages.
    """
    known: frozenset[int] | None = getattr(request, "_sites_configured", None)
    if known is None:
        known = frozenset(_sites_configured(request.user))
        request._sites_configured = known  # type: ignore[attr-defined]
    return known


def _sites_configured(user: AbstractBaseUser | AnonymousUser) -> Iterable[int]:
    if not isinstance(user, AbstractUser) or not (user.is_active and user.is_staff):
        return []
    if user.is_superuser:
        return Site.objects.values_list("pk", flat=True)
    return Moderator.objects.filter(user_id=user.pk, configure=True).values_list(
        "site_id", flat=True
    )


@admin.register(ScreeningRule)
class ScreeningRuleAdmin(ReadOnlyAdmin):
    """Rules as they are now; they are changed at the desk, where each change is recorded."""

    list_display = ["title", "site", "kind", "mode", "effect", "version", "changed"]
    list_filter = ["site", "mode", "effect"]
    list_select_related = ["site"]
    search_fields = ["key", "title"]
    ordering = ["site", "title"]
    fields = [
        *("site", "key", "title", "kind", "mode", "effect", "on_error", "params", "told"),
        *("version", "changed_at"),
    ]

    @admin.display(description="changed", ordering="changed_at")
    def changed(self, rule: ScreeningRule) -> str:
        """Returns when it was last changed."""
        return short_time(rule.changed_at)


@admin.register(RuleVersion)
class RuleVersionAdmin(ReadOnlyAdmin):
    """What each rule said, and until when."""

    list_display = ["rule", "version", "at", "by"]
    list_select_related = ["rule", "by"]
    search_fields = ["rule__key", "rule__title"]
    ordering = ["-pk"]
    fields = ["rule", "version", "at", "by", "fields_then"]
    readonly_fields = ["fields_then"]

    @admin.display(description="fields")
    def fields_then(self, version: RuleVersion) -> str:
        """Returns the values that the version had, one a line."""
        return "\n".join(f"{name}: {value}" for name, value in version.fields.items())


@admin.register(Simulation)
class SimulationAdmin(ReadOnlyAdmin):
    """Rules tried on past comments."""

    list_display = ["rule", "rule_version", "at", "by"]
    list_select_related = ["rule", "by"]
    search_fields = ["rule__key", "rule__title"]
    ordering = ["-pk"]
    fields = ["rule", "rule_version", "at", "by", "result"]


@admin.register(Sanction)
class SanctionAdmin(ReadOnlyAdmin):
    """What people may not do; limits are set and lifted at the desk."""

    list_display = ["participant", "limit", "since", "end", "by", "lifted"]
    list_filter = ["kind"]
    list_select_related = ["participant", "by"]
    search_fields = ["participant__name"]
    ordering = ["-pk"]
    fields = ["participant", "desk", "kind", "at", "until", "public_reason", "by", "lifted_at"]
    readonly_fields = ["desk"]

    @admin.display(description="kind", ordering="kind")
    def limit(self, sanction: Sanction) -> str:
        """Returns the kind in one word."""
        return sanction.kind

    @admin.display(description="since")
    def since(self, sanction: Sanction) -> str:
        """Returns when it began."""
        return short_time(sanction.at)

    @admin.display(description="until")
    def end(self, sanction: Sanction) -> str:
        """Returns when it ends by itself."""
        return short_time(sanction.until)

    @admin.display(description="lifted")
    def lifted(self, sanction: Sanction) -> str:
        """Returns when it was lifted or replaced."""
        return short_time(sanction.lifted_at)

    @admin.display(description="at the desk")
    def desk(self, sanction: Sanction) -> SafeString | str:
        """Returns a link to the participant's page at the desk, where limits are lifted."""
        return desk_link("participant", sanction.participant_id, "Limits of this participant")


@admin.register(Flag)
class FlagAdmin(ReadOnlyAdmin):
    """What readers reported."""

    list_display = ["comment", "reason", "participant", "weight", "at", "outcome"]
    list_filter = ["reason", "outcome"]
    list_select_related = ["comment", "participant"]
    ordering = ["-pk"]
    fields = [
        *("comment", "desk", "participant", "revision", "reason", "note", "weight", "at"),
        *("withdrawn_at", "outcome"),
    ]
    readonly_fields = ["desk"]

    @admin.display(description="at the desk")
    def desk(self, flag: Flag) -> SafeString | str:
        """Returns a link to the comment at the desk."""
        return desk_link("comment", flag.comment_id, "This comment")


@admin.register(Outgoing)
class OutgoingAdmin(ReadOnlyAdmin):
    """Messages that decisions cause, and what became of them."""

    list_display = ["kind", "site", "comment", "due_at", "state", "tries", "sent_at"]
    list_filter = ["state", "kind"]
    list_select_related = ["site", "comment"]
    ordering = ["-pk"]
    fields = ["site", "kind", "row_id", "comment", "due_at", "state", "tries", "error", "sent_at"]


@admin.register(LogRow)
class LogRowAdmin(ReadOnlyAdmin):
    """The record. Nobody edits it: the database refuses that as well."""

    list_display = ["row", "when", "what", "who", "action", "comment", "reason"]
    list_filter = ["kind", "actor_kind"]
    ordering = ["-pk"]
    readonly_fields = ["who", "comment", "from_to", "public_reason", "note"]
    fields = [
        *("site_id", "thread_id", "position", "at", "kind", "who", "comment", "participant_id"),
        *("rule_key", "revision", "comment_version", "action", "from_to", "reason"),
        *("public_reason", "note", "evidence", "batch", "undoes_id"),
        *("text_digest", "previous_hash", "row_hash"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LogRow]:
        """Returns the rows with the names of the moderators: one query for the list."""
        users = get_user_model()._default_manager.filter(pk=OuterRef("actor_id"))
        name = Subquery(users.values(get_user_model().USERNAME_FIELD)[:1])
        rows: QuerySet[LogRow] = super().get_queryset(request)
        return rows.annotate(actor_name=name)

    @admin.display(description="row", ordering="pk")
    def row(self, row: LogRow) -> str:
        """Returns the row's id."""
        return str(row.pk)

    @admin.display(description="when")
    def when(self, row: LogRow) -> str:
        """Returns when it was, short enough for a list."""
        return short_time(row.at)

    @admin.display(description="what")
    def what(self, row: LogRow) -> str:
        """Returns the kind in one word."""
        return row.kind

    @admin.display(description="who")
    def who(self, row: LogRow) -> str:
        """Returns who did it."""
        if row.actor_kind != ActorKind.MODERATOR:
            return ActorKind(row.actor_kind).label
        return getattr(row, "actor_name", None) or "a moderator"

    @admin.display(description="comment")
    def comment(self, row: LogRow) -> SafeString | str:
        """Returns a link to the comment at the desk."""
        if row.comment_id is None:
            return ""
        return desk_link("comment", row.comment_id, str(row.comment_id))

    @admin.display(description="from – to")
    def from_to(self, row: LogRow) -> str:
        """Returns the statuses before and after."""
        return f"{row.from_status or 'new'} → {row.to_status}" if row.to_status else ""

    @admin.display(description="what the author was told")
    def public_reason(self, row: LogRow) -> str:
        """Returns the public reason, if it was not erased."""
        return str(log_items([row])[0]["public_reason"])

    @admin.display(description="note for moderators")
    def note(self, row: LogRow) -> str:
        """Returns the note, if it was not erased."""
        return str(log_items([row])[0]["note"])
