"""What a page of a thread shows: one value that the templates print, made by a dozen queries."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from django.http import QueryDict

from comments.errors import Malformed, NotFound, RateLimited, Refusal
from comments.models import Comment, ThreadState
from comments.queries.listing import Page, Shape, cursor_to, list_comments
from comments.queries.thread_page import folded_above, own_unpublished
from comments.queries.threads import ThreadHead
from comments.queries.viewer import own_votes
from comments.views.forms import CommentForm, EditForm, TextForm, sentence_for, whole_number
from comments.views.links import PAGE_SIZE, Place
from comments.views.rows import Maker, Row
from comments.views.subscribe_forms import MailForm, SubscribeForm
from comments.views.viewers import Viewer

SORTS = {"oldest": "Oldest first", "newest": "Newest first", "best": "Best first"}
DONE = {
    "deleted": "Your comment is gone.",
    "forgotten": "This browser no longer knows you.",
}
DONE_WITH_FORM = {
    "told": "You hear of replies and mentions by mail.",
    "telling": (
        "If that address is right, a mail is on its way: you hear of replies and mentions once you "
        "confirm."
    ),
    "limited": (
        "Your comment is here. Your wish to hear of replies could not be noted, because too many "
        "such wishes came from your network lately. Choose it again with a later comment."
    ),
    "untold": (
        "Your comment is here, but your wish to hear of replies could not be noted. Choose it "
        "again with your next comment."
    ),
}
"""Said beside the form for comments, which stands near the comment that was just posted."""
DONE_WITH_MAIL = {
    "asked": (
        "If that address is right, a mail is on its way, one in 15 minutes at most: nothing is "
        "sent until you confirm."
    ),
}
"""Said at the form to subscribe: the same whether the address is known or not."""
NOT_HERE = "This comment is not here (any more)."


@dataclass(slots=True)
class Showing:
    """What one answer shows beside the comments."""

    status: int = 200
    notice: str = ""
    notice_id: str = ""
    """The fragment that the browser looks for, so that it finds the notice instead."""
    is_error: bool = False
    form_notice: str = ""
    """Said at the form for comments."""
    mail_notice: str = ""
    """Said at the form to subscribe."""
    retry_after_seconds: int = 0
    form: CommentForm | None = None
    subscribe: SubscribeForm | None = None
    edit: EditForm | None = None
    delete: Comment | None = None
    preview: str = ""
    """HTML of the text as it would look."""
    stands_now: str = ""
    """HTML of the comment as it is, for an author whose form is older."""
    sought: int | None = None
    """Number of the comment whose page is shown."""

    @classmethod
    def after(cls, done: str) -> Showing:
        """Returns what is shown after something was done, by its name in the address."""
        return cls(
            notice=DONE.get(done, ""),
            form_notice=DONE_WITH_FORM.get(done, ""),
            mail_notice=DONE_WITH_MAIL.get(done, ""),
        )

    def refuse(self, refusal: Refusal, *, form: TextForm | MailForm | None = None) -> None:
        """Says why something was refused: in the form it came from, else above the comments."""
        self.status = refusal.status
        self.is_error = True
        if form is not None:
            form.add_refusal(refusal)
        else:
            self.notice = NOT_HERE if type(refusal) is NotFound else sentence_for(refusal)
        if isinstance(refusal, RateLimited):
            self.retry_after_seconds = refusal.retry_after_seconds


@dataclass(frozen=True, slots=True)
class Sorting:
    """One order that the thread can be read in."""

    label: str
    href: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for the page of a thread."""

    head: ThreadHead
    viewer: Viewer
    place: Place
    query: QueryDict
    now: datetime
    digest: str = ""
    """Name of the site's digest."""

    @property
    def is_open(self) -> bool:
        """Returns whether the thread takes comments."""
        return self.head.state == ThreadState.OPEN

    def empty_form(self, *, reply_to: int | None = None) -> CommentForm:
        """Returns the form for a new comment of this viewer."""
        return CommentForm(
            participant=self.viewer.participant,
            has_account=self.viewer.has_account,
            address=self.viewer.address,
            reply_to=reply_to,
        )

    def subscribe_form(self, data: QueryDict | None = None) -> SubscribeForm:
        """Returns the form to subscribe, empty or as it was sent."""
        return SubscribeForm(data, is_open=self.is_open)

    def shown(self) -> dict[str, str]:
        """Returns the parameters that say which comments are shown, for addresses to come back."""
        names = ("cursor", "sort", "comment")
        return {name: str(self.query[name]) for name in names if name in self.query}


