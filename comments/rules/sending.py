"""What an answer of a mail server means for a message, when it is tried again, how many may leave.

Sources: RFC 5321 4.2 (codes), 4.5.4.1 (retries); RFC 3463 and its registry (enhanced codes: X.1 is
about an address, X.7 about who may send).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from comments.rules.limits import Limit, read_limit

Stage = Literal["connect", "mail", "rcpt", "data", "end"]
"""How far a message had come: ``end`` begins with its first byte, since nobody can tell from
outside whether the other side has seen the last."""

Verdict = Literal["sent", "deferred", "bounced", "bad_address", "refused", "in_doubt", "unreached"]
"""``bad_address``: no mail to it ever again. ``refused``: it is us whom the server refuses, so that
no other message would fare better. ``unreached``: no server was there to ask."""

LEASE_SECONDS = 120
"""How long a message may be on its way without a word of its sender."""
RENEW_SECONDS = 30

STOP_SECONDS = 15 * 60
"""How long no mail leaves after a server has refused us."""
MOST_BOUNCES = 3
"""So many mails refused for good, one after another, make an address bad."""

FIRST_RETRY_SECONDS = 120
LONGEST_RETRY_SECONDS = 4 * 3600
LONGEST_TRIED_SECONDS = 48 * 3600
UNREACHED_SECONDS = 30

PERMANENT = 500
TEMPORARY = 400
_GOOD = 200

_SENDER_ADDRESS = ("5.1.7", "5.1.8")
"""Of X.1, what is about the sender's address."""
_SIGN_IN_CODES = (530, 534, 535, 538)
"""RFC 4954: credentials are wanted, or wrong."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a message at a stage; without ``code`` nobody answered."""

    stage: Stage
    code: int | None = None
    exact: str = ""
    """The enhanced status code, as ``5.1.1``; empty where the server gave none."""
    failure: str = ""
    """The class of the error, where nobody answered."""

    @property
    def why(self) -> str:
        """Returns it for the operator; no word of the server, which may hold an address."""
        said = [str(self.code)] if self.code is not None else [self.failure or "no answer"]
        return " ".join([*said, *([self.exact] if self.exact else []), f"({self.stage})"])


def verdict_on(answer: Answer) -> Verdict:
    """Returns what an answer means for its message."""
    code, exact = answer.code, answer.exact
    if code is None:
        if answer.stage == "connect":
            return "unreached"
        return "in_doubt" if answer.stage == "end" else "deferred"
    if _GOOD <= code < TEMPORARY:
        return "sent"
    if code < PERMANENT:
        return "unreached" if answer.stage == "connect" else "deferred"
    if _is_about_us(answer):
        return "refused"
    return "bad_address" if exact.startswith("5.1.") else "bounced"


def _is_about_us(answer: Answer) -> bool:
    """Returns whether a refusal for good would meet each message of ours."""
    if answer.exact.startswith("5.7.") or answer.exact in _SENDER_ADDRESS:
        return True
    if answer.stage == "connect" or answer.code in _SIGN_IN_CODES:
        return True
    return answer.stage == "mail" and not answer.exact


def retry_seconds(tries: int) -> int:
    """Returns how long a message waits after a try: after each, twice as long.

    Args:
        tries: how many there have been, from 1.
    """
    return int(min(FIRST_RETRY_SECONDS << min(tries - 1, 16), LONGEST_RETRY_SECONDS))


def is_tried_enough(*, tried_seconds: float) -> bool:
    """Returns whether a message that failed once more is given up.

    Args:
        tried_seconds: since its first try.
    """
    return tried_seconds >= LONGEST_TRIED_SECONDS


def read_window(text: str) -> Limit | None:
    """Returns how many messages may leave in any so long a time, as ``50000/24h``.

    Raises:
        ValueError: it is not of that form.
    """
    try:
        return read_limit(text.strip())
    except ValueError:
        raise ValueError(f"a window is written like 50000/24h, not {text!r}") from None


def read_rate(text: str) -> float:
    """Returns messages a second, as ``20/s`` or ``0.5``; 0 for an empty text: no limit.

    Raises:
        ValueError: it is no such number, or not above 0.
    """
    if not text.strip():
        return 0.0
    number = text.strip().removesuffix("/s")
    try:
        rate = float(number)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise ValueError(f"a rate is written like 20/s, not {text!r}")
    return rate


@dataclass(slots=True)
class Pace:
    """How many messages may leave now, at so many a second; a pause is not made up for later."""

    rate: float
    """Messages a second; 0 is no limit."""
    at: float = 0.0
    saved: float = 1.0

    def allowed(self, *, at: float, most: int) -> int:
        """Returns how many of ``most`` may leave at a time, in seconds of a clock that only rises.

        They count as gone only after ``take``.
        """
        if not self.rate:
            return most
        self.saved = min(max(self.rate, 1.0), self.saved + (at - self.at) * self.rate)
        self.at = at
        return min(most, int(self.saved))

    def take(self, count: int) -> None:
        """Counts messages that leave."""
        self.saved -= count
