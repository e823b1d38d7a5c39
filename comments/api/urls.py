"""The addresses of the API, below ``/api/v1/``."""

from __future__ import annotations

from django.urls import path, register_converter

from comments.api import flags, moderation, reading, rules, streams, subscriptions, viewer, writing
from comments.api.schema import Docs, Schema


class NumberConverter:
    """A whole number that any database can hold."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        """Returns the number."""
        return int(value)

    def to_url(self, value: int) -> str:
        """Returns the number as text."""
        return str(value)


register_converter(NumberConverter, "number")

THREAD = "threads/<str:key>/"
COMMENT = f"{THREAD}comments/<number:number>/"

urlpatterns = [
    path("", reading.Root.as_view(), name="root"),
    path("threads/", reading.ThreadLookup.as_view(), name="thread-lookup"),
    path(THREAD, reading.ThreadDetail.as_view(), name="thread"),
    path(f"{THREAD}comments/", writing.ThreadComments.as_view(), name="thread-comments"),
    path(COMMENT, reading.CommentDetail.as_view(), name="comment"),
    path(f"{COMMENT}context/", reading.CommentContext.as_view(), name="comment-context"),
    path(f"{COMMENT}replies/", reading.CommentReplies.as_view(), name="comment-replies"),
    path(f"{THREAD}changes/", reading.ThreadChanges.as_view(), name="thread-changes"),
    path(f"{THREAD}stream/", streams.ThreadStream.as_view(), name="thread-stream"),
    path(
        f"{THREAD}participants/", reading.ThreadParticipants.as_view(), name="thread-participants"
    ),
    path("comments/<number:comment_id>/", writing.CommentById.as_view(), name="comment-by-id"),
    path("comments/<number:comment_id>/vote/", writing.CommentVote.as_view(), name="comment-vote"),
    path("comments/<number:comment_id>/flags/", flags.CommentFlags.as_view(), name="comment-flags"),
    path("moderation/queue/", moderation.Queue.as_view(), name="desk-queue"),
    path("moderation/leases/", moderation.Leases.as_view(), name="desk-leases"),
    path("moderation/decisions/", moderation.Decisions.as_view(), name="desk-decisions"),
    path(
        "moderation/decisions/<number:row_id>/undo/",
        moderation.DecisionUndo.as_view(),
        name="desk-undo",
    ),
    path(
        "moderation/batches/<str:batch>/undo/",
        moderation.BatchUndo.as_view(),
        name="desk-undo-batch",
    ),
    path(
        "moderation/comments/<number:comment_id>/explanation/",
        moderation.CommentExplanation.as_view(),
        name="desk-explanation",
    ),
    path("moderation/log/", moderation.Log.as_view(), name="desk-log"),
    path(
        "moderation/participants/<number:participant_id>/sanctions/",
        moderation.Sanctions.as_view(),
        name="desk-sanctions",
    ),
    path("moderation/rules/", rules.Rules.as_view(), name="desk-rules"),
    path("moderation/rules/<number:rule_id>/", rules.Rule.as_view(), name="desk-rule"),
    path(
        "moderation/rules/<number:rule_id>/simulate/",
        rules.RuleSimulation.as_view(),
        name="desk-simulate",
    ),
    path("moderation/report/", rules.Report.as_view(), name="desk-report"),
    path("subscriptions/", subscriptions.Subscriptions.as_view(), name="subscriptions"),
    path("subscriptions/<str:token>/", subscriptions.Subscriber.as_view(), name="subscriber"),
    path(
        "subscriptions/<str:token>/export/",
        subscriptions.SubscriberExport.as_view(),
        name="subscriber-export",
    ),
    path("viewer/", viewer.Viewer.as_view(), name="viewer"),
    path("preview/", writing.Preview.as_view(), name="preview"),
    path("counts/", reading.Counts.as_view(), name="counts"),
    path("schema/", Schema.as_view(), name="schema"),
    path("docs/", Docs.as_view(), name="docs"),
]
