"""What a page of a thread shows: one value that the templates print, made by a dozen queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import quote

from django.http import QueryDict
from django.utils.translation import gettext, ngettext

from comments.conf import options
from comments.errors import Malformed, NotFound, RateLimited, Refusal
from comments.language import translated
from comments.models import Comment, ThreadState
from comments.queries.comments import Item, comment_by_number, reachable_in
from comments.queries.listing import Shape, context_of, list_comments, list_replies
from comments.queries.sites import absolute, thread_path
from comments.queries.streams import stream_address
from comments.queries.thread_page import own_unpublished
from comments.queries.threads import ThreadHead
from comments.queries.viewer import own_votes
from comments.views.forms import CommentForm, EditForm, TextForm, sentence_for, whole_number
from comments.views.links import PAGE_SIZE, Place, feed_path
from comments.views.rows import Hole, Maker, Row
from comments.views.strings import script_strings
from comments.views.subscribe_forms import MailForm, SubscribeForm
from comments.views.viewers import Viewer
from comments.words import gettext_noop

SORTS = {
    "oldest": gettext_noop("Oldest first"),
    "newest": gettext_noop("Newest first"),
    "best": gettext_noop("Best first"),
}
DONE = {
    "deleted": gettext_noop("Your comment is gone."),
    "forgotten": gettext_noop("This browser no longer knows you."),
}
DONE_WITH_FORM = {
    "told": gettext_noop("You hear of replies and mentions by mail."),
    "telling": gettext_noop(
        "If that address is right, a mail is on its way: you hear of replies and mentions once you "
        "confirm."
    ),
    "limited": gettext_noop(
        "Your comment is here. Your wish to hear of replies could not be noted, because too many "
        "such wishes came from your network lately. Choose it again with a later comment."
    ),
    "untold": gettext_noop(
        "Your comment is here, but your wish to hear of replies could not be noted. Choose it "
        "again with your next comment."
    ),
}
"""Said beside the form for comments, which stands near the comment that was just posted."""
DONE_WITH_MAIL = {
    "asked": gettext_noop(
        "If that address is right, a mail is on its way, one in 15 minutes at most: nothing is "
        "sent until you confirm."
    ),
}
"""Said at the form to subscribe: the same whether the address is known or not."""
WHOLE = Shape(limit=PAGE_SIZE)
"""Of a short thread: all of it, in reading order."""
TREE = Shape(shape="tree", limit=PAGE_SIZE, depth=6, per_parent=5, most=120)
"""Of a longer one: what a page of it shows of each conversation; the rest are holes."""
NOT_HERE = gettext_noop("This comment is not here (any more).")


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
            notice=translated(DONE.get(done, "")),
            form_notice=translated(DONE_WITH_FORM.get(done, "")),
            mail_notice=translated(DONE_WITH_MAIL.get(done, "")),
        )

    def refuse(self, refusal: Refusal, *, form: TextForm | MailForm | None = None) -> None:
        """Says why something was refused: in the form it came from, else above the comments."""
        self.status = refusal.status
        self.is_error = True
        if form is not None:
            form.add_refusal(refusal)
        else:
            self.notice = gettext(NOT_HERE) if type(refusal) is NotFound else sentence_for(refusal)
        if isinstance(refusal, RateLimited):
            self.retry_after_seconds = refusal.retry_after_seconds


@dataclass(frozen=True, slots=True)
class Sorting:
    """One order that the thread can be read in."""

    name: str
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
    is_written_here: bool = True
    """A form belongs to what is shown; else a link leads to the one on the thread's page."""

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

    @property
    def api(self) -> str:
        """Returns the address of the thread in the API; whole where the page is elsewhere."""
        return self.whole(thread_path(self.head.key))

    def whole(self, path: str) -> str:
        """Returns a path of this installation; with its origin where the page is elsewhere."""
        return absolute(path) if self.place.is_elsewhere else path

    @property
    def is_short(self) -> bool:
        """Returns whether one page holds the whole thread."""
        return self.head.last_number <= PAGE_SIZE

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
    api: str
    """Address of the thread in the API."""
    sort: str = "oldest"
    is_branch: bool = False
    """One comment is shown, with what it answers and what answers it."""
    is_fragment: bool = False
    """Shown to nobody in particular, for a script that puts it somewhere."""
    is_written_here: bool = True
    """The form is here, and not only a link to it."""
    stream: str = ""
    """Where changes are told of as they happen; ``""`` where nobody tells."""
    rows: list[Row | Hole] = field(default_factory=list)
    unclosed_folds: range = range(0)
    unseen: list[Row] = field(default_factory=list)
    """The viewer's own comments that others do not see."""
    sorts: list[Sorting] = field(default_factory=list)
    next_href: str = ""
    next_fetch: str = ""
    """The same in the API."""
    prev_href: str = ""
    all_href: str = ""
    canonical: str = ""
    """Where search engines find this page, whatever else the address says."""
    reply_to: Row | None = None
    """The comment that the form answers; the form stands below it."""

    @property
    def count_words(self) -> str:
        """Returns how many comments there are."""
        count = self.head.visible_count
        return ngettext("%(count)s comment", "%(count)s comments", count) % {"count": count}

    @property
    def strings(self) -> str:
        """Returns the words for scripts, as JSON."""
        return script_strings()

    @property
    def max_chars(self) -> int:
        """Returns how many characters a comment may have."""
        return options().max_comment_chars

    @property
    def edit_seconds(self) -> int:
        """Returns how long its author may change a comment."""
        return options().edit_window_seconds


