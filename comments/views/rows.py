"""What the templates print of each comment: items of the queries with their links and choices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import ClassVar
from urllib.parse import quote

from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.timezone import get_current_timezone
from django.utils.translation import gettext, ngettext

from comments.language import moment_writer, translated
from comments.models import RepliesPolicy, Status
from comments.queries.comments import Item
from comments.queries.listing import replies_cursor
from comments.queries.thread_page import Unpublished
from comments.queries.viewer import editable_until
from comments.views.links import PAGE_SIZE, Place, relinked
from comments.views.row_words import RowWords, row_words
from comments.views.viewers import Viewer
from comments.words import gettext_noop

DEEPEST_INDENT = 8
"""Deeper replies stand at this level; "in reply to" says what they answer."""
BACKLINKS_SHOWN = 12

BADGES = {
    "author": gettext_noop("author of this page"),
    "moderator": gettext_noop("moderator"),
}
TOMBSTONES = {
    "author": gettext_noop("Comment removed by its author"),
    "moderator": gettext_noop("Comment removed by a moderator"),
    "erasure": gettext_noop("Comment erased"),
}
UNPUBLISHED = {
    Status.HELD.value: gettext_noop("waiting for a moderator"),
    Status.REJECTED.value: gettext_noop("not published by a moderator"),
    Status.SPAM.value: gettext_noop("taken for spam by a moderator"),
}
GONE_ALONG = gettext_noop("removed together with the comment above it")


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


def moment(
    time: datetime | None, *, zone: tzinfo, words: Callable[[datetime], str]
) -> Moment | None:
    """Returns a time as it is printed. Not by Django's filter: that costs as much as the text."""
    if time is None:
        return None
    local = time.astimezone(zone)
    return Moment(local.isoformat(), words(local))


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
    why_no_vote: str = ""
    """Why who looks cannot vote yet, as HTML."""
    is_sought: bool = False
    is_own: bool = False
    reply_href: str = ""
    edit_href: str = ""
    delete_href: str = ""
    up: Choice | None = None
    down: Choice | None = None
    words: RowWords = field(default_factory=row_words)
    folds: list[Fold] = field(default_factory=list)
    """Opened before this row, the outer one first."""
    closed_folds: range = range(0)
    """Closed before this row."""

    is_hole: ClassVar[bool] = False

    @property
    def path(self) -> bytes:
        """Returns where it stands in reading order."""
        return self.item.path

    @property
    def level(self) -> int:
        """Returns how deep it stands, as people count."""
        return self.item.depth + 1

    @property
    def number_words(self) -> str:
        """Returns how the link with its number is read out."""
        return self._with_number(self.words.number)

    @property
    def level_words(self) -> str:
        """Returns how deep it stands and what it answers, for who does not see that."""
        answered = self.in_reply_to.number if self.in_reply_to is not None else 0
        return SafeString(self.words.level.format(level=self.level, number=answered))

    @property
    def in_reply_to_words(self) -> str:
        """Returns the words of the link to what it answers."""
        answered = self.in_reply_to.number if self.in_reply_to is not None else 0
        return SafeString(self.words.in_reply_to.format(number=answered))

    @property
    def to_words(self) -> str:
        """Returns which comment a link to reply is about."""
        return self._with_number(self.words.to_comment)

    @property
    def vote_up_words(self) -> str:
        """Returns how the button that votes for it is read out."""
        return self._with_number(self.words.vote_up)

    @property
    def vote_down_words(self) -> str:
        """Returns how the button that votes against it is read out."""
        return self._with_number(self.words.vote_down)

    def _with_number(self, words: str) -> str:
        return SafeString(words.format(number=self.item.number))

    @property
    def why_unseen_words(self) -> str:
        """Returns why others do not see it, as a sentence."""
        return capfirst(self.why_unseen)

    @property
    def more_mentions_words(self) -> str:
        """Returns how many further comments mention it."""
        return ngettext("and %(count)s more", "and %(count)s more", self.more_mentions) % {
            "count": self.more_mentions
        }

    @property
    def has_votes(self) -> bool:
        """Returns whether anything of votes is to be shown."""
        return bool(self.up or self.item.votes_up or self.item.votes_down)


