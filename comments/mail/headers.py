"""Header lines: what people typed reaches one only as one line without controls of any kind."""

from __future__ import annotations

from datetime import datetime
from email.header import Header
from email.utils import format_datetime, parseaddr

from django.conf import settings
from django.utils.crypto import salted_hmac

from comments.conf import options
from comments.rules.text_characters import LINE_ENDS, NOT_IN_TEXTS, SURROGATES, table_without

LONGEST_SUBJECT = 150
LONGEST_PHRASE = 100
LINE_CHARACTERS = 76
"""Of a header line, where it can be folded (RFC 5322, 2.1.1, recommends 78 at most)."""

_CLEANED = table_without(NOT_IN_TEXTS)


def headers(*, key: str, at: datetime) -> dict[str, str]:
    """Returns the headers of every mail that nobody has written by hand (RFC 3834)."""
    return {
        "Message-ID": message_id(key),
        "Date": format_datetime(at),
        "Auto-Submitted": "auto-generated",
    }


def message_id(key: str) -> str:
    """Returns a Message-ID (RFC 5322): the same for a key each time, and not to be guessed."""
    return f"<{token_of(key)}@{options().message_id_domain}>"


def token_of(key: str) -> str:
    """Returns 32 hexadecimal digits that only this installation can make of a key."""
    return salted_hmac("comments.mail", key, algorithm="sha256").hexdigest()[:32]


def from_address() -> str:
    """Returns the address that mails are from."""
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1]


def header_line(name: str, text: str, *, after: str = "") -> bytes:
    """Returns a header with its line end, folded, and encoded where it has to be (RFC 2047).

    Args:
        text: what people typed; it is made one line.
        after: stands behind it as it is, ASCII.
    """
    line = one_line(text, limit=len(text) + 1)
    if line.isascii() and "=?" not in line:
        header = _folded(f"{name}: {line}")
    else:
        encoded = Header(line, "utf-8", LINE_CHARACTERS, name).encode(linesep="\r\n")
        header = f"{name}: {encoded}"
    if after:
        last = len(header) - header.rfind("\n") - 1
        header += f" {after}" if last + len(after) < LINE_CHARACTERS else f"\r\n {after}"
    return f"{header}\r\n".encode("ascii")


def _folded(header: str) -> str:
    """Returns a header of ASCII words on as many lines as it needs; no word is broken."""
    name, *words = header.split(" ")
    lines = [name + "".join(f" {word}" for word in words[:1])]
    for word in words[1:]:
        if len(lines[-1]) + len(word) < LINE_CHARACTERS:
            lines[-1] += f" {word}"
        else:
            lines.append(f" {word}")
    return "\r\n".join(lines)


def phrase(text: str) -> str:
    """Returns a name as it may stand before an address (RFC 5322): quoted where it is ASCII."""
    line = one_line(text, limit=LONGEST_PHRASE)
    if not line.isascii() or "=?" in line:
        return line
    quoted = line.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'


def subject_line(text: str) -> str:
    """Returns a text as a subject: nothing in it begins an encoded word (RFC 2047)."""
    return one_line(clean(text).replace("=?", "= ?"), limit=LONGEST_SUBJECT)


def one_line(text: str, *, limit: int) -> str:
    """Returns a text as one line of at most ``limit`` characters, without controls of any kind."""
    line = " ".join(clean(text).split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def clean(text: str) -> str:
    r"""Returns a text without control and bidirectional characters, its lines ended by ``\n``."""
    return SURROGATES.sub("", LINE_ENDS.sub("\n", text)).translate(_CLEANED)
