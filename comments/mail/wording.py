"""What our own words in a mail to subscribers are: its subject, and why somebody gets it.

In the language that is spoken where these functions are called.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext, ngettext, npgettext

from comments.language import day_of_week, numeral, translated
from comments.mail.headers import LONGEST_SUBJECT, one_line, subject_line
from comments.rules.editions import EditionContent, PostContent
from comments.rules.subscribing import HOW_OFTEN, wish_wording

LONGEST_NAME = 60
"""Of a site or a digest in a subject: what the mail is about is to be seen beside it."""
SHORTEST_TITLE = 30


@dataclass(frozen=True, slots=True)
class Footer:
    """The end of a mail."""

    why: str
    leave: str
    """Words of the link that ends what the mail is sent for; empty for no such link."""


def subject_of(content: EditionContent) -> str:
    """Returns the subject of an edition."""
    if content.kind == "confirmation":
        is_active = content.scope.startswith("already")
        pattern = (
            gettext("You get this already: {label}, {when}")
            if is_active
            else gettext("Please confirm: {label}, {when}")
        )
        when = translated(HOW_OFTEN[content.frequency])
        return subject_line(pattern.format(label=translated(content.label), when=when))
    first = content.posts[0]
    if content.kind == "instant":
        # The same for each mail about a thread: many programs keep together what has one subject.
        # "Re:" in every language, since that is what those programs know.
        title = one_line(first.title, limit=LONGEST_SUBJECT)
        return subject_line(title if first.page_id is not None else f"Re: {title}")
    name = one_line(translated(content.digest_name), limit=LONGEST_NAME)
    news = _news_of(content.posts)
    room = LONGEST_SUBJECT - len(f"{name}: {news.format(title='')}")
    title = one_line(first.title, limit=max(room, SHORTEST_TITLE))
    return subject_line(f"{name}: {news.format(title=title)}")


def _news_of(posts: tuple[PostContent, ...]) -> str:
    """Returns what a digest tells of, with ``{title}`` where the first post's title goes.

    Whole sentences for each case: in many languages a number of things looks different after "on".
    """
    new = sum(1 for post in posts if post.page_id is not None)
    comments = sum(post.comment_count for post in posts)
    more = len(posts) - 1 if not new else new - 1
    said = {
        "title": "{title}",
        "number": numeral(more),
        "comments": new_comments(comments),
    }
    if not new and more:
        pattern = ngettext(
            "{comments} on “{title}” and {number} more post",
            "{comments} on “{title}” and {number} more posts",
            more,
        )
    elif not new:
        pattern = gettext("{comments} on “{title}”")
    elif more and comments:
        pattern = ngettext(
            "“{title}” and {number} more post, {comments}",
            "“{title}” and {number} more posts, {comments}",
            more,
        )
    elif more:
        pattern = ngettext(
            "“{title}” and {number} more post", "“{title}” and {number} more posts", more
        )
    elif comments:
        pattern = gettext("“{title}”, {comments}")
    else:
        pattern = gettext("“{title}”")
    return pattern.format(**said)


def new_comments(number: int) -> str:
    """Returns a number of new comments, as ``2,000 new comments``."""
    text = ngettext("{number} new comment", "{number} new comments", number)
    return text.format(number=numeral(number))


def votes_words(number: int) -> str:
    """Returns how many votes a comment is ahead, as ``+3 votes``."""
    text = ngettext("+{number} vote", "+{number} votes", number)
    return text.format(number=numeral(number))


def comments_left_out(number: int) -> str:
    """Returns how many comments of a post are not in a mail, as ``and 37 more``."""
    text = npgettext("comments", "and {number} more", "and {number} more", number)
    return text.format(number=numeral(number))


def posts_left_out(posts: int, *, comments: int) -> str:
    """Returns what is not in a mail, as ``and 2 more posts with 37 comments``."""
    if not comments:
        text = ngettext("and {number} more post", "and {number} more posts", posts)
        return text.format(number=numeral(posts))
    text = ngettext(
        "and {posts} with {number} comment", "and {posts} with {number} comments", comments
    )
    more = ngettext("{number} more post", "{number} more posts", posts)
    return text.format(posts=more.format(number=numeral(posts)), number=numeral(comments))


def summary_of(content: EditionContent) -> str:
    """Returns what there is in an edition, as ``2 new posts and 45 new comments``."""
    new = sum(1 for post in content.posts if post.page_id is not None)
    comments = sum(post.comment_count for post in content.posts)
    posts = ngettext("{number} new post", "{number} new posts", new).format(number=numeral(new))
    if new and comments:
        both = gettext("{posts} and {comments}")
        return both.format(posts=posts, comments=new_comments(comments))
    return posts if new else new_comments(comments) if comments else ""


def day_of(period: str) -> str:
    """Returns a local date as readers write it; anything else as it is."""
    try:
        day = date.fromisoformat(period)
    except ValueError:
        return period
    words = day_of_week(day)
    return f"{words[:1].upper()}{words[1:]}"


def wish_of(content: EditionContent) -> str:
    """Returns the sentence that is agreed to by confirming a subscription."""
    wish = wish_wording(
        label=content.label, when=HOW_OFTEN[content.frequency], site=content.site_name
    )
    return translated(wish)


def footer_of(content: EditionContent) -> Footer:
    """Returns why somebody gets an edition, and what the link to leave is called."""
    if content.kind == "confirmation":
        why = gettext(
            "You get this because somebody, probably you, asked for mail at this address on {site}."
        )
        return Footer(why.format(site=content.site_name), "")
    if content.kind == "digest":
        why = gettext(
            "You get this because you are subscribed to what goes into {digest}: the whole site, "
            "single posts, or answers to what you wrote. Your settings say which."
        )
        leave = gettext("Send me no more digests")
        return Footer(why.format(digest=translated(content.digest_name)), leave)
    why = gettext("You get this because you are subscribed on {site} to {label}, at once.")
    label = translated(content.label)
    return Footer(
        why.format(site=content.site_name, label=label), gettext("Send me no more of these")
    )
