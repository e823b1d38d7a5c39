"""Where posts, series and authors are edited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest
from django.utils import timezone

from blog.models import Author, Authorship, Post, Series, SeriesPart
from blog.publishing import save_post, settle_authors
from comments.models import Thread, ThreadAlias, ThreadState


class PostForm(forms.ModelForm):
    """A post with what its author decides about the thread below it."""

    thread_state = forms.ChoiceField(choices=ThreadState.choices, label="Comments")
    premoderation = forms.BooleanField(
        required=False, help_text="Comments wait for a moderator before they appear."
    )

    class Meta:
        model = Post
        fields = [
            "site",
            "title",
            "slug",
            "series_part",
            "byline",
            "byline_date",
            "body",
            "author_notes",
            "published_on",
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.fields["thread_state"].initial = self.instance.thread.state
            self.fields["premoderation"].initial = self.instance.thread.premoderation

    def clean(self) -> dict[str, Any]:
        """Returns the values; a new post may not take the key of another page's thread."""
        values = super().clean() or self.cleaned_data
        slug, site = values.get("slug"), values.get("site")
        if self.instance.pk is None and slug and site:
            taken = (
                Thread.objects.filter(site=site, key=slug).exists()
                or ThreadAlias.objects.filter(site=site, key=slug).exists()
            )
            if taken:
                raise ValidationError({"slug": "There is a thread of this name already."})
        return values


class AuthorshipInline(admin.TabularInline):
    """The authors of a post in the order of the byline."""

    model = Authorship
    extra = 0
    autocomplete_fields = ["author"]


@admin.register(Post)
class PostAdmin(admin.ModelAdmin):
    """Posts: saving one makes its HTML anew and keeps the thread in line."""

    form = PostForm
    inlines = [AuthorshipInline]
    list_display = ["title", "site", "published_on", "comments", "comments_state"]
    list_filter = ["site", "published_on"]
    search_fields = ["title", "slug"]
    autocomplete_fields = ["series_part"]
    prepopulated_fields = {"slug": ["title"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Post]:
        """Returns the posts with their threads: one query for the list."""
        return super().get_queryset(request).select_related("thread", "site")

    def get_readonly_fields(self, request: HttpRequest, obj: Post | None = None) -> list[str]:
        """Returns what cannot be changed later: the slug is in every link to the page."""
        return [] if obj is None else ["site", "slug"]

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Post | None = None
    ) -> dict[str, Sequence[str]]:
        """Returns the slug for a new post alone."""
        return {"slug": ["title"]} if obj is None else {}

    @admin.display(description="comments", ordering="thread__visible_count")
    def comments(self, post: Post) -> int:
        """Returns how many comments readers see."""
        return post.thread.visible_count

    @admin.display(description="state")
    def comments_state(self, post: Post) -> str:
        """Returns whether the thread takes comments."""
        return post.thread.state

    def save_model(
        self, request: HttpRequest, obj: Post, form: ModelForm[Post], change: bool
    ) -> None:
        """Saves the post and its thread."""
        save_post(
            obj,
            state=ThreadState(form.cleaned_data["thread_state"]),
            premoderation=form.cleaned_data["premoderation"],
            now=timezone.now(),
        )

    def save_formset(
        self,
        request: HttpRequest,
        form: ModelForm[Post],
        formset: BaseModelFormSet[Any, Any],
        change: bool,
    ) -> None:
        """Saves the authors, whose users become hosts of the thread."""
        super().save_formset(request, form, formset, change)
        settle_authors(form.instance, now=timezone.now())

    def has_delete_permission(self, request: HttpRequest, obj: Post | None = None) -> bool:
        """Returns no: a post's thread holds what readers wrote; close it instead."""
        return False


class SeriesPartInline(admin.TabularInline):
    """The parts of a series."""

    model = SeriesPart
    extra = 0


@admin.register(Series)
class SeriesAdmin(admin.ModelAdmin):
    """Series with their parts."""

    inlines = [SeriesPartInline]
    list_display = ["title", "site"]
    search_fields = ["title", "slug"]
    prepopulated_fields = {"slug": ["title"]}


@admin.register(SeriesPart)
class SeriesPartAdmin(admin.ModelAdmin):
    """Parts, to be found when a post is made one."""

    list_display = ["series", "part", "label", "title"]
    search_fields = ["title", "series__title"]
    list_select_related = ["series"]


@admin.register(Author)
class AuthorAdmin(admin.ModelAdmin):
    """Authors of posts."""

    list_display = ["name", "site", "user"]
    search_fields = ["name", "slug"]
    autocomplete_fields = ["user"]
    prepopulated_fields = {"slug": ["name"]}
    list_select_related = ["site", "user"]
