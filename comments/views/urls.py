"""The addresses of the product's own pages; the pages of threads belong to the host."""

from __future__ import annotations

from django.urls import path

from comments.views import feeds, problems

urlpatterns = [
    path("threads/<str:key>/feed.atom", feeds.ThreadFeed.as_view(), name="thread-feed"),
    path("comments/feed.atom", feeds.SiteFeed.as_view(), name="comments-feed"),
    path("problems/", problems.index, name="problems"),
    path("problems/<str:code>/", problems.explain, name="problem"),
]
