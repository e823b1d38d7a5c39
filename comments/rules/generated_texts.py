"""Names and texts of a made-up thread, with the lengths that texts in real threads have.

There are about four thousand texts, each of another length, so that a thread of a million needs no
more than these rendered.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import exp, log
from random import Random
from statistics import NormalDist


def dice(*about: object) -> Random:
    """Returns dice for one matter: what they throw depends on nothing else than ``about``."""
    return Random("/".join(map(str, about)))  # noqa: S311 (to be repeated, not to be secret)


def chance(rng: Random, share: float) -> bool:
    """Returns ``True`` with this probability."""
    return rng.random() < share


def _words(text: str) -> list[str]:
    return text.split()


MEDIAN_CHARS = 74
P99_CHARS = 1_644
LONGEST_CHARS = 34_790
LARGE = 1_000
"""From so many comments on, a thread has a text of the greatest length."""
MARKDOWN_SHARE = 0.25

_FIRST = _words(
    "Ana Bo Carla Dmitri Esther Farid Gunnar Hadas Ingrid Jonas Keiko Lior Marta Nadia Omar "
    "Priya Quentin Rivka Søren Tamar Ulla Víctor Wanda Xenia Yosef Zoë Ариадна Борис שרה דוד"
)
_LAST = _words(
    "Adler Brandt Castillo Doyle Eriksen Ferrari Goldfarb Haddad Ivanova Jensen Kaplan Lindqvist "
    "Moreau Nakamura Okafor Petrov Qureshi Rosen Schmidt Tanaka Ullmann Vargas Weiss Xu Yamada "
    "Zeller"
)
NEVER_WRITES = ("Ottilie Nobody", "Balthasar", "Philippa of Nowhere")
"""Names that are mentioned and that no author begins with, so that those mentions stay open."""


def author_name(author: int) -> str:
    """Returns the display name of an author: each has another one, some begin with another's."""
    first = _FIRST[author % len(_FIRST)]
    rest = author // len(_FIRST)
    if rest == 0:
        return first
    more, last = divmod(rest - 1, len(_LAST))
    if more == 0:
        return f"{first} {_LAST[last]}"
    return f"{first} {_roman(more)} {_LAST[last]}"


def _roman(number: int) -> str:
    """Returns a number as an initial of letters: 1 is ``A``, 27 is ``AA``."""
    letters = ""
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


# --- texts ------------------------------------------------------------------------------------

BUCKETS = 4_050
"""Texts of different length; 0.5 and 0.99 fall where the median and the percentile must be."""
TAIL_BUCKETS = 64
TAIL_BEGINS = 0.999
_TAIL_RATIO = 1_000
"""The last tail bucket stands for the longest of a million texts."""
LONGEST = BUCKETS + TAIL_BUCKETS
"""The one text of the greatest length."""
_SPREAD = log(P99_CHARS / MEDIAN_CHARS) / NormalDist().inv_cdf(0.99)

_WORDS = _words(
    "a about after again all also always an and any are as ask at back because been before "
    "being but by can claim come could country day did different do does each end even every "
    "fact far few find first for from get give go good great had has have he history how "
    "however if in into is it its just keep know last less like little long look made make "
    "many matter maybe mean might more most much must my never new no nobody not nothing now "
    "of often old on once one only or other our out over own page part peace people perhaps "
    "point press question quite rather read reason right said same say see seem shall she "
    "should simply since so some somebody still such sure take than that the their them then "
    "there these they thing think this those though through time to too true two under until "
    "up us use very war was way we well were what when where which while who whole why will "
    "with without word world would write wrong year yes yet you your naïve café façade über "
    "señor Ελλάδα Москва שלום עולם 東京 🙂 👍 1948 2,000"
)


def length_at(quantile: float) -> int:
    """Returns the length of the text that this share (0 to 1) of texts does not exceed.

    Log-normal through the median and the 99th percentile; the longest of a million comes out
    at the longest that was found.
    """
    length = MEDIAN_CHARS * exp(_SPREAD * NormalDist().inv_cdf(quantile))
    return max(2, min(LONGEST_CHARS, round(length)))


def bucket_at(rank: int, *, of: int) -> int:
    """Returns which text a comment has whose length is the ``rank``-th of ``of``, from 0."""
    if rank == of - 1 and of >= LARGE:
        return LONGEST
    quantile = (rank + 0.5) / of
    if quantile < TAIL_BEGINS:
        return int(quantile * BUCKETS)
    into_tail = log((1 - TAIL_BEGINS) / (1 - quantile)) / log(_TAIL_RATIO)
    return BUCKETS + min(TAIL_BUCKETS - 1, int(into_tail * TAIL_BUCKETS))


def bucket_length(bucket: int) -> int:
    """Returns the length of a text."""
    if bucket == LONGEST:
        return LONGEST_CHARS
    if bucket < BUCKETS:
        return length_at((bucket + 0.5) / BUCKETS)
    into_tail = (bucket - BUCKETS + 0.5) / TAIL_BUCKETS
    return length_at(1 - (1 - TAIL_BEGINS) / _TAIL_RATIO**into_tail)


@dataclass(frozen=True, slots=True)
class Text:
    """A text as a commenter sends it."""

    source: str
    format: str


def text_of(bucket: int, *, seed: int) -> Text:
    """Returns a text of the bucket's length, to the character: words, now and then with markup."""
    rng = dice(seed, "text", bucket)
    length = bucket_length(bucket)
    format = "markdown" if chance(rng, MARKDOWN_SHARE) else "plain"
    pieces: list[str] = []
    size = 0
    for piece in _sentences(rng, markdown=format == "markdown"):
        pieces.append(piece)
        size += len(piece)
        if size >= length:
            break
    source = "".join(pieces)[:length].rstrip()
    return Text(source.ljust(length, "."), format)


def naming(bucket: int, *, seed: int, person: int | None, number: int | None) -> tuple[str, int]:
    """Returns what names an author or a comment's number, and the bucket of the text after it.

    Both together have about the length of ``bucket``.

    Args:
        person: an author, -1 for somebody who never writes.
    """
    rng = dice(seed, "naming", bucket, person, number)
    if person is not None:
        name = rng.choice(NEVER_WRITES) if person < 0 else author_name(person)
        start = "@" + (name.replace(" ", "-") if chance(rng, 0.2) else name)
    else:
        start = rng.choice(("#{}", "See #{}", "As in #{}", ">>{}")).format(number)
    room = max(2, bucket_length(bucket) - len(start) - 2)
    return start, bisect_right(_lengths(), room) - 1


@cache
def _lengths() -> list[int]:
    """Returns the length of the text of each bucket; they rise."""
    return [bucket_length(bucket) for bucket in range(LONGEST)]


def _sentences(rng: Random, *, markdown: bool) -> Iterator[str]:
    """Yields sentences with what stands between them, without end."""
    decorated = (
        ("**{}**", "*{}*", "`{}`", "[{}](https://example.org/a)")
        if markdown
        else ("<em>{}</em>", "<b>{}</b>", "{} https://example.org/a", "{} & <{}>")
    )
    between = ""
    while True:
        words = rng.choices(_WORDS, k=rng.randint(3, 16))
        if chance(rng, 0.1):
            at = rng.randrange(len(words))
            words[at] = rng.choice(decorated).replace("{}", words[at])
        sentence = " ".join(words)
        yield f"{between}{sentence[0].upper()}{sentence[1:]}{rng.choice('....?!')}"
        between = rng.choices((" ", "\n", "\n\n"), weights=(75, 5, 20))[0]
        if markdown and between == "\n\n":
            between += rng.choice(("", "", "> ", "- "))
