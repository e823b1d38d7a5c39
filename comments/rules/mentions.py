"""Where a text may name somebody (``@Ted Belman``) or refer to a comment (``#7``, ``>>7``).

What is found here are candidates: whoever stores the text asks once which of the names and numbers
exist, and the renderer decides, from the parsed text, which candidates stand in code or in a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from comments.rules.markup_tags import raw_text_spans
from comments.rules.names import name_key
from comments.rules.text_characters import belongs_to_word, is_cjk

MOST_MENTIONS = 50
MOST_REFERENCES = 50
"""Later ones stay text, so that a text costs a bounded number of look-ups and notices."""

LONGEST_NAME = 100
"""Code points after the ``@`` that are compared with names."""
MOST_WORDS = 8
WIDEST_SPACE = 3

LONGEST_ATTRIBUTION = 300

_BEFORE = frozenset("([{<>|\"'`.,:;…—–-«»‹›“”„‘’‚¿¡。、，；：「『（【《〈・")
"""What may stand before an ``@`` or ``#`` besides white space and East Asian letters."""
_EMPHASIS = "*_~"
_INSIDE_WORDS = frozenset("._-'’‐‑·")
"""Holds a word together between two letters: ``O'Brien``, ``some-user``, ``example.com``."""
_POSSESSIVE = re.compile(r"['’](?:s|ll|d|re|ve|m)$", re.IGNORECASE)
_NEVER_IN_NAMES = re.compile(r"[\n<>@#`]")
_AT = re.compile(r"@(?=[^\W_])")
_NUMBER = re.compile(r"(#|>>)([1-9][0-9]{0,8})(?![0-9])")
_RUN = re.compile(r"[^\s<>\"]+")
_ADDRESS_STARTS = ("/", "~/", "./", "../", "www.", "\\\\")

