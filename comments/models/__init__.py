"""The tables. Each file is one subject; import from here."""

from comments.models.events import Event, EventKind
from comments.models.people import ApiToken, Participant, TokenUse
from comments.models.requests import IdempotentAnswer
from comments.models.sites import SiteSettings
from comments.models.threads import (
    Comment,
    Format,
    Mention,
    Participation,
    Reference,
    RepliesPolicy,
    Revision,
    Status,
    Thread,
    ThreadAlias,
    ThreadState,
    Vote,
)

__all__ = [
    "ApiToken",
    "Comment",
    "Event",
    "EventKind",
    "Format",
    "IdempotentAnswer",
    "Mention",
    "Participant",
    "Participation",
    "Reference",
    "RepliesPolicy",
    "Revision",
    "SiteSettings",
    "Status",
    "Thread",
    "ThreadAlias",
    "ThreadState",
    "TokenUse",
    "Vote",
]
