"""The words that scripts need: made by the server in the language of the thread, and sent along.

Scripts have no English of their own. A text may hold ``{names}`` that the script fills in; one that
depends on a number is given in the forms of the language (CLDR's plural categories), from which the
script picks by ``Intl.PluralRules``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext, ngettext

from comments.language import current_language, moment_pattern

CATEGORIES = {
    "en": {"one": 1, "other": 2},
    "de": {"one": 1, "other": 2},
    "he": {"one": 1, "two": 2, "other": 3},
    "ru": {"one": 1, "few": 2, "many": 5, "other": 2},
}
"""Of each language the plural categories, each with a number that belongs to it. Russian's
``other`` is that of fractions, which are read as ``few``."""


def script_strings() -> str:
    """Returns the words for scripts in the active language, as JSON."""
    return _as_json(current_language(), settings.TIME_ZONE)


@lru_cache
def _as_json(language: str, zone: str) -> str:
    """Returns them; the language and the zone are those that are in force."""
    return json.dumps({**_texts(), **_plurals()}, ensure_ascii=False, separators=(",", ":"))


def _texts() -> dict[str, str]:
    return {
        # reading
        "not_here": gettext("This comment is not here (any more)."),
        "not_loaded": gettext("This could not be loaded. Check your connection and try again."),
        "back_to": gettext("back to #{number}"),
        "new": gettext("new"),
        "exact_times": gettext("Exact times"),
        "moment": moment_pattern(),
        "zone": settings.TIME_ZONE,
        "keys": gettext("Keyboard shortcuts"),
        "keys_on": gettext("Use these keys"),
        "key_j": gettext("next comment"),
        "key_k": gettext("previous comment"),
        "key_r": gettext("reply"),
        "key_q": gettext("quote what is selected"),
        "key_n": gettext("next new comment"),
        "key_help": gettext("this list"),
        "close": gettext("Close"),
        # live
        # writing
        "write": gettext("Leave a comment"),
        "reply_title": gettext("Reply to #{number} by {name}"),
        "edit_title": gettext("Change your comment"),
        "save": gettext("Save"),
        "cancel": gettext("Cancel"),
        "sending": gettext("Sending…"),
        "posted": gettext("Your comment is here, as number {number}."),
        "edited": gettext("Your comment has been changed."),
        "held": gettext("Your comment waits for a moderator. Only you see it."),
        "told": gettext("You hear of replies and mentions by mail."),
        "telling": gettext(
            "If that address is right, a mail is on its way: you hear of replies and mentions once "
            "you confirm."
        ),
        "limited": gettext(
            "Your comment is here. Your wish to hear of replies could not be noted, because too "
            "many such wishes came from your network lately. Choose it again with a later comment."
        ),
        "untold": gettext(
            "Your comment is here, but your wish to hear of replies could not be noted. Choose it "
            "again with your next comment."
        ),
        "draft_restored": gettext("What you had begun to write here is back."),
        "discard": gettext("Throw it away"),
        "discarded": gettext("Thrown away."),
        "name_needed": gettext("A name is needed."),
        "text_needed": gettext("Write something first."),
        "address_needed": gettext("To tell you, we need an address."),
        "lost": gettext("The connection was lost. Nothing you wrote is lost."),
        "failed": gettext("That did not work. Nothing you wrote is lost."),
        "try_again": gettext("Try again"),
        "wait": gettext("That was a lot in a short time. You can post again in {left}."),
        "thread_closed": gettext("This thread is closed now. Your text can be copied from here."),
        "sanctioned": gettext("You may not write here at the moment. Your text can be copied."),
        "auth_required": gettext("You are not known here any more. Load the page again."),
        "duplicate_comment": gettext(
            "You have said exactly this a moment ago, so it was not posted again."
        ),
        "idempotency_conflict": gettext(
            "Another text was sent from here before. Press Post once more to send this one too."
        ),
        "parent_gone": gettext(
            "The comment that you answer is not here any more. "
            "Press Post to post your text as a comment of its own."
        ),
        "stale_version": gettext(
            "This comment has changed meanwhile. Press Save once more to replace what it says now:"
        ),
        "edit_window_expired": gettext(
            "This comment cannot be changed any more. Your text can be copied from here."
        ),
        "removed_meanwhile": gettext(
            "A moderator has removed this comment meanwhile. Your text can be copied from here."
        ),
        "held_meanwhile": gettext(
            "A moderator has to read this comment again. Press Save once more to change it first."
        ),
        "preview": gettext("Preview – not posted yet"),
        "counter": gettext("{n} of {most} characters"),
        "quote": gettext("Quote"),
        "names": gettext("Names"),
        "unseen": gettext("Only you see this"),
        # The server's own page begins the same sentence with a capital, too.
        "is_held": capfirst(gettext("waiting for a moderator")),
        "is_rejected": capfirst(gettext("not published by a moderator")),
        "is_spam": capfirst(gettext("taken for spam by a moderator")),
        "you": gettext("you"),
        "edit": gettext("Edit"),
        "delete": gettext("Delete"),
        "deleted": gettext("Deleted."),
        "undo": gettext("Undo"),
        "not_deleted": gettext("This comment has changed meanwhile, so it was not deleted."),
        "undone": gettext("Your comment is back."),
        "vote_up": gettext("Vote comment {number} up"),
        "vote_down": gettext("Vote comment {number} down"),
        "writing_as": gettext("You write as {name}."),
        "known_as": gettext(
            "This browser knows you as {name}, so that you can edit what you write."
        ),
        "forget": gettext("Forget me here"),
        "forgotten": gettext("This browser no longer knows you."),
    }


def _plurals() -> dict[str, dict[str, str]]:
    # Each a call of ngettext with its texts: that is what xgettext finds.
    return {
        # reading
        "comments": _forms(lambda n: ngettext("{n} comment", "{n} comments", n)),
        "more_comments": _forms(lambda n: ngettext("{n} more comment", "{n} more comments", n)),
        "collapse": _forms(lambda n: ngettext("Collapse {n} reply", "Collapse {n} replies", n)),
        "expand": _forms(lambda n: ngettext("Show {n} reply", "Show {n} replies", n)),
        "new_since": _forms(
            lambda n: ngettext("{n} new since your last visit", "{n} new since your last visit", n)
        ),
        # live
        "new_comments": _forms(lambda n: ngettext("{n} new comment", "{n} new comments", n)),
        "new_replies": _forms(lambda n: ngettext("{n} new reply", "{n} new replies", n)),
        # writing
        "too_long": _forms(
            lambda n: ngettext(
                "The text is {n} character too long.", "The text is {n} characters too long.", n
            )
        ),
        "minutes": _forms(lambda n: ngettext("{n} minute", "{n} minutes", n)),
        "names_found": _forms(
            lambda n: ngettext(
                "{n} name: Enter takes it.", "{n} names: arrow keys choose, Enter takes one.", n
            )
        ),
        "deleted_say": _forms(
            lambda n: ngettext(
                "Deleted. You can undo it for {n} second.",
                "Deleted. You can undo it for {n} seconds.",
                n,
            )
        ),
    }


def _forms(text: Callable[[int], str]) -> dict[str, str]:
    language = (get_language() or "en").partition("-")[0]
    categories = CATEGORIES.get(language, CATEGORIES["en"])
    return {category: text(number) for category, number in categories.items()}
