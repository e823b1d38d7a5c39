"""What a name is compared by: cleaned for showing, folded for mentions, and once more for likeness.

A mention is resolved by ``name_key``; that somebody writes under a protected person's name in
look-alike letters is noticed by ``name_skeleton``. Sources: Unicode Standard Annex 15 (NFC, NFKC),
Unicode Technical Standard 39 section 4 (skeletons) with its data file ``confusables.txt``, which
the package ``confusable-homoglyphs`` ships.
"""

from __future__ import annotations

import json
import re
import unicodedata
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from comments.rules.text_characters import (
    INVISIBLE,
    JOINERS,
    LINE_ENDS,
    NOT_IN_TEXTS,
    SURROGATES,
    is_visible,
    table_without,
)

MOST_MARKS = 4
"""Combining marks that may stand on one letter; Hebrew with points and accents needs three."""

_NOT_IN_NAMES = table_without(NOT_IN_TEXTS | INVISIBLE)
_NOT_IN_KEYS = table_without(NOT_IN_TEXTS | INVISIBLE | JOINERS | {"\ufe0f"})
_SEPARATORS = re.compile(r"[\s\-_\u2010]+")
_STACKED_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)
"""Marks that stand on letters of any script; vowel signs of Indic or Semitic scripts do not."""

_TOO_MANY_MARKS = re.compile(f"({_STACKED_MARKS.pattern}{{{MOST_MARKS}}}){_STACKED_MARKS.pattern}+")


def clean_name(name: str) -> str:
    """Returns the name as it is shown: NFC, on one line, without characters nobody can see.

    Control, bidirectional and zero-width characters go, lone surrogates too; white space is
    collapsed to single spaces and stripped; more than ``MOST_MARKS`` combining marks in a row are
    cut. Returns ``""`` when nothing visible is left, which is for the caller to refuse.
    """
    text = SURROGATES.sub("", LINE_ENDS.sub(" ", name)).translate(_NOT_IN_NAMES)
    text = _TOO_MANY_MARKS.sub(r"\1", unicodedata.normalize("NFC", text))
    text = " ".join(unicodedata.normalize("NFC", text).split())
    text = text.strip("".join(JOINERS) + " ")
    return text if is_visible(text) else ""


@lru_cache(maxsize=8192)
def name_key(name: str) -> str:
    """Returns what a mention of this name is resolved by: ``"Ted  Belman"`` to ``"ted-belman"``.

    NFKC and case folding, repeated until nothing changes, so that a key is its own key; what
    cannot be seen is left out; runs of white space, ``-`` and ``_`` become one ``-``.
    """
    text = name
    for _ in range(4):
        folded = unicodedata.normalize("NFKC", text.translate(_NOT_IN_KEYS)).casefold()
        folded = unicodedata.normalize("NFKC", folded)
        if folded == text:
            break
        text = folded
    return _SEPARATORS.sub("-", text).strip("-")


@lru_cache(maxsize=8192)
def name_skeleton(name: str) -> str:
    """Returns what look-alike names share: equal for ``"Adam"``, ``"АDАМ"`` and ``"Ad\\u200bam"``.

    The ``name_key`` with accents, separators and punctuation left out and each character replaced
    by the one it can be taken for; ``i``, ``l`` and ``1`` count as one, since ``I`` and ``l`` do
    and the key has lost which of ``I`` and ``i`` it was. A name of nothing but punctuation keeps
    it.
    """
    text = name_key(_latin_capitals(unicodedata.normalize("NFKC", name)))
    for _ in range(8):
        folded = _fold_once(text)
        if folded == text:
            break
        text = folded
    return text


def look_alike(character: str) -> str:
    """Returns what a character can be taken for, one or more characters; itself if for nothing.

    Look-alikes share one prototype, case aside: a small letter counts as what its capital looks
    like where only that is Latin. Source: UTS 39 section 4.
    """
    return _look_alikes().get(character, character)


def _latin_capitals(name: str) -> str:
    """Returns a name that has Latin letters with the foreign capitals among them made Latin too.

    Case folding would lose the likeness: a Greek capital nu looks like N, the small one like v.
    """
    if not any(character.isascii() and character.isalpha() for character in name):
        return name
    alike = _look_alikes()
    return "".join(
        alike.get(character, character)
        if character.isupper() and not character.isascii()
        else character
        for character in name
    )


def _fold_once(text: str) -> str:
    alike = _look_alikes()
    bare = _STACKED_MARKS.sub("", unicodedata.normalize("NFD", text))
    folded = name_key("".join(alike.get(character, character) for character in bare))
    folded = _STACKED_MARKS.sub("", unicodedata.normalize("NFD", folded)).replace("vv", "w")
    words = "".join(
        character for character in folded if unicodedata.category(character)[0] not in "PZ"
    )
    return unicodedata.normalize("NFC", words or folded)


@cache
def _look_alikes() -> dict[str, str]:
    """Returns what each character is replaced by, about 6,000 of them.

    The package gives pairs in both directions. In the Unicode file a single character is always on
    the left and its prototype, one or more characters, on the right, and no prototype is itself
    replaced; so each group of connected entries is a star, and whichever member is taken for all of
    it, look-alikes end up equal. A prototype of several characters (``rn`` for ``m``) can only
    be the target.
    """
    resource = files("confusable_homoglyphs").joinpath("confusables.json")
    # What is made on the way would stay with the process as memory: no names, and no sets.
    pairs = json.loads(resource.read_text(encoding="utf-8"), object_hook=_without_names)
    neighbours: dict[str, list[str]] = {}
    for one, others in pairs.items():
        for two in others:
            for left, right in ((one, two), (two, one)):
                known = neighbours.setdefault(left, [])
                if right not in known:
                    known.append(right)
    alike: dict[str, str] = {}
    for character, others in neighbours.items():
        if len(character) > 1:
            continue
        group = {character, *others}
        prototype = min(group, key=lambda text: (len(text) == 1, -len(neighbours[text]), text))
        if prototype != character:
            alike[character] = prototype
    # Case folding makes a small letter of a capital that looks Latin: Cyrillic В becomes в.
    for capital, prototype in list(alike.items()):
        small = capital.lower()
        seen_as = alike.get(small, small)
        looks_latin = prototype.isascii() and prototype.isalpha()
        if looks_latin and small != capital and len(small) == 1 and not seen_as.isascii():
            alike[small] = alike[seen_as] = prototype.lower()
    alike["i"] = "l"
    return alike


def _without_names(entry: dict[str, Any]) -> dict[str, Any] | str:
    """Returns the character of a look-alike, which comes with its name, or all of them as they are.

    Right-to-left characters are wrapped in marks there, so that the file reads well.
    """
    if entry.keys() == {"c", "n"}:
        return _bare(entry["c"])
    return {_bare(character): others for character, others in entry.items()}


def _bare(character: str) -> str:
    return character.strip("\u200e\u200f")
