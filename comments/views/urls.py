"""The addresses of the product's own pages; the pages of threads belong to the host."""

from __future__ import annotations

from django.urls import path

from comments.views import feeds, problems, subscriptions

OWN = "subscriptions/<str:token>/"

urlpatterns = [
    path("threads/<str:key>/feed.atom", feeds.ThreadFeed.as_view(), name="thread-feed"),
    path(
        "threads/<str:key>/feed.json",
        feeds.ThreadFeed.as_view(format=feeds.JSON),
        name="thread-feed-json",
    ),
    path("comments/feed.atom", feeds.SiteFeed.as_view(), name="comments-feed"),
    path(
        "comments/feed.json",
        feeds.SiteFeed.as_view(format=feeds.JSON),
        name="comments-feed-json",
    ),
    path("problems/", problems.index, name="problems"),
    path("problems/<str:code>/", problems.explain, name="problem"),
    path(OWN, subscriptions.SettingsPage.as_view(), name="subscription-settings"),
    path(
        f"{OWN}confirm/<str:subscription_id>/",
        subscriptions.ConfirmPage.as_view(),
        name="subscription-confirm",
    ),
    path(f"{OWN}leave/<str:scope>/", subscriptions.LeavePage.as_view(), name="subscription-leave"),
    path(f"{OWN}export/", subscriptions.ExportPage.as_view(), name="subscription-export"),
]
