"""A Django project other than the blog: one page for each thread, and the product's own pages."""

from __future__ import annotations

from typing import Any

from django.urls import include, path

from comments.models import Thread
from comments.queries.sites import site_of
from comments.queries.threads import ThreadHead, thread_by_key
from comments.views.thread import ThreadPage
from tests.making import make_thread


class Page(ThreadPage):
    """The page of a thread, as the product itself prints it."""

    def thread_head(self) -> ThreadHead:
        return thread_by_key(site_id=site_of(self.request).pk, key=self.kwargs["key"])


urlpatterns = [
    path("pages/<str:key>/", Page.as_view()),
    path("", include("comments.views.urls")),
]


def make_page(key: str = "a-thread", **fields: Any) -> Thread:
    """Returns the thread of a new page of this host."""
    return make_thread(key, url=f"/pages/{key}/", **fields)
