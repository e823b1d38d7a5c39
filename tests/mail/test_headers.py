"""Header lines: whatever people typed is one line of the right header, and comes back as it was."""

from __future__ import annotations

from email.header import decode_header, make_header
from email.parser import BytesParser
from email.policy import SMTP

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from comments.mail.headers import header_line, one_line, phrase, subject_line

ANY = st.text(max_size=200)
HOSTILE = [
    "x\r\nBcc: eve@example.org",
    "x\n\nBody",
    "x\x00y\x0b\x0cz\x85w\u2028v",
    "=?utf-8?q?=0D=0ABcc:_eve@example.org?=",
    "=?utf-8?b?Zm9v?= =?utf-8?b?Zm9v?=",
    "\ud800 lone \udfff",
    "\u202egnp.exe\u202c \u2066x",
    "w" * 4_000,
    "é" * 150,
    "👩‍👩‍👧‍👦" * 30,
    "שלום עולם " * 15,
    'A "quoted" \\ name, <with@brackets>; and: more',
    "\ufdd0\ufdd1\ufffe",
    "trailing  spaces   ",
    " ",
    "",
]


def read(name: str, raw: bytes) -> str:
    """Returns the value of the only header there is."""
    message = BytesParser(policy=SMTP).parsebytes(raw + b"\r\n")
    assert message.keys() == [name]
    assert message.get_payload() == ""
    unfolded = raw.decode("ascii").replace("\r\n", "").partition(": ")[2]
    return str(make_header(decode_header(unfolded)))


@given(ANY)
@example("a" * 80)
@example("word " * 30)
@example("; , " * 20)
def test_a_subject_is_read_as_it_was_written(text: str) -> None:
    subject = subject_line(text)
    raw = header_line("Subject", subject)
    assert raw.isascii()
    assert read("Subject", raw) == subject
    assert len(subject) <= 150


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_subject_stays_in_its_header(text: str) -> None:
    subject = subject_line(text)
    raw = header_line("Subject", subject)
    assert read("Subject", raw) == subject
    assert "\n" not in subject
    assert len(subject) <= 150
    assert not {"\u202e", "\u2066", "\x00", "\ufdd0", "\ud800"} & set(subject)


@given(ANY)
def test_an_encoded_word_is_no_longer_than_readers_take(text: str) -> None:
    for line in header_line("Subject", subject_line(text + "é")).split(b"\r\n"):
        for word in line.split():
            # RFC 2047, 2.
            assert not word.startswith(b"=?") or len(word) <= 75


@given(st.lists(st.sampled_from(["é", "word", " ", "🎉", "ש"]), max_size=150))
def test_lines_are_folded_where_they_can_be(pieces: list[str]) -> None:
    raw = header_line("Subject", subject_line("".join(pieces)))
    words = [len(word) for word in raw.split()]
    assert max(map(len, raw.split(b"\r\n"))) <= max(78, *words, 0)


@given(ANY)
@example('"')
@example("\\")
@example("a,b;c:<d>")
@example("=?utf-8?q?x?=")
def test_a_name_changes_nobody_into_a_sender(name: str) -> None:
    raw = header_line("From", phrase(one_line(name, limit=80)), after="<blog@example.org>")
    message = BytesParser(policy=SMTP).parsebytes(raw + b"\r\n")
    assert message.keys() == ["From"]
    [address] = message["From"].addresses
    assert address.addr_spec == "blog@example.org"


@pytest.mark.parametrize("name", ["The blog", 'A "B" \\ C', "Ünter, den; Linden", "Блог"])
def test_a_name_is_read_as_it_was_written(name: str) -> None:
    raw = header_line("From", phrase(name), after="<blog@example.org>")
    [address] = BytesParser(policy=SMTP).parsebytes(raw + b"\r\n")["From"].addresses
    assert address.display_name == name
