"""A language for tests: it says each sentence in English between ⟦ and ⟧.

What stands outside of those on a page, in Latin letters, is English that nobody can translate. The
tests that look for it write everything else, names and texts and titles, in Greek.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from xml.etree.ElementTree import Element
from zoneinfo import available_timezones

import html5lib
import pytest
from django.contrib.sites.models import Site
from django.utils.translation import trans_real

from comments.language import LANGUAGES
from comments.models import SiteSettings
from comments.queries.sites import forget_profiles

LANGUAGE = "xx"
OPEN, CLOSE = "⟦", "⟧"
NAMES = {"API", "Atom", "HTML", "JSON", "Markdown", "Rejoinder", "UTC", "Re"}
"""Said alike in every language."""
SPOKEN = ("alt", "aria-label", "aria-description", "content", "label", "placeholder", "title")
"""Attributes that are read out or shown; ``value`` is spoken of buttons alone."""
_WORD = re.compile(r"[A-Za-z][A-Za-z'’]*")
_ADDRESS = re.compile(r"[^\s⟦⟧]+@[^\s⟦⟧]+|https?://[^\s⟦⟧]*|/[\w/-]+/[^\s⟦⟧]*")


class Bracketed:
    """Takes the place of one of Django's catalogs."""

    def gettext(self, message: str) -> str:
        return f"{OPEN}{message.rpartition(trans_real.CONTEXT_SEPARATOR)[2]}{CLOSE}"

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        return self.gettext(singular if number == 1 else plural)

    def language(self) -> str:
        return LANGUAGE

    def to_language(self) -> str:
        return LANGUAGE


def teach(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the language be spoken."""
    trans_real.translation("en")  # makes the dictionary of catalogs that the next line extends
    catalogs = trans_real._translations  # type: ignore[attr-defined]
    monkeypatch.setitem(catalogs, LANGUAGE, Bracketed())
    monkeypatch.setitem(LANGUAGES, LANGUAGE, "⟦⟧")


def speak(language: str) -> None:
    """Makes it the language of the first site, whose own names are Greek."""
    Site.objects.update(name="Ιστολόγιο")
    Site.objects.clear_cache()
    SiteSettings.objects.update_or_create(site_id=1, defaults={"language": language})
    forget_profiles()


def english_in(text: str) -> list[str]:
    """Returns the Latin words of a text that stand in no brackets, names and addresses apart."""
    outside, depth = [], 0
    for character in _ADDRESS.sub(" ", text):
        depth += (character == OPEN) - (character == CLOSE)
        outside.append(" " if depth or character == CLOSE else character)
    assert depth == 0, "a sentence does not end"
    return [word for word in _WORD.findall("".join(outside)) if word not in NAMES]


def english_on(page: bytes | str | Element) -> list[str]:
    """Returns the English that is left on a page of HTML: in its text, and in what is read out.

    Args:
        page: as it was served, or as it was parsed, without namespaces.
    """
    root = page if isinstance(page, Element) else html5lib.parse(page, namespaceHTMLElements=False)
    left = english_in("".join(_texts(root)))
    for element in root.iter():
        for name, value in _spoken(element):
            left += [f"{name}: {word}" for word in english_in(value)]
        for value in json.loads(element.get("data-strings") or "{}").values():
            for text in value.values() if isinstance(value, dict) else [value]:
                left += [f"data-strings: {word}" for word in english_in(text)]
    return left


@cache
def _zones() -> set[str]:
    """Returns the names of all zones, for which the machine's directories are searched."""
    return available_timezones()


def _texts(element: Element) -> Iterator[str]:
    """Yields the text of an element in the order of the page, code and names of zones apart."""
    is_zone = element.tag == "option" and element.text in _zones()
    if element.tag not in {"script", "style", "code"} and isinstance(element.tag, str):
        yield "" if is_zone else element.text or ""
        for child in element:
            yield from _texts(child)
            yield child.tail or ""
    # What one element says does not run on into the next one.
    yield " "


def _spoken(element: Element) -> Iterator[tuple[str, str]]:
    is_technical = element.tag == "meta" and not {
        element.get("name"),
        element.get("property"),
    } & {"description", "og:title", "og:description", "og:site_name"}
    for name in SPOKEN:
        if name in element.attrib and not is_technical:
            yield name, element.attrib[name]
    if element.tag == "input" and element.get("type") in {"submit", "button"}:
        yield "value", element.get("value") or ""


def headers_of(message: Any) -> str:
    """Returns the headers of a mail that people read."""
    names = ("From", "Subject", "List-Id")
    return "\n".join(str(message[name]).partition("<")[0] for name in names if message[name])