@dataclass(slots=True)
class ThreadView:
    """All that ``comments/thread.html`` prints."""

    head: ThreadHead
    viewer: Viewer
    showing: Showing
    is_open: bool
    action: str
    """Where forms are posted to, without a fragment."""
    root_href: str
    """Where the form for a comment that answers none is."""
    feed_href: str
    digest: str
    """Name of the site's digest."""
    rows: list[Row] = field(default_factory=list)
    unclosed_folds: range = range(0)
    unseen: list[Row] = field(default_factory=list)
    """The viewer's own comments that others do not see."""
    sorts: list[Sorting] = field(default_factory=list)
    next_href: str = ""
    prev_href: str = ""
    all_href: str = ""
    reply_to: Row | None = None
    """The comment that the form answers; the form stands below it."""


def thread_view(asked: Asked, showing: Showing) -> ThreadView:
    """Returns what the page shows; the number of queries does not depend on the thread.

    Raises:
        Malformed, CursorInvalid: order or cursor are not ours.
    """
    head, viewer, place = asked.head, asked.viewer, asked.place
    sort, cursor = _order(asked, showing)
    page = list_comments(head=head, shape=Shape(sort=sort, limit=PAGE_SIZE), cursor=cursor)  # type: ignore[arg-type]
    mine = viewer.participant_id
    votes = own_votes(thread_id=head.id, participant_id=mine) if mine is not None else {}
    maker = Maker(place, viewer, asked.is_open, asked.now, votes, showing.sought)
    folds = folded_above(head=head, first=page.items[0]) if page.items else ()
    rows, unclosed = maker.rows_from(page.items, folded_above=folds)
    unseen = own_unpublished(head=head, participant_id=mine) if mine is not None else []
    view = ThreadView(
        head=head,
        viewer=viewer,
        showing=showing,
        is_open=asked.is_open,
        action=place.with_(**asked.shown()),
        root_href=place.with_("reply", **asked.shown()),
        feed_href=f"/threads/{quote(head.key)}/feed.atom",
        digest=asked.digest,
        rows=rows,
        unclosed_folds=unclosed,
        unseen=[maker.unseen_row(unpublished) for unpublished in unseen],
    )
    _settle_form(asked, view)
    showing.subscribe = showing.subscribe or asked.subscribe_form()
    _add_ways(place, view, page, sort=sort, is_first=cursor is None)
    return view


def _order(asked: Asked, showing: Showing) -> tuple[str, str | None]:
    """Returns the order and the cursor of the page that is asked for.

    A comment that is sought decides both; if nobody can reach it, the first page is shown with a
    sentence.

    Raises:
        Malformed: the order is none of ``SORTS``.
    """
    if showing.sought is None and "comment" in asked.query:
        showing.sought = whole_number(asked.query["comment"]) or 0
    if showing.sought is not None:
        try:
            return "oldest", cursor_to(head=asked.head, number=showing.sought, limit=PAGE_SIZE)
        except NotFound as refusal:
            if not showing.is_error:
                showing.refuse(refusal)
                showing.notice_id = f"comment-{showing.sought}"
            return "oldest", None
    sort = asked.query.get("sort", "oldest")
    if sort not in SORTS:
        raise Malformed(f"A thread is sorted by one of {', '.join(SORTS)}.")
    return sort, asked.query.get("cursor") or None


def _settle_form(asked: Asked, view: ThreadView) -> None:
    """Puts the form below the comment that it answers, if that can be answered."""
    showing = view.showing
    if view.is_open and showing.form is None:
        showing.form = asked.empty_form()
    form = showing.form
    if form is None or form.reply_to is None:
        return
    answered = [row for row in view.rows if row.item.number == form.reply_to]
    if answered and not answered[0].tombstone:
        view.reply_to = answered[0]
    else:
        form.reply_to, form.reply_is_lost = None, True


def _add_ways(place: Place, view: ThreadView, page: Page, *, sort: str, is_first: bool) -> None:
    """Adds the links to other pages of the thread and to other orders."""
    chosen = {} if sort == "oldest" else {"sort": sort}
    if page.next is not None:
        view.next_href = place.with_("comments", cursor=page.next, **chosen)
    if page.prev is not None:
        view.prev_href = place.with_("comments", cursor=page.prev, **chosen)
    if not is_first:
        view.all_href = place.with_("comments", **chosen)
    if view.head.visible_roots > 1:
        view.sorts = [
            Sorting(
                label,
                place.with_("comments", sort=name if name != "oldest" else None),
                name == sort,
            )
            for name, label in SORTS.items()
        ]
