"""Threads and their comments: the rows that everything else is about."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.sites.models import Site
from django.db import models
from django.db.models import Q

from comments.models.people import Participant


class ThreadState(models.TextChoices):
    """Whether a thread takes comments."""

    OPEN = "open", "open for replies"
    CLOSED = "closed", "closed: can be read, takes no replies"
    ARCHIVED = "archived", "archived: nothing changes any more"


class Thread(models.Model):
    """The comments of one page.

    ``version`` rises by one with everything that changes what readers may see, under this row's
    lock, together with one ``Event``. All counters count visible comments, never tombstones.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="threads")
    key = models.SlugField(max_length=200, allow_unicode=True, db_index=False)
    url = models.URLField(max_length=2000)
    url_key = models.CharField(max_length=2000, help_text="The URL without what does not matter.")
    title = models.CharField(max_length=500)
    excerpt = models.TextField(blank=True)
    opened_at = models.DateTimeField()
    changed_at = models.DateTimeField(help_text="When the version was last raised.")
    state = models.CharField(max_length=8, choices=ThreadState.choices, default=ThreadState.OPEN)
    premoderation = models.BooleanField(default=False)
    last_number = models.PositiveBigIntegerField(default=0)
    last_position = models.PositiveBigIntegerField(default=0, help_text="Of the newest root.")
    version = models.PositiveBigIntegerField(default=0)
    visible_count = models.PositiveBigIntegerField(default=0)
    visible_roots = models.PositiveBigIntegerField(default=0)
    log_length = models.PositiveBigIntegerField(default=0, help_text="Rows in its record.")
    log_head = models.CharField(max_length=64, blank=True, help_text="Hash of the last of them.")
    votes_changed = models.BooleanField(
        default=False, help_text="A vote was cast that no version shows yet."
    )
    hosts = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="hosted_threads",
        help_text="Whose comments here carry the badge `author`.",
    )
    has_news: bool = False
    """Not stored: whether this object's version was raised since it was last saved."""
    also: tuple[Any, ...] = ()
    """Not stored: what was asked for with the row."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["site", "key"], name="one_thread_per_key"),
        ]
        indexes = [models.Index(fields=["site", "url_key"], name="thread_by_url")]

    def __str__(self) -> str:
        return self.key


class ThreadAlias(models.Model):
    """A former key or URL that still leads to its thread."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="+")
    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="aliases")
    key = models.SlugField(max_length=200, allow_unicode=True, blank=True, db_index=False)
    url_key = models.CharField(max_length=2000, blank=True)

    class Meta:
        verbose_name_plural = "thread aliases"
        constraints = [
            models.UniqueConstraint(
                fields=["site", "key"], condition=~Q(key=""), name="one_alias_per_key"
            ),
            models.UniqueConstraint(
                fields=["site", "url_key"], condition=~Q(url_key=""), name="one_alias_per_url"
            ),
        ]

    def __str__(self) -> str:
        return self.key or self.url_key


class Status(models.TextChoices):
    """What moderation says of a comment; deletion and erasure are facts of their own."""

    HELD = "held", "waiting for a moderator"
    PUBLISHED = "published", "published"
    APPROVED = "approved", "published, and a moderator agreed"
    REJECTED = "rejected", "rejected by a moderator"
    SPAM = "spam", "spam"


class RepliesPolicy(models.TextChoices):
    """What happens to the replies below a comment that goes away."""

    KEEP = "keep", "they stay below a tombstone"
    COLLAPSE = "collapse", "they stay, folded, below a tombstone"
    REMOVE = "remove", "they go away with it"


class Format(models.TextChoices):
    """How a source text is to be read."""

    PLAIN = "plain", "plain text with paragraphs and limited HTML"
    MARKDOWN = "markdown", "Markdown (CommonMark) with limited HTML"


def no_badges() -> list[str]:
    """Returns the default of ``badges``."""
    return []


