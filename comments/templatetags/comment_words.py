"""Dates and sentences in the language of a page."""

from __future__ import annotations

from datetime import date, datetime

from django import template

from comments.language import day_of_week, day_words, translated, with_time

register = template.Library()


@register.filter(expects_localtime=True)
def day(at: date | None) -> str:
    """Returns a day, as ``23 November 2026``; nothing for none."""
    return day_words(at) if at else ""


@register.filter(expects_localtime=True)
def day_and_time(at: datetime | None) -> str:
    """Returns a time, as ``23 November 2026, 02:10``; nothing for none."""
    return with_time(day_words(at), at) if at else ""


@register.filter(expects_localtime=True)
def weekday_and_time(at: datetime | None) -> str:
    """Returns a time, as ``Monday, 23 November 2026, 02:10``; nothing for none."""
    return with_time(day_of_week(at), at) if at else ""


@register.filter
def said(sentence: str) -> str:
    """Returns a sentence of a rule, a refusal or a query in the language of the page."""
    return translated(sentence)
