"""The site's posts: who wrote them, the series they are parts of, the thread below each."""

from __future__ import annotations

from hashlib import blake2s
from typing import Any

from django.conf import settings
from django.contrib.sites.models import Site
from django.db import models
from django.db.models import Q

from comments.models import Thread


class Author(models.Model):
    """Somebody who writes posts; with a user, that user's comments below them are marked."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="authors")
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=140, allow_unicode=True, db_index=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="authors",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["site", "slug"], name="one_author_per_slug")]
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Series(models.Model):
    """Posts that belong together, in numbered parts."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="series")
    title = models.CharField(max_length=300)
    slug = models.SlugField(max_length=200, allow_unicode=True, db_index=False)

    class Meta:
        verbose_name_plural = "series"
        constraints = [models.UniqueConstraint(fields=["site", "slug"], name="one_series_per_slug")]
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class SeriesPart(models.Model):
    """A part of a series as a post names it; ``Post.series_part`` is set once we have the post."""

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="parts")
    part = models.PositiveIntegerField()
    label = models.CharField(max_length=40, help_text='As written: "Part IV".')
    title = models.CharField(max_length=300)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["series", "part"], name="one_entry_per_part")
        ]
        ordering = ["series", "part"]

    def __str__(self) -> str:
        return f"{self.label}: {self.title}"


class Post(models.Model):
    """One post. What its document did not say stays empty; what it said stays as it was written."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="posts")
    slug = models.SlugField(max_length=200, allow_unicode=True, db_index=False)
    title = models.CharField(max_length=300)
    series_part = models.OneToOneField(
        SeriesPart, null=True, blank=True, on_delete=models.SET_NULL, related_name="post"
    )
    byline = models.CharField(max_length=500, blank=True, help_text="As written.")
    byline_date = models.CharField(max_length=80, blank=True, help_text="As written.")
    authors = models.ManyToManyField(Author, through="Authorship", related_name="posts")
    body = models.TextField(help_text="HTML as edited; what is shown is made from it.")
    body_html = models.TextField(editable=False)
    author_notes = models.TextField(blank=True, help_text="HTML about the authors.")
    author_notes_html = models.TextField(editable=False)
    published_on = models.DateField()
    thread = models.OneToOneField(
        Thread, on_delete=models.PROTECT, related_name="post", editable=False
    )
    revision = models.PositiveIntegerField(
        default=0, editable=False, help_text="Another one whatever is saved: a digest of it."
    )
    document_digest = models.CharField(
        max_length=64, blank=True, editable=False, help_text="SHA-256 of the imported document."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "slug"], name="one_post_per_slug"),
            models.UniqueConstraint(
                fields=["site", "document_digest"],
                condition=~Q(document_digest=""),
                name="one_post_per_document",
            ),
        ]
        indexes = [models.Index(fields=["site", "-published_on"], name="post_newest")]
        ordering = ["-published_on", "-id"]

    def __str__(self) -> str:
        return self.title

    def save(self, **kwargs: Any) -> None:
        """Saves the post, as another revision."""
        fields = self._meta.concrete_fields
        said = [getattr(self, one.attname) for one in fields if one.name not in {"id", "revision"}]
        digest = blake2s(repr(said).encode(), digest_size=4).digest()
        self.revision = int.from_bytes(digest, "big") // 2
        if (names := kwargs.get("update_fields")) is not None:
            kwargs["update_fields"] = {*names, "revision"}
        super().save(**kwargs)

    def get_absolute_url(self) -> str:
        """Returns the path of the post's page."""
        return f"/posts/{self.slug}/"


class Authorship(models.Model):
    """An author of a post, in the order of the byline."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="authorships")
    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="authorships")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["post", "author"], name="one_authorship_each")
        ]
        ordering = ["post", "position"]

    def __str__(self) -> str:
        return f"{self.author} of {self.post}"
