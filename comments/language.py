"""Which language readers are spoken to in, and how words, numbers and dates are said in it.

A blog is written in one language, so each site has one: pages, feeds and mails are in it, the same
for everybody. Programs are spoken to in English. Catalogs are in ``comments/locale/``;
``docs/translating.md`` says how to add a language.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from django.conf import settings
from django.utils import dates
from django.utils.formats import get_format
from django.utils.translation import (
    get_language,
    get_language_bidi,
    gettext,
    ngettext,
    override,
    pgettext,
)

from comments.words import Numeral, Sentence

LANGUAGES = {"en": "English", "he": "עברית", "de": "Deutsch", "ru": "Русский"}
"""The languages that we have all words of, by code, each named in itself."""
SOURCE = "en"
"""What programs are spoken to in, and what the catalogs translate from."""


def language_choices() -> list[tuple[str, str]]:
    """Returns the languages that can be chosen for a site."""
    return list(LANGUAGES.items())


def known_language(code: str) -> str:
    """Returns the language of ours that a code names, as ``de`` for ``de-AT``; ``""`` if none."""
    base = code.lower().replace("_", "-").partition("-")[0]
    return base if base in LANGUAGES else ""


def chosen_language(chosen: str) -> str:
    """Returns the language of a site.

    Args:
        chosen: for the site; empty for the installation's, ``LANGUAGE_CODE``.
    """
    return known_language(chosen) or known_language(settings.LANGUAGE_CODE) or SOURCE


def speaking(language: str) -> override:
    """Returns a context in which everything is said in a language, and afterwards as before."""
    return override(language)


def current_language() -> str:
    """Returns the language that is spoken now."""
    return get_language() or SOURCE


def direction() -> str:
    """Returns the direction that the language spoken now is written in: ``ltr`` or ``rtl``."""
    return "rtl" if get_language_bidi() else "ltr"


# --- words and numbers ------------------------------------------------------------------------


def translated(text: str) -> str:
    """Returns a sentence in the language that is spoken now.

    A plain string is looked up as it is: one of ours that has been stored is said in the language,
    what somebody wrote himself stays as he wrote it.
    """
    if not text:
        return ""
    if not isinstance(text, Sentence):
        return gettext(text)
    if text.plural:
        pattern = ngettext(text.pattern, text.plural, text.number)
    else:
        pattern = gettext(text.pattern)
    if not text.values:
        return pattern
    return pattern.format(**{name: _said(value) for name, value in text.values.items()})


def _said(value: object) -> object:
    if isinstance(value, Sentence):
        return translated(value)
    return numeral(value.value) if isinstance(value, Numeral) else value


def numeral(number: int) -> str:
    """Returns a number in figures, its thousands set apart as the language does it."""
    # Not by Django's own function: it has no grouping for Hebrew.
    return f"{number:,}".replace(",", get_format("THOUSAND_SEPARATOR"))


# --- dates ------------------------------------------------------------------------------------
# By patterns that are kept for each language. Django's filter takes as long for one date as a whole
# comment takes.


@dataclass(frozen=True, slots=True)
class _Style:
    """How a language writes dates."""

    months: tuple[str, ...]
    weekdays: tuple[str, ...]
    day: str
    day_without_year: str
    day_of_week: str
    with_time: str


@lru_cache
def _style(language: str) -> _Style:
    """Returns how a language, which is the one spoken now, writes dates.

    Months as they stand beside a day: "23 ноября", where the month alone is "ноябрь".
    """
    return _Style(
        months=tuple(str(dates.MONTHS_ALT[number]) for number in range(1, 13)),
        weekdays=tuple(str(dates.WEEKDAYS[number]) for number in range(7)),
        day=pgettext("date", "{day} {month} {year}"),
        day_without_year=pgettext("date", "{day} {month}"),
        day_of_week=pgettext("date", "{weekday}, {date}"),
        with_time=pgettext("date", "{date}, {time}"),
    )


def day_words(day: date) -> str:
    """Returns a day, as ``23 November 2026``."""
    style = _style(current_language())
    return style.day.format(day=day.day, month=style.months[day.month - 1], year=day.year)


def day_without_year(day: date) -> str:
    """Returns a day, as ``23 November``."""
    style = _style(current_language())
    return style.day_without_year.format(day=day.day, month=style.months[day.month - 1])


def day_of_week(day: date) -> str:
    """Returns a day, as ``Monday, 23 November 2026``."""
    style = _style(current_language())
    return style.day_of_week.format(weekday=style.weekdays[day.weekday()], date=day_words(day))


def with_time(day: str, at: datetime) -> str:
    """Returns a day in words with a time of it, as ``23 November 2026, 02:10``."""
    return _style(current_language()).with_time.format(date=day, time=f"{at:%H:%M}")


def moment_pattern() -> str:
    """Returns how a time is written, for who fills in its parts himself."""
    style = _style(current_language())
    return style.with_time.format(date=style.day, time="{hour}:{minute} {timeZoneName}")


def moment_writer() -> Callable[[datetime], str]:
    """Returns what writes a time in its own zone, as ``23 November 2026, 02:10 UTC``.

    In the language that is spoken now: a page with a hundred times asks for it once.
    """
    style = _style(current_language())

    def words(at: datetime) -> str:
        date_ = style.day.format(day=at.day, month=style.months[at.month - 1], year=at.year)
        time = f"{at.hour:02}:{at.minute:02} {at.tzname()}"
        return style.with_time.format(date=date_, time=time)

    return words
