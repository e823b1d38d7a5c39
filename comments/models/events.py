"""What changed in a thread, in order and without gaps."""

from __future__ import annotations

from django.db import models

from comments.models.threads import Thread


class EventKind(models.TextChoices):
    """What a version of a thread brought."""

    OPENED = "opened", "the thread was opened"
    IMPORTED = "imported", "the thread was imported"
    PUBLISHED = "published", "a comment was published"
    EDITED = "edited", "a comment was edited"
    REMOVED = "removed", "a comment went away"
    RESTORED = "restored", "a comment came back"
    LINKED = "linked", "a mention or reference in a comment became a link"
    VOTED = "voted", "votes changed"
    STATE = "state", "the thread was opened, closed or changed"


class Event(models.Model):
    """One version of a thread. Carries no text: readers fetch through the visibility filter."""

    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="events")
    version = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=12, choices=EventKind.choices)
    number = models.PositiveBigIntegerField(null=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["thread", "version"], name="one_event_per_version")
        ]

    def __str__(self) -> str:
        return f"{self.version} {self.kind}"
