"""What was published, in which order.

A publication is written in the transaction that publishes and numbered later, by one sealer. So the
order has no gap that could fill up behind a reader of it, however long that transaction takes.
"""

from __future__ import annotations

from django.contrib.sites.models import Site
from django.db import models
from django.db.models import Q

from comments.models.threads import Comment, Thread


class Publication(models.Model):
    """A page or a comment could be read from now on; ``position`` is null until it is sealed."""

    site = models.ForeignKey(
        Site, on_delete=models.CASCADE, related_name="publications", db_index=False
    )
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="publications")
    comment = models.ForeignKey(
        Comment,
        null=True,
        on_delete=models.CASCADE,
        related_name="publications",
        help_text="Null: the page of the thread itself.",
    )
    page_id = models.PositiveBigIntegerField(
        null=True, help_text="What the host project calls the page, where it is one."
    )
    again = models.BooleanField(
        default=False, help_text="It could be read before, and then not any more."
    )
    at = models.DateTimeField()
    position = models.PositiveBigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["site", "position"],
                condition=Q(position__isnull=False),
                name="one_publication_per_position",
            ),
            models.UniqueConstraint(
                fields=["comment"], condition=Q(again=False), name="one_first_publication"
            ),
            models.UniqueConstraint(
                fields=["thread"], condition=Q(comment=None), name="one_publication_per_page"
            ),
            models.CheckConstraint(
                condition=Q(comment=None, page_id__isnull=False) | Q(page_id=None, comment__gt=0),
                name="publication_of_page_or_comment",
            ),
        ]
        indexes = [
            # What waits for the sealer: empty most of the time.
            models.Index(
                fields=["site", "id"], condition=Q(position=None), name="publication_unsealed"
            ),
            models.Index(fields=["thread", "position"], name="publication_by_thread"),
        ]

    def __str__(self) -> str:
        return f"publication {self.position or 'unsealed'}"


class PublicationOrder(models.Model):
    """How far the publications of a site are numbered; its row is the sealer's lock."""

    site = models.OneToOneField(
        Site, primary_key=True, on_delete=models.CASCADE, related_name="publication_order"
    )
    last_position = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.site}: {self.last_position}"