class Comment(models.Model):
    """One comment. ``number`` and ``path`` are null until it is first published, then never move.

    ``parent`` is where it stands in the tree, ``reply_to`` what it answers: they differ only for
    a reply deeper than the site allows. ``path`` holds, for each level, the number of the
    comment at that level in 4 bytes, big endian: bytes sort in reading order on every database.
    """

    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="comments")
    number = models.PositiveBigIntegerField(null=True)
    parent = models.ForeignKey(
        "self", null=True, on_delete=models.CASCADE, related_name="children", db_index=False
    )
    reply_to = models.ForeignKey(
        "self", null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    path = models.BinaryField(null=True, max_length=1024)
    root_number = models.PositiveBigIntegerField(null=True)
    depth = models.PositiveSmallIntegerField(default=0)
    position = models.PositiveBigIntegerField(null=True, help_text="Among siblings, from 0.")
    last_position = models.PositiveBigIntegerField(default=0, help_text="Replies ever published.")

    author = models.ForeignKey(
        Participant, null=True, on_delete=models.SET_NULL, related_name="comments", db_index=False
    )
    author_name = models.CharField(max_length=80, blank=True, help_text="As written; '' = unknown.")
    author_url = models.URLField(max_length=500, blank=True)
    badges = models.JSONField(default=no_badges)

    source = models.TextField()
    format = models.CharField(max_length=8, choices=Format.choices, default=Format.PLAIN)
    html = models.TextField()
    renderer_version = models.PositiveSmallIntegerField()

    status = models.CharField(max_length=9, choices=Status.choices)
    held_reason = models.CharField(max_length=64, blank=True)
    held_told = models.CharField(
        max_length=500, blank=True, help_text="What its author is told about why it is not shown."
    )
    deleted_at = models.DateTimeField(null=True, help_text="Deleted by its author.")
    erased_at = models.DateTimeField(null=True, help_text="Personal data erased.")
    replies_policy = models.CharField(
        max_length=8, choices=RepliesPolicy.choices, default=RepliesPolicy.KEEP
    )
    hidden_above = models.PositiveSmallIntegerField(
        default=0, help_text="How many ancestors went away and took their replies along."
    )
    visible = models.BooleanField(default=False)
    reachable = models.BooleanField(
        default=False, help_text="Visible, or a tombstone with visible replies below it."
    )

    created_at = models.DateTimeField(help_text="When this row was made.")
    written_at = models.DateTimeField(null=True)
    published_at = models.DateTimeField(null=True)
    edited_at = models.DateTimeField(null=True)
    edits = models.PositiveIntegerField(default=0)
    version = models.PositiveIntegerField(default=1, help_text="Of this comment, for If-Match.")

    direct_count = models.PositiveBigIntegerField(default=0)
    total_count = models.PositiveBigIntegerField(default=0)
    votes_up = models.PositiveIntegerField(default=0)
    votes_down = models.PositiveIntegerField(default=0)
    score = models.FloatField(default=0.0, help_text="Order of `best`: lower Wilson bound.")
    takes_place: bool = False
    """Not stored: whether it has a position that its parent does not count yet."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["thread", "number"], name="one_comment_per_number"),
            models.CheckConstraint(
                condition=Q(number__isnull=True, path__isnull=True, position__isnull=True)
                | Q(number__isnull=False, path__isnull=False, position__isnull=False),
                name="number_path_and_position_together",
            ),
        ]
        indexes = [
            # Reading order; only what a reader can reach.
            models.Index(
                fields=["thread", "path"], condition=Q(reachable=True), name="comment_reading_order"
            ),
            # Newest roots first, each followed by its replies.
            models.Index(
                fields=["thread", "-root_number", "path"],
                condition=Q(reachable=True),
                name="comment_newest_roots",
            ),
            # A window of replies of each parent; recounting; deletion of a parent.
            models.Index(fields=["parent", "position"], name="comment_siblings"),
            models.Index(
                fields=["thread", "number"],
                condition=Q(reachable=True, depth=0),
                name="comment_roots",
            ),
            models.Index(
                fields=["thread", "-score", "number"],
                condition=Q(reachable=True, depth=0),
                name="comment_best_roots",
            ),
            # Everything below a comment, hidden or not, when it takes its replies along.
            models.Index(
                fields=["thread", "root_number", "path"],
                condition=Q(depth__gt=0),
                name="comment_branches",
            ),
            # Only the deletion of what was answered asks for these; roots answer nothing.
            models.Index(
                fields=["reply_to"], condition=Q(reply_to__isnull=False), name="comment_answers"
            ),
            # Latest comment by a participant in a thread, past all that is held or was removed.
            models.Index(
                fields=["author", "thread", "-number"],
                condition=Q(visible=True),
                name="comment_latest_by_author",
            ),
            # A viewer's own comments, those without a number too.
            models.Index(fields=["author", "thread", "-id"], name="comment_own"),
            # The site's feed.
            models.Index(
                fields=["-published_at", "-id"], condition=Q(visible=True), name="comment_latest"
            ),
            models.Index(
                fields=["thread", "created_at"],
                condition=Q(status=Status.HELD),
                name="comment_waiting",
            ),
            # The same text sent twice within minutes.
            models.Index(fields=["thread", "-created_at"], name="comment_recent"),
        ]

    def __str__(self) -> str:
        return f"#{self.number}" if self.number else f"comment {self.pk} ({self.status})"

    @property
    def edit_tag(self) -> str:
        """Returns the strong ETag that ``If-Match`` must carry to change this comment."""
        return f'"{self.version}"'


class Revision(models.Model):
    """What an edit replaced."""

    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="revisions")
    version = models.PositiveIntegerField(help_text="Of the comment, while this text stood.")
    source = models.TextField()
    format = models.CharField(max_length=8, choices=Format.choices)
    html = models.TextField()
    replaced_at = models.DateTimeField()
    replaced_by = models.ForeignKey(
        Participant, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["comment", "version"], name="one_revision_per_version")
        ]

    def __str__(self) -> str:
        return f"version {self.version} of {self.comment_id}"


class Mention(models.Model):
    """A name after an @ in a comment; ``participant`` is null until somebody of that name wrote.

    ``start`` and ``end`` are offsets in code points of the source. ``probe`` is the first word
    of the name, folded: by it an unresolved mention is found when a participant arrives.
    """

    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="+", db_index=False)
    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="mentions")
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    text = models.CharField(max_length=320)
    probe = models.CharField(max_length=320)
    participant = models.ForeignKey(
        Participant, null=True, on_delete=models.SET_NULL, related_name="mentions", db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["comment", "start"], name="one_mention_per_place")
        ]
        indexes = [
            models.Index(
                fields=["thread", "probe", "comment"],
                condition=Q(participant__isnull=True),
                name="mention_waiting",
            ),
            # Without the unresolved ones: an index that held them would be taken for them, and
            # give every one of all threads.
            models.Index(
                fields=["participant"],
                condition=Q(participant__isnull=False),
                name="mention_resolved",
            ),
        ]

    def __str__(self) -> str:
        return self.text


class Reference(models.Model):
    """A ``#7`` or ``>>7`` in a comment; ``linked`` is false while there is no such number."""

    thread = models.ForeignKey(Thread, on_delete=models.CASCADE, related_name="+", db_index=False)
    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="references")
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    number = models.PositiveBigIntegerField()
    linked = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["comment", "start"], name="one_reference_per_place")
        ]
        indexes = [
            # The first few references to each number of a page.
            models.Index(
                fields=["thread", "number", "linked", "comment"], name="reference_by_number"
            )
        ]

    def __str__(self) -> str:
        return f"#{self.number}"