_QUOTED = re.compile(r"[ \t]*(?:>[ \t]?)+")
_HEADER = re.compile(
    r"[*_]{0,2}(?:from|to|cc|bcc|reply-to|sender|sent|date|subject|message-id"
    r"|von|an|gesendet|datum|betreff|de|à|para|envoyé|objet|enviado|asunto|da|a|oggetto|inviato"
    r"|van|aan|verzonden|onderwerp|от|кому|копия|дата|отправлено|тема|מאת|אל|נושא|תאריך)"
    r"[ \t]*:[*_]{0,2}(?:[ \t]|$)",
    re.IGNORECASE,
)
_ATTRIBUTION = re.compile(
    r"(?=[^\n]*[0-9])(?:on|am|le|el|il|op|em|den|w dniu|в|ב|[0-9])\b[^\n]*\b(?:wrote|schrieb|écrit"
    r"|escribió|scritto|schreef|escreveu|skrev|napisał|написала?|пишет|כתבה?)\b[^\n]*:[ \t]*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class MentionCandidate:
    """An ``@`` that may name somebody.

    ``start`` is the offset of the ``@`` in code points of the source. ``keys`` are the folded names
    that could stand here, each with the offset where its text ends, longest first. ``probe`` is the
    first part of the folded first word, by which whoever takes part later is found; ``word_end``
    is where that word ends.
    """

    start: int
    probe: str
    keys: tuple[tuple[str, int], ...]
    word_end: int


@dataclass(frozen=True, slots=True)
class ReferenceCandidate:
    """A ``#7`` or ``>>7`` from offset ``start`` up to and without ``end``."""

    start: int
    end: int
    number: int


@dataclass(frozen=True, slots=True)
class Scan:
    """What a source may name and refer to, in the order of the text."""

    mentions: tuple[MentionCandidate, ...]
    references: tuple[ReferenceCandidate, ...]


def probe_of(name: str) -> str:
    """Returns what an unresolved mention and the name it may mean have in common.

    The first part of the folded name without a possessive ending and closing punctuation, so that
    ``@J. Smith``, ``@j`` and the name "J. Smith" meet at ``j``. It is its own probe.
    """
    first = name_key(name).split("-", 1)[0]
    end = len(first)
    while end > 1 and not belongs_to_word(first[end - 1]):
        end -= 1
    return _POSSESSIVE.sub("", first[:end]) or first[:end]


def scan(source: str) -> Scan:
    """Returns all candidates of a cleaned source; those in mail headers and addresses are none.

    At most ``MOST_MENTIONS`` and ``MOST_REFERENCES``. The time taken is linear in the length.
    """
    if "@" not in source and "#" not in source and ">>" not in source:
        return Scan((), ())
    skipped = bytearray(len(source))
    for start, end in _spans_without_names(source):
        skipped[start:end] = b"\1" * (end - start)
    mentions: list[MentionCandidate] = []
    for at in _AT.finditer(source):
        if len(mentions) == MOST_MENTIONS:
            break
        candidate = None if skipped[at.start()] else _mention_at(source, at.start())
        if candidate is not None:
            mentions.append(candidate)
    references: list[ReferenceCandidate] = []
    for found in _NUMBER.finditer(source):
        if len(references) == MOST_REFERENCES:
            break
        if not skipped[found.start()] and _is_reference(source, found):
            references.append(ReferenceCandidate(found.start(), found.end(), int(found[2])))
    return Scan(tuple(mentions), tuple(references))


def _mention_at(source: str, at: int) -> MentionCandidate | None:
    """Returns the candidate whose ``@`` is at this offset; ``None`` if nobody can be meant."""
    if not _may_follow(source, at):
        return None
    begin = at + 1
    stop = _NEVER_IN_NAMES.search(source, begin, begin + LONGEST_NAME)
    limit = stop.start() if stop else min(len(source), begin + LONGEST_NAME)
    word_end = _word_end(source, begin, limit)
    after = source[word_end : word_end + 3]
    too_long = word_end == limit and stop is None and after and belongs_to_word(after[0])
    if too_long or after.startswith(("/", "@", "://")):
        return None
    first = source[begin:word_end]
    bare = _POSSESSIVE.sub("", first) or first
    ends = {begin + len(bare), word_end}
    for end in _further_ends(source, begin, limit):
        if end > word_end:
            ends.add(end)
    keys: dict[str, int] = {}
    for end in sorted(ends):
        key = name_key(source[begin:end])
        if key:
            keys.setdefault(key, end)
    if not keys:
        return None
    longest_first = tuple(sorted(keys.items(), key=lambda item: -item[1]))
    return MentionCandidate(at, probe_of(bare), longest_first, begin + len(bare))


def _may_follow(source: str, at: int) -> bool:
    """Returns whether an ``@`` or ``#`` here can begin a mention or reference, by what precedes."""
    before = at - 1
    while before >= 0 and source[before] in _EMPHASIS:
        before -= 1
    if before < 0:
        return True
    character = source[before]
    if before < at - 1:
        return character.isspace() or character in _BEFORE
    if belongs_to_word(character):
        return is_cjk(character)
    if character in "\"'" and before and source[before - 1] == "=":
        return False  # the value of an attribute
    if character == "-" and before and belongs_to_word(source[before - 1]):
        return False
    return character.isspace() or character in _BEFORE


def _word_end(source: str, begin: int, limit: int) -> int:
    """Returns where the word that begins here ends; ``O'Brien`` and ``example.com`` are one."""
    end = begin
    while end < limit:
        character = source[end]
        if belongs_to_word(character):
            if (
                end > begin
                and is_cjk(character) != is_cjk(source[end - 1])
                and _is_letter_pair(source[end - 1], character)
            ):
                break
        elif not (
            character in _INSIDE_WORDS
            and end + 1 < limit
            and belongs_to_word(source[end + 1])
            and belongs_to_word(source[end - 1])
        ):
            break
        end += 1
    return end


def _is_letter_pair(one: str, two: str) -> bool:
    return one.isalnum() and two.isalnum()


def _further_ends(source: str, begin: int, limit: int) -> Iterator[int]:
    """Yields where longer names may end: with and without the punctuation after each word."""
    for count, word in enumerate(re.finditer(r"\S+", source[begin:limit])):
        if count == MOST_WORDS or (count and _gap(source, begin + word.start())):
            return
        start, end = begin + word.start(), begin + word.end()
        if end == limit < len(source) and belongs_to_word(source[limit]):
            return
        yield end
        last = end
        while last > start and not belongs_to_word(source[last - 1]):
            last -= 1
        if last > start:
            yield last
            if last < end:
                yield last + 1
            bare = _POSSESSIVE.sub("", source[start:last])
            yield start + len(bare)


def _gap(source: str, at: int) -> bool:
    """Returns whether the white space before this offset is too wide for a name to go on."""
    gap = source[max(0, at - WIDEST_SPACE - 1) : at]
    return len(gap) > WIDEST_SPACE and gap.isspace()


def _is_reference(source: str, found: re.Match[str]) -> bool:
    start, end = found.span()
    after = source[end : end + 2]
    if after and (belongs_to_word(after[0]) or after[0] == "_"):
        return False
    if after[:1] in {".", ","} and after[1:].isdigit():
        return False
    if found[1] == "#":
        return _may_follow(source, start)
    before = source[start - 1] if start else "\n"
    return before.isspace() or before in "([{*_~|—–。、（「"


def _spans_without_names(source: str) -> Iterator[tuple[int, int]]:
    """Yields the spans whose ``@`` and ``#`` name nobody: mail headers, addresses, scripts."""
    yield from _mail_headers(source)
    for run in _RUN.finditer(source):
        text = run[0]
        if text.startswith(_ADDRESS_STARTS):
            yield run.span()
        elif (scheme := text.find("://")) >= 0:
            yield run.start() + scheme, run.end()
    yield from raw_text_spans(source)


def _mail_headers(source: str) -> Iterator[tuple[int, int]]:
    """Yields the lines that a mail program wrote above a quotation.

    A quoted header line; two or more header lines in a row, with their continuation lines; and the
    line "On Monday, 3 May 2021, somebody wrote:", which may be wrapped once. A date is asked for
    there, so that "@Ana, you wrote:" still names Ana.
    """
    lines = [(line.start(), line.end(), line[0]) for line in re.finditer(r"[^\n]+", source)]
    block: list[tuple[int, int]] = []
    block_is_quoted = False
    for index, (start, end, line) in enumerate(lines):
        quoted = _QUOTED.match(line)
        text = line[quoted.end() :] if quoted else line
        is_header = _HEADER.match(text) is not None
        follows = bool(block) and block[-1][1] + 1 == start
        if follows and (is_header or text.startswith(("\t", "  "))):
            block.append((start, end))
        else:
            if len(block) > 1 or (block and block_is_quoted):
                yield block[0][0], block[-1][1]
            block = [(start, end)] if is_header else []
            block_is_quoted = quoted is not None
        if _ATTRIBUTION.match(text):
            yield start, end
        elif index + 1 < len(lines) and lines[index + 1][0] == end + 1:
            below = lines[index + 1][2]
            wrapped = _QUOTED.match(below)
            both = text + " " + (below[wrapped.end() :] if wrapped else below)
            if len(both) < LONGEST_ATTRIBUTION and _ATTRIBUTION.match(both):
                yield start, lines[index + 1][1]
    if len(block) > 1 or (block and block_is_quoted):
        yield block[0][0], block[-1][1]
