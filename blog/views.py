"""The pages of the blog: its posts, its series, and a post with the thread below it."""

from __future__ import annotations

from functools import cached_property
from typing import Any
from urllib.parse import quote

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from blog.models import Author, Post, Series, SeriesPart
from comments.errors import NotFound
from comments.models import Thread
from comments.queries.sites import absolute, site_of
from comments.queries.statements import Question, asked, objects
from comments.queries.thread_page import head_from
from comments.queries.threads import ThreadHead
from comments.views.thread import ThreadPage
from comments.words import gettext_noop

POSTS_SHOWN = 30
LONGEST_SLUG = 200


def site_id_of(request: HttpRequest) -> int:
    """Returns the id of the site that a request concerns.

    Raises:
        Http404: no site answers at this address.
    """
    try:
        return site_of(request).pk
    except NotFound as refusal:
        raise Http404(refusal.detail) from None


def is_slug(text: str) -> bool:
    """Returns whether a database can be asked for this slug."""
    return "\x00" not in text and len(text) <= LONGEST_SLUG


def home(request: HttpRequest) -> HttpResponse:
    """Answers with the posts, newest first, ``POSTS_SHOWN`` at once: two queries at most."""
    site_id = site_id_of(request)
    posts = Post.objects.filter(site_id=site_id).select_related("thread")
    if before := request.GET.get("before", ""):
        last = posts.filter(slug=before).first() if is_slug(before) else None
        if last is None:
            raise Http404
        older = posts.filter(published_on__lt=last.published_on)
        posts = older | posts.filter(published_on=last.published_on, pk__lt=last.pk)
    found = list(posts.order_by("-published_on", "-pk")[: POSTS_SHOWN + 1])
    address = absolute(reverse("home"))
    context = {
        "posts": found[:POSTS_SHOWN],
        "has_older": len(found) > POSTS_SHOWN,
        "address": f"{address}?before={quote(before)}" if before else address,
    }
    return render(request, "blog/home.html", context)


def series(request: HttpRequest, slug: str) -> HttpResponse:
    """Answers with the parts of a series; those without a post have no link."""
    site_id = site_id_of(request)
    found = Series.objects.filter(site_id=site_id, slug=slug).first() if is_slug(slug) else None
    if found is None:
        raise Http404
    address = absolute(reverse("series", args=[slug]))
    context = {"series": found, "parts": parts_of(found), "address": address}
    return render(request, "blog/series.html", context)


def parts_of(series: Series) -> list[SeriesPart]:
    """Returns the parts of a series in order, with their posts: one query."""
    return list(series.parts.select_related("post__thread").order_by("part"))


class PostPage(ThreadPage):
    """A post, and the comments on it."""

    template_name = "blog/post.html"
    refusal_template_name = "blog/refusal.html"

    @cached_property
    def article(self) -> Post:
        """Returns the post.

        Raises:
            NotFound: there is none of this slug.
        """
        slug = self.kwargs["slug"]
        if is_slug(slug):
            of_site = [site_of(self.request).pk, slug]
            for post in objects(Post, "site_id = %s AND slug = %s", of_site):
                [post.thread] = objects(Thread, "id = %s", [post.thread_id])
                if post.series_part_id is not None:
                    [part] = objects(SeriesPart, "id = %s", [post.series_part_id])
                    [part.series] = objects(Series, "id = %s", [part.series_id])
                    post.series_part = part
                return post
        raise NotFound(gettext_noop("There is no such post."))

    def page_question(self) -> Question | None:
        """Returns what tells whether the post, its series, its authors and its thread are alike."""
        if not is_slug(self.kwargs["slug"]):
            return None
        return asked(_POST_PAGE, (site_of(self.request).pk, self.kwargs["slug"]))

    def thread_head(self) -> ThreadHead:
        """Returns the thread of the post."""
        return head_from(self.article.thread)

    def page_context(self) -> dict[str, Any]:
        """Returns the post, its authors, and the parts of its series."""
        part = self.article.series_part
        parts = parts_of(part.series) if part is not None else []
        authors = objects(Author, _AUTHORS, [self.article.pk, self.article.pk])
        return {"post": self.article, "parts": parts, "authors": authors}


_AUTHORS = """
    id IN (SELECT author_id FROM blog_authorship WHERE post_id = %s) ORDER BY (
        SELECT position FROM blog_authorship written
        WHERE written.author_id = blog_author.id AND written.post_id = %s
    )
"""
_POST_PAGE = """
    SELECT thread.id, thread.version, thread.changed_at, thread.votes_changed, post.id,
        post.revision, series.title, series.slug, part.id, part.label, part.title, other.slug,
        author.name
    FROM blog_post post JOIN comments_thread thread ON thread.id = post.thread_id
    LEFT JOIN blog_seriespart own ON own.id = post.series_part_id
    LEFT JOIN blog_series series ON series.id = own.series_id
    LEFT JOIN blog_seriespart part ON part.series_id = own.series_id
    LEFT JOIN blog_post other ON other.series_part_id = part.id
    LEFT JOIN blog_authorship authorship ON authorship.post_id = post.id
    LEFT JOIN blog_author author ON author.id = authorship.author_id
    WHERE post.site_id = %s AND post.slug = %s
    ORDER BY part.part, part.id, authorship.position, authorship.id
"""


def favicon(request: HttpRequest) -> HttpResponse:
    """Leads to the icon; browsers ask here for pages that name none, as the admin's do."""
    answer = HttpResponseRedirect(static("comments/icon.svg"))
    answer.headers["Cache-Control"] = "public, max-age=86400"
    return answer


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answers a form without a valid CSRF token: says what to do, and gives the text back."""
    context = {"text": request.POST.get("source", "")}
    answer = render(request, "blog/csrf_failed.html", context, status=403)
    answer.headers["Cache-Control"] = "no-store"
    patch_vary_headers(answer, ["Cookie"])
    return answer