class Participation(models.Model):
    """Somebody takes part in a thread: has, or had, a published comment in it."""

    thread = models.ForeignKey(
        Thread, on_delete=models.CASCADE, related_name="participations", db_index=False
    )
    participant = models.ForeignKey(
        Participant, on_delete=models.CASCADE, related_name="participations"
    )
    name = models.CharField(max_length=80)
    name_key = models.CharField(max_length=320)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["thread", "participant"], name="one_participation_per_thread"
            )
        ]
        indexes = [
            # By code points in every collation, so that names that begin alike stand together.
            models.Index(
                fields=["thread", "name_key", "participant"],
                opclasses=["int8_ops", "varchar_pattern_ops", "int8_ops"],
                name="participation_by_folded_name",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Vote(models.Model):
    """One participant's opinion of one comment."""

    comment = models.ForeignKey(Comment, on_delete=models.CASCADE, related_name="votes")
    participant = models.ForeignKey(Participant, on_delete=models.CASCADE, related_name="votes")
    value = models.SmallIntegerField()
    cast_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["comment", "participant"], name="one_vote_each"),
            models.CheckConstraint(condition=Q(value__in=[-1, 1]), name="vote_is_up_or_down"),
        ]

    def __str__(self) -> str:
        return f"{self.value:+d}"
