"""The addresses of the site."""

from __future__ import annotations

import warnings

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from blog import sitemaps, views


def webhooks() -> list[URLPattern | URLResolver]:
    """Returns where mail providers call, if there is a secret by which we know them.

    Those that need more than that and have not got it are left out: an address that can only fail
    would let anybody fill the log.
    """
    if not settings.ANYMAIL.get("WEBHOOK_SECRET"):
        return []
    from anymail.exceptions import AnymailConfigurationError
    from anymail.urls import urlpatterns as anymail_patterns

    ready = []
    for pattern in anymail_patterns:
        with warnings.catch_warnings(action="ignore"):
            try:
                pattern.callback.view_class(**pattern.callback.view_initkwargs)
            except AnymailConfigurationError:
                continue
        ready.append(pattern)
    return [path("anymail/", include((ready, "anymail")))]


urlpatterns = [
    path("", views.home, name="home"),
    path("posts/<str:slug>/", views.PostPage.as_view(), name="post"),
    path("series/<str:slug>/", views.series, name="series"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("robots.txt", sitemaps.robots, name="robots"),
    path("sitemap.xml", sitemaps.index, name="sitemap"),
    path("sitemap-<slug:section>.xml", sitemaps.part, name="sitemap-part"),
    path("admin/", include("comments.admin.desk_urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("blog.api")),
    path("api/v1/", include("comments.api.urls")),
    path("", include("comments.views.urls")),
    *webhooks(),
]

handler400 = "blog.failures.bad_request"
handler403 = "blog.failures.forbidden"
handler404 = "blog.failures.not_found"
handler500 = "blog.failures.server_error"
