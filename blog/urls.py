"""The addresses of the site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from blog import views

urlpatterns = [
    path("", views.home, name="home"),
    path("posts/<str:slug>/", views.PostPage.as_view(), name="post"),
    path("series/<str:slug>/", views.series, name="series"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("admin/", include("comments.admin.desk_urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("blog.api")),
    path("api/v1/", include("comments.api.urls")),
    path("", include("comments.views.urls")),
]

handler400 = "blog.failures.bad_request"
handler403 = "blog.failures.forbidden"
handler404 = "blog.failures.not_found"
handler500 = "blog.failures.server_error"
