"""What screening compares texts by: folded letters, near-duplicate signatures, domains of links.

Whoever wants past a word list writes its words in look-alike letters, with invisible characters
or with accents; whoever posts one text a hundred times changes a word; whoever is on a list of
domains spells his domain otherwise. Folding takes the same from all of them. Sources: UAX 15
(NFKC), UTS 39 section 4 (look-alikes), UTS 46 and RFC 3492 (domains), the URL Standard of WHATWG
(where a host begins), A. Broder, "On the resemblance and containment of documents", 1997
(minhashes).
"""

from __future__ import annotations

import re
import struct
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import blake2s
from html import unescape
from urllib.parse import unquote
from zlib import crc32

from comments.rules.names import look_alike
from comments.rules.text_characters import (
    BLANK_LETTERS,
    INVISIBLE,
    JOINERS,
    NOT_IN_TEXTS,
)

SHINGLE = 5
"""Letters that are hashed together."""

SHORTEST_SIGNED = 20
"""Folded letters below which a text has no signature: "I agree." is nobody's copy."""

BANDS = 4
ROWS = 4
"""Two texts of similarity s share a band with probability 1 - (1 - s**ROWS)**BANDS."""

LONGEST_DOMAIN = 253
LONGEST_LABEL = 63
"""Characters (RFC 1035 section 2.3.4)."""

MOST_LETTERS_OF_ONE = 4
"""A character that NFKC makes longer, such as U+FDFA of 18, is compared as it stands."""

MOST_REMEMBERED = 20_000
"""Characters whose folding is kept, so that hostile texts cannot fill the memory."""

_NOTHING = (INVISIBLE - BLANK_LETTERS) | JOINERS | NOT_IN_TEXTS | {"\ufe0f"}
_STACKING = frozenset({*range(10, 37), *range(200, 241)})
"""Canonical combining classes of points and accents; vowel signs of Indic scripts have others."""

_NEGATIVE_LETTERS = ((0x1F150, 0x1F169), (0x1F170, 0x1F189))
"""Letters white on black, round and square, which NFKC leaves alone."""

_CASED_ALPHABETS = (*range(0x370, 0x530), *range(0x13A0, 0x13F6))
"""Greek, Cyrillic and Cherokee."""


@dataclass(frozen=True, slots=True)
class Folded:
    """A text as it is compared: letters, ``" "`` for white space, ``"."`` for other separators.

    ``origins[n]`` is the offset in the text of what folded character ``n`` came from.
    """

    letters: str
    origins: tuple[int, ...]


class _Foldings(dict[str, str]):
    """What each character folds to, remembered as characters are met."""

    def __missing__(self, character: str) -> str:
        folded = _fold_character(character)
        if len(self) < MOST_REMEMBERED:
            self[character] = folded
        return folded


_FOLDINGS = _Foldings()


@lru_cache(maxsize=8)
def fold(text: str) -> Folded:
    """Returns the text in small letters without accents, look-alikes as the letter they resemble.

    Characters nobody can see are left out. ASCII letters and digits stay what they are: that ``l``
    can be taken for ``I`` is for the comparison of odd words alone, or "mall" would be "mail".
    The last few texts are remembered, since several rules ask about each.
    """
    parts = [_FOLDINGS[character] for character in text]
    if not text.isascii():
        for run in _capitals_among_latin().finditer(text):
            for place in range(run.start(), run.end()):
                parts[place] = look_alike(text[place]).lower()
    origins = tuple(place for place, part in enumerate(parts) for _ in part)
    return Folded("".join(parts), origins)


def compact(text: str) -> str:
    """Returns the folded letters and digits of a text without anything between them."""
    return fold(text).letters.replace(" ", "").replace(".", "")


