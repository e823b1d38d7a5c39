"""A few comments that wait at the desk of a new installation, so that it can be tried at once.

They are made up, say so, and wait: no reader sees them, and they take no number.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from comments.actions.people import GuestName, Writer
from comments.actions.posting import submit_comment
from comments.models import Comment

SAYS_SO = "(A sample of the first run.)"


@dataclass(frozen=True, slots=True)
class Sample:
    """A comment that one of the rules of a new site holds."""

    name: str
    source: str
    minutes_ago: int
    reply_to: int | None = None
    honeypot: str = ""


SAMPLES = (
    Sample(
        "Dora Sample",
        "I put together what others have written on this: https://example.com/one, "
        f"https://example.com/two and https://example.org/three. Worth reading. {SAYS_SO}",
        minutes_ago=190,
        reply_to=3,
    ),
    Sample(
        "Best Offers",
        "Great post!! Claim your CАSINO BONUS today, no deposit needed: "
        f"https://casino.example/welcome {SAYS_SO}",
        minutes_ago=95,
    ),
    Sample(
        "Maxim Sample",
        f"Very informative article, thank you for sharing with us. {SAYS_SO}",
        minutes_ago=40,
        honeypot="https://spam.example/",
    ),
    Sample(
        "Nina Sample",
        "My brother used to work from home and earn a living with translations, so I know what "
        f"you mean. Part V soon, please! {SAYS_SO}",
        minutes_ago=12,
        reply_to=1,
    ),
)
"""The second spells its word with a Cyrillic А; the last one is honest and hit by a phrase."""


def post_samples(*, thread_id: int, now: datetime) -> list[Comment]:
    """Posts the samples as guests, through screening like everything that is written."""
    return [
        submit_comment(
            thread_id=thread_id,
            writer=Writer(guest=GuestName(sample.name), honeypot=sample.honeypot),
            source=sample.source,
            format="plain",
            reply_to_number=sample.reply_to,
            now=now - timedelta(minutes=sample.minutes_ago),
        ).comment
        for sample in SAMPLES
    ]
