"""What the templates print of each comment: items of the queries with their links and choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.timezone import localtime

from comments.models import RepliesPolicy, Status
from comments.queries.comments import Item
from comments.queries.thread_page import Unpublished
from comments.queries.viewer import editable_until
from comments.rules.threading import ancestor_path, numbers_in
from comments.views.links import PAGE_SIZE, Place, relinked
from comments.views.viewers import Viewer

DEEPEST_INDENT = 8
"""Deeper replies stand at this level; "in reply to" says what they answer."""
BACKLINKS_SHOWN = 12

BADGES = {"author": "author of this page", "moderator": "moderator"}
TOMBSTONES = {
    "author": "Comment removed by its author",
    "moderator": "Comment removed by a moderator",
    "erasure": "Comment erased",
}
UNPUBLISHED = {
    Status.HELD.value: "waiting for a moderator",
    Status.REJECTED.value: "not published by a moderator",
    Status.SPAM.value: "taken for spam by a moderator",
}
GONE_ALONG = "removed together with the comment above it"


@dataclass(frozen=True, slots=True)
class Link:
    """A number of a comment and where it leads."""

    number: int
    href: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A time for machines and for people, in the site's time zone."""

    iso: str
    words: str


def moment(time: datetime | None) -> Moment | None:
    """Returns a time as it is printed. Not by Django's filter: that costs as much as the text."""
    if time is None:
        return None
    local = localtime(time)
    return Moment(local.isoformat(), f"{local.day} {local:%B %Y, %H:%M %Z}")


@dataclass(frozen=True, slots=True)
class Fold:
    """Replies below a comment that went away and folded them; opened if one of them is sought."""

    label: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """A vote that a button casts; pressing the one that was cast withdraws it."""

    value: str
    is_cast: bool


@dataclass(slots=True)
class Row:
    """One comment as it is printed."""

    item: Item
    anchor: str
    permalink: str
    address: str
    """The same on a page that shows no form."""
    indent: int
    text: str
    """HTML of the renderer, its links leading somewhere from this page."""
    author_url: str
    badges: list[str]
    written: Moment | None
    edited: Moment | None
    in_reply_to: Link | None
    mentioned_in: list[Link]
    more_mentions: int
    tombstone: str
    why_unseen: str = ""
    is_sought: bool = False
    is_own: bool = False
    reply_href: str = ""
    edit_href: str = ""
    delete_href: str = ""
    up: Choice | None = None
    down: Choice | None = None
    folds: list[Fold] = field(default_factory=list)
    """Opened before this row, the outer one first."""
    closed_folds: range = range(0)
    """Closed before this row."""

    @property
    def has_votes(self) -> bool:
        """Returns whether anything of votes is to be shown."""
        return bool(self.up or self.item.votes_up or self.item.votes_down)


@dataclass(frozen=True, slots=True)
class Maker:
    """What every row of one page is made with."""

    place: Place
    viewer: Viewer
    is_open: bool
    """The thread takes comments and votes."""
    now: datetime
    votes: Mapping[int, int]
    sought: int | None
    """Number of the comment that this page was asked for."""

    def rows_from(
        self, items: Sequence[Item], *, folded_above: Sequence[int]
    ) -> tuple[list[Row], range]:
        """Returns the rows of a page, with the folds that begin and end before each, and the
        folds that are open at its end.

        Args:
            items: in the order of the page, each branch in reading order.
            folded_above: numbers above the first item whose replies are folded.
        """
        here = {item.number for item in items if item.number is not None}
        rows = [self._row(item, here=here) for item in items]
        sought = next((row.item.path for row in rows if row.is_sought), b"")
        open_: list[bytes] = []
        waiting = [_path_down_to(items[0], number) for number in folded_above]
        labels = dict.fromkeys(waiting, "Folded replies")
        for row in rows:
            path = row.item.path
            still = [fold for fold in open_ if path.startswith(fold)]
            row.closed_folds = range(len(open_) - len(still))
            open_ = still
            for fold in [fold for fold in waiting if path.startswith(fold)]:
                row.folds.append(Fold(labels[fold], sought.startswith(fold)))
                open_.append(fold)
            waiting = []
            if row.tombstone and row.item.replies_policy == RepliesPolicy.COLLAPSE:
                waiting = [path]
                labels[path] = _folded(row.item.total_count)
        return rows, range(len(open_))

    def unseen_row(self, unpublished: Unpublished) -> Row:
        """Returns the row of a comment that its author alone sees."""
        item = unpublished.item
        row = self._row(item, here=set())
        row.anchor = f"waiting-{item.id}"
        row.permalink = f"#{row.anchor}"
        row.address = self.place.with_(row.anchor)
        row.indent = 0
        row.reply_href = ""
        row.up = row.down = None
        why = UNPUBLISHED.get(item.status, GONE_ALONG)
        explanation = unpublished.told
        row.why_unseen = f"{why}. {explanation}".strip() if explanation else f"{why}."
        return row

    def _row(self, item: Item, *, here: set[int]) -> Row:
        def link(number: int) -> Link:
            href = f"#comment-{number}" if number in here else self.place.of_comment(number)
            return Link(number, href)

        short = self.place.last_number <= PAGE_SIZE
        number = item.number or 0
        row = Row(
            item=item,
            anchor=f"comment-{number}",
            permalink=f"#comment-{number}" if short else self.place.of_comment(number),
            address=self.place.of_comment(number),
            indent=min(item.depth, DEEPEST_INDENT),
            text=relinked(item.html, address_of=self.place.of_comment, here=here),
            author_url=item.author_url if item.author_url.startswith(("http:", "https:")) else "",
            badges=[BADGES.get(badge, badge) for badge in item.badges],
            written=moment(item.written_at),
            edited=moment(item.edited_at),
            in_reply_to=link(item.parent) if item.parent is not None else None,
            mentioned_in=[link(number) for number in item.referred_from[:BACKLINKS_SHOWN]],
            more_mentions=max(0, len(item.referred_from) - BACKLINKS_SHOWN),
            tombstone=TOMBSTONES.get(item.tombstone or "", ""),
            is_sought=self.sought is not None and item.number == self.sought,
        )
        if not row.tombstone:
            self._add_choices(row)
        return row

    def _add_choices(self, row: Row) -> None:
        """Adds what this viewer may do with the comment."""
        item, viewer = row.item, self.viewer
        row.is_own = item.author_id is not None and item.author_id == viewer.participant_id
        if self.is_open:
            row.reply_href = self.place.with_("reply", reply_to=item.number)
            if viewer.is_known and not row.is_own:
                cast = self.votes.get(item.number or 0)
                row.up, row.down = (
                    Choice(f"{'none' if cast == value else name}:{item.id}", cast == value)
                    for name, value in (("up", 1), ("down", -1))
                )
        if row.is_own and (self.is_open or viewer.is_moderator):
            until = editable_until(item)
            in_time = until is not None and self.now <= until
            if in_time or viewer.is_moderator:
                row.edit_href = self.place.with_("edit", edit=item.id)
            if in_time or viewer.has_account:
                row.delete_href = self.place.with_("delete", delete=item.id)


def _path_down_to(item: Item, number: int) -> bytes:
    """Returns the path of the comment ``number`` that stands above ``item``."""
    return ancestor_path(item.path, depth=numbers_in(item.path).index(number))


def _folded(count: int) -> str:
    return "1 folded reply" if count == 1 else f"{count} folded replies"