def _fold_character(character: str) -> str:
    if character in _NOTHING:
        return ""
    for first, last in _NEGATIVE_LETTERS:
        if first <= ord(character) <= last:
            return chr(ord("a") + ord(character) - first)
    folded = unicodedata.normalize("NFKC", character).casefold()
    folded = unicodedata.normalize("NFKC", folded)
    if len(folded) > MOST_LETTERS_OF_ONE:
        folded = character.casefold()
    parts = unicodedata.normalize("NFD", folded)
    # Together again before look-alikes: else one Korean syllable would begin with another.
    bare = unicodedata.normalize("NFC", "".join(part for part in parts if not _stacks(part)))
    return "".join(map(_fold_letter, bare))


def _stacks(character: str) -> bool:
    """Returns whether this is a mark that a letter keeps its meaning without, or nearly so."""
    category = unicodedata.category(character)
    return category == "Me" or (category == "Mn" and unicodedata.combining(character) in _STACKING)


def _fold_letter(letter: str) -> str:
    """Returns what one small letter, mark or separator without accents is compared as."""
    category = unicodedata.category(letter)
    if category == "Nd":
        return str(unicodedata.decimal(letter))
    if category[0] in "LN" and letter not in BLANK_LETTERS:
        if letter.isascii():
            return letter
        prototype = look_alike(letter).casefold().replace("rn", "m")
        return prototype if prototype.isalnum() else letter
    if category[0] == "M":
        return letter
    if letter.isspace() or category[0] == "Z":
        return " "
    return "" if category in {"Cf", "Cc"} else "."


@cache
def _capitals_among_latin() -> re.Pattern[str]:
    """Returns what finds foreign capitals next to Latin letters whose small forms look otherwise.

    A Greek capital nu looks like N, the small one like v. Away from Latin letters the small form
    counts, so that a Greek word is one word in both cases.
    """
    tricky = [
        capital
        for capital in map(chr, _CASED_ALPHABETS)
        if capital.isupper()
        and look_alike(capital).isascii()
        and look_alike(capital).isalpha()
        and look_alike(capital).lower() != _FOLDINGS[capital]
    ]
    some = f"[{''.join(tricky)}]+"
    return re.compile(f"{some}(?=[A-Za-z])|(?<=[A-Za-z]){some}")


# Near-duplicates

_SCRAMBLE = 0x9E3779B1
"""2**32 divided by the golden ratio: a CRC is linear, multiplying by this is not."""

_MASKS = tuple(
    (place << 28) | (crc32(b"minhash %d" % place) & 0x0FFFFFFF) for place in range(BANDS * ROWS)
)
"""One for each hash. The first four bits differ, so each looks for its minimum elsewhere."""


def signature(text: str) -> tuple[int, ...]:
    """Returns 16 minhashes of 32 bits; ``()`` below ``SHORTEST_SIGNED`` folded letters.

    Over all runs of ``SHINGLE`` letters of the ``compact`` text: the chance that two texts agree in
    one minhash is the share of runs that they have in common. The same in every process and for
    every version of Python, as long as Unicode and UTS 39 say the same of its characters; of ASCII
    they always do. Linear in the length of the text.
    """
    letters = compact(text)
    if len(letters) < SHORTEST_SIGNED:
        return ()
    data = letters.encode("utf-32-le", "surrogatepass")
    width = 4 * SHINGLE
    hashes = [
        value * _SCRAMBLE & 0xFFFFFFFF
        for value in {crc32(data[at : at + width]) for at in range(0, len(data) - width + 1, 4)}
    ]
    return tuple([min([value ^ mask for value in hashes]) for mask in _MASKS])


