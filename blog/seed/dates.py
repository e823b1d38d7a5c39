"""Dates as bylines and date lines write them.

A byline's date only has to be told from the names before it; the date line's becomes a date.
"""

from __future__ import annotations

import re
from datetime import date

_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_SHORT = [month[:3] for month in _MONTHS]
_MONTH = "(?:" + "|".join(f"{name[:3]}(?:{name[3:]})?" for name in _MONTHS) + r"|sept)\.?"
_DAY = r"[0-9]{1,2}(?:st|nd|rd|th|\.)?"
_WEEKDAY = r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,? )?"
_FORMS = (
    rf"{_WEEKDAY}(?P<month>{_MONTH}) (?P<day>{_DAY}),? (?P<year>[0-9]{{4}})",
    rf"{_WEEKDAY}(?P<day>{_DAY}) (?P<month>{_MONTH}),? (?P<year>[0-9]{{4}})",
)

# At the end of a byline, with what may stand between names and date.
BYLINE_DATE = re.compile(
    rf"(?:[ ,|(–—-]|\bon\b)*\b(?P<date>{_WEEKDAY}(?:"
    rf"{_MONTH} (?:{_DAY}|[0-9]{{4}})(?:[ ,/'’]{{1,3}}[0-9]{{2,4}})?"
    rf"|{_DAY} {_MONTH}(?:,? [0-9]{{4}})?"
    r"|[0-9]{1,4}([./-])[0-9]{1,2}\2[0-9]{1,4}))\)?$",
    re.IGNORECASE,
)


def read_date(written: str) -> date | None:
    """Returns the date that a text states; None for others, and for days in no calendar.

    "April 27, 2023", "27 Apr. 2023" and "2023-04-27" are read. "04/05/2023" is not: it can be two
    dates.
    """
    try:
        for form in _FORMS:
            if found := re.fullmatch(form, written, re.IGNORECASE):
                month = _SHORT.index(found["month"][:3].lower()) + 1
                return date(int(found["year"]), month, int(re.sub(r"\D", "", found["day"])))
        return date.fromisoformat(written)
    except ValueError:
        return None
