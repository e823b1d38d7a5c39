"""Values of the environment that are one of a few: yes or no, a word of several, a time zone."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import environ
from django.core.exceptions import ImproperlyConfigured

from comments.language import LANGUAGES, known_language

TRUTH = {
    **dict.fromkeys(("on", "true", "yes", "1", "ok", "y"), True),
    **dict.fromkeys(("off", "false", "no", "0", "n"), False),
}
"""What yes and no are written as."""
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def truth(env: environ.Env, name: str, *, default: bool = False) -> bool:
    """Returns the yes or no that a variable is; empty is the default.

    Raises:
        ImproperlyConfigured: it is neither.
    """
    return truth_of(env.str(name, default=""), name, default=default)


def truth_of(text: str, name: str, *, default: bool = False) -> bool:
    """Returns the yes or no that a text is; empty is the default.

    Args:
        name: what a sentence calls it.

    Raises:
        ImproperlyConfigured: it is neither.
    """
    text = text.strip().lower()
    if text and text not in TRUTH:
        raise ImproperlyConfigured(f"{name} must be on or off.")
    return TRUTH.get(text, default)


def choice(env: environ.Env, name: str, choices: Sequence[str], *, default: str) -> str:
    """Returns the word of several that a variable is, in whatever case; empty is the default.

    Raises:
        ImproperlyConfigured: it is none of them.
    """
    text = env.str(name, default="").strip() or default
    for word in choices:
        if word.lower() == text.lower():
            return word
    raise ImproperlyConfigured(f"{name} must be {one_of(choices)}.")


def one_of(words: Sequence[str]) -> str:
    """Returns words as a sentence names them: ``a, b or c``."""
    *first, last = words
    return f"{', '.join(first)} or {last}"


def language(env: environ.Env) -> str:
    """Returns ``LANGUAGE_CODE``: a language of ours, maybe of some country, as ``de-AT``.

    Raises:
        ImproperlyConfigured: it is none.
    """
    text: str = env.str("LANGUAGE_CODE", default="").strip() or "en"
    if not known_language(text):
        raise ImproperlyConfigured(f"LANGUAGE_CODE must be {one_of(list(LANGUAGES))}.")
    return text


def time_zone(env: environ.Env) -> str:
    """Returns ``TIME_ZONE``.

    Raises:
        ImproperlyConfigured: nobody knows such a zone.
    """
    text: str = env.str("TIME_ZONE", default="").strip() or "UTC"
    try:
        ZoneInfo(text)
    except (ValueError, OSError, LookupError):
        raise ImproperlyConfigured("TIME_ZONE must be a time zone, as Europe/Berlin.") from None
    return text
