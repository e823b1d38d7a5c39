"""Threads and comments in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator

from comments.admin.reading import ReadOnlyAdmin
from comments.models import Comment, Thread
from comments.queries.sites import absolute


@admin.register(Thread)
class ThreadAdmin(ReadOnlyAdmin):
    """Threads with their counters."""

    list_display = ["key", "site", "state", "premoderation", "visible_count", "version"]
    list_filter = ["site", "state", "premoderation"]
    search_fields = ["key", "title", "url"]
    list_select_related = ["site"]
    ordering = ["-id"]
    fields = [
        "site",
        "key",
        "page",
        "title",
        "state",
        "premoderation",
        "opened_at",
        "changed_at",
        "version",
        "last_number",
        "visible_count",
        "visible_roots",
    ]
    readonly_fields = ["page"]

    @admin.display(description="page")
    def page(self, thread: Thread) -> SafeString:
        """Returns a link to the page the thread belongs to."""
        return format_html('<a href="{}">{}</a>', absolute(thread.url), thread.url)


@admin.register(Comment)
class CommentAdmin(ReadOnlyAdmin):
    """Comments as they are stored, with their text as readers see it."""

    list_display = ["label", "thread_key", "writer", "state", "excerpt", "written"]
    list_filter = ["status", "visible", "format"]
    search_fields = ["source", "author_name", "thread__key"]
    search_help_text = "Words of the text, a name, or the key of a thread."
    ordering = ["-id"]
    fields = [
        "thread",
        "number",
        "reply_to",
        "author",
        "author_name",
        "author_url",
        "badges",
        "text",
        "source",
        "format",
        "status",
        "held_reason",
        "visible",
        "deleted_at",
        "erased_at",
        "written_at",
        "published_at",
        "edited_at",
        "edits",
        "votes_up",
        "votes_down",
        "total_count",
        "version",
    ]
    readonly_fields = ["text"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Comment]:
        """Returns the comments with their threads: one query for the list."""
        return super().get_queryset(request).select_related("thread")

    @admin.display(description="number")
    def label(self, comment: Comment) -> str:
        """Returns the number, or a dash for a comment that never had one."""
        return f"#{comment.number}" if comment.number else "–"

    @admin.display(description="thread", ordering="thread")
    def thread_key(self, comment: Comment) -> str:
        """Returns the beginning of the thread's key."""
        return Truncator(comment.thread.key).chars(24)

    @admin.display(description="author", ordering="author_name")
    def writer(self, comment: Comment) -> str:
        """Returns the beginning of the author's name."""
        return Truncator(comment.author_name).chars(24) or "–"

    @admin.display(description="status", ordering="status")
    def state(self, comment: Comment) -> str:
        """Returns the status, and whether readers do not see a comment that it would show."""
        if comment.deleted_at or comment.erased_at:
            return f"{comment.status}, gone"
        return comment.status

    @admin.display(description="text")
    def excerpt(self, comment: Comment) -> str:
        """Returns the beginning of the source."""
        return Truncator(" ".join(comment.source.split())).chars(60)

    @admin.display(description="written", ordering="written_at")
    def written(self, comment: Comment) -> str:
        """Returns when the comment was written, or a dash where an import did not say."""
        if comment.written_at is None:
            return "–"
        return f"{timezone.localtime(comment.written_at):%Y-%m-%d %H:%M}"

    @admin.display(description="as readers see it")
    def text(self, comment: Comment) -> SafeString:
        """Returns the stored HTML, which the renderer alone has made."""
        return mark_safe(comment.html)
