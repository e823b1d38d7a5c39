"""Answers that may be given again, and how long they stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse

from comments.queries.statements import Question


@dataclass(frozen=True, slots=True)
class Standing:
    """As long as what an answer stands.

    ``until`` is when it has to be made anew though nothing has changed: votes show after a while.
    """

    question: Question
    until: datetime | None = None


class PublicAnswer(HttpResponse):
    """The same for everybody who asks alike; ``standing`` is ``None`` where nobody can tell."""

    standing: Standing | None = None
    page_key = ""
    """Of the page that the body is; empty for a body that is no page."""