@dataclass(frozen=True, slots=True)
class _Listed:
    """The comments of one page."""

    items: list[Item]
    sort: str
    next: str | None = None
    prev: str | None = None
    branch: int | None = None
    """Number of the comment whose branch this is."""
    is_first: bool = True


def thread_view(asked: Asked, showing: Showing) -> ThreadView:
    """Returns what the page shows; the number of queries does not depend on the thread.

    Raises:
        Malformed, CursorInvalid: order or cursor are not ours.
    """
    listed = _listed(asked, showing)
    maker = _maker(asked, showing)
    view = _view(asked, showing, maker, listed.items)
    view.sort = listed.sort
    view.is_branch = listed.branch is not None
    mine = asked.viewer.participant_id
    if mine is not None:
        unseen = own_unpublished(head=asked.head, participant_id=mine)
        view.unseen = [maker.unseen_row(unpublished) for unpublished in unseen]
    _settle_form(asked, view)
    showing.subscribe = showing.subscribe or asked.subscribe_form()
    _add_ways(asked.place, view, listed)
    view.canonical = _canonical(asked, listed)
    return view


def comment_view(asked: Asked, *, number: int) -> ThreadView:
    """Returns one comment of a thread, for its row.

    Raises:
        NotFound: nobody can reach it.
    """
    showing = Showing()
    item = comment_by_number(head=asked.head, number=number)
    item.more_after = None  # what answers it may be on the page already
    return _view(asked, showing, _maker(asked, showing), [item])


def replies_view(asked: Asked, *, number: int, cursor: str | None) -> ThreadView:
    """Returns further replies to a comment, for their rows.

    Raises:
        NotFound: nobody can reach the comment.
        CursorInvalid: the cursor is of another branch.
    """
    showing = Showing()
    maker = _maker(asked, showing)
    page = list_replies(head=asked.head, number=number, shape=TREE, cursor=cursor)
    view = _view(asked, showing, maker, page.items)
    if page.next is not None:
        depth = page.items[0].depth
        view.rows.append(maker.more_replies(number=number, depth=depth, cursor=page.next))
    return view


def _maker(asked: Asked, showing: Showing) -> Maker:
    mine = asked.viewer.participant_id
    votes = own_votes(thread_id=asked.head.id, participant_id=mine) if mine is not None else {}
    return Maker(
        asked.place,
        asked.viewer,
        asked.is_open,
        asked.now,
        votes,
        showing.sought,
        asked.api,
    )


def _view(asked: Asked, showing: Showing, maker: Maker, items: Sequence[Item]) -> ThreadView:
    head, place = asked.head, asked.place
    rows, unclosed = maker.rows_from(items)
    return ThreadView(
        head=head,
        viewer=asked.viewer,
        showing=showing,
        is_open=asked.is_open,
        action=place.with_(**asked.shown()),
        root_href=place.with_("reply", **asked.shown()),
        feed_href=asked.whole(feed_path(head.key)),
        digest=asked.digest,
        api=asked.api,
        stream=stream_address(head.key),
        is_fragment=place.is_elsewhere,
        is_written_here=asked.is_written_here,
        rows=rows,
        unclosed_folds=unclosed,
    )


