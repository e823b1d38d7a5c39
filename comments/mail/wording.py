"""What our own words in a mail to subscribers are: its subject, and why somebody gets it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

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
        label = f"{content.label}, {HOW_OFTEN[content.frequency]}"
        return subject_line(f"{'You get this already' if is_active else 'Please confirm'}: {label}")
    first = content.posts[0]
    if content.kind == "instant":
        # The same for each mail about a thread: many programs keep together what has one subject.
        title = one_line(first.title, limit=LONGEST_SUBJECT)
        return subject_line(title if first.page_id is not None else f"Re: {title}")
    name = one_line(content.digest_name, limit=LONGEST_NAME)
    before, after = _around_title(content.posts)
    room = LONGEST_SUBJECT - len(name) - len(before) - len(after) - 4
    title = one_line(first.title, limit=max(room, SHORTEST_TITLE))
    return subject_line(f"{name}: {before}“{title}”{after}")


def _around_title(posts: tuple[PostContent, ...]) -> tuple[str, str]:
    new = sum(1 for post in posts if post.page_id is not None)
    comments = counted(sum(post.comment_count for post in posts), "new comment")
    if not new:
        others = len(posts) - 1
        return f"{comments} on ", f" and {counted(others, 'more post')}" if others else ""
    more = f" and {counted(new - 1, 'more post')}" if new > 1 else ""
    return "", f"{more}, {comments}" if comments[0] != "0" else more


def counted(number: int, thing: str) -> str:
    """Returns a number of things, as ``1 post`` or ``2,000 posts``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def summary_of(content: EditionContent) -> str:
    """Returns what there is in an edition, as ``2 new posts and 45 new comments``."""
    new = sum(1 for post in content.posts if post.page_id is not None)
    comments = sum(post.comment_count for post in content.posts)
    parts = [counted(new, "new post")] if new else []
    parts += [counted(comments, "new comment")] if comments else []
    return " and ".join(parts)


def day_of(period: str) -> str:
    """Returns a local date as readers write it; anything else as it is."""
    try:
        day = date.fromisoformat(period)
    except ValueError:
        return period
    return f"{day:%A}, {day.day} {day:%B %Y}"


def wish_of(content: EditionContent) -> str:
    """Returns the sentence that is agreed to by confirming a subscription."""
    return wish_wording(
        label=content.label, when=HOW_OFTEN[content.frequency], site=content.site_name
    )


def footer_of(content: EditionContent) -> Footer:
    """Returns why somebody gets an edition, and what the link to leave is called."""
    if content.kind == "confirmation":
        asked = "somebody, probably you, asked for mail at this address"
        return Footer(f"You get this because {asked} on {content.site_name}.", "")
    if content.kind == "digest":
        return Footer(
            f"You get this because you are subscribed to what goes into {content.digest_name}: the "
            "whole site, single posts, or answers to what you wrote. Your settings say which.",
            "Send me no more digests",
        )
    return Footer(
        f"You get this because you are subscribed on {content.site_name} to {content.label}, "
        f"{HOW_OFTEN['instant']}.",
        "Send me no more of these",
    )
