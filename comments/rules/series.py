"""Series of whole numbers, 1, 2, 3…: which are missing, in ranges that may be of any length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def gaps(values: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yields first and last of each range that is missing from a rising series of 1, 2, 3…"""
    expected = 1
    for value in values:
        if value > expected:
            yield expected, value - 1
        expected = value + 1


def span(first: int, last: int) -> str:
    """Returns a range in words: ``4``, or ``4 to 7``."""
    return str(first) if first == last else f"{first} to {last}"