def bands(signed: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Returns four keys of 63 bits, never negative; texts that share one may be near-duplicates.

    Raises:
        ValueError: the signature is empty, or is none of ``signature``.
    """
    if len(signed) != BANDS * ROWS:
        raise ValueError("a signature has 16 numbers")
    one, two, three, four = (_band(signed, place) for place in range(BANDS))
    return one, two, three, four


def _band(signed: tuple[int, ...], place: int) -> int:
    rows = struct.pack(">B4I", place, *signed[place * ROWS : (place + 1) * ROWS])
    return int.from_bytes(blake2s(rows, digest_size=8).digest(), "big") >> 1


def similarity(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    """Returns the share, in 0..1, of minhashes that agree; 0 for a text without a signature.

    An estimate of the share of runs in common, with a standard deviation of at most 1/8.
    """
    if not a or len(a) != len(b):
        return 0.0
    return sum(one == two for one, two in zip(a, b, strict=True)) / len(a)


# Domains

_EDGES = "".join(map(chr, range(0x21)))
_WITHIN = re.compile(r"[\t\r\n]")
_SCHEME = re.compile(r"(?:https?|ftp):", re.IGNORECASE)
_MAIL = re.compile(r"mailto:[^?]*?@([^?,;@]*)", re.IGNORECASE)
_AFTER_HOST = re.compile(r"[/\\?#]")
_PORT = re.compile(r":[0-9]*$")
_DOTS = re.compile("[.\u3002\uff0e\uff61]")
_NOT_IN_HOSTS = re.compile(r"[\x00-\x20\x7f#%/:<>?@\[\\\]^|\"'(){},;!*&=+~`$]")


_HREF = re.compile(r'<a [^>]*?href="([^"]*)"')


def linked_addresses(html: str) -> tuple[str, ...]:
    """Returns the addresses that a rendered comment links to, in their order.

    Links to other comments (``#7``, ``@Name``) are none: the renderer alone makes them.
    """
    return tuple(unescape(href) for href in _HREF.findall(html) if not href.startswith("#"))


def domain_of(address: str) -> str:
    """Returns the domain that an address leads to, as ``domain_key``; ``""`` if it has none.

    Read as browsers read it: white space around and line ends within go, ``\\`` counts as ``/``,
    any number of slashes may follow the scheme, whatever stands before the last ``@`` is a
    user's name, and the host may be percent-encoded. Of ``mailto:`` it is the first recipient's.
    """
    text = _WITHIN.sub("", address.strip(_EDGES))
    mail = _MAIL.match(text)
    if mail is not None:
        return domain_key(unquote(mail[1]))
    scheme = _SCHEME.match(text)
    rest = text[scheme.end() :] if scheme else text
    authority = _AFTER_HOST.split(rest.lstrip("/\\"), maxsplit=1)[0]
    host = _PORT.sub("", authority.rpartition("@")[2])
    return domain_key(unquote(host))


def domain_key(domain: str) -> str:
    """Returns the domain as it is compared: small letters, punycode; ``""`` if it can be none.

    ``"Bücher.Example."``, ``"xn--bcher-kva.example"`` and ``"bücher。example"`` have one key.
    The letters that UTS 46 leaves apart, such as ``ß`` from ``ss``, stay apart. A leading ``*.`` or
    ``.``, as lists of domains have it, is left out.
    """
    bare = "".join(character for character in domain.strip() if character not in _NOTHING)
    bare = unicodedata.normalize("NFKC", bare[: 4 * LONGEST_DOMAIN])
    # One by one: as a text, a capital sigma at the end of a word becomes another letter.
    bare = unicodedata.normalize("NFKC", "".join(map(str.lower, bare)))
    labels = _DOTS.split(bare.removeprefix("*").removeprefix(".").removesuffix("."))
    keys = [_label_key(label) for label in labels]
    key = ".".join(keys)
    return key if all(keys) and len(key) <= LONGEST_DOMAIN else ""


def _label_key(label: str) -> str:
    if not label or len(label) > LONGEST_LABEL or _NOT_IN_HOSTS.search(label):
        return ""
    if not label.isascii():
        try:
            label = "xn--" + label.encode("punycode").decode("ascii")
        except UnicodeError:
            return ""
    return label if len(label) <= LONGEST_LABEL else ""


def is_within(domain: str, listed: frozenset[str]) -> bool:
    """Returns whether the domain, or one that it is a subdomain of, is listed; all of them keys."""
    while domain:
        if domain in listed:
            return True
        domain = domain.partition(".")[2]
    return False
