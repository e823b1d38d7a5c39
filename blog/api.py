"""The blog's part of the API: posts and series."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request

from blog.models import Authorship, Post, Series
from comments.api.base import ApiView, answer_made, described, whole_number
from comments.api.documents import query, read, whole
from comments.api.schemas import ADDRESS, COMPONENTS, TEXT, WHOLE, array, obj, or_null, ref
from comments.errors import FieldError, NotFound, ValidationFailed
from comments.queries.sites import absolute

SERIES_PART = obj({"slug": TEXT, "title": TEXT, "part": WHOLE, "label": TEXT, "part_title": TEXT})
POST = obj(
    {
        "slug": TEXT,
        "title": TEXT,
        "series": or_null(SERIES_PART),
        "byline": TEXT,
        "byline_date": or_null(TEXT),
        "authors": array(obj({"name": TEXT, "slug": TEXT})),
        "published_at": {"type": "string", "format": "date-time"},
        "thread": obj({"key": TEXT, "count": WHOLE}),
        "links": obj({"self": ADDRESS, "page": ADDRESS, "comments": ADDRESS}),
        "html": {"type": "string", "description": "In answers about one post."},
        "author_notes_html": TEXT,
    },
    optional=("html", "author_notes_html"),
)
COMPONENTS |= {
    "Post": POST,
    "PostList": obj(
        {
            "items": array(ref("Post")),
            "page": obj({"next": or_null(ADDRESS), "prev": or_null(ADDRESS), "limit": WHOLE}),
        }
    ),
    "Series": obj(
        {
            "slug": TEXT,
            "title": TEXT,
            "parts": array(
                obj({"part": WHOLE, "label": TEXT, "title": TEXT, "post": or_null(TEXT)})
            ),
        }
    ),
}


def posts_of(site_id: int) -> QuerySet[Post]:
    """Returns the posts of a site with all that their JSON names: two queries."""
    return (
        Post.objects.filter(site_id=site_id)
        .select_related("thread", "series_part__series")
        .prefetch_related(
            Prefetch(
                "authorships", Authorship.objects.select_related("author").order_by("position")
            )
        )
    )


def post_json(post: Post, *, whole_post: bool) -> dict[str, Any]:
    """Returns a post; with its text if it is asked for alone."""
    part = post.series_part
    body: dict[str, Any] = {
        "slug": post.slug,
        "title": post.title,
        "series": None
        if part is None
        else {
            "slug": part.series.slug,
            "title": part.series.title,
            "part": part.part,
            "label": part.label,
            "part_title": part.title,
        },
        "byline": post.byline,
        "byline_date": post.byline_date or None,
        "authors": [
            {"name": authorship.author.name, "slug": authorship.author.slug}
            for authorship in post.authorships.all()
        ],
        "published_at": f"{post.published_on.isoformat()}T00:00:00Z",
        "thread": {"key": post.thread.key, "count": post.thread.visible_count},
        "links": {
            "self": absolute(f"/api/v1/posts/{post.slug}/"),
            "page": absolute(post.get_absolute_url()),
            "comments": absolute(f"/api/v1/threads/{post.thread.key}/comments/"),
        },
    }
    if whole_post:
        body |= {"html": post.body_html, "author_notes_html": post.author_notes_html}
    return body


class PostList(ApiView):
    """The posts of the site, newest first."""

    @described(
        **read(
            "list_posts",
            "The posts, newest first",
            "PostList",
            whole("limit", "Posts. Default 20.", least=1, most=100),
            query("before", "Slug of the last post of the page before; from `page.next`."),
            tag="Posts",
        )
    )
    def get(self, request: Request) -> HttpResponse:
        """Answers with a page of posts without their text."""
        limit = whole_number(request, "limit", default=20, least=1, most=100)
        found = posts_of(self.site.pk).order_by("-published_on", "-id")
        before = request.query_params.get("before")
        if before is not None:
            found = found.filter(pk__in=self._after(before))
        posts = list(found[: limit + 1])
        more = len(posts) > limit
        next_ = (
            absolute(f"/api/v1/posts/?limit={limit}&before={posts[limit - 1].slug}")
            if more
            else None
        )
        return answer_made(
            request,
            {
                "items": [post_json(post, whole_post=False) for post in posts[:limit]],
                "page": {"next": next_, "prev": None, "limit": limit},
            },
        )

    def _after(self, slug: str) -> QuerySet[Post]:
        last = None if "\x00" in slug else Post.objects.filter(site=self.site, slug=slug).first()
        if last is None:
            raise ValidationFailed([FieldError("#/before", "invalid", "There is no such post.")])
        older = Post.objects.filter(published_on__lt=last.published_on)
        return older | Post.objects.filter(published_on=last.published_on, pk__lt=last.pk)


class PostDetail(ApiView):
    """One post."""

    @described(**read("get_post", "One post with its text", "Post", tag="Posts"))
    def get(self, request: Request, slug: str) -> HttpResponse:
        """Answers with the post and its text."""
        post = None if "\x00" in slug else posts_of(self.site.pk).filter(slug=slug).first()
        if post is None:
            raise NotFound("There is no such post.")
        return answer_made(request, post_json(post, whole_post=True))


class SeriesDetail(ApiView):
    """One series."""

    @described(**read("get_series", "A series and its parts", "Series", tag="Posts"))
    def get(self, request: Request, slug: str) -> HttpResponse:
        """Answers with the parts in order; ``post`` is null for one that is not here."""
        found = Series.objects.filter(site=self.site, slug=slug) if "\x00" not in slug else None
        series = found.first() if found is not None else None
        if series is None:
            raise NotFound("There is no such series.")
        parts = series.parts.select_related("post").order_by("part")
        return answer_made(
            request,
            {
                "slug": series.slug,
                "title": series.title,
                "parts": [
                    {
                        "part": part.part,
                        "label": part.label,
                        "title": part.title,
                        "post": part.post.slug if hasattr(part, "post") else None,
                    }
                    for part in parts
                ],
            },
        )


urlpatterns = [
    path("posts/", PostList.as_view(), name="post-list"),
    path("posts/<str:slug>/", PostDetail.as_view(), name="post-api"),
    path("series/<str:slug>/", SeriesDetail.as_view(), name="series-api"),
]
