"""Quoted-printable (RFC 2045, 6.7) of a text in which marks stand for a subscriber's own values.

A mark is a noncharacter in the text (cleaning takes those out of whatever people typed) and one
byte above 0x7F in the template, which has no other. Each stands on a line of its own, so that what
takes its place, at most ``LONGEST_VALUE`` characters, is never torn and no line gets too long.
"""

from __future__ import annotations

import re
from binascii import b2a_qp

LINE_BYTES = 76
LONGEST_VALUE = LINE_BYTES - 1

SUBSCRIBER = "\ufdd0"
"""In a text: the subscriber's secret."""
SUBSCRIPTION = "\ufdd1"
"""In a text: the id of his subscription."""

MARKS = {SUBSCRIBER: b"\x80", SUBSCRIPTION: b"\x81"}
TO_MARK, KEY_MARK, DATE_MARK, LEAVE_MARK = b"\x82", b"\x83", b"\x84", b"\x85"
"""In headers: the address, the key in the Message-ID, the date, the tag of the address to leave by,
from its ``+`` to its ``@``."""

_MARK = re.compile(f"([{SUBSCRIBER}{SUBSCRIPTION}])")
_SOFT_BREAK = b"=\r\n"


def quoted_printable(text: str) -> bytes:
    r"""Returns a text, lines ended by ``\n``, as quoted-printable with a line end at its end."""
    parts: list[bytes] = []
    for piece in _MARK.split(text):
        if piece in MARKS:
            parts += [_SOFT_BREAK, MARKS[piece], _SOFT_BREAK]
        else:
            parts.append(_encoded(piece))
    return b"".join([*parts, b"\r\n"])


def _encoded(piece: str) -> bytes:
    r"""Returns a piece whose last line has room for one character more."""
    encoded = b2a_qp(piece.encode("utf-8", "replace"), istext=True).replace(b"\n", b"\r\n")
    start = encoded.rfind(b"\n") + 1
    if len(encoded) - start < LINE_BYTES:
        return encoded
    end = len(encoded) - 2
    if b"=" in encoded[end - 2 : end]:
        end = encoded.rindex(b"=", 0, end)
    return encoded[:end] + _SOFT_BREAK + encoded[end:]
