"""Sentences of the rooms that know no Django: English for programs, and kept ready to be said in
other languages.

Rules, refusals and queries speak English, which the API answers and logs keep. A sentence that a
reader may see is made here: it is an ordinary string, and remembers its pattern and values, so that
a door says it in the reader's language by ``comments.language.translated``. The functions have the
names that ``xgettext`` looks for in any Django project.
"""

from __future__ import annotations

from typing import Any, Self


class Numeral(str):
    """A number in English figures, as ``10,000``, that other languages write in their own way."""

    __slots__ = ("value",)
    value: int

    def __new__(cls, value: int) -> Self:
        """Returns the figures of ``value``."""
        numeral = super().__new__(cls, f"{value:,}")
        numeral.value = value
        return numeral

    def __getnewargs_ex__(self) -> tuple[tuple[int], dict[str, Any]]:
        """Returns what a copy is made from."""
        return (self.value,), {}


class Sentence(str):
    """English words with what they were made of."""

    __slots__ = ("number", "pattern", "plural", "values")
    pattern: str
    """What catalogs know it by, with ``{names}`` where values go."""
    plural: str
    """The same for more than one; empty where no number decides."""
    number: int
    values: dict[str, object]
    """A value that is a sentence or a numeral itself is said in the reader's language too."""

    def __new__(
        cls, pattern: str, *, plural: str = "", number: int = 1, values: dict[str, object]
    ) -> Self:
        """Returns the sentence."""
        english = plural if plural and number != 1 else pattern
        sentence = super().__new__(cls, english.format(**values) if values else english)
        sentence.pattern, sentence.plural = pattern, plural
        sentence.number, sentence.values = number, values
        return sentence

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        """Returns what a copy is made from."""
        made_of = {"plural": self.plural, "number": self.number, "values": self.values}
        return (self.pattern,), made_of


def gettext_noop(pattern: str, /, **values: object) -> Sentence:
    """Returns a sentence in English.

    Args:
        pattern: written out where it is called, since catalogs are made from the source.
        values: take the place of ``{names}`` in it.
    """
    return Sentence(pattern, values=values)


def ngettext_lazy(singular: str, plural: str, number: int, /, **values: object) -> Sentence:
    """Returns a sentence that depends on a number, in English.

    Args:
        singular, plural: for one and for more; ``{number}`` in them is the number.
        values: take the place of other ``{names}``.
    """
    values = {"number": Numeral(number), **values}
    return Sentence(singular, plural=plural, number=number, values=values)


def together(*sentences: str) -> Sentence:
    """Returns sentences one after another; each is said in the reader's language by itself."""
    values: dict[str, object] = {f"s{index}": one for index, one in enumerate(sentences)}
    return Sentence(" ".join(f"{{{name}}}" for name in values), values=values)
