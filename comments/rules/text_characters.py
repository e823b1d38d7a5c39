"""Which characters a text or a name may carry; cleaning, names and rendering share these sets.

Sources: Unicode Standard Annex 9 (bidirectional controls), 44 (general categories); Unicode 15.1
DerivedCoreProperties, ``Default_Ignorable_Code_Point``; XML 1.0 section 2.2, which feeds obey.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable


def _characters(*ranges: int | tuple[int, int]) -> frozenset[str]:
    """Returns the characters of single code points and of ranges, last one included."""
    return frozenset(
        chr(code)
        for part in ranges
        for code in (range(part[0], part[1] + 1) if isinstance(part, tuple) else (part,))
    )


LINE_ENDS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
"""Everything that ends a line and is not the line feed."""

BIDI_CONTROLS = _characters(0x61C, (0x200E, 0x200F), (0x202A, 0x202E), (0x2066, 0x206F))
"""UAX 9 controls, and the deprecated format characters next to them: they reorder what is read."""

NONCHARACTERS = _characters(
    (0xFDD0, 0xFDEF), *((plane | 0xFFFE, plane | 0xFFFF) for plane in range(0, 0x110000, 0x10000))
)

CONTROLS = _characters((0, 8), (0xB, 0x1F), (0x7F, 0x9F))
"""C0 and C1 but tab and line feed."""

NOT_IN_TEXTS = BIDI_CONTROLS | NONCHARACTERS | CONTROLS | _characters(0xFEFF, (0xFFF9, 0xFFFB))

BLANK_LETTERS = _characters(0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0)
"""Letters and symbols to Unicode, nothing to the eye."""

JOINERS = frozenset("\u200c\u200d")
"""Invisible, and yet part of how Persian, Indic scripts and emoji are written."""

INVISIBLE = (
    _characters(0xAD, 0x34F, (0x17B4, 0x17B5), (0x180B, 0x180F), 0x200B, (0x2060, 0x2065))
    | _characters((0xFE00, 0xFE0E), (0xE0000, 0xE0FFF))
    | BLANK_LETTERS
)

SURROGATES = re.compile("[\ud800-\udfff]")


def table_without(characters: Iterable[str]) -> dict[int, None]:
    """Returns the table with which ``str.translate`` takes these characters out."""
    return dict.fromkeys(map(ord, characters))


def is_visible(text: str) -> bool:
    """Returns whether the text has anything to see: a character that is more than space or mark."""
    return any(
        unicodedata.category(character)[0] not in "ZM"
        and unicodedata.category(character) not in {"Cc", "Cf", "Cs"}
        for character in text
        if character not in BLANK_LETTERS
    )


def belongs_to_word(character: str) -> bool:
    """Returns whether the character is a letter, a digit, or stands with the letter before it."""
    return (
        character.isalnum()
        or character in JOINERS
        or unicodedata.category(character)[0] == "M"
        or character in INVISIBLE
    )


_WITHOUT_SPACES = re.compile(
    "[\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u318f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f"
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)


def is_cjk(character: str) -> bool:
    """Returns whether the letter is of a script of East Asia, whose words touch those of others."""
    return _WITHOUT_SPACES.match(character) is not None
