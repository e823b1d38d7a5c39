"""The words beside each comment: looked up once for a language, not once for each comment.

A page prints them a hundred times, and a template's tag takes longer for one sentence than the rest
of a comment's line does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from django.utils.html import escape
from django.utils.translation import gettext

from comments.actions.voting import WRITE_FIRST
from comments.language import current_language, translated


@dataclass(frozen=True, slots=True)
class RowWords:
    """HTML, so that a template does not escape it again; ``{number}`` where a number goes."""

    number: str
    unknown: str
    you: str
    level: str
    date_unknown: str
    edited: str
    in_reply_to: str
    mentioned_in: str
    votes_up: str
    votes_up_hidden: str
    votes_down: str
    votes_down_hidden: str
    write_first: str
    vote_up: str
    vote_down: str
    reply: str
    to_comment: str
    edit: str
    delete: str
    your_comment: str


def row_words() -> RowWords:
    """Returns the words in the language that is spoken now."""
    return _words(current_language())


@lru_cache
def _words(language: str) -> RowWords:
    return RowWords(
        number=escape(gettext("Number {number}")),
        unknown=escape(gettext("Unknown")),
        you=escape(gettext("you")),
        level=escape(gettext("level {level}, reply to {number}")),
        date_unknown=escape(gettext("date unknown")),
        edited=escape(gettext("edited")),
        in_reply_to=escape(gettext("in reply to #{number}")),
        mentioned_in=escape(gettext("Mentioned in")),
        votes_up=escape(gettext("Votes up")),
        votes_up_hidden=escape(gettext("votes up:")),
        votes_down=escape(gettext("Votes down")),
        votes_down_hidden=escape(gettext("votes down:")),
        write_first=escape(translated(WRITE_FIRST)),
        vote_up=escape(gettext("Vote comment {number} up")),
        vote_down=escape(gettext("Vote comment {number} down")),
        reply=escape(gettext("Reply")),
        to_comment=escape(gettext("to comment {number}")),
        edit=escape(gettext("Edit")),
        delete=escape(gettext("Delete")),
        your_comment=escape(gettext("your comment")),
    )
