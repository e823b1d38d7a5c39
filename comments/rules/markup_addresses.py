"""What counts as an address when it stands bare in a text, and where it ends.

Sources: the extended autolinks of GitHub Flavored Markdown 0.29 and RFC 3986 section 2.2 for what
an address may hold; RFC 1123 section 2.1 and RFC 5890 for host names.
"""

from __future__ import annotations

import re

ADDRESS = re.compile(
    r"""
    (?:
      (?<![a-z0-9_$])https?://
      (?:[\w.%+-]++(?::[\w.%+-]*+)?@)?
      |
      (?<![\w@$/:.%&=?\#~-])(?=www\.)
    )
    [\w.-]++ (?::[0-9]{1,5}+(?![0-9]))?
    (?:[/?\#][^\s<>]*+)?
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Finds what may be an address, punctuation after it included."""

LABELS_WITHOUT_SCHEME = 3
"""``www``, a name, and where it is registered."""

_HOST = re.compile(r"(?:https?://(?:[^/?#@]*@)?|)([\w.-]+)", re.IGNORECASE)
_LABEL = re.compile(r"[^\W_](?:[\w-]*[^\W_])?")
_SENTENCE = frozenset(".,:;!?*~…’”»›。、，！？；：")
_CLOSING = {
    ")": "(",
    "]": "[",
    "}": "{",
    "）": "（",
    "」": "「",
    "』": "『",
    "】": "【",
    "》": "《",
}


def is_address(text: str) -> bool:
    """Returns whether a text that ``ADDRESS`` found has a host that can exist.

    Labels neither begin nor end with ``-`` or ``_``, the last two have no ``_``, and one that says
    that it is encoded (``xn--``) is ASCII. Without a scheme, the host is ``www.name.top`` at least.
    """
    found = _HOST.match(text)
    if found is None:
        return False
    labels = found[1].split(".")
    if not all(_LABEL.fullmatch(label) for label in labels) or "_" in "".join(labels[-2:]):
        return False
    if any(label.lower().startswith("xn--") and not label.isascii() for label in labels):
        return False
    has_scheme = found.start(1) > 0
    return has_scheme or (len(labels) >= LABELS_WITHOUT_SCHEME and not labels[-1].isdigit())


def without_punctuation(address: str) -> str:
    """Returns the address without what belongs to the sentence around it.

    Closing brackets that are not opened in it go, quotation marks without a partner too.
    """
    left = {
        character: address.count(character)
        for character in {*_CLOSING, *_CLOSING.values(), "'", '"'}
    }
    end = len(address)
    while end:
        last = address[end - 1]
        if last in _CLOSING:
            if left[last] <= left[_CLOSING[last]]:
                break
            left[last] -= 1
        elif last in "'\"":
            if left[last] % 2 == 0:
                break
            left[last] -= 1
        elif last not in _SENTENCE:
            break
        end -= 1
    return address[:end]