@dataclass(slots=True)
class Hole:
    """Replies that are not shown, and where they are; stands among the rows."""

    path: bytes
    """Of the comment whose replies are missing."""
    number: int
    """Its number."""
    count: int
    """How many; 0 where that is not known."""
    href: str
    fetch: str
    """The address of the same in the API."""
    depth: int
    indent: int
    is_deep: bool
    """No reply is shown: the conversation goes on there. Else some are, and there are more."""
    folds: list[Fold] = field(default_factory=list)
    closed_folds: range = range(0)
    is_hole: ClassVar[bool] = True

    @property
    def words(self) -> str:
        """Returns how many replies are not shown."""
        if self.count == 0:
            return gettext("More replies")
        said = ngettext("%(count)s more reply", "%(count)s more replies", self.count)
        if self.is_deep:
            said = ngettext(
                "Continue this thread (%(count)s more reply)",
                "Continue this thread (%(count)s more replies)",
                self.count,
            )
        return said % {"count": self.count}

    @property
    def to_words(self) -> str:
        """Returns which comment they answer."""
        return gettext("to comment %(number)s") % {"number": self.number}


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
    api: str = ""
    """The API's address of the thread."""
    zone: tzinfo = field(default_factory=get_current_timezone)
    moment_words: Callable[[datetime], str] = field(default_factory=moment_writer)
    words: RowWords = field(default_factory=row_words)

    def rows_from(self, items: Sequence[Item]) -> tuple[list[Row | Hole], range]:
        """Returns the rows of a page, with the folds that begin and end before each, and the
        folds that are open at its end.

        Args:
            items: in the order of the page, a tree's with their replies below them.
        """
        in_order = [item for top in items for item in _branch(top)]
        here = {item.number for item in in_order if item.number is not None}
        rows = self._rows_with_holes(items, here=here)
        sought = next((row.path for row in rows if isinstance(row, Row) and row.is_sought), b"")
        open_: list[bytes] = []
        waiting: list[bytes] = []
        labels: dict[bytes, str] = {}
        for row in rows:
            path = row.path
            still = [fold for fold in open_ if path.startswith(fold)]
            row.closed_folds = range(len(open_) - len(still))
            open_ = still
            for fold in [fold for fold in waiting if path.startswith(fold)]:
                row.folds.append(Fold(labels[fold], sought.startswith(fold)))
                open_.append(fold)
            waiting = []
            if (
                isinstance(row, Row)
                and row.tombstone
                and row.item.replies_policy == RepliesPolicy.COLLAPSE
            ):
                waiting = [path]
                labels[path] = _folded(row.item.total_count)
        return rows, range(len(open_))

    def _rows_with_holes(self, items: Sequence[Item], *, here: set[int]) -> list[Row | Hole]:
        """Returns rows for these items and all below them, each branch with its hole at the end."""
        rows: list[Row | Hole] = []
        for item in items:
            rows.append(self._row(item, here=here))
            rows += self._rows_with_holes(item.children, here=here)
            if item.more_after is not None:
                rows.append(self._hole(item))
        return rows

    def more_replies(self, *, number: int, depth: int, cursor: str) -> Hole:
        """Returns what stands after some replies of a comment where there are more of them."""
        return Hole(
            path=b"",
            number=number,
            count=0,
            href=self.place.with_(f"comment-{number}", comment=number, cursor=cursor),
            fetch=f"{self.api}comments/{number}/replies/?cursor={quote(cursor)}",
            depth=depth,
            indent=min(depth, DEEPEST_INDENT),
            is_deep=False,
        )

    def _hole(self, item: Item) -> Hole:
        number, cursor = item.number or 0, replies_cursor(item)
        shown = sum(child.total_count + (child.tombstone is None) for child in item.children)
        is_deep = not item.children
        href = self.place.of_comment(number)
        fetch = f"{self.api}comments/{number}/context/"
        if not is_deep:
            href = self.place.with_(f"comment-{number}", comment=number, cursor=cursor)
            fetch = f"{self.api}comments/{number}/replies/?cursor={quote(cursor or '')}"
        return Hole(
            path=item.path,
            number=number,
            count=item.total_count - shown,
            href=href,
            fetch=fetch,
            depth=item.depth + 1,
            indent=min(item.depth + 1, DEEPEST_INDENT),
            is_deep=is_deep,
        )

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
        why = gettext(UNPUBLISHED.get(item.status, GONE_ALONG))
        explanation = translated(unpublished.told)
        row.why_unseen = f"{why}. {explanation}".strip() if explanation else f"{why}."
        return row

    def _row(self, item: Item, *, here: set[int]) -> Row:
        def link(number: int) -> Link:
            href = f"#comment-{number}" if number in here else self.place.of_comment(number)
            return Link(number, href)

        short = self.place.last_number <= PAGE_SIZE
        number = item.number or 0
        address = self.place.of_comment(number)
        row = Row(
            item=item,
            anchor=f"comment-{number}",
            permalink=f"#comment-{number}" if short else address,
            address=address,
            indent=min(item.depth, DEEPEST_INDENT),
            text=relinked(item.html, address_of=self.place.of_comment, here=here),
            author_url=item.author_url if item.author_url.startswith(("http:", "https:")) else "",
            badges=[translated(BADGES.get(badge, badge)) for badge in item.badges],
            written=moment(item.written_at, zone=self.zone, words=self.moment_words),
            edited=moment(item.edited_at, zone=self.zone, words=self.moment_words),
            in_reply_to=link(item.parent) if item.parent is not None else None,
            mentioned_in=[link(number) for number in item.referred_from[:BACKLINKS_SHOWN]],
            more_mentions=max(0, len(item.referred_from) - BACKLINKS_SHOWN),
            tombstone=translated(TOMBSTONES.get(item.tombstone or "", "")),
            is_sought=self.sought is not None and item.number == self.sought,
            words=self.words,
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
            elif not viewer.is_known:
                row.why_no_vote = row.words.write_first
        if row.is_own and (self.is_open or viewer.is_moderator):
            until = editable_until(item)
            in_time = until is not None and self.now <= until
            if in_time or viewer.is_moderator:
                row.edit_href = self.place.with_("edit", edit=item.id)
            if in_time or viewer.has_account:
                row.delete_href = self.place.with_("delete", delete=item.id)


def _branch(item: Item) -> Iterator[Item]:
    """Yields an item and all that is shown below it, in reading order."""
    yield item
    for child in item.children:
        yield from _branch(child)


def _folded(count: int) -> str:
    text = ngettext("{count} folded reply", "{count} folded replies", count)
    return text.format(count=count)
