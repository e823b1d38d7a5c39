"""Admin pages for rows that are made and changed by actions alone."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

COUNT_UP_TO = 10_000


class BoundedPaginator(Paginator):
    """Counts at most ``COUNT_UP_TO`` rows, so that a list of millions opens at once."""

    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        """Returns the number of rows, or ``COUNT_UP_TO`` if there are more."""
        return self.object_list.values("pk")[:COUNT_UP_TO].count()


class ReadOnlyAdmin(admin.ModelAdmin):
    """Search and read; no adding, changing or deleting by hand."""

    show_full_result_count = False
    paginator = BoundedPaginator
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Returns no."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Returns no: the row is shown instead."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Returns no."""
        return False