def _listed(asked: Asked, showing: Showing) -> _Listed:
    """Returns the comments of the page that is asked for.

    A short thread is shown whole. Of a longer one a comment that is sought is shown with what it
    answers and what answers it; if nobody can reach it, the first page is shown with a sentence.

    Raises:
        Malformed: the order is none of ``SORTS``.
        CursorInvalid: the cursor belongs to another list.
    """
    head = asked.head
    sort = asked.query.get("sort", "oldest")
    if sort not in SORTS:
        raise Malformed(
            gettext_noop("A thread is sorted by one of {names}.", names=", ".join(SORTS))
        )
    cursor = asked.query.get("cursor") or None
    if showing.sought is None and "comment" in asked.query:
        showing.sought = whole_number(asked.query["comment"]) or 0
    if showing.sought is not None:
        try:
            if not asked.is_short:
                return _branch(head, number=showing.sought, cursor=cursor)
            if not reachable_in(head.id).filter(number=showing.sought).exists():
                raise NotFound(NOT_HERE)
            sort = "oldest"
        except NotFound as refusal:
            if not showing.is_error:
                showing.refuse(refusal)
                showing.notice_id = f"comment-{showing.sought}"
            sort, cursor = "oldest", None
    shape = replace(WHOLE if asked.is_short else TREE, sort=sort)  # type: ignore[arg-type]
    page = list_comments(head=head, shape=shape, cursor=cursor)
    return _Listed(page.items, sort, page.next, page.prev, is_first=cursor is None)


def _branch(head: ThreadHead, *, number: int, cursor: str | None) -> _Listed:
    """Returns a comment below those it answers, with its first replies, or those from a cursor on.

    Raises:
        NotFound: nobody can reach it.
        CursorInvalid: the cursor is of another branch.
    """
    found = context_of(head=head, number=number, shape=TREE)
    chain = [*found.ancestors, found.comment]
    for above in found.ancestors:
        above.more_after = None  # the link to all comments stands for what is beside the branch
    following = None
    if cursor is not None:
        page = list_replies(head=head, number=number, shape=TREE, cursor=cursor)
        found.comment.children, found.comment.more_after = page.items, None
        following = page.next
    return _Listed(chain, "oldest", next=following, branch=number, is_first=False)


def _canonical(asked: Asked, listed: _Listed) -> str:
    """Returns the address of the page; a further page, which shows what no other does, has its own.

    Other orders, branches and forms show again what is there.
    """
    page, cursor = asked.head.page, asked.query.get("cursor")
    if not cursor or listed.is_first or listed.branch is not None or listed.sort != "oldest":
        return page
    return f"{page}{'&' if '?' in page else '?'}cursor={quote(cursor)}"


def _settle_form(asked: Asked, view: ThreadView) -> None:
    """Puts the form below the comment that it answers, if that can be answered."""
    showing = view.showing
    if view.is_open and showing.form is None:
        showing.form = asked.empty_form()
    form = showing.form
    if form is None or form.reply_to is None:
        return
    comments = [row for row in view.rows if isinstance(row, Row)]
    answered = [row for row in comments if row.item.number == form.reply_to]
    if answered and not answered[0].tombstone:
        view.reply_to = answered[0]
    else:
        form.reply_to, form.reply_is_lost = None, True


def _add_ways(place: Place, view: ThreadView, listed: _Listed) -> None:
    """Adds the links to other pages of the thread and to other orders."""
    chosen: dict[str, object] = {} if listed.sort == "oldest" else {"sort": listed.sort}
    fetch = f"{view.api}comments/?sort={listed.sort}&cursor="
    if listed.branch is not None:
        chosen = {"comment": listed.branch}
        fetch = f"{view.api}comments/{listed.branch}/replies/?cursor="
    if listed.next is not None:
        view.next_href = place.with_("comments", cursor=listed.next, **chosen)
        view.next_fetch = f"{fetch}{quote(listed.next)}"
    if listed.prev is not None:
        view.prev_href = place.with_("comments", cursor=listed.prev, **chosen)
    if not listed.is_first:
        view.all_href = place.with_("comments", **({} if view.is_branch else chosen))
    if view.head.visible_roots > 1:
        view.sorts = [
            Sorting(
                name,
                gettext(label),
                place.with_("comments", sort=name if name != "oldest" else None),
                name == listed.sort and not view.is_branch,
            )
            for name, label in SORTS.items()
        ]
