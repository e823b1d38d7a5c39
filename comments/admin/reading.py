"""Admin pages for rows that are made and changed by actions alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

COUNT_UP_TO = 10_000


class BoundedPaginator(Paginator):
    """Counts at most ``COUNT_UP_TO`` rows, so that a list of millions opens at once."""

    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        """Returns the number of rows, or ``COUNT_UP_TO`` if there are more."""
        return self.object_list.values("pk")[:COUNT_UP_TO].count()


def desk_link(name: str, pk: int, words: str) -> SafeString | str:
    """Returns a link to a page of the desk; the words alone on a site that has no desk."""
    try:
        address = reverse(f"desk:{name}", args=[pk])
    except NoReverseMatch:
        return words
    return format_html('<a href="{}">{}</a>', address, words)


def short_time(at: datetime | None) -> str:
    """Returns a time short enough for a column; ``""`` for none."""
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}" if at is not None else ""


class ReadOnlyAdmin(admin.ModelAdmin):
    """Search and read; no adding, changing or deleting by hand."""

    show_full_result_count = False
    empty_value_display = "–"
    paginator = BoundedPaginator
    list_per_page = 50

    class Media:
        css = {"all": ["comments/admin.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Returns no."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Returns no: the row is shown instead."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Returns no."""
        return False
